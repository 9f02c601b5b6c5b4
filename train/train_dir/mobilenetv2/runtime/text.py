"""Escaping of file and class names for a terminal, a page and a spreadsheet."""

import json
import re
import unicodedata
from typing import List, Sequence

# What is not seen and changes how a name looks: control characters, line and paragraph separators, lone surrogates (bytes of a
# file name that are not UTF-8), interlinear annotations, and Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.txt,
# which has the marks of writing direction. Not among them: the zero-width joiner and non-joiner, and variation selectors. Emoji,
# Persian, Indic and Mongolian scripts and variants of Chinese characters are not written right without these.
_HIDDEN = (
    r"\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
    r"\U000e01f0-\U000e0fff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
# What some spreadsheet evaluates: a sign of a formula at the start, or behind what it drops there. In the form NFKC, in which
# full-width signs are as others.
FORMULA = re.compile(rf"[{_HIDDEN}\s'\"`‘’“”„«»\u200c\u200d\ufe00-\ufe0f]*[=+\-\u2212@]")


def printable(text: str, keep: str = "") -> str:
    r"""The text with hidden characters escaped as in Python (`\n`, `\u202e`), except those in `keep`.

    A name must neither move the terminal's cursor, nor start a new line, nor look like another name. What is escaped already
    stays as it is."""
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else found[0].encode("unicode_escape").decode(), text)


def printable_json(text: str) -> str:
    """JSON text with hidden characters of its strings escaped as JSON does: it can be shown, and says exactly the same."""
    return HIDDEN.sub(lambda found: json.dumps(found[0])[1:-1], text)


def first_line(error: Exception) -> str:
    """Of an error's message: MindSpore's go on for a page."""
    return str(error).strip().split("\n")[0]


def spreadsheet_cell(text: str) -> str:
    """The text of a CSV cell, `printable`; an apostrophe is put before what a spreadsheet would evaluate as a formula."""
    formula = FORMULA.match(unicodedata.normalize("NFKC", text))
    return f"'{printable(text)}" if formula else printable(text)


def columns(text: str) -> int:
    """Of a terminal that the text takes: Chinese characters take two, marks that are put on others none."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.category(letter) in ("Mn", "Me", "Cf") for letter in text)


def table(rows: Sequence[Sequence[str]], longest: int = 40) -> str:
    """Lines with the cells of the rows below each other, the first column to the left and the others to the right.

    longest: columns of a terminal for a cell; the rest is cut off."""
    cells = [[_cut(printable(cell), longest) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(*cells)]
    lines: List[str] = []
    for row in cells:
        spaces = [" " * (width - columns(cell)) for width, cell in zip(widths, row)]
        lines.append("  ".join([row[0] + spaces[0], *(space + cell for space, cell in zip(spaces[1:], row[1:]))]))
    return "\n".join(lines)


def _cut(text: str, longest: int) -> str:
    if columns(text) <= longest:
        return text
    while columns(text) >= longest:
        text = text[:-1]
    return f"{text}…"
