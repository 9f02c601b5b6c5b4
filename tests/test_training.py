"""Real runs of train.py: what they leave, that they repeat, and that platforms' habits change nothing."""

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys

import mindspore as ms
import numpy as np
import pytest
from conftest import TRAIN, Run, metrics

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.config import Settings, resolve
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.model.mobilenet_v2 import Architecture, MobileNetV2
from mobilenetv2.model.prediction import classify, pool_features
from mobilenetv2.model.state import load_state_dict
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.training.finetune import finetune_network
from mobilenetv2.training.loop import shuffled_batches
from mobilenetv2.training.resume import CheckpointManager

# What a platform's visual log reads: no scientific notation, " ms" after the time, no space after "lr:"; in the second form
# decimals with a digit other than 0.
SMALL = Architecture(width=0.25, last=384)  # the network that comes with the program
SCRATCH = ("--pretrain_url=random", "--epochs=8", "--batch_size=8")
STEP = re.compile(
    r"Epoch:\[ *\d+/ *\d+\], step:\[ *\d+/ *\d+\], loss:\[\d+\.\d+/\d+\.\d+\], time:\d+\.\d+ ms, lr:\d+\.\d+"
)
EPOCH = re.compile(r"Epoch: \[ *\d+ / +\d+\], Train Loss: \[\d+\.\d+\], Accuracy: +(?!0\.0+$)\d+\.\d+")


def lines(output, start):
    return [line for line in (output / "train.log").read_text(encoding="utf-8").split("\n") if line.startswith(start)]


@pytest.fixture(scope="module")
def frozen(few, drawn, cache, tmp_path_factory):
    """A quick run: the classifier alone, on the small data set, from the checkpoint of another run."""
    output = tmp_path_factory.mktemp("frozen")
    run = Run([f"--data_url={few}", f"--pretrain_url={drawn}", f"--output_path={output}", f"--cache_dir={cache}"], few)
    assert run.code == 0, run.out + run.err
    return output


@pytest.fixture(scope="module")
def scratch(few, cache, tmp_path_factory):
    """A small network, trained as a whole from random numbers."""
    output = tmp_path_factory.mktemp("scratch")
    run = Run([f"--data_url={few}", *SCRATCH, f"--output_path={output}", f"--cache_dir={cache}"], few)
    assert run.code == 0, run.out + run.err
    return output


@pytest.fixture(scope="module")
def unfrozen(few, drawn, cache, tmp_path_factory):
    output = tmp_path_factory.mktemp("unfrozen")
    options = ["--unfreeze=2", "--epochs=2", "--batch_size=10", f"--cache_dir={cache}", f"--output_path={output}"]
    run = Run([f"--data_url={few}", f"--pretrain_url={drawn}", *options], few)
    assert run.code == 0, run.out + run.err
    return output


def test_first_run_of_a_new_user(drawn):
    assert {file.name for file in drawn.iterdir()} == {
        "mobilenetv2.ckpt",
        "metrics.json",
        "validation.csv",
        "train.log",
        "sample",
        "report.html",
        "check.json",
        "mobilenetv2.thumbnails.jpg",
    }
    result = metrics(drawn)
    assert result["classes"] == ["croissants", "dog"]
    assert result["data"]["train"] == {"croissants": 80, "dog": 80} and result["data"]["val"] == {
        "croissants": 20,
        "dog": 20,
    }
    assert result["val"]["count"] == 40 and result["val"]["correct"] >= 38
    assert result["val"]["accuracy"] == result["val"]["correct"] / 40
    assert set(result["seconds"]) == {"read", "features", "head", "finetune", "distill", "evidence", "total"}
    assert result["seconds"]["finetune"] == 0 < result["seconds"]["features"] < result["seconds"]["total"]
    assert result["origin"]["weights"] == "the built-in network" and result["origin"]["head"] is True


