"""Two processes that train together, as MindSpore's launcher starts them."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import TRAIN, Run, free_port, metrics, photo_counts
from PIL import Image

from mobilenetv2.training.resume import FILES

# In the middle of the training, neither the sizes of the batches nor the numbers of photos can be divided by two.
TRAINING = ["--unfreeze=2", "--epochs=8", "--patience=8", "--batch_size=5", "--lr=0.003", "--leaks=allow"]


PIECES = """
import sys
import time

sys.path.insert(0, sys.argv[1])
import numpy as np

from mobilenetv2.data import dataset
from mobilenetv2.model import checkpoint, prediction
from mobilenetv2.runtime import device, distributed
from mobilenetv2.runtime.errors import UserError

distributed.join_workers("auto")
device.select_device("CPU", 0)
rank = distributed._rank
with distributed.in_turn():
    if distributed.is_main():
        time.sleep(8)  # longer than a heart may not beat
    print("in turn", time.time(), sep="|")


def rows(*numbers):
    return np.float32(numbers).reshape(-1, 1)


totals = [range(1), range(5)]
gathered = [distributed.all_gather(rows(*distributed.shard(items)), len(items)).astype(int).ravel() for items in totals]
print("gathered", *(numbers.tolist() for numbers in gathered), sep="|")
print("of the first", distributed.broadcast(np.float32([7 + rank])).tolist(), sep="|")
distributed.require_equal(np.float32([1, 2]), "the same")
try:
    distributed.require_equal(np.float32([1, 2 + rank]), "not the same")
except UserError as error:
    print("disagree", error, sep="|")
