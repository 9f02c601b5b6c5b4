"""The folders of a data set: what lies in each, sorted into pictures, what is left out, and what is no part of it."""

import os
import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from ..runtime.environment import usable_cpus
from ..runtime.errors import UserError
from ..runtime.own_files import LOG, MARKS, SAMPLE, TRACKERS, TRACKING, is_cache, is_own_file
from ..runtime.progress import parallel_map
from .picture_files import SUFFIXES, kind_of_file
from .system_files import is_system_name

COUNTED = 100_000  # pictures, of what is not used


class Entries(NamedTuple):
    """What lies in a folder, each sorted by name. pictures: files that are pictures, or say so by their ending. others: files
    that are not, with their kind (`picture_files.kind_of_file`). own: of this program. system: of systems and other programs.
    loops: links to folders above."""

    folders: List["Folder"]
    pictures: List[Path]
    others: List[Tuple[str, Path]]
    own: List[Path]
    system: List[Path]
    loops: List[Path]


class Tree:
    """The folder of a data set and all that is below, listed as far as it is looked at.

    skipped: folders that are no part of the data set, such as the cache. problems: by folder, why it cannot be listed."""

    def __init__(self, path: Path, skipped: Tuple[Path, ...] = ()):
        self.skipped = {folder.resolve() for folder in skipped}
        self.problems: Dict[str, str] = {}
        self.top = Folder(path, "", self, None)

    def raise_problems(self) -> None:
        """Raises UserError that names every folder that could not be listed so far."""
        if self.problems:
            raise UserError("\n".join(self.problems.values()))


class Folder:
    """A folder. name: its path from the top of the tree, in Unicode form NFC, with "/"; empty for the top. parent: the folder
    that it is in; None for the top."""

    def __init__(self, path: Path, name: str, tree: Tree, parent: Optional["Folder"]):
        self.path, self.name, self.parent, self._tree = path, name, parent, tree
        status = path.stat()
        self._above: Set[Tuple[int, int]] = (parent._above if parent else set()) | {(status.st_dev, status.st_ino)}

    @property
    def base(self) -> str:
        """The last part of its name."""
        return self.name.rsplit("/", 1)[-1]

    def name_of(self, path: Path) -> str:
        """The name of a file or folder in this folder, from the top of the tree."""
        name = unicodedata.normalize("NFC", path.name)
        return f"{self.name}/{name}" if self.name else name

    @cached_property
    def entries(self) -> Entries:
        """What lies in it; nothing if it cannot be listed, which is then one of the tree's problems."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError as error:
            self._tree.problems[self.name] = (
                f"{self.path}: the folder cannot be listed ({error.strerror}); check its rights and that the disk is there"
            )
            return Entries([], [], [], [], [], [])
        found = Entries([], [], [], [], [], [])
        unknown = []
        for path in (self.path / name for name in names):
            if is_system_name(path.name):
                found.system.append(path)
            elif os.path.isdir(path):  # unlike Path.is_dir, False where the rights do not let it look
                self._add_folder(path, found)
            elif is_own_file(path):
                found.own.append(path)
            elif path.suffix.lower() in SUFFIXES:
                found.pictures.append(path)
            else:
                unknown.append(path)
        for path, kind in zip(unknown, parallel_map(kind_of_file, unknown, usable_cpus())):
            if kind == "picture":
                found.pictures.append(path)
            else:
                found.others.append((kind, path))
        found.pictures.sort()
        has_log = any(path.name == LOG for path in found.own)
        for folder in found.folders[:]:
            ours = (folder.base == SAMPLE and folder.is_sample) or (folder.base == TRACKING and folder.is_tracking)
            if folder.is_own or is_cache(folder.path) or (has_log and ours):
                found.folders.remove(folder)
                found.own.append(folder.path)
        return found

    @property
    def folders(self) -> List["Folder"]:
        """The folders in it that may belong to the data set."""
        return self.entries.folders

    @property
    def pictures(self) -> List[Path]:
        """The pictures directly in it."""
        return self.entries.pictures

    def is_left_alone(self) -> bool:
        """Whether it cannot be listed, which is no problem any more after this call."""
        return self._tree.problems.pop(self.name, None) is not None

    @property
    def is_own(self) -> bool:
        """Whether it is an output folder of this program, with nothing else in it."""
        if not any(os.path.exists(self.path / name) for name in MARKS):  # so that not every folder is listed
            return False
        entries = self.entries
        return bool(entries.own) and not (entries.folders or entries.pictures or entries.others)

    @property
    def is_sample(self) -> bool:
        """Whether it could be the drawings of this program: train/ and val/, and nothing else."""
        return [folder.base for folder in self.folders] == ["train", "val"] and not self.pictures

    @property
    def is_tracking(self) -> bool:
        """Whether it could be what trackers have recorded: folders with their names, and nothing else."""
        entries = self.entries
        names = {folder.base for folder in entries.folders}
        return bool(names) and names <= set(TRACKERS) and not (entries.pictures or entries.others)

    def inmost(self) -> "Folder":
        """The folder itself, or where it holds nothing but one folder, that one's inmost: archives are often packed so."""
        entries = self.entries
        alone = len(entries.folders) == 1 and not entries.pictures
        return entries.folders[0].inmost() if alone else self

    def count(self) -> int:
        """How many files in it and below have the name of a picture; COUNTED at most. Links are not followed."""
        total = 0
        for _, _, names in os.walk(self.path):
            total += sum(os.path.splitext(name)[1].lower() in SUFFIXES for name in names)
            if total >= COUNTED:
                return COUNTED
        return total

    def _add_folder(self, path: Path, found: Entries) -> None:
        """A folder of the data set, unless it is skipped, or a link to a folder above it, which would have no end."""
        folder = Folder(path, self.name_of(path), self._tree, self)
        if folder._above == self._above:
            found.loops.append(path)
        elif path.resolve() in self._tree.skipped:
            found.own.append(path)
        else:
            found.folders.append(folder)


def merge_names(folders: List[Folder]) -> Dict[str, List[Folder]]:
    """Folders by the last part of their name. Two Unicode forms of one name are one name."""
    merged: Dict[str, List[Folder]] = {}
    for folder in folders:
        merged.setdefault(folder.base, []).append(folder)
    return merged
