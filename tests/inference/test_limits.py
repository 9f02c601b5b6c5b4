"""Requests to a page: how large, how many, and what is in them."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import pytest
from conftest import SHARED, needs_shared
from gradio_client import Client
from hostile import encoded
from page_texts import TEXTS
from pages import FILE, Server, call, peak, predict, resident, upload

from mobilenetv2.data import sample
from mobilenetv2.model.checkpoint import EMBEDDED

MIB = 2**20
SAY = TEXTS["en"]
HEAD = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    log = tmp_path_factory.mktemp("page") / "log"
    with Server(CHECKPOINT=str(EMBEDDED), log=log) as server:
        yield server
    assert log.stat().st_size < 20_000 and "Traceback" not in log.read_text(encoding="utf-8")


def visitor(page, address="127.0.0.1"):
    return httpx.Client(base_url=page.url, timeout=60, transport=httpx.HTTPTransport(local_address=address))


@pytest.fixture
def client(page):
    with visitor(page) as client:
        yield client


@pytest.fixture(scope="module")
def dog():
    return encoded(sample.draw("dog", [True, 3]), "JPEG")


def slowly_answered():
    """A picture that takes long: of 60 megapixels."""
    return encoded(sample.draw("dog", [True, 3]).resize((10_000, 6_000)), "PNG", compress_level=1)


PATHS = ("call/predict", "call/predict_batch", "queue/join", "run/predict", "cancel", "reset")


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("path", PATHS)
def test_200_mb_of_json_take_no_memory(page, client, chunked, path, dog, tmp_path):
    piece = b'{"data": [' + b"0," * (MIB // 2)
    before = peak(page)
    with suppress(httpx.TransportError):  # refused before its end, the connection may break while it is sent
        if chunked:
            answer = client.post(f"/gradio_api/{path}", content=(piece for _ in range(200)), headers=HEAD)
        else:
            answer = client.post(f"/gradio_api/{path}", content=piece * 200, headers=HEAD)
        assert answer.status_code == 413 and answer.json()["error"] == SAY["too_large"].format(most=1)
    assert peak(page) < before + 40
    (tmp_path / "dog.jpg").write_bytes(dog)
    assert predict(client, tmp_path / "dog.jpg")["label"] == "dog"


BODIES = {
    "100,000 entries": b'{"data": [[%s0]]}' % (b"0," * 100_000),
    "a million arrays": b"[" * (MIB - 100),
    "objects in objects": b'{"data": [' + b'{"path": ' * 1000 + b"0" + b"}" * 1000 + b"]}",
    "a long number": b'{"data": [%s]}' % (b"9" * 1_000_000),
    "no number": b'{"data": [NaN]}',
    "no JSON": b"data",
    "nothing": b"",
    "an array": b"[null]",
    "not UTF-8": b'{"data": ["\xff"]}',
    "no data": b"{}",
    "data of another kind": b'{"data": "x"}',
    "too few": b'{"data": []}',
    "too many": b'{"data": [null, null]}',
    "a session of another kind": b'{"data": [null], "session_hash": {"a": 1}}',
    "a session that is a path": b'{"data": [null], "session_hash": "../../x"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_that_are_none_are_refused_at_once(page, client, name):
    before = peak(page)
    for path in ("call/predict", "call/predict_batch"):
        answer = client.post(f"/gradio_api/{path}", content=BODIES[name], headers=HEAD)
        assert answer.status_code == 400 and set(answer.json()) == {"error", "detail"}
        assert answer.json()["error"] in [SAY[key].format(count=1) for key in ("not_json", "too_deep", "values")]
    assert peak(page) < before + 40


@pytest.mark.parametrize(
    "path",
    [
        "api/predict",
        "run/show",
        "call/show",
        "call/v2/predict",
        "call/None",
        "call/False",
        "login",
        "component_server",
        "process_recording",
        "stream/x",
        "run-history/connect",
        "vibe-edit",
        "profiling/clear",
        "queue/join",
    ],
)
def test_what_the_page_does_not_need_is_not_there(client, path):
    for body in (
        {"data": [None]},
        {"data": [None], "fn_index": 10**6, "session_hash": "a"},
        {"data": [], "fn_index": -1},
    ):
        answer = client.post(f"/gradio_api/{path}", json=body)
        assert answer.status_code == 404 and answer.json()["error"] == SAY["unknown"]


def test_no_address_is_fetched(client, dog):
    """Neither as a file, nor through the paths that Gradio has for it; the visitor is told in the own language."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/dog.jpg"
        (sent,) = upload(client, ("dog.jpg", dog))
        for entry in (
            {"path": address, "meta": FILE},
            {"path": address, "url": address, "meta": FILE},
            {"path": address.replace("http", "HTTP"), "meta": FILE},
            {"url": address, "meta": FILE},
            [{"path": address, "meta": FILE}],
            {"path": {"path": address, "meta": FILE}, "meta": FILE},
            address,
        ):
            assert SAY["no_upload"] in call(client, "predict", entry).text
            assert SAY["no_upload"] in call(client, "predict_batch", [entry]).text
        assert (
            '"dog"' in call(client, "predict", {**sent, "url": address, "is_stream": True, "orig_name": address}).text
        )
        config = client.get("/config").json()
        for index, one in enumerate(config["dependencies"]):
            data = [{"path": address, "meta": FILE}] * len(one["inputs"])
            body = {"data": data, "fn_index": one.get("id", index), "session_hash": "abc"}
            for path in ("queue/join", "run/predict"):
                answer = client.post(f"/gradio_api/{path}", json=body, headers={"Accept-Language": "zh-CN"})
                assert answer.status_code in (200, 400, 404) and (
                    not data or one["api_name"] or answer.status_code > 200
                )
        for path in (f"file={address}", f"file/{address}", f"proxy={address}"):
            for method in ("GET", "HEAD"):
                assert client.request(method, f"/gradio_api/{path}").status_code == 404
        with pytest.raises(BlockingIOError):
            listening.accept()
    answer = client.post("/gradio_api/call/nothing", json={"data": []}, headers={"Accept-Language": "zh-CN"})
    assert answer.json()["error"] == TEXTS["zh"]["unknown"]


