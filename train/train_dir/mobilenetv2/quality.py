"""What is suspicious about the photos of a data set: pictures with nothing in them, classes of very different size, photos that
look like the other class, and circumstances that give the class away. Says little, so that what it says is read."""

from collections import Counter
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from .folder import Finding, Photo, PhotoSet
from .glance import Glance
from .metrics import blocks, log_softmax, unit_rows
from .words import Words

TINY = 48  # shorter side, in pixels, below which a photo shows hardly anything
ONE_COLOUR = 3.0  # standard deviation of the strongest channel, 0-255
IMBALANCE = 3.0  # photos of the largest class / of a smaller one
TELLING = 0.75  # balanced accuracy from which on one measure alone gives the class away; chance is 0.5
CHANCE = 1e-4  # probability that a measure separates the classes so well by accident, all measures together
NEIGHBOURS = 10  # of a photo, whose classes are compared with its own
OTHERS = 0.9  # share of them in the other class from which on the label is suspected
MEASURES_ZH = {
    "picture size": "图片大小",
    "aspect": "宽高比",
    "sharpness": "清晰度",
    "border": "边框对比度",
    "background brightness": "背景亮度",
    "file format": "文件格式",
}
BELIEF = 0.25  # confidence in its own class below which a photo's label is suspected


class Giveaway(NamedTuple):
    """One measure that tells a class from the others. accuracy: balanced, 0-1, of the best threshold on the training photos.
    inside: share of the class (0-1), and then of the others, on that side of the threshold. p: probability of such a
    difference by accident. side: the threshold in words."""

    measure: str
    class_: str
    accuracy: float
    inside: Tuple[float, float]
    p: float
    side: Words

    def words(self) -> Words:
        accuracy, own, others = (f"{100 * share:.0f} %" for share in (self.accuracy, *self.inside))
        return Words(
            f"{self.measure} alone gives {self.class_} away with a balanced accuracy of {accuracy} "
            f"({self.side}: {own} of {self.class_}, {others} of the others); the network may learn that instead",
            f"只凭{MEASURES_ZH[self.measure]}就能认出 {self.class_}，平衡准确率 {accuracy}"
            f"（{self.side.zh}：{self.class_} 中有 {own}，其余有 {others}）；网络可能学的是这个",
        )


def empty_pictures(photos: Sequence[Photo], looks: Sequence[Glance]) -> List[Finding]:
    """Tiny and one-colour pictures, by file name."""
    findings = []
    for photo, look in zip(photos, looks):
        if look.colour < ONE_COLOUR:
            findings.append(Finding("empty", photo.name, Words("a picture of one colour", "单色图片")))
        if min(look.width, look.height) < TINY:
            text = Words(
                f"tiny: {look.width} x {look.height} pixels, at least {TINY} each way are needed to see anything",
                f"太小：{look.width} × {look.height} 像素，两边至少要 {TINY} 像素才看得清",
            )
            findings.append(Finding("empty", photo.name, text))
    return findings


def imbalance(data: PhotoSet) -> List[Finding]:
    """Classes with far fewer training photos than the largest."""
    counts = data.counts("train")
    largest = max(counts, key=lambda class_: counts[class_])
    return [
        Finding(
            "imbalance",
            class_,
            Words(
                f"{count} training photos, {largest} has {counts[largest]}: it will be answered too rarely",
                f"{count} 张训练照片，{largest} 有 {counts[largest]} 张：这一类会回答得太少",
            ),
        )
        for class_, count in counts.items()
        if 0 < count * IMBALANCE <= counts[largest]
    ]


def giveaways(classes: Sequence[str], labels: np.ndarray, looks: Sequence[Glance]) -> List[Giveaway]:
    """labels i32 [N] of the training photos -> measures that give a class away, the most telling first, one line each."""
    measures = _measures(looks)
    pairs = [(label, name) for name in measures for label in (range(len(classes)) if len(classes) > 2 else (0,))]
    found = {}
    for label, name in pairs:
        values, own = measures[name], labels == label
        if not 0 < own.sum() < len(labels):
            continue
        accuracy, threshold, below = stump(values, own)
        if accuracy < TELLING or not np.ptp(values):
            continue
        from scipy.stats import mannwhitneyu  # half a second that most data sets can do without

        p = float(mannwhitneyu(values[own], values[~own]).pvalue)
        if p * len(pairs) > CHANCE:
            continue
        inside = (values <= threshold) == below
        share = float(inside[own].mean()), float(inside[~own].mean())
        measure, side = _words(name, threshold, below)
        giveaway = Giveaway(measure, classes[label], accuracy, share, p, side)
        if measure not in found or found[measure].accuracy < accuracy:
            found[measure] = giveaway
    return sorted(found.values(), key=lambda giveaway: -giveaway.accuracy)


