"""Whether the numbers in a file can be those of a network: the same for a checkpoint of this program and for others' weights."""

from typing import Dict, List, Sequence

import numpy as np

LARGEST = 1e8  # absolute value of a weight; trained networks stay far below, and larger ones overflow
MEANS = (-1.0, 2.0)  # range; pixels are from 0 to 1
STDS = (1e-3, 10.0)


def implausible(tensors: Dict[str, np.ndarray]) -> List[str]:
    """ "name reason" of each tensor that no trained network has. The names of variances end in variance or running_var."""
    reasons = ((name, _why_not(name, value)) for name, value in tensors.items() if value.size)
    return [f"{name} {reason}" for name, reason in reasons if reason]


def _why_not(name: str, value: np.ndarray) -> str:
    lowest, highest = float(value.min()), float(value.max())  # NaN if one is in it
    if not np.isfinite([lowest, highest]).all():
        return "is not finite"
    if name.endswith(("moving_variance", "running_var")) and lowest < 0:
        return "is a variance below 0"
    return f"has numbers above {LARGEST:.0e}" if max(-lowest, highest) > LARGEST else ""


def check_normalisation(mean: Sequence[float], std: Sequence[float]) -> None:
    """Raises ValueError unless mean and std are those of the three channels of pictures with pixels from 0 to 1."""
    if not (
        len(mean) == len(std) == 3
        and all(MEANS[0] <= number <= MEANS[1] for number in mean)
        and all(STDS[0] <= number <= STDS[1] for number in std)
    ):
        raise ValueError(
            f"its mean is {str(tuple(mean))[:100]} and its std {str(tuple(std))[:100]}; expected three means from "
            f"{MEANS[0]:g} to {MEANS[1]:g} and three stds from {STDS[0]:g} to {STDS[1]:g}, for pixels from 0 to 1"
        )
