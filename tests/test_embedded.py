"""The checkpoint that comes with the program: what a fresh clone answers before anything was trained."""

import shutil
from collections import Counter
from pathlib import Path
from typing import List

import pytest
from conftest import ROOT, SHARED, needs_shared
from test_inference import predict, table

from mobilenetv2.data import sample
from mobilenetv2.model import checkpoint


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


def test_it_is_small_and_says_where_it_comes_from():
    assert checkpoint.EMBEDDED.stat().st_size < 200_000
    _, description, neither = checkpoint.load(str(checkpoint.EMBEDDED))
    assert description.classes == ("croissants", "dog") and neither is None
    assert (
        description.origin["weights"] == "random numbers" and description.origin["teacher"]["weights"] == "torchvision"
    )
    assert description.data["train"] == {"croissants": 318, "dog": 318}


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
