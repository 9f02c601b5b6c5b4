"""report.html: what a run came to, on one page that needs no network, no script and no other file.

The page is for people; the same numbers for programs are in metrics.json. Equal reports make equal bytes.
"""

import base64
import io
import math
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from .calibration import ece
from .files import atomic
from .intervals import interval
from .report_texts import texts

PHOTOS = 12  # wrong and least sure answers that are shown, at most
FINDINGS = 50  # likewise
LARGE, SMALL = 192, 112  # longer side of the pictures of photos and of findings, in pixels
QUALITY = 72  # of their JPEGs
BARS = 28  # of a histogram, about
WIDE = 0.2  # width of an interval from which on more photos are asked for
CROWDED = 6  # classes from which on the table of confusions stands alone, its columns narrow


@dataclass(frozen=True)
class Calibration:
    """temperature: logits are divided by it. before, after: rows of `calibration.reliability` of the validation photos
    with the temperature 1 and this one."""

    temperature: float
    before: Sequence[Dict[str, float]]
    after: Sequence[Dict[str, float]]


@dataclass(frozen=True)
class Refusals:
    """threshold: a picture with a higher score is refused. scores: f32 [N] of "train" (out of fold), "val" and "strangers";
    what there is none of is missing or empty."""

    threshold: float
    scores: Dict[str, np.ndarray]


@dataclass(frozen=True)
class Answer:
    """A validation photo worth a look. true, answer: class names. confidence: in the answer, 0-1, calibrated where that was
    done. picture: the photo; overlay: of `activation.overlay`. Small pictures are quickest, large ones are reduced."""

    name: str
    true: str
    answer: str
    confidence: float
    picture: Optional[Image.Image] = None
    overlay: Optional[Image.Image] = None


@dataclass(frozen=True)
class Remark:
    """A finding. kind: one that report_texts has a word for ("leak", "copy", "bad", ...) or any other word. names: of the
    files or classes. text: the sentence. pictures: up to 2, of the same files."""

    kind: str
    names: Tuple[str, ...]
    text: str
    pictures: Tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that the page shows; what is None or empty is left out.

    classes: names, in the order of the logits. val: `metrics.confusion` of the validation photos, i64 [C, C]. held_out: the same
    of training photos, each by a classifier that did not learn from it. history: rows of `fit` by stage. comparison:
    `compare.figures` of "teacher" and "student". answers: wrong ones first, then the least sure. findings: what matters most
    first; None: nothing was checked, empty: nothing was found. settings, versions, seconds: by name. memory: the most at once,
    MiB. counts: photos by class, by "train" and "val". fingerprint: of the data. command: as typed.
    """

    classes: Tuple[str, ...]
    val: np.ndarray
    held_out: Optional[np.ndarray] = None
    history: Dict[str, List[Dict[str, Any]]] = field(default_factory=dict)
    comparison: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    calibration: Optional[Calibration] = None
    neither: Optional[Refusals] = None
    answers: Tuple[Answer, ...] = ()
    findings: Optional[Tuple[Remark, ...]] = None
    settings: Dict[str, Any] = field(default_factory=dict)
    versions: Dict[str, str] = field(default_factory=dict)
    device: str = ""
    seconds: Dict[str, float] = field(default_factory=dict)
    memory: Optional[float] = None
    counts: Dict[str, Dict[str, int]] = field(default_factory=dict)
    fingerprint: str = ""
    command: str = ""


def write(file: Path, content: Report, language: str) -> None:
    """language: "en" or "zh". Raises UserError where the file cannot be written."""
    with atomic(file) as temporary:
        # A file name that is not valid UTF-8 has characters that cannot be encoded.
        temporary.write_bytes(render(content, language).encode("utf-8", "xmlcharrefreplace"))


def render(content: Report, language: str) -> str:
    """The page as one string."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = texts(language)
    environment.filters.update(name=_name, small=partial(_picture, side=SMALL), large=partial(_picture, side=LARGE))
    splits = {"val": content.val, "held_out": content.held_out}
    return environment.get_template("report.html").render(
        report=content,
        text=words,
        say=partial(_say, words),
        tiles=_tiles(content, words),
        verdict=_verdict(content, words),
        curves=[_curves(stage, rows) for stage, rows in content.history.items() if rows],
        confusions={
            split: _confusion(matrix) for split, matrix in splits.items() if matrix is not None and matrix.any()
        },
        crowded=len(content.classes) >= CROWDED,
        dials=_dials(content.calibration) if content.calibration else [],
        histograms=_histograms(content.neither) if content.neither else [],
        photos=content.answers[:PHOTOS],
        remarks=(content.findings or ())[:FINDINGS],
        more=max(0, len(content.findings or ()) - FINDINGS),
        kinds=Counter(remark.kind for remark in content.findings or ()),
        slowest=max(content.seconds.values(), default=0) or 1,
    )


