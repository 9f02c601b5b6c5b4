"""What is measured of a picture."""

import hashlib
from io import BytesIO

import numpy as np
from PIL import Image

from mobilenetv2.data import image_stats
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.decoded import DecodedPhotos
from mobilenetv2.data.image import Preprocessing, decode


def test_stats_are_the_same_from_the_cache(drawings, tmp_path):
    data = (drawings / "train" / "dog" / "dog_000.jpg").read_bytes()
    digest, store = hashlib.sha256(data).hexdigest(), PhotoCache(str(tmp_path))
    first, second = (image_stats.cached_stats(data, digest, DecodedPhotos(Preprocessing(64)), store) for _ in range(2))
    assert first[1:] == second[1:] and np.array_equal(first.thumbnail, second.thumbnail)
    assert (first.format, first.width, first.height) == ("JPEG", 192, 192)


def test_the_thumbnail_is_in_colour():
    for colour in ((200, 40, 30), (30, 160, 90)):
        stream = BytesIO()
        Image.new("RGB", (90, 70), colour).save(stream, "PNG")
        stats = image_stats.measure_image(stream.getvalue(), decode(stream.getvalue(), 64))
        kept = image_stats.ImageStats.from_bytes(stats.to_bytes()).thumbnail
        assert kept.shape == (64, 64, 3) and kept.dtype == np.uint8 and (kept == colour).all()
