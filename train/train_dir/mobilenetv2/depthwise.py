"""Batch normalisation, ReLU6, depthwise 3x3 convolution and again both in one pass, for inference on a CPU.

MindSpore hands depthwise convolutions to a general matrix product that spends its time on copies. This kernel is compiled by
Numba. It runs in one thread: more of them would wait for those of the matrix products before and after it.
"""

from typing import Callable, Tuple

import numba
import numpy as np


def compiled(*signature: str) -> Callable[[Callable], Callable]:
    """Decorator: compiled by Numba, at once for that signature or else when it is first called; runs beside other threads."""

    def compile_(function: Callable) -> Callable:
        try:
            return numba.njit(*signature, nogil=True, fastmath=True, cache=True)(function)
        except (RuntimeError, OSError):  # no folder to keep the compiled kernel in: compiled anew at each start
            return numba.njit(*signature, nogil=True, fastmath=True)(function)

    return compile_


@compiled("void(f4[:,:,:,::1], f4[::1], f4[:,:,:,::1], f4[::1], i8, i8, i8, f4[:,:,:,::1])")
def _planes(x, shift_in, weight, shift, stride, top, left, out):
    """x f32 [N, C, H, W] -> out f32 [N, C, OH, OW]; weight f32 [C, 1, 3, 3], the others f32 [C].

    A padded plane is one long line, so that with stride 1 a single loop, which the compiler turns into vector instructions,
    runs over all of it, however small it is; what it computes between the rows is not copied out.
    """
    channels, height, width = x.shape[1], x.shape[2], x.shape[3]
    rows, columns = out.shape[2], out.shape[3]
    pitch = max(stride * (columns - 1) + 3, width + left)
    padded = np.zeros((max(stride * (rows - 1) + 3, height + top) + 1) * pitch, np.float32)
    count = rows * pitch if stride == 1 else stride * (columns - 1) + 1  # computed at once
    line = np.empty(count, np.float32)
    zero, six = np.float32(0), np.float32(6)
    for plane in range(x.shape[0] * channels):
        n, c = plane // channels, plane % channels
        for i in range(height):
            row = padded[(top + i) * pitch + left :]
            for j in range(width):
                row[j] = min(max(x[n, c, i, j] + shift_in[c], zero), six)
        w = weight[c, 0]
        a, b, d, e, f, g, h, k, m = w[0, 0], w[0, 1], w[0, 2], w[1, 0], w[1, 1], w[1, 2], w[2, 0], w[2, 1], w[2, 2]
        for first in range(0, rows, rows if stride == 1 else 1):
            above = padded[stride * first * pitch :]
            here, below = above[pitch:], above[2 * pitch :]
            for j in range(count):
                upper = a * above[j] + b * above[j + 1] + d * above[j + 2]
                middle = e * here[j] + f * here[j + 1] + g * here[j + 2]
                lower = h * below[j] + k * below[j + 1] + m * below[j + 2]
                line[j] = min(max(upper + middle + lower + shift[c], zero), six)
            for i in range(first, rows if stride == 1 else first + 1):
                result = line[(i - first) * pitch :]
                for j in range(columns):
                    out[n, c, i, j] = result[stride * j]


def geometry(length: int, stride: int, same: bool) -> Tuple[int, int]:
    """Of a side of the input -> side of the output, and padding before the first pixel."""
    outputs = -(-length // stride)
    return outputs, max(stride * (outputs - 1) + 3 - length, 0) // 2 if same else 1


def depthwise(
    x: np.ndarray, shift_in: np.ndarray, weight: np.ndarray, shift: np.ndarray, stride: int, same: bool
) -> np.ndarray:
    """relu6(conv(relu6(x + shift_in)) + shift): x f32 [N, C, H, W] -> f32 [N, C, H / stride, W / stride].

    weight: f32 [C, 1, 3, 3]. shift_in, shift: f32 [C]. same: padding as in TensorFlow, else 1 on each side.
    """
    count, channels, height, width = x.shape
    (rows, top), (columns, left) = geometry(height, stride, same), geometry(width, stride, same)
    out = np.empty((count, channels, rows, columns), np.float32)
    _planes(x, shift_in, weight, shift, stride, top, left, out)
    return out
