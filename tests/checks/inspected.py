"""A folder of photos as the checks see it."""

from typing import NamedTuple

from mobilenetv2.checks import copy_search, shortcuts
from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.checks.inspection import Inspection
from mobilenetv2.checks.issues import find_issues
from mobilenetv2.data import dataset, image_stats
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.decoded import DecodedPhotos
from mobilenetv2.data.image import Preprocessing


class Inspected(NamedTuple):
    data: dataset.PhotoSet
    stats: list

    def copies(self):
        return copy_search.find_pairs(self.data.photos, [stats.thumbnail for stats in self.stats])

    def shortcuts(self):
        stats = [stats for stats, photo in zip(self.stats, self.data.photos) if photo.split == "train"]
        return shortcuts.measure_shortcuts(self.data.classes, self.data.labels("train"), stats)

    def says(self):
        """Everything, as name -> texts."""
        found = find_issues(Inspection(self.data, self.stats, self.data.photos, self.copies()))
        out = {}
        for finding in found:
            if finding.kind != "giveaway":
                out.setdefault(finding.name, []).append(finding.text)
        for shortcut in self.shortcuts():
            out.setdefault(shortcut.measure, []).append(shortcut.message())
        return out


def inspect_folder(root, cache, size=224):
    store = PhotoCache(str(cache))
    data = check_photos(dataset.scan_folder(str(root)), Preprocessing(size), store, workers=2).data
    none = DecodedPhotos(Preprocessing(size))
    return Inspected(data, [image_stats.cached_stats(photo.read(), photo.sha256, none, store) for photo in data.photos])


def window(image, x, y, side=0.8):
    """The part of `side` of both sides, at x, y (0-1) of the room that is left."""
    width, height = round(side * image.width), round(side * image.height)
    left, top = round(x * (image.width - width)), round(y * (image.height - height))
    return image.crop((left, top, left + width, top + height))
