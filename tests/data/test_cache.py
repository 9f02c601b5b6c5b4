"""A cache that cannot be used makes a run slower, nothing else."""

import errno
import os

from mobilenetv2.data import cache
from mobilenetv2.data.cache import PhotoCache


def entry(folder):
    """The one file in a cache."""
    (file,) = (file for file in folder.rglob("*") if not file.is_dir())
    return file


def test_entries_that_are_no_files_are_computed_again(tmp_path):
    store = PhotoCache(str(tmp_path))
    store.put("key", b"value")
    assert store.get("key") == b"value" and store.get("another") is None
    file = entry(tmp_path)

    def pipe():
        os.mkfifo(file)

    def endless():
        file.symlink_to("/dev/zero")

    def loop():
        file.symlink_to(file.name)

    def sparse():
        file.touch()
        os.truncate(file, cache.LARGEST + 1)

    for make in (pipe, endless, loop, sparse):
        file.unlink()
        make()
        assert store.get("key") is None
        store.put("key", b"value")
        assert store.get("key") == b"value" and entry(tmp_path) == file and not file.is_symlink()


def test_a_folder_that_is_a_file_is_said_once(tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"of the user")
    store = PhotoCache(str(tmp_path / "file"))
    for key in (1, 2):
        store.put(key, b"value")
        assert store.get(key) is None
    assert caplog.text.count("cannot be written to (Not a directory)") == 1
    assert (tmp_path / "file").read_bytes() == b"of the user"


def test_a_disk_that_refuses_to_rename_has_its_entries(tmp_path, caplog, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "replace", refuse)
    store = PhotoCache(str(tmp_path))
    for value in (b"value", b"other"):
        store.put("key", value)
        assert store.get("key") == value and entry(tmp_path).name.isalnum()
    assert not caplog.text
