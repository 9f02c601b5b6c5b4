"""Batch prediction, run as its users do, with the checkpoint of a real training run and in a fresh clone."""

import csv
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import List

import numpy as np
import pytest
from conftest import ROOT, SHARED, UNREADABLE, metrics, needs_shared
from pages import trained
from PIL import Image
from predict import main

from mobilenetv2.classifier import Classifier
from mobilenetv2.data import sample
from mobilenetv2.model import checkpoint

CLASSES = ("croissants", "dog")


PREDICT = ROOT / "inference" / "predict.py"


# Even root may then read only what permissions allow it.
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


def predict(*arguments, cwd, stdin="", script=PREDICT, **environment):
    command = [sys.executable, str(script), *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", input=stdin
    )


def table(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_one_file_in_this_process(drawings, capsys, monkeypatch):
    monkeypatch.chdir(drawings)
    assert main(["val/dog/dog_003.jpg", "--checkpoint", str(checkpoint.EMBEDDED)]) == 0
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["file"] == "val/dog/dog_003.jpg" and row["label"] == "dog" and row["error"] == ""
    known = Classifier(str(checkpoint.EMBEDDED)).answer(Path(row["file"]).read_bytes())
    assert float(row["confidence dog"]) == pytest.approx(known.confidences["dog"], abs=1e-5)


@pytest.mark.parametrize(
    "typed, meant", [("--outptu", "--output"), ("--chekpoint=x", "--checkpoint"), ("--nul", "--null")]
)
def test_a_misspelt_argument_stops_it(typed, meant, drawings, capsys, caplog):
    assert main([typed, str(drawings / "val")]) == 2
    assert caplog.messages == [f"{typed}: there is no such argument; did you mean {meant}?"]
    assert capsys.readouterr().out == ""


def test_an_unknown_argument_stops_it_and_options_may_stand_between_names(drawings, capsys, caplog):
    one, other = (str(drawings / "val" / "dog" / f"dog_00{number}.jpg") for number in (1, 3))
    assert main([one, "--verbose"]) == 2
    assert caplog.messages == ["--verbose: there is no such argument; --help shows all"]
    assert main([one, "--checkpoint", str(checkpoint.EMBEDDED), other]) == 0
    assert [row["file"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == [one, other]


def test_folder_glob_file_and_list_give_the_same_rows(drawn, tmp_path):
    folder = drawn / "sample" / "val"
    names = sorted(str(file) for file in folder.rglob("*.jpg"))
    rows = table(predict(folder, cwd=tmp_path, CHECKPOINT=str(drawn)))
    assert [row["file"] for row in rows] == names and len(rows) == 40
    known = json.loads((drawn / "metrics.json").read_text(encoding="utf-8"))["val"]["correct"]
    best = [max(CLASSES, key=lambda name: float(row[f"confidence {name}"])) for row in rows]
    assert sum(name == row["file"].split("/")[-2] for name, row in zip(best, rows)) == known
    for row in rows:
        confidences = {name: float(row[f"confidence {name}"]) for name in CLASSES}
        best = max(confidences, key=confidences.get)
        # It began with a network that knows more than drawings, and refuses nothing.
        assert (row["label"], row["neither"]) == (best, "") and abs(sum(confidences.values()) - 1) < 1e-5
        assert (row["width"], row["height"], row["error"]) == ("192", "192", "") and float(row["milliseconds"]) > 0
    few = predict(
        names[0],
        f"{folder}/dog/*_00?.jpg",
        "-",
        "--checkpoint",
        drawn,
        "--format=jsonl",
        cwd=tmp_path,
        stdin=f"{names[1]}\n",
    )
    records = [json.loads(line) for line in few.stdout.splitlines()]
    assert few.returncode == 0 and [record["file"] for record in records] == [names[0], *names[20:30], names[1]]
    alone = {row["file"]: float(row["confidence dog"]) for row in rows}
    np.testing.assert_allclose(
        [record["confidences"]["dog"] for record in records], [alone[r["file"]] for r in records], atol=2e-6
    )


def test_bad_file_is_a_row_with_its_error_and_exit_code_1(drawings, built_in, bad_files, tmp_path):
    good = drawings / "val" / "dog" / "dog_000.jpg"
    done = predict(*bad_files, good, "nowhere.jpg", "--checkpoint", built_in, cwd=tmp_path)
    rows = table(done)
    assert done.returncode == 1 and "Traceback" not in done.stderr and len(rows) == 7
    for row, words in zip(rows, [*bad_files.values(), "", "cannot be read (No such file or directory)"]):
        assert words in row["error"] and bool(row["label"]) == (not words)


def test_without_a_checkpoint_predict_says_what_to_do(tmp_path):
    done = predict("x.jpg", "--checkpoint", tmp_path / "none.ckpt", cwd=tmp_path)
    assert done.returncode == 2 and "there is no such file or folder" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def place(drawings, tmp_path, monkeypatch):
    """A working folder with pictures in a/, and in b/, which a/linked leads to; empty/ has none."""
    monkeypatch.chdir(tmp_path)
    for name in ("a/x.jpg", "b/y.jpg"):
        os.makedirs(os.path.dirname(name))
        shutil.copy(drawings / "val" / "dog" / "dog_003.jpg", name)
    os.symlink(tmp_path / "b", "a/linked")
    os.mkdir("empty")
    return tmp_path


BUILT_IN = ("--checkpoint", str(checkpoint.EMBEDDED))


@pytest.mark.parametrize(
    "name, says",
    [
        ("*.nothing", "no picture matches this pattern"),
        ("a/[y-z]*", "no picture matches this pattern"),
        ("empty", "no picture is in this folder"),
        ("e*", "no picture matches this pattern"),
        ("nowhere", "No such file or directory"),
        ("a\ud800", "this system's encoding of file names lacks a character of it"),
    ],
)
def test_nothing_answered_is_no_success(place, capsys, caplog, name, says):
    for more in ([], ["a/x.jpg"], ["b"]):
        assert main([name, *more, *BUILT_IN]) == 1
        first, *rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
        assert first["error"] == f"cannot be read ({says})" and not first["label"]
        assert first["file"] == name.replace("\ud800", r"\ud800")
        assert [row["label"] for row in rows] == ["dog"] * len(more)
        line = (
            f"1 of {len(rows) + 1} have an error instead of an answer. The first is {first['file']}: {first['error']}."
        )
        assert caplog.messages[-1] == line


def test_folders_and_patterns_follow_links_once(place, capsys, caplog):
    caplog.set_level("INFO")
    os.symlink(place / "a", "b/up")
    for name in ("notes.txt", "z.csv", ".DS_Store"):
        (place / "a" / name).write_bytes(b"")
    shutil.copy("a/x.jpg", "a/no_ending")
    for names, files in (
        (["a"], ["a/no_ending", "a/x.jpg", "a/linked/y.jpg"]),
        (["[ab]"], ["a/no_ending", "a/x.jpg", "a/linked/y.jpg"]),
        (["**/*.jpg"], ["a/linked/y.jpg", "a/x.jpg"]),
    ):
        assert main([*names, *BUILT_IN]) == 0
        assert [row["file"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))] == files
    assert "Left out in folders: 1 hidden or of the system (a/.DS_Store); 2 no picture (a/notes.txt, a/z.csv)." in (
        caplog.messages
    )


LATIN1 = b"caf\xe9 \x1b[2J.jpg"
TWO = "a/x.jpg\r\nnowhere 狗.jpg\r\n"
X, NOWHERE = ("a/x.jpg", ""), ("nowhere 狗.jpg", "No such file")


@pytest.mark.parametrize(
    "content, options, expected",
    [
        (TWO.encode("utf-8-sig"), [], [X, NOWHERE]),
        (TWO.encode("utf-16"), [], [X, NOWHERE]),
        (TWO.encode("gbk"), [], [X, (r"nowhere \udcb9\udcb7.jpg", "No such file")]),
        (LATIN1 + b"\na/x.jpg", [], [(r"caf\udce9 \x1b[2J.jpg", ""), X]),
        ("line\nbreak.jpg\0狗.jpg\0".encode(), ["-0"], [(r"line\nbreak.jpg", ""), ("狗.jpg", "")]),
        (b"a/x.jpg\0b/y.jpg\0", [], [(r"a/x.jpg\x00b/y.jpg\x00", "a list of find -print0 needs --null")]),
        (b"n" * 5000, [], [("n" * 5000, "File name too long")]),
        (b"\n", [], [("'-", "the list on standard input has no names")]),
    ],
    ids=["mark", "utf-16", "gbk", "latin-1", "null", "null lines", "long", "empty"],
)
def test_lists_of_any_kind_have_their_rows(place, capsys, monkeypatch, content, options, expected):
    for name in (os.fsdecode(LATIN1), "line\nbreak.jpg", "狗.jpg"):
        shutil.copy("a/x.jpg", name)
    Path("list").write_bytes(content)
    with open("list", encoding="utf-8", errors="strict") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["-", *BUILT_IN, *options]) == any(error for _, error in expected)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == [name for name, _ in expected]
    for row, (_, error) in zip(rows, expected):
        assert error in row["error"] and bool(row["label"]) == (not error)


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "utf-8:strict"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}], ids=["strict", "ascii"]
)
def test_names_do_not_depend_on_the_encoding_of_streams(place, environment):
    shutil.copy("a/x.jpg", os.fsdecode(LATIN1))
    shutil.copy("a/x.jpg", "狗.jpg")
    command = [sys.executable, str(PREDICT), "-", b"caf\xe9.png", *BUILT_IN]
    variables = {**os.environ, "PYTHONCOERCECLOCALE": "0", **environment}
    done = subprocess.run(command, capture_output=True, input=LATIN1 + "\n狗.jpg\n".encode(), env=variables)
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode("utf-8"))))
    chinese = "狗.jpg" if "PYTHONIOENCODING" in environment else r"\udce7\udc8b\udc97.jpg"
    assert [row["file"] for row in rows] == [r"caf\udce9 \x1b[2J.jpg", chinese, r"caf\udce9.png"], done.stderr
    assert [row["label"] for row in rows] == ["dog", "dog", ""] and done.returncode == 1
    assert rb"The first is caf\udce9.png: cannot be read" in done.stderr and b"Traceback" not in done.stderr


