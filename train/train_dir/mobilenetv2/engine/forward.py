"""Feature maps: MindSpore's network, computed by oneDNN in its own layouts, with batch normalisation folded in.

Of several pictures, each thread computes one at a time. A single one is shared by two threads, by output channels, where that
gives the same bits: an answer does not depend on its batch.
"""

import ctypes
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..runtime.device import on_cpu
from ..runtime.environment import usable_cpus
from ..runtime.signals import uninterrupted
from . import library as dnn
from .folding import fold_batch_norm
from .layers import Layer, read_layers
from .library import Call, EngineUnavailable, Memory, MemoryDesc, Primitive

FIXED_BATCH = 8  # pictures per pass of MindSpore's operators, which are compiled for one shape
PARTS = 2  # threads that share a single picture; more of them would wait longer than they save
Maps = Callable[[np.ndarray], np.ndarray]


def feature_maps(network: nn.Cell, parts: slice = slice(None)) -> Maps:
    """Pictures f32 [N, 3, S, S] -> f32 [N, channels, S / 32, S / 32]; from any thread. The weights must not change
    meanwhile.

    parts: those of network.features that compute; what they are given and what they return is what they have there."""
    operators = _operators(network, parts)
    if not on_cpu() or not dnn.engine_wanted():
        return operators
    return _Forward(network, parts, operators)


