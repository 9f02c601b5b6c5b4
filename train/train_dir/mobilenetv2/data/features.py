"""Feature arrays that the backbone computes for photos."""

from typing import NamedTuple

import numpy as np

from .layout import NEITHER

SETS = ("train", "val", NEITHER)  # what `FeatureSets` is of, in its order


class Features(NamedTuple):
    """pooled: f32 [N, views, channels], feature maps averaged over the image, the input of the classifier; view 0 is not
    augmented. center: f32 [N, channels], view 0 averaged over the center of the image, the input of `ood.OutlierDetector`."""

    pooled: np.ndarray
    center: np.ndarray

    @classmethod
    def empty(cls, count: int, views: int, channels: int) -> "Features":
        """Uninitialized arrays for `count` photos."""
        return cls(np.empty((count, views, channels), np.float32), np.empty((count, channels), np.float32))


class FeatureSets(NamedTuple):
    """Features of the training set, the validation set, and the outliers in the folder `neither`."""

    train: Features
    val: Features
    outliers: Features
