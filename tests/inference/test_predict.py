"""Batch prediction, run as its users do, with the checkpoint of a real training run and in a fresh clone."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import List

import numpy as np
import pytest
from conftest import ROOT, SHARED, metrics, needs_shared
from pages import trained
from predict import main

from mobilenetv2.classifier import Classifier
from mobilenetv2.data import sample
from mobilenetv2.model import checkpoint

CLASSES = ("croissants", "dog")


PREDICT = ROOT / "inference" / "predict.py"


def predict(*arguments, cwd, stdin="", script=PREDICT, **environment):
    command = [sys.executable, str(script), *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", input=stdin
    )


def table(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_one_file_in_this_process(drawings, capsys, monkeypatch):
    monkeypatch.chdir(drawings)
    assert main(["val/dog/dog_003.jpg", "--checkpoint", str(checkpoint.EMBEDDED)]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["file"] == "val/dog/dog_003.jpg" and row["label"] == "dog" and row["error"] == ""
    known = Classifier(str(checkpoint.EMBEDDED)).answer(Path(row["file"]).read_bytes())
    assert float(row["confidence dog"]) == pytest.approx(known.confidences["dog"], abs=1e-5)


def test_folder_glob_file_and_list_give_the_same_rows(drawn, tmp_path):
    folder = drawn / "sample" / "val"
    names = sorted(str(file) for file in folder.rglob("*.jpg"))
    rows = table(predict(folder, cwd=tmp_path, CHECKPOINT=str(drawn)))
    assert [row["file"] for row in rows] == names and len(rows) == 40
    known = json.loads((drawn / "metrics.json").read_text(encoding="utf-8"))["val"]["correct"]
    best = [max(CLASSES, key=lambda name: float(row[f"confidence {name}"])) for row in rows]
    assert sum(name == row["file"].split("/")[-2] for name, row in zip(best, rows)) == known
    for row in rows:
        confidences = {name: float(row[f"confidence {name}"]) for name in CLASSES}
        best = max(confidences, key=confidences.get)
        assert (
            row["label"] == ("neither" if float(row["neither"]) > 0 else best)
            and abs(sum(confidences.values()) - 1) < 1e-5
        )
        assert (row["width"], row["height"], row["error"]) == ("192", "192", "") and float(row["milliseconds"]) > 0
    few = predict(
        names[0],
        f"{folder}/dog/*_00?.jpg",
        "-",
        "--checkpoint",
        drawn,
        "--format=jsonl",
        cwd=tmp_path,
        stdin=f"{names[1]}\n",
    )
    records = [json.loads(line) for line in few.stdout.splitlines()]
    assert few.returncode == 0 and [record["file"] for record in records] == [names[0], *names[20:30], names[1]]
    alone = {row["file"]: float(row["confidence dog"]) for row in rows}
    np.testing.assert_allclose(
        [record["confidences"]["dog"] for record in records], [alone[r["file"]] for r in records], atol=2e-6
    )


def test_bad_file_is_a_row_with_its_error_and_exit_code_1(drawings, built_in, bad_files, tmp_path):
    good = drawings / "val" / "dog" / "dog_000.jpg"
    done = predict(*bad_files, good, "nowhere.jpg", "--checkpoint", built_in, cwd=tmp_path)
    rows = table(done)
    assert done.returncode == 1 and "Traceback" not in done.stderr and len(rows) == 7
    for row, words in zip(rows, [*bad_files.values(), "", "cannot be read (No such file or directory)"]):
        assert words in row["error"] and bool(row["label"]) == (not words)


def test_without_a_checkpoint_predict_says_what_to_do(tmp_path):
    done = predict("x.jpg", "--checkpoint", tmp_path / "none.ckpt", cwd=tmp_path)
    assert done.returncode == 2 and "there is no such file or folder" in done.stderr and "Traceback" not in done.stderr


@needs_shared
def test_validation_photos_and_odd_files(photos, tmp_path):
    done = predict(SHARED / "photos" / "val", SHARED / "odd", "--checkpoint", photos, cwd=tmp_path)
    rows = table(done)
    assert len(rows) == 143 + 30 and done.returncode == 1 and "Traceback" not in done.stderr
    assert sum(bool(row["error"]) for row in rows) == 8
    known = trained(photos)
    for row in rows[:143]:
        assert abs(float(row["confidence dog"]) - known["val/" + row["file"].split("/val/")[1]]["dog"]) < 1e-5
    assert sum(row["label"] == "neither" for row in rows[:143]) == metrics(photos)["val"]["refused"] <= 4
    assert {row["label"] for row in rows[:143] if row["label"] != row["file"].split("/")[-2]} == {"neither"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The two folders of the program, without any output of a training run beside them."""
    root = tmp_path_factory.mktemp("clone")
    for name in ("train", "inference"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("output", "__pycache__"))
    return root


def answers(clone: Path, folder: Path) -> List[Counter]:
    """How often each class below the folder got each label."""
    rows = table(predict(folder, cwd=clone, script=clone / "inference" / "predict.py"))
    return Counter((row["file"].split("/")[-2], row["label"]) for row in rows)


def test_a_fresh_clone_answers_the_drawings(clone, tmp_path):
    sample.write_sample(tmp_path / "sample")
    found = answers(clone, tmp_path / "sample" / "val")
    assert found["croissants", "croissants"] >= 16 and found["dog", "dog"] >= 19 and sum(found.values()) == 40


@needs_shared
def test_a_fresh_clone_answers_photos(clone):
    found = answers(clone, SHARED / "photos" / "val")
    right = {name: found[name, name] for name in ("croissants", "dog")}
    _, description, _ = checkpoint.load(str(checkpoint.EMBEDDED))
    assert sum(right.values()) == description.metrics["val"]["correct"] >= 0.95 * 143
    for name, count in description.data["val"].items():
        assert right[name] >= 0.9 * count
