"""Uploads have limits while they come in, whether or not their length is known. Without a server."""

import asyncio
import json

import limits
import pytest
import uploads
from limits import Limits
from page_texts import TEXTS
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from visitors import Proxies


@pytest.fixture
def answer(tmp_path, monkeypatch):
    """answer(pieces, length, path) -> status and sentence for a body that comes in these pieces."""
    monkeypatch.setattr(uploads._files, "most", 5)
    monkeypatch.setattr(limits, "LINGER", 0.1)

    async def app(scope, receive, send):
        request = Request(scope, receive)
        parser = uploads.Parser(request.headers, request.stream(), upload_dir=tmp_path, max_file_size=10**6)
        try:
            form = await parser.parse()
        except MultiPartException as error:
            status = 413 if "maximum allowed size" in error.message else 400
            return await PlainTextResponse(error.message, status)(scope, receive, send)
        await PlainTextResponse(str(len(form.getlist("files"))))(scope, receive, send)

    def answer(pieces, length=None, path="/gradio_api/upload"):
        said, left = [], iter(pieces)
        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        headers += [(b"content-length", b"%d" % length)] if length is not None else []

        async def receive():
            piece = next(left, None)
            if piece is None:
                await asyncio.sleep(60)
            return {"type": "http.request", "body": piece[0], "more_body": piece[1]}

        async def send(message):
            said.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": ("127.0.0.2", 1)}
        asyncio.run(Limits(app, None, Proxies(""))(scope, receive, send))
        content = said[1]["body"]
        return said[0]["status"], json.loads(content)["error"] if said[0]["status"] >= 400 else content

    return answer


def part(content, name=b'; filename="a.jpg"'):
    return b'--b\r\nContent-Disposition: form-data; name="files"' + name + b"\r\n\r\n" + content + b"\r\n"


END = (b"--b--\r\n", False)
TOO_LARGE = TEXTS["en"]["too_large_file"]
NO_FILES = TEXTS["en"]["no_files"].format(files=500)


@pytest.mark.parametrize("length", [None, 400])
def test_the_whole_is_counted_while_it_comes_in(answer, monkeypatch, tmp_path, length):
    monkeypatch.setattr(limits, "LARGEST", 500)
    assert answer([(part(b"x" * 100), True), END], length) == (200, b"1")
    assert list(tmp_path.iterdir()).pop().unlink() is None
    status, sentence = answer([(part(b"x" * 100), True)] * 10, length)
    assert (status, sentence) == (413, TOO_LARGE.format(most=64, total=0)) and list(tmp_path.iterdir()) == []
    assert answer([], 501)[0] == 413  # before anything has come


def test_files_that_are_open_are_counted(answer):
    for _ in range(3):  # and given back
        assert answer([(part(b"x"), True)] * 5 + [END]) == (200, b"5")
        assert answer([(part(b"x"), True)] * 6 + [END]) == (400, NO_FILES)
    assert uploads._files.now == 0


def test_a_field_that_is_no_file_is_refused_before_its_content(answer):
    assert answer([(part(b"x", b""), True), END]) == (400, NO_FILES)


def test_json_that_does_not_come_is_given_up(answer, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    assert answer([(b"{", True)], path="/call/predict") == (408, TEXTS["en"]["too_slow"])
