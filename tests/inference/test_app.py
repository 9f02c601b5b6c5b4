"""The page as a whole, in this process."""

import os
import signal
import sys
import tempfile
import threading
import time

import app
import httpx
import pytest
import server
from conftest import free_port
from pages import predict

from mobilenetv2.classifier import Classifier
from mobilenetv2.model.checkpoint import EMBEDDED


@pytest.fixture
def signals_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers):
        signal.signal(number, handler)


def test_an_upload_is_answered_until_the_page_is_stopped(drawings, signals_as_before, monkeypatch, tmp_path):
    port, picture, answers = free_port(), drawings / "val" / "dog" / "dog_003.jpg", []
    environment = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "CHECKPOINT": str(EMBEDDED)}
    for name, value in {**environment, "GRADIO_TEMP_DIR": str(tmp_path / "uploads"), "UPLOAD_SECONDS": "60"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["app.py", "--given_by_the_platform=1"])
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())  # to be what it was at the end
    monkeypatch.setattr(server, "QUIET", 0.1)
    before = signal.getsignal(signal.SIGINT)

    def visit():
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                while signal.getsignal(signal.SIGINT) is before:  # the last thing that is set at the start
                    time.sleep(0.02)
                answers.append(predict(client, picture))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    visitor = threading.Thread(target=visit)
    visitor.start()
    app.main()
    visitor.join()
    (answer,) = answers
    assert answer["label"] == "dog"
    assert answer["confidences"] == pytest.approx(Classifier(str(EMBEDDED)).answer(picture.read_bytes()).confidences)
    assert not list((tmp_path / "uploads").rglob("dog_003.jpg"))  # gone with the page


def test_examples_are_of_the_checkpoints_classes_only(tmp_path):
    assert app.examples(None, tmp_path) == []
    files = app.examples(Classifier(str(EMBEDDED)), tmp_path)
    assert len(files) == 2 * app.EXAMPLES and sorted(files) == sorted(map(str, tmp_path.iterdir()))


@pytest.mark.parametrize("text", ["0", "-1", "ten", "1.5", ""])
def test_seconds_that_are_none_end_the_program(text, monkeypatch, capsys):
    monkeypatch.setenv("UPLOAD_SECONDS", text)
    with pytest.raises(SystemExit) as ended:
        app.upload_seconds()
    assert ended.value.code == 2 and f"UPLOAD_SECONDS={text}: expected a whole number" in capsys.readouterr().err
