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
