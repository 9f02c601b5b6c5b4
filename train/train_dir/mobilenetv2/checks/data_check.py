"""Every photo is read before epoch 1, and all that is wrong with the data set is said at once, by file name."""

import hashlib
import logging
from dataclasses import replace
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from ..data.cache import PhotoCache
from ..data.dataset import Finding, Photo, PhotoSet
from ..data.decoded import DecodedPhotos
from ..data.image import Preprocessing
from ..data.image_errors import ImageError
from ..data.image_stats import ImageStats, cached_stats
from ..runtime import distributed
from ..runtime.errors import UserError
from ..runtime.i18n import Bilingual
from ..runtime.progress import parallel_map, show_progress
from . import copy_search
from .inspection import Inspection
from .issues import ISSUES, OPTIONS, find_issues

log = logging.getLogger(__name__)


class Checked(NamedTuple):
    """data: the photos that can be used, with the SHA-256 of their bytes, and all findings. groups: i64 [N], of the training
    photos: copies have one number (copy_search.groups), but where all are copies of one picture. decoded: some of the
    photos."""

    data: PhotoSet
    groups: np.ndarray
    decoded: DecodedPhotos


def check_photos(
    data: PhotoSet, preprocessing: Preprocessing, cache: PhotoCache, workers: int, drop_leaks: bool = False
) -> Checked:
    """Read all photos, as the network will see them, and look for whatever could spoil the result.

    drop_leaks: leave out pictures that are in two classes, and training photos of which a copy is in validation.
    """
    decoded = DecodedPhotos(preprocessing)
    for share in distributed.shards(data.photos):
        reading = parallel_map(lambda photo: _read(photo, decoded, cache), share, workers)
        results = list(show_progress(reading, len(share), "Reading photos"))
    photos, stats = [photo for photo, look, _ in results if look], [look for _, look, _ in results if look]
    findings = [*data.findings, *(finding for *_, finding in results if finding)]
    pairs = copy_search.find_pairs(photos, [look.thumbnail for look in stats])
    groups, kept = copy_search.copy_groups(len(photos), pairs), list(range(len(photos)))
    if drop_leaks:
        kept = _without_leaks(photos, groups)
    used = replace(data, photos=tuple(photos[index] for index in kept))
    findings += find_issues(Inspection(used, [stats[index] for index in kept], tuple(photos), pairs))
    distributed.require_equal(
        np.frombuffer(bytes.fromhex(used.fingerprint()), np.uint8).astype(np.float32),
        "the workers found different photos; give all of them the same folder, in which nothing changes",
    )
    trained = groups[kept][[photo.split == "train" for photo in used.photos]]
    if len(np.unique(trained)) == 1:  # folds could not keep such copies together
        trained = np.arange(len(trained))
    return Checked(replace(used, findings=tuple(findings)), trained, decoded)


def act_on_findings(findings: Sequence[Finding], **options: str) -> None:
    """Log what does not stop the run. options: the values of the settings that decide about it (issues.OPTIONS).

    Raises UserError that lists everything that stops it."""
    stops, ways = [], set()
    for finding in findings:
        issue = ISSUES[finding.kind]
        chosen = options.get(issue.option, "stop")
        if issue.severity == "error" and chosen == "stop":
            stops.append(f"{finding.name}: {finding.text}")
            ways |= {OPTIONS[issue.option].advice} if issue.option else set()
        else:
            level = logging.INFO if issue.severity == "note" else logging.WARNING
            handled = OPTIONS[issue.option].handled.get(chosen, "") if issue.option else ""
            log.log(level, "%s: %s%s", finding.name, finding.text, handled)
    if stops:
        advice = f"; or leave out {' and '.join(sorted(ways, reverse=True))}" if ways else ""
        problems = f"{len(stops)} problem{'s' * (len(stops) > 1)}"
        raise UserError("\n  ".join([f"the data set has {problems}; mend them{advice}:", *stops]))


def _without_leaks(photos: List[Photo], groups: np.ndarray) -> List[int]:
    """Indices of all photos but the training photos of which a copy is in validation, and all copies of a picture that is in
    two classes."""
    members = [np.flatnonzero(groups == group).tolist() for group in np.unique(groups)]
    kept = []
    for group in members:
        validated = any(photos[index].split == "val" for index in group)
        if len({photos[index].label for index in group}) == 1:
            kept += [index for index in group if photos[index].split == "val" or not validated]
    return sorted(kept)


def _read(
    photo: Photo, decoded: DecodedPhotos, cache: PhotoCache
) -> Tuple[Photo, Optional[ImageStats], Optional[Finding]]:
    """The photo with its SHA-256 and a look at it, or without where it cannot be read; and what there is to say about it."""
    try:
        data = photo.file.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        look = cached_stats(data, digest, decoded, cache)
    except OSError as error:
        return photo, None, Finding("bad", photo.name, ImageError("unreadable", reason=error.strerror).message)
    except ImageError as error:
        return photo, None, Finding("bad", photo.name, error.message)
    finding = None
    if Image.registered_extensions().get(photo.file.suffix.lower()) != look.format:
        text = Bilingual(
            f"a {look.format} picture in spite of its name, used as such",
            f"文件名不符，实际是 {look.format} 图片，照常使用",
        )
        finding = Finding("note", photo.name, text)
    return replace(photo, sha256=digest), look, finding
