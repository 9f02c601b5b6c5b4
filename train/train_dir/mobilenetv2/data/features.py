"""What a network makes of photos, as arrays."""

from typing import NamedTuple

import numpy as np


class Features(NamedTuple):
    """pooled: f32 [N, views, channels], means over the picture, which the classifier works on; view 0 is the photo as the page
    sees it. center: f32 [N, channels], of view 0, the mean over its middle, which `OutlierDetector` works on."""

    pooled: np.ndarray
    center: np.ndarray

    @classmethod
    def empty(cls, count: int, views: int, channels: int) -> "Features":
        return cls(np.empty((count, views, channels), np.float32), np.empty((count, channels), np.float32))


class FeatureSets(NamedTuple):
    """Of the training and validation photos, and of the pictures in the folder `neither`."""

    train: Features
    val: Features
    outliers: Features
