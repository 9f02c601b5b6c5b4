"""Places that users name, what lies there, and disks that refuse or fail."""

import errno
import os
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import POWERLESS, TRAIN, Run

from mobilenetv2.runtime import files
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.files import NotRegular, TooLarge, atomic, find_file, read_file, remove_temporary, replace

LIMIT = 1000


def test_home_that_is_not_known(tmp_path):
    run = Run(["--data_url=~nobody_here/x"], tmp_path)
    assert run.code == 2 and "~nobody_here/x: the home folder that ~ stands for is not known" in run.out


@pytest.mark.parametrize("name", ["a" * 300, "x/" * 3000, "nul\0", "\ud800"])
def test_names_that_cannot_be(name):
    with pytest.raises(UserError, match="no file or folder can have such a name"):
        files.user_path(name)


def test_paths_that_cannot_be_followed_are_left_to_their_readers(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "file" / "x", tmp_path / "loop" / "x", tmp_path / "missing"):
        assert files.user_path(str(path)) == path


def irregular(folder):
    """What is not a file: path -> its words."""
    os.mkfifo(folder / "pipe")
    socket.socket(socket.AF_UNIX).bind(os.path.relpath(folder / "socket"))  # its path must be short
    (folder / "folder").mkdir()
    words = {"pipe": "a named pipe, not a file", "socket": "a socket, not a file", "folder": "a folder, not a file"}
    found = {folder / name: text for name, text in words.items()}
    found.update({folder / "null": "a device, not a file", folder / "endless": "a device, not a file"})
    (folder / "null").symlink_to("/dev/null")
    (folder / "endless").symlink_to("/dev/zero")
    (folder / "to the pipe").symlink_to("pipe")
    return {**found, folder / "to the pipe": "a named pipe, not a file"}


def test_only_regular_files_are_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "file", 7) == read_file(tmp_path / "link", 7) == b"content"
    (tmp_path / "empty").touch()
    assert read_file(tmp_path / "empty", 0) == b""
    for path, words in irregular(tmp_path).items():
        with pytest.raises(NotRegular) as caught:
            read_file(path, LIMIT)
        assert caught.value.strerror == words and caught.value.filename == str(path)


def test_links_in_a_circle_and_to_nothing(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "nothing").symlink_to("missing")
    for name, words in (("a", "Too many levels of symbolic links"), ("nothing", "No such file or directory")):
        with pytest.raises(OSError) as caught:
            read_file(tmp_path / name, LIMIT)
        assert caught.value.strerror == words


@pytest.mark.parametrize(
    "size, limit, words",
    [
        (9 * 2**30, 64 * 2**20, "it has 9,216 MiB, more than the limit of 64 MiB"),
        (2**40, 2**20, "it has 1,048,576 MiB, more than the limit of 1 MiB"),
        (1001, 1000, "it has 1,001 bytes, more than the limit of 1,000 bytes"),
    ],
)
def test_size_is_known_before_a_byte_is_read(tmp_path, size, limit, words):
    with open(tmp_path / "sparse", "wb") as stream:
        stream.truncate(size)
    with pytest.raises(TooLarge) as caught:
        read_file(tmp_path / "sparse", limit)
    assert caught.value.strerror == words and caught.value.size == size
    os.truncate(tmp_path / "sparse", 1000)
    assert read_file(tmp_path / "sparse", 1000) == bytes(1000)


def test_file_that_says_it_is_empty(tmp_path):
    """Those of /proc do, whatever they have."""
    status = read_file("/proc/self/status", 2**16)
    assert os.stat("/proc/self/status").st_size == 0 and b"\nPid:\t" in status and status.endswith(b"\n")
    with pytest.raises(TooLarge):
        read_file("/proc/self/status", 50)


def found(path):
    """The file that is found, or the words of the error after the path."""
    try:
        return find_file(str(path))
    except UserError as error:
        return str(error).partition(": ")[2]


def test_file_of_weights_in_a_folder(tmp_path):
    folder = tmp_path / "weights"
    (folder / "x.ckpt" / "deep").mkdir(parents=True)  # a folder is none, whatever its name
    assert found(folder).startswith("expected one file of weights (.ckpt, .npz, .safetensors) here, found none; name")
    (folder / "x.ckpt" / "deep" / "W.CKPT").touch()
    (folder / "circle").symlink_to("..")
    (folder / "a.ckpt").symlink_to("a.ckpt")
    os.mkfifo(folder / "b.npz")
    assert found(folder) == folder / "x.ckpt" / "deep" / "W.CKPT"
    (folder / "c.Npz").touch()
    assert "found c.Npz, x.ckpt/deep/W.CKPT; name the file itself" in found(folder)
    assert found(folder / "c.Npz") == folder / "c.Npz"


