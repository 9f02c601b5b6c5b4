"""Pictures, weights, names and arguments that were made to do harm do none."""

import csv
import json
import os
import random
import shutil
import string
import subprocess
import sys
import unicodedata
from dataclasses import fields

import httpx
import pytest
from conftest import ROOT, Run
from fuzz import fuzz
from hostile import pictures, weights
from pages import Server
from playwright.sync_api import expect, sync_playwright

from mobilenetv2.command_line import parse_arguments
from mobilenetv2.config import Settings
from mobilenetv2.data import dataset
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.text import spreadsheet_cell

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CLASSES = ("<img src=x onerror=alert(1)>", "=cmd|' 'A0\"&quot;&lt;b&gt;\u202e")  # HTML, and a formula
NAMES = (
    "<script>alert(2)<.jpg",
    "'\"><svg onload=alert(3)>.jpg",
    "-rf.jpg",
    "$(touch owned).jpg",
    "\u202egpj.exe.jpg",
    "{{ 7 * 7 }}.jpg",
    "n" * 251 + ".jpg",
)
BAD_NAMES = ("\x1b]0;owned\x07\x1b[2J.jpg", "line\nERROR: forged.jpg", "back\rspace\b.jpg")

HEAD = """
import resource, sys
sys.path[:0] = [{tests!r}, {package!r}]
import hostile
from mobilenetv2.data import image_stats
from mobilenetv2.data.image import decode
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.model import checkpoint
from mobilenetv2.model.pretrained import read_pretrained
from mobilenetv2.runtime.errors import UserError
from pathlib import Path
"""


