"""README.md beside a checkpoint."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import yaml
from conftest import ROOT, Run

from mobilenetv2.model import checkpoint
from mobilenetv2.report.content import Report
from mobilenetv2.report.model_card import read_licence, write_card
from mobilenetv2.runtime.own_files import MODEL_CARD, is_own_file

HOSTILE = ("| a `b` <script>", "---\u202e\n# x", "[c](http://d) *e* 狗")


@pytest.fixture(scope="module")
def description():
    return checkpoint.load(str(checkpoint.EMBEDDED))[1]


def card(folder, description, classes=("croissants", "dog"), licence="", language="en", **fields):
    counts = {split: dict.fromkeys(classes, 7) for split in ("train", "val")}
    content = Report(classes, np.diag([6] * len(classes)), counts=counts, origin={"weights": "MindCV"}, **fields)
    write_card(folder / MODEL_CARD, content, replace(description, classes=classes), licence, language)
    return (folder / MODEL_CARD).read_text(encoding="utf-8")


def front(text):
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize(
    "mode, unfreeze, english, chinese",
    [
        ("head", 0, "Only its last layer was trained.", "只训练了最后一层。"),
        ("finetune", 3, "It was fine-tuned: the last 3 of its 19 parts.", "经过微调：其 19 个部分中的最后 3 个。"),
        ("finetune", 19, "It was fine-tuned: all of it.", "经过微调：整个网络。"),
        ("scratch", 0, "All of it was trained.", "训练了整个网络。"),
    ],
)
def test_it_says_what_was_trained(mode, unfreeze, english, chinese, description, tmp_path):
    text = card(tmp_path, description, mode=mode, settings={"unfreeze": unfreeze})
    assert f"made with MindSpore. {english}\n" in text and f"用 MindSpore 训练。{chinese}\n" in text


def test_both_hubs_can_read_its_front_matter(description, tmp_path):
    text = card(tmp_path, description)
    data = front(text)
    assert text.startswith("---\n") and is_own_file(tmp_path / MODEL_CARD)
    assert data["license"] == "other" and "Fill in: the licence" in text.split("license:")[0]
    # Hugging Face
    assert data["library_name"] == "mindspore" and data["pipeline_tag"] == "image-classification"
    assert {"image-classification", "mindspore"} <= set(data["tags"]) and data["metrics"] == ["accuracy"]
    (model,) = data["model-index"]
    (result,) = model["results"]
    assert model["name"] and result["task"] == {"type": "image-classification"}
    assert result["dataset"] == {"name": "28 photos", "type": "imagefolder", "split": "validation"}
    assert result["metrics"] == [
        {"type": "accuracy", "value": 1.0, "name": "Accuracy, 12 of 12 (exact 95 % interval: 73 % to 100 %)"},
        {"type": "balanced_accuracy", "value": 1.0, "name": "Mean recall of the classes"},
    ]
    # ModelScope
    assert (
        data["frameworks"] == ["MindSpore"] and data["domain"] == ["cv"] and data["tasks"] == ["image-classification"]
    )


def test_test_photos_are_the_result_where_there_are_any(description, tmp_path):
    data = front(card(tmp_path, description, test_confusion=np.array([[3, 1], [0, 4]])))
    result = data["model-index"][0]["results"][0]
    assert result["dataset"]["split"] == "test" and result["metrics"][0]["value"] == 0.875


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_language_comes_first_and_the_other_after_it(description, tmp_path, language):
    text = card(tmp_path, description, language=language)
    heads = re.findall("^# (.*)$", text.split("-->")[1], re.MULTILINE)
    assert heads == sorted(["MobileNetV2: croissants, dog", "MobileNetV2：croissants、dog"], reverse=language == "zh")
    assert text.count("| croissants | 7 | 7 |") == 2


def test_of_a_thousand_classes_it_has_the_first(description, tmp_path):
    rows = [line for line in card(tmp_path, description, tuple(map(str, range(1000)))).splitlines() if line[:1] == "|"]
    assert len(rows) == 2 * (2 + 120 + 1) and {row.count("|") for row in rows} == {5}
    assert rows[122] == "| and 880 more, see metrics.json |  |  |  |"


def test_names_have_no_effect(description, tmp_path):
    text = card(tmp_path, description, HOSTILE)
    data = front(text)
    assert data["model-index"][0]["name"].startswith("MobileNetV2: | a `b` <script>, ---\\u202e")
    body = text.split("-->")[1]
    rows = [line for line in body.splitlines() if line.startswith("|")]
    assert len(rows) == 2 * 5 and {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert not re.search(r"(?<!\\)<script|(?<!\\)\[c|\u202e", body)


def test_a_licence_that_was_filled_in_stays(description, tmp_path):
    file = tmp_path / MODEL_CARD
    assert read_licence(file) == ""
    text = card(tmp_path, description)
    file.write_text(text.replace("license: other", "license: Apache License 2.0"), encoding="utf-8")
    assert read_licence(file) == "Apache License 2.0"
    assert front(card(tmp_path, description, licence=read_licence(file)))["license"] == "Apache License 2.0"
    file.write_text("---\nlicense: mit\n---\n# Mine\n")
    assert read_licence(file) == ""
    file.write_bytes(b"\xff")
    assert read_licence(file) == ""


def test_the_code_in_it_runs(few, cache, tmp_path):
    """Also after a second training into the same folder, which keeps the licence."""
    output = tmp_path / "out"
    arguments = [
        f"--data_url={few}",
        f"--output_path={output}",
        f"--cache_dir={cache}",
        "--epochs=1",
        "--image_size=64",
    ]
    assert Run(arguments, tmp_path).code == 0
    file = output / MODEL_CARD
    first = file.read_text(encoding="utf-8")
    assert "license: other\n" in first
    file.write_text(first.replace("license: other\n", "license: mit\n"), encoding="utf-8")
    assert Run(arguments, tmp_path).code == 0
    assert file.read_text(encoding="utf-8") == first.replace("license: other\n", "license: mit\n")
    (photo,) = list((few / "val" / "dog").iterdir())[:1]
    (output / "photo.jpg").write_bytes(photo.read_bytes())
    code = re.search("```python\n(.*?)```", first, re.DOTALL)[1]
    code = code.replace('"train/train_dir"', repr(str(ROOT / "train" / "train_dir")))
    done = subprocess.run([sys.executable, "-c", code], cwd=output, capture_output=True, text=True)
    assert done.returncode == 0 and re.match(r"(dog|croissants|neither) \{'croissants': ", done.stdout), done.stderr
