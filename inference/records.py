"""An answer or an error as a record: the same in JSON lines, CSV, the page's table and its API."""

import csv
import json
from typing import Any, Dict, Iterable, Sequence, TextIO, Union

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.runtime.own_files import BEST_COLUMNS, WIDE
from mobilenetv2.runtime.text import printable_json, spreadsheet_cell


def record(result: Union[Answer, ImageError]) -> Dict[str, Any]:
    """A record with "label", "confidences" by class, "neither", "width", "height" and "milliseconds", or with "error" only."""
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
    """Write one record per line, each as soon as it is there."""
    for one in records:
        stream.write(_line(one) + "\n")
        stream.flush()


def write_json(records: Iterable[Dict[str, Any]], stream: TextIO) -> None:
    """Write a JSON array, one record per line."""
    stream.write("[\n" + ",\n".join(map(_line, records)) + "\n]\n")


def _line(one: Dict[str, Any]) -> str:
    """A record as JSON, in which hidden characters of names are escaped."""
    return printable_json(json.dumps(one, ensure_ascii=False, allow_nan=False))


def write_csv(records: Iterable[Dict[str, Any]], classes: Sequence[str], stream: TextIO) -> None:
    """Write one record per row, with its "file", a column for each class's confidence (of more than WIDE classes, for the best
    ones), and "error".

    What a record lacks is empty. All text is changed so that it shows every character, and no spreadsheet takes it for a formula
    (`spreadsheet_cell`); JSON lines say it unchanged.
    """
    wide = len(classes) > WIDE
    shares = [f"confidence {name}" for name in classes]
    if wide:
        shares = [column for pair in BEST_COLUMNS for column in pair]
    columns = ["file", "label", *shares, "neither", "width", "height", "milliseconds", "error"]
    csv.writer(stream).writerow(map(spreadsheet_cell, columns))
    table = csv.DictWriter(stream, columns, restval="")
    for one in records:
        one = dict(one)
        confidences = one.pop("confidences", {})
        if wide:
            best = sorted(confidences, key=lambda name: -confidences[name])
            for (place, share), name in zip(BEST_COLUMNS, best):
                one[place], one[share] = spreadsheet_cell(name), f"{confidences[name]:.6f}"
        else:
            one.update({f"confidence {name}": f"{value:.6f}" for name, value in confidences.items()})
        if one.get("neither") is not None:
            one["neither"] = f"{one['neither']:.4f}"
        for name in ("file", "label", "error"):
            if name in one:
                one[name] = spreadsheet_cell(one[name])
        table.writerow(one)