@pytest.mark.parametrize(
    "path",
    [
        "call/predict/0123456789abcdef0123456789abcdef",
        "queue/data?session_hash=0123",
        "queue/data?session_hash=",
        "queue/data",
    ],
)
def test_an_unknown_question_has_no_answer(client, path):
    """Nor does Gradio write a stack into the log."""
    answer = client.get(f"/gradio_api/{path}")
    assert answer.status_code == 404 and answer.json()["error"] == SAY["unknown"]


@needs_shared
def test_the_case_of_api_inputs(page, client, tmp_path, monkeypatch):
    """What ask.py of the case sends, in its order."""
    code = (SHARED / "cases" / "api-inputs" / "ask.py").read_text(encoding="utf-8")
    names = re.findall(r"go\('([^']+)'", code)
    (tmp_path / "photo.jpg").write_bytes((SHARED / "photos" / "train" / "dog" / "dog_0267.jpg").read_bytes())
    monkeypatch.chdir(tmp_path)
    given, asked = {}, Client(page.url, verbose=False)
    script = code.replace("http://127.0.0.1:7921", page.url).replace("def go(", "def unused(")
    exec(script, {"go": lambda what, *a, name="/predict": given.update({what: asked.predict(*a, api_name=name)})})
    assert (
        list(given) == names and given["file"]["label"] == given["batch, one file not in a list"][0]["label"] == "dog"
    )
    refused = {"error": SAY["no_upload"]}
    assert given["URL"] == given["path as a string"] == given["base64"] == refused
    assert given["batch of strings"] == given["batch of URLs"] == [refused]
    assert given["nothing"] == {"error": SAY["none"]} and given["batch of nothing"] == [given["nothing"]]


