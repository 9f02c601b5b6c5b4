"""Too few classes, or too few photos of a class."""

from collections import Counter
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
    dropped = Counter((photo.split, data.classes[photo.label]) for photo in inspection.dropped())
    counts = {split: data.counts(split) for split in LEAST}
    for split, least in LEAST.items():
        for class_, count in counts[split].items():
            name = data.layout.place(split, class_)
            if count < least and name not in reported:
                reported.add(name)
                place, place_zh = ("", "") if data.presplit else (f" for {split}", f"{split} ")
                english = f"{count or 'no'} readable photo{'s' * (count != 1)}{place}, at least {least} needed"
                chinese = f"{place_zh}只有 {count} 张可读的照片，至少需要 {least} 张"
                gone = dropped[split, class_]
                if gone:  # else the folder, full of photos, would seem to prove it wrong
                    english += f"; {gone} more {'was' if gone == 1 else 'were'} left out as copies"
                    chinese += f"；另有 {gone} 张作为副本被排除"
                elif split == "val" and not data.presplit and counts["train"][class_] > 1:
                    english += "; all that there are show the same picture"
                    chinese += "；现有的都是同一张图片"
                findings.append(Finding("error", name, Bilingual(english, chinese)))
    return findings
