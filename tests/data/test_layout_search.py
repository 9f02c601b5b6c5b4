"""Every layout that docs/data.md says is understood is, and what is not is said."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from itertools import product

import pytest
from conftest import ROOT, SHARED, Run, needs_shared
from folders import fill

from mobilenetv2.classifier import Classifier
from mobilenetv2.data import dataset
from mobilenetv2.evaluation.intervals import exact_interval
from mobilenetv2.runtime.errors import UserError

ROWS = re.findall(r"^\| `(.+)` \| (.+) \|$", (ROOT / "docs/data.md").read_text(encoding="utf-8"), re.M)
EACH = 6  # pictures for a "*"


def expand(pattern):
    """{a,b}/*.jpg -> all paths that it stands for."""
    parts = [part.split(",") for part in re.split(r"[{}]", pattern)]
    paths = ["".join(choice) for choice in product(*parts)]
    return [path.replace("*", str(number)) for path in paths for number in range(EACH if "*" in path else 1)]


def build(root, layout):
    """The files of a line of the table. A table of classes has a row for each picture: the even ones are cats."""
    names = [path for pattern in re.split(r"[, ]+(?![^{]*})", layout) for path in expand(pattern.strip("`"))]
    fill(root, *(name for name in names if name.endswith(".jpg")))
    for name in (name for name in names if name.endswith(".txt")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("cat\ndog\n")
    for name in (name for name in names if name.endswith(".csv")):
        with open(root / name, "w", newline="") as stream:
            csv.writer(stream).writerows([("file", "class"), *((n, ("cat", "dog")[n % 2]) for n in range(EACH))])
    return root


def understood(root):
    """In the words of the table."""
    try:
        data = dataset.scan_folder(str(root))
    except UserError as error:
        return f"error: {error}"
    folders = [f"{split} in `{folder.name or '.'}/`" for split, folder in data.layout.folders.items()]
    unused = [f"`{unused.name}`" for unused in data.layout.unused]
    return f"{', '.join(folders)}; classes {', '.join(data.classes)}" + "; not used " * bool(unused) + ", ".join(unused)


def test_the_table_has_all_lines():
    assert len(ROWS) == 30


@pytest.mark.parametrize("layout, becomes", ROWS)
def test_layout_of_the_table(tmp_path, layout, becomes):
    said = understood(build(tmp_path / "photos", layout))
    if becomes.startswith("error: "):
        assert said.startswith("error: ") and all(words in said for words in becomes[len("error: ") :].split(" ... "))
    else:
        assert said == becomes


def test_the_chinese_table_is_the_same():
    chinese = (ROOT / "docs/zh/data.md").read_text(encoding="utf-8")
    assert [row[0] for row in re.findall(r"^\| `(.+)` \| (.+) \|$", chinese, re.M)] == [row[0] for row in ROWS]


@needs_shared
@pytest.mark.parametrize(
    "case, below, classes, counts",
    [
        ("class-named-train", ".", ("bus", "car", "train"), {"train": 24, "val": 0}),
        ("nested-split", "a", ("round", "square"), {"train": 12, "val": 4}),
        ("nested-split", "b", ("round", "square"), {"train": 12, "val": 4}),
        ("nested-split", "c", ("round", "square"), {"train": 12, "val": 4}),
        ("nested-split", "d", ("round", "square"), {"train": 12, "val": 4}),
        ("nfc-nfd", ".", ("café", "thé"), {"train": 12, "val": 4}),
        ("other-names", ".", ("round", "square"), {"train": 22, "val": 4}),
    ],
)
def test_case(tmp_path, case, below, classes, counts):
    subprocess.run([sys.executable, str(SHARED / "cases" / case / "make.py"), str(tmp_path / "x")], check=True)
    data = dataset.scan_folder(str(tmp_path / "x" / below))
    assert data.classes == classes
    texts = {finding.name: finding.text for finding in data.findings}
    assert texts == ({"train/": "taken for a class, as it has pictures"} if "train" in classes else {})
    assert {split: len(data.split(split)) for split in ("train", "val")} == counts


def test_forms_of_a_name_in_one_split_are_one_class(tmp_path):
    for form, number in (("NFC", 1), ("NFD", 2), ("NFD", 3)):
        fill(tmp_path, f"{unicodedata.normalize(form, 'Übung é')}/{number}.png", f"b/{number}.png", colour=number)
    data = dataset.scan_folder(str(tmp_path))
    assert data.classes == (unicodedata.normalize("NFC", "Übung é"), "b")[::-1] and len(data.photos) == 6


def test_unreadable_folders_are_all_named(tmp_path):
    fill(tmp_path, *(f"{split}/{class_}/{n}.png" for split in ("train", "val") for class_ in "ab" for n in range(2)))
    locked = [tmp_path / "train/b", tmp_path / "val/a"]
    tmp_path.chmod(0o755)
    for folder in locked:
        folder.chmod(0)
    code = (
        f"import os, sys; sys.path.insert(0, {str(ROOT / 'train/train_dir')!r})\n"
        "from mobilenetv2.data import dataset\n"
        "os.getuid() or (os.setgid(65534), os.setuid(65534))\n"
        f"try: dataset.scan_folder({str(tmp_path)!r})\n"
        "except dataset.UserError as error: print(error)"
    )
    for folder in [*tmp_path.parents][:3]:
        folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    for folder in locked:
        folder.chmod(0o755)
    assert done.stdout.splitlines() == [
        f"{folder}: the folder cannot be listed (Permission denied); check its rights and that the disk is there"
        for folder in locked
    ]


def test_links_are_followed_once(tmp_path):
    fill(tmp_path / "data", *(f"{class_}/{n}.png" for class_ in "ab" for n in range(3)))
    fill(tmp_path / "elsewhere", "1.png", "2.png", colour=5)
    os.symlink(tmp_path / "elsewhere", tmp_path / "data" / "c")
    os.symlink("..", tmp_path / "data" / "a" / "up")
    os.symlink("nowhere", tmp_path / "data" / "b" / "gone.png")
    os.symlink("loop", tmp_path / "data" / "b" / "loop")
    data = dataset.scan_folder(str(tmp_path / "data"))
    assert data.classes == ("a", "b", "c") and len(data.photos) == 9  # the link to nowhere is found when it is read
    assert {finding.name: str(finding.text) for finding in data.findings} == {
        "b/loop": "left out. 1: cannot be read: a link to nothing, or without permission (b/loop)",
        "a/up": "a link to a folder above it, ignored",
    }


@pytest.mark.parametrize(
    "content, classes",
    [
        ("0.png,cat\n1.png,dog\n2.png,cat\n3.png,dog\n", 2),  # no header
        ("\ufeffid;label\n0;cat\n1;dog\n2;cat\n3;dog\n", 2),  # as Excel in Europe writes
        ("image_id\tx\ty\tbreed\n0\t1\t2\tcat\n1\t1\t2\tdog\n2\t1\t2\tcat\n3\t1\t2\tdog\n", 2),
        ("images/0.png,0\nimages\\1.png,1\n2,0\n3.png,1\n", 2),  # classes that are also names of pictures
        ("文件,类别\n0,猫\n1,狗\n2,猫\n3,狗\n", 2),
        ("file,class\n0,cat\n1,dog\n1,cat\n2,dog\n3,dog\n", "row 4: 1 is cat here and dog before"),
        ("file,class\n0,cat\n1,\n2,\n3,dog\n", "row 3 (1) has no class; row 4 (2) has no class"),
        ("0,a,b\n1,c,d\n2,a,b\n3,a,b\n", "3 columns, and which one is the class is not clear"),
        ("9,cat\n8,dog\n7,cat\n", "labels.csv names 3 files, 0 of them are here"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb2312"])
def test_tables(tmp_path, content, classes, encoding):
    fill(tmp_path, *(f"{n}.png" for n in range(4)))
    (tmp_path / "labels.csv").write_bytes(content.encode(encoding, "ignore"))
    said = understood(tmp_path)
    if isinstance(classes, int):
        data = dataset.scan_folder(str(tmp_path))
        assert len(data.classes) == classes and len(data.photos) == 4 and not data.findings, said
    else:
        assert said.startswith("error") and classes in said


def test_a_test_set_is_measured_once_and_never_used_to_choose(tmp_path, drawings, cache):
    """The same checkpoint with and without it; its figures stand in the log, in metrics.json and in the report."""
    place, results = tmp_path / "photos", []
    for split, numbers in (("train", range(12)), ("val", range(4))):
        for class_ in ("croissants", "dog"):
            files = sorted((drawings / split / class_).iterdir())
            (place / split / class_).mkdir(parents=True)
            for number in numbers:
                shutil.copy(files[number], place / split / class_)
    for round_ in range(2):
        out = tmp_path / f"out{round_}"
        run = Run(["--data_url", place, "--output_path", out, "--epochs=2", f"--cache_dir={cache}"], tmp_path)
        assert run.code == 0, run.out + run.err
        results.append((json.loads((out / "metrics.json").read_text(encoding="utf-8")), run.out))
        for class_ in ("croissants", "dog"):
            files = sorted((drawings / "val" / class_).iterdir())[4:9]
            (place / "Testing" / class_).mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copy(file, place / "Testing" / class_)
        shutil.copy(files[0], place / "Testing" / "croissants")  # a wrong one
        os.rename(place / "Testing" / "croissants" / files[0].name, place / "Testing" / "croissants" / "x.jpg")
        (place / "Testing" / "dog" / files[0].name).unlink()
    (without, said), (tested, said_of_test) = results
    assert "test" not in without and "by which nothing was chosen" not in said
    assert tested["val"] == without["val"]
    assert tested["history"]["head"][-1]["loss"] == without["history"]["head"][-1]["loss"]
    classifier, right = Classifier(str(tmp_path / "out1")), 0
    for class_ in ("croissants", "dog"):
        for file in (place / "Testing" / class_).iterdir():
            confidences = classifier.answer(file.read_bytes()).confidences
            right += max(confidences, key=confidences.get) == class_
    test = tested["test"]
    assert test["count"] == 10 and test["correct"] == right < 10 and test["interval"] == list(exact_interval(right, 10))
    assert "Testing/ to test" in said_of_test
    assert f"Test photos, by which nothing was chosen: {right} of 10 " in said_of_test
    report = (tmp_path / "out1" / "report.html").read_text(encoding="utf-8")
    assert f"Of 10 test photos, {right} are answered right" in report and "Test photos" in report
