"""What the small network learns from the large one."""

import numpy as np

from mobilenetv2.training.distill_targets import MIRRORED, pool_regions


def test_regions_of_a_mirrored_picture():
    numbers = np.random.default_rng(0).normal(size=(2, 5, 7, 7)).astype(np.float32)
    plain, mirrored = (np.stack(pool_regions(array), 1) for array in (numbers, numbers[..., ::-1]))
    np.testing.assert_allclose(mirrored, plain[:, MIRRORED], atol=1e-6)
    np.testing.assert_allclose(plain[:, 2], numbers[:, :, :4, 3:].mean((2, 3)), atol=1e-6)  # above, on the right
    assert np.abs(plain[:, 2] - plain[:, 1]).max() > 0.1