class Axis(NamedTuple):
    """low, high: the values at its ends, start, end: their places in the drawing. ticks: values between."""

    low: float
    high: float
    start: float
    end: float
    ticks: Tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value is, to a tenth of a pixel."""
        share = (float(value) - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


def axis(low: float, high: float, start: float, end: float, ticks: int = 5, whole: bool = False) -> Axis:
    """An axis whose ends are round numbers, with about `ticks` of them; whole: integers only."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    power = 10.0 ** math.floor(math.log10(span / ticks))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= ticks)
    step = max(1.0, float(round(step))) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    marks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Axis(marks[0], marks[-1], start, end, marks)


def _cut(whole: Axis, low: float, high: float) -> Axis:
    """The axis from low to high only, with the ticks between."""
    return whole._replace(low=low, high=high, ticks=tuple(tick for tick in whole.ticks if low <= tick <= high))


def _say(words: Dict[str, str], key: str, **values: Any) -> Markup:
    """A text with its values filled in, escaped; class names apart, so that their writing direction cannot turn the rest."""
    values = {name: _clean(value) for name, value in values.items()}
    return Markup(words[key]).format(s="s" * (values.get("count", 0) != 1), **values)


def _name(value: str) -> Markup:
    """A file or class name, escaped, with a writing direction of its own; lines break at its slashes first."""
    return Markup("<bdi>{}</bdi>").format(Markup("/<wbr>").join(_clean(value).split("/")))


def _clean(value: Any) -> Any:
    """Control characters, which no page may contain, become visible."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return "".join(
        "\ufffd" if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" else letter
        for letter in value
    )


def _picture(image: Image.Image, side: int) -> Markup:
    """A JPEG of at most side x side pixels, as the address of an <img>."""
    image = image.convert("RGB")
    image.thumbnail((side, side))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return Markup("data:image/jpeg;base64,") + base64.b64encode(stream.getvalue()).decode()


def _percent(correct: int, count: int) -> Tuple[int, int]:
    """`interval` in percent, rounded outwards, never promising more."""
    low, high = interval(correct, count)
    return math.floor(100 * low), math.ceil(100 * high)


def _range(words: Dict[str, str], correct: int, count: int) -> Markup:
    """What a count proves, in words."""
    low, high = _percent(correct, count)
    which = "all" if correct == count else "some" if correct else "none"
    return _say(words, f"range.{which}", low=low, high=high)


def _totals(matrix: np.ndarray) -> Tuple[int, int]:
    """Right answers, and all."""
    return int(np.trace(matrix)), int(matrix.sum())


def _refused(content: Report, split: str) -> Tuple[int, int]:
    """Pictures of a split that are refused, and all of them."""
    if not content.neither:
        return 0, 0
    scores = np.asarray(content.neither.scores.get(split, ()), np.float64)
    return int((scores > content.neither.threshold).sum()), len(scores)


def _tiles(content: Report, words: Dict[str, str]) -> List[Dict[str, Any]]:
    """The few numbers at the top: number, label, and what it proves."""
    counts = {"val": _totals(content.val)}
    if content.held_out is not None:
        counts["held_out"] = _totals(content.held_out)
    counts["strangers"] = _refused(content, "strangers")
    tiles = [
        {
            "number": _say(words, "of", correct=correct, count=count),
            "label": words[f"tile.{name}"],
            "range": _range(words, correct, count),
        }
        for name, (correct, count) in counts.items()
        if count
    ]
    if content.findings is not None:
        count = sum(remark.kind != "note" for remark in content.findings)
        tiles.append({"number": count, "label": _say(words, "tile.findings", count=count), "range": ""})
    return tiles


def _verdict(content: Report, words: Dict[str, str]) -> List[Tuple[Markup, bool]]:
    """What the numbers mean: sentences, and whether each is a warning."""
    say = partial(_say, words)
    correct, count = _totals(content.val)
    sentences = []
    if count:
        reach = _range(words, correct, count)
        sentences.append((say("verdict.val", correct=correct, count=count, range=reach), False))
    if content.held_out is not None:
        right, photos = _totals(content.held_out)
        sentences.append((say("verdict.held_out", correct=right, count=photos), False))
    if count:
        low, high = interval(correct, count)
        largest = content.val.sum(1)
        if low <= largest.max() / count:
            guess, share = _name(content.classes[int(largest.argmax())]), round(100 * largest.max() / count)
            sentences.append((say("verdict.guess", class_=guess, share=share), True))
        if high - low > WIDE:
            sentences.append((say("verdict.wide"), True))
    mistake = _mistake(content)
    if mistake:
        true, answer, times = mistake
        sentences.append((say("verdict.mistake", true=_name(true), answer=_name(answer), count=times), False))
    refused, strangers = _refused(content, "strangers")
    if strangers:
        sentences.append((say("verdict.strangers", refused=refused, count=strangers), False))
    leaks = sum(remark.kind == "leak" for remark in content.findings or ())
    if leaks:
        sentences.append((say("verdict.leak", count=leaks), True))
    if content.findings is not None:
        count = sum(remark.kind != "note" for remark in content.findings)
        sentences.append((say("verdict.findings" if count else "verdict.nothing", count=count), False))
    return sentences


def _mistake(content: Report) -> Optional[Tuple[str, str, int]]:
    """The class that is most often said to be another one, that one, and how often; of validation photos if there are any."""
    for matrix in (content.val, content.held_out):
        if matrix is not None:
            mistakes = matrix - np.diag(np.diag(matrix))
            if mistakes.any():
                true, answer = divmod(int(mistakes.argmax()), len(mistakes))
                return content.classes[true], content.classes[answer], int(mistakes.max())
    return None


def _curves(stage: str, rows: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Of one stage: axes, points of the curves, and the row of the epoch that was kept, if one was."""
    epochs = [row["epoch"] for row in rows]
    across = _cut(axis(min(epochs), max(epochs), 44, 350, 6, whole=True), min(epochs), max(*epochs, min(epochs) + 1))
    train, val = [row["loss"] for row in rows], [row["val"]["loss"] for row in rows]
    shares = [row["val"]["accuracy"] for row in rows]
    loss = axis(0, max((value for value in train + val if math.isfinite(value)), default=1.0), 170, 12)
    share = axis(min(0.9, *shares), 1, 170, 12)
    return {
        "stage": stage,
        "x": across,
        "loss": loss,
        "share": share,
        "train": _points(across, loss, epochs, train),
        "val": _points(across, loss, epochs, val),
        "right": _points(across, share, epochs, shares),
        "kept": next((row for row in rows if row["kept"]), None),
    }


