"""A table that says the class of each picture in a folder: a .csv or .tsv file with a column of files and one of classes."""

import csv
import io
import unicodedata
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..runtime.errors import UserError
from ..runtime.files import read_file

SUFFIXES = (".csv", ".tsv")
LARGEST = 2**26  # bytes of a table
ENCODINGS = ("utf-8-sig", "gb18030")  # the second is what Excel writes in China; UTF-16 is known by its first bytes
DELIMITERS = (",", ";", "\t")
# Names of the column of classes, where there are more than two columns.
CLASS_COLUMNS = (
    "class",
    "class_name",
    "label",
    "labels",
    "category",
    "target",
    "breed",
    "species",
    "类别",
    "标签",
    "分类",
)
MATCHED = 0.5  # least share of a table's rows whose files are in the folder
PLACEHOLDER = "sample_submission"  # Kaggle's example of an answer, whose classes are not true


class Labels(NamedTuple):
    """classes: of the pictures that the table names. unknown: files that it names and that are not there."""

    table: Path
    classes: Dict[Path, str]
    unknown: List[str]


def find_labels(pictures: Sequence[Path], tables: Sequence[Path]) -> Optional[Labels]:
    """What the first of these tables that names at least MATCHED of its files among the pictures says; None without one.

    Raises UserError for a table that does so, but cannot be understood."""
    found = None
    for table in tables:
        if not table.name.lower().startswith(PLACEHOLDER):
            labels = _read_labels(table, _by_name(pictures))
            if labels and found:
                raise UserError(
                    f"{found.table} and {table} both say classes of the same pictures; keep one of them here"
                )
            found = found or labels
    return found


def _by_name(pictures: Sequence[Path]) -> Dict[str, Path]:
    """Pictures by file name, with and without its ending."""
    names = {_key(file.stem): file for file in pictures}
    return {**names, **{_key(file.name): file for file in pictures}}


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/").rsplit("/", 1)[-1])


def _read_labels(table: Path, pictures: Dict[str, Path]) -> Optional[Labels]:
    """None if the table is about other things."""
    try:
        rows = _rows(read_file(table, LARGEST))
    except OSError as error:
        raise UserError(f"{table}: cannot be read ({error.strerror})") from None
    columns = min((len(row) for row in rows), default=0)
    if columns < 2:
        return None
    # Different names: a column of the classes 0 and 1 also has the names of 0.jpg and 1.jpg.
    matches = [len({_key(row[column]) for row in rows} & pictures.keys()) for column in range(columns)]
    files = matches.index(max(matches))
    if sum(_key(row[files]) in pictures for row in rows) < max(1, MATCHED * len(rows)):
        return None
    header = [] if _key(rows[0][files]) in pictures else [cell.strip().lower() for cell in rows[0]]
    others = [column for column in range(columns) if column != files]
    named = [column for column in others if header and header[column] in CLASS_COLUMNS]
    if len(others) > 1 and len(named) != 1:
        raise UserError(
            f"{table}: it has {columns} columns, and which one is the class is not clear; expected two columns, file and class"
        )
    column = (named or others)[0]
    classes: Dict[Path, str] = {}
    unknown, problems = [], []
    for number, row in enumerate(rows[bool(header) :], 1 + bool(header)):
        picture, class_ = pictures.get(_key(row[files])), unicodedata.normalize("NFC", row[column].strip())
        if picture is None:
            unknown.append(row[files])
        elif not class_:
            problems.append(f"row {number} ({row[files]}) has no class")
        elif classes.setdefault(picture, class_) != class_:
            problems.append(f"row {number}: {row[files]} is {class_} here and {classes[picture]} before")
    if problems:
        more = f"; and {len(problems) - 5} more" * (len(problems) > 5)
        raise UserError(f"{table}: {'; '.join(problems[:5])}{more}")
    return Labels(table, classes, unknown)


def _rows(content: bytes) -> List[List[str]]:
    """The rows that are not empty, by the delimiter that cuts them into the most columns; [] for what is no text."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ENCODINGS
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            tables = [list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) for delimiter in DELIMITERS]
        except csv.Error:
            return []
        cut = [[row for row in rows if any(cell.strip() for cell in row)] for rows in tables]
        return max(cut, key=lambda rows: min((len(row) for row in rows), default=0))
    return []
