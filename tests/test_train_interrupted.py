"""A run that is interrupted, in whatever way and however often, ends with the bytes of one that was not.

KILLS=20 python -m pytest tests/test_train_interrupted.py     # interruptions of each kind of training; four otherwise
"""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from PIL import Image

KILLS = int(os.environ.get("KILLS", "4"))


MODES = {
    "random": ["--pretrain_url=random", "--epochs=4", "--batch_size=4", "--last=64"],
    "frozen": ["--pretrain_url={start}"],
    "unfrozen": ["--pretrain_url={start}", "--unfreeze=2", "--epochs=4", "--batch_size=4"],
    "distilled": ["--teacher_url={start}", "--compact", "--epochs=2", "--last=64"],
}


@pytest.fixture(scope="module")
def place(drawings, tmp_path_factory):
    """A folder with 16 and 8 small drawings, and one for what runs leave."""
    folder = tmp_path_factory.mktemp("interrupted")
    for split, count in (("train", 8), ("val", 4)):
        for class_ in ("croissants", "dog"):
            (folder / "photos" / split / class_).mkdir(parents=True)
            for file in sorted((drawings / split / class_).iterdir())[:count]:
                Image.open(file).resize((96, 96)).save(folder / "photos" / split / class_ / file.name)
    return folder


@pytest.mark.parametrize("mode", MODES)  # the others start from what the first one leaves
def test_interrupted_at_random_moments_it_leaves_the_same_bytes(mode, place):
    count = 2 * KILLS if mode == "frozen" else KILLS  # its runs are short
    arguments = [argument.format(start=place / "random" / "whole") for argument in MODES[mode]]
    places = [f"--data_url={place / 'photos'}", f"--cache_dir={place / 'cache'}", "--image_size=32", "--leaks=allow"]
    program = [
        sys.executable,
        str(ROOT / "tests" / "interruptions.py"),
        str(place / mode),
        str(count),
        str(list(MODES).index(mode)),
    ]
    done = subprocess.run([*program, *arguments, *places], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["interruptions"]) == count and all(result["equal"]) and result["equal"]
    codes = {"SIGTERM": {143}, "SIGINT": {130, 143}}  # MindSpore's compiler turns the latter into the former
    for interruption in result["interruptions"]:
        assert interruption["code"] in codes.get(interruption["how"], {-9})
    assert "Traceback" not in result["said"]
    stopped = sum(interruption["code"] > 0 for interruption in result["interruptions"])
    assert result["said"].count("the same command goes on from there") == stopped
    assert ("Going on in epoch" in result["said"]) == (mode != "frozen")
