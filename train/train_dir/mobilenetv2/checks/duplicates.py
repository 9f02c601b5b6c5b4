"""Findings about copies: in two classes, in two splits, and all others; and what --leaks drop has left out."""

from typing import Dict, List, Sequence, Tuple

import numpy as np

from ..data.dataset import Photo
from ..data.findings import Finding
from ..runtime.i18n import Bilingual
from .copy_search import Pair, copy_groups
from .inspection import Inspection

# The later a photo is used, the more its result depends on that nothing has learned from it: of copies in two of these, --leaks
# drop keeps the one in the later.
SPLITS = ("neither", "train", "val", "test")
USES = dict(zip(SPLITS, ("neither", "training", "validation", "test")))
USES_ZH = dict(zip(SPLITS, ("“都不是”", "训练", "验证", "测试")))
SAME_FILE = Bilingual("the same file as", "是同一个文件")
MIRRORED = Bilingual("mirrored copy of", "互为镜像")
COPY = Bilingual("copy of", "是同一张图片")


def find_conflicts(inspection: Inspection) -> List[Finding]:
    """Images that are in two classes."""
    harm = Bilingual("two classes claim it, one of them is wrong", "它同时在两个类别里，其中一个是错的")
    return [_finding("conflict", inspection, pair, harm) for pair in _pairs(inspection, "conflict")]


def find_leaks(inspection: Inspection) -> List[Finding]:
    """Images that are in two of train, val and test."""
    findings = []
    for pair in _pairs(inspection, "leak"):
        first, second = sorted((inspection.photos[index].split for index in pair[:2]), key=SPLITS.index)
        harm = Bilingual(
            f"it is in {first} and in {second}, so the {USES[second]} result promises too much",
            f"它既在{USES_ZH[first]}集又在{USES_ZH[second]}集中，{USES_ZH[second]}结果会偏高",
        )
        findings.append(_finding("leak", inspection, pair, harm))
    return findings


def find_copies(inspection: Inspection) -> List[Finding]:
    """All other copies."""
    harm = Bilingual("one of them is enough", "留一份就够了")
    return [_finding("copy", inspection, pair, harm) for pair in _pairs(inspection, "copy")]


def find_dropped(inspection: Inspection) -> List[Finding]:
    """A finding for each photo that --leaks drop has left out, with the photo that it is a copy of."""
    photos, pairs = inspection.photos, inspection.pairs
    gone, groups = {photo.name for photo in inspection.dropped()}, copy_groups(len(photos), pairs)
    members = _members(groups)
    relations: Dict[Tuple[int, int], Bilingual] = {(pair.first, pair.second): _relation(pair) for pair in pairs}
    findings = []
    for index, photo in enumerate(photos):
        if photo.name not in gone:
            continue
        others = [other for other in members[groups[index]] if other != index]
        # A photo of another class, or else the one that is kept: its own copies, or else copies of its copies.
        classes = [other for other in others if photos[other].label != photo.label]
        reasons = classes or [other for other in others if photos[other].name not in gone]
        other = min(reasons, key=lambda other: (_sorted(index, other) not in relations, other))
        same = photo.sha256 and photo.sha256 == photos[other].sha256  # not every two of several equal files are a pair
        relation = SAME_FILE if same else relations.get(_sorted(index, other), COPY)
        name, split = photos[other].name, photo.split
        english = f"left out of {USES[split]}: {relation} {name}" + (", which is in another class" if classes else "")
        chinese = f"已从{USES_ZH[split]}中排除：与 {name} {relation.zh}" + ("，而类别不同" if classes else "")
        findings.append(Finding("dropped", photo.name, Bilingual(english, chinese), name))
    return findings


def kind_of_pair(photos: Sequence[Photo], pair: Pair) -> str:
    """The kind of finding: "conflict" (in two classes), "leak" (in two of train, val and test) or "copy" (any other)."""
    first, second = photos[pair.first], photos[pair.second]
    if first.label != second.label:
        return "conflict"
    return "leak" if first.split != second.split else "copy"


def without_leaks(photos: Sequence[Photo], groups: np.ndarray) -> List[int]:
    """Sorted indices of the photos to keep: all but images that are in two classes, and those with a copy in a later split.

    groups: i64 [N] (`copy_search.copy_groups`)."""
    kept = []
    for same in _members(groups).values():
        last = max((photos[index].split for index in same), key=SPLITS.index)
        if len({photos[index].label for index in same}) == 1:
            kept += [index for index in same if photos[index].split == last]
    return sorted(kept)


def is_mirrored(finding: Finding) -> bool:
    """Whether a finding is about a picture and its mirror image."""
    return finding.text.startswith(MIRRORED)


def _members(groups: np.ndarray) -> Dict[int, List[int]]:
    """Of each group, the indices of its photos, in their order."""
    members: Dict[int, List[int]] = {}
    for index, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(index)
    return members


def _sorted(first: int, second: int) -> Tuple[int, int]:
    return min(first, second), max(first, second)


def _pairs(inspection: Inspection, kind: str) -> List[Pair]:
    """The pairs of that kind, both of which are used."""
    gone = {photo.name for photo in inspection.dropped()}
    return [
        pair
        for pair in inspection.pairs
        if kind_of_pair(inspection.photos, pair) == kind
        and not gone & {inspection.photos[index].name for index in pair[:2]}
    ]


def _relation(pair: Pair) -> Bilingual:
    return SAME_FILE if pair.exact else MIRRORED if pair.mirrored else COPY


def _finding(kind: str, inspection: Inspection, pair: Pair, harm: Bilingual) -> Finding:
    """Under the name of the pair's second photo."""
    first, second = (inspection.photos[index].name for index in pair[:2])
    relation = _relation(pair)
    text = Bilingual(f"{relation} {first}: {harm}", f"与 {first} {relation.zh}：{harm.zh}")
    return Finding(kind, second, text, first)
