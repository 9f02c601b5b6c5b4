"""Programs that start without what they need, or are stopped while they import."""

import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TRAIN

from mobilenetv2.runtime import starting
from mobilenetv2.runtime.errors import UserError

PICTURE = str(ROOT / "inference" / "page.png")
PROGRAMS = {
    "train": [str(TRAIN), "--epochs=1"],
    "predict": [str(ROOT / "inference" / "predict.py"), PICTURE],
    "page": [str(ROOT / "inference" / "app.py")],
}
every_program = pytest.mark.parametrize("program", PROGRAMS)


def run(program, cwd, before="exec"):
    """The finished program; before: shell code in front of it."""
    command = ["bash", "-c", f'{before} "$0" "$@"', sys.executable, *PROGRAMS[program]]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@every_program
@pytest.mark.parametrize("limit", ["-v 1572864", "-v 600000", "-d 1000000"])
def test_too_little_memory_is_said(program, limit, tmp_path):
    done = run(program, tmp_path, f"ulimit {limit}; exec")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    mebibytes = int(limit.split()[1]) // 1024
    assert f"ERROR: The limit on memory of {mebibytes} MiB (ulimit -v or -d) is too low" in done.stderr
    assert list(tmp_path.iterdir()) == []


@every_program
def test_a_working_folder_that_is_gone_is_said(program, tmp_path):
    (tmp_path / "gone").mkdir()
    done = run(program, tmp_path / "gone", 'rmdir "$PWD"; exec')
    assert done.returncode == 2 and done.stderr.startswith("ERROR: The working folder is not there any more.")
    assert len(done.stderr.splitlines()) == 1


def test_all_that_is_missing_is_said_together(tmp_path):
    (tmp_path / "gone").mkdir()
    done = run("predict", tmp_path / "gone", 'rmdir "$PWD"; ulimit -v 1000000; exec')
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("first, second, limit", [
    ("268435456\n", None, 2**28), ("max\n", "268435456", None), (None, "9223372036854771712\n", 9223372036854771712),
    (None, None, None), ("", None, None),
])  # fmt: skip
def test_the_limit_of_a_container(first, second, limit, tmp_path, monkeypatch):
    files = [str(tmp_path / name) for name in ("memory.max", "limit_in_bytes")]
    for file, content in zip(files, (first, second)):
        if content is not None:
            with open(file, "w") as stream:
                stream.write(content)
    assert starting.container_limit(files) == limit
    monkeypatch.setattr(starting, "CONTAINER", files)
    if limit == 2**28:
        with pytest.raises(UserError, match="This container may use 256 MiB of memory: this program needs 448 MiB"):
            starting.check_surroundings()
    else:
        starting.check_surroundings()


@every_program
@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("library", ["_multiarray_umath", "_c_expression", "_imaging"])
def test_a_signal_while_importing(program, number, code, library, tmp_path):
    """Sent as soon as the library is loaded, in the middle of an import."""
    process = subprocess.Popen(
        [sys.executable, *PROGRAMS[program]], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None:
        with open(f"/proc/{process.pid}/maps") as maps:
            if library in maps.read():
                break
        time.sleep(0.001)
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, err
    assert [line for line in (out + err).splitlines() if not line.startswith("Device:")] == ["Stopped."]
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored():
    code = "from mobilenetv2.runtime.starting import guarded\nimport os, signal\nwith guarded():\n"
    code += "    os.kill(os.getpid(), signal.SIGINT)\n    print('goes on')"
    command = ["bash", "-c", 'trap "" INT; exec "$0" -c "$1"', sys.executable, code]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(TRAIN.parent)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


@pytest.mark.parametrize("error, code, words", [
    ("MemoryError()", 2, "There is not enough memory"),
    ("ImportError('libx.so: failed to map segment from shared object')", 2, "There is not enough memory"),
    ("RuntimeError(\"can't start new thread\")", 2, "There is not enough memory"),
    ("OSError(12, 'Cannot allocate memory')", 2, "There is not enough memory"),
    ("ImportError('no module')", 1, "Traceback"),
])  # fmt: skip
def test_an_import_that_fails(error, code, words):
    code_ = f"from mobilenetv2.runtime.starting import guarded\nwith guarded():\n    raise {error}"
    environment = {**os.environ, "PYTHONPATH": str(TRAIN.parent)}
    done = subprocess.run([sys.executable, "-c", code_], env=environment, capture_output=True, text=True)
    assert done.returncode == code and words in done.stderr and ("Traceback" in done.stderr) == (code == 1)
