"""Batch normalisation as part of the convolution before it."""

from typing import Tuple

import numpy as np


def fold_batch_norm(
    weight: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray, epsilon: float
) -> Tuple[np.ndarray, np.ndarray]:
    """Weight f32 [O, I, K, K] and bias f32 [O] that do what the convolution and the batch normalisation after it do."""
    scale = gamma / np.sqrt(variance + np.float32(epsilon))
    return weight * scale[:, None, None, None], beta - mean * scale
