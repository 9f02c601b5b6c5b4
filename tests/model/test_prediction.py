"""Logits of photos, where a part of the network does not change from one epoch to the next."""

import numpy as np
import pytest
from mindspore import ops

from mobilenetv2.data import dataset
from mobilenetv2.model import checkpoint, prediction

pytestmark = pytest.mark.usefixtures("on_cpu")


@pytest.mark.parametrize("room, reads", [(2**29, 24 + 1), (1000, 2 * 24 + 1)])
def test_photos_are_read_once_where_the_maps_of_the_frozen_blocks_are_kept(room, reads, few, built_in, monkeypatch):
    network, description, _ = checkpoint.load(str(built_in))
    photos = [photo for photo in dataset.scan_folder(str(few)).photos if photo.split == "train"]
    read = []
    monkeypatch.setattr(dataset.Photo, "read", lambda photo: read.append(photo) or photo.file.read_bytes())
    monkeypatch.setattr(prediction, "MAX_HELD", room)
    frozen = 15
    logits = prediction.logits_of_frozen(network, photos, description.preprocessing, 2, frozen)
    for scale in (1.0, 1.1):
        for parameter in list(network.features)[frozen].trainable_params():
            parameter.set_data(ops.mul(parameter, scale))
        ours = logits()
        before = len(read)
        expected = prediction.predict_logits(network, photos, description.preprocessing, 2)
        del read[before:]
        np.testing.assert_array_equal(ours, expected)
    assert len(read) == reads


@pytest.mark.parametrize("count", [1, 6, 7, 14, 20])
def test_logits_of_many_photos_are_computed_part_by_part(count, built_in, monkeypatch):
    classifier = checkpoint.load(str(built_in))[0].classifier
    features = np.random.default_rng(0).random((count, classifier.in_channels), np.float32)
    whole = prediction.classify(classifier, features)
    monkeypatch.setattr(prediction, "COPIED", 7)
    np.testing.assert_allclose(prediction.classify(classifier, features), whole, atol=1e-5)
    assert whole.shape == (count, 2)
