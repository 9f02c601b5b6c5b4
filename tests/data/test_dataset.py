"""Which folders make a data set, and how it is split."""

import shutil

import pytest
from folders import clean, fill

from mobilenetv2.data import dataset
from mobilenetv2.runtime.errors import UserError


@pytest.mark.parametrize("inside", ["", "DogCroissants", "a/DogCroissants"])
def test_root_or_parent_with_or_without_slash(tmp_path, inside):
    clean(tmp_path / "data" / inside)
    for path in (f"{tmp_path}/data", f"{tmp_path}/data/"):
        assert len(dataset.scan_folder(path, 0).photos) == 12


def test_one_level_of_class_folders_is_split_by_seed(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b", "c") for n in range(10)))
    splits = []
    for seed in (0, 0, 1):
        data = dataset.scan_folder(str(tmp_path / "p"), seed)
        assert data.counts("train") == {"a": 8, "b": 8, "c": 8} and data.counts("val") == {"a": 2, "b": 2, "c": 2}
        splits.append({photo.name for photo in data.split("val")})
    assert splits[0] == splits[1] != splits[2]
    shutil.move(tmp_path / "p", tmp_path / "q")
    assert {photo.name for photo in dataset.scan_folder(str(tmp_path / "q"), 0).split("val")} == splits[0]


def test_only_a_train_folder_is_split_too(tmp_path):
    fill(tmp_path, *(f"train/{class_}/{n}.png" for class_ in ("a", "b") for n in range(5)))
    assert dataset.scan_folder(str(tmp_path), 0).counts("val") == {"a": 1, "b": 1}


@pytest.mark.parametrize("name", ["a" * 5000, "x/" * 3000, "nul\0"])
def test_paths_that_cannot_be(name):
    with pytest.raises(UserError, match="no file or folder can have such a name"):
        dataset.scan_folder(name, 0)
