"""Convolutions with a shift, ReLU6 and a residual, for inference on a CPU, compiled by Numba. Feature maps are f32 [channels,
pixels].

The matrices of MobileNetV2's 1x1 convolutions are flat: 16 to 960 rows and columns, thousands of pixels. A general matrix
product first copies them into another order, which takes as long as the arithmetic. This one reads them where they are.

All kernels are in this file, because Numba compiles one anew when the file that it is in has changed, and no other.
"""

from typing import Any, Callable, Tuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROWS, COLUMNS = 4, 16  # of a tile: its sums are 8 of the 16 vector registers of AVX2
GROUP = 8  # channels that are expanded and convolved together: they stay in a processor's own cache
# Of a kernel: copied into it. As a function of its own it would be compiled in another way by the run that fills Numba's cache
# than by those that read it, and the first run would differ from the others in the last digits.
part = numba.njit(inline="always")


def compiled(function: Callable) -> Callable:
    """Decorator: compiled by Numba when it is first called; runs beside other threads."""
    try:
        return numba.njit(nogil=True, fastmath=True, cache=True)(function)
    except (RuntimeError, OSError):  # no folder to keep the compiled kernel in: compiled anew at each start
        return numba.njit(nogil=True, fastmath=True)(function)


@intrinsic
def _tile(typing_context: Any, a: Any, i: Any, b: Any, j: Any, shift: Any, rectified: Any, out: Any) -> Tuple[Any, Any]:
    """out[i : i + ROWS, j : j + COLUMNS] = a[i : i + ROWS] @ b[:, j : j + COLUMNS] + shift[i : i + ROWS], all f32.

    Between 0 and 6 where rectified. Written in LLVM's own language, because Numba would keep the sums in memory.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, row, _, column, _, clip, _ = arguments
        a_, b_, shift_, out_ = (
            context.make_array(kind)(context, builder, arguments[n])
            for n, kind in ((0, a), (2, b), (4, shift), (6, out))
        )
        vector, lane = ir.VectorType(ir.FloatType(), COLUMNS), ir.IntType(32)
        anything = ir.Constant(vector, ir.Undefined)

        def place(matrix: Any, row: Any, column: Any) -> Any:
            length = cgutils.unpack_tuple(builder, matrix.shape)[1]
            return builder.gep(matrix.data, [builder.add(builder.mul(row, length), column)])

        def columns(matrix: Any, row: Any) -> Any:
            return builder.bitcast(place(matrix, row, column), vector.as_pointer())

        def everywhere(number: Any) -> Any:
            first = builder.insert_element(anything, number, lane(0))
            return builder.shuffle_vector(first, anything, ir.Constant(ir.VectorType(lane, COLUMNS), None))

        rows = [builder.add(row, ir.IntType(64)(m)) for m in range(ROWS)]
        sums = [cgutils.alloca_once(builder, vector) for _ in rows]
        for row, total in zip(rows, sums):
            builder.store(everywhere(builder.load(builder.gep(shift_.data, [row]))), total)
        with cgutils.for_range(builder, cgutils.unpack_tuple(builder, a_.shape)[1]) as loop:
            values = builder.load(columns(b_, loop.index), align=4)
            for row, total in zip(rows, sums):
                factors = everywhere(builder.load(place(a_, row, loop.index)))
                term = builder.fmul(factors, values, flags=("contract",))
                builder.store(builder.fadd(builder.load(total), term, flags=("contract",)), total)
        zero, six = (everywhere(ir.FloatType()(limit)) for limit in (0.0, 6.0))
        for row, total in zip(rows, sums):
            value = builder.load(total)
            clipped = builder.select(builder.fcmp_ordered("<", value, zero), zero, value)
            clipped = builder.select(builder.fcmp_ordered("<", clipped, six), clipped, six)
            builder.store(builder.select(clip, clipped, value), columns(out_, row), align=4)
        return context.get_dummy_value()

    return types.void(a, types.int64, b, types.int64, shift, types.boolean, out), generate


@part
def _product(matrix, x, shift, rectified, out):
    """out f32 [M, P] = matrix f32 [M, K] @ x f32 [K, P] + shift f32 [M], between 0 and 6 where rectified.

    M must be a multiple of ROWS, P of COLUMNS.
    """
    for j in range(0, out.shape[1], COLUMNS):
        for i in range(0, len(matrix), ROWS):
            _tile(matrix, i, x, j, shift, rectified, out)


def geometry(length: int, stride: int, same: bool) -> Tuple[int, int]:
    """Of a side of the input -> side of the output, and padding before the first pixel."""
    outputs = -(-length // stride)
    return outputs, max(stride * (outputs - 1) + 3 - length, 0) // 2 if same else 1


@compiled
def pointwise(matrix, x, shift, rectified, residual, out):
    """`_product`, plus residual f32 [M, P] where that has rows."""
    _product(matrix, x, shift, rectified, out)
    for row in range(len(residual)):
        total, more = out[row], residual[row]
        for i in range(len(total)):
            total[i] += more[i]


@compiled
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


@compiled
def expanded(x, matrix, shift_in, weight, shift, side, stride, before, outputs, out):
    """out f32 [C, P] = relu6(depthwise(relu6(matrix @ x + shift_in)) + shift).

    x: planes of side * side numbers. matrix f32 [C, K], without rows where x is convolved as it is. weight f32 [C, 9].
    shift_in, shift f32 [C]. before: rows and columns of zeros before a plane. outputs: side of a plane of out."""
    group = np.empty((GROUP, x.shape[1]), np.float32)
    pitch = (side + 2) // stride + stride - 1
    lines = np.zeros((stride * stride, ((side + 2) // stride + 2) * pitch + 2), np.float32)
    line = np.empty(lines.shape[1], np.float32)
    for first in range(0, len(out), GROUP):
        if len(matrix):
            rows = slice(first, first + GROUP)
            _product(matrix[rows], x, shift_in[rows], True, group)
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
        row = plane[i * side : (i + 1) * side]
        first, begin = (before + i) % stride * stride, (before + i) // stride * pitch
        if stride == 1:
            to = lines[0, begin + before :]
            for j in range(side):
                to[j] = row[j]
        else:
            to = lines[first + before % 2, begin + before // 2 :]
            other = lines[first + 1 - before % 2, begin + (before + 1) // 2 :]
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
