"""MindIR, read back with nn.GraphCell."""

import pytest
from networks import make, pictures

from mobilenetv2.export import as_given
from mobilenetv2.export.mindir import run_mindir, write_mindir
from mobilenetv2.export.parity import compare, own_outputs


@pytest.mark.parametrize("kind, given, outliers", [("same, odd side", "u8", 3), ("least", "f32", 0)])
def test_it_answers_as_the_network(kind, given, outliers, on_cpu, tmp_path):
    loaded = make(kind, outliers)
    write_mindir(loaded, given, tmp_path / "network.mindir")
    assert b"mobilenetv2-photos" in (tmp_path / "network.mindir").read_bytes()[:32]
    run, examples = run_mindir(tmp_path / "network.mindir"), pictures(loaded)
    found, expected = run(as_given(examples.val, given)), own_outputs(loaded, examples.val)
    assert compare("file", examples, expected, found, exact=True).same == 3
    assert len(run(as_given(examples.val[:1], given))["confidences"]) == 1
