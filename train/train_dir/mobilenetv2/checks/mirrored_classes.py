"""Classes that differ by left and right: mirror images of one class lie in another, as a rule or by the network's answers."""

from collections import Counter
from dataclasses import dataclass
from typing import Dict, List, Sequence, Set, Tuple

from ..data.dataset import Photo
from ..data.findings import Finding
from ..evaluation.mirroring import MirrorTest
from ..runtime.i18n import Bilingual
from .copy_search import Pair

# Mirrored copies across two classes are the rule, not mistakes: from so many pairs on, with this share of the photos of one of
# the two classes, and if they outnumber copies that say the opposite.
LEAST = 5
SHARE = 0.25


@dataclass(frozen=True)
class MirroredClasses:
    """Two classes, as labels. mirrored: of `count` photos of the first, so many are mirror images of photos of the second."""

    first: int
    second: int
    mirrored: int
    count: int


def find_mirrored_classes(photos: Sequence[Photo], pairs: Sequence[Pair]) -> List[MirroredClasses]:
    """The classes whose photos are, as a rule, mirror images of another's. pairs: with mirrored ones."""
    sizes = Counter(photo.label for photo in photos)
    across: Dict[Tuple[int, int], List[Pair]] = {}
    # Mirrored copies within a class, and others across classes, are what mistakes make as well.
    within: Counter = Counter()
    mistaken: Counter = Counter()
    for pair in pairs:
        first, second = sorted(photos[index].label for index in (pair.first, pair.second))
        if first == second:
            within[first] += pair.mirrored
        elif pair.mirrored and first >= 0:
            across.setdefault((first, second), []).append(pair)
        else:
            mistaken[first, second] += 1
    found = []
    for labels, across_them in sorted(across.items()):
        involved: Dict[int, Set[int]] = {label: set() for label in labels}
        for pair in across_them:
            for index in (pair.first, pair.second):
                involved[photos[index].label].add(index)
        first, second = sorted(labels, key=lambda label: -len(involved[label]) / sizes[label])
        mirrored, against = len(involved[first]), within[first] + within[second] + mistaken[labels]
        if len(across_them) >= LEAST and mirrored >= SHARE * sizes[first] and len(across_them) > against:
            found.append(MirroredClasses(first, second, mirrored, sizes[first]))
    return found


def describe_copies(classes: Sequence[str], found: Sequence[MirroredClasses]) -> List[Finding]:
    """A finding for each pair of classes, for a run that turns mirroring off by itself."""
    return [
        Finding(
            "mirror",
            classes[pair.first],
            Bilingual(
                f"{pair.mirrored} of its {pair.count} photos are mirror images of photos of {classes[pair.second]}: left "
                "and right matter, so this run mirrors nothing, and takes no mirror image for a copy (--mirror no)",
                f"它的 {pair.count} 张照片中有 {pair.mirrored} 张是 {classes[pair.second]} 照片的镜像：左右有别，"
                "所以这次运行不做镜像，也不把镜像当作副本（--mirror no）",
            ),
            classes[pair.second],
        )
        for pair in found
    ]


def describe_answers(classes: Sequence[str], test: MirrorTest, decided: bool) -> Finding:
    """The finding for a network that answers mirrored photos wrong. decided: the run turns mirroring off by itself."""
    counts = f"{test.mirrored} of {test.count}", f"{test.plain}"
    english = "so this run mirrors nothing (--mirror no)" if decided else "--mirror no is needed"
    chinese = "所以这次运行不做镜像（--mirror no）" if decided else "需要 --mirror no"
    return Finding(
        "mirror",
        classes[test.lost],
        Bilingual(
            f"left and right matter: of held-out photos of all classes, {counts[0]} are answered right if mirrored, "
            f"{counts[1]} as they are (p = {test.p:.1g}); {english}",
            f"左右有别：留出的 {test.count} 张各类照片，镜像后答对 {test.mirrored} 张，原样答对 {test.plain} 张"
            f"（p = {test.p:.1g}）；{chinese}",
        ),
        classes[test.taken_for],
    )
