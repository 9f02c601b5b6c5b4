"""Renders report.html: the results of a run on one page, without scripts, network access or other files.

The page is for people; metrics.json has the same numbers for programs. Equal content gives equal bytes.
"""

import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ..checks.issues import ISSUES, first_of_each
from ..data.dataset import IN_TURN, LEARNED
from ..data.inline import jpeg_url
from ..evaluation.intervals import count_with_interval
from ..evaluation.metrics import weakest_first
from ..runtime.files import atomic
from ..runtime.own_files import PROGRAM
from ..runtime.text import printable
from .charts import curves, dials, histograms
from .content import Remark, Report
from .texts import LANGUAGES, agreeing, load_texts
from .verdict import (
    CLASSES,
    Sentence,
    Share,
    average_percent,
    count_looked_at,
    describe_start,
    judge,
    mixed_up,
    name_classes,
    say_range,
    speak,
    totals,
)

PHOTOS = 12  # wrong and least confident answers that are shown, at most
FINDINGS = 50  # likewise
LABELS = 24  # likewise, of photos whose label may be wrong
LARGE, SMALL = 192, 112  # longer side of the pictures of photos and of findings, in pixels
QUALITY = 72  # of their JPEGs
CROWDED = 6  # from this number of classes on, the matrices have narrow columns, and one table has the classes
MATRIX = 12  # with more classes there is no matrix, but a list of the most frequent confusions
CONFUSIONS = 15  # rows of that list, at most
PRINTED, PRINTED_CLASSES = 6, 40  # findings and classes on paper, where more would take many pages

# What a stage of the training, or a part of the time, is called in a mode in which it is another thing.
TILES = {IN_TURN: "tile.val.turns", LEARNED: "tile.val.learned"}  # of the tile for the validation
RENAMED = {"scratch": {"finetune": "scratch"}, "distill": {"head": "teacher"}}


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
    shown = {split: matrix for split, matrix in splits.items() if matrix is not None and matrix.any()}
    wrong = [answer for answer in content.answers[:PHOTOS] if answer.true != answer.answer]
    correct, count = totals(content.val_confusion)

    def spoken(sentence: Sentence) -> Markup:
        return Markup(speak(sentence, _name, partial(_say, texts)))

    return environment.get_template("report.html").render(
        report=content,
        program=PROGRAM,
        text=texts,
        say=partial(_say, texts),
        tiles=_tiles(content, texts),
        classes=spoken(name_classes(content.classes)),
        start=spoken(describe_start(content.origin)) if content.origin else "",
        verdict=[(spoken(sentence), sentence.warning) for sentence in judge(content)],
        curves=[curves(stage, rows) for stage, rows in content.history.items() if rows],
        renamed=RENAMED.get(content.mode, {}),
        confusions={split: _confusion(matrix, content.refused.get(split)) for split, matrix in shown.items()},
        crowded=len(content.classes) >= CROWDED,
        many=_many(content.classes, shown) if shown and len(content.classes) >= CROWDED else None,
        dials=dials(content.calibration) if content.calibration else [],
        histograms=histograms(content.neither) if content.neither else [],
        photos=content.answers[:PHOTOS],
        unshown=count - correct - len(wrong),
        remarks=_first_remarks(content.findings or ()),
        printed=PRINTED,
        listed=MATRIX,
        counted=CLASSES,
        printed_classes=PRINTED_CLASSES,
        issues=ISSUES,
        number=LANGUAGES.index(language),
        kinds=Counter(remark.kind for remark in content.findings or ()),
        slowest=max(content.seconds.values(), default=0) or 1,
    )


def _say(texts: Dict[str, str], key: str, **values: Any) -> Markup:
    """A text with its values filled in, escaped. Names go through `_name` first, to isolate their writing direction."""
    values = {name: _clean(value) for name, value in values.items()}
    return Markup(texts[key]).format(**{**agreeing(values.get("count", 0)), **values})


def _name(value: str) -> Markup:
    """A file or class name, escaped, with its writing direction isolated. Lines break behind its "/" and "_" first."""
    parts = re.split(r"(?<=[/_])(?=.)", _clean(value))
    return Markup("<bdi>{}</bdi>").format(Markup("<wbr>").join(parts))


