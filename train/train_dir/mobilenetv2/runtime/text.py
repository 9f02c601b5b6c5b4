"""Names of files and classes where they are shown: in a terminal, in a spreadsheet."""

import unicodedata


def printable(text: str, keep: str = "") -> str:
    """The text with control characters as escapes, except those in `keep`: no name of a file may move the cursor of a terminal,
    or look like a line of its own."""
    return "".join(
        letter.encode("unicode_escape").decode()
        if unicodedata.category(letter) == "Cc" and letter not in keep
        else letter
        for letter in text
    )


def spreadsheet_cell(text: str) -> str:
    """A name in a table: one that a spreadsheet would take for a formula begins with an apostrophe."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
