"""Batch normalisation as part of the convolution before it."""

from typing import Sequence, Tuple

import numpy as np


def fold_batch_norm(weight: np.ndarray, norm: Sequence[np.ndarray], epsilon: float) -> Tuple[np.ndarray, np.ndarray]:
    """weight f32 [O, I, K, K]; norm: gamma, beta, mean and variance, f32 [O] each -> weight f32 [O, I, K, K] and bias f32 [O]
    that do what the convolution and the batch normalisation after it do."""
    gamma, beta, mean, variance = norm
    scale = gamma / np.sqrt(variance + np.float32(epsilon))
    return weight * scale[:, None, None, None], beta - mean * scale
