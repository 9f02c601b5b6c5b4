"""Class activation maps: which parts of the image support the answer (Zhou et al. 2016, arXiv 1512.04150)."""

import numpy as np
from PIL import Image

from ..data.image import Preprocessing

STRENGTH = 0.55  # opacity of the overlay where the map is 1
WARM = np.array((255, 64, 0), np.float32)  # color of the overlay, RGB


def class_activation_map(feature_map: np.ndarray, weight: np.ndarray, label: int) -> np.ndarray:
    """feature_map f32 [channels, h, w], classifier weight f32 [classes, channels] -> f32 [h, w], 0-1.

    Exact for MobileNetV2, where average pooling and the linear classifier commute. Evidence for the label counts relative to
    the mean over all classes; negative values become 0.
    """
    activation = np.maximum(np.tensordot(weight[label] - weight.mean(0), feature_map, 1), 0)
    return activation / max(float(activation.max()), 1e-12)


def overlay(pixels: np.ndarray, activation: np.ndarray, preprocessing: Preprocessing) -> Image.Image:
    """Network input f32 [3, size, size] (`image.preprocess`) -> RGB image, blended with WARM in proportion to the activation.

    activation: f32 [h, w], 0-1.
    """
    mean, std = np.array(preprocessing.mean, np.float32), np.array(preprocessing.std, np.float32)
    image = (pixels.transpose(1, 2, 0) * std + mean) * 255  # f32 [size, size, 3]
    size = (preprocessing.size, preprocessing.size)
    resized = np.asarray(Image.fromarray(activation).resize(size, Image.Resampling.BICUBIC))
    opacity = resized.clip(0, 1)[..., None] * STRENGTH
    return Image.fromarray((image * (1 - opacity) + WARM * opacity).clip(0, 255).round().astype(np.uint8))
