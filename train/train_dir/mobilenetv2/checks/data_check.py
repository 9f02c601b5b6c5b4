"""Reads and checks all photos before training, and reports all problems of the data set at once, by file name."""

import hashlib
import logging
from dataclasses import replace
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from ..data.cache import PhotoCache
from ..data.dataset import Photo, PhotoSet
from ..data.decoded import DecodedPhotos
from ..data.findings import Finding
from ..data.image import Preprocessing
from ..data.image_errors import ImageError
from ..data.image_file import read_image_file
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
    """data: the usable photos, with their SHA-256, and all findings. groups: i64 [N] of the training photos, the same for
    copies (`copy_search.copy_groups`); all different if all photos are copies of one. decoded: as many photos as fit."""

    data: PhotoSet
    groups: np.ndarray
    decoded: DecodedPhotos


def check_photos(
    data: PhotoSet, preprocessing: Preprocessing, cache: PhotoCache, workers: int, drop_leaks: bool = False
) -> Checked:
    """Read and decode all photos, and search for issues.

    workers: number of threads. drop_leaks: leave out images that are in two classes, and training photos with a copy in the
    validation set. Raises UserError if worker processes found different photos.
    """
    decoded = DecodedPhotos(preprocessing)
    # The last part is all photos. With several workers, the one before is this worker's, and only fills the cache.
    for part in distributed.shards(data.photos):
        reading = parallel_map(lambda photo: _read(photo, decoded, cache), part, workers)
        results = list(show_progress(reading, len(part), "Reading photos"))
    readable = [(photo, stats) for photo, stats, _ in results if stats]
    photos, all_stats = [photo for photo, _ in readable], [stats for _, stats in readable]
    findings = [*data.findings, *(finding for *_, finding in results if finding)]
    pairs = copy_search.find_pairs(photos, [stats.thumbnail for stats in all_stats])
    groups, kept = copy_search.copy_groups(len(photos), pairs), list(range(len(photos)))
    if drop_leaks:
        kept = _without_leaks(photos, groups)
    used = replace(data, photos=tuple(photos[index] for index in kept))
    findings += find_issues(Inspection(used, [all_stats[index] for index in kept], tuple(photos), pairs))
    distributed.require_equal(
        np.frombuffer(bytes.fromhex(used.fingerprint()), np.uint8).astype(np.float32),
        "the workers found different photos; give all of them the same folder, in which nothing changes",
    )
    trained = groups[kept][[photo.split == "train" for photo in used.photos]]
    if len(np.unique(trained)) == 1:  # a single group cannot be split into folds
        trained = np.arange(len(trained))
    return Checked(replace(used, findings=tuple(findings)), trained, decoded)


def act_on_findings(findings: Sequence[Finding], **options: str) -> None:
    """Log the findings that do not stop the run. Raises a UserError that lists all those that do.

    options: values of the settings in issues.OPTIONS, which decide whether a finding stops the run."""
    stops, advices = [], set()
    for finding in findings:
        issue = ISSUES[finding.kind]
        setting = options.get(issue.option, "stop")
        if issue.severity == "error" and setting == "stop":
            stops.append(f"{finding.name}: {finding.text}")
            advices |= {OPTIONS[issue.option].advice} if issue.option else set()
        else:
            level = logging.INFO if issue.severity == "note" else logging.WARNING
            handled = OPTIONS[issue.option].handled.get(setting, "") if issue.option else ""
            log.log(level, "%s: %s%s", finding.name, finding.text, handled)
    if stops:
        advice = f"; or leave out {' and '.join(sorted(advices, reverse=True))}" if advices else ""
        problems = f"{len(stops)} problem{'s' * (len(stops) > 1)}"
        raise UserError("\n  ".join([f"the data set has {problems}; mend them{advice}:", *stops]))


def _without_leaks(photos: List[Photo], groups: np.ndarray) -> List[int]:
    """Sorted indices of the photos to keep: all but images that are in two classes, and training photos with a copy in the
    validation set."""
    members = [np.flatnonzero(groups == group).tolist() for group in np.unique(groups)]
    kept = []
    for group in members:
        in_validation = any(photos[index].split == "val" for index in group)
        if len({photos[index].label for index in group}) == 1:
            kept += [index for index in group if photos[index].split == "val" or not in_validation]
    return sorted(kept)


def _read(
    photo: Photo, decoded: DecodedPhotos, cache: PhotoCache
) -> Tuple[Photo, Optional[ImageStats], Optional[Finding]]:
    """Read a photo: returns it with its SHA-256, its statistics, and a finding or None.

    If it cannot be read: the photo as it was, None, and the finding that says why."""
    try:
        data = read_image_file(photo.file)
        digest = hashlib.sha256(data).hexdigest()
        stats = cached_stats(data, digest, decoded, cache)
    except ImageError as error:
        return photo, None, Finding("bad", photo.name, error.message)
    finding = None
    if Image.registered_extensions().get(photo.file.suffix.lower()) != stats.format:
        text = Bilingual(
            f"a {stats.format} picture in spite of its name, used as such",
            f"文件名不符，实际是 {stats.format} 图片，照常使用",
        )
        finding = Finding("note", photo.name, text)
    return replace(photo, sha256=digest), stats, finding
