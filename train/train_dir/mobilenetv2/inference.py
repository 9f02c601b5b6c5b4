"""The forward pass on a CPU: NumPy's matrix products and the kernel of depthwise.py, with batch normalisation folded in.

MindSpore takes longer between its operators than in them where pictures are small or come one at a time. What is computed is
read from the network's own cells; on other devices, or without Numba, these compute it themselves.
"""

from typing import Callable, Tuple

import mindspore as ms
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .device import on_cpu
from .network import ConvNorm, InvertedResidual, MobileNetV2, folded

try:
    from .depthwise import depthwise, geometry
except (ImportError, OSError):  # no Numba for this machine or Python
    depthwise = None

Layer = Callable[[np.ndarray], np.ndarray]


def feature_maps(network: MobileNetV2) -> Layer:
    """Pictures f32 [N, 3, S, S] -> f32 [N, channels, S / 32, S / 32]; from any thread. The weights must not change
    meanwhile."""
    if depthwise is None or not on_cpu():
        network.set_train(False)
        return lambda pictures: network.features(ms.Tensor(pictures)).asnumpy()
    same = network.architecture.padding == "same"
    first, *blocks, last = network.features
    layers = [_stem(first, same), *(_block(block, same) for block in blocks), _pointwise(last, rectified=True)]

    def one(picture: np.ndarray) -> np.ndarray:
        for layer in layers:
            picture = layer(picture)
        return picture

    # One by one: what a layer leaves is then still in the processor's cache when the next one reads it.
    return lambda pictures: np.concatenate([one(picture[None]) for picture in pictures])


def _folded(layer: ConvNorm) -> Tuple[np.ndarray, np.ndarray]:
    convolution, norm = layer[0], layer[1]
    parameters = (convolution.weight, norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    return folded(*(parameter.asnumpy() for parameter in parameters), norm.eps)


def _stem(layer: ConvNorm, same: bool) -> Layer:
    """3x3 convolution with stride 2, normalisation and ReLU6."""
    weight, shift = _folded(layer)
    matrix = weight.reshape(len(weight), -1)

    def run(x: np.ndarray) -> np.ndarray:
        (rows, top), (columns, left) = (geometry(length, 2, same) for length in x.shape[2:])
        padding = ((top, 2 * rows + 1 - x.shape[2] - top), (left, 2 * columns + 1 - x.shape[3] - left))
        padded = np.pad(x[0], ((0, 0), *(tuple(max(0, side) for side in sides) for sides in padding)))
        windows = sliding_window_view(padded, (3, 3), (1, 2))[:, : 2 * rows : 2, : 2 * columns : 2]  # [3, R, S, 3, 3]
        out = matrix @ windows.transpose(0, 3, 4, 1, 2).reshape(matrix.shape[1], -1)
        out += shift[:, None]
        return np.clip(out, 0, 6, out).reshape(1, -1, rows, columns)

    return run


def _pointwise(layer: ConvNorm, rectified: bool) -> Layer:
    """1x1 convolution and normalisation, and ReLU6."""
    weight, shift = _folded(layer)
    matrix = weight[:, :, 0, 0]

    def run(x: np.ndarray) -> np.ndarray:
        out = matrix @ x.reshape(x.shape[1], -1)
        out += shift[:, None]
        return (np.clip(out, 0, 6, out) if rectified else out).reshape(1, -1, *x.shape[2:])

    return run


def _block(block: InvertedResidual, same: bool) -> Layer:
    weight, shift = _folded(block.conv[-2])
    project, stride = _pointwise(block.conv[-1], rectified=False), block.conv[-2][0].stride[0]
    if block.expands:
        expansion, shift_in = _folded(block.conv[0])
        matrix = expansion[:, :, 0, 0]
    else:
        shift_in = np.zeros(len(weight), np.float32)  # and what comes is between 0 and 6

    def run(x: np.ndarray) -> np.ndarray:
        y = (matrix @ x.reshape(x.shape[1], -1)).reshape(1, -1, *x.shape[2:]) if block.expands else x
        y = project(depthwise(y, shift_in, weight, shift, stride, same))
        return np.add(x, y, out=y) if block.residual else y

    return run
