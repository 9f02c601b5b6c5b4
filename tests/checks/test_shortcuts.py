"""Circumstances that give a class away are named with their figure, and few photos prove nothing."""

import numpy as np
import pytest
from inspected import inspect_folder
from PIL import Image, ImageOps

from mobilenetv2.checks import shortcuts
from mobilenetv2.data import image_stats

SHORTCUTS = {
    "picture size": lambda image: (image.resize((90, 90)), ".jpg"),
    "aspect": lambda image: (image.resize((240, 160)), ".jpg"),
    "sharpness": lambda image: (image.resize((24, 24)).resize(image.size, Image.BICUBIC), ".jpg"),
    "border": lambda image: (ImageOps.expand(image.resize((160, 160)), 16, (128, 128, 128)), ".jpg"),
    "background brightness": lambda image: (image.point(lambda value: 128 + value // 2), ".jpg"),
    "file format": lambda image: (image, ".png"),
}


@pytest.mark.parametrize("measure", SHORTCUTS)
def test_each_shortcut_is_named_with_its_figure(mine, cache, measure):
    """Nine of ten dogs are changed; the figure is that of the change, whatever else it brings with it."""
    for file in sorted((mine / "train" / "dog").iterdir())[:72]:
        image, ending = SHORTCUTS[measure](Image.open(file).convert("RGB"))
        file.unlink()
        image.save(file.with_suffix(ending))
    found = {shortcut.measure: shortcut for shortcut in inspect_folder(mine, cache).shortcuts()}
    assert measure in found
    assert 0.75 <= found[measure].accuracy <= 0.97 and measure in found[measure].message()
    if measure in ("picture size", "aspect", "file format"):
        assert found[measure].accuracy == pytest.approx(0.95) and not set(found) & {"border", "background brightness"}
        assert "95 %" in found[measure].message()


def test_five_photos_per_class_prove_nothing():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 5)
    said = 0
    for _ in range(300):
        stats = [
            image_stats.ImageStats(
                np.zeros((64, 64), np.uint8), "JPEG", *random.integers(99, 999, 2), *random.random(4)
            )
            for _ in labels
        ]
        said += len(shortcuts.measure_shortcuts(("a", "b"), labels, stats))
    assert said == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_best_threshold_of_each_class(seed):
    random = np.random.default_rng(seed)
    count = random.integers(2, 60)
    labels = random.integers(0, random.integers(2, 8), count).astype(np.int32)
    values = random.integers(0, random.integers(2, 30), count).astype(float)
    for label, found in enumerate(shortcuts.best_thresholds(values, labels, range(9))):
        own, best = labels == label, 0.5
        if 0 < own.sum() < count:
            shares = [((values <= value)[own].mean(), (values <= value)[~own].mean()) for value in values]
            best = max(0.5 + abs(own_share - others) / 2 for own_share, others in shares)
        accuracy, threshold, below = found
        assert accuracy == pytest.approx(best)
        if best > 0.5:
            inside = (values <= threshold) == below
            assert (inside[own].mean() + (~inside[~own]).mean()) / 2 == pytest.approx(best)


def test_a_threshold_between_two_classes():
    labels = np.int32([0, 0, 0, 1, 1, 1])
    assert shortcuts.best_thresholds(np.ones(6), labels, range(2)) == [(0.5, 1.0, True)] * 2
    assert shortcuts.best_thresholds(np.arange(6.0), labels, range(2)) == [(1.0, 2.0, True), (1.0, 2.0, False)]
