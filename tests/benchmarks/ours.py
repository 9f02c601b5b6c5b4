"""This project, and MindSpore's own operators: the same network with its kernels left out (VARIANT ours or operators)."""

import sys
from pathlib import Path
from typing import Callable

import child
import mindspore as ms
import numpy as np
from mindspore import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "train" / "train_dir"))

from mobilenetv2.engine.forward import feature_maps
from mobilenetv2.model import mobilenet_v2, pretrained, state
from mobilenetv2.runtime import device
from mobilenetv2.training import loop

OURS = child.VARIANT == "ours"


def build() -> mobilenet_v2.MobileNetV2:
    device.select_device("CPU", 0)
    if not OURS:
        mobilenet_v2.depthwise_training = None
    start = pretrained.read_pretrained(child.WEIGHTS)
    model = mobilenet_v2.MobileNetV2(start.architecture, len(child.CLASSES))
    pretrained.load_pretrained(model, start, [str(number) for number in child.CLASSES])
    head = {name.replace(".1.", "."): value for name, value in child.tensors().items() if "classifier" in name}
    state.load_state_dict(model, head)
    return model.set_train(False)


def forward(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    model = build()
    if not OURS:
        return lambda: model(ms.Tensor(pictures)).asnumpy()
    maps, weight, bias = feature_maps(model), model.classifier.weight.asnumpy(), model.classifier.bias.asnumpy()
    return lambda: mobilenet_v2.global_pool(maps(pictures)) @ weight.T + bias


def step(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    model = build().set_train(True)
    one = loop._step(model, nn.Adam(model.trainable_params(), child.RATE), child.SMOOTHING, False)
    return lambda: one(ms.Tensor(pictures), ms.Tensor(labels, ms.int32)).asnumpy()


if __name__ == "__main__":
    child.serve(forward=forward, step=step)