@pytest.mark.parametrize(
    "run, stages", [("drawn", ["head"]), ("scratch", ["finetune"]), ("unfrozen", ["head", "finetune"])]
)
def test_log_has_the_two_forms_for_every_epoch(run, stages, request):
    output = request.getfixturevalue(run)
    epochs = sum(len(metrics(output)["history"][stage]) for stage in stages)
    assert set(metrics(output)["history"]) == set(stages)
    steps, ends = lines(output, "Epoch:["), lines(output, "Epoch: [")
    assert len(ends) == epochs and len(steps) >= epochs
    assert all(STEP.fullmatch(line) for line in steps) and all(EPOCH.fullmatch(line) for line in ends)


def test_the_patterns_take_the_published_lines_and_nothing_else():
    assert STEP.fullmatch("Epoch:[  0/ 10], step:[    1/   29], loss:[0.700/0.700], time:1234.567 ms, lr:0.01000")
    assert EPOCH.fullmatch("Epoch: [  0 /  10], Train Loss: [0.388], Accuracy:  0.975")
    assert EPOCH.fullmatch("Epoch: [  0 /  10], Train Loss: [0.388], Accuracy:  1.000")
    assert not STEP.fullmatch("Epoch:[  0/ 10], step:[    1/   29], loss:[0.700/0.700], time:1234.567 ms, lr:1e-05")
    assert not STEP.fullmatch("Epoch:[  0/ 10], step:[    1/   29], loss:[0.700/0.700], time:1234.567, lr:0.01000")
    assert not EPOCH.fullmatch("Epoch: [  0 /  10], Train Loss: [0.388], Accuracy: 1")


def test_checkpoint_explains_itself(frozen, few, drawn):
    network, description, _ = checkpoint.load(str(frozen))
    result = metrics(frozen)
    assert description.classes == ("croissants", "dog")
    assert description.preprocessing == Preprocessing(size=128) and description.architecture == SMALL
    assert description.metrics == {name: result[name] for name in ("val", "folds", "train")}
    assert result["train"]["count"] == result["folds"]["count"] == 24
    assert description.data["train"] == {"croissants": 12, "dog": 12} and len(description.data["fingerprint"]) == 64
    assert description.origin["weights"] == "this program" and description.origin["head"] is True
    assert description.settings["views"] == 10 and description.settings["unfreeze"] == 0
    assert str(few.parent) not in description.to_json() and str(drawn) not in description.to_json()
    entries = ms.load_checkpoint(str(frozen / "mobilenetv2.ckpt"))
    assert json.loads(entries.pop("description"))["format"] == "mobilenetv2-photos"
    names = {f"neither.{name}" for name in ("projection", "centre", "references", "labels", "usual", "numbers")}
    assert set(entries) == names | {parameter.name for parameter in network.get_parameters()}  # no optimizer state


