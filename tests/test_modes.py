"""Every mode of train.py on a few drawings, as a whole, in this process: what fast tests see of the recipe."""

import json

import numpy as np
import pytest
from conftest import assert_own_logits, metrics

import train
from mobilenetv2.data import augment, sample
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import NUM_BLOCKS
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.stages import MODES
from mobilenetv2.training import distill, step

CHECKED = {"train.log", "check.json", "report.html"}
TRAINED = {*CHECKED, "mobilenetv2.ckpt", "metrics.json", "validation.csv"}
THUMBNAILS = "mobilenetv2.thumbnails.jpg"
STUDENT = [f"--teacher_url={EMBEDDED}", "--compact", "--last=32"]
# By mode: arguments, files that are left, trainings that the metrics tell of.
RUNS = {
    "check_files": (["--check", "--pretrain_url=random"], CHECKED, ()),
    "check": (["--check"], CHECKED, ()),
    "head": (["--epochs=3", "--image_size=128"], {*TRAINED, THUMBNAILS}, ("head",)),
    "finetune": (["--unfreeze=1", "--epochs=1"], {*TRAINED, THUMBNAILS}, ("head", "finetune")),
    "scratch": (["--pretrain_url=random", "--epochs=1"], {*TRAINED, THUMBNAILS}, ("finetune",)),
    "distill": ([*STUDENT, "--epochs=1"], TRAINED, ("head", "distill")),
}
SHARED_BY_ALL = {"label_smoothing": 0.1, "warmup": 0.1, "patience": 10}
HEAD = {
    **SHARED_BY_ALL,
    "epochs": 60,
    "batch_size": 64,
    "lr": 0.001,
    "weight_decay": 0.06,  # the built-in network knows dogs and croissants
    "views": 10,
    "total_views": 1000,
}
NETWORK = {**SHARED_BY_ALL, "epochs": 1, "batch_size": 4}
# What the checkpoint of each of RUNS says of its trainings; None: the mode has none of these.
HYPERPARAMETERS = {
    "head": {"head": {**HEAD, "epochs": 3}, "finetune": None, "distill": None, "views": augment.VIEWS},
    "finetune": {
        "head": HEAD,
        "finetune": {**NETWORK, "lr": 0.0001, "weight_decay": 0.0001, "unfreeze": 1},
        "distill": None,
        "views": augment.VIEWS,
    },
    "scratch": {
        "head": None,
        "finetune": {**NETWORK, "lr": 0.01, "weight_decay": 0.0001, "unfreeze": NUM_BLOCKS},
        "distill": None,
        "views": augment.VIEWS,
    },
    "distill": {
        "head": HEAD,
        "finetune": None,
        "distill": {
            **{
                "epochs": 1,
                "batch_size": 64,
                "lr": 0.003,
                "weight_decay": 0.02,
                "warmup": 0.05,
                "label_smoothing": 0.0,
            },
            **{"patience": 10, "teacher_views": 30, "view_bytes": 1_550_000_000, "soft_weight": 1.0},
            **{"early_epochs": 0.8, "early_size": 0.75},
            "teacher_view": {"mosaic": 0.5, "area": (0.15, 1.0)},
            "student_view": distill.STUDENT_VIEWS,
        },
        "views": augment.VIEWS,
    },
}


@pytest.fixture(scope="module")
def drawn_photos(tmp_path_factory):
    """Twelve to train and six to validate."""
    root = tmp_path_factory.mktemp("modes") / "photos"
    for split, count in (("train", 6), ("val", 3)):
        for class_ in sample.CLASSES:
            (root / split / class_).mkdir(parents=True)
            for number in range(count):
                sample.draw(class_, [split == "val", number]).save(root / split / class_ / f"{number}.png")
    return root


def test_none_is_forgotten():
    assert set(RUNS) == set(MODES)


@pytest.mark.parametrize("mode", ["head", "finetune", "scratch", "distill"])
def test_both_engines_train_alike(mode, drawn_photos, logging_as_before, tmp_path, monkeypatch):
    # Steps on random weights at this learning rate let rounding errors grow.
    passes, found, tolerance = [], {}, 1e-2 if mode in ("scratch", "distill") else 1e-5
    made = step.TrainingPass
    monkeypatch.setattr(step, "TrainingPass", lambda *given: passes.append(given) or made(*given))
    for engine in ("onednn", "mindspore"):
        monkeypatch.setenv("ENGINE", engine)
        output, folders = tmp_path / engine, [f"--data_url={drawn_photos}", f"--cache_dir={tmp_path / engine}-cache"]
        assert (
            train.main([*folders, f"--output_path={output}", *RUNS[mode][0], "--image_size=64", "--batch_size=4"]) == 0
        )
        found[engine] = metrics(output)
        assert len(passes) == (0 if mode == "head" else 1)  # by oneDNN only
    ours, theirs = found["onednn"], found["mindspore"]
    for training, rows in theirs["history"].items():
        np.testing.assert_allclose(
            [row["loss"] for row in ours["history"][training]],
            [row["loss"] for row in rows],
            rtol=tolerance,
            err_msg=training,
        )


@pytest.mark.parametrize("mode", RUNS)
def test_a_whole_run(mode, drawn_photos, logging_as_before, tmp_path):
    arguments, files, trainings = RUNS[mode]
    output = tmp_path / "output"
    common = [f"--data_url={drawn_photos}", f"--output_path={output}", f"--cache_dir={drawn_photos.parent / 'cache'}"]
    assert train.main([*common, *arguments, "--image_size=32", "--batch_size=4"]) == 0  # the first size counts
    assert {file.name for file in output.iterdir()} == files
    log = (output / "train.log").read_text(encoding="utf-8")
    assert f"Mode: {mode}." in log and "Photos to train: croissants 6, dog 6" in log
    if trainings:
        recorded = checkpoint.load(str(output))[1].hyperparameters
        expected = json.loads(json.dumps(HYPERPARAMETERS[mode]))  # lists for tuples
        assert {name: recorded.get(name) for name in expected} == expected
        assert recorded["mode"] == mode and set(trainings) <= set(expected)
        penalty = 0.06 if mode == "head" else 0.02  # of features that the network which was started from knows
        assert recorded["cross_validation"] == {"folds": 5, "fold_penalty": penalty, "label_smoothing": 0.1}
        assert recorded["refused"] == 0.02
        assert set(metrics(output)["history"]) == set(trainings)
        assert_own_logits(output, drawn_photos)
