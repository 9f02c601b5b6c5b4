"""Pictures, weights, names and arguments that were made to do harm do none."""

import subprocess
import sys

import pytest
from conftest import ROOT
from fuzz import fuzz
from hostile import pictures, weights

HEAD = """
import resource, sys
sys.path[:0] = [{tests!r}, {package!r}]
import hostile
from mobilenetv2 import checkpoint, glance, pixels, weights
from mobilenetv2.errors import UserError
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
        glance.look(data, 224)
        print(name, "|")
    except pixels.PictureError as error:
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
    for read in (weights.read, checkpoint.load) if file.suffix == ".ckpt" else (weights.read,):
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
