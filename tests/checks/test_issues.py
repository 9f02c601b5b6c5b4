"""What a test plants is found by name, and a clean set says nothing."""

import shutil

from conftest import SHARED, needs_shared
from inspected import inspect_folder, window
from PIL import Image, ImageOps


def test_a_clean_set_says_nothing(drawings, cache):
    assert inspect_folder(drawings, cache).says() == {}


def test_twelve_defects_by_name(mine, cache):
    train, val = mine / "train", mine / "val"
    cats, dogs = train / "croissants", train / "dog"
    shutil.copy(cats / "croissants_000.jpg", cats / "same.jpg")
    shutil.copy(cats / "croissants_001.jpg", dogs / "conflict.jpg")
    shutil.copy(dogs / "dog_002.jpg", val / "dog" / "leak.jpg")
    opened = {number: Image.open(dogs / f"dog_{number:03d}.jpg").convert("RGB") for number in range(3, 12)}
    opened[3].save(dogs / "encoded.jpg", quality=40)
    opened[4].resize((90, 96)).save(dogs / "resized.png")
    ImageOps.mirror(opened[5]).save(dogs / "mirrored.jpg")
    window(opened[6], 0.5, 0.5).save(dogs / "cropped.jpg")
    window(opened[7], 1.0, 0.2).save(val / "dog" / "leak_cropped.jpg")
    ImageOps.mirror(opened[8]).save(cats / "conflict_mirrored.jpg", quality=70)
    opened[9].resize((30, 31)).save(dogs / "tiny.jpg")
    Image.new("RGB", (200, 150), (90, 90, 200)).save(dogs / "blue.png")
    Image.new("L", (200, 150), 17).save(cats / "black.jpg")
    said = inspect_folder(mine, cache).says()
    first = "train/croissants/croissants_001.jpg"
    wanted = {
        "train/croissants/same.jpg": "the same file as train/croissants/croissants_000.jpg: one of them is enough",
        "train/dog/conflict.jpg": f"the same file as {first}: two classes claim it, one of them is wrong",
        "val/dog/leak.jpg": "the same file as train/dog/dog_002.jpg: it is in train and in val",
        "train/dog/encoded.jpg": "copy of train/dog/dog_003.jpg: one of them",
        "train/dog/resized.png": "copy of train/dog/dog_004.jpg: one of them",
        "train/dog/mirrored.jpg": "mirrored copy of train/dog/dog_005.jpg: one of them",
        "train/dog/dog_006.jpg": "copy of train/dog/cropped.jpg: one of them",
        "val/dog/leak_cropped.jpg": "copy of train/dog/dog_007.jpg: it is in train and in val",
        "train/dog/dog_008.jpg": "mirrored copy of train/croissants/conflict_mirrored.jpg: two classes",
        "train/dog/tiny.jpg": "tiny: 30 x 31 pixels",
        "train/dog/blue.png": "a picture of one colour",
        "train/croissants/black.jpg": "a picture of one colour",
    }
    for name, words in wanted.items():
        assert any(words in text for text in said.pop(name, ())), (name, words)
    # The tiny one is a copy, too; nothing else is said.
    assert all("tiny.jpg" in name or "tiny.jpg" in text for name, texts in said.items() for text in texts), said


@needs_shared
def test_real_photos(cache):
    inspected = inspect_folder(SHARED / "photos", cache)
    said = inspected.says()
    assert list(said) == ["picture size"]
    assert (
        "86 % right on average (longer side at most 160 pixels: 72 % of its photos, 1 % of the others)"
        in said["picture size"][0]
    )