def test_a_reader_that_stops_hides_no_error(place):
    for unbuffered, lines in (("1", 2), ("", 0)):  # the pipe breaks at the second row, or at the end
        for names, code in ((["a"], 0), (["nowhere.jpg", "a"], 1)):
            command = [sys.executable, str(PREDICT), *names, *BUILT_IN]
            environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            with subprocess.Popen(command, env=environment, **pipes) as running:
                for _ in range(lines):
                    running.stdout.readline()
                running.stdout.close()
                said = running.stderr.read()
            assert running.returncode == code and ("have an error" in said) == bool(code), said
            assert "Traceback" not in said and "Exception" not in said


def test_streams_that_cannot_be_used(place):
    for arguments, words, code in (
        ("a > /dev/full", "standard output: cannot be written (No space left on device)", 2),
        ("a --format=jsonl > /dev/full", "standard output: cannot be written (No space left on device)", 2),
        ("- 0> list", "standard input: cannot be read (Bad file descriptor)", 2),
        ("- <&-", "the list on standard input has no names", 1),
        ("a >&-", "Checkpoint:", 0),
        ("a --output empty", "--output=empty: a folder; name a file in it", 2),
        ("a --output a/x.jpg/y.csv", "a/x.jpg/y.csv: cannot be written", 2),
    ):
        command = shlex.join([sys.executable, str(PREDICT), "--checkpoint", str(checkpoint.EMBEDDED)])
        done = subprocess.run(["sh", "-c", f"{command} {arguments}"], capture_output=True, text=True)
        assert done.returncode == code and words in done.stderr, (arguments, done.stderr)
        assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_a_file_for_a_spreadsheet(place, capsys):
    shutil.copy("a/x.jpg", "狗.jpg")
    assert main(["狗.jpg", *BUILT_IN]) == 0
    plain = capsys.readouterr().out
    assert plain.startswith("file,label,")
    for name, code in (("new/answers.csv", 0), ("a/answers.csv", 1), ("a/answers.csv", 0)):
        assert main(["狗.jpg", "a", *["empty"] * code, "--output", name, *BUILT_IN]) == code
        data = Path(name).read_bytes()
        assert data.startswith(b"\xef\xbb\xbffile,label,") and data.count(b"\n") == data.count(b"\r\n") == 4 + code
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        assert rows[0]["file"] == "狗.jpg" and rows[0]["label"] == "dog" and plain.count("\r\n") == 2
        assert capsys.readouterr().out == "" and not list(Path(name).parent.glob(".*"))
    assert main(["狗.jpg", "--format=jsonl", "--output=answers.jsonl", *BUILT_IN]) == 0
    assert json.loads(Path("answers.jsonl").read_text(encoding="utf-8"))["file"] == "狗.jpg"


