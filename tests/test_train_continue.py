"""Going on from an own checkpoint with more, fewer and renamed classes, as whole runs."""

import csv
import re
import shutil

import continuing
import numpy as np
import pytest
from conftest import SHARED, Run, metrics, needs_shared
from PIL import Image, ImageOps

from mobilenetv2.classifier import Classifier
from mobilenetv2.model import checkpoint


@pytest.fixture(scope="module")
def three(few, tmp_path_factory):
    """The small data set with a third class, the negatives of its dogs. The class dog is called hund."""
    root = shutil.copytree(few, tmp_path_factory.mktemp("three") / "photos")
    for split in ("train", "val"):
        (root / split / "dog").rename(root / split / "hund")
        (root / split / "negative").mkdir()
        for file in (root / split / "hund").iterdir():
            ImageOps.invert(Image.open(file).convert("RGB")).save(root / split / "negative" / f"{file.stem}.png")
    return root


def go_on(root, start, output, cache, *more, code=0):
    run = Run(
        [f"--data_url={root}", f"--pretrain_url={start}", f"--output_path={output}", f"--cache_dir={cache}", *more],
        root,
    )
    assert run.code == code, run.out + run.err
    return run.out + run.err


@pytest.fixture(scope="module")
def extended(three, drawn, cache, tmp_path_factory):
    """What a run from the drawings' checkpoint leaves, and what it says."""
    output = tmp_path_factory.mktemp("extended")
    return output, go_on(three, drawn, output, cache, "--merge=hund=dog")


def test_one_more_class(extended, drawn):
    output, said = extended
    assert "with what its classifier knows of these classes; kept: croissants, dog; new: negative." in said
    assert "of the classes that the weights knew: 10 of 10 right before the training, 10 now." in said
    network, description, detector = checkpoint.load(str(output))
    assert description.classes == ("croissants", "dog", "negative")
    assert description.origin["classes"] == {
        "known": {"croissants": ["croissants"], "dog": ["dog"], "negative": []},
        "left_out": [],
    }
    assert description.settings["merge"] == "hund=dog" and description.settings["classes"] == ""
    plan = description.hyperparameters
    assert plan["head"]["pull"] == plan["cross_validation"]["pull"] == 6e-2
    assert plan["head"]["weight_decay"] == plan["cross_validation"]["fold_penalty"]
    assert f"Weight decay of the classifier: {plan['head']['weight_decay']:g}, the strongest whose loss" in said
    # The rows of the old classes go on from those of the start, and its references are kept.
    before, _, start = checkpoint.load(str(drawn))
    rows, old = network.classifier.weight.asnumpy(), before.classifier.weight.asnumpy()
    assert all(np.corrcoef(rows[label], old[label])[0, 1] > 0.6 for label in (0, 1))
    assert np.bincount(start.labels).tolist() == [80, 80] and np.bincount(detector.labels).tolist() == [92, 92, 12]
    for page in ("report.html", "README.md"):
        text = re.sub("</?bdi>", "", (output / page).read_text(encoding="utf-8"))
        assert "whose classifier knew croissants, dog; new to it: negative." in text
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["photo"].split("/")[1], row["class"]) for row in rows} == {
        ("croissants", "croissants"),
        ("hund", "dog"),
        ("negative", "negative"),
    }
    assert metrics(output)["val"]["correct"] == metrics(output)["val"]["count"] == 15


def test_fewer_and_renamed_classes(extended, three, cache, tmp_path):
    start = extended[0]
    options = ["--classes=inverse,hund", "--merge=negative=inverse,dog=hund"]
    said = go_on(three, start, tmp_path, cache, *options)
    assert "kept: hund (from dog), inverse (from negative); left out: croissants." in said
    _, description, detector = checkpoint.load(str(tmp_path))
    assert description.classes == ("hund", "inverse") and len(detector.plain.class_baseline) == 2
    assert (
        description.hyperparameters["head"]["weight_decay"] == 6e-2
        and "pull" not in description.hyperparameters["head"]
    )
    assert description.data["train"] == {"hund": 12, "inverse": 12}
    answer = Classifier(str(tmp_path)).answer(next((three / "val" / "negative").iterdir()).read_bytes())
    assert set(answer.confidences) == {"hund", "inverse"}


def test_a_teacher_knows_the_classes(extended, three, cache, tmp_path):
    run = [
        f"--data_url={three}",
        f"--teacher_url={extended[0]}",
        "--merge=hund=dog",
        "--classes=dog,negative",
        "--epochs=1",
    ]
    done = Run([*run, f"--output_path={tmp_path / 'small'}", f"--cache_dir={cache}", "--last=32"], three)
    assert done.code == 0 and "left out: croissants." in done.out + done.err
    description = checkpoint.load(str(tmp_path / "small"))[1]
    assert description.classes == ("dog", "negative")
    assert description.origin["teacher"]["classes"]["left_out"] == ["croissants"]


def test_small_pictures_are_cut_as_the_start_cut_them(few, built_in, whole, cache, tmp_path):
    for start, least in ((built_in, 0), (whole, 128)):
        said = go_on(few, start, tmp_path / start.name, cache, "--epochs=1")
        assert ("the edges of small pictures are cut away, as of large ones" in said) == (least == 0)
        preprocessing = checkpoint.load(str(tmp_path / start.name)).description.preprocessing
        assert (preprocessing.size, preprocessing.least_crop) == (128, least)


def test_mistakes_stop_the_run_before_it_begins(three, drawn, cache, tmp_path):
    said = go_on(three, drawn, tmp_path, cache, "--classes=dog,crossants", "--merge=hnd=dog", code=2)
    assert "--merge: there is no class hnd; did you mean hund?" in said
    assert "--classes: there is no class crossants; did you mean croissants?" in said
    assert not (tmp_path / "mobilenetv2.ckpt").exists()


@needs_shared
def test_few_photos_more_of_what_is_known(tmp_path, cache):
    """Nine species of monkeys, then ten with five photos each: what is kept is worth more than these photos."""
    where = SHARED / "sets" / "monkeys", SHARED / "weights", tmp_path, cache
    assert continuing.begin(*where) == (178, 180, 0, 0)
    kept, fresh = continuing.go_on(*where, few=5, draw=0)
    assert kept.old >= 174 > 165 >= fresh.old and kept.new >= 18 and kept[1::2] == fresh[1::2] == (180, 20)
