"""Names of files, folders and patterns, and lists of names, as they come from real file systems and other programs."""

import codecs
import io
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from named_files import LeftOut, find_files, read_list

from mobilenetv2.data.image_errors import ImageError

POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def listed(content, null=False):
    return list(read_list(io.BufferedReader(io.BytesIO(content)), null))


NAMES = ["a.jpg", "牛角包/狗 1.jpg", " spaces .jpg", "😀.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"], ids=repr)
def test_a_list_has_the_same_names_in_any_encoding(encoding, end):
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    for last in ("", end):
        assert listed(mark + (end.join(NAMES) + last).encode(encoding), null=end == "\0") == NAMES
        assert listed(mark + (end * 2 + end.join(NAMES) + last).encode(encoding), null=end == "\0") == NAMES


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"\xff\xfe.jpg", b"\xfe\xff", b"\xef\xbb.jpg", b"\x80", b"\xff"])
@pytest.mark.parametrize("null", [False, True])
def test_a_list_has_names_that_are_not_utf8_as_they_are(name, null):
    end = b"\0" if null else b"\n"
    assert listed(name + end + b"b.jpg" + end, null) == [os.fsdecode(name), "b.jpg"]
    assert listed(name, null) == [os.fsdecode(name)]


def test_a_list_of_one_kind_is_not_of_the_other():
    assert listed(b"a\nb\0 c\r\0\0", null=True) == ["a\nb", " c\r"]
    assert listed(b"a\0b\n") == ["a\0b"]
    assert listed(b"") == listed(b"\n \r\n") == listed(codecs.BOM_UTF8) == listed(b"\0", null=True) == []
    assert listed(b"/x/" + b"n" * 200_000 + b"\nb") == ["/x/" + "n" * 200_000, "b"]
    assert "\ufffd" in listed("a\n".encode("utf-16") + b"\x00\xd8\n\0")[1]  # half of a character
    assert listed("a\nb".encode("utf-16") + b"\0") == ["a", "b\ufffd"]


@pytest.fixture
def tree(drawings, tmp_path, monkeypatch):
    """A folder with pictures by many names, and with what is none."""
    monkeypatch.chdir(tmp_path)
    picture = drawings / "val" / "dog" / "dog_000.jpg"
    for name in (
        "b.jpg",
        "no_ending",
        "photo.txt",
        "sub/c.JPG",
        "sub/deep/d.dat",
        ".hidden.jpg",
        ".git/e.jpg",
        "@eaDir/f.jpg",
    ):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, tmp_path / "a" / name)
    for name, content in (
        ("notes.txt", b"BM me"), ("z.csv", b"x"), ("y.csv", b"x"), ("x.csv", b""), ("Thumbs.db", b"x"), ("broken.png", b"x"),
    ):  # fmt: skip
        (tmp_path / "a" / name).write_bytes(content)
    return tmp_path


IN_A = ["a/b.jpg", "a/broken.png", "a/no_ending", "a/photo.txt", "a/sub/c.JPG", "a/sub/deep/d.dat"]


def found(name):
    """Names and paths of files; or names and errors; what was left out."""
    left_out = LeftOut()
    entries = list(find_files(name, left_out))
    assert all(isinstance(entry, ImageError) or entry == Path(path) for path, entry in entries)
    return [path if not isinstance(entry, ImageError) else (path, str(entry)) for path, entry in entries], str(left_out)


def test_pictures_in_a_folder_are_known_by_their_bytes(tree):
    names, left_out = found("a")
    assert names == IN_A  # the broken one gets its error
    assert left_out == (
        "4 hidden or of the system (a/.git, a/.hidden.jpg, a/@eaDir, ...); 4 no picture (a/notes.txt, a/x.csv, a/y.csv, ...)"
    )
    assert found(".")[0] == [f"./{name}" for name in IN_A]
    assert found("a/.git")[0] == ["a/.git/e.jpg"]  # as it is named
    for name in ("a/notes.txt", "a/Thumbs.db", "nowhere.jpg", "", "a/sub/c.JPG"):
        assert found(name) == ([name], "")  # reading it says what is wrong