network, description, _ = checkpoint.load(str(checkpoint.EMBEDDED))
photos, seen, pixels = dataset.scan_folder(sys.argv[2]).split("val"), [], prediction.preprocess
pictures = [pixels(photo.file.read_bytes(), description.preprocessing) for photo in photos]
alone = prediction.feature_pooler(network)(np.stack(pictures))
dataset.Photo.read = lambda photo: photo.file.read_bytes()  # not checked before
prediction.preprocess = lambda data, preprocessing: seen.append(data) or pixels(data, preprocessing)
together = prediction.pool_features(network, photos, description.preprocessing, 1)
same = np.array_equal(together.pooled[:, 0], alone[:, 0]) and np.array_equal(together.center, alone[:, 1])
print("answered", len(together.pooled), "of which here", len(seen), "the same as alone", same, sep="|")
"""


@pytest.fixture(scope="module")
def place(drawings, tmp_path_factory):
    """A folder with 17 and 9 small drawings, and the arguments of a training on them."""
    folder = tmp_path_factory.mktemp("distributed")
    for split, count in (("train", 17), ("val", 9)):
        for number in range(count):
            class_ = ("croissants", "dog")[number % 2]
            (folder / "photos" / split / class_).mkdir(parents=True, exist_ok=True)
            file = sorted((drawings / split / class_).iterdir())[number // 2]
            Image.open(file).resize((96, 96)).save(folder / "photos" / split / class_ / file.name)
    return folder


def arguments(place, output):
    return [f"--data_url={place / 'photos'}", f"--output_path={place / output}", *TRAINING]


def launch(place: Path, output: str, *program: str, port: int = 0) -> subprocess.Popen:
    """msrun, with two workers of the training or of another program, on a free port; workers whose heart does not beat for five
    seconds count as dead."""
    options = ["--worker_num=2", "--local_worker_num=2", "--join=True", "--bind_core=True"]
    options.append(f"--master_port={port or free_port()}")
    command = [Path(sys.executable).parent / "msrun", *options, f"--log_dir={place / output}.logs"]
    command += program or [str(TRAIN), *arguments(place, output), f"--cache_dir={place / output}.cache"]
    environment = {**os.environ, "MS_NODE_TIMEOUT": "5", "GLOG_v": "3"}
    return subprocess.Popen(
        command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def said(place, output, name):
    return (place / f"{output}.logs" / f"{name}.log").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def two(place):
    job = launch(place, "two")
    out, _ = job.communicate()
    assert job.returncode == 0, out
    return place / "two"


def logits(output):
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    return np.array([[float(row[f"logit {class_}"]) for class_ in ("croissants", "dog")] for row in rows])


def test_two_workers_answer_as_one_does(place, two):
    run = Run([*arguments(place, "one"), f"--cache_dir={place / 'cache'}"], place)
    assert run.code == 0, run.out + run.err
    alone, together = metrics(place / "one"), metrics(two)
    np.testing.assert_allclose(logits(two), logits(place / "one"), atol=1e-4)
    for stage in ("head", "finetune"):
        ours, theirs = (
            [(row["val"]["loss"], row["loss"], row["kept"]) for row in known["history"][stage]]
            for known in (alone, together)
        )
        np.testing.assert_allclose(theirs, ours, atol=1e-4)
    assert len(alone["history"]["finetune"]) == 8


def test_all_know_everything_and_one_writes(place, two):
    assert sorted(file.name for file in two.iterdir()) == sorted(file.name for file in (place / "one").iterdir())
    first, second = (said(place, "two", f"worker_{rank}") for rank in range(2))
    assert "Wrote" in first and "Wrote" not in second
    for text in (first, second):  # all of them know everything, and each tells it in its own log
        assert photo_counts(text) == {"croissants": [9, 5], "dog": [8, 4], "all 2 classes": [17, 9]}
        assert "Epoch: [  8 /   8]" in text


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_when_a_worker_ends_the_job_ends_in_words_and_the_same_command_goes_on(how, place, two):
    output = f"ended by {how.name}"
    job = launch(place, output)
    while not (place / output / FILES[0]).exists():
        assert job.poll() is None, job.communicate()[0]
        time.sleep(0.05)
    for child in psutil.Process(job.pid).children(recursive=True):
        if str(TRAIN) in child.cmdline() and child.environ().get("MS_NODE_ID") == "1":
            child.send_signal(how)
    out, _ = job.communicate()
    assert job.returncode == 1
    assert not (place / output / "mobilenetv2.ckpt").exists()
    if how == signal.SIGKILL:
        assert "Worker process" in out
        assert "a worker has ended before its time" in said(place, output, "scheduler")
    else:  # all are told of it, and stop after the same step
        for rank in range(2):
            assert "Stopped. What is done so far is kept" in said(place, output, f"worker_{rank}")
    job = launch(place, output)
    out, _ = job.communicate()
    assert job.returncode == 0, out
    assert "Going on in epoch" in said(place, output, "worker_1")
    log = (place / output / "train.log").read_text(encoding="utf-8")  # of both
    assert log.count("Device: CPU.") == 2 and log.index("Epoch: [  1 /   8]") < log.index("Going on in epoch")
    checkpoints = [(folder / "mobilenetv2.ckpt").read_bytes() for folder in (place / output, two)]
    assert checkpoints[0] == checkpoints[1]


def test_what_workers_tell_each_other(place):
    (place / "pieces.py").write_text(PIECES, encoding="utf-8")
    job = launch(place, "pieces", str(place / "pieces.py"), str(TRAIN.parent), str(place / "photos"))
    out, _ = job.communicate()
    assert job.returncode == 0, out
    turns = []
    for rank, own in enumerate((5, 4)):
        turn, *lines = [line.split("|") for line in said(place, "pieces", f"worker_{rank}").splitlines() if "|" in line]
        turns.append(float(turn[1]))
        assert lines == [
            ["gathered", "[0]", "[0, 1, 2, 3, 4]"],
            ["of the first", "[7.0]"],
            ["disagree", "not the same"],
            ["answered", "9", "of which here", str(own), "the same as alone", "True"],
        ]
    assert turns[0] < turns[1]


def test_a_master_port_that_is_taken_is_said(place):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        job = launch(place, "taken", port=port)
        out, _ = job.communicate(timeout=120)  # MindSpore's workers alone would wait for ten minutes
    assert job.returncode == 1
    words = (
        f"--master_port={port}: the workers cannot meet, because another program uses this port of the machine; give"
    )
    assert words in said(place, "taken", "scheduler") and words in out
    assert not (place / "taken").exists()
