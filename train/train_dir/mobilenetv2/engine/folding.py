"""Batch normalisation folded into the convolution before it."""

from typing import Sequence, Tuple

import numpy as np


def fold_batch_norm(weight: np.ndarray, norm: Sequence[np.ndarray], epsilon: float) -> Tuple[np.ndarray, np.ndarray]:
    """Weight f32 [O, I, K, K] and bias f32 [O] of one convolution that replaces a convolution and its batch normalisation.

    weight: f32 [O, I, K, K]. norm: gamma, beta, mean and variance, f32 [O] each. epsilon: added to the variance.
    """
    gamma, beta, mean, variance = norm
    scale = gamma / np.sqrt(variance + np.float32(epsilon))
    return weight * scale[:, None, None, None], beta - mean * scale
