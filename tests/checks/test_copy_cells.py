"""The search among many photos finds what the comparison of each with every other finds."""

import numpy as np
import pytest
from PIL import Image
from test_copy_search import encoded, halved, thumbnail

from mobilenetv2.checks import copy_cells, copy_search
from mobilenetv2.checks.copy_search import copy_groups, find_near_duplicates
from mobilenetv2.data.image import decode


def pictures(count):
    """Clouds of colour, u8 [count, 64, 64, 3]: thousands of pairs are alike from afar."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), np.uint8)
    return [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in coarse]


def candidates(found, monkeypatch, exact, mirrored):
    """Pairs, their windows, and whether these are mirrored."""
    monkeypatch.setattr(copy_search, "EXACT", exact)
    some = copy_search._candidates(len(found), lambda rows: np.stack([found[row] for row in rows]), mirrored)
    return set(zip(some.queries.tolist(), some.others.tolist(), map(tuple, some.boxes.tolist()), some.flipped.tolist()))


@pytest.mark.parametrize("mirrored", [True, False])
@pytest.mark.parametrize("chunk", [1000, 64])
def test_where_every_cell_is_looked_into_the_same_is_found(mirrored, chunk, monkeypatch):
    monkeypatch.setattr(copy_cells, "PROBES", 1000)
    monkeypatch.setattr(copy_cells, "CHUNK", chunk)
    monkeypatch.setattr(copy_cells, "ROWS", 50)
    found = pictures(200)
    exact = candidates(found, monkeypatch, 200, mirrored)
    assert len(exact) > 50 and any(flipped for *_, flipped in exact) == mirrored
    assert candidates(found, monkeypatch, 199, mirrored) == exact


def test_few_cells_hold_the_copies(drawings, monkeypatch):
    images = [decode(file.read_bytes(), 224) for file in sorted(drawings.glob("train/*/*.jpg"))[::2]]
    changes = (
        lambda image: image,
        lambda image: halved(image).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda image: image.crop((20, 10, image.width - 5, image.height)),
    )
    thumbnails = [thumbnail(encoded(change(image))) for change in changes for image in images]
    exact = find_near_duplicates(thumbnails)
    assert len({pair.first % len(images) for pair in exact}) == len(images)
    monkeypatch.setattr(copy_search, "EXACT", 0)
    monkeypatch.setattr(copy_cells, "PROBES", 8)  # of 62
    found, count = find_near_duplicates(thumbnails), len(thumbnails)
    assert set(found) <= set(exact) and len(found) > 0.98 * len(exact)
    assert copy_groups(count, found).tolist() == copy_groups(count, exact).tolist()
