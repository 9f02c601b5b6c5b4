"""Thumbnails come back as they were added, from memory, from a file, and from both where a disk is full."""

import errno
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mobilenetv2.data import thumbnail_store
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.thumbnail_store import ThumbnailStore

THUMBNAILS = np.random.default_rng(0).integers(0, 256, (30, 64, 64, 3), np.uint8)


class Full:
    """A file on a disk with room for ten thumbnails and a half."""

    def __init__(self, file, short):
        self._file, self._short, self._left = file, short, 10
        self.seek, self.read = file.seek, file.read

    def write(self, data):
        self._left -= 1
        if self._left >= 0:
            return self._file.write(data)
        if self._short:
            return self._file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("room, filed", [(30, 0), (29, 30)])
def test_in_memory_or_in_a_file(room, filed, tmp_path, monkeypatch):
    monkeypatch.setattr(thumbnail_store, "IN_MEMORY", room)
    store = filled(tmp_path / "cache")
    assert store._filed == filed
    with ThreadPoolExecutor(8) as pool:
        for index, found in zip([*range(30)] * 20, pool.map(store.__getitem__, [*range(30)] * 20)):
            assert (found == THUMBNAILS[index]).all()


@pytest.mark.parametrize("short", [True, False])
def test_a_full_disk(short, tmp_path, monkeypatch):
    monkeypatch.setattr(thumbnail_store, "IN_MEMORY", 0)
    make = PhotoCache.temporary_file
    monkeypatch.setattr(PhotoCache, "temporary_file", lambda cache: Full(make(cache), short))
    store = filled(tmp_path / "cache")
    assert store._filed == 10 and all((store[index] == THUMBNAILS[index]).all() for index in range(30))


def test_a_cache_that_cannot_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(thumbnail_store, "IN_MEMORY", 0)
    (tmp_path / "file").touch()
    store = filled(tmp_path / "file")
    assert store._filed == 0 and all((store[index] == THUMBNAILS[index]).all() for index in range(30))


def filled(folder):
    store = ThumbnailStore(len(THUMBNAILS), PhotoCache(str(folder)))
    for thumbnail in THUMBNAILS:
        store.append(thumbnail)
    assert len(store) == 30 and all((one == other).all() for one, other in zip(list(store), THUMBNAILS))
    return store
