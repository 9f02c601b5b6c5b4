"""label_issues.csv: photos that look like another class than their label."""

import csv
import io
from pathlib import Path
from typing import Sequence

from ..checks.mislabelled import LabelIssue
from ..runtime.files import atomic
from ..runtime.own_files import LABEL_COLUMNS
from ..runtime.text import spreadsheet_cell


def write_label_issues(file: Path, issues: Sequence[LabelIssue]) -> None:
    """A row for each, in this order, with the fields of `LabelIssue`.

    The byte order mark at its start tells spreadsheets that it is in UTF-8."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([*LABEL_COLUMNS, "self_confidence", "looks_like_confidence", "probability_wrong", "likely"])
    for rank, issue in enumerate(issues, 1):
        names = map(spreadsheet_cell, (issue.photo.name, issue.label, issue.looks_like))
        numbers = (f"{number:.6f}" for number in (issue.self_confidence, issue.confidence, issue.wrong))
        table.writerow([rank, *names, *numbers, "yes" if issue.likely else "no"])
    with atomic(file) as temporary:
        temporary.write_bytes(text.getvalue().encode("utf-8-sig"))
