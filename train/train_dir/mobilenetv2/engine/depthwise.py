"""Batch normalisation, ReLU6, depthwise 3x3 convolution and again both, as one operator, for training on a CPU.

Every channel goes through this chain on its own and fits into a processor's cache, so one pass over memory does what
MindSpore's operators need a dozen for. Compiled by Numba; the backward pass computes the chain anew instead of keeping it.

Several padded pictures of one channel are one long line, in which the 3x3 neighbours of a number are at nine fixed offsets:
loops over such lines become vector instructions even where pictures are three numbers wide. What they compute between the rows
is not used."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple, Tuple

import numpy as np
from llvmlite import ir
from mindspore import ops
from numba import types
from numba.extending import intrinsic

from ..runtime.device import usable_cpus
from .convolutions import compiled, geometry, part

_THREADS = usable_cpus()
LINE = 8192  # numbers, about: the few lines that a loop goes over fit into a processor's own cache
CHUNK = 8  # numbers that are copied at a time
_pool = ThreadPoolExecutor(_THREADS, "depthwise-training")


class Shape(NamedTuple):
    """Of one channel: its pictures, their sides, those of the convolution's output, and how its pictures lie in a line.

    Rows of `pitch` numbers, planes of `plane`: the zeros after a row are those before the next one, too. first: where the first
    pixel of a plane is. The convolution's result stays where its window of 3x3 begins, with stride 2 there are gaps between.
    """

    pictures: int
    height: int
    width: int
    rows: int
    columns: int
    stride: int
    first: int
    pitch: int
    plane: int
    group: int  # pictures that are worked on at a time


@intrinsic
def _copy(typing_context: Any, source: Any, i: Any, target: Any, j: Any) -> Tuple[Any, Any]:
    """target[j : j + CHUNK] = source[i : i + CHUNK], all f32.

    As a loop it would be done number by number, because Numba lets an index be negative.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = ir.VectorType(ir.FloatType(), CHUNK).as_pointer()

        def place(kind: Any, array: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(context.make_array(kind)(context, builder, array).data, [index]), vector)

        values = builder.load(place(source, *arguments[:2]), align=4)
        builder.store(values, place(target, *arguments[2:]), align=4)
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64), generate


@part
def _copy_rows(source, i, step, target, j, stride, rows, columns):
    """`rows` rows of `columns` numbers. A row's last chunk may reach into the next row, which is written later."""
    for row in range(rows):
        column, room = 0, columns + (rows - 1 - row) * min(step, stride)
        while column < columns and column + CHUNK <= room:
            _copy(source, i + column, target, j + column)
            column += CHUNK
        while column < columns:
            target[j + column] = source[i + column]
            column += 1
        i += step
        j += stride


@part
def _spread(x, c, s, line):
    """Channel c of x f32 [N, C, H * W] -> line f32 [N * plane]. Between the pixels, anything may be left: whoever reads the
    line multiplies that by 0."""
    for n in range(s.pictures):
        _copy_rows(x[n, c], 0, s.width, line, n * s.plane + s.first, s.pitch, s.height, s.width)


@part
def _gather(line, s, out, c):
    """Undoes `_spread`."""
    for n in range(s.pictures):
        _copy_rows(line, n * s.plane + s.first, s.pitch, out[n, c], 0, s.width, s.height, s.width)


@part
def _spread_results(x, c, s, line):
    """Channel c of x f32 [N, C, R * S] -> line f32 [N * plane], where the convolution leaves its results."""
    for n in range(s.pictures):
        if s.stride == 1:
            _copy_rows(x[n, c], 0, s.columns, line, n * s.plane, s.pitch, s.rows, s.columns)
        else:
            for i in range(s.rows):
                row, to = x[n, c, i * s.columns : (i + 1) * s.columns], line[n * s.plane + s.stride * i * s.pitch :]
                for j in range(len(row)):
                    to[s.stride * j] = row[j]


