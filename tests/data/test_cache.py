"""A cache that cannot be used makes a run slower, nothing else."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from conftest import TRAIN

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


def test_threads_that_write_one_entry_are_not_in_each_others_way(tmp_path, caplog):
    store, value = PhotoCache(str(tmp_path)), bytes(2**16)

    def put(_):
        store.put("key", value)
        return store.get("key")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(put, range(300))) == {value}
    assert entry(tmp_path).name.isalnum() and not caplog.text


def test_processes_that_write_one_entry_are_not_in_each_others_way(tmp_path):
    program = "import sys; from mobilenetv2.data.cache import PhotoCache; store = PhotoCache(sys.argv[1])\n"
    program += "for _ in range(200): store.put('key', bytes(2**16)); assert store.get('key') == bytes(2**16)"
    command = [sys.executable, "-c", program, str(tmp_path)]
    several = [
        subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(TRAIN.parent)}, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [(one.communicate()[1], one.returncode) for one in several] == [("", 0)] * 2
    assert entry(tmp_path).name.isalnum()
