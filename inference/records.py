"""An answer, or what is wrong with a file, as a record: the same in JSON lines, CSV, the page's table and its API."""

import csv
import json
from typing import Any, Dict, Iterable, Sequence, TextIO, Union

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.runtime.text import spreadsheet_cell


def record(result: Union[Answer, ImageError]) -> Dict[str, Any]:
    """{"label", "confidences" by class, "neither", "width", "height", "milliseconds"}, or {"error"}."""
    if isinstance(result, ImageError):
        return {"error": str(result)}
    return {
        "label": result.label,
        "confidences": result.confidences,
        "neither": result.neither,
        "width": result.width,
        "height": result.height,
        "milliseconds": round(result.milliseconds, 1),
    }


def write_jsonl(records: Iterable[Dict[str, Any]], stream: TextIO) -> None:
    """One record a line, as they come."""
    for one in records:
        stream.write(json.dumps(one, ensure_ascii=False) + "\n")
        stream.flush()


def write_csv(records: Iterable[Dict[str, Any]], classes: Sequence[str], stream: TextIO) -> None:
    """One record a row, with its "file", a column for each class's confidence, and "error"; what a record lacks is empty.

    No name is a formula to a spreadsheet (words.cell); JSON lines have the names as they are.
    """
    columns = ["file", "label", *(f"confidence {name}" for name in classes)]
    columns += ["neither", "width", "height", "milliseconds", "error"]
    table = csv.DictWriter(stream, columns, restval="")
    table.writeheader()
    for one in records:
        one = dict(one)
        for name, value in one.pop("confidences", {}).items():
            one[f"confidence {name}"] = f"{value:.6f}"
        if one.get("neither") is not None:
            one["neither"] = f"{one['neither']:.4f}"
        table.writerow(
            {name: spreadsheet_cell(value) if name in ("file", "label") else value for name, value in one.items()}
        )
