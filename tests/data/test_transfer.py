"""What is followed, what is sent, and what is logged of an address."""

import http.client
import io
import urllib.request

import pytest
from file_server import Files

from mobilenetv2.data import transfer
from mobilenetv2.data.transfer import append_rest, open_address, save, shown_address


@pytest.fixture
def server():
    with Files() as server:
        server.content["a.zip"] = b"photos"
        yield server
        server.shutdown()


def read(url):
    stream = io.BytesIO()
    with open_address(url, {}) as response:
        save(response, stream, 0, 1000, "a.zip")
    return stream.getvalue()


def test_redirects_are_followed(server):
    server.moved.update({"first": "/second", "second": server.url("a.zip")})
    assert read(server.url("first")) == b"photos"


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "gopher://127.0.0.1/", "data:,x"])
def test_redirects_to_other_schemes_are_not(server, place):
    server.moved["a"] = place
    with pytest.raises((http.client.HTTPException, OSError), match=r"not followed|not allowed|no address"):
        read(server.url("a"))


def test_redirects_from_encrypted_to_open_are_not():
    request = urllib.request.Request("https://a.example/a.zip")
    with pytest.raises(http.client.HTTPException, match="from https:// to http://, which is not followed"):
        transfer._Redirects().redirect_request(request, None, 302, "Found", {}, "http://a.example/a.zip")
    followed = transfer._Redirects().redirect_request(request, None, 302, "Found", {}, "https://b.example/a.zip")
    assert followed.full_url == "https://b.example/a.zip"


def test_redirects_in_a_circle_end(server):
    server.moved.update({"a": "/b", "b": "/a"})
    with pytest.raises(OSError, match="infinite loop"):
        read(server.url("a"))
    assert len(server.requests) < 30


def test_the_proxy_of_the_environment_is_asked(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    for name in ("no_proxy", "NO_PROXY"):  # the page asks no proxy
        monkeypatch.delenv(name, raising=False)
    assert read("http://photos.invalid/a.zip") == b"photos"
    assert server.requests == [("http://photos.invalid/a.zip", "")]


def test_other_letters_are_encoded(server):
    server.content["照片 1.zip"] = b"1"
    assert read(server.url("照片 1.zip?a=狗&b=%20")) == b"1"
    assert server.requests[0][0] == "/%E7%85%A7%E7%89%87%201.zip?a=%E7%8B%97&b=%20"


@pytest.mark.parametrize("url", ["http://", "http://a b/c", "http://[::1/a.zip", "https://me:secret@a.example/a.zip"])
def test_what_is_no_address(url):
    with pytest.raises((http.client.HTTPException, OSError)) as caught:
        read(url)
    assert "secret" not in str(caught.value)


def test_keys_are_not_logged():
    assert shown_address("https://a.example/b.zip?Signature=abc") == "https://a.example/b.zip?..."
    assert shown_address("https://a.example/b.zip") == "https://a.example/b.zip"
    assert shown_address("https://me:secret@a.example/b.zip") == "https://...@a.example/b.zip"


def test_limits_hold_while_it_comes(server, tmp_path):
    server.content["a.zip"] = bytes(5000)
    for server.sized in (True, False):
        with pytest.raises(http.client.HTTPException, match="which is the limit"):
            read(server.url("a.zip"))
        with pytest.raises(http.client.HTTPException, match="which is the limit"):
            append_rest(server.url("a.zip"), tmp_path / "a.part", 1000)


def test_a_broken_connection_is_no_file(server):
    server.content["a.zip"], server.breaks = bytes(900), 500
    with pytest.raises(http.client.HTTPException, match=r"broke after 500 of 900 bytes|IncompleteRead"):
        read(server.url("a.zip"))
