"""Reads and checks all photos before training, and reports all problems of the data set at once, by file name."""

import hashlib
import logging
from collections import Counter
from dataclasses import replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from PIL import Image

from ..data.cache import PhotoCache
from ..data.dataset import SHARE, Photo, PhotoSet, photo_order
from ..data.decoded import DecodedPhotos
from ..data.findings import Finding
from ..data.image import Preprocessing
from ..data.image_errors import ImageError
from ..data.image_file import read_image_file
from ..data.image_stats import ImageStats, cached_stats
from ..data.split import choose_validation, split_photos, validate_learned
from ..data.thumbnail_store import ThumbnailStore
from ..runtime import distributed
from ..runtime.errors import UserError
from ..runtime.i18n import Bilingual
from ..runtime.progress import parallel_map, show_progress
from .copy_search import Pair, copy_groups, find_pairs
from .duplicates import is_mirrored, without_leaks
from .inspection import Inspection
from .issues import ISSUES, OPTIONS, find_issues, first_of_each
from .mirrored_classes import describe_copies, find_mirrored_classes
from .too_few import find_untested

log = logging.getLogger(__name__)
NO_THUMBNAIL = np.empty((0, 0, 3), np.uint8)  # in place of those that are in a ThumbnailStore
LOGGED, LISTED = 3, 50  # findings of each kind that the log shows, and problems that the error shows


Read = Tuple[Photo, Optional[ImageStats], Optional[Finding]]


class Checked(NamedTuple):
    """data: the usable photos, split, with their SHA-256, and all findings. groups: i64 [N] of the training photos, the same
    for copies (`copy_search.copy_groups`); all different if all photos are copies of one. decoded: as many photos as fit.
    mirror: whether a mirrored copy is a copy."""

    data: PhotoSet
    groups: np.ndarray
    decoded: DecodedPhotos
    mirror: bool


def check_photos(
    data: PhotoSet,
    preprocessing: Preprocessing,
    cache: PhotoCache,
    workers: int,
    drop_leaks: bool = False,
    mirror: str = "auto",
    seed: int = 0,
    in_turn: bool = False,
) -> Checked:
    """Read and decode all photos, search for issues, and split a data set that came without validation photos.

    workers: number of threads. drop_leaks: leave out images that are in two classes, and photos with a copy in a later one of
    train, val and test. mirror: whether a mirrored copy is a copy, "yes" or "no"; "auto": unless mirror images of one class
    are, as a rule, in another. seed: of the split. in_turn: as in `choose_validation`. Raises UserError if worker processes found
    different photos.
    """
    decoded = DecodedPhotos(preprocessing)
    # The last part is all photos. With several workers, the one before is this worker's, and only fills the cache.
    for part in distributed.shards(data.photos):
        reading = parallel_map(lambda photo: _read(photo, decoded, cache), part, workers)
        photos, all_stats, findings = [], [], list(data.findings)  # type: List[Photo], List[ImageStats], List[Finding]
        thumbnails = ThumbnailStore(len(part), cache)
        for photo, stats, finding in show_progress(reading, len(part), "Reading photos"):
            findings += [finding] if finding else []
            if stats:
                photos.append(photo)
                thumbnails.append(stats.thumbnail)
                all_stats.append(stats._replace(thumbnail=NO_THUMBNAIL))
    pairs, mirrored, mirror_findings = _find_copies(data.classes, photos, thumbnails, mirror)
    del thumbnails
    findings += mirror_findings
    groups = copy_groups(len(photos), pairs)
    kept = without_leaks(photos, groups) if drop_leaks else list(range(len(photos)))
    if not data.presplit:
        data = replace(data, validation=choose_validation([photos[index] for index in kept], groups[kept], in_turn))
    if data.validation == SHARE:
        photos, all_stats, pairs = _split(photos, all_stats, pairs, groups, kept, seed)
        groups = copy_groups(len(photos), pairs)
        kept = without_leaks(photos, groups) if drop_leaks else list(range(len(photos)))
    used = replace(data, photos=tuple(photos[index] for index in kept))
    findings += find_issues(Inspection(used, [all_stats[index] for index in kept], tuple(photos), pairs))
    distributed.require_equal(
        np.frombuffer(bytes.fromhex(used.fingerprint()), np.uint8).astype(np.float32),
        "the workers found different photos; give all of them the same folder, in which nothing changes",
    )
    trained = groups[kept][[photo.split == "train" for photo in used.photos]]
    if len(np.unique(trained)) == 1:  # a single group cannot be split into folds
        trained = np.arange(len(trained))
    used = replace(used, photos=(*used.photos, *validate_learned(used.photos, groups[kept], data.validation)))
    return Checked(replace(used, findings=(*findings, *find_untested(used))), trained, decoded, mirrored)


