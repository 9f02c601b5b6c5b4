"""Every problem of a data set is found before epoch 1, in one report, by file name; nothing is changed."""

import os
import shutil

import pytest
from conftest import SHARED, UNREADABLE, needs_shared
from folders import clean, fill
from PIL import Image

from mobilenetv2.checks.data_check import act_on_findings, check_photos
from mobilenetv2.checks.issues import first_of_each
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.runtime.errors import UserError


def checked(root, bad_files="stop", tmp=None):
    found = check_photos(
        dataset.scan_folder(str(root)), Preprocessing(32), PhotoCache(str(tmp or root.parent / "cache")), 2
    )
    act_on_findings(found.data.findings, bad_files=bad_files, leaks="stop")
    return found.data


def snapshot(root):
    return {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in root.rglob("*") if file.is_file()}


def test_train_and_val_folders(tmp_path):
    data = checked(clean(tmp_path / "photos"))
    assert data.classes == ("cat", "dog") and not data.findings
    assert data.counts("train") == data.counts("val") == {"cat": 3, "dog": 3}
    assert data.labels("val").tolist() == [0, 0, 0, 1, 1, 1]


def test_every_defect_in_one_report(tmp_path):
    root = clean(tmp_path / "photos")
    (root / "train/cat/empty.jpg").touch()
    (root / "train/cat/text.jpg").write_text("not a picture")
    (root / "train/dog/pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    whole = (root / "train/dog/0.png").read_bytes()
    (root / "train/dog/cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "val/dog/scan.jp2").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 30)
    fill(root, "train/only_here/1.png", "train/only_here/2.png", "val/lizard/1.png", colour=1)
    (root / "train/.ipynb_checkpoints").mkdir()
    (root / "train/cat/.DS_Store").touch()
    (root / "train/cat/notes.txt").touch()
    (root / "train/cat/more").mkdir()
    (root / "val/readme.md").touch()
    fill(root, "train/dog/new.png", colour=7)
    (root / "train/dog/new.png").rename(root / "train/dog/named_wrongly.jpg")
    (root / "train/bird").mkdir()
    (root / "val/bird").mkdir()
    before = snapshot(root)
    data = dataset.scan_folder(str(root))
    with pytest.raises(UserError) as caught:
        checked(root)
    lines = str(caught.value).split("\n  ")
    assert lines[0] == "the data set has 8 problems; mend them; or leave out what cannot be read with --bad_files skip:"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "train/lizard",
        "val/only_here",
        "train/cat/empty.jpg",
        "train/cat/text.jpg",
        "train/dog/cut.png",
        "train/dog/pointer.png",
        "train/bird",
        "val/bird",
    ]
    for line, words in zip(
        lines[1:],
        [
            "only in val/",
            "only in train/",
            "empty",
            "not a picture",
            "cut off",
            "Git LFS",
            "no readable photos",
            "no readable photos",
        ],
    ):
        assert words in line
    notes = {finding.name: finding.text for finding in data.findings if finding.kind == "note"}
    assert notes == {
        "train/.ipynb_checkpoints": "of the system or of another program, ignored; so is train/cat/.DS_Store",
        "val/readme.md": "beside the photos, ignored",
    }
    unused = {finding.name: finding.text for finding in data.findings if finding.kind == "unused"}
    assert unused == {
        "train/cat/more/": "not used: a folder inside a class folder, with 0 pictures",
        "train/cat/notes.txt": "left out, and 1 more file. 1: JPEG 2000, which this program does not read; save as JPEG "
        "(val/dog/scan.jp2). 1: not a picture (train/cat/notes.txt)",
    }
    assert snapshot(root) == before


def test_skip_leaves_out_what_cannot_be_read(tmp_path, caplog):
    root = clean(tmp_path / "photos")
    (root / "train/cat/text.jpg").write_text("not a picture")
    fill(root, "train/dog/new.png", colour=7)
    (root / "train/dog/new.png").rename(root / "train/dog/named_wrongly.jpg")
    data = checked(root, "skip")
    assert data.counts("train") == {"cat": 3, "dog": 4}
    assert [finding.name for finding in data.findings] == ["train/cat/text.jpg", "train/dog/named_wrongly.jpg"]
    assert "a PNG picture in spite of its name" in data.findings[1].text


def test_skipping_must_leave_enough(tmp_path):
    root = clean(tmp_path / "photos")
    for n in (0, 1, 2):
        (root / f"train/cat/{n}.png").write_text("not a picture")
    with pytest.raises(UserError, match="train/cat: no readable photos, at least 1 needed"):
        checked(root, "skip")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda root: None, "no such folder of photos"),
        (lambda root: root.write_text("x"), "a file, where a folder of photos is expected"),
        (
            lambda root: root.mkdir(),
            r"no photos in class folders. Found:\n  \./: 0 pictures, 0 other files, 0 folders\nExpected: ",
        ),
        (
            lambda root: fill(root, "train/cat/1.png", "train/cat/2.png", "val/cat/3.png"),
            "found cat; two or more are needed",
        ),
    ],
)
def test_hopeless_folders(tmp_path, make, words):
    make(tmp_path / "photos")
    with pytest.raises(UserError, match=words):
        checked(tmp_path / "photos")


def test_photo_changed_during_the_run(tmp_path):
    data = checked(clean(tmp_path / "photos"))
    photo = data.split("train")[0]
    fill(photo.file.parent, photo.file.name, colour=77)
    with pytest.raises(UserError, match=r"train/cat/0\.png: the file was changed during the run"):
        photo.read()


