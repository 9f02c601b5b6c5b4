"""The fused training kernel against MindSpore's operators."""

from typing import List, Optional

import mindspore as ms
import numpy as np
import pytest
from conftest import randomised

from mobilenetv2.model import mobilenet_v2
from mobilenetv2.model.mobilenet_v2 import Architecture, MobileNetV2
from mobilenetv2.model.state import load_state_dict

pytestmark = pytest.mark.usefixtures("on_cpu")


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
