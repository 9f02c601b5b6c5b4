"""Decoded photos, kept in memory from the data check until the features are computed: most data sets are decoded only once."""

from collections import deque
from contextlib import suppress
from typing import Dict, Optional

import numpy as np
from PIL import Image

from .image import Preprocessing, center_crop, normalize

MAX_BYTES = 128 * 2**20  # 891 inputs of 224 x 224 pixels


class DecodedPhotos:
    """Maps the SHA-256 of a photo to its network input (view 0), up to MAX_BYTES in all. Thread-safe."""

    def __init__(self, preprocessing: Preprocessing):
        self.preprocessing = preprocessing
        size = preprocessing.size
        # One allocation, which is returned to the system as a whole. Pages that are never written to take no memory.
        self._pictures = np.empty((MAX_BYTES // (3 * size**2), size, size, 3), np.uint8)
        self._free = deque(range(len(self._pictures)))
        self._slots: Dict[str, int] = {}

    def keep(self, digest: str, image: Image.Image) -> None:
        """Store a photo, if there is room. image: from `image.decode`."""
        if digest in self._slots:  # a copy of the same file
            return
        with suppress(IndexError):  # no room
            slot = self._free.popleft()
            self._pictures[slot] = center_crop(image, self.preprocessing)
            self._slots[digest] = slot

    def take(self, digest: str) -> Optional[np.ndarray]:
        """Remove a photo and return it as f32 [3, size, size], equal to `image.preprocess`; None if it is not stored. The
        memory is freed with the last one."""
        pictures = self._pictures  # another thread may take the last photo, and so free the memory, meanwhile
        slot = self._slots.pop(digest, None)
        if slot is None:
            return None
        picture = normalize(pictures[slot], self.preprocessing)
        if not self._slots:
            self.clear()
        return picture

    def clear(self) -> None:
        """Drop all photos and free the memory."""
        self._slots.clear()
        self._free.clear()
        self._pictures = self._pictures[:0].copy()
