"""Convolutions with a shift and ReLU6, for inference on a CPU, compiled by Numba. Feature maps are f32 [channels, pixels]."""

from typing import Callable, Tuple

import numba
import numpy as np

from .product import part, product

GROUP = 8  # channels that are expanded and convolved together: they stay in a processor's own cache


def compiled(*signature: str) -> Callable[[Callable], Callable]:
    """Decorator: compiled by Numba, at once for that signature or else when it is first called; runs beside other threads."""

    def compile_(function: Callable) -> Callable:
        try:
            return numba.njit(*signature, nogil=True, fastmath=True, cache=True)(function)
        except (RuntimeError, OSError):  # no folder to keep the compiled kernel in: compiled anew at each start
            return numba.njit(*signature, nogil=True, fastmath=True)(function)

    return compile_


def geometry(length: int, stride: int, same: bool) -> Tuple[int, int]:
    """Of a side of the input -> side of the output, and padding before the first pixel."""
    outputs = -(-length // stride)
    return outputs, max(stride * (outputs - 1) + 3 - length, 0) // 2 if same else 1


@compiled()
def pointwise(matrix, x, shift, rectified, residual, out):
    """`product`, plus residual f32 [M, P] where that has rows."""
    product(matrix, x, shift, rectified, out)
    for row in range(len(residual)):
        total, more = out[row], residual[row]
        for i in range(len(total)):
            total[i] += more[i]


@compiled()
def windows(x, side, before, outputs, out):
    """out f32 [9 * C, P]: for each number of a 3x3 kernel with stride 2, what it is multiplied with.

    x: C planes of side * side numbers. before: rows and columns of zeros before a plane.
    """
    for row in range(len(out)):
        channel, above, left = row // 9, row // 3 % 3 - before, row % 3 - before
        for i in range(outputs):
            y, inside = 2 * i + above, 0 <= 2 * i + above < side
            for j in range(outputs):
                z = 2 * j + left
                out[row, i * outputs + j] = x[channel, y * side + z] if inside and 0 <= z < side else np.float32(0)


@compiled()
def expanded(x, matrix, shift_in, weight, shift, side, stride, before, outputs, out):
    """out f32 [C, P] = relu6(depthwise(relu6(matrix @ x + shift_in)) + shift).

    x: planes of side * side numbers. matrix f32 [C, K], without rows where x is convolved as it is. weight f32 [C, 9]. shift_in,
    shift f32 [C]. before: rows and columns of zeros before a plane. outputs: side of a plane of out.
    """
    group = np.empty((GROUP, x.shape[1]), np.float32)
    pitch = (side + 2) // stride + stride - 1
    lines = np.zeros((stride * stride, ((side + 2) // stride + 2) * pitch + 2), np.float32)
    line = np.empty(lines.shape[1], np.float32)
    for first in range(0, len(out), GROUP):
        if len(matrix):
            rows = slice(first, first + GROUP)
            product(matrix[rows], x, shift_in[rows], True, group)
        for channel in range(first, first + GROUP):
            plane = group[channel - first] if len(matrix) else x[channel]
            _depthwise(
                plane, side, weight[channel], shift[channel], stride, before, pitch, lines, line, outputs, out[channel]
            )


@part
def _depthwise(plane, side, weight, shift, stride, before, pitch, lines, line, outputs, out):
    """out = relu6(depthwise(plane) + shift).

    The padded plane is laid out in lines f32 [stride ** 2, L], with stride 2 its even and odd rows and columns apart, so that a
    single loop, which the compiler turns into vector instructions, runs over all of it, however small it is; what it computes
    between the rows is not copied out. line: f32 [L].
    """
    for i in range(side):
        row, first, begin = (
            plane[i * side : (i + 1) * side],
            (before + i) % stride * stride,
            (before + i) // stride * pitch,
        )
        if stride == 1:
            to = lines[0, begin + before :]
            for j in range(side):
                to[j] = row[j]
        else:
            to, other = (
                lines[first + before % 2, begin + before // 2 :],
                lines[first + 1 - before % 2, begin + (before + 1) // 2 :],
            )
            for j in range((side + 1) // 2):
                to[j] = row[2 * j]
            for j in range(side // 2):
                other[j] = row[2 * j + 1]
    zero, six, count = np.float32(0), np.float32(6), (outputs - 1) * pitch + outputs
    a, b, d, e, f = weight[0], weight[1], weight[2], weight[3], weight[4]
    g, h, k, m = weight[5], weight[6], weight[7], weight[8]
    if stride == 1:
        above, here, below = lines[0], lines[0, pitch:], lines[0, 2 * pitch :]
        for j in range(count):
            upper = a * above[j] + b * above[j + 1] + d * above[j + 2]
            middle = e * here[j] + f * here[j + 1] + g * here[j + 2]
            lower = h * below[j] + k * below[j + 1] + m * below[j + 2]
            line[j] = min(max(upper + middle + lower + shift, zero), six)
    else:
        above, above_odd, here, here_odd = lines[0], lines[1], lines[2], lines[3]
        below, below_odd = lines[0, pitch:], lines[1, pitch:]
        for j in range(count):
            upper = a * above[j] + b * above_odd[j] + d * above[j + 1]
            middle = e * here[j] + f * here_odd[j] + g * here[j + 1]
            lower = h * below[j] + k * below_odd[j] + m * below[j + 1]
            line[j] = min(max(upper + middle + lower + shift, zero), six)
    for i in range(outputs):
        row, result = out[i * outputs : (i + 1) * outputs], line[i * pitch :]
        for j in range(outputs):
            row[j] = result[j]