def in_a_process(code: str, seconds: int) -> str:
    """The output of a program; fails where it fails or takes longer."""
    paths = {"tests": str(ROOT / "tests"), "package": str(ROOT / "train" / "train_dir")}
    done = subprocess.run(
        [sys.executable, "-c", HEAD.format(**paths) + code], capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_small_pictures_that_ask_for_much_are_refused():
    out = in_a_process(
        """
made = hostile.pictures()
start = resource.getrusage(resource.RUSAGE_SELF)
for name, (data, _) in made.items():
    try:
        image_stats.measure_image(data, decode(data, 224))
        print(name, "|")
    except ImageError as error:
        print(name, "|", error)
end = resource.getrusage(resource.RUSAGE_SELF)
print("peak |", (end.ru_maxrss - start.ru_maxrss) // 1024)
print("seconds |", int(end.ru_utime - start.ru_utime))
""",
        120,
    )
    said = dict(line.split(" |") for line in out.splitlines())
    for name, (_, words) in pictures().items():
        assert words in said[name] and bool(words) == bool(said[name]), f"{name}: {said[name]}"
    assert int(said["peak"]) < 300 and int(said["seconds"]) < 20


def test_files_of_weights_that_lie_are_refused(tmp_path):
    for name, (data, _) in weights().items():
        (tmp_path / name).write_bytes(data)
    out = in_a_process(
        f"""
files = sorted(Path({str(tmp_path)!r}).iterdir())
start = resource.getrusage(resource.RUSAGE_SELF)
for file in files:
    for read in (read_pretrained, checkpoint.load) if file.suffix == ".ckpt" else (read_pretrained,):
        try:
            read(str(file))
            print(file.name, "|", "loaded")
        except UserError as error:
            print(file.name, "|", str(error).replace("\\n", " "))
print("peak |", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start.ru_maxrss) // 1024)
""",
        60,
    )
    lines = [line.split(" | ", 1) for line in out.splitlines()]
    expected = {name: words for name, (_, words) in weights().items()}
    assert {name for name, _ in lines[:-1]} == set(expected)
    for name, said in lines[:-1]:
        assert expected[name] in said, f"{name}: {said}"
    assert int(lines[-1][1]) < 300


@pytest.mark.parametrize("kind, count", [("pictures", 1500), ("weights", 400)])
def test_mutated_files(kind, count, tmp_path):
    """python tests/fuzz.py does the same, for longer."""
    counts = fuzz(kind, 1, range(count), tmp_path / "found")
    assert [name for name in counts if name.startswith("FOUND")] == [], counts
    assert sum(counts.values()) == count and len(counts) >= 2, counts


@pytest.fixture(scope="module")
def named(drawn, tmp_path_factory, cache):
    """Output folder of a run on drawings with names like these, and what it said."""
    place = tmp_path_factory.mktemp("named")
    for drawn_class, class_ in zip(("croissants", "dog"), CLASSES):
        for split in ("train", "val"):
            files = sorted((drawn / "sample" / split / drawn_class).iterdir())
            (place / "data" / split / class_).mkdir(parents=True)
            for number, file in enumerate(files[:12]):
                name = [*NAMES, *BAD_NAMES, "=1+1.jpg", os.fsdecode(b"\xff\xfe.jpg")][number]
                shutil.copy(file, place / "data" / split / class_ / name)
    arguments = ["--data_url", place / "data", "--epochs=2", "--bad_files=skip", f"--cache_dir={cache}", "--\x1b[31m=x"]
    run = Run([*arguments, "--output_path", place / "out"], place)
    assert run.code == 0, run.out + run.err
    return place / "out", run


def test_names_write_nothing_to_the_terminal_and_nowhere_else(named):
    output, run = named
    log = (output / "train.log").read_text(encoding="utf-8")
    for text in (run.out, log):
        assert {letter for letter in text if unicodedata.category(letter) == "Cc"} == {"\n"}
        assert not any(line.startswith("ERROR") for line in text.splitlines())
        assert r"\x1b]0;owned\x07\x1b[2J.jpg: its name is not valid UTF-8, or has control characters" in text
        assert r"line\nERROR: forged.jpg" in text and r"Ignored arguments: --\x1b[31m=x" in text
    assert {file.name for file in output.parent.iterdir()} == {"data", "out"}
    with open(output / "validation.csv", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 16
    assert {row["class"] for row in rows} == {CLASSES[0], "'" + CLASSES[1]}  # that one is no formula
    assert {row["photo"].split("/")[-1] for row in rows} == {*NAMES, "=1+1.jpg"}
    found = json.loads((output / "check.json").read_text(encoding="utf-8"))
    assert sum(finding["kind"] == "bad" for finding in found) == 16


def test_predict_takes_such_names(named, tmp_path):
    output, _ = named
    for name in ("=1+1.jpg", os.fsdecode(b"\xff.jpg"), BAD_NAMES[1]):
        shutil.copy(output.parent / "data" / "val" / CLASSES[0] / "=1+1.jpg", tmp_path / name)
    predict = ROOT / "inference" / "predict.py"
    command = [sys.executable, str(predict), "--checkpoint", str(output), "=1+1.jpg", "*.jpg"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(done.stdout.decode("utf-8", "surrogateescape").splitlines(keepends=True)))
    names = ["'=1+1.jpg", "'=1+1.jpg", BAD_NAMES[1], os.fsdecode(b"\xff.jpg")]
    assert [row["file"] for row in rows] == names and {row["label"][0] for row in rows} <= {"<", "'", "n"}
    done = subprocess.run([*command, "--format=jsonl"], cwd=tmp_path, capture_output=True)
    assert json.loads(done.stdout.splitlines()[0])["file"] == "=1+1.jpg"  # as it is


def test_cells():
    assert [spreadsheet_cell(name) for name in ("=a", "+1", "-rf", "@x", "\tx", "a=b", "")] == (
        ["'=a", "'+1", "'-rf", "'@x", "'\tx", "a=b", ""]
    )


@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_no_name_is_run_in_report_and_page(named, tmp_path):
    output, _ = named
    upload = tmp_path / NAMES[1]
    shutil.copy(output.parent / "data" / "val" / CLASSES[1] / NAMES[0], upload)
    run = []  # dialogues, and errors of scripts and of pictures that are not there
    with Server(CHECKPOINT=str(output)) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("dialog", lambda dialog: (run.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: run.append(request.url) if request.url.endswith("/x") else None)
        page.goto((output / "report.html").as_uri())
        assert page.locator("script").count() == 0 and page.locator("img[src=x], svg[onload]").count() == 0
        assert CLASSES[0] in page.locator("body").inner_text()
        page.goto(server.url)
        expect(page.get_by_role("tab")).to_have_count(2, timeout=20_000)
        expect(page.get_by_text("photos right")).to_contain_text(CLASSES[0], timeout=20_000)
        page.locator("input[type=file]").first.set_input_files(upload)
        expect(page.get_by_text("answered in")).to_be_visible(timeout=20_000)
        page.get_by_role("tab", name="Many pictures").click()
        page.locator("input[type=file]").last.set_input_files([upload, upload])
        page.get_by_role("button", name="Answer all").click()
        expect(page.locator("table.answers tbody tr")).to_have_count(2, timeout=20_000)
        assert page.locator("img[src=x], svg[onload]").count() == 0
        browser.close()
    assert run == []


def test_command_lines_of_nonsense():
    """Settings within their limits, or an error in words."""
    chance = random.Random(0)
    names = [setting.name for setting in fields(Settings)] + ["nonsense", "", "-", "x y", "\x1b"]
    values = [
        "",
        "auto",
        "all",
        "yes",
        "nan",
        "inf",
        "-1",
        "1e999",
        "9" * 5000,
        "0x10",
        "１２",
        "None",
        "[]",
        "&amp;lt;",
        "\udcff",
    ]
    values += ["<b>", "../../etc/passwd", "/", "\n", "%s%n{}", "a" * 10_000]
    refused = 0
    for _ in range(3000):
        parts = []
        for _ in range(chance.randrange(1, 5)):
            value = chance.choice(values) if chance.random() < 0.8 else "".join(chance.choices(string.printable, k=8))
            name = f"--{chance.choice(names)}"
            parts += [f"{name}={value}"] if chance.random() < 0.7 else [name, value]
        try:
            chosen, _ = parse_arguments(Settings, parts)
        except UserError:
            refused += 1
        except SystemExit as end:  # argparse's own: a value is missing
            assert end.code == 2
        else:
            for setting in fields(Settings):
                value = getattr(chosen, setting.name)
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    assert setting.metadata["low"] <= value <= setting.metadata["high"]
    assert 1000 < refused < 2900


@pytest.mark.parametrize("name", ["a" * 5000, "x/" * 3000, "nul\0"])
def test_paths_that_cannot_be(name):
    with pytest.raises(UserError, match="no file or folder can have such a name"):
        dataset.scan_folder(name, 0)


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"model_path": "a.ckpt"}', '{"model_path": [1]}', '{"model_path": [["a.ckpt"]]}', "[" * 100_000,
     '{"model_path": {"a": 1}}', '{"model_path": ["%s.ckpt"]}' % ("a" * 300), '{"model_path": ["a\\u0000.ckpt"]}',
     '{"model_path": ["' + "a" * 2**20 + '"]}', "\xff"],
)  # fmt: skip
def test_config_of_another_form_is_said(content, tmp_path, monkeypatch):
    sys.path.insert(0, str(ROOT / "inference"))
    import checkpoints

    monkeypatch.setattr(checkpoints, "HERE", tmp_path)
    monkeypatch.delenv("CHECKPOINT", raising=False)
    (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"config.json: expected"):
        checkpoints.find_checkpoint()


