"""The network of the paper."""

import mindspore as ms
import numpy as np
import pytest
from conftest import randomised

from mobilenetv2.model import mobilenet_v2
from mobilenetv2.model.architecture import NUM_BLOCKS, Architecture, round_channels
from mobilenetv2.model.mobilenet_v2 import MobileNetV2, expected_features

pytestmark = pytest.mark.usefixtures("on_cpu")


def test_parameter_count_of_the_paper():
    model = MobileNetV2(Architecture(), classes=1000)
    assert sum(parameter.size for parameter in model.trainable_params()) == 3_504_872
    assert len(model.features) == NUM_BLOCKS == 19


def test_channels_are_multiples_of_8_and_never_down_by_more_than_a_tenth():
    assert [round_channels(count) for count in (3, 12, 18, 24, 35, 44.8, 1280)] == [8, 16, 24, 24, 32, 48, 1280]


def test_width_and_size():
    model = MobileNetV2(Architecture(width=0.25), classes=3).set_train(False)
    shapes = [model.features(ms.Tensor(np.zeros((2, 3, size, size), np.float32))).shape for size in (64, 96)]
    assert shapes == [(2, 1280, 2, 2), (2, 1280, 3, 3)]
    assert model(ms.Tensor(np.zeros((2, 3, 64, 64), np.float32))).shape == (2, 3)


def test_the_middle_is_without_the_outer_seventh():
    numbers = np.random.default_rng(0).normal(size=(2, 3, 7, 7)).astype(np.float32)
    np.testing.assert_array_equal(mobilenet_v2.center_pool(numbers), numbers[:, :, 1:6, 1:6].mean((2, 3)))
    np.testing.assert_array_equal(mobilenet_v2.center_pool(numbers[..., :4, :4]), numbers[..., :4, :4].mean((2, 3)))


def test_padding_styles_differ():
    outputs = []
    for padding in ("symmetric", "same"):
        ms.set_seed(0)
        model = randomised(MobileNetV2(Architecture(width=0.25, padding=padding), classes=2)).set_train(False)
        outputs.append(
            model.features(ms.Tensor(np.random.default_rng(1).normal(size=(1, 3, 64, 64)).astype(np.float32))).asnumpy()
        )
    assert np.abs(outputs[0] - outputs[1]).max() > 0.1


def test_the_features_that_a_network_expects():
    """Of channels that are normal before ReLU6, as a million draws have them."""
    network, random = MobileNetV2(Architecture(), classes=2), np.random.default_rng(0)
    norm = network.features[-1][1]
    gamma, beta = random.uniform(-3, 3, 1280).astype(np.float32), random.normal(0, 4, 1280).astype(np.float32)
    gamma[0] = 0
    norm.gamma.set_data(ms.Tensor(gamma))
    norm.beta.set_data(ms.Tensor(beta))
    drawn = np.clip(beta[:5] + gamma[:5] * random.normal(size=(1_000_000, 5)), 0, 6).mean(0)
    assert np.abs(expected_features(network)[:5] - drawn).max() < 0.01