@part
def _gather_results(line, s, out, c):
    """Undoes `_spread_results`."""
    for n in range(s.pictures):
        if s.stride == 1:
            _copy_rows(line, n * s.plane, s.pitch, out[n, c], 0, s.columns, s.rows, s.columns)
        else:
            for i in range(s.rows):
                row, to = line[n * s.plane + s.stride * i * s.pitch :], out[n, c, i * s.columns : (i + 1) * s.columns]
                for j in range(len(to)):
                    to[j] = row[s.stride * j]


@part
def _moments(line, used, count):
    """Mean and variance of the `count` numbers of the line where `used`, of one group, is 1; in one pass, from a centre that is
    the mean of the first group."""
    total, numbers = np.float32(0), np.float32(0)
    for i in range(len(used)):
        total += line[i] * used[i]
        numbers += used[i]
    centre, first, second = total / numbers, 0.0, 0.0
    for begin in range(0, len(line), len(used)):
        values, a, b = line[begin : begin + len(used)], np.float32(0), np.float32(0)
        for i in range(len(values)):
            d = (values[i] - centre) * used[i]
            a += d
            b += d * d
        first += a
        second += b
    first /= count
    return np.float32(centre + first), np.float32(max(second / count - first * first, 0.0))


@part
def _relu6(x, scale, shift, used, out):
    """out = relu6(x * scale + shift) where used is 1, else 0."""
    zero, six = np.float32(0), np.float32(6)
    for i in range(len(x)):
        out[i] = min(max(x[i] * scale + shift, zero), six) * used[i]


@part
def _convolve(line, w, pitch, out):
    """out [i] = sum over k, l of w [k, l] * line [i + k * pitch + l]."""
    a, b, c, d, e, f, g, h, k = w[0, 0], w[0, 1], w[0, 2], w[1, 0], w[1, 1], w[1, 2], w[2, 0], w[2, 1], w[2, 2]
    above, here, below = line, line[pitch:], line[2 * pitch :]
    for i in range(len(out)):
        upper = a * above[i] + b * above[i + 1] + c * above[i + 2]
        middle = d * here[i] + e * here[i + 1] + f * here[i + 2]
        out[i] = upper + middle + (g * below[i] + h * below[i + 1] + k * below[i + 2])


@part
def _correlate(gradient, line, pitch, dw):
    """dw [k, l] += sum over i of gradient [i] * line [i + k * pitch + l]."""
    for k in range(3):
        a, b, c, row = np.float32(0), np.float32(0), np.float32(0), line[k * pitch :]
        for i in range(len(gradient)):
            a += gradient[i] * row[i]
            b += gradient[i] * row[i + 1]
            c += gradient[i] * row[i + 2]
        dw[k, 0] += a
        dw[k, 1] += b
        dw[k, 2] += c


@part
def _gate(x, mean, scale, shift, used, gradient):
    """The gradient of relu6(norm(x)) becomes that of norm(x). Returns its sums, with and without x - mean as factor."""
    zero, six = np.float32(0), np.float32(6)
    first, second = zero, zero
    for i in range(len(x)):
        y = x[i] * scale + shift
        g = gradient[i] * used[i] if (y > zero) & (y < six) else zero
        gradient[i] = g
        first += g * (x[i] - mean)
        second += g
    return first, second


@part
def _own_moments(first, second, inverse, count, batch):
    """What the gradient loses because the moments are its batch's own: a constant, and a slope over the distance from the mean.
    first, second: from `_gate`; inverse: 1 / deviation; count: of the batch's numbers. 0 for moments that were given."""
    share = 1 / count if batch else 0.0
    return np.float32(second * share), np.float32(first * share) * inverse * inverse


@part
def _norm_backward(x, mean, scale, constant, slope, used, gradient):
    """The gradient of norm(x) becomes that of x."""
    for i in range(len(x)):
        gradient[i] = scale * (gradient[i] - constant - slope * (x[i] - mean)) * used[i]


