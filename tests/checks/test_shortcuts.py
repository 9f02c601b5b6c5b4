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


def test_stump():
    accuracy, threshold, below = shortcuts.best_threshold(
        np.array([1.0, 2, 2, 3]), np.array([True, True, False, False])
    )
    assert (accuracy, threshold, below) == (0.75, 1.0, True) or (accuracy, threshold, below) == (0.75, 2.0, True)
    assert shortcuts.best_threshold(np.ones(6), np.arange(6) < 3)[0] == 0.5
    assert shortcuts.best_threshold(np.arange(6.0), np.arange(6) >= 3) == (1.0, 2.0, False)
