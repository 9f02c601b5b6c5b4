"""Batch normalisation, ReLU6, depthwise 3x3 convolution and again both, as one operator, for training on a CPU.

Every channel goes through this chain on its own and fits into a processor's cache, so one pass over memory does what MindSpore's
operators need a dozen for. Compiled by Numba; the backward pass computes the chain anew instead of keeping it.

Several padded pictures of one channel are one long line, in which the 3x3 neighbours of a number are at nine fixed offsets: loops
over such lines become vector instructions even where pictures are three numbers wide. What they compute between the rows is
not used.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, NamedTuple, Tuple

import numpy as np
from mindspore import ops

from .convolutions import compiled, geometry, part
from .device import processors

_THREADS = processors()
LINE = 8192  # numbers, about: two lines of them fit into a processor's first cache
_pool = ThreadPoolExecutor(_THREADS, "depthwise-training")


class Shape(NamedTuple):
    """Of one channel: its pictures, their sides, those of the convolution's output, and how a padded picture lies in a line."""

    count: int
    height: int
    width: int
    rows: int
    columns: int
    stride: int
    top: int
    left: int
    pitch: int  # numbers per padded row
    plane: int  # and per padded picture
    group: int  # pictures per line


@part
def _moments(x):
    """f32 [N, S] -> mean and variance. Sums in single precision are over one picture only."""
    total = 0.0
    for n in range(x.shape[0]):
        part, row = np.float32(0), x[n]
        for i in range(len(row)):
            part += row[i]
        total += part
    mean = total / x.size
    centre, total = np.float32(mean), 0.0
    for n in range(x.shape[0]):
        part, row = np.float32(0), x[n]
        for i in range(len(row)):
            part += (row[i] - centre) ** 2
        total += part
    return centre, np.float32(total / x.size)


@part
def _relu6(x, scale, shift, out):
    """out = relu6(x * scale + shift), all f32 [S]."""
    zero, six = np.float32(0), np.float32(6)
    for i in range(len(out)):
        out[i] = min(max(x[i] * scale + shift, zero), six)


@part
def _pad(x, first, s, scale, shift, line):
    """relu6(x * scale + shift) of a group of pictures, from the given one on, into the line. Returns the length of the line."""
    count = min(s.group, s.count - first)
    for n in range(count):
        for i in range(s.height):
            start = n * s.plane + (s.top + i) * s.pitch + s.left
            _relu6(x[first + n, i * s.width :], scale, shift, line[start : start + s.width])
    return count * s.plane


@part
def _convolve(line, length, w, pitch, out):
    """out [i] = sum over k, l of w [k, l] * line [i + k * pitch + l]."""
    above, here, below = line, line[pitch:], line[2 * pitch :]
    for i in range(length):
        out[i] = (
            w[0, 0] * above[i]
            + w[0, 1] * above[i + 1]
            + w[0, 2] * above[i + 2]
            + w[1, 0] * here[i]
            + w[1, 1] * here[i + 1]
            + w[1, 2] * here[i + 2]
            + w[2, 0] * below[i]
            + w[2, 1] * below[i + 1]
            + w[2, 2] * below[i + 2]
        )


@part
def _correlate(gradient, line, length, pitch, dw):
    """dw [k, l] += sum over i of gradient [i] * line [i + k * pitch + l]."""
    for k in range(3):
        a, b, c, row = np.float32(0), np.float32(0), np.float32(0), line[k * pitch :]
        for i in range(length):
            a += gradient[i] * row[i]
            b += gradient[i] * row[i + 1]
            c += gradient[i] * row[i + 2]
        dw[k, 0] += a
        dw[k, 1] += b
        dw[k, 2] += c