@pytest.mark.parametrize("run", ["drawn", "frozen", "scratch", "unfrozen"])
def test_loaded_checkpoint_gives_trainings_own_logits(run, request, few):
    output = request.getfixturevalue(run)
    network, description, _ = checkpoint.load(str(output / "mobilenetv2.ckpt"))
    root = output / "sample" if run == "drawn" else few
    store, found = PhotoCache(str(output / "none")), dataset.scan_folder(str(root), 0)
    found = check_photos(found, description.preprocessing, store, workers=2).data.split("val")
    with open(output / "validation.csv", encoding="utf-8") as stream:
        rows = {row["photo"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {photo.name for photo in found}
    expected = np.array([[float(rows[photo.name][f"logit {name}"]) for name in description.classes] for photo in found])
    answers = classify(network.classifier, pool_features(network, found, description.preprocessing, 2).pooled[:, 0])
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    correct = sum(row["class"] == row["answer"] for row in rows.values())
    assert correct == metrics(output)["val"]["correct"]


def test_other_places_and_platform_arguments_change_nothing(frozen, few, drawn, cache, tmp_path):
    place = tmp_path / "狗 和 牛角包 & Co" / "数据"
    shutil.copytree(few, place)
    shutil.copy(drawn / "mobilenetv2.ckpt", tmp_path / "狗 和 牛角包 & Co")
    escaped = str(place.parent).replace("&", "&amp;")
    arguments = [f"--data_url={escaped}/数据/", f"--ckpt_url={escaped}", "--init_method=tcp://x", "--train_url=出 路"]
    run = Run([*arguments, f"--cache_dir={cache}"], tmp_path)
    assert run.code == 0, run.out + run.err
    assert "Ignored arguments: --init_method=tcp://x" in run.out
    assert (tmp_path / "出 路" / "mobilenetv2.ckpt").read_bytes() == (frozen / "mobilenetv2.ckpt").read_bytes()


def test_training_of_a_whole_network_repeats_to_the_byte(few, scratch, cache, tmp_path):
    arguments = [f"--data_url={few}", *SCRATCH, f"--output_path={tmp_path / 'again'}", f"--cache_dir={cache}"]
    assert Run(arguments, tmp_path).code == 0
    assert (tmp_path / "again" / "mobilenetv2.ckpt").read_bytes() == (scratch / "mobilenetv2.ckpt").read_bytes()


def test_from_random_numbers(few, scratch):
    network, description, _ = checkpoint.load(str(scratch))
    assert description.origin == {"weights": "random numbers"} and description.preprocessing.size == 64
    assert description.architecture == Architecture(width=0.25) and network.classifier.in_channels == 1280
    losses = [row["loss"] for row in metrics(scratch)["history"]["finetune"]]
    assert np.mean(losses[4:]) < np.mean(losses[:4])


def test_unfreeze_trains_the_last_blocks_only(few, drawn, tmp_path):
    network, description, _ = checkpoint.load(str(drawn))
    load_state_dict(
        network, {"classifier.weight": np.zeros((2, 384), np.float32)}
    )  # so that every epoch is better than the start
    before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
    plan = resolve(Settings(unfreeze=2, epochs=6, lr=0.003, batch_size=8), None).training
    found, store, states = dataset.scan_folder(str(few), 0), PhotoCache(str(tmp_path)), CheckpointManager(tmp_path, {})
    data = check_photos(found, description.preprocessing, store, workers=2).data
    rows = finetune_network(
        network,
        data,
        description.preprocessing,
        plan,
        2,
        True,
        seed=0,
        workers=2,
        states=states,
        record=lambda row: None,
    )
    assert len(rows) == 6 and max(row["val"]["correct"] for row in rows) > 5
    changed = [p.name for p in network.get_parameters() if not np.array_equal(before[p.name], p.asnumpy())]
    assert {name.split(".")[1] for name in changed if name.startswith("features")} == {"17", "18"}
    assert not any(
        "moving" in name for name in changed
    )  # the statistics of small batches do not wreck those of the backbone


def test_figures_of_fine_tuning(unfrozen):
    result = metrics(unfrozen)
    assert result["step_ms"] > 0 and result["peak_memory_mib"] > 100 and result["settings"]["unfreeze"] == 2


def test_seed_and_lr_are_used(frozen, few, drawn, cache, tmp_path):
    for option in ("--seed=1", "--lr=0.0001"):
        run = Run(
            [
                f"--data_url={few}",
                f"--pretrain_url={drawn}",
                f"--output_path={tmp_path}",
                f"--cache_dir={cache}",
                option,
            ],
            few,
        )
        assert run.code == 0
        assert (tmp_path / "mobilenetv2.ckpt").read_bytes() != (frozen / "mobilenetv2.ckpt").read_bytes()
    assert max(float(line.split("lr:")[1]) for line in lines(tmp_path, "Epoch:[")) <= 0.0001


def test_optional_steps_cannot_lose_the_checkpoint(few, drawn, cache, tmp_path):
    (tmp_path / "metrics.json" / "in_the_way").mkdir(parents=True)
    options = [f"--aim_repo={tmp_path}", "--device_target=Ascend", f"--cache_dir={cache}"]
    run = Run([f"--data_url={few}", f"--pretrain_url={drawn}", f"--output_path={tmp_path}", *options], tmp_path)
    assert run.code == 0 and checkpoint.load(str(tmp_path / "mobilenetv2.ckpt"))
    assert "WARNING: --aim_repo: the package aim is not installed" in run.out
    assert "WARNING: Ascend cannot be used here" in run.out and "Device: CPU." in run.out
    assert re.search(r"WARNING: .*metrics\.json: cannot be written", run.out)
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]  # no half-written file stays


def test_unwritable_output_is_said_at_once(tmp_path):
    (tmp_path / "out").write_text("a file")
    run = Run(["--output_path=out"], tmp_path)
    assert run.code == 2 and "--output_path=out: cannot be written to" in run.out + run.err
    assert "Traceback" not in run.err and (tmp_path / "out").read_text() == "a file"


def test_no_photo_is_dropped_from_an_epoch():
    for count, batch in ((10, 4), (7, 7), (160, 16), (5, 2)):
        rows = shuffled_batches(count, batch, seed=0, epoch=3)
        assert rows.shape == (-(-count // batch), batch) and set(rows.ravel()) == set(range(count))
    assert not np.array_equal(shuffled_batches(50, 8, 0, 0), shuffled_batches(50, 8, 0, 1))


def test_damaged_or_foreign_checkpoints_are_refused(frozen, tmp_path):
    file = frozen / "mobilenetv2.ckpt"
    network, description, _ = checkpoint.load(str(file))
    damaged = bytearray(file.read_bytes())
    damaged[5000] ^= 1
    (tmp_path / "damaged.ckpt").write_bytes(damaged)
    (tmp_path / "cut.ckpt").write_bytes(file.read_bytes()[:-100])
    ms.save_checkpoint(network, str(tmp_path / "foreign.ckpt"))
    text = description.to_json()
    for name, change in {
        "newer": ('"version": 3', '"version": 4'),
        "program": ("mobilenetv2-photos", "something-else"),
        "classes": ('"dog"', '"croissants"'),
        "size": ('"size": 128', '"size": 100000'),
        "unknown": ('"origin"', '"orgin"'),
        "temperature": ('"temperature": ', '"temperature": 1000'),
        "tensors": ('"width": 0.25', '"width": 0.5'),
    }.items():
        assert change[0] in text
        ms.save_checkpoint(
            network, str(tmp_path / f"{name}.ckpt"), append_dict={"description": text.replace(*change)}, crc_check=True
        )
    for name, words in {
        "damaged": r"not a complete \.ckpt file",
        "cut": r"not a complete \.ckpt file",
        "foreign": "not one that this program wrote",
        "newer": "format version 4, this program reads version 3",
        "program": "of another program",
        "classes": "expected two or more different names",
        "size": "its preprocessing is",
        "unknown": "unexpected keyword argument 'orgin'",
        "temperature": "its temperature is 1000",
        "tensors": "its tensors are not those of the network",
    }.items():
        with pytest.raises(UserError, match=words):
            checkpoint.load(str(tmp_path / f"{name}.ckpt"))


def test_head_of_other_classes_is_left_out(few, drawn):
    loaded = pretrained.read_pretrained(str(drawn))
    network = MobileNetV2(loaded.architecture, 2)
    assert (
        not pretrained.load_pretrained(network, loaded, ["cat", "dog"])
        and not network.classifier.weight.asnumpy().any()
    )
    assert (
        pretrained.load_pretrained(network, loaded, ["croissants", "dog"]) and network.classifier.weight.asnumpy().any()
    )


def test_console_that_cannot_show_chinese_or_has_gone_does_not_end_the_run(tmp_path):
    run = Run(["--data_url=狗"], tmp_path, PYTHONIOENCODING="ascii")
    assert run.code == 2 and r"\u72d7: there is no such folder of photos" in run.out and "Traceback" not in run.err
    program = shlex.join([sys.executable, str(TRAIN), "--data_url=狗", "--output_path=o"])
    command = f"{program} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip() == "2" and "Traceback" not in done.stderr
    assert "狗: there is no such folder" in (tmp_path / "o" / "train.log").read_text(encoding="utf-8")


def test_home_that_is_not_known(tmp_path):
    run = Run(["--data_url=~nobody_here/x"], tmp_path)
    assert run.code == 2 and "~nobody_here/x: the home folder that ~ stands for is not known" in run.out
