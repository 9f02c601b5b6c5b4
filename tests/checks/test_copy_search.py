"""Copies are found, whatever became of them, and nothing else is taken for one."""

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from conftest import SHARED, needs_shared
from inspected import window
from PIL import Image, ImageOps

from mobilenetv2.checks.copy_search import Pair, copy_groups, find_near_duplicates, find_pairs
from mobilenetv2.data import image_stats
from mobilenetv2.data.dataset import Photo
from mobilenetv2.data.image import decode
from mobilenetv2.evaluation import metrics

COPIES = {
    "q40": lambda image, random: (image, 40),
    "half": lambda image, random: (halved(image), 90),
    "mirrored": lambda image, random: (ImageOps.mirror(image), 90),
    "mirrored, q60": lambda image, random: (ImageOps.mirror(image), 60),
    "90 %, half": lambda image, random: (halved(window(image, *random.random(2), side=0.9)), 90),
    "centre": lambda image, random: (window(image, 0.5, 0.5), 90),
    "corner": lambda image, random: (window(image, *random.integers(0, 2, 2)), 90),
    "anywhere": lambda image, random: (window(image, *random.random(2)), 90),
    "all at once": lambda image, random: (ImageOps.mirror(window(image, *random.random(2))).resize((120, 110)), 60),
    "square": lambda image, random: (ImageOps.fit(image, 2 * (min(image.size),)), 90),
}


def halved(image):
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)


def encoded(image, quality=90):
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def thumbnail(data):
    return image_stats.measure_image(data, decode(data, 224)).thumbnail


def test_flat_pictures_are_copies_of_nothing():
    flat = np.zeros((5, 64, 64, 3), np.uint8) + np.arange(5, dtype=np.uint8)[:, None, None, None] * 40
    assert find_near_duplicates(flat) == [] and find_near_duplicates(flat[:0]) == []


def test_groups_through_third_ones():
    pairs = [Pair(first, second, True, False, 1.0) for first, second in ((4, 6), (0, 6), (2, 3))]
    assert copy_groups(7, pairs).tolist() == [0, 1, 2, 2, 0, 5, 0]


def test_mirror_images_are_searched_only_if_they_count(drawings):
    files = sorted(drawings.glob("val/*/*.jpg"))
    images = [decode(file.read_bytes(), 224) for file in files]
    photos, thumbnails = [], []
    for make in (lambda image: image, ImageOps.mirror, halved):
        for data in [encoded(make(image)) for image in images]:
            photos.append(Photo(Path("x.jpg"), "x.jpg", 0, "train", hashlib.sha256(data).hexdigest()))
            thumbnails.append(thumbnail(data))
    photos.append(photos[0])  # the same bytes
    thumbnails.append(thumbnails[0])
    count, same = len(files), Pair(0, len(photos) - 1, True, False, 1.0)
    pairs = find_pairs(photos, thumbnails, mirrored=False)
    assert [pair for pair in pairs if pair.exact] == [same]
    assert [pair[:4] for pair in pairs if not pair.exact] == [(n, n + 2 * count, False, False) for n in range(count)]
    found = {pair[:4] for pair in find_pairs(photos, thumbnails)}
    reversed_ = {(n, n + count, False, True) for n in range(count)} | {
        (n + count, n + 2 * count, False, True) for n in range(count)
    }
    assert found == {pair[:4] for pair in pairs} | reversed_


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_drawings(drawings, kind):
    recall, wrong = copied([*sorted(drawings.glob("train/*/*.jpg"))], kind)
    assert recall >= 0.95 and not wrong


@needs_shared
@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_real_photos(kind):
    recall, wrong = copied(sorted((SHARED / "photos").glob("*/*/*.jpg"))[::4], kind)
    assert recall >= 0.95 and not wrong


@pytest.mark.parametrize("kind", COPIES)
def test_copies_do_not_depend_on_how_many_photos_are_taken_at_a_time(kind, drawings, monkeypatch):
    # One copy of each: among more copies than candidates, the last digit of a sum would choose.
    files = sorted(drawings.glob("train/*/*.jpg"))[::8]
    found = []
    for rows in (512, 7):
        monkeypatch.setattr(metrics, "ROWS", rows)
        found.append(copied(files, kind))
    assert found[0] == found[1] and found[0][0] >= 0.95


def copied(files, kind):
    """Share of the files whose copy is found, and pairs of different pictures that are taken for copies."""
    random = np.random.default_rng(0)
    thumbnails = []
    images = [decode(file.read_bytes(), 224) for file in files]
    for make in (lambda image, random: (image, 95), COPIES[kind]):
        copies = [encoded(*make(image, random)) for image in images]
        thumbnails += [thumbnail(data) for data in copies]
    pairs = find_near_duplicates(thumbnails)
    right = [pair for pair in pairs if pair.second == pair.first + len(files)]
    wrong = [(files[pair.first % len(files)].name, files[pair.second % len(files)].name) for pair in pairs]
    return len(right) / len(files), [pair for pair in wrong if pair[0] != pair[1]]


def test_pictures_that_have_nothing_in_common():
    # Some look alike from afar, none from near.
    noise = np.random.default_rng(0).integers(0, 256, (700, 64, 64, 3), np.uint8)
    assert find_near_duplicates(noise) == []