def _points(across: Axis, up: Axis, places: Sequence[float], values: Sequence[float]) -> List[Tuple[float, float]]:
    """Of a curve, in the drawing; without what is not a finite number, as a loss that ran away."""
    return [(across.at(place), up.at(value)) for place, value in zip(places, values) if math.isfinite(value)]


def _confusion(matrix: np.ndarray) -> Dict[str, Any]:
    """Rows of the table of confusions, shaded by their share, and per class what was recognised and what was answered."""
    rows, answered = matrix.sum(1), matrix.sum(0)
    return {
        "cells": [
            [(int(cell), round(100 * float(cell) / max(1, int(total)))) for cell in row]
            for row, total in zip(matrix, rows)
        ],
        "recall": [_share(matrix[label, label], rows[label]) for label in range(len(matrix))],
        "precision": [_share(matrix[label, label], answered[label]) for label in range(len(matrix))],
    }


def _share(correct: int, count: int) -> Dict[str, Any]:
    """A count with its exact interval, in percent."""
    low, high = _percent(int(correct), int(count))
    share = 100 * int(correct) / int(count) if count else 0.0
    return {"correct": int(correct), "count": int(count), "share": share, "low": low, "high": high}


def _dials(calibration: Calibration) -> List[Dict[str, Any]]:
    """The two reliability diagrams."""
    quarters = (0, 0.25, 0.5, 0.75, 1)
    across, up = Axis(0, 1, 44, 336, quarters), Axis(0, 1, 170, 12, quarters)
    dials = []
    for name, rows in (("before", calibration.before), ("after", calibration.after)):
        most = max((row["count"] for row in rows), default=0)
        points = []
        for row in rows:
            if row["count"]:
                low, high = interval(round(row["accuracy"] * row["count"]), row["count"])
                radius = round(2.5 + 5.5 * math.sqrt(row["count"] / most), 1)
                points.append({**row, "radius": radius, "from": low, "to": high})
        dials.append({"name": name, "ece": f"{ece(list(rows)):.3f}", "points": points, "x": across, "y": up})
    return dials


def _histograms(neither: Refusals) -> List[Dict[str, Any]]:
    """Of the scores by split, all with one axis; the threshold lies between two bars, so that a bar has one colour."""
    scores = {split: np.asarray(neither.scores.get(split, ()), np.float64) for split in ("train", "val", "strangers")}
    scores = {split: values for split, values in scores.items() if len(values)}
    if not scores:
        return []
    every = np.concatenate([*scores.values(), [neither.threshold]])
    low, high = float(every.min()), float(every.max())
    width = max(high - low, 1e-3) / BARS
    across = _cut(axis(low, high, 40, 272), low - width, high + width)
    out = []
    for split, values in scores.items():
        # A score equal to the threshold is not refused: a bar has its upper end.
        number = np.ceil((values - neither.threshold) / width).astype(int) - 1
        bars = [
            {
                "low": max(across.low, neither.threshold + index * width),
                "high": min(across.high, neither.threshold + (index + 1) * width),
                "count": int((number == index).sum()),
                "refused": index >= 0,
            }
            for index in np.unique(number).tolist()
        ]
        highest = max(bar["count"] for bar in bars)
        rate = _share((values > neither.threshold).sum(), len(values))
        out.append({"split": split, "x": across, "y": axis(0, highest, 150, 12, 4, True), "bars": bars, "rate": rate})
    return out
