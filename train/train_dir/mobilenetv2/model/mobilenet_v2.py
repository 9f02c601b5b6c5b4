"""MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381, table 2)."""

from dataclasses import dataclass
from typing import Any

from mindspore import Tensor, nn, ops
from mindspore.common.initializer import initializer

from ..runtime.device import on_cpu

try:
    from ..engine.depthwise import depthwise_training
except (ImportError, OSError):  # not available for this machine or Python: MindSpore's operators do the same, slower
    depthwise_training = None  # type: ignore[assignment]

# expansion t, output channels c, repeats n, stride s of the first repeat
BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
NUM_BLOCKS = 2 + sum(n for _, _, n, _ in BLOCKS)  # 19: the stem, 17 blocks, the last 1x1 convolution


@dataclass(frozen=True)
class Architecture:
    """What defines the network besides its weights. The checkpoint contains it.

    width: multiplier of all channel counts. padding: of 3x3 convolutions, "symmetric" (1 on each side, as in PyTorch and
    MindCV) or "same" (as in TensorFlow; differs where the stride is 2). epsilon: added to the variance in batch normalisation.
    last: channels of the last 1x1 convolution, the classifier's features; a width above 1 multiplies them, too.
    """

    width: float = 1.0
    padding: str = "symmetric"
    epsilon: float = 1e-5
    last: int = 1280


def round_channels(count: float) -> int:
    """Round to a multiple of 8, 8 or more, and never down by more than a tenth. The authors' code does the same."""
    rounded = max(8, int(count + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * count else rounded


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

    The input is added where it has the same shape. fused: operators for training, or None where there are none.
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
        self.expands = expansion > 1
        self.residual = stride == 1 and inputs == outputs
        if self.residual:
            # The block starts as the identity, so that training from random weights progresses from the first step on (Goyal
            # et al. 2017, section 5.1).
            self.conv[-1][1].gamma.set_data(initializer("zeros", outputs))
        self.fused: Any = None
        if depthwise_training is not None and on_cpu() and (self.expands or not self.residual):
            self.fused = depthwise_training(stride, architecture.padding == "same", architecture.epsilon)

    def construct(self, x: Tensor) -> Tensor:
        if self.training and self.fused is not None and self.expands:
            y = self.train_fused(self.conv[0][1], self.conv[0][0](x))
        else:
            y = self.conv(x)
        return x + y if self.residual else y

    def train_fused(self, first: nn.BatchNorm2d, x: Tensor) -> Tensor:
        """`first`, ReLU6 and the rest of self.conv, in training, with the fused operator.

        first: the batch normalisation before the depthwise convolution. x: its input, f32 [N, hidden, H, W].
        """
        second = self.conv[-2][1]
        batch = first.use_batch_statistics is None
        norms = ops.stack((first.gamma, first.beta, second.gamma, second.beta))
        moments = ops.stack((first.moving_mean, first.moving_variance, second.moving_mean, second.moving_variance))
        y, measured = self.fused[batch](x, self.conv[-2][0].weight, norms, moments)
        if batch:
            moments = moments + first.momentum * (measured - moments)  # MindSpore stores 1 - momentum there
            ops.assign(first.moving_mean, moments[0])
            ops.assign(first.moving_variance, moments[1])
            ops.assign(second.moving_mean, moments[2])
            ops.assign(second.moving_variance, moments[3])
        return self.conv[-1](y)


class Backbone(nn.SequentialCell):
    """f32 [N, 3, S, S] -> f32 [N, last, S / 32, S / 32]: the stem, 17 blocks, the last 1x1 convolution."""

    def construct(self, x: Tensor) -> Tensor:
        stem, block = self.cell_list[0], self.cell_list[1]
        # The first block has no expansion: its fused operator follows the stem's convolution.
        fused = self.training and block.fused is not None
        x = block.train_fused(stem[1], stem[0](x)) if fused else block(stem(x))
        for cell in self.cell_list[2:]:
            x = cell(x)
        return x


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


def center_pool(feature_map: Tensor) -> Tensor:
    """Average pooling without the outer seventh on each side: f32 [N, C, S, S], as a tensor or an array -> f32 [N, C].

    It describes the subject of a picture rather than its background.
    """
    border = feature_map.shape[2] // 7
    inner = slice(border, feature_map.shape[2] - border)
    return feature_map[:, :, inner, inner].mean((2, 3))
