"""Duplicates, empty pictures, giveaways and wrong labels: what a test plants is found by name, and a clean set says nothing."""

import hashlib
import shutil
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pytest
from conftest import SHARED, needs_shared
from PIL import Image, ImageOps

from mobilenetv2.checks import copy_search, mislabelled, shortcuts
from mobilenetv2.checks.copy_search import Pair, copy_groups, find_near_duplicates
from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.checks.inspection import Inspection
from mobilenetv2.checks.issues import find_issues
from mobilenetv2.data import dataset, image_stats
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.decoded import DecodedPhotos
from mobilenetv2.data.image import Preprocessing, decode
from mobilenetv2.data.sample import write_sample
from mobilenetv2.evaluation import metrics


class Looked(NamedTuple):
    data: dataset.PhotoSet
    looks: list

    def copies(self):
        return copy_search.find_pairs(self.data.photos, [look.thumbnail for look in self.looks])

    def giveaways(self):
        looks = [look for look, photo in zip(self.looks, self.data.photos) if photo.split == "train"]
        return shortcuts.measure_shortcuts(self.data.classes, self.data.labels("train"), looks)

    def says(self):
        """Everything, as name -> texts."""
        found = find_issues(Inspection(self.data, self.looks, self.data.photos, self.copies()))
        out = {}
        for finding in found:
            if finding.kind != "giveaway":
                out.setdefault(finding.name, []).append(finding.text)
        for giveaway in self.giveaways():
            out.setdefault(giveaway.measure, []).append(giveaway.words())
        return out


def look_at(root, cache, size=224):
    store = PhotoCache(str(cache))
    data = check_photos(dataset.scan_folder(str(root), 0), Preprocessing(size), store, workers=2).data
    none = DecodedPhotos(Preprocessing(size))
    return Looked(data, [image_stats.cached_stats(photo.read(), photo.sha256, none, store) for photo in data.photos])


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    root = tmp_path_factory.mktemp("sample")
    write_sample(root)
    return root


