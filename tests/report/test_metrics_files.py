"""validation.csv and history.csv, as a spreadsheet reads them."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mobilenetv2.data.dataset import Photo
from mobilenetv2.evaluation.ood import Rejections
from mobilenetv2.model import checkpoint
from mobilenetv2.report.metrics_files import _write_history, _write_json, _write_table
from mobilenetv2.runtime.own_files import is_own_file


@pytest.fixture(scope="module")
def description():
    return checkpoint.load(str(checkpoint.EMBEDDED))[1]


def table(folder, description, classes, name):
    """The bytes of validation.csv for two photos of this name, one of each class, both answered with the second."""
    photos = [Photo(Path(name), f"val/{classes[label]}/{name}", label, "val") for label in (0, 1)]
    answers = np.array([[-1, 1], [-2, 2]], np.float32)
    described = replace(description, classes=classes, temperature=1.0)
    _write_table(
        folder / "validation.csv",
        described,
        photos,
        answers,
        Rejections(0.0, {"val": np.array([-0.5, 0.25], np.float32)}),
    )
    return (folder / "validation.csv").read_bytes()


def test_it_opens_right_in_a_spreadsheet(description, tmp_path):
    data = table(tmp_path, description, ("牛角包", "狗"), "照片.jpg")
    assert data.startswith(b"\xef\xbb\xbfphoto,class,answer,") and data.count(b"\n") == data.count(b"\r\n") == 3
    rows = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    columns = ["logit 牛角包", "logit 狗", "confidence 牛角包", "confidence 狗"]
    assert rows[0] == ["photo", "class", "answer", "neither score", "refused", *columns]
    assert rows[1][:7] == ["val/牛角包/照片.jpg", "牛角包", "狗", "-0.5", "no", "-1.0", "1.0"]
    assert rows[2][:7] == ["val/狗/照片.jpg", "狗", "狗", "0.25", "yes", "-2.0", "2.0"]


@pytest.mark.parametrize("letter", ["\u202e", "\u2067", "\u200f", "\u3164", "\ufeff", "\u2028"], ids=ascii)
def test_names_hide_nothing(description, tmp_path, letter):
    class_, shown = f"{letter}=1+1", f"{letter.encode('unicode_escape').decode()}=1+1"
    text = table(tmp_path, description, (class_, "b"), f"{letter}.jpg").decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    assert letter not in text and len(rows) == 3
    assert rows[0][5:] == [f"logit {shown}", "logit b", f"confidence {shown}", "confidence b"]
    assert rows[1][:3] == [f"val/{shown}/{shown[:-4]}.jpg", f"'{shown}", "b"]  # that class is no formula


def test_of_many_classes_the_table_has_the_best_ones(description, tmp_path):
    classes = tuple(f"{number:03d}" for number in range(201))
    answers = np.zeros((1, 201), np.float32)
    answers[0, [7, 200, 3]] = np.log([1800, 600, 2])  # of 2600 in all
    described = replace(description, classes=classes, temperature=1.0)
    _write_table(tmp_path / "validation.csv", described, [Photo(Path("a.jpg"), "a.jpg", 200, "val")], answers, None)
    (row,) = csv.DictReader((tmp_path / "validation.csv").read_text("utf-8-sig").splitlines())
    assert list(row) == [
        *("photo", "class", "answer", "neither score", "refused", "confidence", "best 1", "confidence 1", "best 2"),
        *("confidence 2", "best 3", "confidence 3", "best 4", "confidence 4", "best 5", "confidence 5"),
    ]
    assert [row[name] for name in ("class", "answer", *(f"best {place}" for place in range(1, 6)))] == [
        *("200", "007", "007", "200", "003", "000", "001")
    ]
    shares = [float(row[f"confidence{place}"]) for place in ("", " 1", " 2", " 3", " 4")]
    assert shares == pytest.approx([600 / 2600, 1800 / 2600, 600 / 2600, 2 / 2600, 1 / 2600])


def test_a_matrix_has_a_line_for_each_row(tmp_path):
    content = {"confusion": [[10, 2], [0, 7]], "names": ["[ 1,  2 ]", "[\n1,\n2\n]"], "none": [], "half": [0.5, 1]}
    _write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == content and "\n  [10, 2],\n  [0, 7]\n" in text


def test_history_has_a_row_for_every_epoch(tmp_path):
    val = {"count": 8, "correct": 7, "accuracy": 0.875, "balanced_accuracy": 0.75, "loss": 0.5}
    row = {"epoch": 0, "loss": 0.75, "val": val, "step_ms": 2.5, "lr": 1e-3, "seconds": 0.125, "kept": False}
    history = {"head": [row, {**row, "epoch": 1, "loss": float("nan"), "kept": True}], "finetune": [row]}
    _write_history(tmp_path / "history.csv", history)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["stage"], row["epoch"], row["kept"]) for row in rows] == [
        ("head", "0", "no"),
        ("head", "1", "yes"),
        ("finetune", "0", "no"),
    ]
    assert list(rows[0].items())[2:-1] == [
        ("training loss", "0.75"),
        ("validation loss", "0.5"),
        ("validation accuracy", "0.875"),
        ("validation balanced accuracy", "0.75"),
        ("validation right", "7"),
        ("validation photos", "8"),
        ("learning rate", "0.001"),
        ("seconds", "0.125"),
        ("step ms", "2.5"),
    ]
    assert rows[1]["training loss"] == "nan" and is_own_file(tmp_path / "history.csv")
