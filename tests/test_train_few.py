"""From one photo a class on, a training leaves all its files, and says how it was validated."""

import csv
import json
import re
import shutil

import numpy as np
import pytest
from conftest import Run, metrics

from mobilenetv2.classifier import Classifier
from mobilenetv2.model import checkpoint

CLASSES = {"bread": "croissants", "pet": "dog"}  # new to the built-in network


def train(drawings, tmp_path, cache, counts, *arguments, code=0):
    for (class_, drawn), count in zip(CLASSES.items(), counts):
        (tmp_path / "photos" / class_).mkdir(parents=True)
        for file in sorted((drawings / "train" / drawn).iterdir())[:count]:
            shutil.copy(file, tmp_path / "photos" / class_)
    run = Run(["--data_url=photos", f"--cache_dir={cache}", "--output_path=out", *arguments], tmp_path)
    assert run.code == code, run.out
    return run.out, tmp_path / "out"


def answers(folder):
    with open(folder / "validation.csv", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def head_of(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    return re.sub(r"<[^>]*>", "", page.split('<header id="verdict">')[1].split("</header>")[0]).replace("\xa0", " ")


@pytest.mark.parametrize("arguments, code", [((), 0), (("--unfreeze=1", "--epochs=1", "--min_accuracy=0.1"), 3)])
def test_one_photo_a_class(drawings, tmp_path, cache, arguments, code):
    said, folder = train(drawings, tmp_path, cache, (1, 1), *arguments, code=code)
    assert ("is no proof of --min_accuracy=0.1" in said) == bool(code)
    result = metrics(folder)
    assert result["data"]["validation"] == "learned" and "folds" not in result
    assert result["data"]["train"] == result["data"]["val"] == {"bread": 1, "pet": 1}
    right = result["val"]["correct"]
    assert f"WARNING: Nothing was tested: {right} of 2 photos that were learned are right." in said
    assert f"Nothing was tested: no class has a photo to spare. {right} of 2 answers are right" in head_of(folder)
    assert "no photo could be set aside to validate" in (folder / "report.html").read_text(encoding="utf-8")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"Accuracy on photos that it has learned, {right} of 2; nothing was tested" in card
    assert "Nothing was tested" in card.split("## How good it is")[1] and "没有做任何检验" in card
    findings = json.loads((folder / "check.json").read_text(encoding="utf-8"))["findings"]
    assert [one["name"] for one in findings if one["kind"] == "few"] == ["bread", "pet"]
    classifier = Classifier(str(folder))
    assert classifier.description.temperature == 1
    answer = classifier.answer(next((drawings / "val" / "dog").iterdir()).read_bytes())
    assert answer.label in CLASSES and sum(answer.confidences.values()) == pytest.approx(1)


def test_few_photos_are_validated_in_turn_and_all_learned(drawings, tmp_path, cache):
    said, folder = train(drawings, tmp_path, cache, (4, 2))
    result, rows, asked = metrics(folder), answers(folder), 6
    assert result["data"]["validation"] == "in turn" and result["data"]["train"] == {"bread": 4, "pet": 2}
    right = sum(row["class"] == row["answer"] for row in rows)
    assert len(rows) == asked == result["val"]["count"] and right == result["val"]["correct"]
    assert f"each answered by a classifier that has not learned from it: {right} of {asked} right" in said
    assert re.search(rf"Kept .*: \d of {asked} right of those learned\.", said) and "in validation." not in said
    head = head_of(folder)
    assert f"each of {asked} training photos was answered by a classifier that had not learned from it" in head
    assert f"{right} of {asked} right, each left out in turn" in " ".join(head.split())
    assert f"leave one out, {right} of {asked} (exact" in (folder / "README.md").read_text(encoding="utf-8")
    description = checkpoint.load(str(folder))[1]
    assert description.hyperparameters["cross_validation"]["folds"] == 4
    # The classifier itself has learned from all of them: its answers are others than those in turn.
    classifier = Classifier(str(folder))
    own = [
        classifier.answer((tmp_path / "photos" / row["photo"]).read_bytes()).confidences[row["class"]] for row in rows
    ]
    turns = [float(row[f"confidence {row['class']}"]) for row in rows]
    assert np.mean(own) > np.mean(turns)
