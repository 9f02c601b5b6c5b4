"""Our own forward pass, and a whole network with our own kernels, against MindSpore's operators."""

from typing import List

import mindspore as ms
import numpy as np
import pytest
from conftest import randomised

from mobilenetv2.engine import forward
from mobilenetv2.engine.forward import feature_maps
from mobilenetv2.model import checkpoint, mobilenet_v2, state
from mobilenetv2.model.mobilenet_v2 import Architecture, MobileNetV2
from mobilenetv2.model.state import load_state_dict

pytestmark = pytest.mark.usefixtures("on_cpu")


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