@compiled
def _forward(x, norms, weight, epsilon, batch, s, pixels, results, start, stop, out, moments):
    """Channels start ... stop - 1 of x f32 [N, C, H * W] -> out f32 [N, C, R * S].

    norms f32 [4, C]: gamma and beta of both. moments f32 [4, C]: mean and variance of both, written where batch, else read.
    pixels, results f32 [group * plane]: 1 where these are, else 0.
    """
    size, length = s.pictures * s.plane, len(pixels)
    inputs, outputs = np.zeros(size, np.float32), np.empty(size, np.float32)
    line = np.zeros(length + 2 * s.pitch + 2, np.float32)
    for c in range(start, stop):
        _spread(x, c, s, inputs)
        if batch:
            moments[0, c], moments[1, c] = _moments(inputs, pixels, s.pictures * s.height * s.width)
        scale = norms[0, c] / np.sqrt(moments[1, c] + epsilon)
        shift = norms[1, c] - moments[0, c] * scale
        for begin in range(0, size, length):
            piece = slice(begin, begin + length)
            _relu6(inputs[piece], scale, shift, pixels, line)
            _convolve(line, weight[c, 0], s.pitch, outputs[piece])
        if batch:
            moments[2, c], moments[3, c] = _moments(outputs, results, s.pictures * s.rows * s.columns)
        scale = norms[2, c] / np.sqrt(moments[3, c] + epsilon)
        shift = norms[3, c] - moments[2, c] * scale
        for begin in range(0, size, length):
            piece = slice(begin, begin + length)
            _relu6(outputs[piece], scale, shift, results, inputs[piece])
        _gather_results(inputs, s, out, c)


@compiled
def _backward(x, norms, weight, moments, d_out, epsilon, batch, s, pixels, results, start, stop, dx, d_norms, d_weight):
    """The gradients dx f32 [N, C, H * W], d_norms f32 [4, C] and d_weight f32 [C, 1, 3, 3] for these channels."""
    size, length, margin = s.pictures * s.plane, len(pixels), 2 * s.pitch + 2
    inputs, outputs, inner = np.zeros(size, np.float32), np.empty(size, np.float32), np.empty(size, np.float32)
    line = np.zeros(length + margin, np.float32)
    padded = np.zeros(margin + size, np.float32)
    outer = padded[margin:]
    for c in range(start, stop):
        w, dw = weight[c, 0], d_weight[c, 0]
        turned = np.ascontiguousarray(w[::-1, ::-1])
        inverse = np.float32(1) / np.sqrt(moments[1, c] + epsilon), np.float32(1) / np.sqrt(moments[3, c] + epsilon)
        scale = norms[0, c] * inverse[0], norms[2, c] * inverse[1]
        shift = norms[1, c] - moments[0, c] * scale[0], norms[3, c] - moments[2, c] * scale[1]
        _spread(x, c, s, inputs)
        _spread_results(d_out, c, s, outer)
        first, second = 0.0, 0.0
        for begin in range(0, size, length):
            piece = slice(begin, begin + length)
            _relu6(inputs[piece], scale[0], shift[0], pixels, line)
            _convolve(line, w, s.pitch, outputs[piece])
            a, b = _gate(outputs[piece], moments[2, c], scale[1], shift[1], results, outer[piece])
            first += a
            second += b
        d_norms[2, c], d_norms[3, c] = first * inverse[1], second
        constant, slope = _own_moments(first, second, inverse[1], s.pictures * s.rows * s.columns, batch)
        dw[:] = 0
        first, second = 0.0, 0.0
        for begin in range(0, size, length):
            piece = slice(begin, begin + length)
            _norm_backward(outputs[piece], moments[2, c], scale[1], constant, slope, results, outer[piece])
            _relu6(inputs[piece], scale[0], shift[0], pixels, line)
            _correlate(outer[piece], line, s.pitch, dw)
            _convolve(padded[begin:], turned, s.pitch, inner[piece])
            a, b = _gate(inputs[piece], moments[0, c], scale[0], shift[0], pixels, inner[piece])
            first += a
            second += b
        d_norms[0, c], d_norms[1, c] = first * inverse[0], second
        constant, slope = _own_moments(first, second, inverse[0], s.pictures * s.height * s.width, batch)
        for begin in range(0, size, length):
            piece = slice(begin, begin + length)
            _norm_backward(inputs[piece], moments[0, c], scale[0], constant, slope, pixels, inner[piece])
        _gather(inner, s, dx, c)


