"""Escaping of file and class names for a terminal and for a spreadsheet."""

import unicodedata


def printable(text: str, keep: str = "") -> str:
    """The text with control characters escaped, except those in `keep`: a file name must neither move the terminal's cursor nor
    start a new line."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) == "Cc" and letter not in keep
        else letter
        for letter in text
    )


def first_line(error: Exception) -> str:
    """Of an error's message: MindSpore's go on for a page."""
    return str(error).strip().split("\n")[0]


def spreadsheet_cell(text: str) -> str:
    """The text of a CSV cell; an apostrophe is put before what a spreadsheet would evaluate as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
