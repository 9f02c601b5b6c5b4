"""The program's own split: a share of each class, and copies on one side."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from folders import fill
from PIL import Image, ImageOps

from mobilenetv2.checks.data_check import act_on_findings, check_photos
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.dataset import Photo
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.split import split_photos

NAMES = {0: (2, 6), 1: (5, 8)}  # what was chosen of 0 ... 9, by seed, before there were groups


def checked(root, seed=0, **options):
    found = dataset.scan_folder(str(root))
    return check_photos(found, Preprocessing(32), PhotoCache(str(root.parent / "cache")), 2, seed=seed, **options).data


def photo(class_, name):
    return Photo(Path(f"{class_}/{name}"), f"{class_}/{name}", "ab".index(class_), "train")


def validated(photos):
    return [one.name for one in photos if one.split == "val"]


def test_a_fifth_of_each_class_by_name_and_seed(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b", "c") for n in range(10)))
    for seed, names in NAMES.items():
        data = checked(tmp_path / "p", seed)
        assert data.counts("train") == {"a": 8, "b": 8, "c": 8} and data.counts("val") == {"a": 2, "b": 2, "c": 2}
        assert validated(data.photos) == [f"{class_}/{name}.png" for class_ in "abc" for name in names]
        assert [one.split for one in data.photos] == ["train"] * 24 + ["val"] * 6
    shutil.move(tmp_path / "p", tmp_path / "q")
    assert validated(checked(tmp_path / "q").photos) == [
        f"{class_}/{name}.png" for class_ in "abc" for name in NAMES[0]
    ]


@pytest.mark.parametrize("count, least", [(2, 1), (3, 1), (7, 1), (8, 2), (12, 2), (13, 3), (100, 20)])
def test_share_of_single_photos(count, least):
    photos = [photo("a", f"{n}.png") for n in range(count)]
    assert len(validated(split_photos(photos, np.arange(count), 0))) == least


def test_a_single_photo_stays_in_train():
    assert validated(split_photos([photo("a", "1.png")], np.zeros(1, int), 0)) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_group_is_on_one_side(seed):
    random = np.random.default_rng(seed)
    photos = [photo(class_, f"{n}.png") for class_ in "ab" for n in range(random.integers(2, 60))]
    groups = np.array([random.integers(0, len(photos) // 2 + 2) + 1000 * one.label for one in photos])
    split = split_photos(photos, groups, seed)
    assert [one.name for one in split] == [one.name for one in photos]
    sides = {}
    for one, group in zip(split, groups):
        sides.setdefault(group, set()).add(one.split)
    assert all(len(side) == 1 for side in sides.values())
    for label in (0, 1):
        own = [one.split for one in split if one.label == label]
        several = len(np.unique(groups[[one.label == label for one in photos]])) > 1
        largest = max(np.bincount(groups[[one.label == label for one in photos]]))
        assert ("val" in own) == several and "train" in own
        assert own.count("val") <= max(1, round(0.2 * len(own)), largest)


def test_of_large_groups_the_smallest_is_chosen():
    photos = [photo("a", f"{n}.png") for n in range(20)]
    split = split_photos(photos, np.array([0] * 9 + [9] * 6 + [15] * 5), 0)
    assert validated(split) == [f"a/{n}.png" for n in range(15, 20)]


def test_a_group_across_classes_counts_for_both():
    photos = [photo("a", f"{n}.png") for n in range(10)] + [photo("b", f"{n}.png") for n in range(10)]
    groups = np.arange(20)
    groups[[10, 11]] = [0, 1]  # the first two of either class
    for seed in range(10):
        split = split_photos(photos, groups, seed)
        assert [split[n].split for n in (0, 1)] == [split[n].split for n in (10, 11)]
        assert [sum(one.split == "val" and one.label == label for one in split) for label in (0, 1)] == [2, 2]


@pytest.mark.parametrize("seed", range(6))
def test_copies_are_not_split(drawings, tmp_path, seed):
    """As if a folder had been augmented before: two more versions of every photo."""
    root = tmp_path / "p"
    for class_ in ("croissants", "dog"):
        (root / class_).mkdir(parents=True)
        for file in sorted((drawings / "train" / class_).iterdir())[:10]:
            image = Image.open(file)
            shutil.copy(file, root / class_ / file.name)
            ImageOps.mirror(image).save(root / class_ / f"m_{file.name}", quality=90)
            image.resize((100, 100)).save(root / class_ / f"s_{file.name}", quality=90)
    data = checked(root, seed)
    assert {finding.kind for finding in data.findings} == {"copy"} and len(data.findings) >= 40
    assert data.counts("val") == {"croissants": 6, "dog": 6} and data.counts("train") == {"croissants": 24, "dog": 24}
    sides = {}
    for one in data.photos:
        sides.setdefault(one.file.name.split("_", 1)[-1] if one.file.name[1] == "_" else one.file.name, set()).add(
            one.split
        )
    assert len(sides) == 20 and all(len(side) == 1 for side in sides.values())
    act_on_findings(data.findings, bad_files="stop", leaks="stop")


def test_files_that_cannot_be_read_do_not_count(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b") for n in range(10)))
    for name in validated(checked(tmp_path / "p").photos):
        (tmp_path / "p" / name).write_text("not a picture")
    data = checked(tmp_path / "p")
    assert [finding.kind for finding in data.findings] == ["bad"] * 4
    assert data.counts("train") == {"a": 6, "b": 6} and data.counts("val") == {"a": 2, "b": 2}


def test_what_is_dropped_does_not_count(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b") for n in range(10)))
    for name in validated(checked(tmp_path / "p").photos):
        shutil.copy(tmp_path / "p" / name, tmp_path / "p" / ("b" if name[0] == "a" else "a") / f"x{name[0]}{name[2:]}")
    data = checked(tmp_path / "p", drop_leaks=True)
    assert [finding.kind for finding in data.findings] == ["dropped"] * 8
    assert data.counts("train") == {"a": 6, "b": 6} and data.counts("val") == {"a": 2, "b": 2}


def untested(data):
    return [(finding.name, finding.text) for finding in data.findings if finding.kind == "few"]


def test_single_photos_are_learned_and_said_to_be_untested(tmp_path):
    fill(tmp_path / "p", "train/a/1.png", "train/b/1.png")
    for in_turn in (False, True):
        data = checked(tmp_path / "p", in_turn=in_turn)
        act_on_findings(data.findings)
        assert data.validation == "learned" and data.counts("train") == data.counts("val") == {"a": 1, "b": 1}
        assert untested(data) == [
            (f"train/{class_}", "1 photo: the class is learned, but nothing tells how well; add photos")
            for class_ in "ab"
        ]


def test_a_class_of_copies_of_one_picture_is_learned_as_a_whole(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b") for n in range(5)))
    for n in range(1, 5):
        shutil.copy(tmp_path / "p/b/0.png", tmp_path / f"p/b/{n}.png")
    data = checked(tmp_path / "p", in_turn=True)
    act_on_findings(data.findings)
    assert data.validation == "share" and data.counts("train") == {"a": 4, "b": 5}
    assert data.counts("val") == {"a": 1, "b": 0}
    words = "5 photos that show the same picture: the class is learned, but nothing tells how well; add photos"
    assert untested(data) == [("b", words)]


@pytest.mark.parametrize("counts", [(2, 2), (3, 3), (4, 4), (1, 4), (2, 1), (5, 1), (5, 4), (6, 6)])
def test_fewer_than_five_are_validated_in_turn_where_that_is_possible(tmp_path, counts):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_, count in zip("ab", counts) for n in range(count)))
    data = checked(tmp_path / "p", in_turn=True)
    everything = dict(zip("ab", counts))
    if max(counts) < 5:
        assert data.validation == "in turn" and data.counts("train") == everything
        assert data.counts("val") == {class_: count if count > 1 else 0 for class_, count in everything.items()}
        names = [photo.name for photo in data.split("val")]
        assert names == [photo.name for photo in data.split("train") if everything[photo.name[0]] > 1]
    else:
        assert data.validation == "share"
    other = checked(tmp_path / "p")
    assert other.validation == "share"
    assert other.counts("val") == {class_: int(count > 1) for class_, count in everything.items()}
    assert {name for name, _ in untested(data)} == {name for name, _ in untested(other)}
    assert {name for name, _ in untested(data)} == {class_ for class_, count in everything.items() if count == 1}


def test_a_folder_of_validation_photos_decides(tmp_path):
    fill(tmp_path / "p", "train/a/1.png", "train/b/1.png", "val/a/2.png", "val/b/2.png")
    data = checked(tmp_path / "p", in_turn=True)
    assert data.validation == "given" and not untested(data) and data.counts("val") == {"a": 1, "b": 1}
    assert [photo.name for photo in data.split("val")] == ["val/a/2.png", "val/b/2.png"]
