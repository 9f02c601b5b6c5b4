"""Inputs of the network that the check of the photos has decoded anyway, kept until the network wants them: most data sets are
decoded only once."""

from collections import deque
from contextlib import suppress
from typing import Dict, Optional

import numpy as np
from PIL import Image

from .image import Preprocessing, center_crop, normalize

MAX_BYTES = 128 * 2**20  # 891 inputs of 224 x 224 pixels


class DecodedPhotos:
    """Maps the SHA-256 of a photo to its view 0, as long as there is room; to be used from any thread."""

    def __init__(self, preprocessing: Preprocessing):
        self.preprocessing = preprocessing
        size = preprocessing.size
        # One piece of memory, which the system gets back as a whole; what is not written to, it does not give.
        self._pictures = np.empty((MAX_BYTES // (3 * size**2), size, size, 3), np.uint8)
        self._free = deque(range(len(self._pictures)))
        self._places: Dict[str, int] = {}

    def keep(self, digest: str, image: Image.Image) -> None:
        """image: as `pixels.decode` returns it."""
        if digest in self._places:  # a copy
            return
        with suppress(IndexError):  # no room
            place = self._free.popleft()
            self._pictures[place] = center_crop(image, self.preprocessing.size)
            self._places[digest] = place

    def take(self, digest: str) -> Optional[np.ndarray]:
        """f32 [3, size, size], exactly what `pixels` makes of the photo; None where it is not here, or no more. With the last
        one, the memory is given back."""
        pictures = self._pictures  # another thread may take the last one meanwhile
        place = self._places.pop(digest, None)
        if place is None:
            return None
        picture = normalize(pictures[place], self.preprocessing)
        if not self._places:
            self.clear()
        return picture

    def clear(self) -> None:
        """Give the memory back."""
        self._places.clear()
        self._free.clear()
        self._pictures = self._pictures[:0].copy()