def _find_copies(
    classes: Sequence[str], photos: Sequence[Photo], thumbnails: Sequence[np.ndarray], mirror: str
) -> Tuple[List[Pair], bool, List[Finding]]:
    """The pairs of copies, whether mirrored ones are among them, and findings about this. mirror: as in `check_photos`."""
    pairs = find_pairs(photos, thumbnails, mirrored=mirror != "no")
    found = find_mirrored_classes(photos, pairs) if mirror == "auto" else []
    if found:
        pairs = find_pairs(photos, thumbnails, mirrored=False)
    return pairs, mirror != "no" and not found, describe_copies(classes, found)


def _split(
    photos: Sequence[Photo],
    all_stats: Sequence[ImageStats],
    pairs: Sequence[Pair],
    groups: np.ndarray,
    kept: Sequence[int],
    seed: int,
) -> Tuple[List[Photo], List[ImageStats], List[Pair]]:
    """The photos with a validation set of their own, sorted anew; statistics and pairs in the same order.

    groups: i64 [N] (`copy_groups`). kept: indices of the photos that --leaks drop does not leave out; others do not count."""
    chosen = list(photos)
    for index, photo in zip(kept, split_photos([photos[index] for index in kept], groups[kept], seed)):
        chosen[index] = photo
    order = sorted(range(len(chosen)), key=lambda index: photo_order(chosen[index]))
    place = np.argsort(order)
    moved = [sorted((int(place[pair.first]), int(place[pair.second]))) for pair in pairs]
    pairs = sorted(pair._replace(first=first, second=second) for pair, (first, second) in zip(pairs, moved))
    return [chosen[index] for index in order], [all_stats[index] for index in order], pairs


def act_on_findings(findings: Sequence[Finding], wait: bool = False, **options: str) -> None:
    """Log the findings that do not stop the run. Raises a UserError that lists all those that do.

    wait: if all that stop it are about mirrored copies, do not raise yet: the network will say whether these are copies.
    options: values of the settings in issues.OPTIONS, which decide whether a finding stops the run."""
    stops: List[Finding] = []
    others: Dict[str, List[Finding]] = {}
    for finding in findings:
        issue = ISSUES[finding.kind]
        if issue.severity == "error" and options.get(issue.option, "stop") == "stop":
            stops.append(finding)
        else:
            others.setdefault(finding.kind, []).append(finding)
    for kind, found in others.items():
        level, label = logging.INFO if ISSUES[kind].severity == "note" else logging.WARNING, ISSUES[kind].label[0]
        lines = [str(finding) for finding in found[:LOGGED]]
        if len(found) > LOGGED:
            words = f"Found {len(found):,} times: {label}. All are in check.json; the first {LOGGED}:"
            lines = ["\n  ".join([words, *lines])]
        for line in lines:
            log.log(level, "%s", line)
    mirrored = [is_mirrored(finding) for finding in stops]
    if stops and not (wait and all(mirrored)):
        known = {ISSUES[finding.kind].option for finding in stops} | ({"mirror"} if any(mirrored) else set())
        advice = "; or ".join(
            [
                f"mend {'them' if len(stops) > 1 else 'it'}",
                *(option.advice for name, option in OPTIONS.items() if name in known),
            ]
        )
        problems = f"{len(stops):,} problem{'s' * (len(stops) > 1)}"
        raise UserError("\n  ".join([f"the data set has {problems}; {advice}:", *_lines_by_kind(stops, LISTED)]))


def _lines_by_kind(findings: Sequence[Finding], most: int) -> List[str]:
    """A line for each finding; of more than `most`, for the first ones of each kind, and one that counts the others."""
    if len(findings) <= most:
        return [str(finding) for finding in findings]
    counts = Counter(finding.kind for finding in findings)
    shown, lines = first_of_each(counts, most), []
    for kind, count in counts.items():
        own = [finding for finding in findings if finding.kind == kind]
        lines += [str(finding) for finding in own[: shown[kind]]]
        if count > shown[kind]:
            lines.append(f"... and {count - shown[kind]:,} more ({ISSUES[kind].label[0]}), listed in check.json")
    return lines


def _read(photo: Photo, decoded: DecodedPhotos, cache: PhotoCache) -> Read:
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