def giveaway_findings(classes: Sequence[str], labels: np.ndarray, looks: Sequence[Glance]) -> List[Finding]:
    return [Finding("giveaway", found.class_, found.words()) for found in giveaways(classes, labels, looks)]


def stump(values: np.ndarray, own: np.ndarray) -> Tuple[float, float, bool]:
    """f64 [N], bool [N] -> best balanced accuracy of one threshold, 0.5-1; the threshold; whether `own` lies at or below it."""
    order = np.argsort(values, kind="stable")
    sorted_values, sorted_own = values[order], own[order]
    gain = np.cumsum(sorted_own) / own.sum() - np.cumsum(~sorted_own) / (~own).sum()
    gain[:-1][sorted_values[1:] == sorted_values[:-1]] = 0  # no threshold between equal values
    best = int(np.abs(gain).argmax())
    return float(0.5 + abs(gain[best]) / 2), float(sorted_values[best]), bool(gain[best] > 0)


def suspects(logits: np.ndarray, others: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Indices of photos whose label is probably wrong, the clearest first.

    logits: calibrated f32 [N, C], of a classifier that did not learn from these photos. others: f64 [N] from
    `other_neighbours`. Both have to speak against the label: either alone also finds photos that are just hard.
    """
    confidence = np.exp(log_softmax(logits))[np.arange(len(labels)), labels]
    suspected = np.flatnonzero((confidence < BELIEF) & (others >= OTHERS))
    return suspected[np.argsort(confidence[suspected], kind="stable")]


def mislabelled(
    photos: Sequence[Photo], classes: Sequence[str], logits: np.ndarray, others: np.ndarray
) -> List[Finding]:
    """`suspects` among photos, by file name."""
    labels = np.array([photo.label for photo in photos], np.int32)
    return [
        Finding(
            "label",
            photos[index].name,
            Words(f"looks like {seen}: is its label wrong?", f"看起来像 {seen}：标签是否有误？"),
        )
        for index in suspects(logits, others, labels)
        for seen in [classes[logits[index].argmax()]]
    ]


def other_neighbours(features: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """f64 [N], 0-1: of the nearest neighbours of each photo, the share of the most frequent class other than its own.

    features f32 [N, channels], labels i32 [N] and copy groups i64 [N] (duplicates.groups) of the photos. Near is a high cosine of
    the centred features. Copies of a photo are not its neighbours.
    """
    centre, count = features.mean(0), min(NEIGHBOURS, max(1, len(features) // 4))
    parts = blocks(len(features))
    lengths = np.concatenate([np.linalg.norm(features[part] - centre, axis=1) for part in parts])
    nearest = np.empty((len(features), count), np.int32)  # their labels
    for part in parts:
        rows = unit_rows(features[part] - centre)
        distance = -rows @ features.T
        distance += (rows @ centre)[:, None]
        distance /= np.maximum(lengths, 1e-6)
        distance[groups[part, None] == groups[None]] = 2
        nearest[part] = labels[np.argpartition(distance, count - 1, axis=1)[:, :count]]
    votes = np.stack([(nearest == label).mean(1) for label in range(int(labels.max()) + 1)], 1)
    votes[np.arange(len(labels)), labels] = 0
    return votes.max(1)


def _measures(looks: Sequence[Glance]) -> Dict[str, np.ndarray]:
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


def _words(name: str, threshold: float, below: bool) -> Tuple[str, Words]:
    """The measure, and the side of the threshold, in words."""
    if name.startswith("file format "):
        kind = name[len("file format ") :]
        return "file format", Words(("" if below else "not ") + kind, ("" if below else "非 ") + kind)
    english, chinese = {
        "picture size": ("longer side {} {:.0f} pixels", "长边{} {:.0f} 像素"),
        "aspect": ("width / height {} {:.2f}", "宽高比{} {:.2f}"),
        "sharpness": ("sharpness {} {:.3f}", "清晰度{} {:.3f}"),
        "border": ("contrast of the outer frame {} {:.0f} of 255", "边框对比度{} {:.0f}（最大 255）"),
        "background brightness": ("brightness of the outer frame {} {:.0f} of 255", "边框亮度{} {:.0f}（最大 255）"),
    }[name]
    sides = ("at most", "不超过") if below else ("above", "大于")
    return name, Words(english.format(sides[0], threshold), chinese.format(sides[1], threshold))