@pytest.fixture
def mine(sample, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(sample, tmp_path / "mine")


def window(image, x, y, side=0.8):
    """The part of `side` of both sides, at x, y (0-1) of the room that is left."""
    width, height = round(side * image.width), round(side * image.height)
    left, top = round(x * (image.width - width)), round(y * (image.height - height))
    return image.crop((left, top, left + width, top + height))


COPIES = {
    "q40": lambda image, random: (image, 40),
    "half": lambda image, random: (image.resize((image.width // 2, image.height // 2), Image.BICUBIC), 90),
    "mirrored": lambda image, random: (ImageOps.mirror(image), 90),
    "centre": lambda image, random: (window(image, 0.5, 0.5), 90),
    "corner": lambda image, random: (window(image, *random.integers(0, 2, 2)), 90),
    "anywhere": lambda image, random: (window(image, *random.random(2)), 90),
    "all at once": lambda image, random: (ImageOps.mirror(window(image, *random.random(2))).resize((120, 110)), 60),
    "square": lambda image, random: (ImageOps.fit(image, 2 * (min(image.size),)), 90),
}


def encoded(image, quality=90):
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def test_a_clean_set_says_nothing(sample, cache):
    assert look_at(sample, cache).says() == {}


def test_twelve_defects_by_name(mine, cache):
    train, val = mine / "train", mine / "val"
    cats, dogs = train / "croissants", train / "dog"
    shutil.copy(cats / "croissants_000.jpg", cats / "same.jpg")
    shutil.copy(cats / "croissants_001.jpg", dogs / "conflict.jpg")
    shutil.copy(dogs / "dog_002.jpg", val / "dog" / "leak.jpg")
    opened = {number: Image.open(dogs / f"dog_{number:03d}.jpg").convert("RGB") for number in range(3, 12)}
    opened[3].save(dogs / "encoded.jpg", quality=40)
    opened[4].resize((90, 96)).save(dogs / "resized.png")
    ImageOps.mirror(opened[5]).save(dogs / "mirrored.jpg")
    window(opened[6], 0.5, 0.5).save(dogs / "cropped.jpg")
    window(opened[7], 1.0, 0.2).save(val / "dog" / "leak_cropped.jpg")
    ImageOps.mirror(opened[8]).save(cats / "conflict_mirrored.jpg", quality=70)
    opened[9].resize((30, 31)).save(dogs / "tiny.jpg")
    Image.new("RGB", (200, 150), (90, 90, 200)).save(dogs / "blue.png")
    Image.new("L", (200, 150), 17).save(cats / "black.jpg")
    said = look_at(mine, cache).says()
    first = "train/croissants/croissants_001.jpg"
    wanted = {
        "train/croissants/same.jpg": "the same file as train/croissants/croissants_000.jpg: one of them is enough",
        "train/dog/conflict.jpg": f"the same file as {first}: two classes claim it, one of them is wrong",
        "val/dog/leak.jpg": "the same file as train/dog/dog_002.jpg: it is in train and in val",
        "train/dog/encoded.jpg": "copy of train/dog/dog_003.jpg: one of them",
        "train/dog/resized.png": "copy of train/dog/dog_004.jpg: one of them",
        "train/dog/mirrored.jpg": "mirrored copy of train/dog/dog_005.jpg: one of them",
        "train/dog/dog_006.jpg": "copy of train/dog/cropped.jpg: one of them",
        "val/dog/leak_cropped.jpg": "copy of train/dog/dog_007.jpg: it is in train and in val",
        "train/dog/dog_008.jpg": "mirrored copy of train/croissants/conflict_mirrored.jpg: two classes",
        "train/dog/tiny.jpg": "tiny: 30 x 31 pixels",
        "train/dog/blue.png": "a picture of one colour",
        "train/croissants/black.jpg": "a picture of one colour",
    }
    for name, words in wanted.items():
        assert any(words in text for text in said.pop(name, ())), (name, words)
    # The tiny one is a copy, too; nothing else is said.
    assert all("tiny.jpg" in name or "tiny.jpg" in text for name, texts in said.items() for text in texts), said


def test_imbalance(mine, cache):
    for file in sorted((mine / "train" / "dog").iterdir())[26:]:
        file.unlink()
    said = look_at(mine, cache).says()
    assert list(said) == ["dog"] and said["dog"][0].startswith("26 training photos, croissants has 80")


GIVEAWAYS = {
    "picture size": lambda image: (image.resize((90, 90)), ".jpg"),
    "aspect": lambda image: (image.resize((240, 160)), ".jpg"),
    "sharpness": lambda image: (image.resize((24, 24)).resize(image.size, Image.BICUBIC), ".jpg"),
    "border": lambda image: (ImageOps.expand(image.resize((160, 160)), 16, (128, 128, 128)), ".jpg"),
    "background brightness": lambda image: (image.point(lambda value: 128 + value // 2), ".jpg"),
    "file format": lambda image: (image, ".png"),
}


@pytest.mark.parametrize("measure", GIVEAWAYS)
def test_each_giveaway_is_named_with_its_figure(mine, cache, measure):
    """Nine of ten dogs are changed; the figure is that of the change, whatever else it brings with it."""
    for file in sorted((mine / "train" / "dog").iterdir())[:72]:
        image, ending = GIVEAWAYS[measure](Image.open(file).convert("RGB"))
        file.unlink()
        image.save(file.with_suffix(ending))
    found = {giveaway.measure: giveaway for giveaway in look_at(mine, cache).giveaways()}
    assert measure in found
    assert 0.75 <= found[measure].accuracy <= 0.97 and measure in found[measure].words()
    if measure in ("picture size", "aspect", "file format"):
        assert found[measure].accuracy == pytest.approx(0.95) and not set(found) & {"border", "background brightness"}
        assert "95 %" in found[measure].words()


def test_five_photos_per_class_prove_nothing():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 5)
    said = 0
    for _ in range(300):
        looks = [
            image_stats.ImageStats(
                np.zeros((64, 64), np.uint8), "JPEG", *random.integers(99, 999, 2), *random.random(4)
            )
            for _ in labels
        ]
        said += len(shortcuts.measure_shortcuts(("a", "b"), labels, looks))
    assert said == 0


def test_stump():
    accuracy, threshold, below = shortcuts.best_threshold(
        np.array([1.0, 2, 2, 3]), np.array([True, True, False, False])
    )
    assert (accuracy, threshold, below) == (0.75, 1.0, True) or (accuracy, threshold, below) == (0.75, 2.0, True)
    assert shortcuts.best_threshold(np.ones(6), np.arange(6) < 3)[0] == 0.5
    assert shortcuts.best_threshold(np.arange(6.0), np.arange(6) >= 3) == (1.0, 2.0, False)


def test_flat_pictures_are_copies_of_nothing():
    flat = np.zeros((5, 64, 64), np.uint8) + np.arange(5, dtype=np.uint8)[:, None, None] * 40
    assert find_near_duplicates(flat) == [] and find_near_duplicates(flat[:0]) == []


def test_groups_through_third_ones():
    pairs = [Pair(first, second, True, False, 1.0) for first, second in ((4, 6), (0, 6), (2, 3))]
    assert copy_groups(7, pairs).tolist() == [0, 1, 2, 2, 0, 5, 0]


def test_a_look_is_the_same_from_the_cache(sample, tmp_path):
    data = (sample / "train" / "dog" / "dog_000.jpg").read_bytes()
    digest, store = hashlib.sha256(data).hexdigest(), PhotoCache(str(tmp_path))
    first, second = (image_stats.cached_stats(data, digest, DecodedPhotos(Preprocessing(64)), store) for _ in range(2))
    assert first[1:] == second[1:] and np.array_equal(first.thumbnail, second.thumbnail)
    assert (first.format, first.width, first.height) == ("JPEG", 192, 192)


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_drawings(sample, kind):
    recall, wrong = copied([*sorted(sample.glob("train/*/*.jpg"))], kind)
    assert recall >= 0.95 and not wrong


@needs_shared
@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_real_photos(kind):
    recall, wrong = copied(sorted((SHARED / "photos").glob("*/*/*.jpg"))[::4], kind)
    assert recall >= 0.95 and not wrong


@pytest.mark.parametrize("kind", COPIES)
def test_copies_do_not_depend_on_how_many_photos_are_taken_at_a_time(kind, sample, monkeypatch):
    # One copy of each: among more copies than candidates, the last digit of a sum would choose.
    files = sorted(sample.glob("train/*/*.jpg"))[::8]
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
        thumbnails += [image_stats.measure_image(data, decode(data, 224)).thumbnail for data in copies]
    pairs = find_near_duplicates(thumbnails)
    right = [pair for pair in pairs if pair.second == pair.first + len(files)]
    wrong = [(files[pair.first % len(files)].name, files[pair.second % len(files)].name) for pair in pairs]
    return len(right) / len(files), [pair for pair in wrong if pair[0] != pair[1]]


@needs_shared
def test_real_photos(cache):
    looked = look_at(SHARED / "photos", cache)
    said = looked.says()
    assert list(said) == ["picture size"]
    assert "86 % (longer side at most 160 pixels: 72 % of croissants, 1 % of the others)" in said["picture size"][0]


def test_pictures_that_have_nothing_in_common():
    noise = np.random.default_rng(0).integers(
        0, 256, (700, 64, 64), np.uint8
    )  # some look alike from afar, none from near
    assert find_near_duplicates(noise) == []


def test_neighbours_do_not_depend_on_how_many_photos_are_taken_at_a_time(monkeypatch):
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(50, 8)).astype(np.float32), random.integers(0, 2, 50).astype(np.int32)
    features[:, 0] += 2 * labels
    found = []
    for rows in (512, 7):
        monkeypatch.setattr(metrics, "ROWS", rows)
        found.append(mislabelled.other_class_share(features, labels, np.arange(50)))
    np.testing.assert_array_equal(*found)
    assert found[0].min() == 0 and found[0].max() > 0.5
