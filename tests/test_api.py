"""The package as a library: what programs give it, what they get, and that it leaves them as they were."""

import io
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading

import mindspore as ms
import numpy as np
import pytest
from conftest import TRAIN, metrics
from PIL import Image
from predict import main as predict

import mobilenetv2
from mobilenetv2 import ImageError, UserError, load, train
from mobilenetv2.config import Settings
from mobilenetv2.data.image import preprocess
from mobilenetv2.model.checkpoint import EMBEDDED, VERSION


@pytest.fixture(scope="module")
def model():
    return load(EMBEDDED)


@pytest.fixture(scope="module")
def files(drawings):
    return sorted((drawings / "val").rglob("*.jpg"))[::4]


def same(one, other):
    """Whether two answers are the same to the bit."""
    return (one.label, one.confidences, one.neither) == (other.label, other.confidences, other.neither)


def test_the_import_is_cheap_and_the_version_is_that_of_the_checkpoint():
    program = (
        "import sys, mobilenetv2; print(sorted({'mindspore', 'numpy', 'PIL'} & set(sys.modules)), dir(mobilenetv2))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=TRAIN.parent, capture_output=True, text=True)
    assert done.stdout.startswith("[] ") and "'load'" in done.stdout, done.stderr
    assert mobilenetv2.__version__.split(".")[0] == str(VERSION)
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        mobilenetv2.lod  # noqa: B018


def test_five_lines(model, drawings):
    answer = model(drawings / "val" / "dog" / "dog_003.jpg")
    assert answer.label == "dog" and tuple(answer.confidences) == model.classes == ("croissants", "dog")
    assert sum(answer.confidences.values()) == pytest.approx(1) and answer.confidences["dog"] > 0.5
    assert "pixels" not in repr(answer) and repr(model) == f"<Classifier of croissants, dog: {EMBEDDED}>"


def test_every_form_of_a_picture_has_the_same_answer(model, files, tmp_path):
    """As predict.py and the page have it."""
    data = files[0].read_bytes()
    image = Image.open(files[0])
    expected = model.answer(data)
    forms = [str(files[0]), files[0], data, bytearray(data), memoryview(data), image, image.copy(), np.asarray(image)]
    forms += [Image.open(io.BytesIO(data)), np.asarray(image)[:, ::-1][:, ::-1]]
    for form in forms:
        assert same(model(form), expected)
    assert (expected.width, expected.height) == (192, 192) == image.size
    assert all(same(answer, expected) for answer in model(forms))
    assert predict([str(files[0]), "--checkpoint", str(EMBEDDED), f"--output={tmp_path / 'a'}", "--format=jsonl"]) == 0
    (record,) = map(json.loads, (tmp_path / "a").read_text(encoding="utf-8").splitlines())
    assert record["confidences"] == expected.confidences


MODES = ("RGB", "L", "1", "P", "CMYK", "RGBA", "LA", "I;16", "YCbCr")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", [1, 6])
def test_an_image_is_prepared_as_its_file(mode, orientation, drawings, model):
    """Its mode, its EXIF orientation and its transparency; and it stays as it is."""
    image = Image.open(drawings / "val" / "dog" / "dog_003.jpg").resize((90, 60))
    form = {"CMYK": "JPEG", "YCbCr": "JPEG"}.get(mode, "PNG")
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L"), np.uint16) * 100)
    elif mode in ("RGBA", "LA"):
        image = image.convert(mode)
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    else:
        image = image.convert(mode)
    exif = Image.Exif()
    exif[0x112] = orientation
    stream = io.BytesIO()
    image.save(stream, form, exif=exif)
    opened = Image.open(stream)
    mode, size = opened.mode, opened.size
    answer = model(opened)
    np.testing.assert_array_equal(answer.pixels, preprocess(stream.getvalue(), model.description.preprocessing))
    assert (answer.width, answer.height) == (size if orientation == 1 else size[::-1])
    assert (opened.mode, opened.size) == (mode, size) and opened.getexif()[0x112] == orientation


def test_lists_iterators_and_what_cannot_be_read(model, files, tmp_path):
    """An error is in its place, and loses no other answer."""
    alone = [model(file) for file in files]
    broken = [
        tmp_path / "nothing.jpg",
        "a\0b",
        b"",
        b"no picture",
        None,
        3.5,
        np.zeros((4, 4)),
        np.zeros((0, 3, 3), "u1"),
    ]
    broken += [
        np.zeros((5, 5, 4), np.uint8),
        Image.new("RGB", (0, 9)),
        Image.new("LAB", (9, 9)),
        tmp_path,
        io.BytesIO(),
    ]
    mixed = [entry for pair in zip(files, broken) for entry in pair]
    answers = model(mixed)
    assert isinstance(answers, list) and len(answers) == len(mixed) == 20
    assert all(same(one, other) for one, other in zip(answers[::2], alone))
    assert all(isinstance(error, ImageError) for error in answers[1::2])
    rest = model(tuple(broken[len(files) :]))
    said = [str(error) for error in (*answers[1::2], *rest)]
    assert said[0] == "cannot be read (No such file or directory)" and "null byte" in said[1]
    expected = "; expected a path, bytes, a Pillow image, or an array of uint8 [height, width, 3]"
    assert said[4] == f"an object of type NoneType{expected}" and said[5] == f"an object of type float{expected}"
    assert said[6] == f"an array of float64 [4, 4]{expected}" and said[7] == f"an array of uint8 [0, 3, 3]{expected}"
    assert said[8] == f"an array of uint8 [5, 5, 4]{expected}" and said[9] == f"an image of 0 x 9 pixels{expected}"
    assert "CIE LAB" in said[10] and "a folder, not a file" in said[11] and "BytesIO" in said[12]
    for one in broken:
        with pytest.raises(ImageError):
            model(one)
    iterator = model(iter(files))
    assert not isinstance(iterator, list) and all(same(one, other) for one, other in zip(iterator, alone))
    assert next(iterator, None) is None and model([]) == [] and list(model(iter(()))) == []
    assert all(same(one, other) for one, other in zip(model(np.array([str(file) for file in files])), alone))
    arrays = np.stack([np.asarray(Image.open(file)) for file in files[:3]])
    assert all(same(one, other) for one, other in zip(model(arrays), alone))


def test_an_iterator_without_end_is_read_as_it_is_asked_for(model, files):
    read = []

    def camera():
        while True:
            read.append(1)
            yield files[0]

    answers = model(camera(), workers=2)
    assert next(answers).label == model(files[0]).label and len(read) < 50
    answers.close()

    def broken():
        yield files[0]
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"):
        list(model(broken()))


def test_progress(model, files, capsys):
    told = []
    model(files, progress=lambda *counts: told.append(counts))
    assert told == [(number, 10) for number in range(1, 11)]
    told.clear()
    assert len(list(model(iter(files), progress=lambda *counts: told.append(counts)))) == 10
    assert told[-1] == (10, None) and capsys.readouterr().err == ""


def test_features_are_what_the_classifier_works_on(model, files, tmp_path):
    features = model.features(files)
    assert features.shape == (10, model._weight.shape[1]) and features.dtype == np.float32
    logits = (features @ model._weight.T + model._bias) / model.description.temperature
    dog = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_allclose(dog, [answer.confidences["dog"] for answer in model(files)], rtol=1e-4)
    np.testing.assert_array_equal(model.features(files[3]), features[3:4])
    np.testing.assert_array_equal(model.features(iter(files)), features)
    assert model.features([]).shape == (0, features.shape[1])
    mixed = [files[0], tmp_path / "nothing", files[1], b""]
    with pytest.raises(UserError) as caught:
        model.features(mixed)
    assert str(caught.value).splitlines() == [
        "picture 1: cannot be read (No such file or directory)",
        "picture 3: the file is empty",
        "Counted from 0. With errors='nan', the others have their rows.",
    ]
    rows = model.features(mixed, errors="nan")
    np.testing.assert_array_equal(rows[[0, 2]], features[:2])
    assert np.isnan(rows[[1, 3]]).all()
    with pytest.raises(UserError, match="expected 'raise' or 'nan'"):
        model.features(mixed, errors="ignore")


def test_threads_share_a_model(model, files):
    """And one image that has not read its file yet."""
    alone, image, wrong = [model(file) for file in files], Image.open(files[0]), []

    def ask():
        for _ in range(3):
            answers = [*model(files), model(image)]
            wrong.extend(one for one, other in zip(answers, [*alone, alone[0]]) if not same(one, other))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_load_takes_what_the_page_takes(built_in, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load(str(built_in)).file == load(built_in / "mobilenetv2.ckpt").file == built_in / "mobilenetv2.ckpt"
    monkeypatch.setenv("CHECKPOINT", str(built_in))
    assert load().file == built_in / "mobilenetv2.ckpt"
    with pytest.raises(UserError, match="there is no such file or folder"):
        load("nowhere")


def test_loading_leaves_random_numbers_alone():
    np.random.seed(7)
    ms.set_seed(5)
    np.random.seed(7)
    expected = np.random.RandomState(7).rand(2)
    first = np.random.rand()
    load(EMBEDDED)
    assert [first, np.random.rand()] == list(expected) and ms.get_seed() == 5


@pytest.mark.parametrize(
    "given, said",
    [
        ({"epoch": 5}, ["epoch: there is no such setting; did you mean epochs?"]),
        ({"learning_rate": 1}, ["learning_rate: there is no such setting; did you mean lr?"]),
        ({"train_url": "x"}, ["train_url: there is no such setting; did you mean output_path?"]),
        ({"epochs": 0}, ["epochs=0: expected a whole number from 1 to 10000 or 'auto'"]),
        ({"epochs": True}, ["epochs=True: expected a whole number from 1 to 10000 or 'auto'"]),
        ({"lr": "fast", "leaks": "go"}, ["lr='fast': expected", "leaks='go': expected one of stop, drop, allow"]),
        ({"check": "perhaps"}, ["check='perhaps': expected yes or no"]),
        ({"xyz": 1}, ["xyz: there is no such setting; there are output_path, data_url,"]),
    ],
)
def test_wrong_arguments_are_said_together(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        train(**given)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(said) and all(line.startswith(words) for line, words in zip(lines, said)), lines
    assert list(tmp_path.iterdir()) == []


def test_the_signature_has_all_settings():
    names = list(train.__signature__.parameters)
    assert names == ["verbose", *Settings.__dataclass_fields__]


def host_state():
    log = logging.getLogger("mobilenetv2")
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    logs = (log.level, log.propagate, log.handlers[:], logging.getLogger().handlers[:], logging.getLogger().level)
    return handlers, logs, sys.unraisablehook, sys.excepthook, getattr(sys.stdout, "errors", None), os.getcwd()


@pytest.fixture(scope="module")
def trained(few, cache, tmp_path_factory):
    """Two equal trainings in this process, the state of its host before and after, and what its own handlers have heard."""
    folder, heard = tmp_path_factory.mktemp("trained"), []
    photos = shutil.copytree(few, folder / "photos")
    for name, other in (("croissants", "dog"), ("dog", "croissants")):  # two lie in the other's folder
        file = min((few / "val" / name).iterdir())
        shutil.move(photos / "val" / name / file.name, photos / "val" / other)

    class Handler(logging.Handler):
        def emit(self, record):
            heard.append(record.getMessage())

    log, handler = logging.getLogger("mobilenetv2"), Handler()
    log.addHandler(handler)
    np.random.seed(3)
    before, results = host_state(), []
    try:
        for number in range(2):
            log.setLevel(logging.ERROR)
            arguments = {
                "data_url": photos,
                "output_path": folder / str(number),
                "cache_dir": cache,
                "epochs": 2,
                "lr": 1e-6,
            }
            before = host_state()
            results.append(train(**arguments, verbose=False))
            assert host_state() == before
    finally:
        log.removeHandler(handler)
        log.setLevel(logging.NOTSET)
    assert np.random.rand() == np.random.RandomState(3).rand()
    return results, heard, photos


def test_a_result_is_what_the_run_has_left(trained):
    (first, second), _, photos = trained
    assert first.checkpoint.read_bytes() == second.checkpoint.read_bytes()
    assert first.report.name == "report.html" and first.report.is_file() and first.output == first.checkpoint.parent
    assert first.metrics == metrics(first.output) and first.history == first.metrics["history"]
    assert [row["epoch"] for row in first.history["head"]] == [1, 2]
    assert first.classes == ("croissants", "dog") and first.passed and "metrics" not in repr(first)
    val = first.metrics["val"]
    assert first.accuracy == val["accuracy"] and len(first.mistakes) == val["count"] - val["correct"] >= 2
    assert first.findings == json.loads((first.output / "check.json").read_text(encoding="utf-8"))["findings"]
    model = load(first.checkpoint)
    for file in (photos / "val").rglob("*.jpg"):
        answer = model(file)
        best = max(answer.confidences, key=answer.confidences.get)
        wrong = [mistake for mistake in first.mistakes if mistake.file == file]
        assert [(one.label, one.answer) for one in wrong] == (
            [] if best == file.parent.name else [(file.parent.name, best)]
        )
        assert [one.confidence for one in wrong] == pytest.approx([answer.confidences[best]] * len(wrong), abs=1e-5)


def test_a_host_hears_the_log_and_sees_nothing(trained, capfd):
    heard = trained[1]
    assert sum(line.startswith("Wrote ") for line in heard) == 2


def test_a_check_and_a_bad_folder(few, cache, tmp_path, capsys):
    arguments = {"output_path": tmp_path / "out", "cache_dir": cache, "check": True, "pretrain_url": "random"}
    result = train(data_url=str(few), **arguments)
    assert (
        result.checkpoint is result.accuracy is None
        and result.passed
        and result.mistakes == []
        and result.metrics == {}
    )
    assert result.report.is_file() and isinstance(result.findings, list)
    assert "What to do next:" in capsys.readouterr().out
    before = host_state()
    with pytest.raises(UserError, match="there is no such folder of photos"):
        train(data_url=tmp_path / "nowhere", **arguments)
    assert host_state() == before


def test_training_in_another_thread(few, cache, tmp_path):
    """Where Python allows no signal handlers."""
    found = []

    def work():
        arguments = {"output_path": tmp_path, "cache_dir": cache, "check": True, "pretrain_url": "random"}
        found.append(train(data_url=few, verbose=False, **arguments))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found and found[0].report.is_file()


STOPPED = """
import logging, os, signal, sys
from mobilenetv2 import train

class Stop(logging.Handler):
    def emit(self, record):
        if record.getMessage().startswith("Epoch"):
            os.kill(os.getpid(), signal.SIGTERM)

arguments = dict(data_url=sys.argv[1], cache_dir=sys.argv[2], output_path="out", epochs=2)
log, before = logging.getLogger("mobilenetv2"), signal.getsignal(signal.SIGTERM)
log.addHandler(Stop())
try:
    train(**arguments)
except KeyboardInterrupt:
    print("STOPPED")
assert signal.getsignal(signal.SIGTERM) == before and log.propagate
print(train(**arguments, check=True, pretrain_url="random").report.name)
"""


def test_a_training_that_is_stopped_raises_and_gives_the_folder_back(few, cache, tmp_path):
    program = [sys.executable, "-c", STOPPED, str(few), str(cache)]
    environment = {**os.environ, "PYTHONPATH": str(TRAIN.parent)}
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "STOPPED\n" in done.stdout and not (tmp_path / "out" / "mobilenetv2.ckpt").exists()
    assert done.stdout.endswith("report.html\n"), done.stdout + done.stderr


def test_train_dir_alone_is_a_library(drawings, tmp_path):
    """As platforms copy it; nothing of the page is there, whatever lies beside it."""
    place = tmp_path / "代码 a" / "b" / "train_dir"
    shutil.copytree(TRAIN.parent, place, ignore=shutil.ignore_patterns("output", "__pycache__"))
    (tmp_path / "代码 a" / "inference").mkdir()
    program = (
        "import sys; from mobilenetv2 import load; model = load(); print(model.file); print(model(sys.argv[1]).label)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("CHECKPOINT", "PYTHONPATH")}
    command = [sys.executable, "-c", program, str(drawings / "val" / "dog" / "dog_003.jpg")]
    done = subprocess.run(
        command, cwd=tmp_path, env={**environment, "PYTHONPATH": str(place)}, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == [str(place / "mobilenetv2" / "model" / EMBEDDED.name), "dog"], done.stderr


def test_types_are_those_of_the_documentation(tmp_path):
    """What a program that uses the package is told by its type checker."""
    program = tmp_path / "program.py"
    program.write_text(
        "from mobilenetv2 import load, train\n"
        "model = load('output')\n"
        "reveal_type(model('dog.jpg'))\n"
        "reveal_type(model(['dog.jpg']))\n"
        "reveal_type(model(iter([b''])))\n"
        "reveal_type(model.features('dog.jpg'))\n"
        "reveal_type(train(epochs=5).accuracy)\n"
        "model('dog.jpg').labl\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file=", "--ignore-missing-imports", str(program)]
    environment = {**os.environ, "MYPYPATH": str(TRAIN.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    types = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert "Answer" in types[0] and types[0].count("Union") == types[0].count("|") == 0, done.stdout
    assert "list[" in types[1].lower() and "ImageError" in types[1] and "iterator[" in types[2].lower()
    assert "ndarray" in types[3] and "float" in types[4]
    assert '"Answer" has no attribute "labl"' in done.stdout
