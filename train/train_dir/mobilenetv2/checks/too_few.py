"""Too few classes, or too few photos of a class."""

from typing import List

from ..data.findings import Finding
from ..runtime.i18n import Bilingual
from .inspection import Inspection

LEAST = {"train": 2, "val": 1}  # minimum of photos per class


def find_too_few(inspection: Inspection) -> List[Finding]:
    """Classes without enough photos for training or validation, and fewer than two classes."""
    data, findings = inspection.data, []
    if len(data.classes) < 2:
        names = ", ".join(data.classes)
        text = Bilingual(
            f"found {names or 'none'}; two or more are needed, each with the photos of one class",
            f"只有 {names or '零个'}；需要两个以上的类别文件夹，每个放一类照片",
        )
        findings.append(Finding("error", "class folders", text))
    reported = {finding.name for finding in data.findings}
    # Whether the data set came split into train/ and val/.
    presplit = all(photo.name.startswith("train/") == (photo.split != "val") for photo in data.photos)
    for split, least in LEAST.items():
        for class_, count in data.counts(split).items():
            name = f"{split}/{class_}" if presplit else class_
            if count < least and name not in reported:
                reported.add(name)
                photos = f"{count or 'no'} readable photo{'s' * (count != 1)}" + ("" if presplit else f" for {split}")
                chinese = f"{'' if presplit else split + ' '}只有 {count} 张可读的照片，至少需要 {least} 张"
                findings.append(Finding("error", name, Bilingual(f"{photos}, at least {least} needed", chinese)))
    return findings
