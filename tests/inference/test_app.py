"""The page as a whole, in this process."""

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import app
import httpx
import pytest
import server
from conftest import ROOT, Run, free_port
from gradio_client import Client
from pages import predict

from mobilenetv2.classifier import Classifier
from mobilenetv2.model import checkpoint
from mobilenetv2.model.checkpoint import EMBEDDED


def is_open(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def while_open(monkeypatch, tmp_path):
    """while_open(visit, *arguments): app.py with these arguments, from its start to its end -> what visit(address) returns, which
    is called in between. Signals are as before in the end."""
    port, numbers = free_port(), (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(server, "QUIET", 0.1)
    values = {"GRADIO_TEMP_DIR": str(tmp_path / "uploads"), "UPLOAD_SECONDS": "60", "GRADIO_SERVER_PORT": str(port)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def while_open(visit, *arguments):
        monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
        results = []

        def visitor():
            try:
                # This handler is set last at the start; before the port is open, others defer signals for a moment.
                while not is_open(port) or getattr(signal.getsignal(signal.SIGTERM), "__name__", "") != "ask":
                    time.sleep(0.02)
                results.append(visit(f"http://127.0.0.1:{port}"))
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=visitor, daemon=True)
        thread.start()
        assert app.main() == 0
        thread.join()
        (result,) = results
        return result

    yield while_open
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


def test_an_upload_is_answered_until_the_page_is_stopped(drawings, while_open, tmp_path):
    picture = drawings / "val" / "dog" / "dog_003.jpg"

    def visit(address):
        with httpx.Client(base_url=address, timeout=60) as client:
            return predict(client, picture)

    answer = while_open(visit, "--checkpoint", str(EMBEDDED), "--given_by_the_platform=1")
    assert answer["label"] == "dog"
    assert answer["confidences"] == pytest.approx(Classifier(str(EMBEDDED)).answer(picture.read_bytes()).confidences)
    assert list((tmp_path / "uploads").iterdir()) == []  # gone with the page


@pytest.mark.parametrize("content", [None, b"not a checkpoint"])
def test_opens_with_a_broken_checkpoint_and_says_what_to_do(while_open, tmp_path, content):
    file = tmp_path / "broken.ckpt"
    if content:
        file.write_bytes(content)
    answer = while_open(
        lambda address: Client(address, verbose=False).predict(None, api_name="/predict"),
        *("--checkpoint", str(file), "--given_by_the_platform=1"),
    )
    assert "This page cannot answer now" in answer["error"] and str(tmp_path) not in answer["error"]


def test_examples_are_of_the_checkpoints_classes_only(tmp_path):
    assert app.examples(app.Page(None, 60), tmp_path) == []
    files = app.examples(app.Page(Classifier(str(EMBEDDED)), 60), tmp_path)
    assert len(files) == 2 * app.DRAWINGS and sorted(files) == sorted(map(str, tmp_path.iterdir()))


def test_examples_of_other_classes_are_training_photos_that_are_recognised(few, cache, tmp_path):
    """The same drawings under other names, so that these are no drawings to the page."""
    data = shutil.copytree(few, tmp_path / "data")
    for split in ("train", "val"):
        for old, new in (("croissants", "bread"), ("dog", "wolf")):
            (data / split / old).rename(data / split / new)
    run = Run(["--data_url", data, "--output_path", tmp_path / "out", "--cache_dir", cache], tmp_path)
    assert run.code == 0, run.out
    classifier, folder = Classifier(str(tmp_path / "out")), tmp_path / "examples"
    folder.mkdir()
    files = app.examples(app.Page(classifier, 60), folder)
    answers = [classifier.answer(Path(file).read_bytes()).label for file in files]
    assert answers and answers == [name for name in ("bread", "wolf") if name in answers]
    assert list(classifier.training_photos()) == ["bread", "wolf"]
    assert Classifier(str(EMBEDDED)).training_photos() == {}


@pytest.mark.parametrize(
    "arguments, environment, title",
    [
        ((), "", "Dog or croissant?"),
        ((), "Mine", "Mine"),
        (("--title", "Given"), "Mine", "Given"),
    ],
)
def test_the_title_is_given_or_of_the_classes(while_open, monkeypatch, arguments, environment, title):
    monkeypatch.setenv("TITLE", environment)
    config = while_open(
        lambda address: httpx.get(f"{address}/config", timeout=60).json(), "--checkpoint", str(EMBEDDED), *arguments
    )
    assert config["title"].split(" · ")[0] == title
    assert any(f"<h1>{title}</h1>" == one["props"].get("value") for one in config["components"])


def test_a_folder_that_cannot_be_made_ends_the_program_in_words(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "file" / "uploads")}
    command = [sys.executable, str(ROOT / "inference" / "app.py"), "--checkpoint", str(EMBEDDED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{tmp_path / 'file' / 'uploads'}" in done.stderr and "cannot be used (Not a directory)" in done.stderr


@pytest.mark.parametrize("text", ["0", "-1", "ten", "1.5", "", "1" * 5000])
def test_seconds_that_are_none_end_the_program(text, monkeypatch, caplog):
    monkeypatch.setenv("UPLOAD_SECONDS", text)
    monkeypatch.setattr(sys, "argv", ["app.py"])
    assert app.main() == 2 and f"UPLOAD_SECONDS={text[:50]}: expected a whole number" in caplog.text


def test_a_misspelt_argument_ends_the_program(monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["app.py", "--checkpiont", "output", "--rank=0", "--foo=1"])
    assert app.main() == 2
    assert [record.message for record in caplog.records] == [
        "Ignored arguments: --foo=1. This program does not know them.",
        "--checkpiont output: there is no such argument; did you mean --checkpoint?",
    ]


def test_what_is_loaded_is_what_is_shown(built_in, drawings, while_open, tmp_path, monkeypatch, caplog):
    """The checkpoint is removed under the page, another one comes, which cannot be used, then one that can."""
    caplog.set_level("INFO")
    monkeypatch.setattr(app, "PAUSE", 0.05)
    pages, original = [], app.Page
    monkeypatch.setattr(app, "Page", lambda *arguments: pages.append(original(*arguments)) or pages[0])
    file, picture = tmp_path / "mine" / "mobilenetv2.ckpt", drawings / "val" / "dog" / "dog_003.jpg"
    shutil.copytree(built_in, file.parent)
    network, description, detector = checkpoint.load(str(file))
    other = replace(description, classes=("wolf", "bread"), data={**description.data, "train": {"wolf": 1, "bread": 2}})

    def until(words):
        while words not in caplog.text:
            time.sleep(0.02)

    def visit(address):
        replaced = "The file of this network was changed or removed"
        with httpx.Client(base_url=address, timeout=60) as client:
            first = predict(client, picture)
            assert "<li>croissants</li><li>dog</li>" in pages[0].status("en") and replaced not in pages[0].status("en")
            file.unlink()
            until("mobilenetv2.ckpt was changed or removed. The page goes on with what it read.")
            assert "<li>croissants</li><li>dog</li>" in pages[0].status("en") and replaced in pages[0].status("en")
            file.write_bytes(b"cut off")
            os.kill(os.getpid(), signal.SIGHUP)
            until("The page goes on with the checkpoint that it has.")
            assert predict(client, picture)["confidences"] == first["confidences"] and replaced in pages[0].status("en")
            checkpoint.save(file, network, other, detector)
            with ThreadPoolExecutor(4) as crowd:  # no question is lost meanwhile
                answers = [crowd.submit(predict, client, picture) for _ in range(10)]
                before = caplog.text.count("Checkpoint: ")
                os.kill(os.getpid(), signal.SIGHUP)
                answers += [crowd.submit(predict, client, picture) for _ in range(30)]
                found = [list(answer.result()["confidences"].values()) for answer in answers]
            while caplog.text.count("Checkpoint: ") == before:
                time.sleep(0.02)
            while "<li>wolf</li><li>bread</li>" not in pages[0].status("en"):
                time.sleep(0.02)
            assert "3 photos of 2 classes" in pages[0].status("en") and replaced not in pages[0].status("en")
            assert found == [list(first["confidences"].values())] * 40
            return predict(client, picture)

    answer = while_open(visit, "--checkpoint", str(file.parent))
    assert list(answer["confidences"]) == ["wolf", "bread"]
    assert caplog.text.count("was changed or removed") == 2  # once for each time that it was loaded


def test_a_terminal_that_is_closed_ends_the_page():
    """And SIGHUP of anyone else does not: here, standard input is a terminal that stays open, and then is closed."""
    mine, theirs = pty.openpty()
    with open(theirs) as stdin, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdin", stdin)
        requests = app.Requests()
        requests.ask(signal.SIGHUP)
        assert requests.reload and not requests.stop
        os.close(mine)
        requests.ask(signal.SIGHUP)
        assert requests.stop


def started(environment, *before):
    """The page, as its own process, when it is open or has ended -> process, what it said."""
    command = [*before, sys.executable, str(ROOT / "inference" / "app.py"), "--checkpoint", str(EMBEDDED)]
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = ""
    for line in process.stdout:
        said += line
        if "press Ctrl-C" in line:
            break
    return process, said


@pytest.mark.parametrize(
    "names, scheme",
    [(("http_proxy", "HTTPS_PROXY"), "http"), (("ALL_PROXY",), "socks5"), (("all_proxy", "no_proxy"), "socks")],
)
def test_no_proxy_is_asked_about_the_page(names, scheme, drawings):
    """../shared/cases/page-environment, with a proxy that listens."""
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.settimeout(0)
        port = free_port()
        environment = {name: f"{scheme}://127.0.0.1:{proxy.getsockname()[1]}" for name in names}
        process, said = started({**environment, "GRADIO_SERVER_PORT": str(port)})
        lines = said.splitlines()[-2:]
        assert lines == [
            f"* Running on local URL:  http://127.0.0.1:{port}",
            "* To end the page, press Ctrl-C here.",
        ], said
        assert "share" not in said
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            assert predict(client, drawings / "val" / "dog" / "dog_003.jpg")["label"] == "dog"
            config = client.get("/config").json()
            assert client.get("/monitoring").status_code in (403, 404)
            assert client.get("/gradio_api/runs").status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0 and not config["analytics_enabled"]
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_port_that_is_taken_is_said():
    """And no other one is opened."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        process, said = started({"GRADIO_SERVER_PORT": str(other.getsockname()[1])})
        assert process.wait() == 2 and "is used by another program" in said and "Running" not in said
    process, said = started({"GRADIO_SERVER_PORT": "abc"})
    assert (process.wait(), said) == (2, "ERROR: GRADIO_SERVER_PORT=abc: expected a whole number from 1 to 65535\n")


def read_only(place):
    """Before a command: nothing can be written there."""
    return ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o ro none {place} && exec "$0" "$@"']


@pytest.mark.parametrize("before, environment", [
    (read_only("/dev/shm"), {}),
    (["env", "-u", "HOME"], {"SSL_CERT_FILE": "/nothing"}),
    ([], {"HOME": "/proc/nothing", "SSLKEYLOGFILE": "/proc/nothing", "GRADIO_SHARE": "true"}),
])  # fmt: skip
def test_surroundings_that_are_poor(before, environment, drawings):
    if "unshare" in before and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    port = free_port()
    process, said = started({**environment, "GRADIO_SERVER_PORT": str(port)}, *before)
    assert f"Running on local URL:  http://127.0.0.1:{port}" in said, said
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
        assert predict(client, drawings / "val" / "dog" / "dog_003.jpg")["label"] == "dog"
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_page_opens(number, code, tmp_path):
    """It has its folder by then, and takes it with it."""
    command = [sys.executable, str(ROOT / "inference" / "app.py"), "--checkpoint", str(EMBEDDED)]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path), "GRADIO_SERVER_PORT": str(free_port())}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.rglob("*.png")):
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code and said.endswith("Stopped.\n") and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_another_checkpoint_asked_for_while_the_page_opens(tmp_path):
    """It opens all the same, and then loads the newest."""
    port, folder, log = free_port(), tmp_path / "uploads", tmp_path / "log"
    command = [sys.executable, str(ROOT / "inference" / "app.py"), "--checkpoint", str(EMBEDDED)]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder), "GRADIO_SERVER_PORT": str(port)}
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    while not list(folder.rglob("*.png")):
        time.sleep(0.005)
    process.send_signal(signal.SIGHUP)
    while log.read_text(encoding="utf-8").count("Checkpoint: ") < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0 and is_open(port) is False and list(folder.iterdir()) == []
