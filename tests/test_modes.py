"""Every mode of train.py on a few drawings, as a whole, in this process: what fast tests see of the recipe."""

import json

import numpy as np
import pytest
from conftest import assert_own_logits, metrics, photo_counts

import train
from mobilenetv2.config import DEFAULTS
from mobilenetv2.data import augment, sample
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import NUM_BLOCKS
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.environment import usable_cpus
from mobilenetv2.stages import MODES, network_training
from mobilenetv2.training import distill, step

CHECKED = {"train.log", "check.json", "report.html"}
TRAINED = {*CHECKED, "mobilenetv2.ckpt", "metrics.json", "validation.csv", "history.csv", "README.md"}
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
PASS = "An epoch is one pass over the training photos."
# What the log of each says of what is done, and of what --epochs counts.
SAID = {
    "check_files": ["The photos are only looked at, without a network (--check, --pretrain_url random)."],
    "check": ["The photos are only looked at; nothing is trained (--check)."],
    "head": [
        "What is trained: the classifier, the network's last layer. The rest stays as it is (--unfreeze trains more).",
        f"The classifier, the network's last layer, at most 3 epochs (--epochs 3). {PASS}",
    ],
    "finetune": [
        "What is trained, in two steps: the classifier, the network's last layer; then the last of the network's 19 parts "
        "with it (--unfreeze).",
        "Step 1 of 2: the classifier, the network's last layer, at most 60 epochs. --epochs and --lr are for step 2 alone.",
        f"Step 2 of 2: the last of the network's 19 parts, at most 1 epoch (--epochs 1). {PASS}",
    ],
    "scratch": [
        "What is trained: the whole network, from random numbers.",
        f"The whole network, at most 1 epoch (--epochs 1). {PASS}",
    ],
    "distill": [
        "What is trained, in two steps: the classifier of the large network; then a small network, by its answers.",
        "Step 1 of 2: the classifier, the network's last layer, at most 60 epochs. --epochs and --lr are for step 2 alone.",
        f"Step 2 of 2: the small network, 1 epoch (--epochs 1). {PASS}",
    ],
}
SHARED_BY_ALL = {"warmup": 0.1, "patience": 10}
HEAD = {
    **SHARED_BY_ALL,
    "epochs": 60,
    "batch_size": 64,
    "lr": 0.001,
    "weight_decay": 0.06,  # the built-in network knows dogs and croissants
    "label_smoothing": 0.0,
    "views": 10,
    "total_views": 1000,
    "more_views": 3000,
    **augment.SPOILED,
}
PROCESSORS = {"processors": usable_cpus()}
NETWORK = {**SHARED_BY_ALL, "label_smoothing": 0.1, "epochs": 1, "batch_size": 4}
# What the checkpoint of each of RUNS says of its trainings; None: the mode has none of these.
HYPERPARAMETERS = {
    "head": {"head": {**HEAD, "epochs": 3}, "finetune": None, "distill": None, "views": augment.VIEWS},
    "finetune": {
        "head": HEAD,
        "finetune": {**NETWORK, "lr": 0.0001, "weight_decay": 0.0001, "unfreeze": 1, **PROCESSORS},
        "distill": None,
        "views": augment.VIEWS,
    },
    "scratch": {
        "head": None,
        "finetune": {**NETWORK, "lr": 0.01, "weight_decay": 0.0001, "unfreeze": NUM_BLOCKS, **PROCESSORS},
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
            **PROCESSORS,
        },
        "views": augment.VIEWS,
    },
}


# What the temperature is fitted on after a training of the network: the second one may learn too little to tell anything.
LEARNED = [{"source": "unseen", "photos": 3}, {"source": "learned", "photos": 12}]


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
        assert (len(passes) > 0) == (mode != "head")
        if engine == "onednn":
            used = len(passes)
    assert len(passes) == used  # none by MindSpore's operators
    ours, theirs = found["onednn"], found["mindspore"]
    for training, rows in theirs["history"].items():
        np.testing.assert_allclose(
            [row["loss"] for row in ours["history"][training]],
            [row["loss"] for row in rows],
            rtol=tolerance,
            err_msg=training,
        )


def test_stopped_in_the_second_training_the_same_command_leaves_the_same_bytes(
    drawn_photos, logging_as_before, tmp_path, monkeypatch
):
    """The first training is not done again."""
    common = [f"--data_url={drawn_photos}", f"--cache_dir={drawn_photos.parent / 'cache'}", *RUNS["distill"][0]]
    common += ["--image_size=32", "--batch_size=4"]
    whole, stopped = ([*common, f"--output_path={tmp_path / name}"] for name in ("whole", "stopped"))
    assert train.main(whole) == 0

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(network_training, "distill_without", stop)
        assert train.main(stopped) == 130 and not (tmp_path / "stopped" / "mobilenetv2.ckpt").exists()
    assert train.main(stopped) == 0
    files = [(tmp_path / name / "mobilenetv2.ckpt").read_bytes() for name in ("whole", "stopped")]
    assert files[0] == files[1]
    log = (tmp_path / "stopped" / "train.log").read_text(encoding="utf-8")
    assert "Going on in epoch 2 after step 0." in log and log.count("Epoch: [  1 /   1]") == 1


@pytest.mark.parametrize("mode", RUNS)
def test_a_whole_run(mode, drawn_photos, logging_as_before, tmp_path):
    arguments, files, trainings = RUNS[mode]
    output = tmp_path / "output"
    common = [f"--data_url={drawn_photos}", f"--output_path={output}", f"--cache_dir={drawn_photos.parent / 'cache'}"]
    assert train.main([*common, *arguments, "--image_size=32", "--batch_size=4"]) == 0  # the first size counts
    assert {file.name for file in output.iterdir()} == files
    log = (output / "train.log").read_text(encoding="utf-8")
    assert [line for line in log.splitlines() if line in SAID[mode]] == SAID[mode]
    assert photo_counts(log)["dog"][0] == photo_counts(log)["croissants"][0] == 6
    if trainings:
        recorded = checkpoint.load(str(output))[1].hyperparameters
        expected = json.loads(json.dumps(HYPERPARAMETERS[mode]))  # lists for tuples
        assert {name: recorded.get(name) for name in expected} == expected
        assert recorded["mode"] == mode and set(trainings) <= set(expected)
        tested = recorded["cross_validation"]
        assert {**tested, "fold_penalty": None} == {"folds": 5, "fold_penalty": None, "label_smoothing": 0.0}
        known = mode == "head"  # of features that the network which was started from knows
        assert tested["fold_penalty"] in ((0.06,) if known else DEFAULTS["head"]["penalties"])
        assert recorded["refused"] == 0.02
        learned = any(
            row["kept"] for name in ("finetune", "distill") for row in metrics(output)["history"].get(name, [])
        )
        fitted = metrics(output)["calibration"]
        assert fitted in (LEARNED if learned else [{"source": "folds", "photos": 12}])
        assert recorded.get("calibration") == ({"held_out": 0.2, "length": 0.2} if learned else None)
        assert learned or mode != "distill"
        assert set(metrics(output)["history"]) == set(trainings)
        assert_own_logits(output, drawn_photos)
