"""The charts of report.html as numbers: positions of axes, curves, points and bars in pixels."""

import math
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..evaluation.calibration import Calibration
from ..evaluation.intervals import count_with_interval, exact_interval
from ..evaluation.ood import Rejections

BARS = 28  # bars in a histogram, about


class Axis(NamedTuple):
    """low, high: the values at its ends. start, end: their positions in pixels. ticks: values with a label, in between."""

    low: float
    high: float
    start: float
    end: float
    ticks: Tuple[float, ...]

    def at(self, value: float) -> float:
        """Position of a value, rounded to a tenth of a pixel. Values beyond an end are put at that end."""
        share = (float(value) - self.low) / (self.high - self.low)
        return round(self.start + min(1.0, max(0.0, share)) * (self.end - self.start), 1)


def axis(low: float, high: float, start: float, end: float, ticks: int = 5, whole: bool = False) -> Axis:
    """An axis with round numbers at its ends, and about `ticks` ticks. whole: integers only."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    power = 10.0 ** math.floor(math.log10(span / ticks))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= ticks)
    step = max(1.0, float(round(step))) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    marks = tuple(round(number * step, 10) for number in range(first, last + 1))
    return Axis(marks[0], marks[-1], start, end, marks)


def _cut(whole: Axis, low: float, high: float) -> Axis:
    """The same axis from low to high only, with the ticks in that range."""
    return whole._replace(low=low, high=high, ticks=tuple(tick for tick in whole.ticks if low <= tick <= high))


def curves(stage: str, rows: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Training curves of one stage: axes, points, and the row of the epoch that was kept, or None. rows: of `train_epochs`."""
    epochs = [row["epoch"] for row in rows]
    across = _cut(axis(min(epochs), max(epochs), 44, 316, 6, whole=True), min(epochs), max(*epochs, min(epochs) + 1))
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
    """Points of a curve in pixels. Values that are not finite, as of a loss that diverged, are left out."""
    return [(across.at(place), up.at(value)) for place, value in zip(places, values) if math.isfinite(value)]


def dials(calibration: Calibration) -> List[Dict[str, Any]]:
    """The reliability diagrams before and after calibration."""
    quarters = (0, 0.25, 0.5, 0.75, 1)
    across, up = Axis(0, 1, 44, 312, quarters), Axis(0, 1, 170, 12, quarters)
    dials = []
    for name, reliability in (("before", calibration.before), ("after", calibration.after)):
        most = max((row["count"] for row in reliability.bins), default=0)
        points = []
        for row in reliability.bins:
            if row["count"]:
                low, high = exact_interval(round(row["accuracy"] * row["count"]), int(row["count"]))
                radius = round(2.5 + 5.5 * math.sqrt(row["count"] / most), 1)
                points.append({**row, "radius": radius, "from": low, "to": high})
        dials.append({"name": name, "ece": f"{reliability.ece:.3f}", "points": points, "x": across, "y": up})
    return dials


def histograms(rejections: Rejections) -> List[Dict[str, Any]]:
    """Histograms of the outlier scores, one for each split, with the same horizontal axis.

    The threshold lies between two bars, so that each bar has one colour.
    """
    scores = {split: np.asarray(rejections.scores.get(split, ()), np.float64) for split in ("train", "val", "outliers")}
    scores = {split: values for split, values in scores.items() if len(values)}
    if not scores:
        return []
    every = np.concatenate([*scores.values(), [rejections.threshold]])
    low, high = float(every.min()), float(every.max())
    width = max(high - low, 1e-3) / BARS
    across = _cut(axis(low, high, 40, 236), low - width, high + width)
    out = []
    for split, values in scores.items():
        # A score equal to the threshold is not rejected: a bar includes its upper end.
        number = np.ceil((values - rejections.threshold) / width).astype(int) - 1
        bars = [
            {
                "low": max(across.low, rejections.threshold + index * width),
                "high": min(across.high, rejections.threshold + (index + 1) * width),
                "count": int((number == index).sum()),
                "refused": index >= 0,
            }
            for index in np.unique(number).tolist()
        ]
        highest = max(bar["count"] for bar in bars)
        rate = count_with_interval(*rejections.count(split))
        out.append({"split": split, "x": across, "y": axis(0, highest, 150, 12, 4, True), "bars": bars, "rate": rate})
    return out
