"""Features of the frozen backbone: computed once, from photos that are decoded once."""

import shutil

import numpy as np
import pytest

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.data import dataset, decoded
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.model import checkpoint
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.prediction import pool_features
from mobilenetv2.runtime import device
from mobilenetv2.training.extraction import compute_features


@pytest.mark.parametrize("room", [0, 10, 100])
def test_photos_that_were_decoded_for_the_check_are_not_decoded_again(room, few, built_in, tmp_path, monkeypatch):
    device.select_device("CPU", 0)
    network, description, _ = checkpoint.load(str(built_in))
    cache, read = PhotoCache(str(tmp_path)), []
    monkeypatch.setattr(decoded, "MAX_BYTES", room * 3 * 128**2)
    checked = check_photos(dataset.scan_folder(str(few)), description.preprocessing, cache, 2)
    photos = checked.data.split("train")
    plain = pool_features(network, photos, description.preprocessing, 2)
    monkeypatch.setattr(dataset.Photo, "read", lambda photo: read.append(photo) or photo.file.read_bytes())
    known = compute_features(network, photos, checked.decoded, cache, workers=2)
    np.testing.assert_array_equal(known.pooled, plain.pooled)
    assert len(read) == {0: 24, 10: 14, 100: 0}[room]
    assert len(checked.decoded._pictures) == {0: 0, 10: 0, 100: 100}[room]  # the photos to validate are still in there


def test_cache_recomputes_just_what_changed(few, built_in, drawings, tmp_path):
    device.select_device("CPU", 0)
    network, description, _ = checkpoint.load(str(built_in))
    root = tmp_path / "photos"
    shutil.copytree(few, root)
    cache = PhotoCache(str(tmp_path / "cache"))

    def run(model, seed=0):
        checked = check_photos(dataset.scan_folder(str(root)), description.preprocessing, cache, 2)
        known = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*") if file.is_file()}
        known_of_it = compute_features(model, checked.data.split("train"), checked.decoded, cache, 2, seed, 2)
        out = np.concatenate((known_of_it.pooled, known_of_it.center[:, None]), 1)
        after = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*") if file.is_file()}
        return out, [file for file in after if known.get(file) != after[file]]

    first, written = run(network)
    assert first.shape == (24, 3, 384) and len(written) == 48
    again, none = run(network)
    np.testing.assert_array_equal(again, first)
    assert none == []
    broken = written[5]
    broken.write_bytes(broken.read_bytes()[:-1] + b"x")
    repaired, rewritten = run(network)
    np.testing.assert_allclose(repaired, first, atol=1e-5)
    assert rewritten == [broken]
    names = sorted((root / "train" / "dog").iterdir())
    shutil.copy(drawings / "val" / "dog" / names[0].name.replace("000", "019"), names[0])
    changed, two = run(network)
    assert len(two) == 2 and np.abs(changed - first).max(axis=(1, 2)).nonzero()[0].tolist() == [12]
    assert len(run(network, seed=1)[1]) == 24  # view 0 does not depend on the seed
    other = MobileNetV2(description.architecture, 2)
    assert len(run(other)[1]) == 48