@part
def _middle(x, w, scale, shift, s, line, result, middle):
    """middle f32 [N, R * S] = depthwise(relu6(x f32 [N, H * W] * scale + shift))."""
    for first in range(0, s.count, s.group):
        length = _pad(x, first, s, scale, shift, line)
        _convolve(line, length, w, s.pitch, result)
        for n in range(length // s.plane):
            for i in range(s.rows):
                start, row = n * s.plane + s.stride * i * s.pitch, middle[first + n, i * s.columns :]
                for j in range(s.columns):
                    row[j] = result[start + s.stride * j]


@part
def _norm_backward(x, mean, variance, epsilon, gamma, beta, batch, gradient):
    """gradient f32 [N, S]: of relu6(norm(x)), becomes that of x. Returns the gradients of gamma and beta."""
    inverse = np.float32(1) / np.sqrt(variance + epsilon)
    scale = gamma * inverse
    shift, zero, six = beta - mean * scale, np.float32(0), np.float32(6)
    d_gamma, d_beta = 0.0, 0.0
    for n in range(x.shape[0]):
        first, second, value, change = zero, zero, x[n], gradient[n]
        for i in range(len(value)):
            y = value[i] * scale + shift
            g = change[i] if (y > zero) & (y < six) else zero
            change[i] = g
            first += g * (value[i] - mean)
            second += g
        d_gamma += first
        d_beta += second
    d_gamma *= inverse
    constant = np.float32(d_beta / x.size) if batch else zero
    slope = np.float32(d_gamma / x.size) * inverse if batch else zero
    for n in range(x.shape[0]):
        value, change = x[n], gradient[n]
        for i in range(len(value)):
            change[i] = scale * (change[i] - constant - slope * (value[i] - mean))
    return np.float32(d_gamma), np.float32(d_beta)


@compiled
def _forward(x, norms, weight, epsilon, batch, s, start, stop, out, moments):
    """Channels start ... stop - 1 of x f32 [N, C, H * W] -> out f32 [N, C, R * S].

    norms f32 [4, C]: gamma and beta of both. moments f32 [4, C]: mean and variance of both, written where batch, else read.
    """
    channel, middle = (
        np.empty((s.count, s.height * s.width), np.float32),
        np.empty((s.count, s.rows * s.columns), np.float32),
    )
    line, result = np.zeros(s.group * s.plane + 2 * s.pitch + 2, np.float32), np.empty(s.group * s.plane, np.float32)
    for c in range(start, stop):
        for n in range(s.count):
            channel[n] = x[n, c]
        if batch:
            moments[0, c], moments[1, c] = _moments(channel)
        scale = norms[0, c] / np.sqrt(moments[1, c] + epsilon)
        _middle(channel, weight[c, 0], scale, norms[1, c] - moments[0, c] * scale, s, line, result, middle)
        if batch:
            moments[2, c], moments[3, c] = _moments(middle)
        scale = norms[2, c] / np.sqrt(moments[3, c] + epsilon)
        for n in range(s.count):
            _relu6(middle[n], scale, norms[3, c] - moments[2, c] * scale, out[n, c])


@compiled
def _backward(x, norms, weight, moments, d_out, epsilon, batch, s, start, stop, dx, d_norms, d_weight):
    """The gradients dx f32 [N, C, H * W], d_norms f32 [4, C] and d_weight f32 [C, 1, 3, 3] for these channels."""
    channel, middle = (
        np.empty((s.count, s.height * s.width), np.float32),
        np.empty((s.count, s.rows * s.columns), np.float32),
    )
    inner, gradient = np.empty_like(channel), np.empty_like(middle)
    margin, length = 2 * s.pitch + 2, s.group * s.plane
    line, result = np.zeros(length + margin, np.float32), np.empty(length, np.float32)
    spread = np.zeros(length + margin, np.float32)  # the gradient where the convolution began to read, zeros between
    for c in range(start, stop):
        for n in range(s.count):
            channel[n], gradient[n] = x[n, c], d_out[n, c]
        w, dw = weight[c, 0], d_weight[c, 0]
        turned = np.ascontiguousarray(w[::-1, ::-1])
        scale = norms[0, c] / np.sqrt(moments[1, c] + epsilon)
        shift = norms[1, c] - moments[0, c] * scale
        _middle(channel, w, scale, shift, s, line, result, middle)
        d_norms[2, c], d_norms[3, c] = _norm_backward(
            middle, moments[2, c], moments[3, c], epsilon, norms[2, c], norms[3, c], batch, gradient
        )
        dw[:] = 0
        for first in range(0, s.count, s.group):
            length = _pad(channel, first, s, scale, shift, line)
            for n in range(length // s.plane):
                for i in range(s.rows):
                    begin, row = margin + n * s.plane + s.stride * i * s.pitch, gradient[first + n, i * s.columns :]
                    for j in range(s.columns):
                        spread[begin + s.stride * j] = row[j]
            _correlate(spread[margin:], line, length, s.pitch, dw)
            _convolve(spread, length, turned, s.pitch, result)
            for n in range(length // s.plane):
                for i in range(s.height):
                    begin = n * s.plane + (s.top + i) * s.pitch + s.left
                    inner[first + n, i * s.width : (i + 1) * s.width] = result[begin : begin + s.width]
        d_norms[0, c], d_norms[1, c] = _norm_backward(
            channel, moments[0, c], moments[1, c], epsilon, norms[0, c], norms[1, c], batch, inner
        )
        for n in range(s.count):
            dx[n, c] = inner[n]


def depthwise_training(stride: int, same: bool, epsilon: float) -> Tuple[ops.Custom, ops.Custom]:
    """The operator with the moments that it is given, and the one with those of its batch."""
    return tuple(_operator(stride, same, np.float32(epsilon), batch) for batch in (False, True))


def _shape(x: np.ndarray, stride: int, same: bool) -> Shape:
    count, _, height, width = x.shape
    (rows, top), (columns, left) = (geometry(length, stride, same) for length in (height, width))
    pitch = max(stride * (columns - 1) + 3, width + left)
    plane = max(stride * (rows - 1) + 3, height + top) * pitch
    return Shape(
        count, height, width, rows, columns, stride, top, left, pitch, plane, min(count, max(1, LINE // plane))
    )


def _operator(stride: int, same: bool, epsilon: np.float32, batch: bool) -> ops.Custom:
    """Operator (x f32 [N, C, H, W], weight f32 [C, 1, 3, 3], norms f32 [4, C], moments f32 [4, C]) -> (y, moments).

    norms: gamma, beta before and after the convolution. moments: mean, variance before and after it; with batch, those of
    this batch are used and returned instead of the ones given. y: f32 [N, C, H / stride, W / stride]; differentiable.
    """

    def flat(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], -1)

    def share(function: Callable, channels: int, fixed: Tuple[Any, ...], results: Tuple[np.ndarray, ...]) -> None:
        edges = np.linspace(0, channels, _THREADS + 1).astype(int)
        list(_pool.map(lambda start, stop: function(*fixed, start, stop, *results), edges, edges[1:]))

    def forward(x, weight, norms, moments):
        s = _shape(x, stride, same)
        out, moments = np.empty((*x.shape[:2], s.rows, s.columns), np.float32), np.array(moments)
        share(_forward, x.shape[1], (flat(x), norms, weight, epsilon, batch, s), (flat(out), moments))
        return out, moments

    def backward(x, weight, norms, moments, d_out):
        dx, d_norms, d_weight = np.empty_like(x), np.empty_like(norms), np.empty_like(weight)
        fixed = flat(x), norms, weight, moments, flat(d_out), epsilon, batch, _shape(x, stride, same)
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
