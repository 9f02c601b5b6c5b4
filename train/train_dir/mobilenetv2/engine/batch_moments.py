"""The training pass with normalisation by each batch's own moments. See training.py.

Moments are those of one channel, so each thread takes the whole batch and its share of a block's hidden channels. What the
projections of all threads give is added up, by all of them alike, and so are the gradients that flow back into a block: the
threads meet once a block.
"""

import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mindspore import Tensor

from .differentiable import (
    Buffers,
    Copy,
    Differentiable,
    Outlet,
    Step,
    Team,
    Weights,
    another,
    begins_block,
    block_size,
    move,
    plus,
    values,
)
from .layers import Layer
from .library import (
    DIFF_DST,
    DIFF_SRC,
    DIFF_WEIGHTS,
    DST,
    MEAN,
    SRC,
    VARIANCE,
    WEIGHTS,
    Memory,
    MemoryDesc,
    Primitive,
    Stream,
    aligned,
    batch_norm,
    batch_norm_backward,
    describe,
    run,
)

ALL = slice(None)


class _Meeting(NamedTuple):
    """Where each thread waits for all others."""

    barrier: threading.Barrier

    def __call__(self, stream: Stream) -> None:
        self.barrier.wait()


class _Norm:
    """Batch normalisation of one layer in one thread. z, y: its input and, maybe with ReLU6, its output.

    scale_shift: gamma and beta, f32 [2, C].
    """

    def __init__(self, desc: MemoryDesc, epsilon: float, rows: slice):
        self.rows = rows
        self.forward = batch_norm(desc, epsilon)
        self.backward = batch_norm_backward(desc, epsilon, self.forward)
        channels = desc.shape[1]
        self.mean, self.variance = (Memory(describe((channels,), "plain")) for _ in range(2))
        self.scale_shift, self.d_scale_shift = (Memory(describe((2, channels), "plain")) for _ in range(2))
        self.z, self.y = Memory(desc), Memory(desc)


class _Convolution(Differentiable):
    """The share that one thread has of the convolution of layer i. rows, columns: of the weights."""

    def __init__(
        self, layer: Layer, rows: slice, columns: slice, src: MemoryDesc, same: bool, model: "BatchMoments", i: int
    ):
        self.rows, self.columns = rows, columns
        shape = layer.weight()[rows, columns].shape
        super().__init__(layer, shape, src, same, model.block, False, i >= model.first, i > model.first)
        self.weights = Weights(self)
        self.gradient = Memory(describe(shape, "plain"))


