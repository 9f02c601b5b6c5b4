"""Names of files and classes that were made to do harm do none: in a run, its report, predict.py and the page."""

import csv
import json
import os
import shutil
import subprocess
import sys
import unicodedata

import httpx
import pytest
from conftest import ROOT, Run
from pages import Server
from playwright.sync_api import expect, sync_playwright

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
    "\ufeff\u200bzero\u2028\u2067.jpg",
)
SHOWN = {name: name for name in NAMES}  # in a table, a log and on a page
SHOWN["\u202egpj.exe.jpg"], SHOWN[NAMES[-1]] = r"\u202egpj.exe.jpg", r"\ufeff\u200bzero\u2028\u2067.jpg"


BAD_NAMES = ("\x1b]0;owned\x07\x1b[2J.jpg", "line\nERROR: forged.jpg", "back\rspace\b.jpg")


def hidden(text):
    """The characters of a text that are not seen."""
    return {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.fixture(scope="module")
def named(drawings, tmp_path_factory, cache):
    """Output folder of a run on drawings with names like these, and what it said."""
    place = tmp_path_factory.mktemp("named")
    for drawn_class, class_ in zip(("croissants", "dog"), CLASSES):
        for split in ("train", "val"):
            files = sorted((drawings / split / drawn_class).iterdir())
            (place / "data" / split / class_).mkdir(parents=True)
            for number, file in enumerate(files[:13]):
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
        assert hidden(text) == {"\n"}
        assert not any(line.startswith("ERROR") for line in text.splitlines())
        assert r"\x1b]0;owned\x07\x1b[2J.jpg: its name is not valid UTF-8, or has control characters" in text
        assert r"line\nERROR: forged.jpg" in text and r"Ignored arguments: --\x1b[31m=x" in text
    assert {file.name for file in output.parent.iterdir()} == {"data", "out"}
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 18
    class_ = CLASSES[1].replace("\u202e", r"\u202e")
    assert {row["class"] for row in rows} == {CLASSES[0], f"'{class_}"}  # that one is no formula
    assert {*rows[0]} > {f"logit {class_}", f"confidence {class_}"}
    assert {row["photo"].split("/")[-1] for row in rows} == {*SHOWN.values(), "=1+1.jpg"}
    assert hidden((output / "validation.csv").read_text(encoding="utf-8-sig")) == {"\n"}
    report = (output / "report.html").read_text(encoding="utf-8")
    assert hidden(report) == {"\n"} and r"\u202e" in report
    found = json.loads((output / "check.json").read_text(encoding="utf-8"))
    assert sum(finding["kind"] == "bad" for finding in found["findings"]) == 16


def test_predict_takes_such_names(named, tmp_path):
    output, _ = named
    names = ["=1+1.jpg", BAD_NAMES[1], NAMES[-1], os.fsdecode(b"\xff.jpg")]
    for name in names:
        shutil.copy(output.parent / "data" / "val" / CLASSES[0] / "=1+1.jpg", tmp_path / name)
    predict = ROOT / "inference" / "predict.py"
    command = [sys.executable, str(predict), "--checkpoint", str(output), "=1+1.jpg", "*.jpg", "\u202e gone \udcff"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True)
    assert done.returncode == 1 and hidden(done.stderr.decode()) == {"\n"}, done.stderr
    text = done.stdout.decode()
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    shown = {"=1+1.jpg": "'=1+1.jpg", BAD_NAMES[1]: r"line\nERROR: forged.jpg", NAMES[-1]: SHOWN[NAMES[-1]]}
    shown[os.fsdecode(b"\xff.jpg")] = r"\udcff.jpg"
    expected = ["'=1+1.jpg", *(shown[name] for name in sorted(names)), r"\u202e gone \udcff"]
    assert [row["file"] for row in rows] == expected
    assert {row["label"][0] for row in rows[:-1]} <= {"<", "'", "n"} and hidden(text) == {"\r", "\n"}
    done = subprocess.run([*command, "--format=jsonl"], cwd=tmp_path, capture_output=True)
    text = done.stdout.decode()
    found = [json.loads(line)["file"] for line in text.splitlines()]
    assert found == ["=1+1.jpg", *sorted(names), "\u202e gone \udcff"] and hidden(text) == {"\n"}  # as they are


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
        said = page.locator("body").inner_text()
        assert CLASSES[0] in said and CLASSES[1].replace("\u202e", r"\u202e") in said and "\u202e" not in said
        page.goto(server.url)
        expect(page.get_by_role("tab")).to_have_count(2, timeout=20_000)
        page.get_by_text("photos right").click()
        expect(page.locator(".about")).to_contain_text(CLASSES[0], timeout=20_000)
        expect(page.locator(".about")).to_contain_text(r"\u202e")
        page.locator("input[type=file]").first.set_input_files(upload)
        expect(page.get_by_text("answered in")).to_be_visible(timeout=20_000)
        page.get_by_role("tab", name="Many pictures").click()
        page.locator("input[type=file]").last.set_input_files([upload, upload])
        page.get_by_role("button", name="Answer all").click()
        expect(page.locator("table.answers tbody tr")).to_have_count(2, timeout=20_000)
        assert page.locator("img[src=x], svg[onload]").count() == 0
        assert "\u202e" not in page.locator("body").inner_text()
        browser.close()
    assert run == []


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
