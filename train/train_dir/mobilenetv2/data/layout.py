"""What a data folder is made of: which folder is which split, where the classes come from, what is not used and why."""

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Set, Tuple

from ..runtime.i18n import Bilingual
from ..runtime.text import printable
from .folders import Folder

NEITHER = "neither"  # the folder of outliers (images of no class), beside the class folders
SPLITS = ("train", "val", "test")
WHAT_FOR = {"train": "to train", "val": "to validate", "test": "to test"}


class Remark(NamedTuple):
    """About a part of the data folder. name: from its top."""

    name: str
    text: Bilingual


@dataclass(frozen=True)
class ClassChoice:
    """Which classes are used, and under which names. only: names of the classes that are used, as they are after the merging;
    empty: all of them. new_names: by the name of a class on the disk, the one that it gets. Each is renamed once: of a=b, b=c,
    what was a becomes b."""

    only: Tuple[str, ...] = ()
    new_names: Dict[str, str] = field(default_factory=dict)

    def rename(self, name: str) -> str:
        """The class that a folder or a row of a table belongs to."""
        return self.new_names.get(name, name)

    def takes(self, class_: str) -> bool:
        """Whether a class is used. The pictures of no class always are."""
        return not self.only or class_ in self.only or class_ == NEITHER


ALL_CLASSES = ClassChoice()


@dataclass
class Layout:
    """What was found. Class names are in Unicode form NFC, and as `choice` renames them.

    top: the folder in which the splits or class folders are. form: "split folders", "class folders" or "table". folders: by
    split, of its class folders or pictures; "train" alone where the program chooses the validation photos. files: by split and
    class. names: of all files, from the folder that was typed. outliers: pictures of no class. tables: of classes. unused: what
    is not used and why, in the order in which it was seen. remarks: about what is used. seen: folders whose other entries are
    explained, too. classes: by the name on the disk of every class, the name that it gets; those that are not used are among
    them."""

    top: Folder
    form: str
    choice: ClassChoice = ALL_CLASSES
    classes: Dict[str, str] = field(default_factory=dict)
    folders: Dict[str, Folder] = field(default_factory=dict)
    files: Dict[str, Dict[str, List[Path]]] = field(default_factory=dict)
    names: Dict[Path, str] = field(default_factory=dict)
    outliers: List[Path] = field(default_factory=list)
    tables: List[Path] = field(default_factory=list)
    unused: List[Remark] = field(default_factory=list)
    remarks: List[Remark] = field(default_factory=list)
    seen: List[Folder] = field(default_factory=list)
    _taken: Set[str] = field(default_factory=set, repr=False, compare=False)  # the values of `names`

    def place(self, split: str, class_: str) -> str:
        """The name of the folder where the photos of a class are, or should be."""
        folder = self.folders.get(split, self.folders["train"])
        names = [name for name, becomes in self.classes.items() if becomes == class_]
        name = class_ if class_ in names or not names else names[0]
        return f"{folder.name}/{name}" if folder.name else name

    def class_of(self, name: str) -> str:
        """The class that a folder or a row of a table belongs to, which is taken note of."""
        if name == NEITHER:
            return name
        return self.classes.setdefault(name, self.choice.rename(name))

    def renamed(self) -> List[str]:
        """The classes that have another name on the disk, as old=new."""
        return [printable(f"{name}={class_}") for name, class_ in sorted(self.classes.items()) if name != class_]

    def not_chosen(self) -> List[str]:
        """The classes that are not used because others are chosen."""
        return sorted({printable(class_) for class_ in self.classes.values() if not self.choice.takes(class_)})

    def name_files(self, folder: Folder, files: List[Path]) -> None:
        """Give files of a folder their names. Two files whose names are two Unicode forms of one keep their own forms."""
        for file in files:
            name = folder.name_of(file)
            if file not in self.names:
                self.names[file] = f"{folder.name}/{file.name}" if name in self._taken else name
                self._taken.add(self.names[file])

    def table_names(self) -> List[str]:
        """Of the tables, in Unicode form NFC, from the folder `top` or above it."""
        return [unicodedata.normalize("NFC", os.path.relpath(table, self.top.path)) for table in self.tables]

    def leave_out(self, name: str, english: str, chinese: str) -> None:
        """Add to `unused`."""
        self.unused.append(Remark(printable(name), Bilingual(printable(english), printable(chinese))))

    def to_json(self) -> Dict[str, Any]:
        """For check.json and the report. Has no absolute path."""
        return {
            "form": self.form,
            "folders": {split: f"{folder.name or '.'}/" for split, folder in self.folders.items()},
            "tables": self.table_names(),
            "unused": [{"name": unused.name, "reason": str(unused.text)} for unused in self.unused],
            **({"merged": self.renamed()} if self.renamed() else {}),
            **({"not_chosen": self.not_chosen()} if self.not_chosen() else {}),
        }

    def __str__(self) -> str:
        """One line for the log."""
        parts = [f"{folder.name or '.'}/ {WHAT_FOR[split]}" for split, folder in self.folders.items()]
        if "val" not in self.folders:
            place = self.folders["train"].name
            parts = [f"{f'{place}/' if place else 'all classes'} to train and, without a folder for that, to validate"]
        parts += [f"classes from {' and '.join(self.table_names())}"] * bool(self.tables)
        parts += [f"renamed: {some_names(self.renamed())}"] * bool(self.renamed())
        parts += [f"not chosen: {some_names(self.not_chosen())}"] * bool(self.not_chosen())
        unused = some_names([unused.name for unused in self.unused])
        return ", ".join(parts) + (f"; not used: {unused}" if unused else "")


def count_of(count: int, what: str) -> str:
    """Such as "1 picture" or "2,000 pictures"."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def some_names(names: Sequence[str], shown: int = 3) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more:,} more" if more > 0 else "")
