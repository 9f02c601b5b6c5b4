"""Class folders on disk -> photos with labels and splits. Uses names only; `checks.data_check` reads the files."""

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

VALIDATION = ("val", "valid", "validation")  # names of the validation folder beside train/
NEITHER = "neither"  # the folder of outliers (images of no class), beside the class folders
VALIDATION_SHARE = 0.2  # of each class, where there is no validation folder
BAD_NAME = Bilingual(
    "its name is not valid UTF-8, or has control characters; rename it",
    "文件名不是有效的 UTF-8，或含有控制字符，请改名",
)
UNREADABLE = (".heic", ".heif")  # images that cannot be decoded: reported as such, not as other files
SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS} | set(UNREADABLE)


@dataclass(frozen=True)
class Photo:
    """An image file. name: path relative to the data set, for messages. label: index into the classes, -1 for outliers.
    split: "train", "val", or "neither" for outliers. sha256: of its bytes, in hexadecimal; empty before `check_photos`."""

    file: Path
    name: str
    label: int
    split: str
    sha256: str = ""

    def read(self) -> bytes:
        """The bytes of the file. Raises UserError if they cannot be read or have changed since the check."""
        try:
            data = self.file.read_bytes()
        except OSError as error:
            raise UserError(f"{self.name}: cannot be read any more ({error.strerror})") from None
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UserError(f"{self.name}: the file was changed during the run; start again")
        return data


class Finding(NamedTuple):
    """A finding about a file, class or folder. kind: a key of checks.issues.ISSUES. name: of the photo, class or folder.
    text: what was found. other: name of a second photo, or empty."""

    kind: str
    name: str
    text: Bilingual
    other: str = ""


@dataclass(frozen=True)
class PhotoSet:
    """classes: sorted by name; a label is an index into them. photos: ordered by split ("neither", "train", "val"), label and
    name. findings: what has been found so far."""

    classes: Tuple[str, ...]
    photos: Tuple[Photo, ...]
    findings: Tuple[Finding, ...]

    def split(self, name: str) -> List[Photo]:
        """The photos of "train", "val" or "neither"."""
        return [photo for photo in self.photos if photo.split == name]

    def labels(self, name: str) -> np.ndarray:
        """Labels i32 [N] of the photos in `split(name)`."""
        return np.array([photo.label for photo in self.split(name)], np.int32)

    def counts(self, name: str) -> Dict[str, int]:
        """Number of photos by class in "train" or "val"."""
        counts = np.bincount(self.labels(name), minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist()))

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of split, class and bytes of all photos. Does not depend on file names or the folder."""
        names = (*self.classes, NEITHER)  # the label -1 of outliers indexes the last
        lines = sorted(f"{photo.split} {names[photo.label]} {photo.sha256}" for photo in self.photos)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def scan_folder(path: str, seed: int) -> PhotoSet:
    """Find the photos in `path`: a folder with train/ and val/, a folder of class folders, or up to two folders above these.

    Without a validation folder, VALIDATION_SHARE of each class, chosen by file name and seed, becomes the validation set. A
    folder `neither` beside the class folders of train/ holds outliers. Raises UserError if there is no such folder.
    """
    root = _root(user_path(path), path)
    train, val = _child(root, ("train",)), _child(root, VALIDATION)
    findings: List[Finding] = []
    folders = {
        split: _class_folders(folder, root, findings)
        for split, folder in (("train", train or root), ("val", val))
        if folder
    }
    outliers = folders["train"].pop(NEITHER, None)
    if outliers:
        name = outliers.relative_to(root).as_posix()
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
    files = _image_files(outliers, root, findings) if outliers else []
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
            files = _image_files(found[class_], root, findings)
            validation = _validation_files(files, seed) if "val" not in folders else set()
            photos += [
                Photo(file, file.relative_to(root).as_posix(), label, "val" if file in validation else split)
                for file in files
            ]
    return PhotoSet(
        classes, tuple(sorted(photos, key=lambda photo: (photo.split, photo.label, photo.name))), tuple(findings)
    )


def _root(folder: Path, path: str) -> Path:
    """The folder with train/ or the class folders: `folder`, or its only subfolder, at most two levels down.

    path: as typed, for messages. Raises UserError if `folder` is not a folder."""
    if not folder.exists():
        raise UserError(f"{path}: there is no such folder of photos; look for a typing error in --data_url")
    if not folder.is_dir():
        raise UserError(f"{path}: a file, where a folder of photos is expected; unpack it, or name its folder")
    for _ in range(2):
        inside = [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__"))]
        if _child(folder, ("train",)) or len(inside) != 1:
            break
        folder = inside[0]
    return folder


def _child(folder: Path, names: Tuple[str, ...]) -> Optional[Path]:
    """The first subfolder with one of these names, in any case; None if there is none."""
    return next((entry for entry in sorted(folder.iterdir()) if entry.name.lower() in names and entry.is_dir()), None)


def _class_folders(folder: Path, root: Path, findings: List[Finding]) -> Dict[str, Path]:
    """Class folders by name. Everything else in the folder becomes a finding."""
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


def _image_files(folder: Path, root: Path, findings: List[Finding]) -> List[Path]:
    """The image files of a class folder, by suffix. Everything else in it becomes a finding."""
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
    """Path relative to the root. Control characters and bytes that are not UTF-8 are escaped."""
    return printable(entry.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode())


def _validation_files(files: List[Path], seed: int) -> set:
    """VALIDATION_SHARE of the files, at least one; none of a single file. Depends on their names, not on the folder."""
    order = sorted(
        files, key=lambda file: hashlib.sha256(f"{seed}/{file.name}".encode("utf-8", "surrogateescape")).digest()
    )
    return set(order[: max(1, round(VALIDATION_SHARE * len(files)))]) if len(files) > 1 else set()
