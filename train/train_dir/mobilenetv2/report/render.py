"""Renders report.html: the results of a run on one page, without scripts, network access or other files.

The page is for people; metrics.json has the same numbers for programs. Equal content gives equal bytes.
"""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ..checks.issues import ISSUES
from ..data.inline import jpeg_url
from ..data.kind import DRAWINGS
from ..evaluation.intervals import count_with_interval, exact_interval, interval_percent
from ..runtime.files import atomic
from ..runtime.own_files import PROGRAM
from ..runtime.text import printable
from .charts import curves, dials, histograms
from .content import Report
from .texts import LANGUAGES, load_texts

PHOTOS = 12  # wrong and least confident answers that are shown, at most
FINDINGS = 50  # likewise
LARGE, SMALL = 192, 112  # longer side of the pictures of photos and of findings, in pixels
QUALITY = 72  # of their JPEGs
WIDE = 0.2  # an interval wider than this asks for more validation photos
CROWDED = 6  # from this number of classes on, the confusion matrix has a row of its own and narrow columns


def write_page(file: Path, content: Report, language: str) -> None:
    """Write the page atomically. language: "en" or "zh". Raises UserError where the file cannot be written."""
    with atomic(file) as temporary:
        # A file name that is not valid UTF-8 has characters that cannot be encoded.
        temporary.write_bytes(render_page(content, language).encode("utf-8", "xmlcharrefreplace"))