def test_uploads_that_are_none_are_refused_while_they_come_in(page, client, dog):
    """Gradio would keep a field that is no file in memory."""
    before = peak(page)

    def parts(head, piece, count):
        yield b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n"
        yield from (piece for _ in range(count))
        yield b"\r\n--b--\r\n"

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    # A name that is half a character in UTF-7.
    half = b"".join(parts(b'name="files"; filename="+2AA-.jpg"', b"x", 1))
    for head, count, status in ((b'name="files"', 100, 400), (b'name="files"; filename="a.jpg"', 100, 413)):
        with suppress(httpx.TransportError):
            content = parts(head, bytes(MIB), count)
            answer = client.post("/gradio_api/upload", content=content, headers=form)
            assert answer.status_code == status and set(answer.json()) == {"error", "detail"}
    assert peak(page) < before + 40
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as raw:
        raw.sendall(b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (3 * 2**30))
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
    many = client.post("/gradio_api/upload", files=[("files", (f"{n}.jpg", b"")) for n in range(501)])
    assert many.status_code == 400 and many.json()["error"] == SAY["no_files"].format(files=500)
    for content, kind in (
        (b"x", "text/plain"),
        (b"x", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (b"x", "multipart/form-data; boundary=" + "b" * 5000),
        *((half, f"multipart/form-data; charset={name}; boundary=b") for name in ("undefined", "utf-7")),
    ):
        answer = client.post("/gradio_api/upload", content=content, headers={"Content-Type": kind})
        assert answer.status_code == 400 and answer.json()["error"] == SAY["no_files"].format(files=500)
    assert len(upload(client, *[(f"{n}.jpg", dog) for n in range(500)])) == 500


def test_faults_in_uploads_are_not_logged_each(page, client):
    for number in range(300):
        content = b"%d is no boundary" % number
        answer = client.post(
            "/gradio_api/upload", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
        )
        assert answer.status_code == 400  # the end of the module looks at the log


def test_long_names_of_uploads_are_not_kept(page, client, dog):
    """A browser follows its upload by a number that it makes up."""
    upload(client, ("dog.jpg", dog))
    before = resident(page)
    for number in range(1000):
        answer = client.post(f"/gradio_api/upload?upload_id={number}{'x' * 60_000}", files={"files": ("dog.jpg", b"x")})
        assert answer.status_code == 200
    assert resident(page) < before + 30  # and not 60


def ask(client, name, data):
    return client.post(f"/gradio_api/call/{name}", json={"data": [data]})


def test_one_visitor_does_not_fill_the_queue(page, dog, tmp_path):
    """The rest is told to wait; other visitors are answered, and so is all that was taken."""
    (tmp_path / "dog.jpg").write_bytes(dog)
    with visitor(page, "127.0.0.2") as greedy, visitor(page, "127.0.0.3") as other, ThreadPoolExecutor(40) as crowd:
        (large,) = upload(greedy, ("large.png", slowly_answered()))
        answers = list(crowd.map(lambda _: ask(greedy, "predict", large), range(40)))
        taken = [answer.json()["event_id"] for answer in answers if answer.status_code == 200]
        told = [answer for answer in answers if answer.status_code == 429]
        assert len(taken) + len(told) == 40 and 4 <= len(taken) < 20
        assert all("questions waiting already" in answer.json()["error"] for answer in told)
        assert predict(other, tmp_path / "dog.jpg")["label"] == "dog"
        texts = list(crowd.map(lambda event: greedy.get(f"/gradio_api/call/predict/{event}").text, taken))
        assert all(json.loads(text.split("complete\ndata: ", 1)[1])[0]["label"] for text in texts)


def test_a_batch_does_not_hold_up_single_answers(page, dog, tmp_path):
    (tmp_path / "dog.jpg").write_bytes(dog)
    with visitor(page, "127.0.0.4") as greedy, visitor(page, "127.0.0.5") as other, ThreadPoolExecutor(4) as crowd:
        (large,) = upload(greedy, ("large.png", slowly_answered()))
        batches = [ask(greedy, "predict_batch", [large] * 4) for _ in range(5)]
        assert [answer.status_code for answer in batches].count(200) in (2, 3)  # two wait, and one may have begun
        events = [answer.json()["event_id"] for answer in batches if answer.status_code == 200]
        ends = [crowd.submit(greedy.get, f"/gradio_api/call/predict_batch/{event}") for event in events]
        for _ in range(3):
            assert predict(other, tmp_path / "dog.jpg")["label"] == "dog"
        assert not ends[-1].done()
        assert all(end.result().text.count('"label"') == 4 for end in ends)
