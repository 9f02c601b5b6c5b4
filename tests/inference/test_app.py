"""The page as a whole, in this process."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import app
import httpx
import pytest
import server
from conftest import ROOT, free_port
from gradio import http_server
from gradio_client import Client
from pages import predict

from mobilenetv2.classifier import Classifier
from mobilenetv2.model.checkpoint import EMBEDDED


def is_open(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def while_open(monkeypatch, tmp_path):
    """while_open(visit, *arguments): app.py with these arguments, from its start to its end -> what visit(address) returns, which
    is called in between. Signals and the folder for temporary files are as before in the end."""
    port, numbers = free_port(), (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    monkeypatch.setattr(server, "QUIET", 0.1)
    monkeypatch.setattr(http_server, "INITIAL_PORT_VALUE", port)  # of the environment when Gradio was imported
    for name, value in (("GRADIO_TEMP_DIR", str(tmp_path / "uploads")), ("UPLOAD_SECONDS", "60")):
        monkeypatch.setenv(name, value)

    def while_open(visit, *arguments):
        monkeypatch.setattr(sys, "argv", ["app.py", *arguments])
        results = []

        def visitor():
            try:
                # The handler is set last at the start; before the port is open, others defer signals for a moment.
                while not is_open(port) or signal.getsignal(signal.SIGINT) is handlers[0]:
                    time.sleep(0.02)
                results.append(visit(f"http://127.0.0.1:{port}"))
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        thread = threading.Thread(target=visitor, daemon=True)
        thread.start()
        app.main()
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
    assert not list((tmp_path / "uploads").rglob("dog_003.jpg"))  # gone with the page


@pytest.mark.parametrize("content", [None, b"not a checkpoint"])
def test_opens_with_a_broken_checkpoint_and_says_what_to_do(while_open, tmp_path, content):
    file = tmp_path / "broken.ckpt"
    if content:
        file.write_bytes(content)
    answer = while_open(
        lambda address: Client(address, verbose=False).predict(None, api_name="/predict"),
        *("--checkpoint", str(file), "--given_by_the_platform=1"),
    )
    assert "The checkpoint cannot be used" in answer["error"] and str(tmp_path) not in answer["error"]


def test_examples_are_of_the_checkpoints_classes_only(tmp_path):
    assert app.examples(None, tmp_path) == []
    files = app.examples(Classifier(str(EMBEDDED)), tmp_path)
    assert len(files) == 2 * app.EXAMPLES and sorted(files) == sorted(map(str, tmp_path.iterdir()))


def test_a_folder_that_cannot_be_made_ends_the_program_in_words(tmp_path):
    (tmp_path / "file").touch()
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path / "file" / "uploads")}
    command = [sys.executable, str(ROOT / "inference" / "app.py"), "--checkpoint", str(EMBEDDED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{tmp_path / 'file' / 'uploads'}" in done.stderr and "cannot be used (Not a directory)" in done.stderr


@pytest.mark.parametrize("text", ["0", "-1", "ten", "1.5", ""])
def test_seconds_that_are_none_end_the_program(text, monkeypatch, capsys):
    monkeypatch.setenv("UPLOAD_SECONDS", text)
    with pytest.raises(SystemExit) as ended:
        app.upload_seconds()
    assert ended.value.code == 2 and f"UPLOAD_SECONDS={text}: expected a whole number" in capsys.readouterr().err