def test_config_reaches_no_other_folder(named, tmp_path, monkeypatch, caplog):
    """Only a file beside app.py counts, whatever the path before its name."""
    import checkpoints

    monkeypatch.setattr(checkpoints, "HERE", tmp_path / "a" / "inference")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "inference").mkdir(parents=True)
    shutil.copy(named[0] / "mobilenetv2.ckpt", tmp_path / "secret.ckpt")
    for path in ("../../secret.ckpt", str(tmp_path / "secret.ckpt"), "<b>/..", "/etc/passwd", "..", ".ckpt"):
        (tmp_path / "a" / "inference" / "config.json").write_text(json.dumps({"model_path": [path]}))
        assert checkpoints.find_checkpoint() == str(checkpoints.checkpoint.EMBEDDED)
    assert caplog.text.count("is not here, though config.json names it") == 3


def test_uploaded_names_and_paths_stay_in_the_folder(named, tmp_path):
    output, _ = named
    uploads, data = tmp_path / "uploads", (output.parent / "data" / "val" / CLASSES[0] / NAMES[0]).read_bytes()
    with Server(CHECKPOINT=str(output), GRADIO_TEMP_DIR=str(uploads)) as server, httpx.Client(timeout=60) as client:
        for name in ("../../../escaped.jpg", "/tmp/escaped.jpg", "..", "\x1b[2J.jpg", "a" * 300 + ".jpg", NAMES[1]):
            answer = client.post(f"{server.url}/gradio_api/upload", files={"files": (name, data)})
            assert name == ".." or answer.status_code == 200, answer.text
            assert answer.status_code == 400 or answer.json()[0].startswith(str(uploads)), answer.text
        for path in ("/etc/passwd", "../../etc/passwd", str(output / "mobilenetv2.ckpt"), f"{uploads}/../x", "a\0b"):
            assert client.get(f"{server.url}/gradio_api/file={path}".replace("\0", "%00")).status_code in (
                400,
                403,
                404,
            )
    assert {file.name for file in tmp_path.iterdir()} == {"uploads"}