def render_page(content: Report, language: str) -> str:
    """The page as HTML. Raises ValueError for another language."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    texts = load_texts(language, content.kind)
    environment.filters.update(name=_name, small=partial(_picture, side=SMALL), large=partial(_picture, side=LARGE))
    splits = {"test": content.test_confusion, "val": content.val_confusion, "held_out": content.held_out_confusion}
    return environment.get_template("report.html").render(
        report=content,
        program=PROGRAM,
        text=texts,
        say=partial(_say, texts),
        tiles=_tiles(content, texts),
        verdict=_verdict(content, texts),
        curves=[curves(stage, rows) for stage, rows in content.history.items() if rows],
        confusions={
            split: _confusion(matrix) for split, matrix in splits.items() if matrix is not None and matrix.any()
        },
        crowded=len(content.classes) >= CROWDED,
        dials=dials(content.calibration) if content.calibration else [],
        histograms=histograms(content.neither) if content.neither else [],
        photos=content.answers[:PHOTOS],
        remarks=(content.findings or ())[:FINDINGS],
        more=max(0, len(content.findings or ()) - FINDINGS),
        issues=ISSUES,
        number=LANGUAGES.index(language),
        kinds=Counter(remark.kind for remark in content.findings or ()),
        slowest=max(content.seconds.values(), default=0) or 1,
    )


def _say(texts: Dict[str, str], key: str, **values: Any) -> Markup:
    """A text with its values filled in, escaped. Names go through `_name` first, to isolate their writing direction."""
    values = {name: _clean(value) for name, value in values.items()}
    return Markup(texts[key]).format(s="s" * (values.get("count", 0) != 1), **values)


def _name(value: str) -> Markup:
    """A file or class name, escaped, with its writing direction isolated. Lines break at its slashes first."""
    return Markup("<bdi>{}</bdi>").format(Markup("/<wbr>").join(_clean(value).split("/")))


def _clean(value: Any) -> Any:
    """Text with its hidden characters escaped: HTML does not allow all of them, and some make a name look like another."""
    return printable(value, keep="\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _picture(image: Image.Image, side: int) -> Markup:
    """A JPEG of at most side x side pixels, as a data URL."""
    image = image.convert("RGB")
    image.thumbnail((side, side))
    return Markup(jpeg_url(image, quality=QUALITY, optimize=True))


def _range(texts: Dict[str, str], correct: int, count: int) -> Markup:
    """The exact 95 % interval of a share, as text."""
    low, high = interval_percent(correct, count)
    which = "all" if correct == count else "some" if correct else "none"
    return _say(texts, f"range.{which}", low=low, high=high)


def _totals(matrix: np.ndarray) -> Tuple[int, int]:
    """Right answers and all answers in a confusion matrix."""
    return int(np.trace(matrix)), int(matrix.sum())


def _tiles(content: Report, texts: Dict[str, str]) -> List[Dict[str, Any]]:
    """The key figures at the top: number, label and interval."""
    counts = {"val": _totals(content.val_confusion)}
    if content.test_confusion is not None:
        counts["test"] = _totals(content.test_confusion)
    if content.held_out_confusion is not None:
        counts["held_out"] = _totals(content.held_out_confusion)
    counts["outliers"] = content.neither.count("outliers") if content.neither else (0, 0)
    tiles: List[Dict[str, Any]] = [
        {
            "number": _say(texts, "of", correct=correct, count=count),
            "label": texts[f"tile.{name}"],
            "range": _range(texts, correct, count),
        }
        for name, (correct, count) in counts.items()
        if count
    ]
    if content.findings is not None:
        count = sum(remark.kind != "note" for remark in content.findings)
        tiles.append({"number": count, "label": _say(texts, "tile.findings", count=count), "range": ""})
    return tiles


def _verdict(content: Report, texts: Dict[str, str]) -> List[Tuple[Markup, bool]]:
    """Sentences that interpret the numbers, each with whether it is a warning."""
    say = partial(_say, texts)
    correct, count = _totals(content.val_confusion)
    sentences = []
    if content.kind == DRAWINGS and "train" in content.counts:
        sentences.append((say("verdict.drawings", count=sum(content.counts["train"].values())), True))
    if count:
        reach = _range(texts, correct, count)
        sentences.append((say("verdict.val", correct=correct, count=count, range=reach), False))
    if content.test_confusion is not None:
        right, photos = _totals(content.test_confusion)
        reach = _range(texts, right, photos)
        sentences.append((say("verdict.test", correct=right, count=photos, range=reach), False))
    if content.held_out_confusion is not None:
        right, photos = _totals(content.held_out_confusion)
        sentences.append((say("verdict.held_out", correct=right, count=photos), False))
    if count:
        low, high = exact_interval(correct, count)
        largest = content.val_confusion.sum(1)
        if low <= largest.max() / count:
            guess, share = _name(content.classes[int(largest.argmax())]), round(100 * largest.max() / count)
            sentences.append((say("verdict.guess", class_=guess, share=share), True))
        if high - low > WIDE:
            sentences.append((say("verdict.wide"), True))
    mistake = _mistake(content)
    if mistake:
        true, answer, times = mistake
        sentences.append((say("verdict.mistake", true=_name(true), answer=_name(answer), count=times), False))
    rejected, outliers = content.neither.count("outliers") if content.neither else (0, 0)
    if outliers:
        sentences.append((say("verdict.outliers", refused=rejected, count=outliers), False))
    leaks = sum(remark.kind == "leak" for remark in content.findings or ())
    if leaks:
        sentences.append((say("verdict.leak", count=leaks), True))
    dropped = sum(remark.kind == "dropped" for remark in content.findings or ())
    if dropped:
        sentences.append((say("verdict.dropped", count=dropped), False))
    if content.findings is not None:
        count = sum(remark.kind != "note" for remark in content.findings)
        if count or not dropped:
            sentences.append((say("verdict.findings" if count else "verdict.nothing", count=count), False))
    return sentences


def _mistake(content: Report) -> Optional[Tuple[str, str, int]]:
    """The most frequent confusion: true class, predicted class, count. Of the validation photos, or else out of fold."""
    for matrix in (content.val_confusion, content.held_out_confusion):
        if matrix is not None:
            mistakes = matrix - np.diag(np.diag(matrix))
            if mistakes.any():
                true, answer = divmod(int(mistakes.argmax()), len(mistakes))
                return content.classes[true], content.classes[answer], int(mistakes.max())
    return None


def _confusion(matrix: np.ndarray) -> Dict[str, Any]:
    """Rows of the confusion matrix, each cell with its share of the row in percent, and recall and precision per class."""
    rows, predicted = matrix.sum(1), matrix.sum(0)
    return {
        "cells": [
            [(int(cell), round(100 * float(cell) / max(1, int(total)))) for cell in row]
            for row, total in zip(matrix, rows)
        ],
        "recall": [count_with_interval(matrix[label, label], rows[label]) for label in range(len(matrix))],
        "precision": [count_with_interval(matrix[label, label], predicted[label]) for label in range(len(matrix))],
    }
