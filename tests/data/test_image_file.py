"""Picture files that are none."""

import os
import socket

import pytest

from mobilenetv2.data.image import MAX_BYTES
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.image_file import read_image_file


def test_what_is_no_file_is_said_in_both_languages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    os.mkfifo("pipe.jpg")
    socket.socket(socket.AF_UNIX).bind("socket.jpg")
    os.mkdir("folder.jpg")
    os.symlink("/dev/zero", "endless.jpg")
    os.symlink("loop.jpg", "loop.jpg")
    with open("sparse.jpg", "wb") as stream:
        stream.truncate(9 * 2**30)
    expected = {
        "pipe.jpg": ("irregular", "a named pipe, not a file; put the picture itself in its place"),
        "socket.jpg": ("irregular", "a socket, not a file; put the picture itself in its place"),
        "folder.jpg": ("irregular", "a folder, not a file; put the picture itself in its place"),
        "endless.jpg": ("irregular", "a device, not a file; put the picture itself in its place"),
        "loop.jpg": ("unreadable", "cannot be read (Too many levels of symbolic links)"),
        "missing.jpg": ("unreadable", "cannot be read (No such file or directory)"),
        "sparse.jpg": ("big", "the file has 9216 MiB, more than the limit of 64 MiB; make it smaller"),
    }
    for name, (kind, words) in expected.items():
        with pytest.raises(ImageError) as caught:
            read_image_file(tmp_path / name)
        assert (caught.value.kind, str(caught.value)) == (kind, words)
        if kind == "irregular":
            assert "不是普通文件" in caught.value.message.zh
    os.truncate("sparse.jpg", MAX_BYTES)
    assert read_image_file(tmp_path / "sparse.jpg") == bytes(MAX_BYTES)
