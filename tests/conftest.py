"""The suite runs the real scripts. Photos and weights come from a folder `shared` beside the checkout, where there is one."""

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

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
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.prediction import classify
from mobilenetv2.model.state import load_state_dict
from mobilenetv2.runtime import device
from mobilenetv2.training.extraction import compute_features

WEIGHTS = SHARED / "weights" / "mobilenetv2_imagenet.npz"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs real photos and weights in ../shared")


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
    """A finished run of train.py, or of a program that calls it."""

    def __init__(self, arguments: List[Any], cwd: Path, program: Path = TRAIN, **environment: str):
        command = [sys.executable, str(program), *map(str, arguments)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


def metrics(output: Path) -> Dict[str, Any]:
    """What metrics.json of an output folder says."""
    return json.loads((output / "metrics.json").read_text(encoding="utf-8"))


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
    run = Run(["--output_path", "output", "--cache_dir", cache], folder)
    assert run.code == 0, run.out + run.err
    return folder / "output"


@pytest.fixture(scope="session")
def few(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set: 12 drawings per class to train, 5 to validate."""
    root = tmp_path_factory.mktemp("few") / "photos"
    for split, count in (("train", 12), ("val", 5)):
        for class_ in ("croissants", "dog"):
            (root / split / class_).mkdir(parents=True)
            for file in sorted((drawn / "sample" / split / class_).iterdir())[:count]:
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
    "outliers"; and what the run's classifier says."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    center: Dict[str, np.ndarray]
    logits: np.ndarray
    classifier: np.ndarray  # f32 [1000, channels], of the weights


@pytest.fixture(scope="session")
def real(photos: Path, cache: Path) -> RealFeatures:
    """Everything but the outliers is in the cache since the run `photos`."""
    start, store = pretrained.read_pretrained(str(WEIGHTS), None), PhotoCache(str(cache))
    trained, description, _ = checkpoint.load(str(photos))
    network = MobileNetV2(start.architecture, 2)
    pretrained.load_pretrained(network, start, description.classes)
    preprocessing = description.preprocessing
    checked = check_photos(dataset.scan_folder(str(SHARED / "photos"), 0), preprocessing, store, workers=2)
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
        np.load(WEIGHTS)["classifier.1.weight"],
    )


# Of the 30 files in ../shared/odd, those that cannot be read, and what is said of each.
UNREADABLE = {
    "python-pillow_avif_hopper.heif": "HEIC/HEIF",
    "python-pillow_broken.png": "not a picture, or a broken one",
    "python-pillow_broken_data_stream.png": "broken or cut off",
    "python-pillow_decompression_bomb.gif": "too many pixels",
    "python-pillow_png_decompression_dos.png": "broken or cut off",
    "python-pillow_truncated_image.png": "broken or cut off",
    "python-pillow_truncated_jpeg.jpg": "broken or cut off",
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
        "phone.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 30, "HEIC"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    return {folder / name: words for name, (_, words) in contents.items()}