def depthwise_training(stride: int, same: bool, epsilon: float) -> Tuple[ops.Custom, ops.Custom]:
    """The operator with the moments that it is given, and the one with those of its batch."""
    return tuple(_operator(stride, same, np.float32(epsilon), batch) for batch in (False, True))


def _shape(x: np.ndarray, stride: int, same: bool) -> Tuple[Shape, np.ndarray, np.ndarray]:
    """And where in a group's line pixels and results are: f32 [group * plane], 1 there, else 0."""
    count, _, height, width = x.shape
    (rows, top), (columns, left) = (geometry(length, stride, same) for length in (height, width))
    pitch = max(width + left, stride * (columns - 1) + 3 - left)
    lines = max(height + top, stride * (rows - 1) + 3 - top)
    group = min(count, max(1, LINE // (lines * pitch)))
    pixels, results = np.zeros((2, group, lines, pitch), np.float32)
    pixels[:, top : top + height, left : left + width] = 1
    results[:, : stride * rows : stride, : stride * columns : stride] = 1
    shape = Shape(count, height, width, rows, columns, stride, top * pitch + left, pitch, lines * pitch, group)
    return shape, pixels.ravel(), results.ravel()


def _estimated(s: Shape) -> np.ndarray:
    """f32 [4, 1]: what moments of a batch are multiplied with to be those of the data, as in MindSpore's moving variances."""
    counts = (s.pictures * s.height * s.width, s.pictures * s.rows * s.columns)
    return np.array([factor for count in counts for factor in (1, count / max(1, count - 1))], np.float32)[:, None]


def _operator(stride: int, same: bool, epsilon: np.float32, batch: bool) -> ops.Custom:
    """Operator (x f32 [N, C, H, W], weight f32 [C, 1, 3, 3], norms f32 [4, C], moments f32 [4, C]) -> (y, moments).

    norms: gamma, beta before and after the convolution. moments: mean, variance before and after it; with batch, those of
    this batch are used instead of the ones given, and returned as estimates of those of the data. y: f32 [N, C, H / stride,
    W / stride]; differentiable.
    """

    def flat(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], -1)

    def share(function: Callable, channels: int, fixed: Tuple[Any, ...], results: Tuple[np.ndarray, ...]) -> None:
        edges = np.linspace(0, channels, _THREADS + 1).astype(int)
        list(_pool.map(lambda start, stop: function(*fixed, start, stop, *results), edges, edges[1:]))

    def forward(x, weight, norms, moments):
        s, *masks = _shape(x, stride, same)
        out, moments = np.empty((*x.shape[:2], s.rows, s.columns), np.float32), np.array(moments)
        share(_forward, x.shape[1], (flat(x), norms, weight, epsilon, batch, s, *masks), (flat(out), moments))
        return out, moments * _estimated(s) if batch else moments

    def backward(x, weight, norms, moments, d_out):
        dx, d_norms, d_weight = np.empty_like(x), np.empty_like(norms), np.empty_like(weight)
        s, *masks = _shape(x, stride, same)
        moments = moments / _estimated(s) if batch else moments
        fixed = flat(x), norms, weight, moments, flat(d_out), epsilon, batch, s, *masks
        share(_backward, x.shape[1], fixed, (flat(dx), d_norms, d_weight))
        return dx, d_norms, d_weight

    gradient = ops.Custom(
        backward, lambda x, weight, norms, *_: (x, norms, weight), lambda x, *_: (x, x, x), func_type="pyfunc"
    )

    def bprop(x, weight, norms, moments, out, d_out):
        dx, d_norms, d_weight = gradient(x, weight, norms, out[1], d_out[0])
        return dx, d_weight, d_norms, ops.zeros_like(moments)

    return ops.Custom(
        forward,
        lambda x, weight, norms, moments: (
            (*x[:2], geometry(x[2], stride, same)[0], geometry(x[3], stride, same)[0]),
            moments,
        ),
        lambda x, *_: (x, x),
        func_type="pyfunc",
        bprop=bprop,
    )
