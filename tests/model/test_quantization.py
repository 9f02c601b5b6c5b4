"""Eight-bit checkpoints: what they keep, and that a damaged one is refused."""

import os
from pathlib import Path
from typing import Tuple

import mindspore as ms
import numpy as np
import pytest
from conftest import randomised

from mobilenetv2.data.image import Preprocessing
from mobilenetv2.model import checkpoint, quantization
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.state import load_state_dict
from mobilenetv2.runtime import device
from mobilenetv2.runtime.errors import UserError

ARCHITECTURE = Architecture(width=0.25, padding="same", epsilon=1e-3, last=64)


@pytest.fixture
def network() -> MobileNetV2:
    """With statistics and weights that matter."""
    device.select_device("CPU", seed=0)
    return randomised(MobileNetV2(ARCHITECTURE, classes=2)).set_train(False)


def write(file: Path, network: MobileNetV2, packed) -> None:
    metrics, data = {"val": {"correct": 1, "count": 2}}, {"train": {"a": 1, "b": 1}, "thumbnails": {}}
    description = checkpoint.Description(("a", "b"), ARCHITECTURE, Preprocessing(96), 1.0, metrics, data, {}, {}, {})
    checkpoint.save(file, network, description, None, packed)


def representable(name: str, shape: Tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Values that 8 bits hold without rounding, however the batch norms scale them."""
    if len(shape) > 1:
        whole = random.integers(-60, 61, shape)
        whole.reshape(len(whole), -1)[:, 0] = 127
        return np.float32(whole / 512)
    if name.endswith("moving_variance"):
        return np.full(shape, 1 - ARCHITECTURE.epsilon, np.float32)
    return np.float32(
        random.choice([0.5, 1, 2], shape) if name.endswith("gamma") else random.integers(-8, 9, shape) / 16
    )


def test_without_rounding_a_compact_checkpoint_answers_exactly_alike_in_a_quarter_of_the_bytes(network, tmp_path):
    random = np.random.default_rng(0)
    load_state_dict(network, {p.name: representable(p.name, p.shape, random) for p in network.get_parameters()})
    write(tmp_path / "full.ckpt", network, None)
    write(tmp_path / "compact.ckpt", network, quantization.quantize_network(network))
    loaded, description, _ = checkpoint.load(str(tmp_path / "compact.ckpt"))
    assert description.architecture == ARCHITECTURE
    assert os.path.getsize(tmp_path / "compact.ckpt") < 0.3 * os.path.getsize(tmp_path / "full.ckpt")
    pictures = ms.Tensor(random.normal(size=(4, 3, 96, 96)).astype(np.float32))
    expected = network.features(pictures).asnumpy()
    assert expected.std() > 0.1
    np.testing.assert_allclose(loaded.features(pictures).asnumpy(), expected, atol=1e-3)


def test_the_network_of_the_file_is_the_one_that_was_measured(network, tmp_path):
    packed = quantization.quantize_network(network)
    write(tmp_path / "compact.ckpt", network, packed)
    load_state_dict(network, quantization.dequantize(network, packed))
    loaded, _, _ = checkpoint.load(str(tmp_path / "compact.ckpt"))
    for ours, theirs in zip(network.get_parameters(), loaded.get_parameters()):
        np.testing.assert_array_equal(ours.asnumpy(), theirs.asnumpy())


def test_every_weight_is_within_half_a_step(network):
    values = quantization.dequantize(network, quantization.quantize_network(network))
    weight = network.classifier.weight.asnumpy()
    step = np.abs(weight).max(1, keepdims=True) / 127
    assert (np.abs(values["classifier.weight"] - weight) <= 0.51 * step + 2.0**-15).all()


@pytest.mark.parametrize("name", quantization.NAMES)
def test_a_damaged_one_is_refused(network, tmp_path, name):
    packed = quantization.quantize_network(network)
    packed[name] = packed[name][:-1]
    write(tmp_path / "compact.ckpt", network, packed)
    with pytest.raises(UserError, match=f"its {name} are not"):
        checkpoint.load(str(tmp_path / "compact.ckpt"))
