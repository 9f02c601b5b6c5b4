"""report.html: what it says, that it harms nobody, and how it looks in a browser."""

import io
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import pytest
from PIL import Image

from mobilenetv2.evaluation.calibration import Calibration, reliability
from mobilenetv2.evaluation.ood import Rejections
from mobilenetv2.report.content import LabelIssues, Remark, Report, ShownAnswer, ShownIssue
from mobilenetv2.report.render import FINDINGS, LABELS, render_page, write_page
from mobilenetv2.report.texts import LANGUAGES
from mobilenetv2.runtime.errors import UserError

HOSTILE = ("<script>alert(1)</script>", '狗 & "犬" {{ 7 * 7 }}', "x' onerror='alert(2)\u202e")


MANY = tuple(f"kind {number} 种类" * (1 + number % 3) for number in range(20))


EMPTY = ("br", "hr", "img", "link", "meta", "wbr")  # have no end tag


def picture(seed: int, side: int = 40) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def rows(count: int) -> List[Dict[str, Any]]:
    """As `fit` makes them; epoch 1 was kept."""
    return [
        {
            "epoch": epoch,
            "loss": 0.9 / (epoch + 1),
            "val": {"count": 40, "correct": 35 + (epoch == 1), "accuracy": (35 + (epoch == 1)) / 40, "loss": 0.31},
            "step_ms": 2.0,
            "kept": epoch == 1,
        }
        for epoch in range(count)
    ]


def content(classes: Tuple[str, ...] = HOSTILE) -> Report:
    """A report with everything in it, of any number of classes."""
    count = len(classes)
    random = np.random.default_rng(0)
    val = np.diag(np.full(count, 12))
    val[0, 1] = 2
    labels = np.arange(60, dtype=np.int32) % count
    logits = random.normal(0, 1, (60, count)).astype(np.float32) + 3 * np.eye(count, dtype=np.float32)[labels]
    scores = {
        "train": np.linspace(-1, -0.5, 101),
        "val": np.linspace(-1, -0.6, 40),
        "outliers": np.linspace(-0.6, 0.2, 20),
    }
    kinds = ("conflict", "leak", "copy", "empty")
    return Report(
        classes=classes,
        val_confusion=val,
        held_out_confusion=np.diag(np.full(count, 50)),
        history={"head": rows(6), "finetune": rows(2)},
        comparison={
            name: {"correct": 30, "count": 40, "accuracy": 0.75, "parameters": 165410 + number, "bytes": 9e6, "image_size": 128,
                   "milliseconds": 3.94}
            for number, name in enumerate(("teacher", "student"))
        },
        calibration=Calibration(
            0.731, reliability(logits, labels), reliability(logits, labels, 0.731), "unseen", 72
        ),
        neither=Rejections(-0.508, {name: values.astype(np.float32) for name, values in scores.items()}),
        answers=(
            ShownAnswer(f"val/{classes[0]}/<b>1</b>.jpg", classes[0], classes[1], 0.876, picture(1), picture(2)),
            ShownAnswer("val/b/2.jpg", classes[1], classes[1], 0.512, picture(3, 900)),
        ),
        findings=tuple(
            Remark(kinds[index % 4], (f"train/<i>{index}</i>.jpg", f"val/{index}\u0000.jpg"), f"a <u>copy</u> {index}",
                   (picture(index), picture(index + 1)))
            for index in range(FINDINGS + 7)
        ),
        label_issues=LabelIssues(
            (ShownIssue("train/<i>3</i>.jpg", classes[0], classes[1], 0.934, picture(4, 300)),
             ShownIssue("train/4.jpg", classes[1], classes[0], 0.4, picture(5))),
            likely=5,
            others=9,
        ),
        settings={"epochs": 2, "lr": 0.0001, "workers": None, "data_url": "<photos>"},
        versions={"python": "3.11.9", "mindspore": "2.7.0"},
        device="CPU",
        seconds={"read": 1.25, "finetune": 20.0, "elsewhere": 0.0},
        memory=2371.4,
        counts={"train": dict.fromkeys(classes, 50), "val": dict.fromkeys(classes, 14)},
        fingerprint="9f86d081",
        command="python train.py --data_url '<photos> & more'",
        origin={"weights": "torchvision", "backbone": "0123456789abcdef"},
        leaked={"val": 2, "test": 0},
        refused={"val": np.arange(count) % 3, "held_out": np.zeros(count, int)},
        refused_right=7,
    )  # fmt: skip


