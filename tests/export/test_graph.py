"""The ONNX graph: networks of every kind, in ONNX Runtime, answer as this program does."""

import json

import numpy as np
import onnxruntime
import pytest
from networks import KINDS, make, one_without_references, pictures

from mobilenetv2.data.image import RULES
from mobilenetv2.evaluation.metrics import log_softmax
from mobilenetv2.export import as_given
from mobilenetv2.export.graph import build_graph
from mobilenetv2.export.parity import compare, own_outputs


def outputs(loaded, given, crops):
    session = onnxruntime.InferenceSession(
        build_graph(loaded, given, "").SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": as_given(crops, given)})))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("given", ["u8", "f32"])
def test_networks_of_every_kind(kind, given, on_cpu):
    loaded = make(kind, outliers={"large": 0, "least": 9, "small": -1}.get(kind, 3))
    examples = pictures(loaded)
    found, expected = outputs(loaded, given, examples.val), own_outputs(loaded, examples.val)
    parity = compare("file", examples, expected, found, exact=True)
    assert parity.same == parity.pictures == 3 and set(found) == {"confidences", *expected}
    assert ("neither" in found) == (kind != "small") and np.ptp(expected["logits"]) > 0.01
    np.testing.assert_allclose(found["confidences"], np.exp(log_softmax(found["logits"] / 1.5)), atol=1e-6)
    alone = outputs(loaded, given, examples.val[1:2])  # any number of pictures
    np.testing.assert_allclose(alone["logits"], found["logits"][1:2], atol=1e-5)


def test_a_class_without_references_and_threshold(on_cpu):
    loaded, lost = one_without_references(make("same, odd side"))
    assert lost not in loaded.neither.labels
    crops = pictures(loaded).val
    found = outputs(loaded, "u8", crops)
    np.testing.assert_allclose(found["neither"], own_outputs(loaded, crops)["neither"], atol=2e-4)


def test_the_metadata_is_enough_to_prepare_a_picture(on_cpu):
    loaded = make("least")
    model = build_graph(loaded, "u8", "apache-2.0")
    said = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(said["classes"]) == [f"class {number}" for number in range(5)]
    numbers = {"size": 33, "mean": [0.5, 0.4, 0.6], "std": [0.5, 0.3, 0.2], "least_crop": 33}
    assert json.loads(said["preprocessing"]) == {**numbers, **RULES}
    assert said["license"] == "apache-2.0" and said["temperature"] == "1.5" and said["kind"] == "photos"
    assert json.loads(said["input"]) == {"image": "uint8 [N, 33, 33, 3], RGB, 0 to 255"}
    assert set(json.loads(said["outputs"])) == {"confidences", "logits", "neither"}
    assert model.SerializeToString(deterministic=True) == build_graph(loaded, "u8", "apache-2.0").SerializeToString(
        deterministic=True
    )
