"""Too few classes, or too few photos of one."""

from typing import List

from ..data.dataset import Finding
from ..runtime.i18n import Bilingual
from .inspection import Inspection

LEAST = {"train": 2, "val": 1}  # photos per class


def find_too_few(inspection: Inspection) -> List[Finding]:
    """Data that no classifier can be trained or validated with."""
    data, findings = inspection.data, []
    if len(data.classes) < 2:
        names = ", ".join(data.classes)
        text = Bilingual(
            f"found {names or 'none'}; two or more are needed, each with the photos of one class",
            f"只有 {names or '零个'}；需要两个以上的类别文件夹，每个放一类照片",
        )
        findings.append(Finding("error", "class folders", text))
    said = {finding.name for finding in data.findings}
    whole = all(photo.name.startswith("train/") == (photo.split != "val") for photo in data.photos)  # not split by us
    for split, least in LEAST.items():
        for class_, count in data.counts(split).items():
            name = f"{split}/{class_}" if whole else class_
            if count < least and name not in said:
                said.add(name)
                photos = f"{count or 'no'} readable photo{'s' * (count != 1)}" + ("" if whole else f" for {split}")
                chinese = f"{'' if whole else split + ' '}只有 {count} 张可读的照片，至少需要 {least} 张"
                findings.append(Finding("error", name, Bilingual(f"{photos}, at least {least} needed", chinese)))
    return findings
