"""The input of the `find_...` functions in `issues`."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

from ..data.dataset import Photo, PhotoSet
from ..data.image_stats import ImageStats
from .copy_search import Pair


@dataclass(frozen=True)
class Inspection:
    """data, stats: the photos that are used, and their statistics in the same order: zip these two. photos: all that can be
    read, also those that --leaks drop leaves out. pairs: copies, as indices into `photos`."""

    data: PhotoSet
    stats: Sequence[ImageStats]
    photos: Tuple[Photo, ...]
    pairs: Sequence[Pair]

    def dropped(self) -> List[Photo]:
        """The photos that --leaks drop leaves out."""
        used = {photo.name for photo in self.data.photos}
        return [photo for photo in self.photos if photo.name not in used]
