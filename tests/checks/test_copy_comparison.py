"""Pictures that are alike are no copies: another colour, another small thing, another place on a plain ground, other stripes."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from conftest import SHARED, needs_shared
from drawn_sets import SETS
from PIL import Image, ImageDraw

from mobilenetv2.checks.copy_search import find_near_duplicates
from mobilenetv2.data import image_stats
from mobilenetv2.data.image import decode

# The layouts of nested-split hold the same pictures: one of them.
CASES = {
    "class-named-train": "",
    "colour-classes": "",
    "left-right": "",
    "many-classes": "",
    "nested-split": "d",
    "nfc-nfd": "",
}


def thumbnails(images, quality=90):
    found = []
    for image in images:
        stream = BytesIO()
        image.save(stream, "JPEG", quality=quality)
        found.append(image_stats.measure_image(stream.getvalue(), decode(stream.getvalue(), 224)).thumbnail)
    return found


def named_pairs(folder):
    """(name of the first, name of the second, mirrored) of the copies among the pictures of a folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    data = [file.read_bytes() for file in files]
    found = [image_stats.measure_image(content, decode(content, 224)).thumbnail for content in data]
    names = [file.relative_to(folder).as_posix() for file in files]
    return [(names[pair.first], names[pair.second], pair.mirrored) for pair in find_near_duplicates(found)]


def make(case, folder, *arguments):
    command = [sys.executable, str(SHARED / "cases" / case / "make.py"), str(folder), *arguments]
    subprocess.run(command, check=True, timeout=120)


@pytest.mark.parametrize("name", SETS)
def test_pictures_that_are_alike_are_no_copies(name):
    assert find_near_duplicates(thumbnails(SETS[name]())) == []


def test_drawings_of_one_kind_are_no_copies(drawings):
    assert named_pairs(drawings) == []


@pytest.mark.parametrize("tint", [(1.4, 0.85, 0.85), (1.15, 0.95, 0.9)])
def test_a_drawing_in_another_colour(tint, drawings):
    """Equally bright: grey pictures would be the same."""
    images = [Image.open(file).convert("RGB") for file in sorted(drawings.glob("val/*/*.jpg"))]
    scale = np.array(tint) / (np.array(tint) @ (0.299, 0.587, 0.114))
    tinted = [Image.fromarray(np.clip(np.asarray(image) * scale, 0, 255).astype(np.uint8)) for image in images]
    assert find_near_duplicates(thumbnails(images + tinted)) == []


@pytest.mark.parametrize("side", [0.08, 0.15])
def test_a_small_thing_that_only_one_shows(side, drawings):
    images = [Image.open(file).convert("RGB") for file in sorted(drawings.glob("val/*/*.jpg"))]
    changed = [image.copy() for image in images]
    random = np.random.default_rng(0)
    for image in changed:
        x, y = (random.uniform(0, 1 - side, 2) * image.size).tolist()
        opposite = np.asarray(image)[int(y), int(x)] < 128  # to be seen there
        colour = tuple((255 * opposite).tolist())
        ImageDraw.Draw(image).ellipse((x, y, x + side * image.width, y + side * image.width), fill=colour)
    assert find_near_duplicates(thumbnails(images + changed)) == []


@needs_shared
@pytest.mark.parametrize("case", CASES)
def test_no_copies_in_the_cases(case, tmp_path):
    make(case, tmp_path / "made")
    assert named_pairs(tmp_path / "made" / CASES[case]) == []


@needs_shared
def test_signs_that_are_mirror_images(tmp_path):
    make("left-right", tmp_path, "same")
    expected = [
        (f"{split}/turn_left/{number:03d}.jpg", f"{split}/turn_right/{number:03d}.jpg", True)
        for split, count in (("train", 40), ("val", 15))
        for number in range(count)
    ]
    assert named_pairs(tmp_path) == expected


@needs_shared
def test_a_real_photo_with_another_thing_or_colour():
    files = sorted((SHARED / "photos").glob("val/*/*"))[::4]
    images = [decode(file.read_bytes(), 224) for file in files]
    others, random = [], np.random.default_rng(0)
    for image in images:
        other, side = image.copy(), 0.1 * min(image.size)
        x, y = random.uniform(0, image.width - side), random.uniform(0, image.height - side)
        ImageDraw.Draw(other).rectangle((x, y, x + side, y + side), fill=tuple(random.integers(0, 256, 3).tolist()))
        others += [other, Image.merge("RGB", [image.split()[band] for band in (2, 0, 1)])]
    assert find_near_duplicates(thumbnails(images + others)) == []
