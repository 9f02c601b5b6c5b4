"""What a run says at its end: commands that work as they stand."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, Run, metrics
from pages import opened

from mobilenetv2 import messages
from mobilenetv2.data.kind import DRAWINGS, PHOTOS


def next_steps(text):
    """The lines that say what to do next, without the spaces before them."""
    return [line.strip() for line in text.split("What to do next:\n")[1].splitlines() if line.startswith("  ")]


def commands(text):
    return [line for line in next_steps(text) if "app.py" in line or "train.py" in line]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project, so that no checkpoint of this one is found."""
    names = shutil.ignore_patterns("output", "__pycache__", "*.ckpt.tmp")
    place = tmp_path_factory.mktemp("pro ject")
    for part in ("train", "inference"):
        shutil.copytree(ROOT / part, place / part, ignore=names)
    return place


@pytest.mark.parametrize("output, named", [("output", False), ("else where/it's 狗", True), (".hidden", True)])
def test_the_printed_commands_work(output, named, project, few, cache, tmp_path):
    """From the folder in which the training ran, on a checkpoint that lies where the page looks, and elsewhere."""
    cwd = tmp_path / "my work"
    cwd.mkdir()
    program = project / "train" / "train_dir" / "train.py"
    run = Run([f"--output_path={output}", "--epochs=1", f"--cache_dir={cache}"], cwd, program)
    assert run.code == 0, run.out + run.err
    page, again = commands(run.out)
    assert ("--checkpoint=" in page) == named
    (file,) = re.findall(r"^Checkpoint: (.*)\.$", opened(page, cwd), re.MULTILINE)
    assert (cwd / file).resolve() == cwd / output / "mobilenetv2.ckpt"
    shutil.copytree(few, cwd / "photos")
    command = f"{again} --epochs=1 --output_path=mine --cache_dir={cache}"
    subprocess.run(["bash", "-c", command], cwd=cwd, check=True, capture_output=True)
    assert metrics(cwd / "mine")["val"]["count"] == 10


def test_the_report_is_where_it_is_said_to_be(drawn):
    text = (drawn / "train.log").read_text(encoding="utf-8")
    (url,) = (line for line in next_steps(text) if line.startswith("file://"))
    assert urllib.request.urlopen(url).read() == (drawn / "report.html").read_bytes()


def test_the_way_from_drawings_to_photos(drawn, few, cache, tmp_path):
    (*_, sentence, command) = next_steps((drawn / "train.log").read_text(encoding="utf-8"))
    assert sentence.startswith("It was trained on drawings. Train on your own photos, in one folder per class")
    assert command.endswith(" --data_url photos")
    run = Run(["--data_url", few, "--epochs=1", f"--cache_dir={cache}"], tmp_path)
    assert run.code == 0 and len(commands(run.out)) == 1 and "on drawings" not in run.out.split("What to do next:")[1]


def test_after_a_check(few, tmp_path):
    run = Run(["--data_url", few, "--check", "--pretrain_url=random"], tmp_path)
    report = (tmp_path / "output" / "report.html").as_uri()
    assert next_steps(run.out) == [
        "Read what was found; open this in a browser:",
        report,
        "To train, give the same command without --check.",
    ]


def test_where_only_the_code_of_the_training_is(tmp_path, monkeypatch):
    """As on platforms."""
    monkeypatch.setattr(messages, "PROJECT", tmp_path / "nothing")
    monkeypatch.chdir(tmp_path)
    command = messages.page_command(Path("out"))
    assert command.endswith(
        f" inference/app.py --checkpoint={tmp_path}/out/mobilenetv2.ckpt   (in a copy of the whole project)"
    )


@pytest.mark.parametrize("name", ["a b", "it's", "~x", "-x", "$HOME", "a\nb", "\udcff", "a'\x1bb", "狗"])
def test_a_shell_reads_the_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir(os.fsencode(name))
    written = messages.quoted(messages.shown_path(Path(name)))
    assert written.isprintable()
    read = subprocess.run(["bash", "-c", f"cd {written} && pwd -P"], capture_output=True, check=True).stdout
    assert read == os.fsencode(f"{tmp_path.resolve()}/{name}\n")


def test_python_is_named_as_it_is_found(monkeypatch, tmp_path):
    for name in ("python", "python3"):
        (tmp_path / name).symlink_to(sys.executable)  # another environment's
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shlex.split(messages._python()) == [sys.executable]
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    assert messages._python() == "python"


def test_a_missing_package_is_installed_first(monkeypatch, tmp_path):
    monkeypatch.setattr(messages.importlib.util, "find_spec", lambda name: None)
    monkeypatch.chdir(ROOT)
    assert re.fullmatch(
        r"(\S+) -m pip install -r inference/requirements\.txt && \1 inference/app\.py",
        messages.page_command(Path("output")),
    )


def test_a_notebook_is_told_of_the_program(monkeypatch, tmp_path):
    """There, train.main is called, and the program of the process is another one."""
    monkeypatch.setattr(sys, "argv", ["/usr/lib/ipykernel_launcher.py", "-f", "kernel.json"])
    monkeypatch.chdir(ROOT)
    assert messages.next_steps(tmp_path, DRAWINGS).endswith(" train/train_dir/train.py --data_url photos")
    assert "--data_url" not in messages.next_steps(tmp_path, PHOTOS)
