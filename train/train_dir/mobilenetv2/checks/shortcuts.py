"""Shortcuts: properties that tell a class without its content, such as image size. A network may learn these instead."""

from collections import Counter
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..data.findings import Finding
from ..data.image_stats import ImageStats
from ..runtime.i18n import Bilingual
from ..runtime.progress import show_progress
from .inspection import Inspection

TELLING = 0.75  # balanced accuracy of a single measure from which on it is a shortcut; chance is 0.5
CHANCE = 1e-4  # largest p-value, after Bonferroni correction
MEASURES_ZH = {
    "picture size": "图片大小",
    "aspect": "宽高比",
    "sharpness": "清晰度",
    "border": "边框对比度",
    "background brightness": "背景亮度",
    "file format": "文件格式",
}


class Shortcut(NamedTuple):
    """A measure that tells a class from the others. accuracy: balanced, 0-1, of the best threshold on the training photos.
    inside: share (0-1) of the class, and of the others, on the class's side of the threshold. p: of the Mann-Whitney U test,
    uncorrected. side: description of the class's side."""

    measure: str
    class_: str
    accuracy: float
    inside: Tuple[float, float]
    p: float
    side: Bilingual

    def message(self) -> Bilingual:
        """The text of the finding."""
        accuracy, own, others = (f"{100 * share:.0f} %" for share in (self.accuracy, *self.inside))
        return Bilingual(
            f"{self.measure} alone gives this class away, with {accuracy} right on average "
            f"({self.side}: {own} of its photos, {others} of the others); the network may learn that instead",
            f"只凭{MEASURES_ZH[self.measure]}就能认出这个类别，平均 {accuracy} 判断正确"
            f"（{self.side.zh}：该类中有 {own}，其余有 {others}）；网络可能学的是这个",
        )


def find_shortcuts(inspection: Inspection) -> List[Finding]:
    """A finding for each shortcut in the training set."""
    data = inspection.data
    train_stats = [stats for photo, stats in zip(data.photos, inspection.stats) if photo.split == "train"]
    found = measure_shortcuts(data.classes, data.labels("train"), train_stats)
    return [Finding("giveaway", shortcut.class_, shortcut.message()) for shortcut in found]


def measure_shortcuts(classes: Sequence[str], labels: np.ndarray, all_stats: Sequence[ImageStats]) -> List[Shortcut]:
    """labels i32 [N] and statistics of N training photos -> the best shortcut of each measure, by descending accuracy."""
    measures = _measures(all_stats)
    asked = range(len(classes) if len(classes) > 2 else 1)
    pairs = [(label, name) for name in measures for label in asked]
    thresholds = {name: best_thresholds(values, labels, asked) for name, values in measures.items()}
    found: Dict[str, Shortcut] = {}
    for label, name in show_progress(pairs, len(pairs), "Looking for what gives classes away"):
        accuracy, threshold, below = thresholds[name][label]
        if accuracy < TELLING:
            continue
        values, own = measures[name], labels == label
        from scipy.stats import mannwhitneyu  # takes half a second, and most data sets do not need it

        p = float(mannwhitneyu(values[own], values[~own]).pvalue)
        if p * len(pairs) > CHANCE:
            continue
        inside = (values <= threshold) == below
        share = float(inside[own].mean()), float(inside[~own].mean())
        measure, side = _describe(name, threshold, below)
        shortcut = Shortcut(measure, classes[label], accuracy, share, p, side)
        if measure not in found or found[measure].accuracy < accuracy:
            found[measure] = shortcut
    return sorted(found.values(), key=lambda shortcut: -shortcut.accuracy)


def best_thresholds(values: np.ndarray, labels: np.ndarray, classes: Iterable[int]) -> List[Tuple[float, float, bool]]:
    """values f64 [N], labels i32 [N] -> of each class, the best balanced accuracy of a threshold (0.5-1), the threshold, and
    whether the class lies at or below it. 0.5 where no threshold tells anything."""
    levels, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts)  # photos at or below each level
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], np.arange(int(labels.max(initial=0)) + 2))
    found = []
    for label in classes:
        own = np.sort(level[order[ends[label] : ends[label + 1]]]) if label + 1 < len(ends) else level[:0]
        # The share that a threshold gains is highest at a value of the class, and lowest right before one.
        places = np.unique(np.concatenate([own, own - 1]))
        places = places[(places >= 0) & (places < len(levels) - 1)]
        if not len(places) or len(own) == len(labels):
            found.append((0.5, float(levels[-1]) if len(levels) else 0.0, True))
            continue
        inside = np.searchsorted(own, places, side="right")
        gain = inside / len(own) - (below[places] - inside) / (len(labels) - len(own))
        best = int(np.abs(gain).argmax())
        found.append((float(0.5 + abs(gain[best]) / 2), float(levels[places[best]]), bool(gain[best] > 0)))
    return found


def _measures(all_stats: Sequence[ImageStats]) -> Dict[str, np.ndarray]:
    """Measures f64 [N] by name. That of a file format is 0 for photos of this format and 1 for others."""
    measures = {
        "picture size": [max(stats.width, stats.height) for stats in all_stats],
        "aspect": [stats.width / stats.height for stats in all_stats],
        "sharpness": [stats.sharpness for stats in all_stats],
        "border": [stats.border_contrast for stats in all_stats],
        "background brightness": [stats.border_brightness for stats in all_stats],
    }
    for name in Counter(stats.format for stats in all_stats):
        measures[f"file format {name}"] = [stats.format != name for stats in all_stats]
    return {name: np.array(values, np.float64) for name, values in measures.items()}


def _describe(name: str, threshold: float, below: bool) -> Tuple[str, Bilingual]:
    """The name of the measure in messages, and a description of the side of the threshold."""
    if name.startswith("file format "):
        kind = name[len("file format ") :]
        return "file format", Bilingual(("" if below else "not ") + kind, ("" if below else "非 ") + kind)
    english, chinese = {
        "picture size": ("longer side {} {:.0f} pixels", "长边{} {:.0f} 像素"),
        "aspect": ("width / height {} {:.2f}", "宽高比{} {:.2f}"),
        "sharpness": ("sharpness {} {:.3f}", "清晰度{} {:.3f}"),
        "border": ("contrast of the outer frame {} {:.0f} of 255", "边框对比度{} {:.0f}（最大 255）"),
        "background brightness": ("brightness of the outer frame {} {:.0f} of 255", "边框亮度{} {:.0f}（最大 255）"),
    }[name]
    sides = ("at most", "不超过") if below else ("above", "大于")
    return name, Bilingual(english.format(sides[0], threshold), chinese.format(sides[1], threshold))
