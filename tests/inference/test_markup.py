"""Pieces of the page in HTML."""

import base64
import re
from dataclasses import replace

import markup
import numpy as np
import pytest
from PIL import Image

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.layout import NEITHER

HOSTILE = "<img src=x onerror=alert(1)>"


def answer(label, nearest=()):
    pixels, activation = np.zeros((3, 8, 8), np.float32), np.ones((2, 2), np.float32)
    return Answer(label, {HOSTILE: 0.875, "dog": 0.125}, 0.1, list(nearest), pixels, activation, 8, 8, 1.0)


def test_a_table_of_answers_with_the_same_as_csv():
    results = [("a.jpg", answer(HOSTILE)), (HOSTILE, answer(NEITHER)), ("c.jpg", ImageError("empty"))]
    for language, words in (("en", ("Neither", "the file is empty")), ("zh", ("都不是", "文件是空的"))):
        page = markup.table(iter(results), [HOSTILE, "dog"], Preprocessing(8), language)
        assert "<img src=x" not in page and page.count("&lt;img src=x onerror=alert(1)&gt;") == 2
        assert page.count("<tr><td>") == 3 and "87.5%" in page and all(word in page for word in words)
        (content,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
        data = base64.b64decode(content)
        assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\n") == data.count(b"\r\n") == 4
        rows = data.decode("utf-8-sig").splitlines()
        assert len(rows) == 4 and rows[1].startswith("a.jpg,<img")


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u2066", "\u200f", "\ufeff", "\u2029", "\udcff", "\n", "\x9b"], ids=ascii
)
def test_names_on_the_page_hide_nothing(letter):
    name, shown = f"gpj{letter}.exe", f"gpj{letter.encode('unicode_escape').decode()}.exe"
    said = replace(answer(name), confidences={name: 0.75, "dog": 0.25})
    results = [(name, said), (name, ImageError("unreadable", reason=name))]
    page = markup.table(iter(results), [name, "dog"], Preprocessing(8), "en")
    assert letter not in page and page.count(f"<td>{shown}</td>") == 2
    assert f"<b>{shown}</b>" in page and f"cannot be read ({shown})" in page
    (content,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    assert base64.b64decode(content).decode("utf-8-sig").count(shown) == 5  # a column, two files, a label and an error
    figure = markup.nearest(answer("dog", [(Image.new("RGB", (8, 8)), name)]), "Nearest")
    assert f"<figcaption>{shown}</figcaption>" in figure


def test_the_nearest_photos_with_their_classes():
    assert markup.nearest(answer("dog"), "Nearest") == ""
    page = markup.nearest(answer("dog", [(Image.new("RGB", (8, 8)), HOSTILE)]), "Nearest")
    assert page.count("<figure>") == 1 and "Nearest" in page and "&lt;img src=x" in page and "<img src=x" not in page
