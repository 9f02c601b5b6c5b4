"""Trackers: which are known, and what they record."""

import json
import struct
import sys
import types

import pytest
from conftest import Run

from mobilenetv2.runtime import own_files
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.training.tracking import TRACKERS, Tracker, read_trackers

ROW = {
    "epoch": 0,
    "loss": 0.5,
    "lr": 0.001,
    "seconds": 0.25,
    "val": {"loss": 0.75, "accuracy": 0.875, "balanced_accuracy": 0.75, "correct": 7, "count": 8},
}
VALUES = {
    "loss": 0.5,
    "lr": 0.001,
    "seconds": 0.25,
    "val_loss": 0.75,
    "val_accuracy": 0.875,
    "val_balanced_accuracy": 0.75,
}
SETTINGS = {"lr": 0.001, "leaks": "stop", "batch_size": None}


def record(tmp_path, name):
    tracker = Tracker([name], tmp_path / "tracking", SETTINGS)
    for epoch in range(3):
        tracker.record("head")({**ROW, "epoch": epoch})
    tracker.close()
    return tmp_path / "tracking" / name


def test_the_table_is_that_of_the_folders():
    assert tuple(TRACKERS) == own_files.TRACKERS


@pytest.mark.parametrize(
    "text, message",
    [
        ("wandb", "expected one or more of aim, tensorboard, swanlab, mlflow, separated by commas; not wandb"),
        ("aim,comet, x", "not comet, x"),
    ],
)
def test_unknown_names(text, message, monkeypatch):
    with pytest.raises(UserError, match=message):
        read_trackers(text)


def test_packages_that_are_missing_are_all_named(monkeypatch):
    monkeypatch.setattr("mobilenetv2.training.tracking.find_spec", lambda name: None if name != "mlflow" else name)
    assert read_trackers("") == [] and read_trackers("MLflow,, mlflow") == ["mlflow"]
    with pytest.raises(UserError) as caught:
        read_trackers("aim, mlflow,tensorboard")
    assert "aim and tensorboardX are not installed; 'pip install aim tensorboardX' mends it" in str(caught.value)


def test_a_missing_tracker_stops_the_run_before_it_reads_photos(tmp_path, few):
    run = Run([f"--data_url={few}", "--output_path=out", "--track=tensorboards,aim"], tmp_path)
    assert run.code == 2 and "not tensorboards" in run.err + run.out
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["train.log"]


def test_an_error_of_a_tracker_ends_no_run(tmp_path, caplog, monkeypatch):
    broken = types.ModuleType("tensorboardX")
    monkeypatch.setitem(sys.modules, "tensorboardX", broken)  # has no SummaryWriter
    record(tmp_path, "tensorboard")
    assert "tensorboard cannot record the run (cannot import name 'SummaryWriter'" in caplog.text


def scalars(file):
    """Tag, step and value of the scalars in a file of TensorBoard's records: length, checksum, message, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, found = file.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event = Event.FromString(data[12 : 12 + length])
        found += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
        data = data[16 + length :]
    return found


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboardX")
    for number in (1, 2):  # two runs do not mix their curves
        (file,) = (record(tmp_path, "tensorboard") / str(number)).iterdir()
        found = [entry for entry in scalars(file) if entry[0].startswith("head/")]
        expected = [
            (f"head/{name}", epoch, pytest.approx(value)) for epoch in range(3) for name, value in VALUES.items()
        ]
        assert found == expected


def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow")
    place = record(tmp_path, "mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{place / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("mobilenetv2").experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["leaks"] == "stop"
    assert run.data.metrics == {f"head/{name}": value for name, value in VALUES.items()}
    assert [one.step for one in client.get_metric_history(run.info.run_id, "head/loss")] == [0, 1, 2]


def test_aim(tmp_path):
    aim = pytest.importorskip("aim")
    place = record(tmp_path, "aim")
    (number,) = aim.Repo(str(place)).list_all_runs()
    run = aim.Run(number, repo=str(place), system_tracking_interval=None)
    assert run["settings"]["leaks"] == "stop"
    assert {metric.name: len(metric.values.sparse_list()[1]) for metric in run.metrics()} == dict.fromkeys(VALUES, 3)


def test_swanlab(tmp_path):
    pytest.importorskip("swanlab")
    place = record(tmp_path, "swanlab")
    (run,) = place.glob("run-*")
    (file,) = run.glob("*.swanlab")
    content = file.read_bytes()
    assert all(f"head/{name}".encode() in content for name in VALUES)


def test_a_whole_run_leaves_the_same_checkpoint(tmp_path, few, cache):
    pytest.importorskip("tensorboardX")
    left = []
    for track in ("", "tensorboard"):
        output = tmp_path / f"out-{track}"
        arguments = [
            f"--data_url={few}",
            f"--output_path={output}",
            f"--cache_dir={cache}",
            "--image_size=64",
            "--epochs=2",
        ]
        run = Run([*arguments, f"--track={track}"], tmp_path)
        assert run.code == 0, run.out + run.err
        left.append((output / "mobilenetv2.ckpt").read_bytes())
    assert left[0] == left[1]
    (file,) = (output / "tracking" / "tensorboard" / "1").iterdir()
    history = json.loads((output / "metrics.json").read_text(encoding="utf-8"))["history"]["head"]
    found = [value for tag, _, value in scalars(file) if tag == "head/val_accuracy"]
    assert found == [pytest.approx(row["val"]["accuracy"]) for row in history]
