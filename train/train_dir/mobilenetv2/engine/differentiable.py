"""A convolution of the backbone with its backward pass, as oneDNN's primitives; what both kinds of training pass are made of.

A feature map lies in blocks of 8 or 16 channels, filled up with channels of zeros.
"""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import BrokenBarrierError
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .layers import Layer
from .library import (
    ASK_DIFF_WEIGHTS,
    ASK_WEIGHTS,
    DST,
    SRC,
    SRC1,
    Call,
    Geometry,
    Memory,
    MemoryDesc,
    Primitive,
    Stream,
    addition,
    aligned,
    convolution,
    convolution_backward_data,
    convolution_backward_weights,
    describe,
    has_avx512,
    relu6,
    relu6_backward,
    reorder,
    run,
)

Step = Any  # an operation of a pass, which is called with a Stream: a Call of a primitive, or one of those below


class Copy(NamedTuple):
    """target = source."""

    target: np.ndarray
    source: Any

    def __call__(self, stream: Stream) -> None:
        np.copyto(self.target, self.source)


class Increase(NamedTuple):
    """total += source."""

    total: np.ndarray
    source: np.ndarray

    def __call__(self, stream: Stream) -> None:
        np.add(self.total, self.source, out=self.total)


def block_size(found: Sequence[Layer]) -> int:
    """Channels that lie together. For 8, 24, ... hidden channels in blocks of 16, oneDNN has no fast code."""
    whole = all(layer.outputs % 16 == 0 for layer in found if layer.relu6)
    return 16 if whole and has_avx512() else 8


def begins_block(found: Sequence[Layer], i: int) -> bool:
    """Whether the input of a layer is that of a block: the stem's result, or that of a projection."""
    return i == 1 or (i > 1 and not found[i - 1].relu6)


def values(memory: Memory) -> np.ndarray:
    """A view of an array in a plain layout."""
    shape = memory.desc.shape
    return memory.array[: int(np.prod(shape))].reshape(shape)


class Differentiable:
    """The primitives of one convolution for feature maps of one shape.

    src, dst: its input and output. folded: it has a bias and, where the layer has ReLU6, that, too. source: what the gradient
    of the weights is computed from: src, or src with more zeros around it. d_weights: that gradient. cut, gate: ReLU6 and its
    gradient."""

    def __init__(
        self,
        layer: Layer,
        shape: Sequence[int],
        src: MemoryDesc,
        same: bool,
        block: int,
        folded: bool,
        trained: bool = True,
        inner: bool = True,
    ):
        """shape: of the weights. trained: with the gradient of the weights. inner: and with that of the input."""
        outputs, geometry = layer.geometry(src.shape[2], same)
        self.shape, self.src, self.source, self._block, self._margin = tuple(shape), src, src, block, 0
        self.dst = describe((src.shape[0], shape[0], outputs, outputs), str(block))
        self.channels = describe(shape[:1], "plain")
        bias = self.channels if folded else None
        any_layout = describe(shape)
        self.forward = convolution(
            src, any_layout, bias, self.dst, geometry, relu6=folded and layer.relu6, training=True
        )
        if layer.relu6:
            self.cut = relu6(self.dst)
            self.gate = relu6_backward(self.dst, self.cut)
        self.backward_weights: Any = None
        self.backward_data: Any = None
        if trained:
            self._plan_backward(layer, any_layout, bias, geometry, inner)

    def _plan_backward(
        self, layer: Layer, weights: MemoryDesc, bias: Optional[MemoryDesc], geometry: Geometry, inner: bool
    ) -> None:
        if inner:
            self.backward_data = convolution_backward_data(self.src, weights, self.dst, geometry, self.forward)
        pictures, channels, side, _ = self.src.shape
        if layer.depthwise and (geometry.after or side < 3):
            # oneDNN 2.2 forgets the padding at the end when it asks whether its fast code can do this one, and that code needs
            # three rows.
            self._margin = geometry.before if side + geometry.after < 3 else 0
            side += self._margin + geometry.after
            self.source = describe((pictures, channels, side, side), str(self._block))
            geometry = Geometry(geometry.stride, geometry.before - self._margin, 0)
        hint = self.forward
        if self.source is not self.src:
            hint = convolution(self.source, weights, bias, self.dst, geometry, training=True)
        self.backward_weights = convolution_backward_weights(self.source, weights, bias, self.dst, geometry, hint)
        self.d_weights = self.backward_weights.ask(ASK_DIFF_WEIGHTS)

    def primitives(self) -> List[Primitive]:
        return [value for value in vars(self).values() if isinstance(value, Primitive)]

    def border(self, x: Memory, buffer: np.ndarray) -> Tuple[Memory, List[Step]]:
        """`source` for x of the layout src, and how to fill the buffer, which it may be in."""
        if self.source is self.src:
            return x, []
        (pictures, channels, side, _), size = self.src.shape, self.source.shape[2]
        planes, block = pictures * channels // self._block, self._block
        start, stop = self._margin, self._margin + side
        inner = x.array[: planes * side * side * block].reshape(planes, side, side * block)
        outer = buffer[: planes * size * size * block].reshape(planes, size, size * block)
        rows = outer[:, start:stop]
        zeros = outer[:, :start], outer[:, stop:], rows[:, :, : start * block], rows[:, :, stop * block :]
        steps: List[Step] = [Copy(part, np.float32(0)) for part in zeros if part.size]
        steps.append(Copy(rows[:, :, start * block : stop * block], inner))
        return Memory(self.source, buffer), steps


