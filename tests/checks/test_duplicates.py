"""Copies in two classes or splits, by name, and what --leaks drop makes of them."""

from pathlib import Path

import pytest

from mobilenetv2.checks.copy_search import Pair, copy_groups
from mobilenetv2.checks.duplicates import (
    find_conflicts,
    find_copies,
    find_dropped,
    find_leaks,
    kind_of_pair,
    without_leaks,
)
from mobilenetv2.checks.inspection import Inspection
from mobilenetv2.data.dataset import Photo, PhotoSet
from mobilenetv2.data.folders import Tree
from mobilenetv2.data.layout import Layout
from mobilenetv2.report.build import make_remarks

CLASSES = ("cat", "dog")
SPLITS = ("train", "val", "test")


def photo(name):
    split, class_, _ = name.split("/")
    label = -1 if split == "neither" else CLASSES.index(class_)
    return Photo(Path(name), name, label, split)


def inspection(names, pairs, drop=False):
    """pairs: as numbers of names, with the field of Pair that is true."""
    photos = [photo(name) for name in names]
    pairs = [Pair(first, second, which == "exact", which == "mirrored", 1.0) for first, second, which in pairs]
    kept = without_leaks(photos, copy_groups(len(photos), pairs)) if drop else range(len(photos))
    layout = Layout(Tree(Path()).top, "split folders")
    used = PhotoSet(CLASSES, tuple(photos[index] for index in kept), (), layout)
    return Inspection(used, (), tuple(photos), pairs)


def said(findings):
    return {finding.name: (finding.text, finding.text.zh) for finding in findings}


@pytest.mark.parametrize(
    "splits, harm",
    [
        (("train", "val"), "it is in train and in val, so the validation result promises too much"),
        (("train", "test"), "it is in train and in test, so the test result promises too much"),
        (("val", "test"), "it is in val and in test, so the test result promises too much"),
        (("test", "val"), "it is in val and in test, so the test result promises too much"),
    ],
)
def test_leaks_between_any_two_splits(splits, harm):
    names = [f"{split}/cat/{number}.jpg" for number, split in enumerate(splits)]
    found = inspection(names, [(0, 1, "exact")])
    assert kind_of_pair(found.photos, found.pairs[0]) == "leak"
    assert said(find_leaks(found))[names[1]][0] == f"the same file as {names[0]}: {harm}"
    assert not find_conflicts(found) and not find_copies(found)


def test_leaks_in_chinese():
    found = inspection(["train/cat/0.jpg", "test/cat/1.jpg"], [(0, 1, "")])
    assert find_leaks(found)[0].text.zh == "与 train/cat/0.jpg 是同一张图片：它既在训练集又在测试集中，测试结果会偏高"


@pytest.mark.parametrize("splits", [SPLITS, SPLITS[::-1], ("train", "test"), ("val", "test"), ("train", "val")])
def test_the_copy_in_the_last_split_is_kept(splits):
    names = [f"{split}/dog/{number}.jpg" for number, split in enumerate(splits)] + ["train/dog/9.jpg"]
    found = inspection(names, [(number, number + 1, "") for number in range(len(splits) - 1)], drop=True)
    last = max(splits, key=SPLITS.index)
    assert [one.name for one in found.data.photos] == [f"{last}/dog/{splits.index(last)}.jpg", "train/dog/9.jpg"]
    assert not find_leaks(found) and not find_copies(found)
    dropped = find_dropped(found)
    assert [one.name for one in dropped] == [name for name in names[:-1] if not name.startswith(last)]
    assert {one.other for one in dropped} == {f"{last}/dog/{splits.index(last)}.jpg"}


def test_several_copies_in_the_last_split_are_kept_and_are_copies():
    names = ["train/cat/0.jpg", "val/cat/1.jpg", "val/cat/2.jpg"]
    found = inspection(names, [(0, 1, "exact"), (0, 2, "mirrored"), (1, 2, "mirrored")], drop=True)
    assert [one.name for one in found.data.photos] == names[1:]
    assert list(said(find_copies(found))) == ["val/cat/2.jpg"]
    assert said(find_dropped(found)) == {
        "train/cat/0.jpg": (
            "left out of training: the same file as val/cat/1.jpg",
            "已从训练中排除：与 val/cat/1.jpg 是同一个文件",
        )
    }


def test_what_is_in_two_classes_is_dropped_everywhere():
    names = ["train/cat/0.jpg", "train/dog/1.jpg", "val/dog/2.jpg", "train/dog/3.jpg"]
    found = inspection(names, [(0, 1, "mirrored"), (1, 2, "exact")], drop=True)
    assert [one.name for one in found.data.photos] == ["train/dog/3.jpg"]
    assert [find(found) for find in (find_conflicts, find_leaks, find_copies)] == [[], [], []]
    assert {name: texts[0] for name, texts in said(find_dropped(found)).items()} == {
        names[0]: f"left out of training: mirrored copy of {names[1]}, which is in another class",
        names[1]: f"left out of training: mirrored copy of {names[0]}, which is in another class",
        names[2]: f"left out of validation: copy of {names[0]}, which is in another class",
    }


def test_a_picture_of_no_class_is_in_two_classes_as_well():
    found = inspection(["neither/x/0.jpg", "train/dog/1.jpg"], [(0, 1, "")], drop=True)
    assert not found.data.photos and [one.kind for one in find_dropped(found)] == ["dropped"] * 2


def test_nothing_is_dropped_where_nothing_leaks():
    found = inspection(["train/cat/0.jpg", "train/cat/1.jpg", "val/dog/2.jpg"], [(0, 1, "exact")], drop=True)
    assert len(found.data.photos) == 3 and not find_dropped(found) and len(find_copies(found)) == 1


def test_the_report_shows_no_picture_of_what_is_gone():
    """Its file may be anything by then; and the picture of the other would stand under its name."""
    found = inspection(["train/cat/0.jpg", "val/cat/1.jpg"], [(0, 1, "")], drop=True)
    (remark,) = make_remarks(found.data, find_dropped(found), "en")
    assert remark.names == ("train/cat/0.jpg", "val/cat/1.jpg") and remark.pictures == ()
