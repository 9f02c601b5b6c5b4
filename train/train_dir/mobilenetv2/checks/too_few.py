"""Too few classes, or too few photos of a class."""

from collections import Counter
from typing import List

from ..data.dataset import LEARNED, PhotoSet
from ..data.findings import Finding
from ..runtime.i18n import Bilingual
from .inspection import Inspection

LEAST = 1  # photos per class for training, and in a folder of validation photos


def find_too_few(inspection: Inspection) -> List[Finding]:
    """Classes without photos for training or validation, and fewer than two classes."""
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
    for split in ("train", "val") if data.presplit else ("train",):
        for class_, count in data.counts(split).items():
            name = data.layout.place(split, class_)
            if count < LEAST and name not in reported:
                reported.add(name)
                english = f"no readable photos, at least {LEAST} needed"
                chinese = f"没有可读的照片，至少需要 {LEAST} 张"
                gone = dropped[split, class_]
                if gone:  # else the folder, full of photos, would seem to prove it wrong
                    english += f"; {gone} more {'was' if gone == 1 else 'were'} left out as copies"
                    chinese += f"；另有 {gone} 张作为副本被排除"
                findings.append(Finding("error", name, Bilingual(english, chinese)))
    return findings


def find_untested(data: PhotoSet) -> List[Finding]:
    """Classes of a single picture, without a folder of validation photos: nothing is left to test them with."""
    tested, findings = data.counts("val"), []
    for class_, count in data.counts("train").items():
        if data.presplit or not count or (tested[class_] and data.validation != LEARNED):
            continue
        several = "" if count == 1 else f"{count} photos that show the same picture"
        english = f"{several or '1 photo'}: the class is learned, but nothing tells how well; add photos"
        chinese = (
            f"{f'{count} 张照片是同一张图片' if several else '只有 1 张照片'}：可以学习，但无法检验效果；请增加照片"
        )
        findings.append(Finding("few", data.layout.place("train", class_), Bilingual(english, chinese)))
    return findings
