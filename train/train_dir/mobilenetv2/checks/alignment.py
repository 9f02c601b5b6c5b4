"""Alignment of thumbnails: which window of one picture does another one show?

Lucas and Kanade, "An iterative image registration technique", IJCAI 1981; here with a scale and a shift for each axis.
"""

import numpy as np

from ..data.image_stats import SIDE

WHOLE = np.array([[1, 0, 1, 0]], np.float32)  # the window of the whole image: width, left, height, top


def align(whole: np.ndarray, part: np.ndarray, window: np.ndarray, side: int, steps: int) -> np.ndarray:
    """The window of `whole` that shows `part`: width, left, height, top (0-1), f32 [P, 4]; from an initial one.

    Gauss-Newton on the difference at side x side pixels, both with mean 0 and norm 1: brightness and contrast do not matter.
    """
    window = window.copy()
    target = standardize(crop(part, WHOLE, side))  # f32 [P, side, side]
    along = ((np.arange(side) + 0.5) / side).astype(np.float32)
    for _ in range(steps):
        seen = standardize(crop(whole, window, side))
        down, right = np.gradient(seen, np.float32(1 / side), axis=(1, 2))
        jacobian = np.stack([right * along, right, down * along[:, None], down], 1).reshape(len(seen), 4, -1)
        jacobian -= jacobian.mean(2, keepdims=True)
        normal_matrix = jacobian @ jacobian.transpose(0, 2, 1)
        diagonal = normal_matrix[:, range(4), range(4)]
        normal_matrix[:, range(4), range(4)] = 1.01 * diagonal + 1e-6  # Levenberg-Marquardt damping
        right_side = jacobian @ (target - seen).reshape(len(seen), -1, 1)
        step = np.clip(np.linalg.solve(normal_matrix, right_side)[:, :, 0], -0.1, 0.1)  # in sides of the window
        scale = window[:, ::2].copy()
        window[:, ::2] = np.clip(scale * (1 + step[:, ::2]), 0.5, 1.1)
        window[:, 1::2] = np.clip(window[:, 1::2] + scale * step[:, 1::2], -0.05, 1.05 - window[:, ::2])
    return window


def crop(pictures: np.ndarray, window: np.ndarray, side: int) -> np.ndarray:
    """pictures f32 [P, SIDE, SIDE], a window (width, left, height, top; 0-1) of each -> f32 [P, side, side]."""
    rows, columns = _sample_weights(window[:, 2], window[:, 3], side), _sample_weights(window[:, 0], window[:, 1], side)
    return rows @ pictures @ columns.transpose(0, 2, 1)


def _sample_weights(scale: np.ndarray, start: np.ndarray, side: int) -> np.ndarray:
    """f32 [P, side, SIDE]: weights of the pixels in each sample, for a triangle filter. scale, start: f32 [P], 0-1."""
    samples = (start[:, None] + scale[:, None] * (np.arange(side, dtype=np.float32) + 0.5) / side) * SIDE - 0.5
    samples = np.clip(samples, 0, SIDE - 1)
    reach = np.maximum(1, scale * SIDE / side)[:, None, None]
    weight = np.maximum(0, 1 - np.abs(samples[:, :, None] - np.arange(SIDE, dtype=np.float32)) / reach)
    return weight / weight.sum(2, keepdims=True)


def standardize(pictures: np.ndarray) -> np.ndarray:
    """f32 [P, side, side] -> each with mean 0 and norm 1."""
    centered = pictures - pictures.mean((1, 2), keepdims=True)
    return centered / np.maximum(np.sqrt((centered**2).sum((1, 2), keepdims=True)), 1e-6)


def smooth(pictures: np.ndarray, times: int) -> np.ndarray:
    """f32 [P, side, side, ...] -> the same, blurred `times` times by [1, 2, 1] / 4 along both axes."""
    for axis in (1, 2):
        for _ in range(times):
            before, after = np.roll(pictures, 1, axis), np.roll(pictures, -1, axis)
            for shifted, end in ((before, 0), (after, -1)):
                edge = (slice(None),) * axis + (end,)
                shifted[edge] = pictures[edge]
            pictures = (before + 2 * pictures + after) / 4
    return pictures