def test_what_stands_for_nothing_is_an_error(tree):
    os.makedirs("empty/also")
    os.makedirs("texts")
    shutil.copy("a/notes.txt", "texts")
    assert found("empty") == ([("empty", "cannot be read (no picture is in this folder)")], "")
    assert found("texts") == (
        [("texts", "cannot be read (no picture is in this folder)")],
        "1 no picture (texts/notes.txt)",
    )
    for pattern in ("*.nothing", "empt?", "b[0-9].jpg", "**/*.nothing", "nowhere/**", "empty/**/*"):
        assert found(pattern)[0] == [(pattern, "cannot be read (no picture matches this pattern)")]
    assert found("a\0b")[0][0][1].startswith("cannot be read (a null character in the name")


def test_patterns(tree):
    shutil.copy("a/b.jpg", "x[1].jpg")
    shutil.copy("a/b.jpg", "x1.jpg")
    assert found("x[1].jpg")[0] == ["x[1].jpg"]  # a file of that name comes first
    assert found("x[12].jpg")[0] == ["x1.jpg"]
    assert found("a/*.txt") == (["a/notes.txt", "a/photo.txt"], "")  # named, so each has a row
    assert found("*")[0] == [*IN_A, "x1.jpg", "x[1].jpg"]
    assert found("a/s*")[0] == IN_A[4:]
    assert found("**/*.jpg")[0] == ["a/b.jpg", "x1.jpg", "x[1].jpg"]
    assert found("a/**/*.dat")[0] == found("**/deep/**/*")[0] == ["a/sub/deep/d.dat"]
    assert found("a/**")[0] == IN_A
    assert found("a/sub/**/*")[0] == ["a/sub/c.JPG", "a/sub/deep/d.dat"]  # once, though folders match as well
    assert found(f"{tree}/**/d.*")[0] == [f"{tree}/a/sub/deep/d.dat"]


def test_linked_folders_are_followed_once(tree):
    os.makedirs("b")
    shutil.copy("a/b.jpg", "b/y.jpg")
    os.symlink(tree / "b", "a/linked")
    os.symlink(tree / "b", "a/linked again")
    for number in range(3):
        os.symlink(tree / "a", f"a/sub/up{number}")  # 3 ** 40 paths
    os.symlink("loop", "a/loop")
    os.symlink("nowhere", "a/gone.jpg")
    files = [name for name in IN_A if name.count("/") == 1]
    expected = sorted([*files, "a/gone.jpg", "a/loop"])
    assert found("a")[0] == [*expected, "a/linked/y.jpg", *IN_A[4:]]
    assert found("**/y.jpg")[0] == ["a/linked/y.jpg"]
    os.symlink("b", "link")
    assert found("link")[0] == ["link/y.jpg"]
    assert found("**/*.dat")[0] == ["a/sub/deep/d.dat"]


def test_what_is_no_file_is_left_out(tree):
    os.mkfifo("a/pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("a/socket")
    names, left_out = found("a")
    assert names == IN_A and "2 special (a/pipe, a/socket)" in left_out


def test_a_path_as_deep_as_can_be(tree):
    here = os.getcwd()
    for _ in range(1500):
        os.mkdir("n")
        os.chdir("n")
    shutil.copy(tree / "a" / "b.jpg", "b.jpg")
    os.chdir(here)
    names = found("n")[0]
    subprocess.run(["rm", "-r", "n"], check=True)  # Python's own functions for this end at 1000 folders
    assert names == ["n/" * 1500 + "b.jpg"]


def test_a_folder_that_cannot_be_listed_is_an_error(tree):
    os.chmod("a/sub", 0)
    program = "import location\nfrom named_files import *\nfor name in ('a', 'a/sub', 'a/*'):"
    program += "\n for path, entry in find_files(name, LeftOut()): print(path, isinstance(entry, Path) or entry)"
    command = [*POWERLESS, sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "inference")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    os.chmod("a/sub", 0o755)
    refused = "a/sub cannot be read (Permission denied)"
    readable = [f"{name} True" for name in IN_A[:4]]
    assert done.stdout.splitlines()[:6] == [*readable, refused, refused], done.stderr
    assert refused in done.stdout.splitlines()[6:]


def test_names_that_are_left_out_hide_nothing(tree):
    os.rename("a/sub", "a/.\u202esub\n")
    assert r"a/.\u202esub\n" in found("a")[1]
