"""The order of the photos in training."""

import numpy as np

from mobilenetv2.training.loop import shuffled_batches


def test_no_photo_is_dropped_from_an_epoch():
    for count, batch in ((10, 4), (7, 7), (160, 16), (5, 2)):
        rows = shuffled_batches(count, batch, seed=0, epoch=3)
        assert rows.shape == (-(-count // batch), batch) and set(rows.ravel()) == set(range(count))
    assert not np.array_equal(shuffled_batches(50, 8, 0, 0), shuffled_batches(50, 8, 0, 1))
