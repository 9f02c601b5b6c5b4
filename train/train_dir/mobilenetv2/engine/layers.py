"""MobileNetV2 as oneDNN is given it: a list of convolutions, from input to output.

Read from the network's own cells (model/mobilenet_v2.py), so that nothing about the network stands here a second time.
"""

from typing import Any, List, NamedTuple, Tuple

import numpy as np
from mindspore import nn

from .library import Geometry


class Layer(NamedTuple):
    """A convolution and the batch normalisation after it.

    convolution, norm: MindSpore's cells. depthwise: one channel at a time. relu6: whether ReLU6 follows. residual: whether the
    input of the block is added; a layer without ReLU6 ends a block."""

    convolution: Any
    norm: Any
    depthwise: bool
    relu6: bool
    residual: bool

    @property
    def stride(self) -> int:
        return self.convolution.stride[0]

    @property
    def outputs(self) -> int:
        return self.convolution.out_channels

    def weight(self) -> np.ndarray:
        """f32 [O, I, K, K], of a depthwise convolution [O, 1, 1, K, K] as oneDNN counts its groups."""
        weight = self.convolution.weight.asnumpy()
        return weight[:, None] if self.depthwise else weight

    def norms(self) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """gamma, beta, mean and variance, f32 [O] each."""
        norm = self.norm
        parts = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
        gamma, beta, mean, variance = (part.asnumpy() for part in parts)
        return gamma, beta, mean, variance

    def geometry(self, side: int, same: bool) -> Tuple[int, Geometry]:
        """Side of the result for pictures of this side; same: padding as in TensorFlow, else symmetric."""
        if self.convolution.kernel_size[0] == 1:
            return side, Geometry(1, 0, 0)
        outputs = -(-side // self.stride)
        needed = self.stride * (outputs - 1) + 3 - side
        before = max(needed, 0) // 2 if same else 1
        return outputs, Geometry(self.stride, before, max(0, needed - before))


def read_layers(network: nn.Cell, parts: slice = slice(None)) -> List[Layer]:
    """Of a MobileNetV2's backbone: the stem, the blocks, the last convolution. parts: those of network.features."""
    stem, *blocks, last = network.features
    found = [[Layer(stem[0], stem[1], False, True, False)]]
    for block in blocks:
        *expansion, depthwise, projection = block.conv
        layers = [Layer(one[0], one[1], False, True, False) for one in expansion]
        layers.append(Layer(depthwise[0], depthwise[1], True, True, False))
        layers.append(Layer(projection[0], projection[1], False, False, block.residual))
        found.append(layers)
    found.append([Layer(last[0], last[1], False, True, False)])
    return [layer for layers in found[parts] for layer in layers]


def map_side(network: nn.Cell, side: int) -> int:
    """Side of the feature map of pictures of this side."""
    for layer in read_layers(network):
        side, _ = layer.geometry(side, network.architecture.padding == "same")
    return side
