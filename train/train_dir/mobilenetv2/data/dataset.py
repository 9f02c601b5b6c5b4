"""Photos with labels and splits, from a data folder. `checks.data_check` reads the files."""

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np

from ..runtime.errors import UserError, reason
from ..runtime.files import read_file, user_path
from ..runtime.i18n import Bilingual
from ..runtime.text import printable, table
from .findings import Finding
from .image import MAX_BYTES
from .kind import PHOTOS
from .layout import ALL_CLASSES, NEITHER, SPLITS, WHAT_FOR, ClassChoice, Layout
from .layout_search import find_layout
from .unused import bad_name, is_bad_name, unused_findings

LISTED = 10  # classes that are counted one by one in the log
# Where the validation photos come from: a folder of their own; the program has set a share of each class aside; there are too few
# for that, so each training photo is also a validation photo, answered by a classifier that has not learned from it; or by one
# that has, where each class has a single photo.
GIVEN, SHARE, IN_TURN, LEARNED = "given", "share", "in turn", "learned"


@dataclass(frozen=True)
class Photo:
    """An image file. name: path relative to the data set, for messages. label: index into the classes, -1 for outliers.
    split: "train", "val", "test", or "neither" for outliers. sha256: of its bytes, in hexadecimal; empty before
    `check_photos`."""

    file: Path
    name: str
    label: int
    split: str
    sha256: str = ""

    def read(self) -> bytes:
        """The bytes of the file. Raises UserError if they cannot be read or have changed since the check."""
        try:
            data = read_file(self.file, MAX_BYTES)
        except OSError as error:
            raise UserError(f"{self.name}: cannot be read any more ({reason(error)})") from None
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UserError(f"{self.name}: the file was changed during the run; start again")
        return data


@dataclass(frozen=True)
class PhotoSet:
    """classes: sorted by name; a label is an index into them. photos: ordered by split ("neither", "test", "train", "val"),
    label and name. findings: what has been found so far. layout: where the photos come from. kind: what they are, see kind.py.
    validation: one of GIVEN, SHARE, IN_TURN, LEARNED; with the last two, photos of "train" are in "val", too."""

    classes: Tuple[str, ...]
    photos: Tuple[Photo, ...]
    findings: Tuple[Finding, ...]
    layout: Layout
    kind: str = PHOTOS
    validation: str = GIVEN

    @property
    def presplit(self) -> bool:
        """Whether the data set came with a validation folder. Without one, all photos are in "train" until `check_photos` splits
        them."""
        return "val" in self.layout.folders

    def split(self, name: str) -> List[Photo]:
        """The photos of "train", "val", "test" or "neither"."""
        return [photo for photo in self.photos if photo.split == name]

    def labels(self, name: str) -> np.ndarray:
        """Labels i32 [N] of the photos in `split(name)`."""
        return np.array([photo.label for photo in self.split(name)], np.int32)

    def counts(self, name: str) -> Dict[str, int]:
        """Number of photos by class in "train", "val" or "test"."""
        counts = np.bincount(self.labels(name), minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))

    def describe(self) -> str:
        """A table of the numbers of photos: a row for each class, of many for the first ones, and for all together."""
        splits = {name: self.counts(name) for name in SPLITS}
        if not any(splits["test"].values()):
            del splits["test"]
        rows = [[self.kind.capitalize(), *(WHAT_FOR[name] for name in splits)]]

        def add(title: str, classes: Sequence[str]) -> None:
            rows.append([title, *(f"{sum(counts[class_] for class_ in classes):,}" for counts in splits.values())])

        for class_ in self.classes[:LISTED]:
            add(f"  {class_}", [class_])
        others = self.classes[LISTED:]
        if others:
            add(f"  and {len(others):,} more", others)
        add(f"  all {len(self.classes):,} classes", self.classes)
        return table(rows)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of split, class and bytes of all photos. Does not depend on file names or the folder."""
        names = (*self.classes, NEITHER)  # the label -1 of outliers indexes the last
        lines = sorted(f"{photo.split} {names[photo.label]} {photo.sha256}" for photo in self.photos)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def scan_folder(path: str, skipped: Tuple[Path, ...] = (), choice: ClassChoice = ALL_CLASSES) -> PhotoSet:
    """Find the photos in a folder, in any of the layouts of `find_layout`. skipped: folders that are no part of it. choice: which
    classes are used; `check_choice` says what is wrong with it.

    Without a validation folder, all photos are in "train", and `presplit` says so. Raises UserError if `path` is no folder,
    cannot be listed, or holds no photos in a layout that is understood."""
    layout = find_layout(_folder(path), skipped, choice)
    named = {class_ for split in ("train", "val") for class_ in layout.files.get(split, ())}
    classes = tuple(sorted(class_ for class_ in named if not is_bad_name(class_)))
    findings = [
        Finding("error", printable(layout.place("train", class_)), bad_name()) for class_ in named - set(classes)
    ]
    findings += _missing_classes(layout, classes)
    photos = [Photo(file, layout.names[file], -1, NEITHER) for file in layout.outliers]
    for split, files in layout.files.items():
        for label, class_ in enumerate(classes):
            photos += [Photo(file, layout.names[file], label, split) for file in files.get(class_, [])]
    findings += [Finding("bad", printable(photo.name), bad_name()) for photo in photos if is_bad_name(photo.name)]
    photos = [photo for photo in photos if not is_bad_name(photo.name)]
    photos.sort(key=photo_order)
    return PhotoSet(classes, tuple(photos), (*findings, *unused_findings(layout)), layout)


def photo_order(photo: Photo) -> Tuple[str, int, str]:
    """Sorts the photos of a data set: by split, label and name."""
    return photo.split, photo.label, photo.name


def _folder(path: str) -> Path:
    """Raises UserError if the path is none of a folder."""
    folder = user_path(path)
    try:
        mode = folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: there is no such folder of photos; look for a typing error in --data_url") from None
    except OSError as error:
        raise UserError(
            f"{path}: the folder cannot be reached ({error.strerror}); check its rights and its disk"
        ) from None
    if not stat.S_ISDIR(mode):
        raise UserError(f"{path}: a file, where a folder of photos is expected, or a .zip or .tar archive of one")
    return folder


def _missing_classes(layout: Layout, classes: Tuple[str, ...]) -> List[Finding]:
    """Classes that train or val lacks."""
    findings = []
    for split in ("train", "val"):
        for class_ in classes:
            if split in layout.files and class_ not in layout.files[split]:
                other = layout.folders["val" if split == "train" else "train"].name
                place = layout.place(split, class_)
                name = place.rsplit("/", 1)[-1]
                text = Bilingual(
                    f"missing: the class folder {name} is only in {other}/",
                    f"缺少：类别文件夹 {name} 只在 {other}/ 里",
                )
                findings.append(Finding("error", place, text))
    return findings
