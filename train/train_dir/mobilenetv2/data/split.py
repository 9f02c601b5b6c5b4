"""The program's own split of a data set that comes without a validation folder."""

import hashlib
from dataclasses import replace
from typing import Dict, List, Sequence

import numpy as np

from .dataset import Photo

VALIDATION_SHARE = 0.2  # of the photos of each class


def split_photos(photos: Sequence[Photo], groups: np.ndarray, seed: int) -> List[Photo]:
    """The photos in the same order, some of those in "train" moved to "val": VALIDATION_SHARE of each class, or less where
    groups are large, but at least one of a class with two groups. Depends on file names and seed, not on the folder.

    groups: i64 [N] (`copy_search.copy_groups`). A group goes to one side as a whole, so that no copy of a photo to validate is
    trained on. It counts for the class of its first photo."""
    members: Dict[int, List[int]] = {}
    for index, photo in enumerate(photos):
        if photo.split == "train":
            members.setdefault(int(groups[index]), []).append(index)
    drawn = sorted(members.values(), key=lambda group: _draw(photos[group[0]], seed))
    labels = np.array([photo.label for photo in photos])
    every = np.array([index for group in drawn for index in group], int)
    chosen: List[int] = []
    for label in sorted({int(labels[group[0]]) for group in drawn}):
        own = [group for group in drawn if labels[group[0]] == label]
        if len(own) < 2:
            continue
        held = int((labels[chosen] == label).sum())  # in groups of an earlier class
        room = max(1, round(VALIDATION_SHARE * int((labels[every] == label).sum()))) - held
        sizes = [int((labels[group] == label).sum()) for group in own]
        taken: List[List[int]] = []
        for group, size in zip(own, sizes):
            if size <= room:
                taken.append(group)
                room -= size
        if not taken and not held:
            taken = [own[int(np.argmin(sizes))]]
        chosen += [index for group in taken for index in group]
    moved = set(chosen)
    return [replace(photo, split="val") if index in moved else photo for index, photo in enumerate(photos)]


def _draw(photo: Photo, seed: int) -> bytes:
    """Decides which photos come first."""
    return hashlib.sha256(f"{seed}/{photo.file.name}".encode("utf-8", "surrogateescape")).digest()
