"""Batches for the small network: views of the teacher's pictures, further augmented."""

import numpy as np
from PIL import Image

from mobilenetv2.data.image import Preprocessing
from mobilenetv2.training.distill import _batch
from mobilenetv2.training.distill_targets import MIRRORED, DistillTargets, _view


def test_without_mirroring_only_the_flips_are_gone():
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (40, 40, 40, 3)).astype(np.uint8)
    features = random.normal(size=(40, 5, 6)).astype(np.float16)
    targets = DistillTargets(pictures, features, random.random((40, 2)).astype(np.float32), np.zeros((40, 4), int))
    views, unflipped = (_batch(targets, Preprocessing(32), 32, mirror, 0, 0, np.arange(40)) for mirror in (True, False))
    np.testing.assert_array_equal(unflipped[1], features.astype(np.float32))
    flipped = [not np.array_equal(*both) for both in zip(views[1], unflipped[1])]
    assert 10 < sum(flipped) < 30
    for number, is_flipped in enumerate(flipped):
        view, other = views[0][number], unflipped[0][number]
        np.testing.assert_allclose(view, other[..., ::-1] if is_flipped else other, atol=0.05)
        expected = features[number][MIRRORED] if is_flipped else features[number]
        np.testing.assert_array_equal(views[1][number], expected.astype(np.float32))
    np.testing.assert_array_equal(views[2], targets.confidences)


def test_views_that_show_a_photo_which_is_left_out():
    members = np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1], [2, 0, 2, 0]])
    targets = DistillTargets(*np.zeros((3, 4)), members)
    assert targets.without(np.array([False, True, False])).tolist() == [0, 3]
    assert not len(targets.without(np.array([True, True, False])))


def test_a_mosaic_says_which_photos_it_shows():
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    images, seen = [Image.new("RGB", (64, 64), color) for color in colors], set()
    for number in range(60):
        view, shown = _view(images, number % 3, 64, np.random.default_rng(number))
        assert shown[0] == number % 3 and {color for _, color in view.getcolors()} == {colors[one] for one in shown}
        seen.add(len(shown))
    assert seen == {1, 2, 4}
