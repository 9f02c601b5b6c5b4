"""Class activation maps: where in the picture the answer comes from."""

import numpy as np
from PIL import Image

from ..data.image import Preprocessing

STRENGTH = 0.55  # of the colour where the map is 1
WARM = np.array((255, 64, 0), np.float32)


def class_activation_map(feature_map: np.ndarray, weight: np.ndarray, label: int) -> np.ndarray:
    """f32 [channels, h, w], weight of the classifier f32 [classes, channels] -> f32 [h, w] from 0 to 1.

    Exact for MobileNetV2, where pooling and the linear classifier can change places (Zhou et al. 2016, arXiv 1512.04150);
    what speaks for the label more than for the other classes on average.
    """
    activation = np.maximum(np.tensordot(weight[label] - weight.mean(0), feature_map, 1), 0)
    return activation / max(float(activation.max()), 1e-12)


def overlay(pixels: np.ndarray, activation: np.ndarray, preprocessing: Preprocessing) -> Image.Image:
    """What the network saw, f32 [3, size, size] as `pixels` makes it -> RGB, warmer the more it speaks for the answer.

    activation: f32 [h, w], 0 to 1.
    """
    mean, std = np.array(preprocessing.mean, np.float32), np.array(preprocessing.std, np.float32)
    seen = (pixels.transpose(1, 2, 0) * std + mean) * 255  # f32 [size, size, 3]
    size = (preprocessing.size, preprocessing.size)
    share = (
        np.asarray(Image.fromarray(activation).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)[..., None] * STRENGTH
    )
    return Image.fromarray((seen * (1 - share) + WARM * share).clip(0, 255).round().astype(np.uint8))
