"""The forward pass on a CPU, in compiled kernels (convolutions.py), with batch normalisation folded in.

MindSpore's operators copy more than they compute. Weights and settings of the layers are read from the network's cells. On
other devices, or where the kernels are not available, the cells compute the forward pass themselves.

A feature map is f32 [channels, pixels]. The pixels are padded to a multiple of COLUMNS; the padding is undefined.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Callable, Dict, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..runtime.device import on_cpu, usable_cpus
from .folding import fold_batch_norm

try:
    from .convolutions import COLUMNS, GROUP, expanded, geometry, pointwise, windows

    KERNELS = True
except (ImportError, OSError):  # the kernels are not available for this machine or Python
    KERNELS = False

FIXED_BATCH = 8  # pictures per pass of MindSpore's operators, which are compiled for one shape
SHARED = 4  # parts of a layer, at most: to hand one to a thread takes 0.05 ms, 36 times per picture
NONE = np.zeros((0, 0), np.float32)


def feature_maps(network: nn.Cell) -> Callable[[np.ndarray], np.ndarray]:
    """The network's backbone as a function: pictures f32 [N, 3, S, S] -> feature maps f32 [N, channels, S / 32, S / 32].

    The function may be called from any thread. The weights must not change while it is in use.
    """
    if KERNELS and on_cpu():
        return _Forward(network)
    network.set_train(False)

    def run(pictures: np.ndarray) -> np.ndarray:
        filled = np.resize(pictures, (-(-len(pictures) // FIXED_BATCH) * FIXED_BATCH, *pictures.shape[1:]))
        batches = filled.reshape(-1, FIXED_BATCH, *pictures.shape[1:])
        return np.concatenate([network.features(ms.Tensor(batch)).asnumpy() for batch in batches])[: len(pictures)]

    return run


class _Forward:
    """The forward pass in compiled kernels.

    Of several pictures, each thread takes one at a time. A single picture is split, layer by layer, by output channels.
    """

    def __init__(self, network: nn.Cell):
        first, *blocks, last = network.features
        same = network.architecture.padding == "same"
        self._layers = [_stem(first, same), *(_block(block, same) for block in blocks), _last(last)]
        self._threads = ThreadPoolExecutor(usable_cpus(), "inference")
        self._parts = min(SHARED, usable_cpus())
        self._spare: List[_Memory] = []

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        if len(pictures) == 1:
            return self._one(pictures[0], self._share)[None]
        return np.stack(list(self._threads.map(partial(self._one, share=_alone), pictures)))

    def _share(self, work: Callable[[slice], None], count: int) -> None:
        edges = [count * part // (self._parts * GROUP) * GROUP for part in range(self._parts)] + [count]
        own, *others = (slice(start, stop) for start, stop in zip(edges, edges[1:]) if start < stop)
        futures = [self._threads.submit(work, rows) for rows in others]
        work(own)
        for future in futures:
            future.result()

    def _one(self, picture: np.ndarray, share: "Share") -> np.ndarray:
        try:
            memory = self._spare.pop()
        except IndexError:
            memory = _Memory()
        x, side = np.ascontiguousarray(picture).reshape(3, -1), picture.shape[1]
        for number, layer in enumerate(self._layers):
            x, side = layer(x, side, partial(memory.take, number % 2), share)
        result = x[:, : side * side].reshape(-1, side, side).copy()
        self._spare.append(memory)
        return result


class _Memory:
    """Buffers for reuse: to allocate memory takes longer than to fill it."""

    def __init__(self) -> None:
        self._arrays: Dict[str, np.ndarray] = {}

    def take(self, turn: int, name: str, channels: int, side: int) -> np.ndarray:
        """A buffer f32 [channels, pixels] with undefined content. turn: 0 or 1, alternating, so that the input survives."""
        name, pixels = f"{name}{turn}", -(-side * side // COLUMNS) * COLUMNS
        if len(self._arrays.get(name, ())) < channels * pixels:
            self._arrays[name] = np.zeros(channels * pixels, np.float32)
        return self._arrays[name][: channels * pixels].reshape(channels, pixels)


Take = Callable[[str, int, int], np.ndarray]
Share = Callable[[Callable[[slice], None], int], None]  # calls the function with slices that cover so many rows
Layer = Callable[[np.ndarray, int, Take, Share], Tuple[np.ndarray, int]]  # feature map and its side -> the same


def _alone(work: Callable[[slice], None], count: int) -> None:
    work(slice(0, count))


def _folded(layer: nn.Cell) -> Tuple[np.ndarray, np.ndarray]:
    """Matrix f32 [outputs, inputs * kernel area] and shift f32 [outputs], with batch normalisation folded in."""
    convolution, norm = layer[0], layer[1]
    parts = [parameter.asnumpy() for parameter in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)]
    weight, shift = fold_batch_norm(convolution.weight.asnumpy(), parts, norm.eps)
    return np.ascontiguousarray(weight.reshape(len(weight), -1)), shift


def _stem(layer: nn.Cell, same: bool) -> Layer:
    """The first layer: 3x3 convolution with stride 2, batch normalisation and ReLU6."""
    matrix, shift = _folded(layer)

    def run(x: np.ndarray, side: int, take: Take, share: Share) -> Tuple[np.ndarray, int]:
        outputs, before = geometry(side, 2, same)
        rows, out = take("rows", matrix.shape[1], outputs), take("map", len(matrix), outputs)
        windows(x, side, before, outputs, rows)
        share(lambda part: pointwise(matrix[part], rows, shift[part], True, NONE, out[part]), len(out))
        return out, outputs

    return run


def _block(block: nn.Cell, same: bool) -> Layer:
    """An inverted residual block."""
    expand = _folded(block.conv[0]) if block.expands else (NONE, np.zeros(0, np.float32))
    (weight, shift), stride = _folded(block.conv[-2]), block.conv[-2][0].stride[0]
    project, shift_out = _folded(block.conv[-1])

    def run(x: np.ndarray, side: int, take: Take, share: Share) -> Tuple[np.ndarray, int]:
        outputs, before = geometry(side, stride, same)
        hidden, out = take("hidden", len(weight), outputs), take("map", len(project), outputs)

        def convolve(part: slice) -> None:
            planes = x if block.expands else x[part]
            expanded(
                planes,
                *(values[part] for values in (*expand, weight, shift)),
                side,
                stride,
                before,
                outputs,
                hidden[part],
            )

        share(convolve, len(hidden))
        residual = x if block.residual else NONE
        share(
            lambda part: pointwise(project[part], hidden, shift_out[part], False, residual[part], out[part]), len(out)
        )
        return out, outputs

    return run


def _last(layer: nn.Cell) -> Layer:
    """The last layer: 1x1 convolution, batch normalisation and ReLU6."""
    matrix, shift = _folded(layer)

    def run(x: np.ndarray, side: int, take: Take, share: Share) -> Tuple[np.ndarray, int]:
        out = take("map", len(matrix), side)
        share(lambda part: pointwise(matrix[part], x, shift[part], True, NONE, out[part]), len(out))
        return out, side

    return run
