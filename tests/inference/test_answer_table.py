"""The table of many answers, as HTML; test_browser.py uses it."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from answer_table import table
from page import Page
from records import record

from mobilenetv2.classifier import Answer, Classifier
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.model.checkpoint import EMBEDDED

HOSTILE = "<img src=x onerror=alert(1)>"


def answer(label):
    pixels, activation = np.zeros((3, 8, 8), np.float32), np.ones((2, 2), np.float32)
    return Answer(label, {HOSTILE: 0.875, "dog": 0.125}, 0.1, [], pixels, activation, 8, 8, 1.0)


def files(page):
    """The downloads: ending -> bytes."""
    found = re.findall(r'download="answers\.(\w+)" href="data:[^,"]+;base64,([^"]+)"', page)
    return {ending: base64.b64decode(content) for ending, content in found}


def test_a_table_of_answers_with_the_same_as_csv_and_json():
    results = [("a.jpg", answer(HOSTILE)), (HOSTILE, answer(NEITHER)), ("c.jpg", ImageError("empty"))]
    for language, words in (("en", ("Neither", "This file is empty")), ("zh", ("都不是", "这个文件是空的"))):
        page = table(iter(results), [HOSTILE, "dog"], Preprocessing(8), language)
        assert "<img src=x" not in page and page.count("<tr data-kind") == 3
        assert "87.5%" in page and all(word in page for word in words)
        found = files(page)
        data = found["csv"]
        assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\n") == data.count(b"\r\n") == 4
        rows = data.decode("utf-8-sig").splitlines()
        assert len(rows) == 4 and rows[1].startswith("a.jpg,<img")
        assert json.loads(found["json"]) == [{"file": name, **record(result)} for name, result in results]


def test_counts_of_what_there_is_name_it_and_say_none_of_these_above_two_classes():
    names = ["cat", "dog", "pug"]
    shares = {"cat": 0.25, "dog": 0.5, "pug": 0.25}
    results = [(f"{label}.jpg", replace(answer(label), confidences=shares)) for label in ("dog", "dog", "cat", NEITHER)]
    page = table(iter([*results, ("x.txt", ImageError("other"))]), names, Preprocessing(8), "en")
    counts = re.findall(r'<button type="button" data-filter="(\w*)" aria-pressed="(\w+)">([^<]+) <b>(\d+)</b>', page)
    assert counts == [
        ("", "true", "All", "5"),
        ("neither", "false", "None of these", "1"),
        ("error", "false", "Not readable", "1"),
        ("1", "false", "dog", "2"),
        ("0", "false", "cat", "1"),
    ]
    kinds = re.findall(
        r'<tr data-kind="(\w+)" data-file="([^"]+)" data-answer="([^"]*)" data-confidence="([\d.]*)"', page
    )
    assert kinds == [
        ("1", "dog.jpg", "dog", "0.500000"),
        ("1", "dog.jpg", "dog", "0.500000"),
        ("0", "cat.jpg", "cat", "0.250000"),
        ("neither", "neither.jpg", "None of these", ""),
        ("error", "x.txt", "", ""),
    ]


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u2066", "\u200f", "\ufeff", "\u2029", "\udcff", "\n", "\x9b"], ids=ascii
)
def test_names_in_the_table_hide_nothing(letter):
    name, shown = f"gpj{letter}exe", f"gpj{letter.encode('unicode_escape').decode()}exe"
    said = replace(answer(name), confidences={name: 0.75, "dog": 0.25})
    page = table(iter([(name, said), (name, ImageError("empty"))]), [name, "dog"], Preprocessing(8), "en")
    assert letter not in page.split("<p class", 1)[1]
    assert page.count(f"<td>{shown}</td>") == 2 and f"<b>{shown}</b>" in page and f">{shown} <b>1</b>" in page
    assert files(page)["csv"].decode("utf-8-sig").count(shown) == 4  # a column, two files and a label
    assert [one["file"] for one in json.loads(files(page)["json"])] == [name, name]


def test_the_table_of_the_page_has_what_its_api_says(drawings, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    file = tmp_path / "dog.jpg"
    file.write_bytes((drawings / "val" / "dog" / "dog_003.jpg").read_bytes())
    page = Page(Classifier(str(EMBEDDED)), 600)
    (said,) = json.loads(files(page.show_batch([str(file)], "en"))["json"])
    (expected,) = page.predict_batch([{"path": str(file)}])
    assert {**said, "milliseconds": 0} == {**expected, "milliseconds": 0} and said["label"] == "dog"
