"""The network of the paper, and our own kernels against MindSpore's operators."""

from typing import List, Optional

import mindspore as ms
import numpy as np
import pytest

from mobilenetv2.engine import forward
from mobilenetv2.engine.forward import feature_maps
from mobilenetv2.model import checkpoint, mobilenet_v2, state
from mobilenetv2.model.mobilenet_v2 import NUM_BLOCKS, Architecture, MobileNetV2, round_channels
from mobilenetv2.model.state import load_state_dict
from mobilenetv2.runtime import device


@pytest.fixture(autouse=True)
def on_cpu():
    device.select_device("CPU", seed=0)


def randomised(model: MobileNetV2) -> MobileNetV2:
    """Batch norms with statistics and weights that matter."""
    random = np.random.default_rng(0)
    values = {p.name: random.uniform(0.5, 1.5, p.shape) for p in model.get_parameters() if p.ndim == 1}
    load_state_dict(model, {name: value.astype(np.float32) for name, value in values.items()})
    return model


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


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize(
    "width, size", [(0.25, 64), (0.25, 77), (1.0, 96)]
)  # 0.25: the first block has a residual connection
def test_our_own_forward_pass_computes_what_mindspore_computes(padding, width, size, monkeypatch):
    model = randomised(MobileNetV2(Architecture(width, padding, epsilon=1e-3), classes=2)).set_train(False)
    pictures = np.random.default_rng(1).standard_normal((3, 3, size, size)).astype(np.float32)
    ours = feature_maps(model)(pictures)
    monkeypatch.setattr(forward, "usable_cpus", lambda: 3)
    shared, parts = feature_maps(model), []
    submit = shared._threads.submit
    monkeypatch.setattr(shared._threads, "submit", lambda *work: parts.append(work) or submit(*work))
    np.testing.assert_array_equal(shared(pictures[:1]), ours[:1])
    assert len(parts) > 20
    monkeypatch.setattr(forward, "KERNELS", ())
    expected = feature_maps(model)(pictures)
    assert expected.max() > 1 and expected.std() > 0.1
    np.testing.assert_allclose(ours, expected, atol=1e-3)  # random layers let rounding errors grow


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


@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize(  # stride 2; stride 1 and residual; the stem and the first block, which does not expand, together
    "width, part, shape",
    [
        (0.25, 2, (8, 30, 17)),
        (0.25, 3, (8, 60, 45)),
        (0.25, 3, (8, 2, 1)),
        (0.5, slice(2), (3, 31, 31)),
        (0.25, slice(2), (3, 31, 31)),
    ],
)
@pytest.mark.parametrize("statistics", [None, False])  # of the batch; those of the network
def test_fused_kernel_trains_as_mindspore_trains(padding, width, part, shape, statistics, monkeypatch):
    architecture = Architecture(width, padding, epsilon=1e-3)
    fused = randomised(MobileNetV2(architecture, classes=2))
    monkeypatch.setattr(mobilenet_v2, "depthwise_training", None)
    plain = MobileNetV2(architecture, classes=2)
    load_state_dict(plain, {parameter.name: parameter.asnumpy() for parameter in fused.get_parameters()})
    random = np.random.default_rng(1)
    x = ms.Tensor(random.uniform(0, 3, (11, *shape)).astype(np.float32))
    results = [one_training_step(model.features[part], statistics, x) for model in (fused, plain)]
    for ours, expected in zip(*results):
        np.testing.assert_allclose(ours, expected, rtol=2e-3, atol=2e-3 * max(1.0, np.abs(expected).max()))


def test_moving_variances_are_those_of_the_data():
    x = np.random.default_rng(0).normal(30, 2, (3, 8, 2, 3)).astype(np.float32)
    weight, norms = np.ones((8, 1, 3, 3), np.float32), np.ones((4, 8), np.float32)
    operator = mobilenet_v2.depthwise_training(1, False, 1e-5)[True]
    _, moments = operator(*map(ms.Tensor, (x, weight, norms, np.zeros_like(norms))))
    expected = [x.mean((0, 2, 3)), x.var((0, 2, 3), ddof=1)]
    np.testing.assert_allclose(moments.asnumpy()[:2], expected, rtol=1e-5)


def test_a_trained_network_has_mindspores_logits_and_gradients(monkeypatch):
    fused = checkpoint.load(str(checkpoint.EMBEDDED)).network
    monkeypatch.setattr(mobilenet_v2, "depthwise_training", None)
    plain = MobileNetV2(fused.architecture, classes=2)
    load_state_dict(plain, state.state_dict(fused))
    x = np.random.default_rng(0).standard_normal((8, 3, 128, 128)).astype(np.float32)
    pooled = mobilenet_v2.global_pool(feature_maps(fused)(x))
    logits = pooled @ fused.classifier.weight.asnumpy().T + fused.classifier.bias.asnumpy()
    np.testing.assert_allclose(logits, plain(ms.Tensor(x)).asnumpy(), atol=1e-4)
    for ours, expected in zip(*(gradients(model, ms.Tensor(x)) for model in (fused, plain))):
        np.testing.assert_allclose(ours, expected, atol=1e-4)


def gradients(model: MobileNetV2, x: ms.Tensor) -> List[np.ndarray]:
    """Of the cross-entropy, as when a trained network is fine-tuned."""
    for _, child in model.set_train(True).cells_and_names():
        if isinstance(child, ms.nn.BatchNorm2d):
            child.use_batch_statistics = False
    labels = ms.Tensor(np.arange(len(x)) % 2, ms.int32)

    def loss(x):
        return ms.ops.cross_entropy(model(x), labels)

    found = ms.grad(loss, None, model.trainable_params())(x)
    assert max(np.abs(gradient.asnumpy()).max() for gradient in found) > 0.1
    return [gradient.asnumpy() for gradient in found]


def one_training_step(cell: ms.nn.Cell, statistics: Optional[bool], x: ms.Tensor) -> List[np.ndarray]:
    """Loss, gradients of the input and of the parameters, and what becomes of the moving means and variances."""
    for _, child in cell.set_train(True).cells_and_names():
        if isinstance(child, ms.nn.BatchNorm2d):
            child.use_batch_statistics = statistics

    def loss(x):
        return (cell(x) ** 3).sum()

    value, (gradient, gradients) = ms.value_and_grad(loss, 0, cell.trainable_params())(x)
    moments = [parameter for parameter in cell.get_parameters() if "moving" in parameter.name]
    return [array.asnumpy() for array in (value, gradient, *gradients, *moments)]
