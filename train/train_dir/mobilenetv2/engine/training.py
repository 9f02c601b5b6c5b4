"""The training pass of MobileNetV2's backbone on a CPU, through oneDNN: feature maps, and gradients of the parameters.

MindSpore's operators call oneDNN one at a time, between plain layouts. Here, the maps keep oneDNN's own layout from the input
to the output and back, and memory is allocated once. A pass is made for one shape of batches and may be used from one thread at
a time; it has its own threads."""

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from mindspore import nn

from ..runtime.environment import usable_cpus
from .batch_moments import BatchMoments
from .differentiable import (
    Buffers,
    Differentiable,
    Increase,
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
from .folding import fold_batch_norm
from .layers import Layer, read_layers
from .library import (
    BIAS,
    DIFF_BIAS,
    DIFF_DST,
    DIFF_SRC,
    DIFF_WEIGHTS,
    DST,
    SRC,
    WEIGHTS,
    EngineUnavailable,
    Memory,
    Stream,
    describe,
    run,
)

GROUP = 4  # pictures that go through the network together, at most


class TrainingPass:
    """Forward and backward pass of the backbone for batches of one shape.

    Batch normalisation uses the moments given where its cells' use_batch_statistics is False, as in fine-tuning, or else those
    of the batch; then forward updates the moving ones. Parameters are read from the network in each forward pass.

    The result depends on the number of threads, in the last digits, and on nothing else besides the numbers.
    """

    def __init__(
        self, network: nn.Cell, batch: int, side: int, blocks: Optional[int] = None, threads: Optional[int] = None
    ):
        """batch, side: of the pictures. blocks: that many of network.features are trained, the last ones; None: all. threads:
        None: as many as CPUs.

        Raises EngineUnavailable where oneDNN is missing or has no fast code for this network.
        """
        found = read_layers(network)
        first = len(found) - len(read_layers(network, slice(-blocks if blocks else None, None)))
        kinds = {layer.norm.use_batch_statistics is False for layer in found}
        if len(kinds) > 1:
            raise EngineUnavailable("some of the network's moments are given, others are the batch's")
        kind = GivenMoments if kinds.pop() else BatchMoments
        same = network.architecture.padding == "same"
        self._shape = (batch, 3, side, side)
        self._pass = kind(found, first, same, self._shape, threads or usable_cpus())

    def forward(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures f32 [N, 3, S, S] -> feature maps f32 [N, channels, S / 32, S / 32].

        The pictures must stay as they are until `backward` has returned.
        """
        if pictures.shape != self._shape:
            raise ValueError(f"pictures of shape {pictures.shape}; this pass is for {self._shape}")
        return self._pass.forward(np.ascontiguousarray(pictures, np.float32))

    def backward(self, gradient: np.ndarray) -> Dict[str, np.ndarray]:
        """The gradient of the last feature maps, f32 of their shape -> those of the trained parameters, f32, by name.

        The parameters must be those of the last forward pass.
        """
        return self._pass.backward(np.asarray(gradient, np.float32))


class _Plan:
    """The primitives for a group of so many pictures, and the weights in their layouts; all threads use them."""

    def __init__(self, found: Sequence[Layer], first: int, same: bool, shape: Sequence[int]):
        """first: trained layer. shape: of the pictures."""
        self.input = src = describe(shape, "plain")
        block, self.convolutions = block_size(found), []  # type: Tuple[int, List[Differentiable]]
        for i, layer in enumerate(found):
            one = Differentiable(layer, layer.weight().shape, src, same, block, True, i >= first, i > first)
            self.convolutions.append(one)
            src = one.dst
        self.weights = [Weights(one) for one in self.convolutions]


class _Thread:
    """What a thread has of its own: its pictures in groups, memory, and the sums of the gradients over its groups.

    weights: of each trained layer, in the plain layout; biases: f32 [O] of each.
    """

    def __init__(self, found: Sequence[Layer], first: int, plans: Sequence[_Plan], pictures: Sequence[slice]):
        self.stream, self.pictures = Stream(), pictures
        trained = plans[0].convolutions[first:]
        self.weights = [Memory(describe(one.shape, "plain")) for one in trained]
        self.biases = [np.zeros(one.shape[0], np.float32) for one in trained]
        convolutions = [one for plan in set(plans) for one in plan.convolutions]
        inputs = [one.src for plan in plans for i, one in enumerate(plan.convolutions) if begins_block(found, i)]
        self.buffers = Buffers(convolutions, inputs)
        self.groups = [_Group(found, first, plan, self) for plan in plans]

    def forward(self, pictures: np.ndarray, features: np.ndarray) -> None:
        for group, part in zip(self.groups, self.pictures):
            group.input.point_to(pictures[part])
            run(group.forward, self.stream)
            features[part] = group.outlet.features

    def backward(self, gradient: np.ndarray) -> None:
        for total in (*(memory.array for memory in self.weights), *self.biases):
            total[:] = 0
        for group, part in zip(self.groups, self.pictures):
            group.outlet.gradient[:] = gradient[part]
            run(group.backward, self.stream)


class _Group:
    """A group of pictures: its feature maps, and what is done with them.

    Only the maps that the gradients need are kept, from the input of the first trained layer on.
    """

    def __init__(self, found: Sequence[Layer], first: int, plan: _Plan, thread: _Thread):
        self._found, self._first, self._plan, self._thread = found, first, plan, thread
        self.input = Memory(plan.input)
        self.forward: List[Step] = []
        self._maps = self._go_forward()
        last = self._maps[-1]
        gradient = Memory(last.desc, thread.buffers.wide[0])
        self.outlet = Outlet(last, gradient)
        self.forward.append(self.outlet.leave)
        self.backward: List[Step] = [self.outlet.enter]
        self._go_back(gradient)

    def _go_forward(self) -> List[Memory]:
        """Fills self.forward. Returns the results of all layers."""
        buffers, maps = self._thread.buffers, []  # type: Buffers, List[Memory]
        x = held = self.input
        for i, (layer, one, weights) in enumerate(zip(self._found, self._plan.convolutions, self._plan.weights)):
            if begins_block(self._found, i):
                held = x
            ends = i + 1 < len(self._found) and begins_block(self._found, i + 1)
            kept = i + 1 >= self._first
            y = Memory(one.dst, None if kept else another(buffers.narrow if ends else buffers.wide, x, held))
            arguments = {SRC: x, WEIGHTS: weights.forward, BIAS: weights.bias, DST: y}
            self.forward.append(one.forward.bind(arguments, buffers.scratch))
            if layer.residual:
                self.forward.append(plus(y, held, y))
            maps.append(y)
            x = y
        return maps

    def _go_back(self, gradient: Memory) -> None:
        """Fills self.backward. gradient: of the last map."""
        buffers, carried, steps = self._thread.buffers, None, self.backward
        for i in range(len(self._found) - 1, self._first - 1, -1):
            layer, one, y = self._found[i], self._plan.convolutions[i], self._maps[i]
            if layer.relu6:
                steps.append(one.gate.bind({DST: y, DIFF_DST: gradient, DIFF_SRC: gradient}, buffers.scratch))
            if layer.residual:
                carried = gradient
            self._add_weights(i, gradient)
            if i == self._first:
                return
            begins = begins_block(self._found, i)
            target = Memory(one.src, another(buffers.narrow if begins else buffers.wide, gradient, carried))
            arguments = {DIFF_DST: gradient, WEIGHTS: self._plan.weights[i].backward, DIFF_SRC: target}
            steps.append(one.backward_data.bind(arguments, buffers.scratch))
            if begins and carried is not None:
                steps.append(plus(target, carried, target))
                carried = None
            gradient = target

    def _add_weights(self, i: int, gradient: Memory) -> None:
        """The gradients of a layer's weights and bias, added to the thread's sums."""
        thread, one, number = self._thread, self._plan.convolutions[i], i - self._first
        buffers = thread.buffers
        source, fill = one.border(self._maps[i - 1] if i else self.input, buffers.border)
        d_weights, d_bias = Memory(one.d_weights, buffers.gradient), Memory(one.channels, buffers.bias)
        arguments = {SRC: source, DIFF_DST: gradient, DIFF_WEIGHTS: d_weights, DIFF_BIAS: d_bias}
        self.backward += [
            *fill,
            one.backward_weights.bind(arguments, buffers.scratch),
            move(d_weights, thread.weights[number], add=True),
            Increase(thread.biases[number], values(d_bias)),
        ]


class GivenMoments:
    """Normalised by the moments given: they are folded into the convolutions, so every picture is on its own.

    Each thread takes some of the pictures, in groups. Arguments of its functions are as those of TrainingPass."""

    def __init__(self, found: Sequence[Layer], first: int, same: bool, shape: Tuple[int, ...], threads: int):
        """first: trained layer. same: padding. shape: of the pictures."""
        self._found, self._first = found, first
        groups = _shares(shape[0], threads)
        sizes = {part.stop - part.start for share in groups for part in share}
        self._plans = {size: _Plan(found, first, same, (size, *shape[1:])) for size in sizes}
        self._threads = [
            _Thread(found, first, [self._plans[part.stop - part.start] for part in share], share) for share in groups
        ]
        outlet = self._threads[0].groups[0].outlet
        self._features = (shape[0], *outlet.features.shape[1:])
        self._team = Team(len(groups))
        self._stream = Stream()

    def forward(self, pictures: np.ndarray) -> np.ndarray:
        for i, layer in enumerate(self._found):
            weight, bias = fold_batch_norm(layer.convolution.weight.asnumpy(), layer.norms(), layer.norm.eps)
            for plan in self._plans.values():
                values(plan.weights[i].bias)[:] = bias
                plan.weights[i].set(weight.reshape(plan.convolutions[i].shape), self._stream)
        features = np.empty(self._features, np.float32)
        self._team.run(lambda thread: thread.forward(pictures, features), self._threads)
        return features

    def backward(self, gradient: np.ndarray) -> Dict[str, np.ndarray]:
        self._team.run(lambda thread: thread.backward(gradient), self._threads)
        found: Dict[str, np.ndarray] = {}
        for number, layer in enumerate(self._found[self._first :]):
            d_folded = _total([values(thread.weights[number]) for thread in self._threads])
            d_bias = _total([thread.biases[number] for thread in self._threads])
            found.update(_unfolded(layer, d_folded, d_bias))
        return found


def _shares(pictures: int, threads: int) -> List[List[slice]]:
    """The pictures of each thread, in groups; all of one size but the last one. Threads may be fewer."""
    share = -(-pictures // threads)
    count = -(-share // GROUP)  # groups of a thread
    size = -(-share // count)
    groups = [slice(start, min(start + size, pictures)) for start in range(0, pictures, size)]
    return [groups[start : start + count] for start in range(0, len(groups), count)]


def _total(arrays: List[np.ndarray]) -> np.ndarray:
    """Their sum, in their order, in an array of its own."""
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total


def _unfolded(layer: Layer, d_folded: np.ndarray, d_bias: np.ndarray) -> Dict[str, np.ndarray]:
    """The gradients of a layer's parameters, from those of the folded weights and bias."""
    convolution, norm = layer.convolution, layer.norm
    weight, (gamma, _, mean, variance) = convolution.weight.asnumpy(), layer.norms()
    inverse = 1 / np.sqrt(variance + np.float32(norm.eps))
    d_folded = d_folded.reshape(weight.shape)
    return {
        convolution.weight.name: d_folded * (gamma * inverse)[:, None, None, None],
        norm.gamma.name: (np.einsum("oikl,oikl->o", d_folded, weight) - d_bias * mean) * inverse,
        norm.beta.name: d_bias,
    }
