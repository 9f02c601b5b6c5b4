"""A finding about a data set."""

from typing import NamedTuple

from ..runtime.i18n import Bilingual


class Finding(NamedTuple):
    """A finding about a file, class or folder. kind: a key of checks.issues.ISSUES. name: of the photo, class or folder.
    text: what was found. other: name of a second photo, or empty."""

    kind: str
    name: str
    text: Bilingual
    other: str = ""

    def __str__(self) -> str:
        """A line for the log."""
        return f"{self.name}: {self.text}"
