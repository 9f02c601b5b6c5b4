"""A table that says the class of each picture: a .csv or .tsv file with a column of files and one of classes."""

import csv
import io
import unicodedata
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Union

from ..runtime.files import read_file

SUFFIXES = (".csv", ".tsv")
LARGEST = 2**26  # bytes of a table
# GB 2312 is what Excel writes in China. UTF-16 is known by its first bytes.
ENCODINGS = ("utf-8-sig", "gb2312")
DELIMITERS = (",", ";", "\t")
# Headings of the column of classes, where there are more than two columns.
CLASS_COLUMNS = {
    *("class", "class_name", "label", "labels", "category", "target", "breed", "species", "dx", "diagnosis", "animal"),
    *("类别", "标签", "分类"),
}
MATCHED = 0.5  # least share of a table's rows whose files are in the folder
PLACEHOLDER = "submission"  # in the names of Kaggle's examples of an answer, whose classes are not true
SHOWN = 5  # rows that a reason names


class Labels(NamedTuple):
    """classes: of the pictures that the table names. unknown: files that it names and that are not there."""

    table: Path
    classes: Dict[Path, str]
    unknown: List[str]


def read_rows(table: Path) -> Union[List[List[str]], str]:
    """The rows of a table that are not empty, of two columns and more, or why it has none."""
    if PLACEHOLDER in table.name.lower().replace("_", ""):
        return "an example of an answer"
    try:
        content = read_file(table, LARGEST)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    rows = _rows(content)
    if rows is None:
        return "neither UTF-8 nor GB 2312, or no table; save it as CSV in UTF-8"
    if _columns(rows) < 2:
        return "has rows of one column; expected two columns, file and class"
    return rows


def _columns(rows: List[List[str]]) -> int:
    """That all rows have."""
    return min((len(row) for row in rows), default=0)


class _Names:
    """Finds pictures by what tables call them: with or without folders, with or without an ending, or with another, in any case.
    What fits several pictures fits none."""

    def __init__(self, root: Path, pictures: Sequence[Path]):
        self._found: Dict[str, Optional[Path]] = {}
        self._exact: Dict[str, Optional[Path]] = {}
        for file in pictures:
            parts = unicodedata.normalize("NFC", file.relative_to(root).as_posix()).split("/")
            for start in range(len(parts)):
                name = "/".join(parts[start:])
                self._add(self._exact, name, file)
                self._add(self._found, name.lower(), file)
                self._add(self._found, _stem(name).lower(), file)

    @staticmethod
    def _add(names: Dict[str, Optional[Path]], name: str, file: Path) -> None:
        names[name] = file if names.get(name, file) == file else None

    def find(self, written: str) -> Optional[Path]:
        """The picture, or None."""
        parts = unicodedata.normalize("NFC", written.strip().replace("\\", "/")).split("/")
        for start in range(len(parts)):  # the folders may be those of another computer
            name = "/".join(parts[start:])
            for names, key in ((self._exact, name), (self._found, name.lower()), (self._found, _stem(name).lower())):
                file = names.get(key)
                if file:
                    return file
        return None


def _stem(name: str) -> str:
    """Without its ending."""
    folder, _, base = name.rpartition("/")
    stem = base.rsplit(".", 1)[0] or base
    return f"{folder}/{stem}" if folder else stem


def match_rows(table: Path, rows: List[List[str]], root: Path, pictures: Sequence[Path]) -> Union[Labels, str]:
    """What the rows of a table say of these pictures, or why they say nothing of them. root: a folder above the pictures."""
    columns, names = _columns(rows), _Names(root, pictures)
    found = [[names.find(row[column]) for row in rows] for column in range(columns)]
    # Different pictures: a column of the classes 0 and 1 also has the names of 0.jpg and 1.jpg.
    files = max(range(columns), key=lambda column: (len(set(found[column]) - {None}), -column))
    known = sum(picture is not None for picture in found[files])
    header = [] if found[files][0] or not known else [cell.strip().lower() for cell in rows[0]]
    count = len(rows) - bool(header)
    if known < max(1, MATCHED * count):
        return f"names {count:,} files, {known:,} of them are here"
    others = [column for column in range(columns) if column != files]
    named = [column for column in others if header and header[column] in CLASS_COLUMNS]
    if len(others) > 1 and len(named) != 1:
        return f"has {columns} columns, and which one is the class is not clear; expected two columns, file and class"
    column = (named or others)[0]
    classes: Dict[Path, str] = {}
    unknown, problems = [], []
    for number, (row, picture) in list(enumerate(zip(rows, found[files]), 1))[bool(header) :]:
        class_ = unicodedata.normalize("NFC", row[column].strip())
        if picture is None:
            unknown.append(row[files])
        elif not class_:
            problems.append(f"row {number} ({row[files]}) has no class")
        elif classes.setdefault(picture, class_) != class_:
            problems.append(f"row {number}: {row[files]} is {class_} here and {classes[picture]} before")
    if problems:
        more = f"; and {len(problems) - SHOWN:,} more" * (len(problems) > SHOWN)
        return f"{'; '.join(problems[:SHOWN])}{more}"
    return Labels(table, classes, unknown)


def _rows(content: bytes) -> Optional[List[List[str]]]:
    """The rows that are not empty, by the delimiter that cuts them into the most columns; None for what is no table."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) for delimiter in DELIMITERS]
        except csv.Error:
            return None
        cut = [[row for row in rows if any(cell.strip() for cell in row)] for rows in tables]
        return max(cut, key=_columns)
    return None