class Weights:
    """The weights of one convolution in the layouts of its primitives. bias: f32 [O]."""

    def __init__(self, convolution: Differentiable):
        self._plain = Memory(describe(convolution.shape, "plain"))
        self.bias = Memory(convolution.channels)
        self.forward = Memory(convolution.forward.ask(ASK_WEIGHTS))
        self._moves = [move(self._plain, self.forward)]
        self.backward = self.forward
        if convolution.backward_data is not None:
            wanted = convolution.backward_data.ask(ASK_WEIGHTS)
            if not wanted.equals(self.forward.desc):
                self.backward = Memory(wanted)
                self._moves.append(move(self._plain, self.backward))

    def set(self, weight: np.ndarray, stream: Stream) -> None:
        values(self._plain)[:] = weight
        run(self._moves, stream)


def move(source: Memory, target: Memory, add: bool = False) -> Call:
    """target = source, in another layout, or target += source."""
    primitive = reorder(source.desc, target.desc, add)
    return primitive.bind({SRC: source, DST: target}, aligned(primitive.scratch_bytes))


def plus(first: Memory, second: Memory, target: Memory) -> Call:
    """target = first + second, all in one layout."""
    primitive = addition(target.desc)
    return primitive.bind({SRC: first, SRC1: second, DST: target}, aligned(primitive.scratch_bytes))


class Buffers:
    """Memory that one thread needs only while it computes: shared by all of its layers.

    wide: for maps within a block; narrow: between blocks; two of each. border: for `Differentiable.border`. gradient: of the
    weights of a layer. bias: f32, of all channels of a layer. scratch: for all primitives.
    """

    def __init__(
        self, convolutions: Sequence[Differentiable], narrow: Sequence[MemoryDesc], more: Sequence[Primitive] = ()
    ):
        """narrow: maps between blocks. more: primitives besides those of the convolutions."""
        primitives = [*more, *(one for each in convolutions for one in each.primitives())]
        trained = [one for one in convolutions if one.backward_weights]
        widest, longest = (
            max(desc.nbytes() for desc in descs) for descs in ([one.dst for one in convolutions], narrow)
        )
        self.scratch = aligned(max(one.scratch_bytes for one in primitives))
        self.wide, self.narrow = [aligned(widest), aligned(widest)], [aligned(longest), aligned(longest)]
        self.border = aligned(max((one.source.nbytes() for one in trained if one.source is not one.src), default=0))
        self.gradient = aligned(max((one.d_weights.nbytes() for one in trained), default=0))
        self.bias = aligned(max(one.channels.nbytes() for one in convolutions))


def another(arrays: Sequence[np.ndarray], *used: Optional[Memory]) -> np.ndarray:
    """One of the arrays that none of these uses."""
    taken = [id(memory.array) for memory in used if memory is not None]
    return next(array for array in arrays if id(array) not in taken)


class Outlet:
    """Where feature maps leave a pass in the plain layout, and where their gradients come in."""

    def __init__(self, inside: Memory, gradient: Memory):
        plain = describe(inside.desc.shape, "plain")
        outside, gradient_outside = Memory(plain), Memory(plain)
        self.features, self.gradient = values(outside), values(gradient_outside)
        self.leave = move(inside, outside)
        self.enter = move(gradient_outside, gradient)


class Team:
    """Threads that work side by side."""

    def __init__(self, threads: int):
        self._pool = ThreadPoolExecutor(threads, "training")
        self._running: List[Future] = []

    def wait(self) -> None:
        """Until all have ended: also those that were still working when `run` was interrupted."""
        wait(self._running)

    def run(self, work: Callable[[Any], None], parts: Sequence[Any]) -> None:
        """work(part) of all parts in as many threads. Raises what one of them raised, when all have ended."""
        self.wait()
        self._running = []
        for part in parts:
            self._running.append(self._pool.submit(work, part))
        errors = [error for error in (future.exception() for future in self._running) if error]
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error
