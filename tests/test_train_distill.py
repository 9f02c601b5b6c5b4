"""A small network from a teacher: the file that it leaves, and that being stopped changes nothing."""

import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import numpy as np
from conftest import TRAIN, Run, metrics

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.model import checkpoint
from mobilenetv2.model.prediction import predict_logits
from mobilenetv2.training import resume


def arguments(drawn: Path, cache: Path, output: Path) -> List[str]:
    """The network that learned the drawings teaches a smaller one, on ten of each class."""
    photos = output.parent / "photos"
    for drawing in sorted((drawn / "sample" / "train").glob("*/*[0-4].*"))[::3]:
        (photos / drawing.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(drawing, photos / drawing.parent.name)
    options = {
        "data_url": photos,
        "teacher_url": drawn / "mobilenetv2.ckpt",
        "compact": "yes",
        "image_size": 32,
        "last": 64,
        "epochs": 2,
        "cache_dir": cache,
        "output_path": output,
    }
    return [f"--{name}={value}" for name, value in options.items()]


def test_distillation_stopped_and_resumed_writes_the_same_bytes(drawn, cache, tmp_path):
    whole = Run(arguments(drawn, cache, tmp_path / "whole"), tmp_path)
    assert whole.code == 0, whole.out + whole.err
    state = tmp_path / "stopped" / resume.FILES[0]
    command = [sys.executable, str(TRAIN), *arguments(drawn, cache, state.parent)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while not state.exists() and process.poll() is None:
            time.sleep(0.05)
        process.kill()
        process.communicate()
    resumed = Run(arguments(drawn, cache, state.parent), tmp_path)
    assert resumed.code == 0 and "Going on in epoch" in resumed.out + resumed.err
    assert not state.exists()
    files = [tmp_path / name / "mobilenetv2.ckpt" for name in ("whole", "stopped")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert os.path.getsize(files[0]) < 200_000
    network, description, _ = checkpoint.load(str(files[0]))
    assert description.architecture.last == network.classifier.in_channels == 64
    assert description.origin["weights"] == "random numbers"
    for file in files:
        rows = metrics(file.parent)["history"]["distill"]
        assert [(row["epoch"], row["kept"]) for row in rows] == [(1, False), (2, True)]
    losses = [row["loss"] for row in metrics(files[0].parent)["history"]["distill"]]
    assert losses[1] < losses[0]
    with open(files[0].parent / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    found = dataset.scan_folder(str(tmp_path / "photos"))
    data = check_photos(found, description.preprocessing, PhotoCache(str(cache)), workers=2).data
    logits = predict_logits(network, data.split("val"), description.preprocessing, 2)
    expected = [[float(row[f"logit {name}"]) for name in description.classes] for row in rows]
    np.testing.assert_allclose(logits, expected, atol=1e-5)  # the metrics are those of the rounded network
    assert {row["neither score"] for row in rows} == {""} and metrics(files[0].parent)["val"]["refused"] == 0
    assert not (files[0].parent / "mobilenetv2.thumbnails.jpg").exists()
    teacher, student = (metrics(files[0].parent)["comparison"][name] for name in ("teacher", "student"))
    assert (
        student["parameters"] == sum(parameter.size for parameter in network.trainable_params()) < teacher["parameters"]
    )
    assert 2 * student["parameters"] > student["bytes"] > student["parameters"] and teacher["image_size"] > 32
    assert student["correct"] == metrics(files[0].parent)["val"]["correct"] and student["milliseconds"] > 0
    assert "The small network and its teacher" in (files[0].parent / "report.html").read_text(encoding="utf-8")


def test_a_teacher_and_weights_to_start_from_contradict_each_other(drawn, tmp_path):
    run = Run([f"--teacher_url={drawn}", f"--pretrain_url={drawn}", "--data_url=nowhere"], tmp_path)
    assert (
        run.code == 2 and "leave --pretrain_url and --unfreeze out" in run.out and "no such folder of photos" in run.out
    )


def test_a_training_that_runs_away_is_said(drawn, cache, tmp_path):
    run = Run([*arguments(drawn, cache, tmp_path / "away"), "--lr=10"], tmp_path)
    assert run.code == 2 and "ran away" in run.out and "start with a lower" in run.out
    assert "Traceback" not in run.out + run.err
    assert not (tmp_path / "away" / "mobilenetv2.ckpt").exists()
