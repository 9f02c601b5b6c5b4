"""Photos, or the drawings of this program."""

import shutil

from mobilenetv2.data import dataset, sample
from mobilenetv2.data.kind import DRAWINGS, PHOTOS, for_kind


def kind_of(folder):
    return sample.kind_of(photo.file for photo in dataset.scan_folder(str(folder)).photos)


def test_drawings_are_known_wherever_they_are(mine, few, tmp_path):
    assert kind_of(mine) == DRAWINGS
    shutil.copytree(mine, tmp_path / "elsewhere" / "deep")
    assert kind_of(tmp_path / "elsewhere") == DRAWINGS
    assert kind_of(few) == PHOTOS  # some of them, chosen by someone
    shutil.copy(mine / "val" / "dog" / "dog_000.jpg", mine / "train" / "dog" / "mine.jpg")
    assert kind_of(mine) == PHOTOS


def test_texts_speak_of_what_was_learned():
    assert for_kind("Photos: 5 photos, 1 photo", DRAWINGS) == "Drawings: 5 drawings, 1 drawing"
    assert for_kind("5 张照片", DRAWINGS) == "5 张图画" and for_kind("5 张照片", PHOTOS) == "5 张照片"
