"""Batch prediction and the page, run as their users do, with the checkpoint of a real training run."""

import csv
import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from conftest import ROOT, SHARED, needs_shared
from gradio_client import Client, handle_file
from PIL import Image

PREDICT = ROOT / "inference" / "predict.py"


def predict(*arguments, cwd, stdin="", **environment):
    command = [sys.executable, str(PREDICT), *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", input=stdin
    )


def table(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    """Five files that cannot be answered, and words of the sentence of each."""
    folder = tmp_path_factory.mktemp("bad")
    jpeg = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(jpeg, "JPEG")
    contents = {
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"I am a text file", "not a picture"),
        "cut.jpg": (jpeg.getvalue()[:5000], "broken or cut off"),
        "bomb.gif": (b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff" + b"\0" * 9, "too many pixels"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 30, "HEIC"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {folder / name: words for name, (_, words) in contents.items()}


def test_folder_glob_file_and_list_give_the_same_rows(drawn, tmp_path):
    folder = drawn / "sample" / "val"
    names = sorted(str(file) for file in folder.rglob("*.jpg"))
    rows = table(predict(folder, cwd=tmp_path, CHECKPOINT=str(drawn)))
    assert [row["file"] for row in rows] == names and len(rows) == 40
    known = json.loads((drawn / "metrics.json").read_text(encoding="utf-8"))["val"]["correct"]
    assert sum(row["label"] == os.path.basename(os.path.dirname(row["file"])) for row in rows) == known
    for row in rows:
        confidences = {name: float(row[f"confidence {name}"]) for name in ("croissants", "dog")}
        assert row["label"] == max(confidences, key=confidences.get) and abs(sum(confidences.values()) - 1) < 1e-5
        assert (row["width"], row["height"], row["error"]) == ("192", "192", "") and float(row["milliseconds"]) > 0
    few = predict(
        names[0],
        f"{folder}/dog/*_00?.jpg",
        "-",
        "--checkpoint",
        drawn,
        "--format=jsonl",
        cwd=tmp_path,
        stdin=f"{names[1]}\n",
    )
    records = [json.loads(line) for line in few.stdout.splitlines()]
    assert few.returncode == 0 and [record["file"] for record in records] == [names[0], *names[20:30], names[1]]
    alone = {row["file"]: float(row["confidence dog"]) for row in rows}
    np.testing.assert_allclose(
        [float(record["confidence dog"]) for record in records], [alone[r["file"]] for r in records], atol=2e-6
    )


def test_bad_file_is_a_row_with_its_error_and_exit_code_1(drawn, bad_files, tmp_path):
    good = drawn / "sample" / "val" / "dog" / "dog_000.jpg"
    done = predict(*bad_files, good, "nowhere.jpg", "--checkpoint", drawn, cwd=tmp_path)
    rows = table(done)
    assert done.returncode == 1 and "Traceback" not in done.stderr and len(rows) == 7
    for row, words in zip(rows, [*bad_files.values(), "", "cannot be read (No such file or directory)"]):
        assert words in row["error"] and bool(row["label"]) == (not words)


def test_without_a_checkpoint_predict_says_what_to_do(tmp_path):
    done = predict("x.jpg", "--checkpoint", tmp_path / "none.ckpt", cwd=tmp_path)
    assert done.returncode == 2 and "there is no such file or folder" in done.stderr and "Traceback" not in done.stderr


@needs_shared
def test_validation_photos_and_odd_files(photos, tmp_path):
    done = predict(SHARED / "photos" / "val", SHARED / "odd", "--checkpoint", photos, cwd=tmp_path)
    rows = table(done)
    assert len(rows) == 143 + 30 and done.returncode == 1 and "Traceback" not in done.stderr
    assert sum(bool(row["error"]) for row in rows) == 8
    with open(photos / "validation.csv", encoding="utf-8") as stream:
        trained = {
            row["photo"]: np.array([float(row["logit croissants"]), float(row["logit dog"])])
            for row in csv.DictReader(stream)
        }
    for row in rows[:143]:
        logits = trained["val/" + row["file"].split("/val/")[1]]
        expected = np.exp(logits[1]) / np.exp(logits).sum()
        assert abs(float(row["confidence dog"]) - expected) < 1e-5


class Server:
    """A page of its own, started as the platform does: in inference/, host and port from the environment."""

    def __init__(self, **environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {**os.environ, "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", **environment}
        self.process = subprocess.Popen(
            [sys.executable, "./app.py"],
            cwd=ROOT / "inference",
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.url = f"http://127.0.0.1:{port}/"
        for _ in range(600):
            try:
                assert urllib.request.urlopen(self.url, timeout=5).status == 200
                break
            except OSError:
                assert self.process.poll() is None, "the page ended at its start"
                time.sleep(0.1)

    def __enter__(self):
        return Client(self.url, verbose=False)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def page(drawn):
    with Server(CHECKPOINT=str(drawn)) as client:
        yield client


def test_page_gives_the_answers_of_the_training(page, drawn):
    with open(drawn / "validation.csv", encoding="utf-8") as stream:
        trained = list(csv.DictReader(stream))[::8]
    for row in trained:
        words, label, seen = page.predict(handle_file(str(drawn / "sample" / row["photo"])), True, api_name="/predict")
        logits = np.array([float(row["logit croissants"]), float(row["logit dog"])])
        assert label["label"] == row["answer"] and row["answer"] in words
        confidences = {entry["label"]: entry["confidence"] for entry in label["confidences"]}
        np.testing.assert_allclose(
            [confidences["croissants"], confidences["dog"]], np.exp(logits) / np.exp(logits).sum(), atol=1e-5
        )
        assert Image.open(seen).size == (64, 64)


def test_page_names_the_problem_and_lives_on(page, drawn, bad_files):
    sentences = set()
    for file, words in bad_files.items():
        sentence, label, seen = page.predict(handle_file(str(file)), True, api_name="/predict")
        assert words in sentence and not label.get("confidences") and seen is None
        sentences.add(sentence)
    sentences.add(page.predict(None, True, api_name="/predict")[0])
    assert len(sentences) == 6
    good = handle_file(str(drawn / "sample" / "val" / "dog" / "dog_001.jpg"))
    assert page.predict(good, True, api_name="/predict")[1]["label"] == "dog"


def test_page_answers_many_files(page, drawn, bad_files):
    files = [drawn / "sample" / "val" / "croissants" / "croissants_000.jpg", *bad_files]
    rows = page.predict([handle_file(str(file)) for file in files], api_name="/predict_batch")["data"]
    assert [row[0] for row in rows] == [file.name for file in files]
    assert rows[0][1] == "croissants" and all(words in row[3] for row, words in zip(rows[1:], bad_files.values()))


def test_page_opens_without_a_checkpoint_and_says_what_to_do(tmp_path):
    with Server(CHECKPOINT=str(tmp_path)) as client:
        sentence = client.predict(None, True, api_name="/predict")[0]
    assert "没有可用的检查点" in sentence and "expected one file of weights (.ckpt) here, found none" in sentence


def test_config_has_the_platforms_form():
    config = json.loads((ROOT / "inference" / "config.json").read_text(encoding="utf-8"))
    assert isinstance(config["model_path"], list)
