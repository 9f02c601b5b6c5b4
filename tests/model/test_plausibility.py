"""Numbers that no trained network has: refused alike in a checkpoint of this program, in 8 bits, and in others' weights."""

from dataclasses import replace

import numpy as np
import pytest
from records import record

from mobilenetv2.classifier import Classifier
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.evaluation.neighbors import Neighborhood
from mobilenetv2.evaluation.ood import OutlierDetector
from mobilenetv2.model import checkpoint
from mobilenetv2.model.plausibility import implausible
from mobilenetv2.model.pretrained import read_pretrained
from mobilenetv2.model.quantization import quantize_network
from mobilenetv2.model.state import load_state_dict, state_dict
from mobilenetv2.model.tensor_files import ckpt_bytes
from mobilenetv2.runtime.errors import UserError

WRONG = {  # name, number, words
    "NaN": ("features.3.conv.0.0.weight", np.nan, "is not finite"),
    "infinite": ("classifier.bias", -np.inf, "is not finite"),
    "negative variance": ("features.0.1.moving_variance", -1e-3, "is a variance below 0"),
    "absurd": ("features.18.1.gamma", 1e30, "has numbers above 1e+08"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_weights_that_make_no_sense(wrong, built_in, tmp_path):
    """The same words, whether they are in a checkpoint of this program or in a file without its description."""
    name, number, words = WRONG[wrong]
    network, description, detector = checkpoint.load(str(built_in))
    values = state_dict(network)
    values[name].flat[0] = number
    load_state_dict(network, values)
    checkpoint.save(tmp_path / "own.ckpt", network, description, detector)
    for read in (checkpoint.load, read_pretrained, Classifier):
        with pytest.raises(UserError) as caught:
            read(str(tmp_path / "own.ckpt"))
        assert str(caught.value) == f"{tmp_path}/own.ckpt: {name} {words}; the file is damaged, train again"


def test_variances_may_have_either_name_and_nothing_else_is_touched():
    fine = {"a.weight": np.float32([-5, 1e7]), "b.moving_variance": np.float32([0, 416]), "c": np.zeros(0, np.float32)}
    assert implausible(fine) == []
    assert implausible({"x.running_var": np.float32([-1]), "y": np.float16([np.inf])}) == [
        "x.running_var is a variance below 0",
        "y is not finite",
    ]


@pytest.mark.parametrize("mean, std", [
    ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),  # for pixels from 0 to 255
    ((0.5, 0.5, 0.5), (0.5, 0.5, 1e-30)), ((0.5, 0.5, 0.5), (-0.5, 0.5, 0.5)), ((0.5, 0.5, 1e38), (0.5, 0.5, 0.5)),
    ((0.5, 0.5), (0.5, 0.5)), ((0.5, 0.5, 0.5), (0.5, 0.5, 11)),
])  # fmt: skip
def test_a_mean_or_std_that_makes_no_sense(mean, std, built_in, tmp_path):
    network, description, detector = checkpoint.load(str(built_in))
    wrong = replace(description, preprocessing=Preprocessing(128, mean, std))
    checkpoint.save(tmp_path / "own.ckpt", network, wrong, detector)
    with pytest.raises(UserError, match=r"expected three means from -1 to 2 and three stds from 0\.001 to 10"):
        checkpoint.load(str(tmp_path / "own.ckpt"))
    weights = {name: value for name, value in state_dict(network).items()}
    conventions = {"conventions.mean": np.float32(mean), "conventions.std": np.float32(std)}
    np.savez(tmp_path / "theirs.npz", **weights, **conventions)
    with pytest.raises(UserError, match=r"its 'conventions.\*' entries make no sense"):
        read_pretrained(str(tmp_path / "theirs.npz"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_json_does_not_have(text, built_in, tmp_path):
    network, description, _ = checkpoint.load(str(built_in))
    for before in (f'"temperature": {description.temperature}', f'"correct": {description.metrics["val"]["correct"]}'):
        written = description.to_json()
        assert before in written
        changed = written.replace(before, f"{before.split(':')[0]}: {text}", 1)
        (tmp_path / "own.ckpt").write_bytes(ckpt_bytes(state_dict(network), {"description": changed}))
        with pytest.raises(UserError, match="not a checkpoint that this program understands"):
            checkpoint.load(str(tmp_path / "own.ckpt"))
    with pytest.raises(ValueError):
        replace(description, metrics={"val": {"correct": float("nan")}}).to_json()


@pytest.mark.parametrize("name", ["dog\ud800", "\udcff", "dog\n", "\x00", "\x1b[2J", "\x9b"])
def test_class_names_that_no_folder_may_have(name, built_in, tmp_path):
    network, description, detector = checkpoint.load(str(built_in))
    checkpoint.save(tmp_path / "own.ckpt", network, replace(description, classes=("cat", name)), detector)
    with pytest.raises(UserError) as caught:
        checkpoint.load(str(tmp_path / "own.ckpt"))
    assert "without control characters" in str(caught.value) or "not a complete .ckpt file" in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize("part, number, words", [
    ("scales", np.nan, "are not"), ("scales", np.inf, "are not"), ("scales", 0, "not all above 0"),
    ("scales", -1, "not all above 0"), ("biases", -np.inf, "are not"),
])  # fmt: skip
def test_packed_numbers_that_make_no_sense(part, number, words, built_in, tmp_path):
    network, description, detector = checkpoint.load(str(built_in))
    packed = quantize_network(network)
    checkpoint.save(tmp_path / "own.ckpt", network, description, detector, packed)
    checkpoint.load(str(tmp_path / "own.ckpt"))
    packed[part][7] = number
    checkpoint.save(tmp_path / "own.ckpt", network, description, detector, packed)
    with pytest.raises(UserError, match=f"its {part} are {words}|its {part} {words}"):
        checkpoint.load(str(tmp_path / "own.ckpt"))


def test_a_detector_that_overflows_is_refused(built_in, tmp_path):
    network, description, _ = checkpoint.load(str(built_in))
    channels = network.classifier.in_channels
    projected = Neighborhood(
        np.full((channels, 2), 3e38, np.float32),
        np.zeros(2, np.float32),
        np.float16([[1, 0], [0, 1]]),
        np.int32([0, 1]),
        np.zeros(2, np.float32),
        np.zeros((0, 2), np.float16),
        neighbors=np.int32([1, 1]),
    )
    detector = OutlierDetector(projected, None, threshold=0.0)
    checkpoint.save(tmp_path / "own.ckpt", network, description, detector)
    assert checkpoint.load(str(tmp_path / "own.ckpt")).neither is not None
    with pytest.raises(UserError, match="its network computes no finite numbers; the file is damaged, train again"):
        Classifier(str(tmp_path / "own.ckpt"))


def test_answers_are_finite_or_an_error(built_in, drawings):
    """Where the network overflows for some pictures only."""
    classifier, picture = Classifier(str(built_in)), drawings / "val" / "dog" / "dog_003.jpg"
    classifier._weight = np.full_like(classifier._weight, 3e38)
    with pytest.raises(ImageError, match="computes no finite numbers"):
        classifier.answer(picture.read_bytes())
    ((name, result),) = classifier.answers([("a", picture)], 1)
    assert name == "a" and isinstance(result, ImageError) and list(record(result)) == ["error"]
