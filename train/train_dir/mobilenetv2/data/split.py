"""The program's own split of a data set that comes without a validation folder."""

import hashlib
from collections import Counter
from dataclasses import replace
from typing import Dict, List, Sequence

import numpy as np

from .dataset import IN_TURN, LEARNED, SHARE, Photo

VALIDATION_SHARE = 0.2  # of the photos of each class


def choose_validation(photos: Sequence[Photo], groups: np.ndarray, in_turn: bool) -> str:
    """How photos without a validation folder can be validated, see `PhotoSet.validation`. groups: i64 [N], as in `split_photos`.
    in_turn: whether the photos can be answered in turn, which takes a classifier on fixed features."""
    trained = np.array([photo.split == "train" for photo in photos], bool)
    labels = np.array([photo.label for photo in photos], int)[trained]
    most = count_distinct(labels, groups[trained]).max(initial=0)
    if most < 2:
        return LEARNED
    return IN_TURN if in_turn and most * VALIDATION_SHARE < 1 else SHARE


def count_distinct(labels: np.ndarray, groups: np.ndarray, classes: int = 0) -> np.ndarray:
    """i64 [C]: photos of each class that are no copies of each other. labels: i32 [N], groups: i64 [N]
    (`copy_search.copy_groups`), of the photos. classes: their number, at least; others have none."""
    pairs = set(zip(labels.tolist(), groups.tolist()))
    return np.bincount(np.array([label for label, _ in pairs], int), minlength=classes)


def validate_learned(photos: Sequence[Photo], groups: np.ndarray, validation: str) -> List[Photo]:
    """The training photos that are validation photos, too: with IN_TURN, of the classes that have others to learn from.

    photos: sorted. groups: i64 [N], as in `split_photos`. validation: one of `PhotoSet.validation`."""
    if validation not in (IN_TURN, LEARNED):
        return []
    rows = [row for row, photo in enumerate(photos) if photo.split == "train"]
    labels = np.array([photos[row].label for row in rows], int)
    several = count_distinct(labels, groups[rows])[labels] > 1
    chosen = (row for row, one in zip(rows, several) if one or validation == LEARNED)
    return [replace(photos[row], split="val") for row in chosen]


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
    labels = [photo.label for photo in photos]
    by_class: Dict[int, List[List[int]]] = {}
    for group in drawn:
        by_class.setdefault(labels[group[0]], []).append(group)
    every = Counter(labels[index] for group in drawn for index in group)
    chosen: List[int] = []
    held_of: Counter = Counter()  # chosen photos, by class
    for label, own in sorted(by_class.items()):
        if len(own) < 2:
            continue
        held = held_of[label]  # in groups of an earlier class
        room = max(1, round(VALIDATION_SHARE * every[label])) - held
        sizes = [sum(labels[index] == label for index in group) for group in own]
        taken: List[List[int]] = []
        for group, size in zip(own, sizes):
            if size <= room:
                taken.append(group)
                room -= size
        if not taken and not held:
            taken = [own[int(np.argmin(sizes))]]
        chosen += [index for group in taken for index in group]
        held_of.update(labels[index] for group in taken for index in group)
    moved = set(chosen)
    return [replace(photo, split="val") if index in moved else photo for index, photo in enumerate(photos)]


def _draw(photo: Photo, seed: int) -> bytes:
    """Decides which photos come first."""
    return hashlib.sha256(f"{seed}/{photo.file.name}".encode("utf-8", "surrogateescape")).digest()