def _operators(network: nn.Cell, parts: slice = slice(None)) -> Maps:
    """By MindSpore's operators."""
    network.set_train(False)

    def maps(batch: ms.Tensor) -> np.ndarray:
        for part in list(network.features)[parts]:
            batch = part(batch)
        return batch.asnumpy()

    def run(pictures: np.ndarray) -> np.ndarray:
        filled = np.resize(pictures, (-(-len(pictures) // FIXED_BATCH) * FIXED_BATCH, *pictures.shape[1:]))
        batches = filled.reshape(-1, FIXED_BATCH, *pictures.shape[1:])
        return np.concatenate([maps(ms.Tensor(batch)) for batch in batches])[: len(pictures)]

    return run


class _Folded(NamedTuple):
    """A layer, with its batch normalisation in weight and bias."""

    layer: Layer
    weight: np.ndarray
    bias: np.ndarray


def _fold(layer: Layer) -> _Folded:
    weight, bias = fold_batch_norm(layer.convolution.weight.asnumpy(), layer.norms(), layer.norm.eps)
    return _Folded(layer, weight[:, None] if layer.depthwise else weight, bias)


class _Forward:
    """Plans a network for each size of pictures that comes."""

    def __init__(self, network: nn.Cell, parts: slice, operators: Maps):
        self._folded = [_fold(layer) for layer in read_layers(network, parts)]
        self._same = network.architecture.padding == "same"
        self._operators = operators
        self._planned: Dict[int, Optional[_Planned]] = {}
        self._planning = threading.Lock()
        self._pool = ThreadPoolExecutor(max(PARTS, usable_cpus()), "forward")

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        side = pictures.shape[2]
        with self._planning:
            if side not in self._planned:
                self._planned[side] = self._plan(side)
        planned = self._planned[side]
        if planned is None:
            return self._operators(pictures)
        pictures = np.ascontiguousarray(pictures, np.float32)
        if len(pictures) == 1:
            return planned.shared(pictures, self._pool)
        return np.concatenate(list(self._pool.map(planned.alone, np.split(pictures, len(pictures)))))

    def _plan(self, side: int) -> "Optional[_Planned]":
        try:
            for channels in (16, 8) if dnn.has_avx512() else (8,):
                try:
                    return _Planned(self._folded, self._same, side, channels)
                except EngineUnavailable:
                    if channels == 8:
                        raise
        except EngineUnavailable as why:
            why.log()
        return None


class _Step(NamedTuple):
    """A layer as one thread computes it: output channels first ... last - 1."""

    layer: Layer
    primitive: Primitive
    weight: Memory
    bias: Memory
    first: int
    src: MemoryDesc
    dst: MemoryDesc


class _Planned:
    """A network for pictures of one size. channels: that lie together in the layout of feature maps, 8 or 16."""

    def __init__(self, folded: List[_Folded], same: bool, side: int, channels: int):
        inputs = folded[0].layer.convolution.in_channels
        self._channels, self._input = channels, dnn.describe((1, inputs, side, side), "plain")
        # oneDNN has fast code for three channels in the plain layout, and for more of them in blocks.
        self.moved = dnn.describe(self._input.shape, str(channels)) if inputs > 3 else None
        self._sides = []
        for one in folded:
            side = one.layer.geometry(side, same)[0]
            self._sides.append(side)
        self.outputs = len(folded[-1].bias)
        self._same = same
        self._whole = self._part(folded, 0, 1)
        self._parts = [self._part(folded, number, PARTS) for number in range(PARTS)] if usable_cpus() >= PARTS else []
        self._spare = [_Runner(self, [self._whole])]
        self._pair = _Runner(self, self._parts) if self._parts else None
        self._meeting, self._sharing = _Meeting(), threading.Lock()
        self._shares = self._pair is not None and self._gives_the_same_bits()

    def _part(self, folded: List[_Folded], number: int, count: int) -> List[Optional[_Step]]:
        """What thread `number` of `count` computes: whole blocks of output channels of each layer."""
        steps: List[Optional[_Step]] = []
        _, channels, side, _ = self._input.shape
        layout = str(self._channels)
        for one, side_after in zip(folded, self._sides):
            blocks = -(-len(one.bias) // self._channels)
            first, last = (min(blocks * n // count * self._channels, len(one.bias)) for n in (number, number + 1))
            last = len(one.bias) if number + 1 == count else last
            if first < last:
                inputs = last - first if one.layer.depthwise else channels
                src = dnn.describe((1, inputs, side, side), layout if steps or self.moved is not None else "plain")
                dst = dnn.describe((1, last - first, side_after, side_after), layout)
                steps.append(self._step(one, src, dst, first, last, side))
            else:
                steps.append(None)
            side, channels = side_after, len(one.bias)
        return steps

    def _step(self, one: _Folded, src: MemoryDesc, dst: MemoryDesc, first: int, last: int, side: int) -> _Step:
        layer, weight, bias = one.layer, one.weight[first:last], np.ascontiguousarray(one.bias[first:last])
        flat, geometry = dnn.describe(bias.shape, "plain"), layer.geometry(side, self._same)[1]
        primitive = dnn.convolution(
            src, dnn.describe(weight.shape), flat, dst, geometry, relu6=layer.relu6, add=layer.residual
        )
        moved = dnn.reordered(weight, dnn.describe(weight.shape, "plain"), primitive.ask(dnn.ASK_WEIGHTS))
        return _Step(layer, primitive, moved, Memory(flat, bias), first, src, dst)

    def alone(self, picture: np.ndarray) -> np.ndarray:
        """f32 [1, 3, S, S] -> its feature map, in the calling thread."""
        try:
            runner = self._spare.pop()
        except IndexError:
            runner = _Runner(self, [self._whole])
        runner.run(0, picture)
        result = self._plain(runner.output)
        self._spare.append(runner)
        return result

    def _gives_the_same_bits(self) -> bool:
        """Whether parts of the channels are summed up as all of them are: for few channels, oneDNN chooses other code."""
        picture = np.random.default_rng(0).standard_normal(self._input.shape).astype(np.float32)
        with ThreadPoolExecutor(1) as pool:
            return np.array_equal(self._by_two(picture, pool), self.alone(picture))

    def shared(self, picture: np.ndarray, pool: ThreadPoolExecutor) -> np.ndarray:
        """The same by two threads, where that gives the same bits."""
        return self._by_two(picture, pool) if self._shares else self.alone(picture)

    def _by_two(self, picture: np.ndarray, pool: ThreadPoolExecutor) -> np.ndarray:
        assert self._pair is not None
        with self._sharing, uninterrupted():
            other = pool.submit(self._pair.run, 1, picture, self._meeting)
            try:
                self._pair.run(0, picture, self._meeting)
            finally:
                other.result()
            return self._plain(self._pair.output)

    def buffers(self) -> Tuple[List[np.ndarray], List[np.ndarray]]:
        """Two arrays for the maps within blocks, and two for those between blocks."""
        first, *rest = (step for step in self._whole if step)
        wide, narrow = 0, self.moved.nbytes() if self.moved is not None else first.dst.nbytes()
        for step in (first, *rest):
            if step.layer.relu6:
                wide = max(wide, step.dst.nbytes())
            else:
                narrow = max(narrow, step.dst.nbytes())
        return [dnn.aligned(wide) for _ in range(2)], [dnn.aligned(narrow) for _ in range(2)]

    def input(self) -> MemoryDesc:
        return self._input

    def side_after(self, number: int) -> int:
        """Side of the feature map after that layer."""
        return self._sides[number]

    def _plain(self, blocked: np.ndarray) -> np.ndarray:
        """The last feature map, as f32 [1, channels, S / 32, S / 32]."""
        side, blocks = self._sides[-1], -(-self.outputs // self._channels)
        maps = blocked[: blocks * self._channels * side * side].reshape(blocks, side, side, self._channels)
        result = maps.transpose(0, 3, 1, 2).reshape(1, -1, side, side)[:, : self.outputs]
        return result.copy()  # of maps of one pixel, the above is a view of the array of the next picture


class _Runner:
    """The arrays for one picture, and what each of the threads that share it runs. parts: their steps."""

    def __init__(self, planned: _Planned, parts: List[List[Optional[_Step]]]):
        self._streams = [dnn.Stream() for _ in parts]
        self._inputs = [Memory(planned.input(), dnn.aligned(planned.input().nbytes())) for _ in parts]
        wide, narrow = planned.buffers()
        self._segments: List[List[List[Call]]] = [[[]] for _ in parts]
        source: np.ndarray = self._inputs[0].array
        held = narrow[0]
        moved = planned.moved
        if moved is not None:
            source = held
            move, into = dnn.reorder(planned.input(), moved), Memory(moved, held)
            call = move.bind({dnn.SRC: self._inputs[0], dnn.DST: into}, dnn.aligned(move.scratch_bytes))
            self._segments[0][0].append(call)
        for number, steps in enumerate(zip(*parts)):
            layer = next(step.layer for step in steps if step)
            if not layer.relu6 or (number == 0 and moved is None):  # its result is the input of a block
                # Added to this block's input, where there is a residual; else beside it. Other threads may still read that.
                target = held if layer.residual else next(array for array in narrow if array is not held)
                held = target
            else:
                target = wide[0] if source is not wide[0] else wide[1]
            for part, step in enumerate(steps):
                segments = self._segments[part]
                if (number and not layer.depthwise) or (number == 0 and moved is not None):
                    segments.append([])  # it reads what the others have computed
                if step:
                    segments[-1].append(self._bind(planned, part, step, number, source, target))
            source = target
        self.output = source

    def _bind(
        self, planned: _Planned, part: int, step: _Step, number: int, source: np.ndarray, target: np.ndarray
    ) -> Call:
        before = planned.side_after(number - 1) if number else planned.input().shape[2]
        after = planned.side_after(number)
        src = self._inputs[part]
        if number or planned.moved is not None:
            src = Memory(step.src, source[step.first * before**2 :] if step.layer.depthwise else source)
        dst = Memory(step.dst, target[step.first * after**2 :])
        memories = {dnn.SRC: src, dnn.WEIGHTS: step.weight, dnn.BIAS: step.bias, dnn.DST: dst}
        return step.primitive.bind(memories, dnn.aligned(step.primitive.scratch_bytes))

    def run(self, part: int, picture: np.ndarray, meeting: "Optional[_Meeting]" = None) -> None:
        """The output is then in `output`."""
        failure = None
        self._inputs[part].point_to(picture)
        for number, calls in enumerate(self._segments[part]):
            if number and meeting:
                meeting.wait()
            try:
                if failure is None:
                    dnn.run(calls, self._streams[part])
            except Exception as error:  # the other thread waits for this one at every meeting
                failure = error
        if meeting:
            meeting.wait()
        if failure:
            raise failure


class _Meeting:
    """Two threads wait for each other, outside Python's lock: a barrier of the C library, which takes some microseconds."""

    def __init__(self) -> None:
        libc, self._barrier = ctypes.CDLL(None), ctypes.create_string_buffer(64)
        dnn.check(libc.pthread_barrier_init(self._barrier, None, PARTS), "barrier")
        self._wait: Any = libc.pthread_barrier_wait

    def wait(self) -> None:
        self._wait(self._barrier)
