"""Pieces of the page in HTML."""

import re
from dataclasses import replace

import markup
import numpy as np
import pytest
from PIL import Image

from mobilenetv2.classifier import Answer
from mobilenetv2.data.kind import DRAWINGS, PHOTOS
from mobilenetv2.data.layout import NEITHER

HOSTILE = "<img src=x onerror=alert(1)>"


def answer(label, nearest=()):
    pixels, activation = np.zeros((3, 8, 8), np.float32), np.ones((2, 2), np.float32)
    return Answer(label, {HOSTILE: 0.875, "dog": 0.125}, 0.1, list(nearest), pixels, activation, 8, 8, 1.0)


def of_many(count):
    """The answer of a checkpoint with so many classes: c0 has half of all, c1 half of the rest, and so on."""
    shares = {f"c{number}": 0.5 ** (number + 1) for number in range(count)}
    return replace(answer("c0"), confidences=dict(sorted(shares.items(), key=lambda item: item[0][::-1])))


def bars(page):
    return re.findall(r'class="name">([^<]+)</span> <span class="share">([\d.]+)%', page)


def test_an_answer_is_words_first_and_runs_nothing():
    page = markup.in_words(answer(HOSTILE), PHOTOS, "en")
    assert page.startswith("<h2>&lt;img src=x onerror=alert(1)&gt; · 87.5%</h2>") and "<img src=x" not in page
    assert len(bars(page)) == 2 and "<details" not in page and "answered in 1 ms" in page
    refused = markup.in_words(answer(NEITHER), PHOTOS, "en")
    assert "Like nothing in the training photos" in refused
    assert "Like nothing in the training drawings" in markup.in_words(answer(NEITHER), DRAWINGS, "en")
    assert "与训练图画都不相似" in markup.in_words(answer(NEITHER), DRAWINGS, "zh")
    assert refused.startswith("<h2>Neither</h2>") and "Closest class: &lt;img" in refused and "+0.10" in refused
    assert markup.in_words(replace(of_many(3), label=NEITHER), PHOTOS, "en").startswith("<h2>None of these</h2>")
    assert markup.in_words(answer(NEITHER), PHOTOS, "zh").startswith("<h2>都不是</h2>")


@pytest.mark.parametrize("count, others", [(5, 0), (6, 0), (7, 2), (37, 32), (300, 295)])
def test_five_bars_and_the_others_together(count, others):
    found = bars(markup.in_words(of_many(count), PHOTOS, "en"))
    assert [name for name, _ in found] == [f"c{number}" for number in range(count)][: 5 if others else count] + (
        [f"{others} others"] if others else []
    )
    assert [share for _, share in found[:5]] == ["50.0", "25.0", "12.5", "6.2", "3.1"]
    if others:
        assert found[5][1] == f"{100 * (0.5**5 - 0.5**count):.1f}"
        assert f">其余 {others} 类</span>" in markup.in_words(of_many(count), PHOTOS, "zh")


def test_a_list_of_many_classes_can_be_searched():
    few, many = (markup.class_list([(f"c{n}", "") for n in range(count)], "en") for count in (12, 13))
    assert few.count("<li>") == 12 and "<input" not in few
    assert many.count("<li>") == 13 and 'type="search" aria-label="Search the classes"' in many


@pytest.mark.parametrize(
    "letter", ["\u202e", "\u2066", "\u200f", "\ufeff", "\u2029", "\udcff", "\n", "\x9b"], ids=ascii
)
def test_names_on_the_page_hide_nothing(letter):
    name, shown = f"gpj{letter}exe", f"gpj{letter.encode('unicode_escape').decode()}exe"
    page = markup.in_words(replace(answer(name), confidences={name: 0.75, "dog": 0.25}), PHOTOS, "en")
    assert letter not in page and page.startswith(f"<h2>{shown} · 75.0%</h2>") and f">{shown}</span>" in page
    figure = markup.nearest(answer("dog", [(Image.new("RGB", (8, 8)), name)]), "Nearest")
    assert f"<figcaption>{shown}</figcaption>" in figure


def test_names_go_on_in_another_line_after_what_separates_their_words():
    assert markup.broken("american_pit-bull.jpg") == "american_<wbr>pit-<wbr>bull.<wbr>jpg"
    assert markup.broken("a & b_<c>") == "a &amp; b_&lt;c&gt;" and markup.broken("_a-") == "_a-"
    assert re.sub("<wbr>", "", markup.broken("x/y__z.tar.gz")) == "x/y__z.tar.gz"


def test_the_nearest_photos_with_their_classes():
    assert markup.nearest(answer("dog"), "Nearest") == ""
    page = markup.nearest(answer("dog", [(Image.new("RGB", (8, 8)), HOSTILE)]), "Nearest")
    assert page.count("<figure>") == 1 and "Nearest" in page and "&lt;img src=x" in page and "<img src=x" not in page
