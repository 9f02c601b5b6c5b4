"""The classifier and files: those that it is given, and its own that vanishes."""

import os
import shutil

import pytest
from page import Page

from mobilenetv2.classifier import Answer, Classifier
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.errors import UserError


def test_what_is_no_file_has_its_error_and_the_others_their_answers(drawings, tmp_path):
    picture = drawings / "val" / "dog" / "dog_003.jpg"
    os.mkfifo(tmp_path / "pipe.jpg")
    os.symlink("/dev/zero", tmp_path / "endless.jpg")
    os.symlink(picture, tmp_path / "link.jpg")
    names = ("pipe.jpg", "link.jpg", "endless.jpg", "missing.jpg")
    answers = dict(Classifier(str(EMBEDDED)).answers([(name, tmp_path / name) for name in names], workers=2))
    assert tuple(answers) == names
    assert isinstance(answers["link.jpg"], Answer) and answers["link.jpg"].label == "dog"
    errors = {name: str(answer) for name, answer in answers.items() if isinstance(answer, ImageError)}
    assert errors == {
        "pipe.jpg": "a named pipe, not a file; put the picture itself in its place",
        "endless.jpg": "a device, not a file; put the picture itself in its place",
        "missing.jpg": "cannot be read (No such file or directory)",
    }


def test_the_checkpoint_may_vanish_once_it_is_loaded(tmp_path):
    """Its name may end in capitals, too."""
    file = tmp_path / "MINE.CKPT"
    shutil.copy(EMBEDDED, file)
    os.utime(file, (0, 86400 * 3650))  # at the end of 1979
    classifier = Classifier(str(tmp_path))
    file.unlink()
    assert classifier.file == file and "1979" in Page(classifier, 600).status("en")


@pytest.mark.parametrize("name", ["pipe.ckpt", "loop.ckpt", "folder.ckpt", "nothing.ckpt"])
def test_a_checkpoint_that_is_no_file_is_a_sentence(tmp_path, name):
    os.mkfifo(tmp_path / "pipe.ckpt")
    os.symlink("loop.ckpt", tmp_path / "loop.ckpt")
    (tmp_path / "folder.ckpt").mkdir()
    with pytest.raises(UserError, match=r"cannot be read|found none|there is no such file"):
        Classifier(str(tmp_path / name))
