"""The suite runs the real scripts. Photos and weights come from a folder `shared` beside the checkout, where there is one."""

import csv
import fcntl
import hashlib
import io
import itertools
import json
import logging
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "train" / "train_dir" / "train.py"
SHARED = ROOT.parent / "shared"
sys.path[:0] = [str(TRAIN.parent), str(ROOT / "inference")]

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.data import dataset, sample
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.data.picture_files import FORMATS
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2, expected_features
from mobilenetv2.model.prediction import classify, pool_features
from mobilenetv2.model.state import load_state_dict
from mobilenetv2.runtime import device, logs
from mobilenetv2.training.extraction import compute_features

# In a suite that was started in the background it is ignored, and what the tests interrupt would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

WEIGHTS = SHARED / "weights" / "mobilenetv2_imagenet.npz"

# Before a command: even root may then read and write only where permissions allow it.
POWERLESS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs real photos and weights in ../shared")

# What takes more than about three seconds, with all its parameters or those named, starts browsers, servers under load or several
# processes. Beginnings of test ids. `python -m pytest -m "not slow"` leaves them out; the rest runs every module at least once.
SLOW = (
    "checks/test_copy_cells.py",
    "checks/test_copy_comparison.py",
    "checks/test_copy_search.py::test_copies_of_",
    "checks/test_issues.py::test_real_photos",
    "data/test_download.py::test_training_on_what_was_downloaded",
    "data/test_folders.py::test_a_file_that_took_the_place",
    "data/test_folders.py::test_a_whole_training",
    "data/test_folders.py::test_the_log_of_a_hundred_folders",
    "data/test_folders.py::test_its_own_output",
    "data/test_folders.py::test_trackers_in_it",
    "data/test_image.py::test_small_pictures_that_ask_for_much_are_refused",
    "data/test_jpeg_end.py",
    "data/test_layout_search.py::test_a_test_set",
    "data/test_unpacking.py::test_killed_in_the_middle",
    "engine/test_forward.py::test_it_computes_what_mindspore_computes",
    "engine/test_forward.py::test_memory_",
    "engine/test_forward.py::test_mindspores_operators",
    "engine/test_forward.py::test_parts_one_after",
    "engine/test_forward.py::test_where_the_engine_cannot_be_used",
    "engine/test_training.py",
    "export/test_graph.py",
    "export/test_lite.py",
    "export/test_mindir.py",
    "export/test_tflite.py",
    "inference/test_app.py::test_a_folder_that_cannot_be_made",
    "inference/test_app.py::test_a_port_that_is_taken_is_said",
    "inference/test_app.py::test_a_signal_while_the_page_opens",
    "inference/test_app.py::test_another_checkpoint_asked_for",
    "inference/test_app.py::test_examples_of_other_classes",
    "inference/test_app.py::test_no_proxy_is_asked",
    "inference/test_app.py::test_surroundings_that_are_poor",
    "inference/test_app.py::test_what_is_loaded_is_what_is_shown",
    "inference/test_browser.py",
    "inference/test_connections.py::test_400",
    "inference/test_connections.py::test_the_limit_of_files_is_raised",
    "inference/test_export.py::test_a_file_that_answers",
    "inference/test_export.py::test_at_training",
    "inference/test_export.py::test_each_file",
    "inference/test_export.py::test_one_file",
    "inference/test_http.py",
    "inference/test_limits.py",
    "inference/test_named_files.py",
    "inference/test_page_folder.py",
    "inference/test_predict.py",
    "inference/test_visitors.py::test_a_proxy",
    "inference/test_visitors.py::test_the_example_of_nginx",
    "inference/test_web_page.py",
    "model/test_checkpoint.py::test_version_3",
    "model/test_mobilenet_v2.py::test_padding_styles_differ",
    "model/test_mobilenet_v2.py::test_width_and_size",
    "model/test_quantization.py::test_without_rounding",
    "model/test_tensor_files.py",
    "report/test_build.py",
    "report/test_model_card.py::test_the_code",
    "report/test_render.py::test_in_a_browser",
    "report/test_render.py::test_many_classes",
    "report/test_render.py::test_on_paper",
    "runtime/test_logs.py",
    "runtime/test_starting.py",
    "test_docs.py::test_twenty_six_lines",
    "test_docs.py::test_a_program_with_onnx_runtime",
    "test_api.py::test_a_result_",
    "test_api.py::test_a_host_",
    "test_api.py::test_a_training_that_is_stopped",
    "test_api.py::test_train_dir_alone",
    "test_api.py::test_types",
    "test_fuzz.py",
    "test_inputs.py::test_a_whole_run",
    "test_inputs.py::test_archives_are_the_same",
    "test_inputs.py::test_weights_in_archives",
    "test_hostile_names.py",
    "test_installed.py",
    "test_library_docs.py",
    "test_messages.py::test_the_printed_commands_work",
    "test_modes.py::test_a_whole_run[distill]",
    "test_modes.py::test_a_whole_run[scratch]",
    "test_modes.py::test_both_engines_train_alike",
    "test_modes.py::test_stopped_in_the_second_training",
    "test_soak.py",
    "test_train",  # and test_train_...: whole runs
    "training/test_finetune.py",
    "training/test_head.py::test_classes_that_are_known",
    "training/test_head.py::test_the_more_it_is_pulled",
    "training/test_tracking.py::test_a_whole_run",
)
SLOW_FIXTURES = {"drawn", "photos", "real"}  # whole runs


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    for item in items:
        name = item.nodeid[len("tests/") :] if item.nodeid.startswith("tests/") else item.nodeid
        if name.startswith(SLOW) or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One feature cache for all runs of the suite, as a user's runs share one."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def on_cpu() -> None:
    device.select_device("CPU", seed=0)


