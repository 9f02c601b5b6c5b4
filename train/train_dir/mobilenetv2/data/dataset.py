"""Class folders on disk -> photos with labels and splits. Looks at names only; what is inside the files is for check.py."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image

from ..runtime.errors import UserError
from ..runtime.files import user_path
from ..runtime.i18n import Bilingual
from ..runtime.text import printable
from .image import FORMATS

VALIDATION = ("val", "valid", "validation")  # names of the folder beside train/
NEITHER = "neither"  # a folder of pictures of no class, beside the class folders
VALIDATION_SHARE = 0.2  # of each class that goes to validation where the folder is not split
BAD_NAME = Bilingual(
    "its name is not valid UTF-8, or has control characters; rename it",
    "文件名不是有效的 UTF-8，或含有控制字符，请改名",
)
UNREADABLE = (".heic", ".heif")  # pictures all the same: reported as such, not as strays
SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS} | set(UNREADABLE)


@dataclass(frozen=True)
class Photo:
    """A picture file. name: its path below the data set, for messages. label: index into the classes, -1 in the split
    "neither". split: "train", "val", or "neither": pictures of no class. sha256: of its bytes."""

    file: Path
    name: str
    label: int
    split: str
    sha256: str = ""

    def read(self) -> bytes:
        """The bytes of the file; raises UserError where they are not those that were checked."""
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise UserError(f"{self.name}: cannot be read any more ({error.strerror})") from None
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UserError(f"{self.name}: the file was changed during the run; start again")
        return data


class Finding(NamedTuple):
    """Something about one file or folder. kind: "error" stops the run; "bad" is a file that cannot be read; "conflict" a
    picture that is in two classes; "leak" one that is in train and val; "copy", "label", "empty", "imbalance" and "giveaway"
    are worth a look; "note" is harmless. other: a second file, or nothing."""

    kind: str
    name: str
    text: str
    other: str = ""


@dataclass(frozen=True)
class PhotoSet:
    """classes: sorted by name, so the label is the position. photos: in a fixed order, train before val."""

    classes: Tuple[str, ...]
    photos: Tuple[Photo, ...]
    findings: Tuple[Finding, ...]

    def split(self, name: str) -> List[Photo]:
        """The photos of "train", "val" or "neither"."""
        return [photo for photo in self.photos if photo.split == name]

    def labels(self, name: str) -> np.ndarray:
        """i32 [N], of the photos of "train" or "val"."""
        return np.array([photo.label for photo in self.split(name)], np.int32)

    def counts(self, name: str) -> Dict[str, int]:
        """Photos per class in "train" or "val"."""
        counts = np.bincount(self.labels(name), minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))

    def fingerprint(self) -> str:
        """SHA-256 over split, class and bytes of all photos, whatever their names and folder."""
        names = (*self.classes, NEITHER)  # the label -1 is the last
        lines = sorted(f"{photo.split} {names[photo.label]} {photo.sha256}" for photo in self.photos)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def scan_folder(path: str, seed: int) -> PhotoSet:
    """Find the photos below `path`: the folder that holds train/ and val/, or its parent, or a folder of class folders.

    Without a validation folder, a fifth of each class, chosen by file name and seed, is kept for validation. A folder `neither`
    beside the class folders of train/ holds pictures of no class.
    Raises UserError where there is no such folder.
    """
    root = _root(user_path(path), path)
    train, val = _child(root, ("train",)), _child(root, VALIDATION)
    findings: List[Finding] = []
    folders = {
        split: _classes(folder, root, findings) for split, folder in (("train", train or root), ("val", val)) if folder
    }
    strangers = folders["train"].pop(NEITHER, None)
    if strangers:
        name = strangers.relative_to(root).as_posix()
        findings.append(
            Finding(
                "note",
                name,
                Bilingual(
                    "no class: pictures of anything else, which are answered with 'neither'",
                    "不是类别：别的东西的图片，回答“都不是”",
                ),
            )
        )
    if val and folders["val"].pop(NEITHER, None):
        findings.append(
            Finding(
                "note",
                f"{val.name}/{NEITHER}",
                Bilingual(
                    "pictures of no class are used in train/ only, ignored",
                    "不属于任何类别的图片只在 train/ 中使用，已忽略",
                ),
            )
        )
    classes = tuple(sorted(set().union(*folders.values())))
    files = _files(strangers, root, findings) if strangers else []
    photos = [Photo(file, file.relative_to(root).as_posix(), -1, NEITHER) for file in files]
    for split, found in folders.items():
        for label, class_ in enumerate(classes):
            if class_ not in found:
                other = "val" if split == "train" else "train"
                text = Bilingual(
                    f"missing: the class folder {class_} is only in {other}/",
                    f"缺少：类别文件夹 {class_} 只在 {other}/ 里",
                )
                findings.append(Finding("error", f"{split}/{class_}", text))
                continue
            files = _files(found[class_], root, findings)
            kept = _validation(files, seed) if "val" not in folders else set()
            photos += [
                Photo(file, file.relative_to(root).as_posix(), label, "val" if file in kept else split)
                for file in files
            ]
    return PhotoSet(
        classes, tuple(sorted(photos, key=lambda photo: (photo.split, photo.label, photo.name))), tuple(findings)
    )


def _root(place: Path, path: str) -> Path:
    """The folder that holds train/, or the class folders: `place` or the only folder in it, twice at most."""
    if not place.exists():
        raise UserError(f"{path}: there is no such folder of photos; look for a typing error in --data_url")
    if not place.is_dir():
        raise UserError(f"{path}: a file, where a folder of photos is expected; unpack it, or name its folder")
    for _ in range(2):
        inside = [entry for entry in place.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))]
        if _child(place, ("train",)) or len(inside) != 1:
            break
        place = inside[0]
    return place


def _child(folder: Path, names: Tuple[str, ...]) -> Optional[Path]:
    return next((entry for entry in sorted(folder.iterdir()) if entry.name.lower() in names and entry.is_dir()), None)


def _classes(folder: Path, root: Path, findings: List[Finding]) -> Dict[str, Path]:
    """Class folders by name; everything else in the folder is a stray."""
    found = {}
    for entry in sorted(folder.iterdir()):
        name = _printable(entry, root)
        if entry.name.startswith((".", "__")):
            findings.append(Finding("note", name, Bilingual("hidden, ignored", "隐藏文件，已忽略")))
        elif name != entry.relative_to(root).as_posix():
            findings.append(Finding("error", name, BAD_NAME))
        elif entry.is_dir():
            found[entry.name] = entry
        else:
            findings.append(
                Finding(
                    "note", name, Bilingual("a file outside the class folders, ignored", "类别文件夹之外的文件，已忽略")
                )
            )
    return found


def _files(folder: Path, root: Path, findings: List[Finding]) -> List[Path]:
    """Picture files of a class folder by their endings; everything else in it is a stray."""
    files = []
    for entry in sorted(folder.iterdir()):
        name = _printable(entry, root)
        if entry.name.startswith("."):
            findings.append(Finding("note", name, Bilingual("hidden, ignored", "隐藏文件，已忽略")))
        elif entry.is_dir():
            findings.append(
                Finding(
                    "note",
                    name,
                    Bilingual(
                        "a folder inside a class folder, ignored with all that is in it",
                        "类别文件夹里的文件夹，连同内容一起忽略",
                    ),
                )
            )
        elif entry.suffix.lower() not in SUFFIXES:
            findings.append(
                Finding("note", name, Bilingual("not the name of a picture file, ignored", "不是图片文件名，已忽略"))
            )
        elif name != entry.relative_to(root).as_posix():
            findings.append(Finding("bad", name, BAD_NAME))
        else:
            files.append(entry)
    return files


def _printable(entry: Path, root: Path) -> str:
    """Its path below the data set; what is not UTF-8 in it, and control characters, are escaped."""
    return printable(entry.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode())


def _validation(files: List[Path], seed: int) -> set:
    """A fifth of the files, at least one; whether a file is among them does not depend on where the folder lies."""
    order = sorted(
        files, key=lambda file: hashlib.sha256(f"{seed}/{file.name}".encode("utf-8", "surrogateescape")).digest()
    )
    return set(order[: max(1, round(VALIDATION_SHARE * len(files)))]) if len(files) > 1 else set()
