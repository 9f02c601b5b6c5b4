"""What a run says, on consoles of all kinds."""

import os
import shlex
import subprocess
import sys

import pytest
from conftest import TRAIN, Run

from mobilenetv2.runtime import logs
from mobilenetv2.runtime.errors import UserError


def test_console_that_cannot_show_chinese_or_has_gone_does_not_end_the_run(tmp_path):
    run = Run(["--data_url=狗"], tmp_path, PYTHONIOENCODING="ascii")
    assert run.code == 2 and r"\u72d7: there is no such folder of photos" in run.out and "Traceback" not in run.err
    program = shlex.join([sys.executable, str(TRAIN), "--data_url=狗", "--output_path=o"])
    command = f"{program} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "2" and "Traceback" not in done.stderr
    assert "狗: there is no such folder" in (tmp_path / "o" / "train.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "make, words",
    [(os.mkfifo, "a named pipe"), (os.mkdir, "a folder"), (lambda file: os.symlink("/dev/null", file), "a device")],
)
def test_a_log_that_is_no_file_is_not_waited_for(make, words, tmp_path, logging_as_before):
    make(tmp_path / "train.log")
    with pytest.raises(UserError) as caught:
        logs.start_logging(tmp_path)
    assert str(caught.value) == f"--output_path={tmp_path}: train.log in it is {words}, not a file; remove it"


def test_an_output_folder_that_is_a_file_is_said(tmp_path, logging_as_before):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written to \(a file is in the place of the folder\)"):
        logs.start_logging(tmp_path / "file")
