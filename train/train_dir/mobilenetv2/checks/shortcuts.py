"""Circumstances that give a class away, such as the size of its pictures: a network may learn these instead."""

from collections import Counter
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..data.dataset import Finding
from ..data.image_stats import ImageStats
from ..runtime.i18n import Bilingual
from .inspection import Inspection

TELLING = 0.75  # balanced accuracy from which on one measure alone gives the class away; chance is 0.5
CHANCE = 1e-4  # probability that a measure separates the classes so well by accident, all measures together
MEASURES_ZH = {
    "picture size": "图片大小",
    "aspect": "宽高比",
    "sharpness": "清晰度",
    "border": "边框对比度",
    "background brightness": "背景亮度",
    "file format": "文件格式",
}


class Shortcut(NamedTuple):
    """One measure that tells a class from the others. accuracy: balanced, 0-1, of the best threshold on the training photos.
    inside: share of the class (0-1), and then of the others, on that side of the threshold. p: probability of such a
    difference by accident. side: the threshold in words."""

    measure: str
    class_: str
    accuracy: float
    inside: Tuple[float, float]
    p: float
    side: Bilingual

    def message(self) -> Bilingual:
        accuracy, own, others = (f"{100 * share:.0f} %" for share in (self.accuracy, *self.inside))
        return Bilingual(
            f"{self.measure} alone gives {self.class_} away with a balanced accuracy of {accuracy} "
            f"({self.side}: {own} of {self.class_}, {others} of the others); the network may learn that instead",
            f"只凭{MEASURES_ZH[self.measure]}就能认出 {self.class_}，平衡准确率 {accuracy}"
            f"（{self.side.zh}：{self.class_} 中有 {own}，其余有 {others}）；网络可能学的是这个",
        )


def find_shortcuts(inspection: Inspection) -> List[Finding]:
    """One finding for each measure that gives a class away."""
    data = inspection.data
    stats = [stats for photo, stats in zip(data.photos, inspection.stats) if photo.split == "train"]
    found = measure_shortcuts(data.classes, data.labels("train"), stats)
    return [Finding("giveaway", shortcut.class_, shortcut.message()) for shortcut in found]


def measure_shortcuts(classes: Sequence[str], labels: np.ndarray, looks: Sequence[ImageStats]) -> List[Shortcut]:
    """labels i32 [N] of the training photos -> measures that give a class away, the most telling first, one line each."""
    measures = _measures(looks)
    pairs = [(label, name) for name in measures for label in (range(len(classes)) if len(classes) > 2 else (0,))]
    found: Dict[str, Shortcut] = {}
    for label, name in pairs:
        values, own = measures[name], labels == label
        if not 0 < own.sum() < len(labels):
            continue
        accuracy, threshold, below = best_threshold(values, own)
        if accuracy < TELLING or not np.ptp(values):
            continue
        from scipy.stats import mannwhitneyu  # half a second that most data sets can do without

        p = float(mannwhitneyu(values[own], values[~own]).pvalue)
        if p * len(pairs) > CHANCE:
            continue
        inside = (values <= threshold) == below
        share = float(inside[own].mean()), float(inside[~own].mean())
        measure, side = _words(name, threshold, below)
        shortcut = Shortcut(measure, classes[label], accuracy, share, p, side)
        if measure not in found or found[measure].accuracy < accuracy:
            found[measure] = shortcut
    return sorted(found.values(), key=lambda shortcut: -shortcut.accuracy)


def best_threshold(values: np.ndarray, own: np.ndarray) -> Tuple[float, float, bool]:
    """f64 [N], bool [N] -> best balanced accuracy of one threshold, 0.5-1; the threshold; whether `own` lies at or below it."""
    order = np.argsort(values, kind="stable")
    sorted_values, sorted_own = values[order], own[order]
    gain = np.cumsum(sorted_own) / own.sum() - np.cumsum(~sorted_own) / (~own).sum()
    gain[:-1][sorted_values[1:] == sorted_values[:-1]] = 0  # no threshold between equal values
    best = int(np.abs(gain).argmax())
    return float(0.5 + abs(gain[best]) / 2), float(sorted_values[best]), bool(gain[best] > 0)


def _measures(looks: Sequence[ImageStats]) -> Dict[str, np.ndarray]:
    """f64 [N] of each measure; of file formats, 0 where a photo has it."""
    measures = {
        "picture size": [max(look.width, look.height) for look in looks],
        "aspect": [look.width / look.height for look in looks],
        "sharpness": [look.sharpness for look in looks],
        "border": [look.border_contrast for look in looks],
        "background brightness": [look.border for look in looks],
    }
    for name in Counter(look.format for look in looks):
        measures[f"file format {name}"] = [look.format != name for look in looks]
    return {name: np.array(values, np.float64) for name, values in measures.items()}


def _words(name: str, threshold: float, below: bool) -> Tuple[str, Bilingual]:
    """The measure, and the side of the threshold, in words."""
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
