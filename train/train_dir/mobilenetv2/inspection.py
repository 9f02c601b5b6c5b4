"""What the finders of issues.py are given."""

from dataclasses import dataclass
from typing import Sequence, Tuple

from .copy_search import Pair
from .folder import Photo, PhotoSet
from .glance import Glance


@dataclass(frozen=True)
class Inspection:
    """data: the photos that are used. stats: of these photos, in their order. photos, pairs: all that can be read, and copies
    among them, as indices into `photos`."""

    data: PhotoSet
    stats: Sequence[Glance]
    photos: Tuple[Photo, ...]
    pairs: Sequence[Pair]
