"""The built-in sample data set: procedurally drawn dogs and croissants, deterministic.

Both classes share backgrounds, browns, brightness and sizes, so that only their shapes differ.
"""

import os
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from ..runtime.environment import usable_cpus
from ..runtime.files import atomic, remove_temporary
from ..runtime.progress import parallel_map, show_progress
from .kind import DRAWINGS, PHOTOS
from .shapes import POSES, Breed, Color, Pen, Random, crescent, pick, shade

SIDE = 192  # of a drawing, in pixels
COUNTS = {"train": 80, "val": 20}  # drawings per class
CANVAS = 2 * SIDE  # drawn at twice the size and downscaled, for smooth edges
SHADOW = 0.35  # opacity, 0-1


def write_sample(folder: Path) -> None:
    """Write train/ and val/ with class folders of JPEG files to `folder`; existing files are kept. Raises UserError."""
    jobs = {folder / name: drawing for name, drawing in _drawings().items()}

    def write(file: Path) -> None:
        class_, seed = jobs[file]
        with atomic(file) as temporary:
            draw(class_, seed).save(temporary, quality=90)

    for parent in {file.parent for file in jobs}:
        remove_temporary(parent)
    missing = [file for file in jobs if not os.path.exists(file)]
    for _ in show_progress(parallel_map(write, missing, usable_cpus()), len(missing), "Drawing"):
        pass


def kind_of(files: Iterable[Path]) -> str:
    """DRAWINGS for the files of `write_sample` and no others, wherever their folder is; else PHOTOS."""
    return DRAWINGS if {Path(*file.parts[-3:]) for file in files} == _drawings().keys() else PHOTOS


def _drawings() -> Dict[Path, Tuple[str, List[int]]]:
    """File of each drawing, from its folder -> class and seed."""
    return {
        Path(split, class_, f"{class_}_{number:03d}.jpg"): (class_, [split == "val", number])
        for split, count in COUNTS.items()
        for class_ in CLASSES
        for number in range(count)
    }


def draw(class_: str, seed: List[int]) -> Image.Image:
    """An RGB drawing of SIDE x SIDE pixels: a background and the subject, with random brightness, saturation and blur.

    class_: a key of CLASSES."""
    random = np.random.default_rng([list(CLASSES).index(class_), *seed])
    canvas = _background(random)
    CLASSES[class_](canvas, random)
    image = canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.75, 1.2))
    image = ImageEnhance.Color(image).enhance(random.uniform(0.6, 1.3))
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))


def _background(random: Random) -> Image.Image:
    """A wall or sky above, a floor, table or lawn below, and up to five small objects."""
    above = pick(
        random, ((188, 214, 236), (236, 226, 206), (206, 196, 216), (212, 226, 206), (244, 240, 234), (170, 160, 150))
    )
    below = pick(
        random, ((140, 176, 98), (176, 134, 92), (210, 200, 190), (124, 92, 66), (232, 228, 222), (150, 160, 170))
    )
    horizon = int(CANVAS * random.uniform(0.3, 0.75))
    image = Image.new("RGB", (CANVAS, CANVAS), above)
    canvas = ImageDraw.Draw(image)
    for row in range(CANVAS):
        color = above if row < horizon else below
        canvas.line([(0, row), (CANVAS, row)], fill=shade(color, 0.85 + 0.3 * row / CANVAS))
    for _ in range(random.integers(0, 6)):
        item = Image.new("RGBA", image.size)
        color = pick(
            random, ((200, 80, 70), (90, 130, 180), (230, 200, 90), (110, 150, 90), (245, 245, 240), (196, 142, 84))
        )
        pick(random, (_ball, _cup, _cushion, _tuft))(Pen(item), color)
        _paste(image, item, random, 30, (0.12, 0.3))
    return image


