"""Addresses of users, against a server of its own."""

import json
import os

import pytest
from file_server import Files

from mobilenetv2.data import addresses
from mobilenetv2.data.addresses import fetch_address, is_address
from mobilenetv2.runtime.errors import UserError


@pytest.fixture
def server():
    with Files() as server:
        server.content["photos.zip"] = b"first"
        yield server
        server.shutdown()


def test_asked_again_and_downloaded_only_if_it_has_changed(server, tmp_path, caplog):
    caplog.set_level("INFO")
    url = server.url("photos.zip")
    file = fetch_address(url, tmp_path)
    assert file.name == "photos.zip" and file.read_bytes() == b"first"
    written = file.stat().st_mtime_ns
    assert fetch_address(url, tmp_path) == file and file.stat().st_mtime_ns == written
    assert "has not changed since it was downloaded" in caplog.records[-1].getMessage()
    server.content["photos.zip"] = b"second one"
    assert fetch_address(url, tmp_path).read_bytes() == b"second one"
    assert [path.name for path in tmp_path.glob("*/*")].count("photos.zip") == 1 and len(server.requests) == 3
    file.write_bytes(b"cut")  # in the cache
    assert fetch_address(url, tmp_path).read_bytes() == b"second one"


def test_without_the_server_the_earlier_file_is_used(server, tmp_path, caplog):
    url = server.url("photos.zip")
    file = fetch_address(url, tmp_path)
    server.shutdown()
    server.server_close()
    assert fetch_address(url, tmp_path) == file
    assert "refused" in caplog.records[-1].getMessage() and "before is used" in caplog.records[-1].getMessage()
    with pytest.raises(UserError, match=r"cannot be downloaded to .*refused.*; look at the address, or get the file"):
        fetch_address(f"{url}?other", tmp_path)


def test_a_broken_connection_leaves_the_earlier_file(server, tmp_path):
    url = server.url("photos.zip")
    file = fetch_address(url, tmp_path)
    server.content["photos.zip"], server.breaks = bytes(1000), 300
    assert fetch_address(url, tmp_path) == file and file.read_bytes() == b"first"
    assert sorted(path.name for path in file.parent.iterdir()) == [addresses.RECORD, "photos.zip"]


@pytest.mark.parametrize(
    ("path", "said", "name"),
    [
        ("repo?Revision=master&FilePath=x", 'attachment; filename="weights.ckpt"', "weights.ckpt"),
        ("repo", "attachment; filename*=UTF-8''%E7%85%A7%E7%89%87.zip", "照片.zip"),
        ("a/b/photos.tar.gz?token=1", "", "photos.tar.gz"),
        ("a", 'attachment; filename="../../../evil.zip"', "evil.zip"),
        ("a", 'attachment; filename="..\\\\..\\\\evil.zip"', "evil.zip"),
        ("a/.hidden.zip", "", "hidden.zip"),
        ("", "", "download"),
        ("x" * 300 + ".zip", "", "x" * 96 + ".zip"),
    ],
)
def test_the_name_of_the_file(server, tmp_path, path, said, name):
    key = path.partition("?")[0]
    server.content[key], server.headers[key] = b"data", {"Content-Disposition": said} if said else {}
    file = fetch_address(server.url(path), tmp_path / "cache")
    assert file.name == name and file.parent.parent == tmp_path / "cache"
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_web_pages_and_nothing_are_no_files(server, tmp_path):
    for page in (b"<!DOCTYPE html><title>Log in</title>", b"\n <HTML>"):
        server.content["photos.zip"] = page
        with pytest.raises(UserError, match="a web page, not a file; the address must be that of the file itself"):
            fetch_address(server.url("photos.zip"), tmp_path)
    server.content["photos.zip"] = b""
    with pytest.raises(UserError, match="the file there is empty"):
        fetch_address(server.url("photos.zip"), tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_keys_are_neither_logged_nor_kept(server, tmp_path, caplog):
    caplog.set_level("INFO")
    file = fetch_address(server.url("photos.zip?Signature=secret"), tmp_path)
    with pytest.raises(UserError) as caught:
        fetch_address(server.url("gone.zip?Signature=secret"), tmp_path)
    assert "secret" not in caplog.text + str(caught.value) + str(file) + (file.parent / addresses.RECORD).read_text()
    assert json.loads((file.parent / addresses.RECORD).read_text())["bytes"] == 5


def test_sizes_are_bounded(server, tmp_path, monkeypatch):
    monkeypatch.setattr(addresses, "LARGEST", 4)
    for server.sized in (True, False):
        with pytest.raises(UserError, match="which is the limit"):
            fetch_address(server.url("photos.zip"), tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_disk_that_is_full(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(addresses, "save", full)
    with pytest.raises(UserError, match=r"No space left on device.*; free some space or choose another --cache_dir"):
        fetch_address(server.url("photos.zip"), tmp_path)
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_is_an_address():
    assert is_address("http://a.example/b.zip") and is_address("HTTPS://a.example/b.zip")
    assert not any(
        is_address(text) for text in ("photos", "C:\\photos", "a://b", "/http://a", "photos.zip", os.getcwd())
    )
    for other in (
        "ftp://a.example/b.zip",
        "obs://bucket/photos",
        "s3://bucket/photos?key=secret",
        "file:///photos.zip",
    ):
        with pytest.raises(UserError, match=r"only http:// and https://; copy what is there to this machine") as caught:
            is_address(other)
        assert "secret" not in str(caught.value)
