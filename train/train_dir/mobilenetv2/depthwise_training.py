"""Batch normalisation, ReLU6, depthwise 3x3 convolution and again both, as one operator, for training on a CPU.

Every channel goes through this chain on its own and fits into a processor's cache, so one pass over memory does what MindSpore's
operators need a dozen for. Compiled by Numba; the backward pass computes the chain anew instead of keeping it.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Tuple

import numba
import numpy as np
from mindspore import ops

from .depthwise import geometry
from .device import processors

_THREADS = processors()
_pool = ThreadPoolExecutor(_THREADS, "depthwise-training")


def _compiled(function: Callable) -> Callable:
    try:
        return numba.njit(nogil=True, fastmath=True, cache=True)(function)
    except (RuntimeError, OSError):  # as in `depthwise`
        return numba.njit(nogil=True, fastmath=True)(function)


@_compiled
def _moments(x):
    """f32 [N, H, W] -> mean and variance."""
    total = 0.0
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            part = np.float32(0)
            for j in range(x.shape[2]):
                part += x[n, i, j]
            total += part
    mean = total / x.size
    centre, total = np.float32(mean), 0.0
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            part = np.float32(0)
            for j in range(x.shape[2]):
                part += (x[n, i, j] - centre) ** 2
            total += part
    return np.float32(mean), np.float32(total / x.size)


@_compiled
def _convolve(x, scale, shift, w, stride, top, left, padded, line, middle):
    """middle [N, R, S] = depthwise(relu6(x [N, H, W] * scale + shift)); padded [N, ...] keeps what was convolved."""
    zero, six = np.float32(0), np.float32(6)
    for n in range(x.shape[0]):
        page = padded[n]
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                page[top + i, left + j] = min(max(x[n, i, j] * scale + shift, zero), six)
        for i in range(middle.shape[1]):
            above, here, below = page[stride * i], page[stride * i + 1], page[stride * i + 2]
            for j in range(len(line)):
                line[j] = (
                    w[0, 0] * above[j]
                    + w[0, 1] * above[j + 1]
                    + w[0, 2] * above[j + 2]
                    + w[1, 0] * here[j]
                    + w[1, 1] * here[j + 1]
                    + w[1, 2] * here[j + 2]
                    + w[2, 0] * below[j]
                    + w[2, 1] * below[j + 1]
                    + w[2, 2] * below[j + 2]
                )
            for j in range(middle.shape[2]):
                middle[n, i, j] = line[stride * j]


@_compiled
def _buffers(count, height, width, rows, columns, stride, top, left):
    padded = np.zeros(
        (count, max(stride * (rows - 1) + 3, height + top), max(stride * (columns - 1) + 3, width + left)), np.float32
    )
    return padded, np.empty(stride * (columns - 1) + 1, np.float32), np.empty((count, rows, columns), np.float32)


@_compiled
def _forward(x, norms, weight, epsilon, batch, stride, top, left, start, stop, out, moments):
    """Channels start ... stop - 1 of x f32 [N, C, H, W] -> out f32 [N, C, R, S].

    norms f32 [4, C]: gamma and beta of both. moments f32 [4, C]: mean and variance of both, written where batch, else read.
    """
    zero, six = np.float32(0), np.float32(6)
    padded, line, middle = _buffers(x.shape[0], x.shape[2], x.shape[3], out.shape[2], out.shape[3], stride, top, left)
    for c in range(start, stop):
        if batch:
            moments[0, c], moments[1, c] = _moments(x[:, c])
        scale = norms[0, c] / np.sqrt(moments[1, c] + epsilon)
        _convolve(
            x[:, c], scale, norms[1, c] - moments[0, c] * scale, weight[c, 0], stride, top, left, padded, line, middle
        )
        if batch:
            moments[2, c], moments[3, c] = _moments(middle)
        scale = norms[2, c] / np.sqrt(moments[3, c] + epsilon)
        shift = norms[3, c] - moments[2, c] * scale
        for n in range(middle.shape[0]):
            for i in range(middle.shape[1]):
                for j in range(middle.shape[2]):
                    out[n, c, i, j] = min(max(middle[n, i, j] * scale + shift, zero), six)


@_compiled
def _norm_backward(x, mean, variance, epsilon, gamma, beta, batch, gradient):
    """gradient f32 [N, H, W]: of relu6(norm(x)), becomes that of x. Returns the gradients of gamma and beta."""
    inverse = np.float32(1) / np.sqrt(variance + epsilon)
    scale = gamma * inverse
    shift, zero, six = beta - mean * scale, np.float32(0), np.float32(6)
    d_gamma, d_beta = 0.0, 0.0
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            first, second = zero, zero
            for j in range(x.shape[2]):
                y = x[n, i, j] * scale + shift
                g = gradient[n, i, j] if (y > zero) & (y < six) else zero
                gradient[n, i, j] = g
                first += g * (x[n, i, j] - mean)
                second += g
            d_gamma += first
            d_beta += second
    d_gamma *= inverse
    constant = np.float32(d_beta / x.size) if batch else zero
    slope = np.float32(d_gamma / x.size) * inverse if batch else zero
    for n in range(x.shape[0]):
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                gradient[n, i, j] = scale * (gradient[n, i, j] - constant - slope * (x[n, i, j] - mean))
    return np.float32(d_gamma), np.float32(d_beta)


@_compiled
def _backward(x, norms, weight, moments, d_out, epsilon, batch, stride, top, left, start, stop, dx, d_norms, d_weight):
    """The gradients dx f32 [N, C, H, W], d_norms f32 [4, C] and d_weight f32 [C, 1, 3, 3] for these channels."""
    height, width, rows, columns = x.shape[2], x.shape[3], d_out.shape[2], d_out.shape[3]
    padded, line, middle = _buffers(x.shape[0], height, width, rows, columns, stride, top, left)
    gradient = np.empty((x.shape[0], rows, columns), np.float32)
    inner = np.empty((x.shape[0], height, width), np.float32)
    spread = np.zeros(
        (padded.shape[1] + 2, padded.shape[2] + 2), np.float32
    )  # of one picture, with zeros for the stride
    for c in range(start, stop):
        scale = norms[0, c] / np.sqrt(moments[1, c] + epsilon)
        w, dw = weight[c, 0], d_weight[c, 0]
        _convolve(x[:, c], scale, norms[1, c] - moments[0, c] * scale, w, stride, top, left, padded, line, middle)
        gradient[:] = d_out[:, c]
        d_norms[2, c], d_norms[3, c] = _norm_backward(
            middle, moments[2, c], moments[3, c], epsilon, norms[2, c], norms[3, c], batch, gradient
        )
        dw[:] = 0
        for n in range(x.shape[0]):
            for i in range(rows):
                for j in range(columns):
                    spread[stride * i + 2, stride * j + 2] = gradient[n, i, j]
            for i in range(height):
                a, b, d = spread[top + i + 2], spread[top + i + 1], spread[top + i]
                for j in range(width):
                    k = left + j
                    inner[n, i, j] = (
                        w[0, 0] * a[k + 2]
                        + w[0, 1] * a[k + 1]
                        + w[0, 2] * a[k]
                        + w[1, 0] * b[k + 2]
                        + w[1, 1] * b[k + 1]
                        + w[1, 2] * b[k]
                        + w[2, 0] * d[k + 2]
                        + w[2, 1] * d[k + 1]
                        + w[2, 2] * d[k]
                    )
            for k in range(3):
                left_, mid, right = np.float32(0), np.float32(0), np.float32(0)
                for i in range(rows):
                    g, p = spread[stride * i + 2], padded[n, stride * i + k]
                    for j in range(len(line)):
                        left_ += g[j + 2] * p[j]
                        mid += g[j + 2] * p[j + 1]
                        right += g[j + 2] * p[j + 2]
                dw[k, 0] += left_
                dw[k, 1] += mid
                dw[k, 2] += right
        d_norms[0, c], d_norms[1, c] = _norm_backward(
            x[:, c], moments[0, c], moments[1, c], epsilon, norms[0, c], norms[1, c], batch, inner
        )
        dx[:, c] = inner


def depthwise_training(stride: int, same: bool, epsilon: float) -> Tuple[ops.Custom, ops.Custom]:
    """The operator with the moments that it is given, and the one with those of its batch."""
    return tuple(_operator(stride, same, np.float32(epsilon), batch) for batch in (False, True))


def _operator(stride: int, same: bool, epsilon: np.float32, batch: bool) -> ops.Custom:
    """Operator (x f32 [N, C, H, W], weight f32 [C, 1, 3, 3], norms f32 [4, C], moments f32 [4, C]) -> (y, moments).

    norms: gamma, beta before and after the convolution. moments: mean, variance before and after it; with batch, those of
    this batch are used and returned instead of the ones given. y: f32 [N, C, H / stride, W / stride]; differentiable.
    """

    def plan(x: np.ndarray) -> Tuple[int, int, int, int, Any]:
        (rows, top), (columns, left) = (geometry(length, stride, same) for length in x.shape[2:])
        edges = np.linspace(0, x.shape[1], _THREADS + 1).astype(int)
        return rows, columns, top, left, list(zip(edges, edges[1:]))

    def forward(x, weight, norms, moments):
        rows, columns, top, left, shares = plan(x)
        out = np.empty((*x.shape[:2], rows, columns), np.float32)
        moments = np.array(moments)
        fixed = x, norms, weight, epsilon, batch, stride, top, left
        list(_pool.map(lambda share: _forward(*fixed, *share, out, moments), shares))
        return out, moments

    def backward(x, weight, norms, moments, d_out):
        _, _, top, left, shares = plan(x)
        gradients = np.empty_like(x), np.empty_like(norms), np.empty_like(weight)
        fixed = x, norms, weight, moments, d_out, epsilon, batch, stride, top, left
        list(_pool.map(lambda share: _backward(*fixed, *share, *gradients), shares))
        return gradients

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
