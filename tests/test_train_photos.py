"""Real photos and ImageNet weights: how good, and with how few photos."""

import neither
import numpy as np
import pytest
from conftest import SHARED, UNREADABLE, Run, metrics, needs_shared

import train
from mobilenetv2.classifier import Classifier
from mobilenetv2.data.image import Preprocessing, preprocess
from mobilenetv2.model import checkpoint, pretrained


@needs_shared
def test_real_photos(photos):
    result = metrics(photos)
    assert result["val"]["count"] == 143 and result["val"]["correct"] >= 141
    assert result["train"]["count"] == 636 and result["origin"]["weights"] == "torchvision"
    description = checkpoint.load(str(photos))[1]
    assert description.architecture.padding == "same" and description.preprocessing.mean == (0.5, 0.5, 0.5)


@needs_shared
def test_pixels_of_training_and_loading_are_the_same(photos):
    trained = pretrained.read_pretrained(str(SHARED / "weights"))
    loaded = checkpoint.load(str(photos))[1].preprocessing
    files = [file for file in (SHARED / "odd").iterdir() if file.suffix != ".csv" and file.name not in UNREADABLE]
    assert len(files) == 30 - len(UNREADABLE)
    for file in files:
        np.testing.assert_array_equal(
            preprocess(file.read_bytes(), loaded),
            preprocess(file.read_bytes(), Preprocessing(224, trained.mean, trained.std)),
        )


def sample(root, seed, per_class):
    """A data set of `per_class` training photos per class, drawn by seed, and all validation photos."""
    random = np.random.default_rng(seed)
    root.mkdir(parents=True)
    (root / "val").symlink_to(SHARED / "photos" / "val")
    for class_ in ("croissants", "dog"):
        (root / "train" / class_).mkdir(parents=True)
        files = sorted((SHARED / "photos" / "train" / class_).iterdir())
        for file in random.choice(files, per_class, replace=False):
            (root / "train" / class_ / file.name).symlink_to(file)
    return root


@needs_shared
@pytest.mark.parametrize("per_class, least", [(5, 0.95), (15, 0.985)])
def test_few_photos_are_enough(per_class, least, cache, logging_as_before, tmp_path):
    accuracies = []
    for seed in range(5):
        root = tmp_path / str(seed)
        data = sample(root / "photos", seed, per_class)
        arguments = [
            f"--data_url={data}",
            f"--pretrain_url={SHARED / 'weights'}",
            f"--output_path={root}",
            f"--cache_dir={cache}",
        ]
        assert train.main([*arguments, f"--seed={seed}"]) == 0
        accuracies.append(metrics(root)["val"]["accuracy"])
    assert np.mean(accuracies) >= least


@needs_shared
def test_whole_network_on_real_photos(cache, tmp_path):
    data = sample(tmp_path / "photos", 0, 40)
    arguments = [
        f"--data_url={data}",
        f"--pretrain_url={SHARED / 'weights'}",
        f"--output_path={tmp_path}",
        f"--cache_dir={cache}",
    ]
    run = Run([*arguments, "--unfreeze=all", "--epochs=1"], tmp_path)
    assert run.code == 0, run.out + run.err
    result = metrics(tmp_path)
    assert result["val"]["correct"] >= 141 and result["settings"]["unfreeze"] == 19 and result["peak_memory_mib"] < 6000


def figures(file):
    found = neither.measure(file, SHARED / "photos", SHARED / "neither")
    print(file, found)
    return found


@needs_shared
def test_the_first_command_does_not_make_the_page_worse(drawn):
    """What a visitor gets after `train.py` without arguments, of photos and of drawings."""
    start, after = figures(checkpoint.EMBEDDED), figures(drawn)
    assert after.right >= 0.95 * 143 and after.right >= start.right and after.refused <= 0.03 * 143
    assert metrics(drawn)["val"]["correct"] == 40 and metrics(drawn)["val"]["refused"] == 0
    assert metrics(drawn)["data"]["kind"] == "drawings"


@needs_shared
def test_the_built_in_network_learns_from_photos(cache, logging_as_before, tmp_path):
    arguments = [f"--data_url={SHARED / 'photos'}", f"--output_path={tmp_path}", f"--cache_dir={cache}"]
    assert train.main(arguments) == 0
    after = figures(tmp_path)
    assert after.right >= 137 and after.refused == 0 and metrics(tmp_path)["data"]["kind"] == "photos"


@needs_shared
def test_what_has_learned_photos_still_tells_strangers_after_drawings(
    photos, drawn, cache, logging_as_before, tmp_path
):
    arguments = [f"--data_url={drawn / 'sample'}", f"--pretrain_url={photos}", f"--cache_dir={cache}"]
    assert train.main([*arguments, f"--output_path={tmp_path}"]) == 0
    before, after = figures(photos), figures(tmp_path)
    assert after.right >= before.right - 2 and after.refused <= before.refused and after.auroc > 0.9
    assert metrics(tmp_path)["val"]["correct"] >= 39 and metrics(tmp_path)["val"]["refused"] == 0
    assert len(Classifier(str(tmp_path)).answer((drawn / "sample/val/dog/dog_000.jpg").read_bytes()).nearest) == 3


@needs_shared
def test_features_of_the_built_in_network_do_not_tell_strangers():
    """Why it has no detector: docs/trust.md has these figures."""
    found = neither.measure_fitted(checkpoint.EMBEDDED, SHARED / "photos", SHARED / "neither")
    print(found)
    assert found.auroc == pytest.approx(0.65, abs=0.03) and found.refused > 0.03 * 143
