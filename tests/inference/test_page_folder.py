"""The page's own folder: nothing outside of it is touched, and what a killed page left behind is removed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import page_folder
import pytest
from conftest import ROOT, TRAIN

from mobilenetv2.runtime.errors import UserError

PAGE = """
import sys, time
from pathlib import Path
import page_folder
with page_folder.own_folder(float(sys.argv[1])) as folder:
    (folder / "uploads").mkdir()
    (folder / "uploads" / "dog.jpg").touch()
    print(folder, flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def page(tmp_path):
    """page(seconds) -> process and folder of a page that has an upload. All are in tmp_path, and end with the test."""
    processes = []

    def page(seconds):
        paths = os.pathsep.join((str(ROOT / "inference"), str(TRAIN.parent)))
        environment = {**os.environ, "PYTHONPATH": paths, "GRADIO_TEMP_DIR": str(tmp_path)}
        command = [sys.executable, "-c", PAGE, str(seconds)]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process, tmp_path / process.stdout.readline().strip()

    yield page
    for process in processes:
        process.kill()
        process.communicate()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def age(folder, seconds):
    """As if the page had touched its marker so long ago."""
    os.utime(folder / page_folder.MARKER, (time.time() - seconds,) * 2)


def test_what_a_killed_page_left_is_removed_after_its_own_time(page, tmp_path):
    process, folder = page(100)
    kill(process)
    page_folder.remove_abandoned(tmp_path)
    age(folder, 90)
    page_folder.remove_abandoned(tmp_path)
    assert (folder / "uploads" / "dog.jpg").exists()
    age(folder, 110)
    page_folder.remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_runs_keeps_its_folder(page, tmp_path):
    """Even if it was stopped for a day, and its marker is old."""
    process, folder = page(100)
    process.send_signal(signal.SIGSTOP)
    age(folder, 86_400)
    page_folder.remove_abandoned(tmp_path)
    assert (folder / "uploads" / "dog.jpg").exists()
    kill(process)
    page_folder.remove_abandoned(tmp_path)
    assert not folder.exists()


def test_files_of_others_are_never_touched(page, tmp_path):
    process, killed = page(1)
    kill(process)
    age(killed, 100)
    (killed / "uploads" / "link").symlink_to(tmp_path / "photos")  # what it points to stays
    others = [
        tmp_path / name
        for name in ("photos", f"{page_folder.PREFIX}mine", f"{page_folder.PREFIX}other", f"{page_folder.PREFIX}x")
    ]
    for folder in others:
        folder.mkdir()
        (folder / "dog.jpg").write_bytes(b"dog")
        os.utime(folder / "dog.jpg", (1, 1))
    (others[1] / page_folder.MARKER).write_text("{}")
    (others[2] / page_folder.MARKER).write_text(json.dumps({"program": "another", "seconds": 1}))
    os.mkfifo(others[3] / page_folder.MARKER)
    (tmp_path / f"{page_folder.PREFIX}link").symlink_to(shutil.copytree(killed, tmp_path / "copy", symlinks=True))
    (tmp_path / f"{page_folder.PREFIX}file").write_bytes(b"")
    for place, _, names in os.walk(tmp_path):
        for name in names:
            if name == page_folder.MARKER and os.path.isfile(os.path.join(place, name)):
                os.utime(os.path.join(place, name), (1, 1))
    page_folder.remove_abandoned(tmp_path)
    left = {file.name for file in tmp_path.iterdir()}
    assert left == {
        *(folder.name for folder in others),
        "copy",
        f"{page_folder.PREFIX}link",
        f"{page_folder.PREFIX}file",
    }
    assert all((folder / "dog.jpg").read_bytes() == b"dog" for folder in (*others,)) and os.listdir(tmp_path / "copy")


def test_old_files_of_the_own_folder_are_removed_and_the_rest_stays(tmp_path, monkeypatch):
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    os.utime(tmp_path / "mine.jpg", (1, 1))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    before = tempfile.tempdir
    with page_folder.own_folder(1) as folder:
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder / "uploads") and tempfile.gettempdir() == str(folder)
        (folder / "example.png").touch()
        page_folder.start_removing(folder, 1)
        (folder / "uploads" / "a").mkdir(parents=True)
        (folder / "uploads" / "a" / "dog.jpg").touch()
        (folder / "uploads" / "out").symlink_to(tmp_path)
        while (folder / "uploads").exists():
            time.sleep(0.05)
        assert sorted(os.listdir(folder)) == [page_folder.MARKER, "example.png"]
        assert time.time() - os.stat(folder / page_folder.MARKER).st_mtime < 60
    assert os.listdir(tmp_path) == ["mine.jpg"] and os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
    assert tempfile.tempdir == before


def test_a_full_disk_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    words = rf"{tmp_path}: cannot be written to \(No space left on device\); free some space, or set GRADIO_TEMP_DIR"
    with pytest.raises(UserError, match=words), page_folder.own_folder(60), open("/dev/full", "wb", 0) as full:
        full.write(b"x")
    with pytest.raises(FileNotFoundError), page_folder.own_folder(60):
        open(tmp_path / "nothing")  # noqa: SIM115
    assert os.listdir(tmp_path) == [] and os.environ["GRADIO_TEMP_DIR"] == str(tmp_path)
