"""Which folders make a data set, and how it is split."""

import pytest
from folders import clean, fill

from mobilenetv2.data import dataset
from mobilenetv2.runtime.errors import UserError


@pytest.mark.parametrize("inside", ["", "DogCroissants", "a/DogCroissants"])
def test_root_or_parent_with_or_without_slash(tmp_path, inside):
    clean(tmp_path / "data" / inside)
    for path in (f"{tmp_path}/data", f"{tmp_path}/data/"):
        assert len(dataset.scan_folder(path).photos) == 12


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_without_a_validation_folder_nothing_is_split_yet(tmp_path, prefix):
    fill(tmp_path / "p", *(f"{prefix}{class_}/{n}.png" for class_ in ("a", "b") for n in range(5)))
    data = dataset.scan_folder(str(tmp_path / "p"))
    assert not data.presplit and data.counts("train") == {"a": 5, "b": 5} and not data.split("val")


def test_with_a_validation_folder_it_is(tmp_path):
    assert dataset.scan_folder(str(clean(tmp_path / "p"))).presplit


@pytest.mark.parametrize("name", ["a" * 5000, "x/" * 3000, "nul\0"])
def test_paths_that_cannot_be(name):
    with pytest.raises(UserError, match="no file or folder can have such a name"):
        dataset.scan_folder(name)


def test_counts_are_a_table(tmp_path):
    names = [
        f"{split}/{class_}/{n}.png"
        for split, count in (("train", 3), ("val", 2))
        for class_ in "ab"
        for n in range(count)
    ]
    fill(tmp_path / "p", *names)
    assert dataset.scan_folder(str(tmp_path / "p")).describe().split("\n") == [
        "Photos           to train  to validate",
        "  a                     3            2",
        "  b                     3            2",
        "  all 2 classes         6            4",
    ]


def test_counts_of_many_classes_end_in_a_summary(tmp_path):
    names = [
        f"{split}/{number:02d}/{n}.png" for split in ("train", "val", "test") for number in range(12) for n in range(2)
    ]
    fill(tmp_path / "p", *names)
    lines = dataset.scan_folder(str(tmp_path / "p")).describe().split("\n")
    assert lines[0] == "Photos            to train  to validate  to test" and lines[10].split() == ["09", "2", "2", "2"]
    assert lines[11:] == [
        "  and 2 more             4            4        4",
        "  all 12 classes        24           24       24",
    ]