def _ball(pen: Pen, color: Color) -> None:
    pen.ellipse(0.5, 0.5, 0.4, 0.4, color)
    pen.arc(0.5, 0.2, 0.45, 30, 150, 0.06, shade(color, 0.6))
    pen.ellipse(0.36, 0.34, 0.1, 0.1, shade(color, 1.4))


def _cup(pen: Pen, color: Color) -> None:
    pen.ellipse(0.5, 0.8, 0.48, 0.14, shade(color, 0.8))  # saucer
    pen.arc(0.78, 0.5, 0.16, -90, 90, 0.07, shade(color, 0.9))
    pen.polygon([(0.2, 0.3), (0.8, 0.3), (0.66, 0.8), (0.34, 0.8)], color)
    pen.ellipse(0.5, 0.3, 0.3, 0.1, shade(color, 0.9))
    pen.ellipse(0.5, 0.31, 0.25, 0.07, (84, 52, 34))


def _cushion(pen: Pen, color: Color) -> None:
    pen.polygon([(0.1, 0.2), (0.9, 0.12), (0.95, 0.8), (0.08, 0.88)], color)
    pen.line([(0.2, 0.35), (0.82, 0.28)], 0.06, shade(color, 1.2))
    pen.line([(0.2, 0.7), (0.84, 0.64)], 0.06, shade(color, 0.75))


def _tuft(pen: Pen, color: Color) -> None:
    for lean in (-0.3, -0.15, 0, 0.15, 0.3):
        pen.line([(0.5 + lean / 3, 0.9), (0.5 + lean, 0.2 + abs(lean))], 0.05, (90, 140, 70))
    pen.ellipse(0.5, 0.2, 0.12, 0.12, color)


def _paste(
    image: Image.Image, layer: Image.Image, random: Random, tilt: float, sizes: Tuple[float, float] = (0.6, 1.0)
) -> None:
    """Paste a transparent layer of CANVAS x CANVAS pixels and its shadow, at a random angle, side, size and position.

    tilt: largest angle, in degrees. sizes: range of the side / CANVAS."""
    layer = layer.rotate(random.uniform(-tilt, tilt), Image.Resampling.BILINEAR)
    if random.random() < 0.5:
        layer = layer.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = int(CANVAS * random.uniform(*sizes))
    layer = layer.resize((side, side), Image.Resampling.BICUBIC)
    left, top = (int(random.uniform(-0.06 * side, CANVAS - 0.94 * side)) for _ in range(2))
    alpha = layer.getchannel("A")
    shadow = alpha.point(lambda value: SHADOW * value).filter(ImageFilter.GaussianBlur(0.02 * side))
    image.paste((20, 16, 16), (left + side // 50, top + side // 30), shadow)
    image.paste(layer, (left, top), layer)


def _dog(image: Image.Image, random: Random) -> None:
    layer = Image.new("RGBA", image.size)
    pick(random, POSES)(Pen(layer), Breed(random), random)
    _paste(image, layer, random, 12)


def _croissants(image: Image.Image, random: Random) -> None:
    if random.random() < 0.6:
        _plate(image, random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        layer = Image.new("RGBA", image.size)
        crescent(Pen(layer), random)
        _paste(image, layer, random, 180)


def _plate(image: Image.Image, random: Random) -> None:
    layer = Image.new("RGBA", image.size)
    color = pick(random, ((250, 250, 248), (214, 224, 236), (120, 110, 104), (236, 214, 190), (150, 176, 170)))
    pen, flat = Pen(layer), random.uniform(0.28, 0.44)
    pen.ellipse(0.5, 0.55, 0.48, flat, shade(color, 0.85))
    pen.ellipse(0.5, 0.54, 0.45, flat - 0.03, color)
    pen.ellipse(0.5, 0.54, 0.33, flat - 0.12, shade(color, 0.95))
    image.paste(layer, (0, 0), layer)


CLASSES: Dict[str, Callable[[Image.Image, Random], None]] = {"croissants": _croissants, "dog": _dog}
