"""The sheet of thumbnails beside a checkpoint."""

import hashlib
import os

import pytest
from folders import fill

from mobilenetv2.data.dataset import Photo
from mobilenetv2.data.thumbnails import read_sheet, write_sheet


@pytest.fixture
def sheet(tmp_path):
    """A sheet of three photos, and its description."""
    names = ("a.png", "b.png", "c.png")
    fill(tmp_path, *names)
    photos = [Photo(tmp_path / name, name, 0, "train", sha256(tmp_path / name)) for name in names]
    file = tmp_path / "x.thumbnails.jpg"
    return file, write_sheet(file, photos, 16, 2)


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_is_not_the_sheet_is_no_sheet(sheet):
    file, known = sheet
    assert [picture.size for picture in read_sheet(file, known)] == [(16, 16)] * 3
    content = file.read_bytes()
    file.unlink()
    assert read_sheet(file, known) == []
    for make, remove in (
        (os.mkfifo, os.unlink),
        (os.mkdir, os.rmdir),
        (lambda path: os.symlink("/dev/zero", path), os.unlink),
        (lambda path: os.symlink(path, path), os.unlink),
    ):
        make(file)
        assert read_sheet(file, known) == []
        remove(file)
    file.write_bytes(content + b"x")
    assert read_sheet(file, known) == []
    for damaged in (b"not a picture", content[: len(content) // 2]):  # in spite of the right SHA-256
        file.write_bytes(damaged)
        assert read_sheet(file, {**known, "sha256": sha256(file)}) == []
