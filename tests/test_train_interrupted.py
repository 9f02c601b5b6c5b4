"""A run that is interrupted, in whatever way and however often, ends with the bytes of one that was not; an earlier run's files
stay together until all new ones are there.

KILLS=50 python -m pytest tests/test_train_interrupted.py     # interruptions of each kind of training; four otherwise
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TRAIN, Run

from mobilenetv2.runtime import result_files
from mobilenetv2.runtime.own_files import EXPORTED_FILES, LATER_FINDINGS

KILLS = int(os.environ.get("KILLS", "4"))
MODES = ("random", "frozen", "unfrozen", "distilled")
RESULTS = (
    "mobilenetv2.ckpt",
    *(name for name in result_files.OTHERS if name not in (*EXPORTED_FILES, "label_issues.csv")),
)
DIFFERENT = ("mobilenetv2.ckpt", "metrics.json", "report.html", "validation.csv")  # if one setting is


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    program = [sys.executable, str(ROOT / "tests" / "interruptions.py"), str(tmp_path_factory.mktemp("interrupted"))]
    done = subprocess.run([*program, str(KILLS * len(MODES)), "1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("mode", MODES)
def test_interrupted_at_random_moments_it_leaves_the_same_bytes(mode, interrupted):
    result = interrupted[mode]
    assert len(result["interruptions"]) == KILLS and all(result["equal"]) and result["equal"]
    assert result["twice"] == 0
    codes = {"SIGTERM": {143}, "SIGINT": {130, 143}}  # MindSpore's compiler turns the latter into the former
    for interruption in result["interruptions"]:
        assert interruption["code"] in codes.get(interruption["how"], {-9})
    assert "Traceback" not in result["said"]
    stopped = sum(interruption["code"] > 0 for interruption in result["interruptions"])
    assert result["said"].count("Stopped.") == stopped


def test_of_all_interruptions_some_come_after_wrote_and_some_two_in_a_row(interrupted):
    rows = [interruption for mode in MODES for interruption in interrupted[mode]["interruptions"]]
    assert any(one["how"] == "written" and ".training.complete" in one["left"] for one in rows)
    assert any(one["row"] == 1 for one in rows)
    assert any("Going on in epoch" in interrupted[mode]["said"] for mode in MODES)


def content(output):
    return {name: (output / name).read_bytes() for name in RESULTS if (output / name).exists()}


@pytest.fixture
def earlier(few, cache, tmp_path):
    """An output folder with all files of a run, its arguments, and these files."""
    arguments = [f"--data_url={few}", "--output_path=out", f"--cache_dir={cache}", "--epochs=2"]
    run = Run(arguments, tmp_path)
    assert run.code == 0, run.out + run.err
    assert set(content(tmp_path / "out")) == set(RESULTS)
    return tmp_path / "out", arguments, content(tmp_path / "out")


def test_a_run_that_fails_leaves_an_earlier_runs_files(earlier, few, tmp_path):
    output, arguments, files = earlier
    shutil.copytree(few, tmp_path / "spoilt")
    (tmp_path / "spoilt" / "train" / "dog" / "broken.jpg").write_text("no picture")
    spoilt = [f"--data_url={tmp_path / 'spoilt'}", *arguments[1:]]
    run = Run(spoilt, tmp_path)
    assert run.code == 2 and "All findings are in out/last-check.html and out/last-check.json." in run.out
    assert content(output) == files
    found = json.loads((output / "last-check.json").read_text(encoding="utf-8"))["findings"]
    assert [one["name"] for one in found if one["kind"] == "bad"] == ["train/dog/broken.jpg"]
    check = Run([*spoilt, "--check", "--bad_files=skip"], tmp_path)
    assert check.code == 0 and "listed in out/last-check.html." in check.out and content(output) == files
    run = Run([*spoilt, "--bad_files=skip"], tmp_path)  # one that succeeds replaces all of them
    assert run.code == 0 and not any((output / name).exists() for name in LATER_FINDINGS)
    later = content(output)
    assert set(later) == set(RESULTS) and all(later[name] != files[name] for name in ("check.json", *DIFFERENT[:3]))


def test_findings_of_a_first_run_that_fails(few, tmp_path, cache):
    shutil.copytree(few, tmp_path / "spoilt")
    (tmp_path / "spoilt" / "val" / "dog" / "broken.jpg").write_text("no picture")
    run = Run(["--data_url=spoilt", "--output_path=out", f"--cache_dir={cache}"], tmp_path)
    assert run.code == 2 and "All findings are in out/report.html and out/check.json." in run.out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"train.log", "check.json", "report.html"}


PROGRAM = """
import os
import sys

