"""Findings about copies: in two classes, in train and val, and all others."""

from typing import List, Sequence

from ..data.dataset import Photo
from ..data.findings import Finding
from ..runtime.i18n import Bilingual
from .copy_search import Pair
from .inspection import Inspection


def find_conflicts(inspection: Inspection) -> List[Finding]:
    """Images that are in two classes."""
    return _find(
        inspection,
        "conflict",
        Bilingual("two classes claim it, one of them is wrong", "它同时在两个类别里，其中一个是错的"),
    )


def find_leaks(inspection: Inspection) -> List[Finding]:
    """Images that are in train and in val."""
    harm = Bilingual(
        "it is in train and in val, so the validation result promises too much",
        "它既在训练集又在验证集中，验证结果会偏高",
    )
    return _find(inspection, "leak", harm)


def find_copies(inspection: Inspection) -> List[Finding]:
    """All other copies."""
    return _find(inspection, "copy", Bilingual("one of them is enough", "留一份就够了"))


def kind_of_pair(photos: Sequence[Photo], pair: Pair) -> str:
    """The kind of finding: "conflict" (in two classes), "leak" (in train and in val) or "copy" (any other)."""
    first, second = photos[pair.first], photos[pair.second]
    if first.label != second.label:
        return "conflict"
    return "leak" if first.split != second.split else "copy"


def _find(inspection: Inspection, kind: str, harm: Bilingual) -> List[Finding]:
    """A finding for each pair of that kind, under the name of its second photo."""
    findings = []
    for pair in inspection.pairs:
        if kind_of_pair(inspection.photos, pair) == kind:
            relation = Bilingual("copy of", "是同一张图片")
            if pair.exact:
                relation = Bilingual("the same file as", "是同一个文件")
            elif pair.mirrored:
                relation = Bilingual("mirrored copy of", "互为镜像")
            name = inspection.photos[pair.first].name
            text = Bilingual(f"{relation} {name}: {harm}", f"与 {name} {relation.zh}：{harm.zh}")
            findings.append(Finding(kind, inspection.photos[pair.second].name, text, name))
    return findings
