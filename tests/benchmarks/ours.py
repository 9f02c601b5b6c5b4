"""This project (VARIANT ours), and the same network by MindSpore's own operators (operators, with ENGINE=mindspore)."""

import sys
from functools import partial
from pathlib import Path
from typing import Callable

import child
import mindspore as ms
import numpy as np
from mindspore import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "train" / "train_dir"))

from mobilenetv2.engine import engine_wanted, feature_maps
from mobilenetv2.model import mobilenet_v2, pretrained, state
from mobilenetv2.runtime import device
from mobilenetv2.training.step import network_step, supervised_step

OURS = child.VARIANT == "ours"
assert engine_wanted() == OURS, "what computes is chosen by the environment, too"


def build() -> mobilenet_v2.MobileNetV2:
    device.select_device("CPU", 0)
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


def step(pictures: np.ndarray, labels: np.ndarray, given: bool = False) -> Callable[[], np.ndarray]:
    model = build().set_train(True)
    for _, cell in model.cells_and_names():
        if given and isinstance(cell, nn.BatchNorm2d):
            cell.use_batch_statistics = False
    optimizer = nn.Adam(model.trainable_params(), child.RATE)
    criterion = nn.CrossEntropyLoss(label_smoothing=child.SMOOTHING)

    def loss_of_maps(maps: ms.Tensor, targets: ms.Tensor) -> ms.Tensor:
        return criterion(model.classifier(mobilenet_v2.global_pool(maps)), targets)

    def by_operators() -> Callable[..., ms.Tensor]:
        if OURS:
            raise SystemExit("the engine cannot be used here")
        return supervised_step(model, optimizer, child.SMOOTHING, False)

    one = network_step(model, loss_of_maps, optimizer, len(model.features), by_operators)
    return lambda: one(ms.Tensor(pictures), ms.Tensor(labels, ms.int32)).asnumpy()


if __name__ == "__main__":
    child.serve(forward=forward, step=step, step_given=partial(step, given=True))
