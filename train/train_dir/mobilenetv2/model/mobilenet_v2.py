"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2)."""

import numpy as np
from mindspore import Tensor, nn
from mindspore.common.initializer import initializer

from .architecture import BLOCKS, Architecture, round_channels


class ConvNorm(nn.SequentialCell):
    """Convolution, batch normalisation and, unless linear, ReLU6."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        architecture: Architecture,
        kernel: int = 1,
        stride: int = 1,
        group: int = 1,
        linear: bool = False,
    ):
        same = architecture.padding == "same"
        cells = [
            nn.Conv2d(
                inputs,
                outputs,
                kernel,
                stride,
                group=group,
                pad_mode="same" if same else "pad",
                padding=0 if same else kernel // 2,
                weight_init="HeNormal",
            ),
            nn.BatchNorm2d(outputs, eps=architecture.epsilon),
        ]
        super().__init__(*(cells if linear else [*cells, nn.ReLU6()]))


class InvertedResidual(nn.Cell):
    """Inverted residual block: 1x1 expansion, depthwise 3x3, linear 1x1 projection.

    The input is added where it has the same shape.
    """

    def __init__(self, inputs: int, outputs: int, architecture: Architecture, expansion: int, stride: int):
        super().__init__()
        hidden = inputs * expansion
        expand = [ConvNorm(inputs, hidden, architecture)] if expansion > 1 else []
        self.conv = nn.SequentialCell(
            *expand,
            ConvNorm(hidden, hidden, architecture, kernel=3, stride=stride, group=hidden),
            ConvNorm(hidden, outputs, architecture, linear=True),
        )
        self.residual = stride == 1 and inputs == outputs
        if self.residual:
            # The block starts as the identity, so that training from random weights progresses from the first step on (Goyal
            # et al. 2017, section 5.1).
            self.conv[-1][1].gamma.set_data(initializer("zeros", outputs))

    def construct(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return x + y if self.residual else y


class Backbone(nn.SequentialCell):
    """f32 [N, 3, S, S] -> f32 [N, last, S / 32, S / 32]: the stem, 17 blocks, the last 1x1 convolution.

    A class of its own because its name is part of fingerprints.
    """


class MobileNetV2(nn.Cell):
    """f32 [N, 3, S, S] -> logits f32 [N, classes]. S: the side that it was trained for, usually 224."""

    def __init__(self, architecture: Architecture, classes: int):
        super().__init__()
        self.architecture = architecture
        stem = round_channels(32 * architecture.width)
        stages, inputs = [ConvNorm(3, stem, architecture, kernel=3, stride=2)], stem
        for expansion, outputs, repeats, stride in BLOCKS:
            outputs = round_channels(outputs * architecture.width)
            for repeat in range(repeats):
                stages.append(InvertedResidual(inputs, outputs, architecture, expansion, stride if repeat == 0 else 1))
                inputs = outputs
        last = round_channels(architecture.last * max(1.0, architecture.width))
        stages.append(ConvNorm(inputs, last, architecture))
        self.features = Backbone(*stages)
        # Zeros: on fixed features the problem is convex, and random weights would stay in directions without a gradient.
        self.classifier = nn.Dense(last, classes, weight_init="zeros", bias_init="zeros")

    def construct(self, x: Tensor) -> Tensor:
        return self.classifier(global_pool(self.features(x)))


def global_pool(feature_map: Tensor) -> Tensor:
    """Global average pooling: f32 [N, C, S, S], as a tensor or an array -> f32 [N, C]."""
    return feature_map.mean((2, 3))


def center_border(side: int) -> int:
    """What `center_pool` leaves out on each side of a feature map of this side."""
    return side // 7


def center_pool(feature_map: Tensor) -> Tensor:
    """Average pooling without the outer seventh on each side: f32 [N, C, S, S], as a tensor or an array -> f32 [N, C].

    It describes the subject of a picture rather than its background.
    """
    border = center_border(feature_map.shape[2])
    inner = slice(border, feature_map.shape[2] - border)
    return feature_map[:, :, inner, inner].mean((2, 3))


def expected_features(network: MobileNetV2) -> np.ndarray:
    """f32 [channels]: the mean of `global_pool` over the pictures that the network was trained with.

    Its last batch normalisation knows it: before ReLU6, the deviation of a channel was gamma there, and the mean beta. The
    distribution is taken as normal."""
    from scipy.special import ndtr  # takes a tenth of a second, and the page does not need it

    norm = network.features[-1][1]
    deviation, mean = np.maximum(np.abs(norm.gamma.asnumpy()), 1e-6).astype(float), norm.beta.asnumpy().astype(float)

    def above(limit: float) -> np.ndarray:
        """Mean of what exceeds the limit."""
        excess = (mean - limit) / deviation
        return (mean - limit) * ndtr(excess) + deviation * np.exp(-(excess**2) / 2) / np.sqrt(2 * np.pi)

    return (above(0) - above(6)).astype(np.float32)
