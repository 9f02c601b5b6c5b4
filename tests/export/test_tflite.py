"""TensorFlow Lite, where TensorFlow and LiteRT are installed: they are too large for tests/requirements.txt."""

import pytest
from networks import make, pictures

from mobilenetv2.export import as_given
from mobilenetv2.export.parity import compare, own_outputs

pytest.importorskip("tensorflow")
pytest.importorskip("ai_edge_litert")


@pytest.mark.parametrize(
    "kind, given, outliers", [("small", "f32", -1), ("same, odd side", "u8", 3), ("least", "u8", 0)]
)
def test_it_answers_as_the_network(kind, given, outliers, on_cpu, tmp_path):
    from mobilenetv2.export.tflite import run_tflite, write_tflite

    loaded = make(kind, outliers)
    write_tflite(loaded, given, tmp_path / "network.tflite")
    run, examples = run_tflite(tmp_path / "network.tflite"), pictures(loaded)
    found, expected = run(as_given(examples.val, given)), own_outputs(loaded, examples.val)
    assert compare("file", examples, expected, found, exact=True).same == 3
    assert len(run(as_given(examples.val[:1], given))["confidences"]) == 1