def _clean(value: Any) -> Any:
    """Text with its hidden characters escaped: HTML does not allow all of them, and some make a name look like another."""
    return printable(value, keep="\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _picture(image: Image.Image, side: int) -> Markup:
    """A JPEG of at most side x side pixels, as a data URL."""
    image = image.convert("RGB")
    image.thumbnail((side, side))
    return Markup(jpeg_url(image, quality=QUALITY, optimize=True))


def _tiles(content: Report, texts: Dict[str, str]) -> List[Dict[str, Any]]:
    """The key figures at the top: number, label and interval."""
    matrices = {"val": content.val_confusion, "test": content.test_confusion, "held_out": content.held_out_confusion}
    counts = {name: totals(matrix) for name, matrix in matrices.items() if matrix is not None}
    counts["outliers"] = content.neither.count("outliers") if content.neither else (0, 0)
    say = partial(_say, texts)

    def reach(name: str, correct: int, count: int) -> Markup:
        if name == "val" and content.validation == LEARNED:
            return Markup("")
        found, matrix = Markup(say_range(Share(correct, count), say)), matrices.get(name)
        if matrix is None or correct == count:
            return found
        return say("tile.balanced", range=found, share=average_percent(matrix))

    tiles: List[Dict[str, Any]] = [
        {
            "number": _say(texts, "of", correct=correct, count=count),
            "label": texts[TILES.get(content.validation, "tile.val") if name == "val" else f"tile.{name}"],
            "range": reach(name, correct, count),
        }
        for name, (correct, count) in counts.items()
        if count
    ]
    if content.findings is not None:
        count = count_looked_at(content)
        tiles.append({"number": count, "label": _say(texts, "tile.findings", count=count), "range": ""})
    return tiles


def _confusion(matrix: np.ndarray, refused: Optional[np.ndarray]) -> Dict[str, Any]:
    """Rows of the confusion matrix if it is shown, each cell with its share of the row in percent; recall and precision. refused:
    i64 [C], photos of each class that are refused; None without an outlier detector."""
    rows, predicted = matrix.sum(1), matrix.sum(0)
    shown = matrix if len(matrix) <= MATRIX else matrix[:0]
    return {
        "cells": [
            [(int(cell), round(100 * float(cell) / max(1, int(total)))) for cell in row]
            for row, total in zip(shown, rows)
        ],
        "recall": [count_with_interval(matrix[label, label], rows[label]) for label in range(len(matrix))],
        "precision": [count_with_interval(matrix[label, label], predicted[label]) for label in range(len(matrix))],
        "refused": None if refused is None else refused.tolist(),
        "averaged": average_percent(matrix),
    }


def _first_remarks(findings: Sequence[Remark]) -> List[Tuple[Remark, int]]:
    """The findings that are shown, kind by kind; with the last one of a kind, how many more of it there are."""
    counts = Counter(remark.kind for remark in findings)
    shown, rows = first_of_each(counts, FINDINGS), []
    for kind, count in counts.items():
        own = [remark for remark in findings if remark.kind == kind][: shown[kind]]
        rows += [(remark, 0) for remark in own[:-1]] + [(remark, count - len(own)) for remark in own[-1:]]
    return rows


def _many(classes: Sequence[str], shown: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """What stands beside the matrices of many classes, or in their place.

    shown: confusion matrices by split; the first sorts the classes."""
    first = next(iter(shown.values()))
    order = weakest_first(first)
    tested = set(order)
    order += [label for label in range(len(classes)) if label not in tested]
    pairs = {split: mixed_up(matrix) for split, matrix in [*shown.items()][:2]}
    return {
        "pairs": {split: found[:CONFUSIONS] for split, found in pairs.items()},
        "rest": {split: sum(count for *_, count in found[CONFUSIONS:]) for split, found in pairs.items()},
        "order": order[:CLASSES],
        "more": len(order[CLASSES:]),
        "printed": PRINTED_CLASSES,
    }
