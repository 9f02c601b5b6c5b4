"""Views of a photo."""

import numpy as np
from PIL import Image, ImageOps
from test_image import PLAIN, encode, halves

from mobilenetv2.data.augment import MIRRORED, augmented_views
from mobilenetv2.data.image import preprocess


def test_view_zero_is_what_the_page_sees():
    data = encode(halves(), "PNG")
    np.testing.assert_array_equal(augmented_views(data, PLAIN, 7, [0], True)[0], preprocess(data, PLAIN))


def test_views_are_a_function_of_bytes_seed_and_number():
    data, other = encode(halves(), "PNG"), encode(halves(), "PNG", compress_level=1)
    first = augmented_views(data, PLAIN, 0, [1, 2, 3], True)
    np.testing.assert_array_equal(augmented_views(data, PLAIN, 0, [3, 1], True)[::-1], first[[0, 2]])
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], augmented_views(data, PLAIN, 1, [1], True)[0])
    assert not np.array_equal(first[0], augmented_views(other, PLAIN, 0, [1], True)[0])


def test_views_blur_so_that_sharpness_says_nothing():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    sharpness = [
        np.abs(np.diff(view, axis=-1)).mean()
        for view in augmented_views(encode(noise, "PNG"), PLAIN, 0, range(1, 40), True)
    ]
    assert max(sharpness) > 3 * min(sharpness)


def test_without_mirroring_only_the_flips_are_gone():
    data = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)), "PNG")
    views, unflipped = (augmented_views(data, PLAIN, 0, range(1, 41), mirror) for mirror in (True, False))
    same = [np.array_equal(view, other) for view, other in zip(views, unflipped)]
    assert 10 < sum(same) < 30
    np.testing.assert_allclose(
        [view for view, kept in zip(views, same) if not kept],
        [other[..., ::-1] for other, kept in zip(unflipped, same) if not kept],
        atol=0.02,
    )


def test_the_mirrored_view_is_view_zero_mirrored():
    data = encode(ImageOps.expand(Image.new("RGB", (60, 60), "red"), (40, 0, 0, 0), "blue"), "PNG")
    plain, mirrored = augmented_views(data, PLAIN, 0, [0, MIRRORED], False)
    np.testing.assert_array_equal(mirrored, plain[..., ::-1])
    assert not np.array_equal(mirrored, plain)


def test_views_for_the_classifier_are_spoiled_in_four_ways():
    """Noise and blocks where there was one colour, less detail where there was much; every fourth view is an ordinary one."""
    flat = encode(Image.new("RGB", (80, 80), (90, 120, 150)), "PNG")
    rough = [
        np.abs(np.diff(view, axis=-1)).mean() for view in augmented_views(flat, PLAIN, 0, range(1, 17), True, True)
    ]
    assert [value > 1e-4 for value in rough].count(
        True
    ) == 3  # the noisy ones of twelve; each fourth view is not spoiled
    data = encode(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)), "PNG")
    spoiled, ordinary = (augmented_views(data, PLAIN, 0, range(9), True, which) for which in (True, False))
    same = [number for number in range(9) if np.array_equal(spoiled[number], ordinary[number])]
    assert same == [0, 4, 8]
    np.testing.assert_array_equal(augmented_views(data, PLAIN, 0, [5], True, True)[0], spoiled[5])


def test_a_large_picture_is_spoiled_as_a_small_one():
    """Noise of the pixels of a large picture would be gone once it is shrunk."""
    small, large = (
        augmented_views(encode(Image.new("RGB", (side, side), "grey"), "PNG"), PLAIN, 0, range(1, 80), True, True)
        for side in (64, 640)
    )
    roughness = [np.abs(np.diff(views, axis=-1)).mean() for views in (small, large)]
    assert roughness[1] > 0.3 * roughness[0] > 0.005, roughness