class _Part:
    """What one thread computes.

    convolutions: of each layer, its share, a _Convolution, or None where it has none. norms: a _Norm each: of hidden layers, of
    its own channels, or None; of projections, of all channels.
    """

    def __init__(self, number: int, model: "BatchMoments", same: bool):
        self._number, self._model, self._found, self._stream = number, model, model.found, Stream()
        self.input, self.convolutions, self.norms = Memory(model.input), [], []  # type: Memory, List[Any], List[Any]
        self._forward, self._backward = [], []  # type: List[Step], List[Step]
        self._meetings = 0
        src, side = model.input, model.input.shape[2]
        for i, layer in enumerate(self._found):
            side = layer.geometry(side, same)[0]
            mine = _share(layer.outputs if layer.relu6 else layer.convolution.in_channels, model, number)
            rows, columns = (mine, ALL) if layer.relu6 else (ALL, mine)  # type: Any, Any
            one = _Convolution(layer, rows, columns, src, same, model, i) if mine else None
            src = one.dst if one else describe((src.shape[0], layer.outputs, side, side), str(model.block))
            self.convolutions.append(one)
            self.norms.append(_Norm(src, layer.norm.eps, rows) if rows else None)

    def plan(self) -> None:
        """What is run; once all parts exist."""
        convolutions = [one for one in self.convolutions if one]
        norms = [primitive for norm in self.norms if norm for primitive in (norm.forward, norm.backward)]
        narrow = [norm.y.desc for layer, norm in zip(self._found, self.norms) if norm and not layer.relu6]
        self._buffers = Buffers(convolutions, narrow, norms)
        self._go_forward()
        last, gradient = self.norms[-1], None
        if last:
            gradient = Memory(last.y.desc, self._buffers.wide[0])
            self.outlet = Outlet(last.y, gradient)
            self._forward.append(self.outlet.leave)
            self._backward.append(self.outlet.enter)
        self._go_back(gradient)

    def _go_forward(self) -> None:
        """Fills self._forward."""
        x, held, steps = self.input, None, self._forward  # type: Any, Any, List[Step]
        for i, (layer, one, norm) in enumerate(zip(self._found, self.convolutions, self.norms)):
            if begins_block(self._found, i):
                held = (self.norms[i - 1] or self._model.parts[0].norms[i - 1]).y
            arguments = {SRC: x, WEIGHTS: one.weights.forward} if one else {}
            x = norm.y if norm else None
            if norm is None:
                continue
            if layer.relu6:
                self._bind(steps, one.forward, {**arguments, DST: norm.z})
            else:
                self._sum(steps, i, one.forward if one else None, arguments, DST, norm.z)
            moments = {MEAN: norm.mean, VARIANCE: norm.variance, WEIGHTS: norm.scale_shift}
            self._bind(steps, norm.forward, {SRC: norm.z, **moments, DST: norm.y})
            if layer.relu6:
                self._bind(steps, one.cut, {SRC: norm.y, DST: norm.y})
            elif layer.residual:
                steps.append(plus(norm.y, held, norm.y))

    def _go_back(self, gradient: Any) -> None:
        """Fills self._backward. gradient: of the last map; later on of each one, None where this thread has no share of it."""
        carried, steps, buffers = None, self._backward, self._buffers
        for i in range(len(self._found) - 1, self._model.first - 1, -1):
            one = self.convolutions[i]
            if self._found[i].residual:
                carried = gradient
            inner = self._differentiate(i, gradient) if one else None
            if i == self._model.first:
                return
            arguments = {DIFF_DST: inner, WEIGHTS: one.weights.backward} if one else {}
            if not self._found[i - 1].relu6:
                gradient = Memory(self.norms[i - 1].y.desc, another(buffers.narrow, carried))
                self._sum(steps, i, one.backward_data if one else None, arguments, DIFF_SRC, gradient)
            elif one:
                gradient = Memory(one.src, another(buffers.wide, inner))
                self._bind(steps, one.backward_data, {**arguments, DIFF_SRC: gradient})
            else:
                gradient = None
            if begins_block(self._found, i):
                if carried and gradient:
                    steps.append(plus(gradient, carried, gradient))
                carried = None

    def _differentiate(self, i: int, gradient: Memory) -> Memory:
        """Of a layer's parameters; returns the gradient of what its convolution gives."""
        steps, buffers, one, norm = self._backward, self._buffers, self.convolutions[i], self.norms[i]
        inner = gradient
        if self._found[i].relu6:
            self._bind(steps, one.gate, {DST: norm.y, DIFF_DST: gradient, DIFF_SRC: gradient})
        else:  # its gradient is still needed where it is also that of the block's input
            inner = Memory(gradient.desc, buffers.wide[0])
        moments = {MEAN: norm.mean, VARIANCE: norm.variance, WEIGHTS: norm.scale_shift}
        gradients = {DIFF_DST: gradient, DIFF_SRC: inner, DIFF_WEIGHTS: norm.d_scale_shift}
        self._bind(steps, norm.backward, {SRC: norm.z, **moments, **gradients})
        source, fill = one.border(self.norms[i - 1].y if i else self.input, buffers.border)
        d_weights = Memory(one.d_weights, buffers.gradient)
        steps += fill
        self._bind(steps, one.backward_weights, {SRC: source, DIFF_DST: inner, DIFF_WEIGHTS: d_weights})
        steps.append(move(d_weights, one.gradient))
        return inner

    def _bind(self, steps: List[Step], primitive: Primitive, arguments: Dict[int, Memory]) -> None:
        steps.append(primitive.bind(arguments, self._buffers.scratch))

    def _sum(
        self,
        steps: List[Step],
        i: int,
        primitive: Any,
        arguments: Dict[int, Memory],
        output: int,
        target: Memory,
    ) -> None:
        """target = the sum of what the primitives of layer i give in all threads, as the argument `output`; None has no share.

        The shares lie in two places by turns: when a thread writes to one of them again, all others have met once more, and are
        done with it.
        """
        model = self._model
        if model.threads == 1:
            self._bind(steps, primitive, {**arguments, output: target})
            return
        count = sum(part.convolutions[i] is not None for part in model.parts)
        shares = [Memory(target.desc, array) for array in model.shared[self._meetings % 2][:count]]
        self._meetings += 1
        if primitive is not None:
            self._bind(steps, primitive, {**arguments, output: shares[self._number]})
        steps.append(_Meeting(model.barrier))
        if count == 1:
            size = target.desc.nbytes() // 4
            steps.append(Copy(target.array[:size], shares[0].array[:size]))
            return
        for first, second in zip([shares[0], *[target] * (count - 2)], shares[1:]):
            steps.append(plus(first, second, target))

    def forward(self, pictures: np.ndarray, parameters: Sequence[Any], features: np.ndarray) -> None:
        """parameters: weight, gamma and beta of each layer."""
        for one, norm, (weight, gamma, beta) in zip(self.convolutions, self.norms, parameters):
            if one:
                one.weights.set(weight[one.rows, one.columns], self._stream)
            if norm:
                values(norm.scale_shift)[:] = gamma[norm.rows], beta[norm.rows]
        self.input.point_to(pictures)
        run(self._forward, self._stream)
        if self.norms[-1]:
            features[:, self.norms[-1].rows] = self.outlet.features

    def backward(self, gradient: np.ndarray) -> None:
        if self.norms[-1]:
            self.outlet.gradient[:] = gradient[:, self.norms[-1].rows]
        run(self._backward, self._stream)


