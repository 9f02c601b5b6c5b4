"""Whole fine-tunings, from the start of the process: against others, and on more and more photos."""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np
from bench import COMPETITORS, ONNX, OURS, TRAIN, TUTORIAL, Bench, say
from PIL import Image, ImageEnhance, ImageOps
from process import Watched, watch
from table import Part

EPOCHS, ACCURACY = 10, 0.99
GROWTH = (1, 4, 16)


def job(bench: Bench) -> List[Part]:
    left_out = (ONNX, "MindSpore's operators", *((TUTORIAL,) if bench.quick else ()))
    names, until = [name for name in COMPETITORS if name not in left_out], ACCURACY if bench.quick else None
    ours(bench, bench.photos)  # compiles the kernels, which the home folder keeps
    runs = {name: [] for name in names}
    for _ in range(bench.rounds or 1):
        for name in names:
            say(f"fine-tuning: {name}")
            runs[name].append(ours(bench, bench.photos, until=until)[0] if name == OURS else _other(bench, name, until))
    peaks = {name: max(run.peak for run in found) for name, found in runs.items()}
    measured = {f"to {ACCURACY:.0%} of validation": lambda run: run.first(ACCURACY)}
    whole = {
        f"to the end of epoch {EPOCHS}": lambda run: run.epochs[-1][0],
        "to the end of the process": lambda run: run.seconds,
    }
    return [
        Part(f"fine-tuning {what}", "s", {name: [read(run) for run in found] for name, found in runs.items()}, peaks)
        for what, read in {**measured, **({} if until else whole)}.items()
    ]


def ours(bench: Bench, photos: str, *more: str, until: Optional[float] = None) -> Tuple[Watched, Path]:
    """One cold run: nothing in the cache of features. until: as in `watch`. Also returns its output folder."""
    folder = Path(tempfile.mkdtemp(dir=bench.work))
    places = ["--output_path", str(folder / "output"), "--cache_dir", str(folder / "cache")]
    arguments = ["--data_url", photos, "--pretrain_url", bench.weights, "--epochs", str(EPOCHS), *places, *more]
    return watch([sys.executable, str(TRAIN), *arguments], bench.environment(OURS), until), folder / "output"


def _other(bench: Bench, name: str, until: Optional[float]) -> Watched:
    return watch([*bench.command(name, Path(bench.photos)), "job"], bench.environment(name), until)


def growth(bench: Bench) -> List[Part]:
    """Ours on 1, 4 and 16 times the photos to train: the copies are other crops, mirrored, in other colours."""
    sizes = GROWTH[:2] if bench.quick else GROWTH
    folders = {}
    for size in sizes:
        folder = bench.work / f"photos{size}"
        shutil.copytree(Path(bench.photos, "val"), folder / "val")
        count = _enlarge(Path(bench.photos, "train"), folder / "train", size)
        folders[f"{count} photos to train"] = str(folder)
    ours(bench, bench.photos)
    runs = {name: [] for name in folders}
    for _ in range(bench.rounds or 1):
        for name, folder in folders.items():
            say(f"growth: {name}")
            runs[name].append(ours(bench, folder, "--leaks", "allow")[0])
    peaks = {name: max(run.peak for run in found) for name, found in runs.items()}
    return [
        Part("ours on more photos", "s", {name: [run.seconds for run in found] for name, found in runs.items()}, peaks)
    ]


def _enlarge(source: Path, target: Path, times: int) -> int:
    random, files = np.random.default_rng(0), sorted(source.glob("*/*"))
    for file in files:
        (target / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / file.parent.name)
        for copy in range(1, times):
            with Image.open(file) as image:
                _varied(image.convert("RGB"), random).save(
                    target / file.parent.name / f"{file.stem}-{copy}.jpg", quality=int(random.integers(80, 96))
                )
    return times * len(files)


def _varied(image: Image.Image, random: np.random.Generator, low: float = 0.3, high: float = 0.6) -> Image.Image:
    """A crop of between these shares of the picture's surface, mirrored or not, in other colours."""
    side = random.uniform(low, high) ** 0.5
    width, height = int(side * image.width), int(side * image.height)
    left, top = (int(random.integers(0, rest + 1)) for rest in (image.width - width, image.height - height))
    image = image.crop((left, top, left + width, top + height))
    image = ImageOps.mirror(image) if random.random() < 0.5 else image
    for change in (ImageEnhance.Color, ImageEnhance.Brightness, ImageEnhance.Contrast):
        image = change(image).enhance(random.uniform(0.6, 1.4))
    return image
