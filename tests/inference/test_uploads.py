"""Uploads have limits while they come in, whether or not their length is known. Without a server."""

import asyncio
import json
import os
import tempfile

import limits
import pytest
import uploads
from gradio import route_utils, routes
from limits import Limits
from page_texts import TEXTS
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from visitors import Proxies

END_OF_ALL = object()  # nothing comes any more
make_file = tempfile.NamedTemporaryFile


@pytest.fixture
def answer(tmp_path, monkeypatch):
    """answer(pieces, length, path) -> status and sentence for a body that comes in these pieces."""
    monkeypatch.setattr(uploads._files, "most", 10)
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

    def answer(pieces, length=None, path="/gradio_api/upload", address="127.0.0.2", charset=""):
        said, left = [], iter(pieces)
        headers = [(b"content-type", f"multipart/form-data; boundary=b{charset}".encode())]
        headers += [(b"content-length", b"%d" % length)] if length is not None else []

        async def receive():
            piece = next(left, END_OF_ALL)
            if piece is END_OF_ALL:
                await asyncio.sleep(60)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece[0], "more_body": piece[1]}

        async def send(message):
            said.append(message)

        scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "client": (address, 1)}
        asyncio.run(Limits(app, None, Proxies("127.0.0.1"))(scope, receive, send))
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


@pytest.mark.parametrize("address, most", [("127.0.0.1", 10), ("127.0.0.2", 5), ("2001:db8::1", 5)])
def test_files_that_are_open_are_counted(answer, address, most):
    """Of all visitors of a proxy, or of one visitor, who has half of them at most."""
    for _ in range(3):  # and given back
        assert answer([(part(b"x"), True)] * most + [END], address=address) == (200, b"%d" % most)
        assert answer([(part(b"x"), True)] * (most + 1) + [END], address=address) == (400, NO_FILES)
    assert uploads._files.now == 0 and not uploads._files.of_visitors


def test_one_visitor_does_not_take_the_files_of_all(answer):
    """Several requests of one visitor count together, while others still upload."""
    with uploads.request_of_uploads("127.0.0.2"):
        for _ in range(3):
            uploads._files.add()
        assert answer([(part(b"x"), True)] * 2 + [END]) == (200, b"2")
        assert answer([(part(b"x"), True)] * 3 + [END]) == (400, NO_FILES)
        assert answer([(part(b"x"), True)] * 5 + [END], address="127.0.0.3") == (200, b"5")
    assert answer([(part(b"x"), True)] * 3 + [END]) == (200, b"3")


@pytest.mark.parametrize("charset", ["undefined", "utf-7"])
def test_an_encoding_that_is_none_is_refused(answer, charset):
    name = b'; filename="+2AA-.jpg"'  # in UTF-7: half a character
    status, sentence = answer([(part(b"x", name), True), END], charset=f"; charset={charset}")
    assert (status, sentence) == ((400, NO_FILES) if charset == "undefined" else (200, b"1"))


@pytest.mark.parametrize("end", ["silence", "full disk"])
def test_what_is_left_of_an_upload_is_removed(answer, monkeypatch, tmp_path, end):
    """Also of files that were complete: the request was not."""
    pieces = [(part(b"x" * 100), True), (part(b"y" * 100)[:-50], True)]
    if end == "silence":
        pieces.append(None)
        assert answer(pieces) == (408, TEXTS["en"]["too_slow"])
    else:
        monkeypatch.setattr(route_utils, "NamedTemporaryFile", on_a_full_disk)
        assert answer(pieces) == (429, TEXTS["en"]["full"])
    assert list(tmp_path.iterdir()) == [] and uploads._files.now == 0


def on_a_full_disk(**options):
    """A file in the right place whose content has no space."""
    file = make_file(**options)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file.fileno())
    os.close(full)
    return file


def test_the_progress_of_old_uploads_is_forgotten(monkeypatch):
    """Gradio would keep every name that visitors give to their uploads."""
    monkeypatch.setattr(uploads, "FOLLOWED", 3)
    monkeypatch.setattr(route_utils, "FileUploadProgress", type("Own", (route_utils.FileUploadProgress,), {}))
    for module in (routes, route_utils):
        monkeypatch.setattr(module, "GradioMultiPartParser", None)
    uploads.limit_uploads(10)

    async def follow():
        progress = route_utils.FileUploadProgress()
        for number in range(10):
            progress.track(str(number))
            progress.append(str(number), "dog.jpg", b"x" * number)
        assert set(progress._statuses) == {"7", "8", "9"} and progress.pop("9").chunk_size == 9
        if not hasattr(progress, "is_tracked"):  # Gradio 4
            return
        waiting = [asyncio.ensure_future(progress.is_tracked(f"unknown {number}")) for number in range(10)]
        await asyncio.sleep(0)
        assert len(progress._statuses) < 3 and len(progress._signals) == 3
        for task in waiting:
            task.cancel()

    asyncio.run(follow())


def test_a_field_that_is_no_file_is_refused_before_its_content(answer):
    assert answer([(part(b"x", b""), True), END]) == (400, NO_FILES)


def test_json_that_does_not_come_is_given_up(answer, monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    assert answer([(b"{", True)], path="/call/predict") == (408, TEXTS["en"]["too_slow"])