sys.path.insert(0, sys.argv[1])
import train
from mobilenetv2.runtime import result_files

move = result_files.replace


def stop(source, file):
    if file.name == sys.argv[2]:
        os._exit(77)
    move(source, file)


result_files.replace = stop
sys.exit(train.main(sys.argv[3:]))
"""


@pytest.mark.parametrize("name", (RESULTS[0], "report.html", RESULTS[-1]))
def test_a_process_that_ends_while_the_files_come_in(name, earlier, tmp_path):
    """At that moment no checkpoint lies beside another run's report; the next start brings the rest, whatever its command."""
    output, arguments, files = earlier
    program = [sys.executable, "-c", PROGRAM, str(TRAIN.parent), name, *arguments, "--language=zh", "--views=2"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 77, done.stdout + done.stderr
    between = content(output)
    earliers = [other for other in DIFFERENT if between.get(other) == files[other]]
    assert not earliers or (earliers == list(between) == ["mobilenetv2.ckpt"] and name == "mobilenetv2.ckpt")
    again = Run([*arguments, "--language=zh", "--views=2"], tmp_path)
    assert (
        again.code == 0
        and "Epoch" not in again.out
        and "Wrote out/mobilenetv2.ckpt. It was trained before" in again.out
    )
    assert set(content(output)) == set(RESULTS) and not [one for one in output.iterdir() if one.name.startswith(".")]
    assert b'lang="zh' in (output / "report.html").read_bytes()
    assert content(output)["mobilenetv2.ckpt"] != files["mobilenetv2.ckpt"]
    assert (
        subprocess.run(program, cwd=tmp_path, capture_output=True).returncode == 77
    )  # anew: the last one was complete
    other = Run(arguments, tmp_path)  # another command: it moves these in, then trains
    assert other.code == 0 and "Epoch" in other.out and content(output)["mobilenetv2.ckpt"] == files["mobilenetv2.ckpt"]


NOTEBOOK = """
import subprocess
import sys

sys.path.insert(0, sys.argv[1])
import train

for _ in range(2):
    assert train.main(sys.argv[2:]) == 0
    content = open("out/mobilenetv2.ckpt", "rb").read()
assert train.main(["--data_url=nowhere", "--output_path=out"]) == 2
other = [sys.executable, f"{sys.argv[1]}/train.py", *sys.argv[2:]]
assert subprocess.run(other).returncode == 0
assert content == open("out/mobilenetv2.ckpt", "rb").read()
"""


def test_a_notebook_gives_the_folder_back(few, cache, tmp_path):
    arguments = [f"--data_url={few}", "--output_path=out", f"--cache_dir={cache}", "--epochs=2"]
    program = [sys.executable, "-c", NOTEBOOK, str(TRAIN.parent), *arguments]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_the_number_of_processors(few, cache, tmp_path):
    """Training the classifier leaves the same bytes with one and with two."""
    arguments = [f"--data_url={few}", f"--cache_dir={cache}", "--epochs=2"]
    processors = sorted(os.sched_getaffinity(0))
    for number, name in ((1, "one"), (2, "two")):
        bound = ["taskset", "-c", ",".join(map(str, processors[:number]))]
        command = [*bound, sys.executable, str(TRAIN), *arguments, f"--output_path={name}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    for name in ("mobilenetv2.ckpt", "validation.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
