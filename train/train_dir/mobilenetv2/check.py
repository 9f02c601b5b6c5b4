"""Every photo is read before epoch 1, and all that is wrong with the data set is said at once, by file name."""

import hashlib
import logging
from dataclasses import replace
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from . import distributed, duplicates, quality
from .cache import PhotoCache
from .decoded import Decoded
from .duplicates import Pair
from .errors import UserError
from .folder import Finding, Photo, PhotoSet
from .glance import Glance, cached_look
from .pixels import PictureError, Preprocessing
from .progress import parallel, progress
from .settings import Settings
from .words import PROBLEMS_ZH, Words

log = logging.getLogger(__name__)
LEAST = {"train": 2, "val": 1}  # photos per class


class Checked(NamedTuple):
    """data: the photos that can be used, with the SHA-256 of their bytes, and all findings. groups: i64 [N], copies of one
    another have one number (duplicates.groups). decoded: some of the photos."""

    data: PhotoSet
    groups: np.ndarray
    decoded: Decoded


def check(data: PhotoSet, preprocessing: Preprocessing, cache: PhotoCache, settings: Settings) -> Checked:
    """Read all photos, as the network will see them, and look for whatever could spoil the result."""
    decoded = Decoded(preprocessing)
    for share in distributed.shares(data.photos):
        reading = parallel(lambda photo: _read(photo, decoded, cache), share, settings.workers)
        results = list(progress(reading, len(share), "Reading photos"))
    photos, looks = [photo for photo, look, _ in results if look], [look for _, look, _ in results if look]
    findings = [*data.findings, *(finding for *_, finding in results if finding)]
    pairs = duplicates.duplicates(photos, [look.thumbnail for look in looks])
    findings += duplicates.findings(photos, pairs)
    groups = duplicates.groups(len(photos), pairs)
    if settings.leaks == "drop":
        kept = _without_leaks(photos, pairs)
        photos, looks, groups = [photos[index] for index in kept], [looks[index] for index in kept], groups[kept]
    data = replace(data, photos=tuple(photos))
    findings += _too_few(data) + quality.empty_pictures(photos, looks)
    if not any(finding.kind == "error" for finding in findings):
        trained = [look for photo, look in zip(photos, looks) if photo.split == "train"]
        findings += quality.imbalance(data)
        findings += quality.giveaway_findings(data.classes, data.labels("train"), trained)
    distributed.agree(
        np.frombuffer(bytes.fromhex(data.fingerprint()), np.uint8).astype(np.float32),
        "the workers found different photos; give all of them the same folder, in which nothing changes",
    )
    return Checked(replace(data, findings=tuple(findings)), groups, decoded)


def judge(findings: Sequence[Finding], settings: Settings) -> None:
    """Log what does not stop the run. Raises UserError that lists all that does: errors, bad files unless --bad_files=skip,
    leaks unless --leaks=drop or allow."""
    stopping = {"error": ""}
    if settings.bad_files == "stop":
        stopping["bad"] = "what cannot be read with --bad_files skip"
    if settings.leaks == "stop":
        stopping["conflict"] = stopping["leak"] = "copies with --leaks drop"
    dropped = "; left out of training" if settings.leaks == "drop" else ""
    handled = {"bad": "; left out", "conflict": dropped, "leak": dropped}
    for finding in findings:
        if finding.kind not in stopping:
            level = logging.INFO if finding.kind == "note" else logging.WARNING
            log.log(level, "%s: %s%s", finding.name, finding.text, handled.get(finding.kind, ""))
    stops = [finding for finding in findings if finding.kind in stopping]
    if stops:
        ways = sorted({stopping[finding.kind] for finding in stops} - {""})
        advice = f"; or leave out {' and '.join(reversed(ways))}" if ways else ""
        lines = [f"{finding.name}: {finding.text}" for finding in stops]
        raise UserError(
            "\n  ".join([f"the data set has {len(stops)} problem{'s' * (len(stops) > 1)}; mend them{advice}:", *lines])
        )


def _without_leaks(photos: List[Photo], pairs: List[Pair]) -> List[int]:
    """Indices of all photos but the training photos of which a copy is in validation, and all copies of a picture that is in two
    classes."""
    groups = duplicates.groups(len(photos), pairs)
    members = [np.flatnonzero(groups == group).tolist() for group in np.unique(groups)]
    kept = []
    for group in members:
        validated = any(photos[index].split == "val" for index in group)
        if len({photos[index].label for index in group}) == 1:
            kept += [index for index in group if photos[index].split == "val" or not validated]
    return sorted(kept)


def _read(photo: Photo, decoded: Decoded, cache: PhotoCache) -> Tuple[Photo, Optional[Glance], Optional[Finding]]:
    """The photo with its SHA-256 and a look at it, or without where it cannot be read; and what there is to say about it."""
    try:
        data = photo.file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        look = cached_look(data, digest, decoded, cache)
    except OSError as error:
        return (
            photo,
            None,
            Finding("bad", photo.name, Words(f"cannot be read ({error.strerror})", f"无法读取（{error.strerror}）")),
        )
    except PictureError as error:
        return photo, None, Finding("bad", photo.name, Words(str(error), PROBLEMS_ZH[error.kind]))
    finding = None
    if Image.registered_extensions().get(photo.file.suffix.lower()) != look.format:
        text = Words(
            f"a {look.format} picture in spite of its name, used as such",
            f"文件名不符，实际是 {look.format} 图片，照常使用",
        )
        finding = Finding("note", photo.name, text)
    return replace(photo, sha256=digest), look, finding


def _too_few(data: PhotoSet) -> List[Finding]:
    findings = []
    if len(data.classes) < 2:
        names = ", ".join(data.classes)
        text = Words(
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
                findings.append(Finding("error", name, Words(f"{photos}, at least {least} needed", chinese)))
    return findings
