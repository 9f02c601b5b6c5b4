"""Disks, photos, caches, memory, consoles fail: a sentence and exit code 2, or a run that goes on; never a broken checkpoint."""

import errno
import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from conftest import POWERLESS, ROOT, TRAIN
from PIL import Image

import train
from mobilenetv2.model import checkpoint
from mobilenetv2.runtime.own_files import LOG_START, MARKS
from mobilenetv2.stages import preparation


@pytest.fixture(scope="module")
def photos(drawings, tmp_path_factory):
    """16 small drawings to train and 8 to validate."""
    folder = tmp_path_factory.mktemp("faults") / "photos"
    for split, count in (("train", 8), ("val", 4)):
        for class_ in ("croissants", "dog"):
            (folder / split / class_).mkdir(parents=True)
            for file in sorted((drawings / split / class_).iterdir())[:count]:
                Image.open(file).resize((96, 96)).save(folder / split / class_ / file.name)
    return folder


@pytest.fixture(scope="module")
def runs(photos):
    command = [sys.executable, str(ROOT / "tests" / "faults.py"), str(photos.parent / "runs"), str(photos)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_no_fault_shows_a_stack_or_leaves_a_temporary_file(runs, photos):
    for run in runs.values():
        assert "Traceback" not in run["said"] and "CRITICAL" not in run["said"]
        assert not any(".part-" in name for name in run["files"])
    assert not [file for file in photos.parent.glob("runs/*.cache/*/*") if "." in file.name]


def test_full_disk(runs, photos):
    for limit in ("full 0", "full 1000"):
        assert runs[limit]["code"] == 2
        assert set(runs[limit]["files"]) - {"last-check.json"} == {"mobilenetv2.ckpt", "report.html", "train.log"}
        for name in ("mobilenetv2.ckpt", "report.html"):
            earlier = photos.parent / "runs" / limit / name
            assert earlier.read_bytes() == MARKS[name] + b"of an earlier run"
    assert "full 0: cannot be written to (File too large)" in runs["full 0"]["said"]
    said = runs["full 1000"]["said"]
    assert "mobilenetv2.ckpt: cannot be written (File too large)" in said
    assert "train.log cannot be written to any more" in said and "The cache" in said
    assert "mobilenetv2.thumbnails.jpg was not written" in said
    state = runs["full 60000"]  # enough for everything but the states of the training
    assert state["code"] == 0 and state["equal"] and "goes on from an older state" in state["said"]
    assert runs["space again"]["code"] == 0 and runs["space again"]["equal"]


def test_output_folder_that_vanishes(runs):
    assert runs["vanished"]["code"] == 0 and runs["vanished"]["equal"] and "report.html" in runs["vanished"]["files"]


def test_disk_that_refuses_chmod_rename_and_fsync(runs):
    run, check = runs["refusing"], runs["refusing check"]
    assert run["code"] == check["code"] == 0 and run["equal"], run["said"] + check["said"]
    files = {"mobilenetv2.ckpt", "report.html", "metrics.json", "validation.csv", "check.json", "train.log"}
    files |= {"README.md", "history.csv"}
    assert set(run["files"]) == set(runs["whole"]["files"]) == files | {"mobilenetv2.thumbnails.jpg"}
    assert set(check["files"]) == files | {"mobilenetv2.thumbnails.jpg", "last-check.json", "last-check.html"}
    for said in (run["said"], check["said"]):
        assert "not written" not in said and "cannot be written" not in said


def test_photos_that_are_unmounted_during_the_training(runs):
    for name, words in (("unmounted", "No such file or directory"), ("stale", os.strerror(errno.ESTALE))):
        run = runs[name]
        assert run["code"] == 2 and f".jpg: cannot be read any more ({words})" in run["said"]
        assert "mobilenetv2.ckpt" not in run["files"] and ".training.state" in run["files"]


def test_error_of_a_path_that_nothing_expected(monkeypatch, tmp_path, logging_as_before):
    """A sentence and exit code 2. One of no path is a bug, which keeps its stack."""

    def fail(*_):
        raise error

    monkeypatch.setattr(preparation, "prepare", fail)
    error = OSError(errno.EIO, "Input/output error", "/mnt/drive/x")
    assert train.main([f"--output_path={tmp_path}"]) == 2
    assert "/mnt/drive/x: cannot be used (Input/output error)" in (tmp_path / "train.log").read_text(encoding="utf-8")
    error = OSError("cannot identify")
    with pytest.raises(OSError, match="cannot identify"):
        train.main([f"--output_path={tmp_path}"])


def test_photo_that_vanishes_between_two_epochs_and_comes_back(runs):
    assert runs["gone"]["code"] == 2 and "dog_007.jpg: cannot be read any more" in runs["gone"]["said"]
    assert "mobilenetv2.ckpt" not in runs["gone"]["files"] and ".training.state" in runs["gone"]["files"]
    assert runs["back"]["code"] == 0 and runs["back"]["equal"] and "Going on in epoch" in runs["back"]["said"]
    assert ".training.state" not in runs["back"]["files"]


def test_photo_that_is_changed_between_the_check_and_the_features(runs):
    assert (
        runs["changed"]["code"] == 2 and "dog_007.jpg: the file was changed during the run" in runs["changed"]["said"]
    )
    assert "mobilenetv2.ckpt" not in runs["changed"]["files"]


def test_cache_with_damage_in_every_entry_and_times_to_come(runs):
    assert runs["damaged cache"]["entries"] > 150
    assert runs["damaged cache"]["code"] == 0 and runs["damaged cache"]["equal"]


def test_two_runs_in_one_folder(runs):
    assert runs["second"]["code"] == 2 and "another run is writing to it" in runs["second"]["said"]
    assert runs["first"]["code"] == 0 and runs["first"]["equal"]
    assert runs["first"]["log"].startswith(f"{LOG_START}\nDevice: CPU.") and "Wrote" in runs["first"]["log"]


def test_file_system_without_locks(runs):
    assert runs["no locks"]["code"] == 0 and runs["no locks"]["equal"]


def test_too_little_memory(runs):
    assert runs["memory"]["code"] == 2 and "There is not enough memory" in runs["memory"]["said"]


def test_without_a_home_in_a_folder_and_from_a_program_that_are_read_only(photos, tmp_path):
    program, here = tmp_path / "program", tmp_path / "here"
    shutil.copytree(TRAIN.parent, program, ignore=shutil.ignore_patterns("__pycache__"))
    here.mkdir()
    folders = [here, program, *(folder for folder in program.rglob("*") if folder.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    options = [f"--data_url={photos}", f"--output_path={tmp_path / 'out'}", "--leaks=allow"]
    command = [*POWERLESS, sys.executable, str(program / "train.py"), *options, "--epochs=1"]
    environment = {**os.environ, "HOME": "/proc/nowhere"}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    for folder in folders:
        folder.chmod(0o755)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    assert checkpoint.load(str(tmp_path / "out")) and not list(here.iterdir())
    assert not list(program.rglob("__pycache__"))  # the permissions were in force
    assert "The cache /proc/nowhere/.cache/mobilenetv2-photos cannot be written to" in done.stdout


def test_output_folder_that_is_read_only(tmp_path):
    tmp_path.chmod(0o555)
    done = subprocess.run(
        [*POWERLESS, sys.executable, str(TRAIN), f"--output_path={tmp_path}"], capture_output=True, text=True
    )
    tmp_path.chmod(0o755)
    assert done.returncode == 2 and "cannot be written to (Permission denied)" in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())


@pytest.mark.parametrize("console", ["<&- >&- 2>&-", "| head -1"])
def test_console_that_is_closed(console, photos, cache, tmp_path):
    options = [f"--data_url={photos}", "--output_path=out", f"--cache_dir={cache}", "--leaks=allow", "--epochs=5"]
    command = f"{shlex.join([sys.executable, str(TRAIN), *options])} {console}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr and done.stdout.count("\n") == ("head" in console)
    assert checkpoint.load(str(tmp_path / "out"))
    log = (tmp_path / "out" / "train.log").read_text(encoding="utf-8")
    assert log.startswith(f"{LOG_START}\nDevice: CPU.") and "Wrote out/mobilenetv2.ckpt." in log
