"""Every photo is read before epoch 1, and everything wrong with the data set is said in one report, by file name."""

import hashlib
import logging
from dataclasses import replace
from typing import List, Optional, Tuple

from PIL import Image

from . import pixels
from .cache import PhotoCache, source
from .errors import UserError
from .folder import Finding, Photo, PhotoSet
from .progress import parallel, progress

log = logging.getLogger(__name__)
LEAST = {"train": 2, "val": 1}  # photos per class


def check(data: PhotoSet, size: int, cache: PhotoCache, workers: int, bad_files: str) -> PhotoSet:
    """Read all photos, for an input of size x size; returns those that can be used, with the SHA-256 of their bytes.

    Logs every finding. Raises UserError that lists all of them where one is an error, or bad and `bad_files` is "stop".
    """
    results = progress(
        parallel(lambda photo: _read(photo, size, cache), data.photos, workers), len(data.photos), "Reading photos"
    )
    photos: List[Photo] = []
    findings = list(data.findings)
    for photo, finding in results:
        findings += [finding] if finding else []
        photos += [photo] if photo.sha256 else []
    data = replace(data, photos=tuple(photos))
    findings += _too_few(data)
    stops = [
        finding for finding in findings if finding.kind == "error" or (finding.kind == "bad" and bad_files == "stop")
    ]
    for finding in findings:
        if finding not in stops:
            log.warning("%s: %s%s", finding.name, finding.text, "; left out" if finding.kind == "bad" else "")
    if stops:
        advice = (
            "; or leave out what cannot be read with --bad_files skip"
            if any(finding.kind == "bad" for finding in stops)
            else ""
        )
        lines = [f"{finding.name}: {finding.text}" for finding in stops]
        raise UserError(
            "\n  ".join([f"the data set has {len(stops)} problem{'s' * (len(stops) > 1)}; mend them{advice}:", *lines])
        )
    return replace(data, findings=tuple(findings))


def _read(photo: Photo, size: int, cache: PhotoCache) -> Tuple[Photo, Optional[Finding]]:
    """The photo with its SHA-256, or without where it cannot be read; and what there is to say about it."""
    try:
        data = photo.file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        key = {"kind": "format", "photo": digest, "size": size, "pillow": Image.__version__, "code": source(pixels)}
        known = cache.get(key)
        if known is None:
            pixels.decode(data, size)
            known = pixels.header(data).format.encode()
            cache.put(key, known)
    except OSError as error:
        return photo, Finding("bad", photo.name, f"cannot be read ({error.strerror})")
    except UserError as error:
        return photo, Finding("bad", photo.name, str(error))
    named, actual = Image.registered_extensions().get(photo.file.suffix.lower()), known.decode()
    finding = (
        Finding("note", photo.name, f"a {actual} picture in spite of its name, used as such")
        if named != actual
        else None
    )
    return replace(photo, sha256=digest), finding


def _too_few(data: PhotoSet) -> List[Finding]:
    findings = []
    if len(data.classes) < 2:
        names = ", ".join(data.classes) or "none"
        findings.append(
            Finding(
                "error", "class folders", f"found {names}; two or more are needed, each with the photos of one class"
            )
        )
    said = {finding.name for finding in data.findings}
    whole = all(photo.name.startswith("train/") == (photo.split == "train") for photo in data.photos)  # not split by us
    for split, least in LEAST.items():
        for class_, count in data.counts(split).items():
            name = f"{split}/{class_}" if whole else class_
            if count < least and name not in said:
                said.add(name)
                photos = f"{count or 'no'} readable photo{'s' * (count != 1)}" + ("" if whole else f" for {split}")
                findings.append(Finding("error", name, f"{photos}, at least {least} needed"))
    return findings