def test_what_is_no_file_of_weights_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe.ckpt")
    (tmp_path / "loop.ckpt").symlink_to("loop.ckpt")
    (tmp_path / "text.txt").touch()
    advice = "; name another file or folder of weights"
    assert found(tmp_path / "pipe.ckpt") == f"cannot be read (a named pipe, not a file){advice}"
    assert found(tmp_path / "loop.ckpt") == f"cannot be read (Too many levels of symbolic links){advice}"
    assert found(tmp_path / "text.txt") == "weights must be a file that ends in .ckpt, .npz, .safetensors"
    for path in (tmp_path / "missing.ckpt", tmp_path / "text.txt" / "w.ckpt"):
        assert found(path) == "there is no such file or folder of weights; look for a typing error"


def test_folders_that_may_not_be_listed_are_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "inside").mkdir(parents=True)
    (closed / "inside" / "w.ckpt").touch()
    program = f"""
import sys
sys.path.insert(0, {str(TRAIN.parent)!r})
from mobilenetv2.runtime.files import find_file
from mobilenetv2.runtime.errors import UserError
for path in ("closed", "closed/inside", "closed/inside/w.ckpt", "."):
    try:
        print(find_file(path))
    except UserError as error:
        print(error)
"""
    closed.chmod(0)
    done = subprocess.run(
        [*POWERLESS, sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    closed.chmod(0o755)
    expected, denied = "expected one file of weights (.ckpt, .npz, .safetensors) here", "(Permission denied)"
    assert done.stdout.splitlines() == [
        f"closed: {expected}, found none, and closed cannot be listed {denied}; name the file itself",
        f"closed/inside: cannot be read {denied}; name another file or folder of weights",
        f"closed/inside/w.ckpt: cannot be read {denied}; name another file or folder of weights",
        f".: {expected}, found none, and ./closed cannot be listed {denied}; name the file itself",
    ]


def refusing(monkeypatch, number, *names):
    """From now on these functions of os fail with this error, as on a disk that is mounted from a bucket or has a fault."""

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    for name in names:
        monkeypatch.setattr(os, name, fail)


def write(file, content):
    with atomic(file) as temporary:
        temporary.write_bytes(content)


@pytest.mark.parametrize("name", ["EPERM", "EACCES", "EINVAL", "ENOSYS", "ENOTSUP", "EXDEV", "EBUSY"])
def test_disk_that_refuses_calls_has_the_file_all_the_same(tmp_path, monkeypatch, name):
    file = tmp_path / "folder" / "result"
    refusing(monkeypatch, getattr(errno, name), "replace", "rename", "chmod", "fsync")
    for content in (b"first", b"second, and longer", b"3"):
        write(file, content)
        assert file.read_bytes() == content and os.listdir(file.parent) == ["result"]
    (tmp_path / "source").write_bytes(b"moved")
    replace(tmp_path / "source", file)
    assert file.read_bytes() == b"moved" and not (tmp_path / "source").exists()


@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EIO", "EROFS", "ESTALE"])
@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_disk_that_fails_keeps_the_earlier_file(tmp_path, monkeypatch, name, call):
    file = tmp_path / "result"
    write(file, b"earlier")
    number = getattr(errno, name)
    refusing(monkeypatch, number, call)
    with pytest.raises(UserError) as caught:
        write(file, b"later")
    advice = "; free some space or choose another folder"
    assert str(caught.value) == f"{file}: cannot be written ({os.strerror(number)}){advice}"
    assert file.read_bytes() == b"earlier" and os.listdir(tmp_path) == ["result"]


def test_what_stands_in_the_way_is_said(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    in_the_way = ("a file is in the place of the folder", "Is a directory")
    for file, words in zip((tmp_path / "file" / "x", tmp_path / "folder"), in_the_way):
        with pytest.raises(UserError, match=rf"cannot be written \({words}\)"):
            write(file, b"")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_new_files_have_the_permissions_that_the_user_asked_for(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "result", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == 0o640


def test_what_killed_runs_left_is_removed(tmp_path):
    (tmp_path / ".1.part-a").mkdir()  # cannot be removed as a file: the others are all the same
    for name in (".1.part-b.ckpt", ".23.part-c", "kept", ".part-kept", ".1.part"):
        (tmp_path / name).touch()
    remove_temporary(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".1.part", ".1.part-a", ".part-kept", "kept"]
    remove_temporary(tmp_path / "missing")


@pytest.mark.parametrize("locks", [True, False])
def test_one_after_the_other(tmp_path, monkeypatch, locks):
    """Where the disk has no locks, all go on at once, and know it."""
    if not locks:
        monkeypatch.setattr(files, "fcntl", None)
    events = []

    def wait_and_note(number):
        with files.alone_in(tmp_path / "new" / "folder", lambda: events.append("waits")) as certain:
            assert certain == locks
            events.append(number)
            time.sleep(0.3)
            events.append(number)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(wait_and_note, range(2)))
    order = [event for event in events if event != "waits"]
    assert (order[0] == order[1]) == locks and events.count("waits") == locks
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), files.alone_in(tmp_path / "file", lambda: None):
        pass
