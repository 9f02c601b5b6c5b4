"""Errors that are said, and those that are bugs."""

import errno
import os
from pathlib import Path

import pytest

from mobilenetv2.runtime.errors import UserError, collect_errors, os_error_words


def fail(error):
    raise error


@pytest.mark.parametrize("name", [b"a\nb.jpg", "a\nb.jpg", Path("a\nb.jpg")])
def test_an_error_of_a_path_is_a_sentence(name):
    error = OSError(errno.ESTALE, os.strerror(errno.ESTALE), name)
    advice = "look whether it is there and you may use it"
    assert os_error_words(error) == f"a\\nb.jpg: cannot be used ({os.strerror(errno.ESTALE)}); {advice}"


@pytest.mark.parametrize("error", [OSError("cannot identify"), OSError(errno.EBADF, "Bad file descriptor", 7)])
def test_an_error_of_no_path_is_a_bug(error):
    assert os_error_words(error) is None
    with pytest.raises(OSError) as caught:
        collect_errors(lambda: fail(error))
    assert caught.value is error


def test_all_problems_come_together():
    gone = OSError(errno.EIO, "Input/output error", "/mnt/drive")
    with pytest.raises(UserError) as caught:
        collect_errors(lambda: fail(UserError("first")), lambda: 1, lambda: fail(gone), lambda: fail(UserError("last")))
    assert str(caught.value).splitlines() == ["first", os_error_words(gone), "last"]
    assert collect_errors(lambda: 1, lambda: 2) == [1, 2]