def randomised(model: MobileNetV2) -> MobileNetV2:
    """Batch norms with statistics and weights that matter."""
    random = np.random.default_rng(0)
    values = {p.name: random.uniform(0.5, 1.5, p.shape) for p in model.get_parameters() if p.ndim == 1}
    load_state_dict(model, {name: value.astype(np.float32) for name, value in values.items()})
    return model


def free_port() -> int:
    """Of this machine; nobody listens there yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Run:
    """A finished run of train.py, or of a program that calls it. In a new process where program or environment are given, or else
    forked from one that has imported everything (runs.py)."""

    _forks: Optional["subprocess.Popen[str]"] = None

    def __init__(self, arguments: List[Any], cwd: Path, program: Optional[Path] = None, **environment: str):
        arguments = [str(argument) for argument in arguments]
        if program or environment:
            command = [sys.executable, str(program or TRAIN), *arguments]
            done = subprocess.run(
                command,
                cwd=cwd,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
            )
            self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
            return
        if Run._forks is None:
            command = [sys.executable, str(ROOT / "tests" / "runs.py")]
            Run._forks = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            print(json.dumps([arguments, str(cwd), out.name, err.name]), file=Run._forks.stdin, flush=True)
            self.code = int(Run._forks.stdout.readline())
            self.out, self.err = out.read().decode(), err.read().decode()

    @classmethod
    def end(cls) -> None:
        """No more runs."""
        if cls._forks:
            cls._forks.communicate()
            cls._forks = None


class Terminal:
    """A finished command, in a terminal of 100 columns. screen: what it wrote there, as it came. lines: what is to be read there
    at its end."""

    def __init__(self, command: List[Any], cwd: Path, **environment: str):
        main, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        done = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=other,
            stdout=other,
            stderr=other,
        )
        os.close(other)
        written = b""
        with suppress(OSError):  # where the last one who writes is gone
            while True:
                written += os.read(main, 2**16)
        os.close(main)
        self.code, self.screen = done.wait(), written.decode()
        self.lines = [self._visible(line) for line in self.screen.split("\r\n")]

    @staticmethod
    def _visible(line: str) -> str:
        """Of a line of which parts were written again, from its beginning."""
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        return shown.rstrip()


def pytest_sessionfinish() -> None:
    Run.end()


def metrics(output: Path) -> Dict[str, Any]:
    """What metrics.json of an output folder says."""
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


def assert_own_logits(output: Path, root: Path) -> None:
    """The checkpoint of a run, loaded again, says of the photos what the run said of them in validation.csv."""
    network, description, _ = checkpoint.load(str(output / "mobilenetv2.ckpt"))
    store, found = PhotoCache(str(output / "none")), dataset.scan_folder(str(root))
    found = check_photos(found, description.preprocessing, store, workers=2).data.split("val")
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = {row["photo"]: row for row in csv.DictReader(stream)}
    assert set(rows) == {photo.name for photo in found}
    expected = np.array([[float(rows[photo.name][f"logit {name}"]) for name in description.classes] for photo in found])
    answers = classify(network.classifier, pool_features(network, found, description.preprocessing, 2).pooled[:, 0])
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    correct = sum(row["class"] == row["answer"] for row in rows.values())
    assert correct == metrics(output)["val"]["correct"]


def photo_counts(text: str) -> Dict[str, List[int]]:
    """The last table of the numbers of photos in what a run says: by class, and for all together, those of each split."""
    table = text[text.rindex("Photos  ") :].splitlines()
    rows = itertools.takewhile(lambda line: line.startswith("  "), table[1:])
    parts = [re.split(r" {2,}", line.strip()) for line in rows]
    return {name: [int(number.replace(",", "")) for number in numbers] for name, *numbers in parts}


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """For tests that call train.main: its log and the lock on its folder are gone at the end, and others hear the package's
    loggers again."""
    log = logging.getLogger(logs.NAME)
    handlers, level, propagate, errors = log.handlers[:], log.level, log.propagate, sys.stdout.errors
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers, log.propagate = handlers, propagate
    log.setLevel(level)
    sys.stdout.reconfigure(errors=errors)


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawings that the program makes where it is given no photos; to be read only."""
    root = tmp_path_factory.mktemp("drawings")
    sample.write_sample(root)
    return root


