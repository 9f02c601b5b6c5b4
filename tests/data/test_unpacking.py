"""Archives of users, and of people who mean them harm, into the cache: whole or not at all."""

import errno
import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import unicodedata
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from packing import tar_bytes, zip_bytes, zip_of_raw_names

from mobilenetv2.data import unpacking
from mobilenetv2.data.unpacking import lone_file, unpack
from mobilenetv2.runtime.errors import UserError

PICTURES = {"set/train/dog/1.jpg": b"1" * 700, "set/train/cat/1.jpg": b"2" * 5000, "set/val/dog/2.jpg": b"3"}


def files(folder: Path):
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def written(tmp_path: Path, data: bytes, name: str = "photos.zip") -> Path:
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def refused(tmp_path: Path, data: bytes, name: str = "photos.zip") -> str:
    """The words with which it is refused, and nothing is left behind."""
    archive = written(tmp_path, data, name)
    with pytest.raises(UserError) as caught:
        unpack(archive, tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*/*")) == []
    assert archive.read_bytes() == data and {path.name for path in tmp_path.iterdir()} <= {"cache", name}
    assert str(caught.value).startswith(f"{archive}: ")
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("photos.zip", zip_bytes(PICTURES, zipfile.ZIP_DEFLATED)),
        ("photos.tar", tar_bytes(PICTURES)),
        ("photos.tgz", tar_bytes(PICTURES, "w:gz")),
        ("photos.tar.bz2", tar_bytes(PICTURES, "w:bz2")),
        ("photos.tar.xz", tar_bytes(PICTURES, "w:xz")),
        ("照片.zip", tar_bytes(PICTURES, "w:gz")),  # its bytes decide, not its name
    ],
)
def test_unpacked_once(name, data, tmp_path, caplog):
    caplog.set_level("INFO")
    archive = written(tmp_path, data, name)
    archive.chmod(0o444)
    folder = unpack(archive, tmp_path / "cache")
    assert files(folder) == PICTURES and folder.parent.parent == tmp_path / "cache" / "unpacked"
    assert f"{archive}: 3 files unpacked into {folder}." == caplog.records[-1].getMessage()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    archive.rename(tmp_path / "renamed")
    assert unpack(tmp_path / "renamed", tmp_path / "cache") == folder  # known by its content
    assert "was unpacked before" in caplog.records[-1].getMessage()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert (tmp_path / "renamed").read_bytes() == data
    assert os.listdir(folder.parent.parent) == [folder.parent.name]


def test_another_content_is_another_folder(tmp_path):
    first = unpack(written(tmp_path, zip_bytes(PICTURES)), tmp_path / "cache")
    second = unpack(written(tmp_path, zip_bytes({**PICTURES, "set/val/cat/1.jpg": b"4"})), tmp_path / "cache")
    assert first != second and len(files(first)) == 3 and len(files(second)) == 4


def test_what_was_changed_in_the_cache_is_unpacked_anew(tmp_path):
    archive = written(tmp_path, zip_bytes(PICTURES))
    folder = unpack(archive, tmp_path / "cache")
    for change in (
        lambda: (folder / "set/val/dog/2.jpg").unlink(),
        lambda: (folder / "set/val/dog/more.jpg").touch(),
        lambda: (folder.parent / unpacking.RECORD).write_text("{"),
    ):
        change()
        assert unpack(archive, tmp_path / "cache") == folder and files(folder) == PICTURES


def test_what_systems_add_is_left_out(tmp_path, caplog):
    caplog.set_level("INFO")
    more = ("__MACOSX/set/._1.jpg", "set/.DS_Store", "set/train/Thumbs.db", "set/train/dog/._1.jpg", ".git/config")
    folder = unpack(written(tmp_path, zip_bytes({**PICTURES, **dict.fromkeys(more, b"x")})), tmp_path / "cache")
    assert files(folder) == PICTURES and "5 of systems and other programs were left out" in caplog.text


def test_names_of_any_system(tmp_path):
    raw = {
        "训练/狗/1.jpg".encode("gbk"): b"1",
        "训练/猫/1.jpg".encode("gbk"): b"2",
        "训练\\猫\\2.jpg".encode("gbk"): b"3",
    }
    folder = unpack(written(tmp_path, zip_of_raw_names(raw)), tmp_path / "cache")
    assert files(folder) == {"训练/狗/1.jpg": b"1", "训练/猫/1.jpg": b"2", "训练/猫/2.jpg": b"3"}
    names = {"./": None, "./é/": None, "./é/1.jpg": b"1", "./" + unicodedata.normalize("NFD", "é") + "/2.jpg": b"2"}
    folder = unpack(written(tmp_path, tar_bytes(names)), tmp_path / "cache")
    assert files(folder) == {"é/1.jpg": b"1", "é/2.jpg": b"2"}  # one class, not two


def test_empty_folders_are_kept(tmp_path):
    folder = unpack(written(tmp_path, zip_bytes({**PICTURES, "set/val/cat/": b""})), tmp_path / "cache")
    assert (folder / "set/val/cat").is_dir()


HOSTILE = {
    "up": (zip_bytes({"../../evil.jpg": b"x", **PICTURES}), r"paths that lead out of the folder (../../evil.jpg)"),
    "up, below": (tar_bytes({"set/../../evil.jpg": b"x"}), "lead out of the folder (set/../../evil.jpg)"),
    "up, in a hidden one": (zip_bytes({"__MACOSX/../../evil.jpg": b"x"}), "lead out of the folder"),
    "up, with backslashes": (zip_bytes({"..\\..\\evil.jpg": b"x"}), "lead out of the folder"),
    "absolute": (tar_bytes({"/etc/cron.d/evil": b"x"}), "absolute paths"),
    "absolute, of Windows": (zip_bytes({"C:\\evil.jpg": b"x"}), "absolute paths"),
    "a share of Windows": (zip_bytes({"\\\\server\\evil.jpg": b"x"}), "absolute paths"),
    "link": (tar_bytes({"set": b""}, type=tarfile.SYMTYPE, linkname="/etc"), "a link: pack the files themselves"),
    "hard link": (tar_bytes({"a.jpg": b""}, type=tarfile.LNKTYPE, linkname="/etc/passwd"), "a link"),
    "device": (tar_bytes({"a.jpg": b""}, type=tarfile.CHRTYPE), "a device or pipe: leave it out (a.jpg)"),
    "pipe": (tar_bytes({"a.jpg": b""}, type=tarfile.FIFOTYPE), "a device or pipe"),
    "twice": (tar_bytes({"set/a.jpg": b"1", "set//a.jpg": b"2"}), "twice in it"),
    "capital letters": (
        zip_bytes({"Dog/1.jpg": b"1", "dog/2.jpg": b"2"}),
        "names that differ in capital letters only: rename one (dog and Dog)",
    ),
    "capital letters of a file": (zip_bytes({"d/1.jpg": b"1", "d/1.JPG": b"2"}), "(d/1.JPG and d/1.jpg)"),
    "a file and a folder": (zip_bytes({"a": b"1", "a/1.jpg": b"2"}), "both a file and a folder"),
    "a folder and a file": (zip_bytes({"a/1.jpg": b"2", "a": b"1"}), "twice in it"),
    "a long name": (zip_bytes({"狗" * 100 + ".jpg": b"1"}), "names of more than 255 bytes"),
    "a long path": (tar_bytes({"a/" * 600 + "1.jpg": b"1"}), "paths of more than 1000"),
    "a zero in a name": (zip_of_raw_names({b"a.jpg\0.exe": b"1"}), "names that no file can have"),
    "no name": (zip_bytes({".": b"1", **PICTURES}), "names that no file can have (.)"),
    "a name that begins with a zero": (zip_of_raw_names({b"\0jpg": b"1"}), "names that no file can have (\\x00jpg)"),
    "a place before the start": (zip_bytes(PICTURES)[:-4] + b"\xff\0\0\0", "not complete, or damaged"),
    "nothing": (zip_bytes({}), "there are no files in it"),
    "nothing but hidden files": (zip_bytes({".DS_Store": b"x", "__MACOSX/a": b"x"}), "there are no files in it"),
    "nested": (zip_bytes({"photos.tar.gz": b"x"}), "nothing but another archive: unpack that one first"),
    "cut off": (zip_bytes(PICTURES)[:-50], "not complete, or damaged (File is not a zip file); copy or download"),
    "cut off, tar": (tar_bytes(PICTURES, "w:gz")[:-50], "not complete, or damaged"),
    "no tar in it": (gzip.compress(b"a picture"), "not complete, or damaged"),
    "no archive": (b"\xff\xd8\xff a picture", "not an archive, by its first bytes"),
    "empty": (b"", "not an archive, by its first bytes"),
    "RAR": (b"Rar!\x1a\x07\x01\x00", "a .rar archive; only .zip and .tar can be unpacked here"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c\0\4", "a .7z archive"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile(what, tmp_path):
    data, words = HOSTILE[what]
    assert words in refused(tmp_path, data)


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ALLOWANCE", 2**20)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        words = "more than 1 MiB unpacked, the limit for an archive of its size"
        assert words in refused(tmp_path, zip_bytes({"a.bmp": bytes(2**22)}, method)), method
    for mode in ("w:gz", "w:bz2", "w:xz"):
        for size in (2**22, 2**23):
            words = "it unpacks to more than 1 MiB, the limit for an archive of its size"
            assert words in refused(tmp_path, tar_bytes({"a.bmp": bytes(size)}, mode)), mode


def test_encrypted(tmp_path):
    data = bytearray(zip_bytes(PICTURES))
    for place in [at for at in range(len(data)) if data[at : at + 4] == b"PK\1\2"]:
        data[place + 8] |= 1
    said = refused(tmp_path, bytes(data))
    assert "encrypted: it needs a password, which cannot be given here (set/train/dog/1.jpg, " in said


def test_all_problems_at_once(tmp_path):
    many = {f"../{number}.jpg": b"x" for number in range(1000)}
    said = refused(tmp_path, zip_bytes({**PICTURES, **many, "/a.jpg": b"x", "SET/b.jpg": b"x"}))
    assert said.splitlines()[0].endswith("cannot be unpacked. Pack it anew, or unpack it yourself and name its folder:")
    assert said.splitlines()[1:] == [
        "  paths that lead out of the folder (../0.jpg, ../1.jpg, ../2.jpg and 997 more)",
        "  absolute paths: pack the folder itself, not its path (/a.jpg)",
        "  names that differ in capital letters only: rename one (SET and set)",
    ]


def test_a_terminal_is_not_moved_by_names(tmp_path):
    assert "(../\\x1b[2J.jpg)" in refused(tmp_path, zip_bytes({"../\x1b[2J.jpg": b"x"}))


def test_entries_that_lie_over_each_other(tmp_path):
    """A small file whose entries share their data, as in bombs of a new kind."""
    data = zip_bytes({"a.bmp": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    central = b"".join(data[start:end].replace(b"a.bmp", b"%05d" % number) for number in range(100))
    tail = bytearray(data[end:])
    tail[8:10] = tail[10:12] = (100).to_bytes(2, "little")
    tail[12:16] = len(central).to_bytes(4, "little")
    assert "MiB unpacked, the limit" in refused(tmp_path, data[:start] + central + bytes(tail))


def test_the_number_of_files_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "ENTRIES", 2)
    assert "more than 2 files and folders" in refused(tmp_path, zip_bytes(PICTURES))
    assert "more than 2 files and folders" in refused(tmp_path, tar_bytes(PICTURES, "w:xz"))


def test_the_size_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "UNPACKED", 2**12)
    assert "more than 0 MiB unpacked" in refused(tmp_path, zip_bytes(PICTURES))
    monkeypatch.setattr(unpacking, "PACKED", 100)
    assert "unpack it and name its folder" in refused(tmp_path, zip_bytes(PICTURES))


def test_a_disk_that_is_full(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    words = "No space left on device); free some space or choose another --cache_dir"
    assert words in refused(tmp_path, zip_bytes(PICTURES))
    monkeypatch.undo()
    few = shutil._ntuple_diskusage(10, 9, 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: few)
    assert "0 MiB left; free some space" in refused(tmp_path, tar_bytes(PICTURES))


def test_a_disk_that_refuses_to_rename_folders(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "rename", refuse)
    folder = unpack(written(tmp_path, zip_bytes(PICTURES)), tmp_path / "cache")
    assert files(folder) == PICTURES and os.listdir(folder.parent.parent) == [folder.parent.name]
    assert unpack(tmp_path / "photos.zip", tmp_path / "cache") == folder


def test_a_file_in_place_of_the_cache(tmp_path):
    (tmp_path / "cache").touch()
    with pytest.raises(UserError, match=r"cannot be unpacked into .*cache .*; free some space or choose another"):
        unpack(written(tmp_path, zip_bytes(PICTURES)), tmp_path / "cache")


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photos.zip")
    with pytest.raises(UserError, match="a named pipe, not a file"):
        unpack(tmp_path / "photos.zip", tmp_path / "cache")
    with pytest.raises(UserError, match="No such file"):
        unpack(tmp_path / "gone.zip", tmp_path / "cache")


def test_a_damaged_photo_leaves_nothing(tmp_path):
    data = bytearray(zip_bytes(PICTURES))
    data[data.index(b"2" * 100) + 50] ^= 1
    assert "Bad CRC-32" in refused(tmp_path, bytes(data))


def test_two_runs_at_once(tmp_path, caplog):
    caplog.set_level("INFO")
    archive = written(tmp_path, zip_bytes({f"dog/{number}.jpg": os.urandom(2000) for number in range(200)}))
    with ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda _: unpack(archive, tmp_path / "cache"), range(3)))
    assert len(set(folders)) == 1 and len(files(folders[0])) == 200
    assert sum("200 files unpacked" in record.getMessage() for record in caplog.records) == 1


def test_killed_in_the_middle(tmp_path):
    """Nothing half is taken for the data set, and the next run removes what is left."""
    archive = written(tmp_path, zip_bytes({f"dog/{number}.jpg": bytes(200_000) for number in range(400)}))
    program = f"""
import sys; sys.path.insert(0, {str(ROOT / "train" / "train_dir")!r})
from pathlib import Path
from mobilenetv2.data.unpacking import unpack
unpack(Path({str(archive)!r}), Path({str(tmp_path / "cache")!r}))
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    place = tmp_path / "cache" / "unpacked"
    while process.poll() is None and not list(place.glob(".*.part/files/dog/1*.jpg")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert [path.name[-5:] for path in place.iterdir()] == [".part"]
    folder = unpack(archive, tmp_path / "cache")
    assert len(files(folder)) == 400 and os.listdir(place) == [folder.parent.name]


def test_a_folder_that_holds_only_an_archive(tmp_path):
    folder = tmp_path / "dataset"
    folder.mkdir()
    archive = written(folder, zip_bytes(PICTURES))
    (folder / ".DS_Store").touch()
    (folder / "cache").mkdir()
    assert lone_file(folder, [folder / "cache"]) == archive and lone_file(folder, []) is None
    written(folder, b"", "readme.txt")
    assert lone_file(folder, [folder / "cache"]) is None


def test_changes_at_random(tmp_path):
    """Whatever is in an archive: it is unpacked into its folder, or refused in words."""
    random = np.random.default_rng(0)
    wholes = [
        zip_bytes(PICTURES, zipfile.ZIP_DEFLATED),
        tar_bytes(PICTURES),
        tar_bytes(PICTURES, "w:gz"),
        tar_bytes(PICTURES, "w:xz"),
    ]
    for number in range(240):
        data = bytearray(wholes[number % 4])
        for _ in range(random.integers(1, 4)):
            start = random.integers(len(data))
            length = random.integers(1, 9)
            data[start : start + length] = random.bytes(random.integers(0, 9))
        with suppress(UserError):
            unpack(written(tmp_path, bytes(data)), tmp_path / "cache")
    assert {path.name for path in tmp_path.iterdir()} == {"photos.zip", "cache"}
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"unpacked"}
    assert not list((tmp_path / "cache" / "unpacked").glob(".*"))


def test_the_key_is_the_content(tmp_path):
    data = zip_bytes(PICTURES)
    folder = unpack(written(tmp_path, data), tmp_path / "cache")
    assert folder.parent.name == hashlib.sha256(unpacking.RULES + data).hexdigest()[:32]