def test_content_that_is_not_read_is_a_row_that_says_why(place):
    os.mkfifo("a/pipe.jpg")
    os.symlink("/dev/zero", "a/zero.png")
    with open("a/large.jpg", "wb") as stream:
        stream.truncate(2**30)
    shutil.copy("a/x.jpg", "a/secret.jpg")
    os.chmod("a/secret.jpg", 0)
    command = [*POWERLESS, sys.executable, str(PREDICT), "a", *BUILT_IN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    rows = {row["file"]: (row["label"], row["error"]) for row in table(done)}
    assert rows["a/x.jpg"] == rows["a/linked/y.jpg"] == ("dog", "") and len(rows) == 6
    for name, words in (
        ("pipe.jpg", "a named pipe, not a file"),
        ("zero.png", "a device, not a file"),
        ("large.jpg", "64 MiB"),
        ("secret.jpg", "cannot be read (Permission denied)"),
    ):
        assert rows[f"a/{name}"][0] == "" and words in rows[f"a/{name}"][1]


@needs_shared
def test_the_case_of_paths(tmp_path):
    """What a run of it says, line by line."""
    photo = sorted((SHARED / "photos" / "val" / "dog").iterdir())[0]
    case = SHARED / "cases" / "predict-paths" / "run.sh"
    done = subprocess.run(["bash", case, sys.executable, ROOT, photo], capture_output=True, text=True, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[:2] == ["glob without match: 1", "empty folder: 1"]
    assert [lines[2], lines[4]] == ["1", "0"]  # files of the linked folder that were answered, folders that are errors
    assert lines[6].startswith("Checkpoint: ") and lines[7].startswith(
        "Checkpoint: "
    )  # the last that was said: no traceback
    assert lines[8].split(",")[0].endswith("/a/x.jpg") and lines[8].split(",")[1] == "dog" and len(lines) == 9


def test_output_takes_the_place_of_its_own_tables_only(tmp_path):
    picture = tmp_path / "a.png"
    Image.new("RGB", (60, 60), "red").save(picture)
    before = picture.read_bytes()
    (tmp_path / "notes.txt").write_text("mine")
    for name in ("a.png", "notes.txt"):
        done = predict("a.png", "--output", name, cwd=tmp_path)
        assert (
            done.returncode == 2
            and f"--output={name}: there is a file that this program has not written" in done.stderr
        )
    assert picture.read_bytes() == before and (tmp_path / "notes.txt").read_text() == "mine"
    for options in ((), ("--format=jsonl",), ()):
        assert predict("a.png", "--output", "out", *options, cwd=tmp_path).returncode == 0
    assert (tmp_path / "out").read_text(encoding="utf-8-sig").startswith("file,label")


@needs_shared
def test_validation_photos_and_odd_files(photos, tmp_path):
    done = predict(SHARED / "photos" / "val", SHARED / "odd", "--checkpoint", photos, cwd=tmp_path)
    rows = table(done)
    left_out = len({"python-pillow_avif_hopper.heif"} & UNREADABLE.keys())  # read where pillow-heif is installed
    assert len(rows) == 143 + 30 - left_out and done.returncode == 1 and "Traceback" not in done.stderr
    assert sum(bool(row["error"]) for row in rows) == len(UNREADABLE) - left_out
    known = trained(photos)
    for row in rows[:143]:
        assert abs(float(row["confidence dog"]) - known["val/" + row["file"].split("/val/")[1]]["dog"]) < 1e-5
    assert sum(row["label"] == "neither" for row in rows[:143]) == metrics(photos)["val"]["refused"] <= 4
    assert {row["label"] for row in rows[:143] if row["label"] != row["file"].split("/")[-2]} == {"neither"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """The two folders of the program, without any output of a training run beside them."""
    root = tmp_path_factory.mktemp("clone")
    for name in ("train", "inference"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("output", "__pycache__"))
    return root


def answers(clone: Path, folder: Path) -> List[Counter]:
    """How often each class below the folder got each label."""
    rows = table(predict(folder, cwd=clone, script=clone / "inference" / "predict.py"))
    return Counter((row["file"].split("/")[-2], row["label"]) for row in rows)


def test_a_fresh_clone_answers_the_drawings(clone, tmp_path):
    sample.write_sample(tmp_path / "sample")
    found = answers(clone, tmp_path / "sample" / "val")
    assert found["croissants", "croissants"] >= 16 and found["dog", "dog"] >= 19 and sum(found.values()) == 40


@needs_shared
def test_a_fresh_clone_answers_photos(clone):
    found = answers(clone, SHARED / "photos" / "val")
    right = {name: found[name, name] for name in ("croissants", "dog")}
    _, description, _ = checkpoint.load(str(checkpoint.EMBEDDED))
    assert sum(right.values()) == description.metrics["val"]["correct"] >= 0.95 * 143
    for name, count in description.data["val"].items():
        assert right[name] >= 0.9 * count


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_can_be_stopped(number, code, tmp_path):
    """While it waits for names; the file of answers is not written."""
    command = [sys.executable, str(PREDICT), "--output", str(tmp_path / "answers.csv"), "-"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "Checkpoint: " not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.5)  # it reads by now
    process.send_signal(number)
    said = process.stderr.read()
    assert process.wait() == code and said.endswith("ERROR: Stopped.\n") and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
