"""Every problem of a data set is found before epoch 1, in one report, by file name; nothing is changed."""

import os
import shutil

import numpy as np
import pytest
from conftest import SHARED, Run, needs_shared
from PIL import Image

from mobilenetv2.checks.data_check import act_on_findings, check_photos
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.runtime.errors import UserError


def fill(root, *names, colour=0):
    """Small pictures, all different."""
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([number, colour]).integers(0, 256, (50, 50, 3), np.uint8)
        Image.fromarray(noise).save(file)


def clean(root):
    fill(
        root,
        *(f"{split}/{class_}/{n}.png" for split in ("train", "val") for class_ in ("cat", "dog") for n in range(3)),
    )
    return root


def checked(root, bad_files="stop", tmp=None):
    found = check_photos(
        dataset.scan_folder(str(root), 0), Preprocessing(32), PhotoCache(str(tmp or root.parent / "cache")), 2
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


@pytest.mark.parametrize("inside", ["", "DogCroissants", "a/DogCroissants"])
def test_root_or_parent_with_or_without_slash(tmp_path, inside):
    clean(tmp_path / "data" / inside)
    for path in (f"{tmp_path}/data", f"{tmp_path}/data/"):
        assert len(dataset.scan_folder(path, 0).photos) == 12


def test_one_level_of_class_folders_is_split_by_seed(tmp_path):
    fill(tmp_path / "p", *(f"{class_}/{n}.png" for class_ in ("a", "b", "c") for n in range(10)))
    splits = []
    for seed in (0, 0, 1):
        data = dataset.scan_folder(str(tmp_path / "p"), seed)
        assert data.counts("train") == {"a": 8, "b": 8, "c": 8} and data.counts("val") == {"a": 2, "b": 2, "c": 2}
        splits.append({photo.name for photo in data.split("val")})
    assert splits[0] == splits[1] != splits[2]
    shutil.move(tmp_path / "p", tmp_path / "q")
    assert {photo.name for photo in dataset.scan_folder(str(tmp_path / "q"), 0).split("val")} == splits[0]


def test_only_a_train_folder_is_split_too(tmp_path):
    fill(tmp_path, *(f"train/{class_}/{n}.png" for class_ in ("a", "b") for n in range(5)))
    assert dataset.scan_folder(str(tmp_path), 0).counts("val") == {"a": 1, "b": 1}


def test_every_defect_in_one_report(tmp_path):
    root = clean(tmp_path / "photos")
    (root / "train/cat/empty.jpg").touch()
    (root / "train/cat/text.jpg").write_text("not a picture")
    (root / "train/dog/pointer.png").write_text("version https://git-lfs.github.com/spec/v1\n")
    whole = (root / "train/dog/0.png").read_bytes()
    (root / "train/dog/cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "val/dog/phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 30)
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
    data = dataset.scan_folder(str(root), 0)
    with pytest.raises(UserError) as caught:
        checked(root)
    lines = str(caught.value).split("\n  ")
    assert lines[0] == "the data set has 9 problems; mend them; or leave out what cannot be read with --bad_files skip:"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "train/lizard",
        "val/only_here",
        "train/cat/empty.jpg",
        "train/cat/text.jpg",
        "train/dog/cut.png",
        "train/dog/pointer.png",
        "val/dog/phone.heic",
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
            "HEIC",
            "no readable photos",
            "no readable photos",
        ],
    ):
        assert words in line
    notes = {finding.name: finding.text for finding in data.findings if finding.kind == "note"}
    assert notes == {
        "train/.ipynb_checkpoints": "hidden, ignored",
        "train/cat/.DS_Store": "hidden, ignored",
        "train/cat/more": "a folder inside a class folder, ignored with all that is in it",
        "train/cat/notes.txt": "not the name of a picture file, ignored",
        "val/readme.md": "a file outside the class folders, ignored",
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
    for n in (0, 1):
        (root / f"train/cat/{n}.png").write_text("not a picture")
    with pytest.raises(UserError, match="train/cat: 1 readable photo, at least 2 needed"):
        checked(root, "skip")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda root: None, "no such folder of photos"),
        (lambda root: root.write_text("x"), "a file, where a folder of photos is expected"),
        (lambda root: root.mkdir(), "found none; two or more are needed"),
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


def test_data_and_weights_are_reported_together(tmp_path):
    run = Run(["--data_url=nowhere", "--pretrain_url=nothing.ckpt", "--output_path=out"], tmp_path)
    assert run.code == 2 and "Traceback" not in run.out + run.err
    assert "nowhere: there is no such folder of photos" in run.out
    assert "nothing.ckpt: there is no such file or folder of weights" in run.out


@needs_shared
def test_odd_files_in_a_class_folder(tmp_path):
    root = clean(tmp_path / "photos")
    for file in (SHARED / "odd").iterdir():
        shutil.copy(file, root / "train" / "cat")
    data = checked(root, "skip")
    assert data.counts("train") == {"cat": 3 + 22, "dog": 3}
    kinds = [finding.kind for finding in data.findings]
    assert kinds.count("bad") == 8
    named = {finding.name.split("/")[-1] for finding in data.findings if "in spite of its name" in finding.text}
    assert {"elvin4ik_croissant.jpg", "patrycjaoosthuizen_croissants.png", "bazza13320_dog2.jpg"} <= named
    assert "caltamura1_dog16.jpg" not in named  # MPO: a JPEG with a second one behind it


def test_class_with_one_photo_cannot_be_split(tmp_path):
    fill(tmp_path / "p", "a/1.png", "a/2.png", "a/3.png", "b/1.png")
    with pytest.raises(UserError, match=r"(?m)^  b: 1 readable photo for train, at least 2 needed$"):
        checked(tmp_path / "p")


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
