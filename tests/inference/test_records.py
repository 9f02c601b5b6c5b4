"""Answers as rows and lines."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from records import record, write_csv, write_json, write_jsonl

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image_errors import ImageError

ANSWER = Answer("dog", {"=cat": 0.25, "dog": 0.75}, -0.5, [], np.zeros((3, 2, 2)), np.zeros((1, 1)), 30, 20, 1.26)


def test_an_answer_and_an_error_as_lines_and_as_rows():
    records = [{"file": "=1+1.jpg", **record(ANSWER)}, {"file": "b.jpg", **record(ImageError("empty"))}]
    lines, rows = io.StringIO(), io.StringIO()
    write_jsonl(records, lines)
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert first == {
        "file": "=1+1.jpg",
        "label": "dog",
        "confidences": {"=cat": 0.25, "dog": 0.75},
        "neither": -0.5,
        "width": 30,
        "height": 20,
        "milliseconds": 1.3,
    }
    assert set(second) == {"file", "error"} and "empty" in second["error"]
    write_csv(records, ["=cat", "dog"], rows)
    first, second = csv.DictReader(io.StringIO(rows.getvalue()))
    assert first["file"] == "'=1+1.jpg"  # no formula
    assert (first["confidence dog"], first["neither"], first["error"]) == ("0.750000", "-0.5000", "")
    assert second["label"] == second["confidence dog"] == "" and "empty" in second["error"]


def test_of_many_classes_a_row_has_the_best_ones():
    confidences = {"=a": 0.25, **{f"{number:03d}": 0.001 for number in range(199)}, "b": 0.5}
    rows = io.StringIO()
    write_csv(
        [{"file": "a.jpg", **record(replace(ANSWER, label="b", confidences=confidences))}], list(confidences), rows
    )
    (row,) = csv.DictReader(io.StringIO(rows.getvalue()))
    assert list(row.items())[:8] == [
        *(("file", "a.jpg"), ("label", "b"), ("best 1", "b"), ("confidence 1", "0.500000"), ("best 2", "'=a")),
        *(("confidence 2", "0.250000"), ("best 3", "000"), ("confidence 3", "0.001000")),
    ]
    assert len(row) == 2 + 2 * 5 + 5


def test_an_array_has_the_same_records_as_lines():
    records = [{"file": "狗\u202e.jpg", **record(ANSWER)}, {"file": "b.jpg", **record(ImageError("empty"))}]
    array, lines, none = io.StringIO(), io.StringIO(), io.StringIO()
    write_json(records, array)
    write_jsonl(records, lines)
    write_json([], none)
    assert json.loads(array.getvalue()) == records == [json.loads(line) for line in lines.getvalue().splitlines()]
    assert "\u202e" not in array.getvalue() and array.getvalue().count("\n") == 4 and json.loads(none.getvalue()) == []


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u200e", "\u061c", "\u2028", "\ufeff", "\udcff", "\r", "\x7f"], ids=ascii
)
def test_names_hide_nothing_and_lines_say_them_exactly(letter):
    name, shown = f"=狗{letter}b", f"'=狗{letter.encode('unicode_escape').decode()}b"
    said = replace(ANSWER, label=name, confidences={name: 0.75, "c": 0.25})
    error = {"error": f"{name} cannot be read"}
    records = [{"file": name, **record(said)}, {"file": name, **error}]
    lines, rows = io.StringIO(), io.StringIO()
    write_jsonl(records, lines)
    assert [json.loads(line) for line in lines.getvalue().split("\n")[:-1]] == records
    assert "狗" in lines.getvalue() and letter not in lines.getvalue()
    write_csv(records, [name, "c"], rows)
    text = rows.getvalue()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["file"], first["label"], first[f"confidence {shown[1:]}"]) == (shown, shown, "0.750000")
    assert (second["file"], second["error"]) == (shown, f"{shown} cannot be read")
    assert letter not in text.replace("\r\n", "") and text.count("\n") == text.count("\r\n") == 3