class BatchMoments:
    """Normalised by the batch's own moments; forward then updates the moving ones.

    Arguments of its functions are as those of TrainingPass. shared: where the threads leave their shares of a sum.
    """

    def __init__(self, found: Sequence[Layer], first: int, same: bool, shape: Tuple[int, ...], threads: int):
        """first: trained layer. same: padding. shape: of the pictures."""
        self.found, self.first, self.block, self.input = found, first, block_size(found), describe(shape, "plain")
        most = max(layer.outputs for layer in found if layer.relu6)
        self.threads = min(threads, -(-most // self.block))
        self.barrier = threading.Barrier(self.threads)
        self.parts = [_Part(number, self, same) for number in range(self.threads)]
        projections = [norm.y.desc for layer, norm in zip(found, self.parts[0].norms) if not layer.relu6]
        size = max(desc.nbytes() for desc in projections)
        self.shared = [[aligned(size) for _ in self.parts] for _ in range(2)]
        for part in self.parts:
            part.plan()
        self._features = (shape[0], found[-1].outputs, *self.parts[0].norms[-1].y.desc.shape[2:])
        self._team = Team(self.threads)

    def forward(self, pictures: np.ndarray) -> np.ndarray:
        parameters = [(layer.weight(), *layer.norms()[:2]) for layer in self.found]
        features = np.empty(self._features, np.float32)
        self._run(lambda part: part.forward(pictures, parameters, features))
        for i in range(len(self.found)):
            self._update(i)
        return features

    def backward(self, gradient: np.ndarray) -> Dict[str, np.ndarray]:
        self._run(lambda part: part.backward(gradient))
        found: Dict[str, np.ndarray] = {}
        for i, layer in enumerate(self.found[self.first :], self.first):
            weight, norm = layer.convolution.weight, layer.norm
            d_weight = np.empty(layer.weight().shape, np.float32)
            for part in self.parts:
                one = part.convolutions[i]
                if one:
                    d_weight[one.rows, one.columns] = values(one.gradient)
            found[weight.name] = d_weight.reshape(weight.shape)
            found[norm.gamma.name], found[norm.beta.name] = self._gather(i, lambda one: values(one.d_scale_shift))
        return found

    def _run(self, work: Callable[[_Part], None]) -> None:
        """work(part) of all parts; where one fails, the others do not wait for it for ever."""

        def guarded(part: _Part) -> None:
            try:
                work(part)
            except BaseException:
                self.barrier.abort()
                raise

        self._team.wait()
        if self.barrier.broken:
            self.barrier.reset()
        try:
            self._team.run(guarded, self.parts)
        except BaseException:
            self.barrier.abort()
            raise

    def _gather(self, i: int, read: Callable[[_Norm], np.ndarray]) -> np.ndarray:
        """What the threads know of a layer's normalisation, f32 [2, shares of C] each -> f32 [2, C]."""
        norms = [part.norms[i] for part in self.parts if part.norms[i]]
        if not self.found[i].relu6:
            norms = norms[:1]  # all threads know all channels
        return np.concatenate([read(norm) for norm in norms], 1)

    def _update(self, i: int) -> None:
        """The moving mean and variance of a layer, by the batch's, as MindSpore does it."""
        norm, desc = self.found[i].norm, self.parts[0].norms[i].z.desc
        mean, variance = self._gather(i, lambda one: np.stack((values(one.mean), values(one.variance))))
        count = desc.shape[0] * desc.shape[2] * desc.shape[3]
        unbiased = variance * np.float32(count / max(1, count - 1))
        rate = np.float32(norm.momentum)  # MindSpore stores 1 - momentum there
        for moving, measured in ((norm.moving_mean, mean), (norm.moving_variance, unbiased)):
            before = moving.asnumpy()
            moving.set_data(Tensor(before + rate * (measured - before)))


def _share(channels: int, model: BatchMoments, number: int) -> Optional[slice]:
    """Of a block's hidden channels, those of one thread: whole blocks of channels. None where there are too few of them."""
    blocks = -(-channels // model.block)
    threads = min(model.threads, blocks)
    if number >= threads:
        return None
    start, stop = (blocks * edge // threads * model.block for edge in (number, number + 1))
    return slice(start, min(stop, channels))
