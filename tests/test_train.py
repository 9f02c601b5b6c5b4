"""Real runs of train.py: what they leave, that they repeat, and that platforms' habits change nothing."""

import json
import re
import shutil

import mindspore as ms
import numpy as np
import pytest
from conftest import Run, assert_own_logits, metrics
from PIL import Image

from mobilenetv2.data.image import Preprocessing
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import Architecture

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
        "history.csv",
        "README.md",
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
    assert result["val"]["count"] == 40 and result["val"]["correct"] == 40 and result["data"]["kind"] == "drawings"
    said = (drawn / "train.log").read_text(encoding="utf-8")
    assert re.search(r"^Drawings +to train +to validate\n  croissants +80 +20\n  dog +80 +20\n", said, re.MULTILINE)
    assert "train/ to train, val/ to validate." in said
    assert "one pass over the training drawings" in said and "reading and checking the drawings" in said
    lines = [line for line in said.split("What to do next:")[0].splitlines() if "mobilenetv2-photos" not in line]
    assert [line for line in lines if "photo" in line and not line.endswith(" s left")] == [
        "Trained on 160 drawings, not on photos: these figures are about drawings."
    ]
    page = (drawn / "report.html").read_text(encoding="utf-8")
    assert (
        "Trained on 160 drawings that this program makes, not on photos" in page and "validation drawings right" in page
    )
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
    network, description, detector = checkpoint.load(str(frozen))
    result = metrics(frozen)
    assert description.classes == ("croissants", "dog")
    assert description.preprocessing == Preprocessing(size=128, whole=False) and description.architecture == SMALL
    # No "folds": the weights at the start may have learned these photos, and the report does not speak of it either.
    assert (
        description.metrics == {name: result[name] for name in ("val", "train", "calibration")}
        and "folds" not in result
    )
    assert result["train"]["count"] == 24 and result["calibration"] == {"source": "folds", "photos": 24}
    assert result["temperature"] == description.temperature and result["threshold"] is None
    assert not detector.active  # as the threshold says
    assert description.data["train"] == {"croissants": 12, "dog": 12} and len(description.data["fingerprint"]) == 64
    assert description.origin["weights"] == "this program" and description.origin["head"] is True
    assert description.settings["views"] == 10 and description.settings["unfreeze"] == 0
    assert str(few.parent) not in description.to_json() and str(drawn) not in description.to_json()
    entries = ms.load_checkpoint(str(frozen / "mobilenetv2.ckpt"))
    assert json.loads(entries.pop("description"))["format"] == "mobilenetv2-photos"
    own = (
        "projection",
        "centre",
        "references",
        "labels",
        "usual",
        "numbers",
        "neighbors",
        "plain.references",
        "plain.usual",
    )
    names = {f"neither.{name}" for name in own}
    assert set(entries) == names | {parameter.name for parameter in network.get_parameters()}  # no optimizer state


@pytest.mark.parametrize("run", ["drawn", "frozen", "scratch", "unfrozen"])
def test_loaded_checkpoint_gives_trainings_own_logits(run, request, few):
    output = request.getfixturevalue(run)
    assert_own_logits(output, output / "sample" if run == "drawn" else few)


def test_other_places_and_platform_arguments_change_nothing(frozen, few, drawn, cache, tmp_path):
    place = tmp_path / "狗 和 牛角包 & Co" / "数据"
    shutil.copytree(few, place)
    shutil.copy(drawn / "mobilenetv2.ckpt", tmp_path / "狗 和 牛角包 & Co")
    escaped = str(place.parent).replace("&", "&amp;")
    arguments = [
        f"--data_url={escaped}/数据/",
        f"--ckpt_url={escaped}",
        "--init_method=tcp://x",
        "--rank",
        "0",
        "--train_url=出 路",
    ]
    run = Run([*arguments, f"--cache_dir={cache}"], tmp_path)
    assert run.code == 0, run.out + run.err
    assert "gnored" not in run.out + run.err and "init_method" not in run.out + run.err
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


@pytest.mark.parametrize("least, code", [("0.5", 0), ("0.99", 3)])
def test_gate(drawn, tmp_path, cache, least, code):
    data = tmp_path / "data"
    for split, count in (("train", 6), ("val", 4)):
        for class_ in ("croissants", "dog"):
            (data / split / class_).mkdir(parents=True)
            for file in sorted((drawn / "sample" / split / class_).iterdir())[:count]:
                shutil.copy(file, data / split / class_)
    arguments = ["--data_url=data", f"--pretrain_url={drawn}", f"--cache_dir={cache}", f"--min_accuracy={least}"]
    if code:  # a photo with the wrong label can never be right
        shutil.copy(next((drawn / "sample" / "train" / "dog").glob("*_079.jpg")), data / "val" / "croissants")
    run = Run(arguments, tmp_path)
    assert run.code == code, run.out + run.err
    assert (tmp_path / "output" / "mobilenetv2.ckpt").exists() and (tmp_path / "output" / "metrics.json").exists()
    assert ("is below --min_accuracy=0.99" in run.out) == bool(code)


def test_pictures_of_neither_class_are_not_a_class(drawn, tmp_path, cache):
    data = tmp_path / "data"
    shutil.copytree(drawn / "sample", data)
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        (data / split / "neither").mkdir()
        for number in range(6):
            noise = Image.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize((192, 192), Image.NEAREST)
            noise.save(data / split / "neither" / f"{number}.png")
    run = Run(["--data_url=data", f"--pretrain_url={drawn}", f"--cache_dir={cache}", "--epochs=3"], tmp_path)
    assert run.code == 0, run.out + run.err
    metrics = json.loads((tmp_path / "output" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["classes"] == ["croissants", "dog"] and metrics["val"]["count"] == 40
    assert "val/neither/: not used: pictures of no class are used in train/ only" in run.out