@pytest.fixture
def mine(drawings: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(drawings, tmp_path / "mine")


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Output folder of the run that a new user starts first: no arguments but where to."""
    folder = tmp_path_factory.mktemp("drawn")
    run = Run(["--output_path", "output", "--cache_dir", cache], folder, program=TRAIN)
    assert run.code == 0, run.out + run.err
    return folder / "output"


@pytest.fixture(scope="session")
def built_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint that comes with the program, its weights in 32 bits."""
    network, description, detector = checkpoint.load(str(checkpoint.EMBEDDED))
    folder = tmp_path_factory.mktemp("built_in")
    checkpoint.save(folder / "mobilenetv2.ckpt", network, description, detector)
    return folder


@pytest.fixture(scope="session")
def whole(built_in: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same network, but it gets small pictures whole, as those that are trained now."""
    network, description, detector = checkpoint.load(str(built_in))
    description = replace(description, preprocessing=replace(description.preprocessing, whole=True))
    folder = tmp_path_factory.mktemp("whole")
    checkpoint.save(folder / "mobilenetv2.ckpt", network, description, detector)
    return folder


@pytest.fixture(scope="session")
def few(drawings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set: 12 drawings per class to train, 5 to validate."""
    root = tmp_path_factory.mktemp("few") / "photos"
    for split, count in (("train", 12), ("val", 5)):
        for class_ in ("croissants", "dog"):
            (root / split / class_).mkdir(parents=True)
            for file in sorted((drawings / split / class_).iterdir())[:count]:
                shutil.copy(file, root / split / class_)
    return root


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Output folder of a run on the real photos, classifier only, all else as by default."""
    folder = tmp_path_factory.mktemp("photos")
    arguments = [
        "--data_url",
        SHARED / "photos",
        "--pretrain_url",
        WEIGHTS,
        "--output_path",
        folder,
        "--cache_dir",
        cache,
    ]
    run = Run(arguments, folder)
    assert run.code == 0, run.out + run.err
    return folder


class RealFeatures(NamedTuple):
    """Features of the real photos, f32 [N, views, channels], of val view 0; the middles, f32 [N, channels], of "train", "val" and
    "outliers"; and what the run's classifier says of val and train, which was trained with this weight decay."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    center: Dict[str, np.ndarray]
    logits: np.ndarray
    fitted: np.ndarray
    weight_decay: float
    classifier: np.ndarray  # f32 [1000, channels], of the weights
    background: np.ndarray  # f32 [channels], `expected_features` of the weights


@pytest.fixture(scope="session")
def real(photos: Path, cache: Path) -> RealFeatures:
    """Everything but the outliers is in the cache since the run `photos`."""
    start, store = pretrained.read_pretrained(str(WEIGHTS), None), PhotoCache(str(cache))
    trained, description, _ = checkpoint.load(str(photos))
    network = MobileNetV2(start.architecture, 2)
    pretrained.load_pretrained(network, start, description.classes)
    preprocessing = description.preprocessing
    checked = check_photos(dataset.scan_folder(str(SHARED / "photos")), preprocessing, store, workers=2)
    data, decoded = checked.data, checked.decoded
    outliers = [
        dataset.Photo(file, file.name, 0, "train", hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted((SHARED / "neither").iterdir())
    ]
    train, val = (
        compute_features(network, data.split(split), decoded, store, views)
        for split, views in (("train", description.settings["views"]), ("val", 1))
    )
    strange = compute_features(network, outliers, decoded, store, workers=2)
    return RealFeatures(
        train.pooled,
        data.labels("train"),
        val.pooled[:, 0],
        data.labels("val"),
        {"train": train.center, "val": val.center, "outliers": strange.center},
        classify(trained.classifier, val.pooled[:, 0]),
        classify(trained.classifier, train.pooled[:, 0]),
        description.hyperparameters["head"]["weight_decay"],
        np.load(WEIGHTS)["classifier.1.weight"],
        expected_features(network),
    )


# Of the 30 files in ../shared/odd, those that cannot be read, and what is said of each.
UNREADABLE = {
    **({} if "HEIF" in FORMATS else {"python-pillow_avif_hopper.heif": "HEIC/HEIF"}),
    "python-pillow_broken.png": "not a picture, or a broken one",
    "python-pillow_broken_data_stream.png": "broken or cut off",
    "python-pillow_decompression_bomb.gif": "too many pixels",
    "python-pillow_truncated_image.png": "broken or cut off",
    "python-pillow_zero_width.gif": "not a picture, or a broken one",
}


@pytest.fixture(scope="session")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Dict[Path, str]:
    """Five files that cannot be answered, and words of the sentence of each."""
    folder = tmp_path_factory.mktemp("bad")
    jpeg = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(jpeg, "JPEG")
    contents = {
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"I am a text file", "not a picture"),
        "cut.jpg": (jpeg.getvalue()[:5000], "broken or cut off"),
        "bomb.gif": (b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff" + b"\0" * 9, "too many pixels"),
        "scan.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 30, "JPEG 2000"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {folder / name: words for name, (_, words) in contents.items()}