def test_many_findings_are_said_by_kind(tmp_path, caplog):
    root = tmp_path / "photos"
    fill(root, *(f"{split}/{class_}/{n}.png" for split in ("train", "val") for class_ in "ab" for n in range(20)))
    for file in root.glob("*/*/*.png"):
        Image.open(file).resize((40, 40)).save(file)
    for n in range(60):
        (root / f"train/a/bad{n:02d}.png").write_text("not a picture")
    for n in range(5, 7):
        shutil.copy(root / f"train/b/{n}.png", root / f"val/b/leak{n}.png")
    found = check_photos(dataset.scan_folder(str(root)), Preprocessing(32), PhotoCache(str(tmp_path / "cache")), 2)
    with pytest.raises(UserError) as caught, caplog.at_level("INFO"):
        act_on_findings(found.data.findings, bad_files="stop", leaks="stop")
    first, *lines = str(caught.value).split("\n  ")
    assert first.startswith("the data set has 62 problems; mend them; or ")
    assert [line.split(":")[0] for line in lines] == [
        *(f"train/a/bad{n:02d}.png" for n in range(48)),
        "... and 12 more (unreadable), listed in check.json",
        "val/b/leak5.png",
        "val/b/leak6.png",
    ]
    tiny = [finding for finding in found.data.findings if finding.kind == "tiny"]
    assert len(tiny) == 82
    said = ["Found 82 times: tiny. All are in check.json; the first 3:", *(f"  {one}" for one in tiny[:3])]
    assert caplog.messages == ["\n".join(said)]


@pytest.mark.parametrize(
    "counts, most, shown",
    [
        ({"a": 1400, "b": 3, "c": 60}, 50, {"a": 24, "b": 3, "c": 23}),
        ({"a": 2, "b": 3}, 50, {"a": 2, "b": 3}),
        ({"a": 9, "b": 9, "c": 9}, 2, {"a": 0, "b": 1, "c": 1}),
        ({}, 50, {}),
    ],
)
def test_room_for_each_kind(counts, most, shown):
    assert first_of_each(counts, most) == shown


@needs_shared
def test_odd_files_in_a_class_folder(tmp_path):
    root = clean(tmp_path / "photos")
    for file in (SHARED / "odd").iterdir():
        shutil.copy(file, root / "train" / "cat")
    data = checked(root, "skip")
    assert data.counts("train") == {"cat": 3 + 30 - len(UNREADABLE), "dog": 3}
    kinds = [finding.kind for finding in data.findings]
    left_out = {"python-pillow_avif_hopper.heif"} & UNREADABLE.keys()  # read where pillow-heif is installed
    assert kinds.count("bad") == len(UNREADABLE) - len(left_out)
    (unused,) = [finding for finding in data.findings if finding.kind == "unused"]
    assert all(name in unused.text for name in left_out) and "1: not a picture (train/cat/WHAT.csv)" in unused.text
    named = {finding.name.split("/")[-1] for finding in data.findings if "in spite of its name" in finding.text}
    assert {"elvin4ik_croissant.jpg", "patrycjaoosthuizen_croissants.png", "bazza13320_dog2.jpg"} <= named
    assert "caltamura1_dog16.jpg" not in named  # MPO: a JPEG with a second one behind it


def test_name_that_is_not_utf8(tmp_path):
    root = clean(tmp_path / "photos")
    shutil.copy(root / "train/cat/0.png", os.fsdecode(bytes(root / "train/cat") + b"/\xff.png"))
    os.mkdir(os.fsdecode(bytes(root / "train") + b"/\xfe"))
    with pytest.raises(UserError) as caught:
        checked(root)
    assert r"train/cat/\udcff.png: its name is not valid UTF-8, or has control characters; rename it" in str(
        caught.value
    )
    assert r"train/\udcfe: its name is not valid UTF-8, or has control characters; rename it" in str(caught.value)


def test_what_is_no_file_is_a_finding_beside_the_photos(tmp_path):
    root = clean(tmp_path / "photos")
    os.mkfifo(root / "train/cat/pipe.jpg")
    os.symlink("/dev/zero", root / "train/cat/endless.png")
    os.symlink("loop.png", root / "val/dog/loop.png")
    with open(root / "val/dog/sparse.jpg", "wb") as stream:
        stream.truncate(9 * 2**30)
    with pytest.raises(UserError) as caught:
        checked(root)
    assert str(caught.value).split("\n  ")[1:] == [
        "train/cat/endless.png: a device, not a file; put the picture itself in its place",
        "train/cat/pipe.jpg: a named pipe, not a file; put the picture itself in its place",
        "val/dog/loop.png: cannot be read (Too many levels of symbolic links)",
        "val/dog/sparse.jpg: the file has 9216 MiB, more than the limit of 64 MiB; make it smaller",
    ]
    assert len(checked(root, bad_files="skip").photos) == 12


def test_photo_that_becomes_something_else_during_the_run(tmp_path):
    data = checked(clean(tmp_path / "photos"))
    changes = {
        "a named pipe, not a file": os.mkfifo,
        "a folder, not a file": os.mkdir,
        "a device, not a file": lambda file: os.symlink("/dev/zero", file),
        "Too many levels of symbolic links": lambda file: os.symlink(file, file),
    }
    for photo, (words, make) in zip(data.photos, changes.items()):
        photo.file.unlink()
        make(photo.file)
        with pytest.raises(UserError) as caught:
            photo.read()
        assert str(caught.value) == f"{photo.name}: cannot be read any more ({words})"
