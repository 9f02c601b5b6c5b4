"""What defines a MobileNetV2 besides its weights. Needs no MindSpore, so the command line knows it at once."""

from dataclasses import dataclass

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
