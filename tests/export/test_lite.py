"""MindSpore Lite, where its package is installed, or MINDSPORE_LITE_PYTHON names the Python that has it."""

import json
import os
from importlib.util import find_spec

import pytest
from networks import make, pictures

from mobilenetv2.export import write_formats
from mobilenetv2.model.checkpoint import Loaded
from mobilenetv2.runtime.errors import UserError

needs_lite = pytest.mark.skipif(
    "MINDSPORE_LITE_PYTHON" not in os.environ and find_spec("mindspore_lite") is None, reason="needs mindspore_lite"
)


def export(loaded: Loaded, file):
    return write_formats(["ms"], [file], loaded, pictures(loaded), "u8", "")


@needs_lite
@pytest.mark.parametrize("kind", ["small", "same, odd side"])
def test_it_answers_as_the_network(kind, on_cpu, tmp_path):
    (found,) = export(make(kind), tmp_path / "network.ms")
    assert found.parity.same == 3 and found.parity.difference < 1e-4
    assert json.loads((tmp_path / "custom.json").read_text())["file"] == "network.ms"
    described = json.loads((tmp_path / "network.ms.json").read_text())
    assert set(described["outputs"]) == {"logits"} and described["inside"] == "network"


def test_a_converter_that_fails(on_cpu, tmp_path, monkeypatch):
    monkeypatch.setenv("MINDSPORE_LITE_PYTHON", "/bin/false")
    with pytest.raises(UserError, match=r"mobilenetv2\.ms: MindSpore Lite's converter has failed"):
        export(make("least"), tmp_path / "network.ms")
    assert not list(tmp_path.iterdir())
