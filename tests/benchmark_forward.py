"""Milliseconds a picture of MobileNetV2 1.0/224 on this machine: fused kernel and MindSpore's own operators side by side.

    python tests/benchmark_forward.py WEIGHTS        # a file as for --pretrain_url; random weights would give denormal numbers

Medians of 20 alternating passes after 3 to warm up, and of 3 training steps of 16.
"""

import sys
import time
from pathlib import Path
from typing import Callable

import mindspore as ms
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train" / "train_dir"))

from mindspore import nn

from mobilenetv2 import device, fit, network, weights


def build(start: weights.Weights, fused: bool) -> network.MobileNetV2:
    kernel, network.depthwise = network.depthwise, network.depthwise if fused else None
    model = network.MobileNetV2(start.architecture, 2)
    network.depthwise = kernel
    weights.initialise(model, start, ["a", "b"])
    return model.set_train(False)


def timed(function: Callable[..., ms.Tensor], *inputs: ms.Tensor) -> float:
    start = time.perf_counter()
    function(*inputs).asnumpy()
    return time.perf_counter() - start


def main(path: str) -> None:
    device.choose("CPU", 0)
    start = weights.read(path)
    models = {"fused": build(start, True), "plain": build(start, False)}
    pictures = np.random.default_rng(0).normal(0, 0.5, (16, 3, 224, 224)).astype(np.float32)
    for batch in (1, 8):
        x = ms.Tensor(pictures[:batch])
        times = {name: [] for name in models}
        for _ in range(23):
            for name, model in models.items():
                times[name].append(1000 / batch * timed(model, x))
        fused, plain = (np.array(times[name][3:]) for name in ("fused", "plain"))
        ratio = np.median(fused / plain)
        print(
            f"forward, batch {batch}: fused {np.median(fused):.1f} ms, plain {np.median(plain):.1f} ms, ratio {ratio:.2f}"
        )
    model = models["plain"].set_train(True)
    step = fit._step(model, nn.Adam(model.trainable_params(), 1e-6), 0.1)
    labels = ms.Tensor(np.zeros(16, np.int32))
    steps = [1000 / 16 * timed(step, ms.Tensor(pictures), labels) for _ in range(4)]
    print(f"training step, batch 16: {np.median(steps[1:]):.1f} ms")


if __name__ == "__main__":
    main(sys.argv[1])
