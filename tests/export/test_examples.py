"""The photos that exported files are tried with: those that the training of the checkpoint has set aside."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from packing import zip_bytes

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.class_choice import read_choice
from mobilenetv2.data.dataset import scan_folder
from mobilenetv2.export.examples import read_examples, take_examples
from mobilenetv2.model import checkpoint

SETTINGS = {"classes": "croissants,dog", "merge": "hound=dog", "seed": 5}


@pytest.fixture(scope="module")
def folder(few, tmp_path_factory):
    """Without validation photos, with a class under another name and one that was not chosen."""
    folder = tmp_path_factory.mktemp("three") / "photos"
    shutil.copytree(few / "train", folder)
    (folder / "dog").rename(folder / "hound")
    shutil.copytree(few / "val" / "dog", folder / "other")
    return folder


@pytest.fixture(scope="module")
def described(built_in):
    """described(settings): the built-in network's description with these."""
    description = checkpoint.load(str(built_in / "mobilenetv2.ckpt")).description
    return lambda settings: replace(description, settings=settings)


def test_they_are_those_that_the_training_has_set_aside(folder, described, cache):
    description = described(SETTINGS)
    found = read_examples(str(folder), str(cache), description, True)
    scanned = scan_folder(str(folder), choice=read_choice(SETTINGS["classes"], SETTINGS["merge"]))
    trained = check_photos(scanned, description.preprocessing, PhotoCache(str(cache)), 2, seed=5).data
    expected = take_examples(trained, description, True)
    assert sorted(found.labels) == [0] * trained.counts("val")["croissants"] + [1] * trained.counts("val")["dog"]
    assert len(found.val) + len(found.train) == 24 and np.array_equal(found.val, expected.val)
    assert np.array_equal(found.train, expected.train)
    other = read_examples(str(folder), str(cache), described({**SETTINGS, "seed": 6}), False)
    assert not np.array_equal(found.val, other.val)


def test_those_of_an_archive_are_the_same(folder, described, cache, tmp_path):
    names = {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*.jpg"))}
    (tmp_path / "photos.zip").write_bytes(zip_bytes(names))
    found, expected = (
        read_examples(str(place), str(cache), described(SETTINGS), False) for place in (tmp_path / "photos.zip", folder)
    )
    assert np.array_equal(found.val, expected.val) and np.array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("settings", [[], {}, {"classes": 5, "merge": "no pair", "seed": "x"}, {"seed": -1}])
def test_settings_that_say_nothing_are_those_of_the_program(settings, folder, described, cache):
    found = read_examples(str(folder), str(cache), described(settings), False)
    assert -1 in found.labels and 0 in found.labels and 1 not in found.labels  # neither merged nor chosen