class Page(HTMLParser):
    """tags: start tags in order, checked to be nested well. text: all that is shown. attributes: (tag, name, value)."""

    def __init__(self, source: str):
        super().__init__()
        self.tags, self.open, self.text, self.attributes = [], [], "", []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Any]]) -> None:
        self.tags.append(tag)
        self.text += " " * (tag in ("td", "th", "li"))
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: List[Tuple[str, Any]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in EMPTY:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def said(self) -> str:
        """The text, all spaces alike."""
        return " ".join(self.text.split())

    def sections(self) -> List[str]:
        return [value for tag, name, value in self.attributes if name == "id"]


def test_numbers_are_there():
    said = Page(render_page(content(), "en")).said()
    for number in (
        "36 of 38 validation photos right 82 % to 100 %",
        "150 of 150 right out of fold above 97 %",
        "17 of 20 strangers refused 62 % to 97 %",
        "57 findings to look at",
        "15 pairs of copies in two classes",
        "14 pairs of copies in two of train, val and test",
        "Of the validation photos, 2 have a copy among the training photos",
        "Starting weights: a file in the form of torchvision (SHA-256 of its layers 0123456789ab).",
        f"The weakest class is {HOSTILE[0]}: 12 of 14 right, 57 % to 99 %.",
        "None of these 40 validation photos would be refused as none of the classes.",
        "A photo that would be refused counts by the class that fits best.",
        f"{HOSTILE[0]} is said to be {HOSTILE[1]} (2 validation photos)",
        "Epoch 1: 36 of 40 right, validation loss 0.310.",
        "12 of 14 57–99 %",  # recall and precision of the first two classes
        "Temperature 0.73",
        "the line at -0.508",
        "2 of 101 refused, 2.0 % (exact 95 % interval 0 % to 7 %)",
        "0 of 40 refused, 0.0 % (exact 95 % interval 0 % to 9 %)",
        "wrong 87.6 %",
        "right 51.2 %",
        f"1 93 % labelled {HOSTILE[0]}, looks like {HOSTILE[1]} train/<i>3</i>.jpg",
        "2 40 %",
        "3 more are in label_issues.csv.",
        "label_issues.csv also lists 9 difficult photos",
        "two classes claim it and 2 more in check.json",
        "in two splits and 2 more in check.json",
        "copy and 2 more in check.json",
        "nothing to see and 1 more in check.json",
        "nothing to see 14",
        "2371 MiB",
        "fine-tuning, seconds 20.0",
        "workers none",
        "lr 0.0001",
        "9f86d081",
        "python train.py --data_url '<photos> & more'",
    ):
        assert number in said, number
    assert "elsewhere, seconds" not in said  # nothing was done there
    chinese = Page(render_page(content(), "zh")).said()
    for number in (
        "36 / 38 验证照片答对",
        "57 处发现值得查看",
        f"把{HOSTILE[0]}说成{HOSTILE[1]}（2 张验证照片）",
        f"标签是{HOSTILE[0]}，看起来像{HOSTILE[1]}",
        "另有 3 个，见 label_issues.csv。",
        "另有 2 处，见 check.json",
    ):
        assert number in chinese, number


def test_both_languages_have_the_same_structure():
    english, chinese = (Page(render_page(content(), language)) for language in LANGUAGES)
    assert render_page(content(), "en").startswith("<!DOCTYPE html>\n") and english.tags == chinese.tags
    assert english.sections() == [
        "verdict", "curves", "comparison", "confusion", "calibration", "neither", "photos", "labels", "findings", "run",
    ]  # fmt: skip
    assert ("html", "lang", "en") in english.attributes and ("html", "lang", "zh-CN") in chinese.attributes


def test_labels_that_all_look_right_or_were_not_judged():
    right = Page(render_page(replace(content(), label_issues=LabelIssues((), 0, 0)), "en"))
    assert "No label looks wrong." in right.said() and "label_issues.csv" not in right.said()
    assert "labels" not in Page(render_page(replace(content(), label_issues=None), "en")).sections()


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_only_text(language):
    source = render_page(content(), language)
    page = Page(source)
    assert not {"script", "iframe", "u"} & set(page.tags)
    assert page.tags.count("b") == 4 and page.tags.count("i") == 4  # of the page itself: tiles and legends
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in source.replace("/<wbr>", "/").replace("<wbr>", "")
    assert "\u0000" not in source and "val/0\\x00.jpg" in page.text
    assert "\u202e" not in source and "onerror='alert(2)\\u202e" in page.text
    assert "{{ 7 * 7 }}" in page.text
    names = {name for _, name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on")]
    addresses = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert addresses and all(address.startswith("data:") for address in addresses)
    assert not re.search(r"url\(|@import|https?:", source)


@pytest.mark.parametrize("letter", ["\u200f", "\u2067", "\u061c", "\u2028", "\u3164", "\ufeff", "\x9b"], ids=ascii)
def test_hidden_characters_are_shown(letter):
    name, shown = f"a{letter}b", f"a{letter.encode('unicode_escape').decode()}b"
    findings = (Remark("copy", (f"train/{name}.jpg",), f"about {name}"),)
    report = replace(content((name, "c")), findings=findings, command=name, settings={name: name})
    for language in LANGUAGES:
        source = render_page(report, language)
        text = Page(source).text
        assert (
            letter not in source and f"train/{shown}.jpg" in text and f"about {shown}" in text and text.count(shown) > 8
        )


def test_what_is_missing_is_left_out():
    least = Report(classes=("a", "b"), val_confusion=np.array([[3, 0], [0, 3]]))
    page = Page(render_page(least, "en"))
    assert page.sections() == ["verdict", "confusion", "run"]
    assert "6 of 6" in page.said() and "few" in page.said() and "always answering a" not in page.said()
    poor = Page(render_page(replace(least, val_confusion=np.array([[3, 1], [2, 1]]), findings=()), "en")).said()
    assert "always answering a, which would be right for 57 %" in poor and "Nothing suspicious" in poor
    nothing = replace(least, val_confusion=np.zeros((2, 2), int), history={"head": []}, neither=Rejections(0.0, {}))
    assert Page(render_page(nothing, "zh")).sections() == ["verdict", "run"]
    never = Page(render_page(replace(least, val_confusion=np.array([[3, 0], [3, 0]])), "en")).said()
    assert "never answered" in never
    bare = replace(content(), neither=replace(content().neither, scores={"val": np.zeros(3, np.float32)}))
    assert "Strangers" not in Page(render_page(bare, "en")).text


def test_the_ring_is_on_the_epoch_that_was_kept():
    said = Page(render_page(content(), "en"))
    assert "Epoch 1: 36 of 40 right" in said.said() and render_page(content(), "en").count('class="ring"') == 4
    none = {"finetune": [{**row, "kept": False} for row in rows(3)]}
    source = render_page(replace(content(), history=none), "en")
    assert 'class="ring"' not in source and "No epoch was better than what was there before" in source


def test_a_loss_that_ran_away_is_not_drawn():
    history = {"head": [{**row, "loss": float("nan")} for row in rows(3)]}
    source = render_page(replace(content(), history=history), "en")
    assert 'points=""' in source and not re.search(r"[^\w/+]nan[^\w/+]", source, re.IGNORECASE)


def test_a_score_at_the_threshold_is_not_refused():
    scores = np.float32([-0.9, -0.7, -0.5])
    page = render_page(replace(content(), neither=Rejections(float(scores[2]), {"train": scores})), "en")
    assert 'class="bar "' in page and 'class="bar refused"' not in page and "0 of 3 refused" in page
    above = np.append(scores, np.nextafter(scores[2], np.float32(0)))
    page = render_page(replace(content(), neither=Rejections(float(scores[2]), {"train": above})), "en")
    assert page.count('class="bar refused"') == 1 and "1 of 4 refused" in page


def test_file_is_small_and_always_the_same(tmp_path):
    noise = picture(0, 400)  # nothing is larger as a JPEG
    worst = replace(
        content(tuple(f"class {number}" for number in range(20))),
        answers=tuple(ShownAnswer(f"{index}.jpg", "class 0", "class 1", 0.5, noise, noise) for index in range(40)),
        findings=tuple(Remark("copy", ("a", "b"), "text", (noise, noise, noise)) for _ in range(200)),
        label_issues=LabelIssues((ShownIssue("a.jpg", "class 0", "class 1", 0.5, noise),) * LABELS, 200, 9),
    )
    for name in "ab":
        write_page(tmp_path / name / "report.html", worst, "zh")
    first, second = ((tmp_path / name / "report.html").read_bytes() for name in "ab")
    assert first == second
    assert len(first) < 2 * 2**20
    assert first.count(b"data:image/jpeg") == 12 * 2 + 50 * 2 + 24


def test_names_that_are_not_utf8_and_folders_that_are_not_there(tmp_path):
    odd = "not \udcff UTF-8"
    write_page(tmp_path / "report.html", replace(content(), command=odd, settings={odd: odd}), "en")
    assert "not \\udcff UTF-8" in (tmp_path / "report.html").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError):
        write_page(tmp_path / "file" / "report.html", content(), "en")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def looked_at(
    chromium: Any, file: Path, width: int, **options: Any
) -> Tuple[str, np.ndarray, List[str], List[str], bool]:
    """Text, screenshot f32 [height, width] 0-255, requests and messages of a page; whether anything reaches out sideways."""
    page = chromium.new_page(viewport={"width": width, "height": 900}, **options)
    requests, messages = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.goto(file.as_uri())
    shot = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("L")
    # Chromium draws no more than 16384 pixels; what is below is a copy of something else.
    seen = page.inner_text("body"), np.asarray(shot, np.float32)[:16000]
    session = page.context.new_cdp_session(page)  # also answers where scripts are off
    wide = session.send("Page.getLayoutMetrics")["cssContentSize"]["width"] > width
    page.close()
    return (*seen, [address for address in requests if not address.startswith("data:")], messages, wide)


@pytest.mark.parametrize(
    "width, classes", [(1000, HOSTILE), (390, HOSTILE), (390, MANY)], ids=["wide", "narrow", "many"]
)
def test_in_a_browser(chromium, tmp_path, width, classes):
    file = tmp_path / "report.html"
    write_page(file, replace(content(classes), findings=content(classes).findings[:12]), "zh")
    text, shot, requests, messages, wide = looked_at(chromium, file, width)
    assert "验证照片答对" in text and classes[0] in text
    assert requests == [file.as_uri()] and not messages and not wide
    plain = looked_at(chromium, file, width, java_script_enabled=False)
    assert plain[0] == text and plain[2:] == (requests, messages, wide)
    assert np.abs(plain[1] - shot).mean() < 0.1
    dark = looked_at(chromium, file, width, color_scheme="dark")
    assert dark[0] == text and dark[1].mean() < 100 < 200 < shot.mean()


KINDS = (
    "Staffordshire bullterrier",
    "curly-coated_retriever",
    "Chesapeake_Bay_retriever",
    "hen",
    "金毛寻回犬",
    "Shih-Tzu",
)


def content_of_many(count: int) -> Report:
    """With everything in it, and classes of a few photos, each with mistakes. Names are as long as those of ImageNet."""
    classes = tuple(
        f"n{2000000 + number}-{KINDS[number % 6]}" if number % 3 else f"{KINDS[number % 6]} {number}"
        for number in range(count)
    )
    random = np.random.default_rng(0)
    matrices = []
    for most in (20, 20, 60):
        matrix = np.diag(random.integers(1, most, count))
        for _ in range(most * count // 8):
            matrix[tuple(random.integers(count, size=2))] += 1
        matrices.append(matrix)
    made = content(classes)
    return replace(
        made,
        test_confusion=matrices[0],
        val_confusion=matrices[1],
        held_out_confusion=matrices[2],
        refused={split: random.integers(0, 3, count) for split in ("test", "val", "held_out")},
        answers=made.answers * 6,
        settings={f"setting_{number}": number for number in range(17)},
    )


# The names that are broken within a word: a line ends where a character is further left than the one before. Not those that stand
# upright above the columns of a matrix.
BROKEN = """
() => [...document.querySelectorAll("bdi")].filter(name => !name.closest(".crowded thead")).filter(name => {
  const walker = document.createTreeWalker(name, NodeFilter.SHOW_TEXT), letter = /[A-Za-z0-9]/;
  let left = -Infinity, before = "", broken = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    for (let at = 0; at < node.length; at++) {
      const range = document.createRange();
      range.setStart(node, at); range.setEnd(node, at + 1);
      const box = range.getBoundingClientRect();
      if (box.width && box.left < left && letter.test(before) && letter.test(node.data[at])) broken = true;
      if (box.width) left = box.left;
      before = node.data[at];
    }
  return broken;
}).map(name => name.textContent)
"""
SIZES = """
() => [...document.querySelectorAll("svg text")].map(
  text => Math.round(10 * parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a) / 10)
"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [7, 12, 1000])
def test_many_classes(chromium, tmp_path, count, language):
    """Nothing reaches out sideways, no name is broken within a word, all charts have one type size, six pages of paper do."""
    file = tmp_path / "report.html"
    write_page(file, content_of_many(count), language)
    for width, colours in ((390, "light"), (800, "dark"), (1280, "light")):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(set(page.evaluate(SIZES))) == 1
        assert page.evaluate(BROKEN) == []
        page.close()
    page = chromium.new_page(viewport={"width": 688, "height": 1000})  # A4 without its margins
    page.goto(file.as_uri())
    paper = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="print")
    assert page.evaluate(BROKEN) == [] and len(set(page.evaluate(SIZES))) == 1
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) <= 6


def test_many_classes_are_a_sorted_list():
    report = content_of_many(100)
    said = Page(render_page(report, "en"))
    source, matrix = render_page(report, "en"), report.test_confusion
    assert 'table class="confusion' not in source
    shown = re.findall(
        r'<tr(?: class="screen")?><th scope="row"><bdi>(.*?)</bdi></th><td>\s*<span class="number">(\d+) of (\d+)<',
        source,
    )
    assert len(shown) == 100
    shares = [int(right) / int(photos) for _, right, photos in shown]
    assert shares == sorted(shares) == sorted(np.diag(matrix) / matrix.sum(1))
    mistakes = matrix - np.diag(np.diag(matrix))
    counts = [
        int(count)
        for count in re.findall(r"<tr><td><bdi>.*?</bdi></td><td><bdi>.*?</bdi></td><td>(\d+)</td></tr>", source)
    ]
    assert counts[:15] == sorted(mistakes[mistakes > 0].tolist(), reverse=True)[:15]
    assert (
        f"The other {mistakes.sum() - sum(counts[:15])} wrong answers, of rarer confusions, are in metrics.json."
        in said.said()
    )
    assert "100 classes (" in said.said() and "97 more)" in said.said()


def test_of_a_thousand_classes_the_weakest_are_shown():
    source = render_page(content_of_many(1000), "en")
    assert len(source) < 400_000
    assert (
        len(re.findall(r'<li(?: class="screen")?><bdi>', source)) == 120 and "and 880 more, see metrics.json" in source
    )
    assert "Of 880 more classes, none weaker than these" in source


def test_many_findings_leave_room_for_the_rare_ones():
    findings = [Remark("conflict", ("a", "b"), "one", ())] + [
        Remark("tiny", (str(n),), "of few pixels", ()) for n in range(1400)
    ]
    said = Page(render_page(replace(content(), findings=tuple(findings)), "en")).said()
    assert "two classes claim it 1 tiny 1400" in said and said.count("of few pixels") == 49
    assert "tiny and 1351 more in check.json" in said and "two classes claim it and" not in said


def test_on_paper(chromium, tmp_path):
    file = tmp_path / "report.html"
    write_page(file, content(), "en")
    page = chromium.new_page(color_scheme="dark")
    page.goto(file.as_uri())
    paper = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()
    assert paper.startswith(b"%PDF") and 3 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 12


@pytest.mark.parametrize("language, photo, words", [("en", "photo", "not on photos"), ("zh", "照片", "而不是照片")])
def test_a_report_on_drawings_does_not_speak_of_photos(language, photo, words):
    drawn = replace(content(), kind="drawings", settings={}, command="", findings=(), answers=())
    page = Page(render_page(drawn, language))
    assert page.text.count(photo) == 1 and words in page.text and "100" in page.text  # of two classes, 50 each
    assert words not in Page(render_page(content(), language)).text
