"""Class imbalance."""

from typing import List

from ..data.findings import Finding
from ..evaluation.prior import IMBALANCE
from ..runtime.i18n import Bilingual
from .inspection import Inspection


def find_imbalance(inspection: Inspection) -> List[Finding]:
    """Classes with at most 1 / IMBALANCE as many training photos as the largest."""
    counts = inspection.data.counts("train")
    largest = max(counts, key=lambda class_: counts[class_])
    return [
        Finding(
            "imbalance",
            class_,
            Bilingual(
                f"{count} training photo{'s' * (count != 1)}, {largest} has {counts[largest]}: it may be answered too rarely",
                f"{count} 张训练照片，{largest} 有 {counts[largest]} 张：这一类可能回答得太少",
            ),
        )
        for class_, count in counts.items()
        if 0 < count * IMBALANCE <= counts[largest]
    ]
