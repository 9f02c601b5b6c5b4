"""Milliseconds a picture of MobileNetV2 on this machine: our own kernels and MindSpore's operators side by side.

    python tests/benchmark_forward.py WEIGHTS        # a file as for --pretrain_url; random weights would give denormal numbers

Medians of 20 alternating forward passes after 3 to warm up, and of 4 alternating training steps of 16 after 1.
"""

import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict

import mindspore as ms
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train" / "train_dir"))

from mindspore import nn

from mobilenetv2 import device, fit, network, weights
from mobilenetv2.inference import feature_maps
from mobilenetv2.pixels import Preprocessing


def build(start: weights.Weights, ours: bool) -> network.MobileNetV2:
    kernel, network.depthwise_training = network.depthwise_training, network.depthwise_training if ours else None
    model = network.MobileNetV2(start.architecture, 2)
    network.depthwise_training = kernel
    weights.initialise(model, start, ["a", "b"])
    return model.set_train(False)


def compare(what: str, functions: Dict[str, Callable[[], Any]], pictures: int, warm: int, repeats: int) -> None:
    """functions: "ours" and "MindSpore"."""
    times = {name: [] for name in functions}
    for _ in range(warm + repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(1000 / pictures * (time.perf_counter() - start))
    ours, theirs = (np.array(times[name][warm:]) for name in ("ours", "MindSpore"))
    ratio = np.median(ours / theirs)
    print(f"{what}: ours {np.median(ours):.1f} ms, MindSpore {np.median(theirs):.1f} ms, ratio {ratio:.2f}", flush=True)


def main(path: str) -> None:
    device.choose("CPU", 0)
    start = weights.read(path)
    models = {"ours": build(start, True), "MindSpore": build(start, False)}
    side = start.size or Preprocessing.size
    pictures = np.random.default_rng(0).normal(0, 0.5, (16, 3, side, side)).astype(np.float32)
    maps, plain = feature_maps(models["ours"]), models["MindSpore"].features
    for batch in (1, 8):
        x = pictures[:batch]
        passes = {"ours": lambda x=x: maps(x), "MindSpore": lambda x=x: plain(ms.Tensor(x)).asnumpy()}
        compare(f"forward, batch {batch}", passes, batch, 3, 20)
    labels, steps = ms.Tensor(np.zeros(16, np.int32)), {}
    for name, model in models.items():
        step = fit._step(model.set_train(True), nn.Adam(model.trainable_params(), 1e-6), 0.1)
        steps[name] = lambda step=step: step(ms.Tensor(pictures), labels).asnumpy()
    compare("training step, batch 16", steps, 16, 1, 4)


if __name__ == "__main__":
    main(sys.argv[1])
