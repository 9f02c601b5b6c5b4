"""Views of a photo."""

import numpy as np
from PIL import Image
from test_image import PLAIN, encode, halves

from mobilenetv2.data.augment import augmented_views
from mobilenetv2.data.image import preprocess


def test_view_zero_is_what_the_page_sees():
    data = encode(halves(), "PNG")
    np.testing.assert_array_equal(augmented_views(data, PLAIN, 7, [0])[0], preprocess(data, PLAIN))


def test_views_are_a_function_of_bytes_seed_and_number():
    data, other = encode(halves(), "PNG"), encode(halves(), "PNG", compress_level=1)
    first = augmented_views(data, PLAIN, 0, [1, 2, 3])
    np.testing.assert_array_equal(augmented_views(data, PLAIN, 0, [3, 1])[::-1], first[[0, 2]])
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], augmented_views(data, PLAIN, 1, [1])[0])
    assert not np.array_equal(first[0], augmented_views(other, PLAIN, 0, [1])[0])


def test_views_blur_so_that_sharpness_says_nothing():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    sharpness = [
        np.abs(np.diff(view, axis=-1)).mean() for view in augmented_views(encode(noise, "PNG"), PLAIN, 0, range(1, 40))
    ]
    assert max(sharpness) > 3 * min(sharpness)
