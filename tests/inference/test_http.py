"""The page through HTTP, as programs use it and as many visitors load it, with checkpoints of real training runs."""

import json
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from conftest import ROOT, SHARED, Run, needs_shared
from gradio_client import Client, handle_file
from pages import Server, call, predict, trained
from PIL import Image

SECONDS = 6  # that uploads are kept


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def page(drawn, uploads):
    with Server(CHECKPOINT=str(drawn), GRADIO_TEMP_DIR=str(uploads), UPLOAD_SECONDS=str(SECONDS)) as server:
        yield server


@pytest.fixture
def client(page):
    with httpx.Client(base_url=page.url, timeout=60) as client:
        yield client


def same(answer, confidences):
    return max(abs(answer["confidences"][name] - value) for name, value in confidences.items()) <= 1e-5


def test_confidences_are_those_of_the_training_in_every_format(drawn, tmp_path, cache):
    """Of a data set whose validation photos are of all kinds. The checkpoint lies beside app.py, named by config.json."""
    data = tmp_path / "data"
    shutil.copytree(drawn / "sample" / "train", data / "train")
    for class_ in ("croissants", "dog"):
        (data / "val" / class_).mkdir(parents=True)
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        for number, (name, mode, options) in enumerate(
            [
                ("a.jpg", "RGB", {}),
                ("b.png", "RGBA", {}),
                ("c.webp", "RGB", {}),
                ("d.jpg", "RGB", {"exif": exif}),
                ("e.jpg", "CMYK", {}),
            ]
        ):
            image = Image.open(drawn / "sample" / "val" / class_ / f"{class_}_{number:03d}.jpg").crop((0, 0, 192, 150))
            image.convert(mode).save(data / "val" / class_ / name, **options)
    run = Run(["--data_url", data, "--output_path", tmp_path / "out", "--epochs=3", "--cache_dir", cache], tmp_path)
    assert run.code == 0, run.err
    project = tmp_path / "project"
    shutil.copytree(ROOT / "train", project / "train")
    shutil.copytree(ROOT / "inference", project / "inference")
    shutil.copy(tmp_path / "out" / "mobilenetv2.ckpt", project / "inference" / "mine.ckpt")
    config = {"model_path": ["owner/repository/folder/mine.ckpt"]}
    (project / "inference" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    expected = trained(tmp_path / "out")
    with Server(project / "inference") as server, httpx.Client(base_url=server.url, timeout=60) as client:
        answers = {photo: predict(client, data / photo) for photo in expected}
    assert len(answers) == 10 and all(same(answers[photo], expected[photo]) for photo in expected)
    sizes = {photo: (answer["width"], answer["height"]) for photo, answer in answers.items()}
    assert sizes["val/dog/a.jpg"] == (192, 150) and sizes["val/dog/d.jpg"] == (150, 192)


@needs_shared
def test_confidences_of_all_validation_photos_are_those_of_the_training(photos):
    expected = trained(photos)
    with Server(CHECKPOINT=str(photos)) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        answers = {photo: predict(client, SHARED / "photos" / photo) for photo in expected}
    assert len(answers) == 143
    assert [photo for photo in expected if not same(answers[photo], expected[photo])] == []


def test_fifty_clients_at_once(page, client, drawn, bad_files, uploads):
    """Two runs of 50 clients with 20 pictures each, one in five broken: each gets the answer to its own picture."""
    expected = trained(drawn)
    pictures = sorted(expected)
    known = {photo: predict(client, drawn / "sample" / photo)["confidences"] for photo in pictures}
    assert all(same({"confidences": known[photo]}, expected[photo]) for photo in pictures)
    bad = sorted(bad_files)

    def visitor(number):
        right = 0
        with httpx.Client(base_url=page.url, timeout=300) as client:
            for turn in range(20):
                if turn % 5 == 4:
                    file = bad[(number + turn // 5) % 5]
                    right += bad_files[file] in predict(client, file)["error"]
                else:
                    photo = pictures[(7 * number + turn) % len(pictures)]
                    right += predict(client, drawn / "sample" / photo)["confidences"] == known[photo]
        return right

    memory = []
    for _ in range(2):
        with ThreadPoolExecutor(50) as crowd:
            assert list(crowd.map(visitor, range(50))) == [20] * 50
        memory.append(psutil.Process(page.process.pid).memory_info().rss)
    assert memory[1] <= 1.05 * memory[0]
    end, left = time.monotonic() + 2 * SECONDS + 1, []  # kept so long, and looked at every half of it
    while len(left) != 7 and time.monotonic() < end:
        time.sleep(0.1)
        left = [file for file in uploads.rglob("*") if file.is_file()]
    names = [file.name for file in left]
    assert len(names) == 7 and names.count(".page") == 1  # the marker, and the examples
    assert all(re.fullmatch(r"(dog|croissants)_\d\.png|\.page", name) for name in names)
    assert predict(client, drawn / "sample" / pictures[0])["confidences"] == known[pictures[0]]


def test_many_files_in_one_call(page, drawn, bad_files):
    files = [drawn / "sample" / "val" / "croissants" / "croissants_000.jpg", *bad_files]
    records = Client(page.url, verbose=False).predict(
        [handle_file(str(file)) for file in files], api_name="/predict_batch"
    )
    assert [record["file"] for record in records] == [file.name for file in files]
    assert records[0]["label"] == "croissants"
    assert all(words in record["error"] for record, words in zip(records[1:], bad_files.values()))


@pytest.mark.parametrize("file", ["docs/serving.md", "docs/zh/serving.md"])
@pytest.mark.parametrize("tool", ["curl", "gradio_client"])
def test_examples_of_the_docs(page, drawn, tmp_path, file, tool):
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    (block,) = [block for block in blocks if tool in block and "predict" in block and "install" not in block]
    code = re.sub("^    ", "", block, flags=re.MULTILINE).replace("http://127.0.0.1:7860", page.url)
    for name in ("dog", "croissants"):
        shutil.copy(drawn / "sample" / "val" / name / f"{name}_001.jpg", tmp_path / f"{name}.jpg")
    command = ["bash", "-c", code] if tool == "curl" else [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and re.search(r"""["']label["']: ["']dog["']""", done.stdout), done.stdout + done.stderr


def test_nothing_else_is_served_and_no_stack_is_shown(client, drawn):
    for file in (drawn / "mobilenetv2.ckpt", ROOT / "inference" / "app.py", ROOT / "README.md"):
        assert client.get(f"/gradio_api/file={file}").status_code in (403, 404)
        answer = call(client, "predict", {"path": str(file), "meta": {"_type": "gradio.FileData"}})
        assert "label" not in answer.text and "Traceback" not in answer.text and str(drawn) not in answer.text
    home = client.get("/")
    assert "default-src 'self'" in home.headers["content-security-policy"]
    assert str(drawn) not in home.text and str(ROOT) not in home.text


def test_too_many_files_are_refused(client):
    path = client.post("/gradio_api/upload", files={"files": ("a.jpg", b"x")}).json()[0]
    answer = call(client, "predict_batch", [{"path": path, "meta": {"_type": "gradio.FileData"}}] * 501)
    assert "At most 500 pictures can be answered at a time, and these are 501." in answer.text
