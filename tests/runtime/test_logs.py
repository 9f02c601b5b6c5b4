"""What a run says, on consoles of all kinds."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from conftest import TRAIN, Run, Terminal, metrics, photo_counts

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


@pytest.fixture(scope="module")
def on_terminal(few, tmp_path_factory, cache):
    place = tmp_path_factory.mktemp("terminal")
    arguments = ["--data_url", few, "--cache_dir", cache, "--unfreeze", "2", "--epochs", "2", "--foo", "bar"]
    run = Terminal([sys.executable, TRAIN, *arguments], place)
    assert run.code == 0, run.screen
    return run, place / "output"


def test_a_terminal_shows_a_line_for_each_epoch_and_the_log_the_forms_of_platforms(on_terminal):
    run, output = on_terminal
    history = metrics(output)["history"]
    shown = [line for line in run.lines if line.startswith("Epoch")]
    form = re.compile(r"Epoch +(\d+) of (\d+): validation: +(\d+) of 10 right, loss (\d\.\d{3})(, the best so far)?")
    found = [form.fullmatch(line).groups()[:4] for line in shown]
    assert found == [
        (str(row["epoch"]), most, str(row["val"]["correct"]), f"{row['val']['loss']:.3f}")
        for stage, most in (("head", "60"), ("finetune", "2"))
        for row in history[stage]
    ]
    assert history["head"][0]["epoch"] == history["finetune"][0]["epoch"] == 1
    log = (output / "train.log").read_text(encoding="utf-8")
    assert (
        len(re.findall(r"^Epoch:\[", log, re.MULTILINE))
        == len(re.findall(r"^Epoch: \[", log, re.MULTILINE))
        == len(shown)
    )
    assert "Epoch:" not in run.screen and ": validation: " not in log


def test_all_else_is_the_same_on_a_terminal_and_in_the_log(on_terminal):
    run, output = on_terminal
    log = (output / "train.log").read_text(encoding="utf-8").splitlines()[1:]
    assert [line for line in run.lines if line and not line.startswith("Epoch")] == [
        line for line in log if line and not line.startswith("Epoch")
    ]
    assert photo_counts("\n".join(run.lines)) == {"croissants": [12, 5], "dog": [12, 5], "all 2 classes": [24, 10]}
    ignored = "WARNING: Ignored arguments: --foo bar. This program does not know them; --help shows all that it knows."
    assert run.lines[0] == run.lines[-2] == ignored and run.lines.count(ignored) == 2


def test_no_line_is_for_insiders(on_terminal):
    run, _ = on_terminal
    text = "\n".join(run.lines)
    assert not re.search(r"[{}]|\['|'\]|None|taken over|[Oo]ut of fold|Mode:|refused", text)


def test_a_terminal_has_bars_with_the_time_left(on_terminal):
    run, _ = on_terminal
    assert re.search(r"Loading MindSpore \.\.\.(?! \.)", run.screen) and not any(
        "Loading" in line for line in run.lines
    )
    form = r"\r(Training, epoch \d) of 2: +(\d+) % \|[^|]*\| (\d) of 4, (\S+) left"
    bars = re.findall(form, run.screen)
    assert bars[0] == ("Training, epoch 1", "0", "0", "?")
    assert any(bar[:3] == ("Training, epoch 2", "50", "2") and re.fullmatch(r"\d\d:\d\d", bar[3]) for bar in bars)
    assert not any(re.search(r"\S left\b(?! out)", line) for line in run.lines)
