"""The suite runs the real scripts. Photos and weights come from a folder `shared` beside the checkout, where there is one."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
TRAIN = ROOT / "train" / "train_dir" / "train.py"
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(TRAIN.parent))

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs real photos and weights in ../shared")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One feature cache for all runs of the suite, as a user's runs share one."""
    return tmp_path_factory.mktemp("cache")


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
    weights = SHARED / "weights" / "mobilenetv2_imagenet.npz"
    arguments = [
        "--data_url",
        SHARED / "photos",
        "--pretrain_url",
        weights,
        "--output_path",
        folder,
        "--cache_dir",
        cache,
    ]
    run = Run(arguments, folder)
    assert run.code == 0, run.out + run.err
    return folder


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
