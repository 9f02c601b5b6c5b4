"""The embedded sample set: dogs and croissants drawn by code, the same ones everywhere.

Both classes share backgrounds, browns, light and sizes, so that only the shape tells them apart.
"""

from pathlib import Path
from typing import Callable, Dict, List, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from .device import processors
from .files import atomic
from .progress import parallel, progress

SIDE = 192  # of a drawing, in pixels
COUNTS = {"train": 80, "val": 20}  # drawings per class
CANVAS = 2 * SIDE  # drawn at twice the size and shrunk: smooth edges
FURS = ((122, 78, 40), (196, 142, 84), (224, 190, 142), (70, 56, 50), (236, 226, 210), (150, 100, 60), (108, 108, 112))
CRUSTS = ((214, 146, 62), (198, 124, 46), (230, 172, 92), (176, 106, 44))
Random = np.random.Generator
Colour = Tuple[int, int, int]


def write_drawings(folder: Path) -> None:
    """Write train/ and val/ with class folders of JPEG files below `folder`, except those that are there already."""
    jobs = {
        folder / split / class_ / f"{class_}_{number:03d}.jpg": (class_, [split == "val", number])
        for split, count in COUNTS.items()
        for class_ in CLASSES
        for number in range(count)
    }

    def write(file: Path) -> None:
        class_, seed = jobs[file]
        with atomic(file) as temporary:
            drawing(class_, seed).save(temporary, quality=90)

    missing = [file for file in jobs if not file.exists()]
    for _ in progress(parallel(write, missing, processors()), len(missing), "Drawing"):
        pass


def drawing(class_: str, seed: List[int]) -> Image.Image:
    """One RGB drawing of SIDE x SIDE pixels of a class in CLASSES: a background, the subject, some light and blur."""
    random = np.random.default_rng([list(CLASSES).index(class_), *seed])
    canvas = _background(random)
    CLASSES[class_](canvas, random)
    image = canvas.resize((SIDE, SIDE), Image.LANCZOS)
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.75, 1.2))
    image = ImageEnhance.Color(image).enhance(random.uniform(0.6, 1.3))
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.2)))


def _pick(random: Random, colours: Tuple[Colour, ...]) -> Colour:
    return colours[random.integers(len(colours))]


def _shade(colour: Colour, factor: float) -> Colour:
    return tuple(int(min(255, max(0, value * factor))) for value in colour)


def _background(random: Random) -> Image.Image:
    """A wall or sky above, a floor, table or lawn below, and a few things lying about."""
    above = _pick(
        random, ((188, 214, 236), (236, 226, 206), (206, 196, 216), (212, 226, 206), (244, 240, 234), (170, 160, 150))
    )
    below = _pick(
        random, ((140, 176, 98), (176, 134, 92), (210, 200, 190), (124, 92, 66), (232, 228, 222), (150, 160, 170))
    )
    horizon = int(CANVAS * random.uniform(0.3, 0.75))
    image = Image.new("RGB", (CANVAS, CANVAS), above)
    canvas = ImageDraw.Draw(image)
    for row in range(CANVAS):
        colour = above if row < horizon else below
        canvas.line([(0, row), (CANVAS, row)], fill=_shade(colour, 0.85 + 0.3 * row / CANVAS))
    for _ in range(random.integers(0, 7)):
        x, y, r = random.uniform(0, CANVAS), random.uniform(0, CANVAS), random.uniform(0.02, 0.1) * CANVAS
        colour = _pick(
            random, ((200, 80, 70), (90, 130, 180), (230, 200, 90), (110, 150, 90), (245, 245, 240), *FURS[:3])
        )
        shape = canvas.ellipse if random.random() < 0.6 else canvas.rectangle
        shape([x - r, y - r * random.uniform(0.4, 1), x + r, y + r], fill=colour)
    return image


def _paste(image: Image.Image, layer: Image.Image, random: Random, tilt: float) -> None:
    """Turn, mirror, shrink and move a transparent layer of CANVAS x CANVAS, and put it on the image."""
    layer = layer.rotate(random.uniform(-tilt, tilt), Image.BILINEAR)
    if random.random() < 0.5:
        layer = layer.transpose(Image.FLIP_LEFT_RIGHT)
    side = int(CANVAS * random.uniform(0.6, 1.0))
    layer = layer.resize((side, side), Image.BICUBIC)
    place = tuple(int(random.uniform(-0.06 * side, CANVAS - 0.94 * side)) for _ in range(2))
    image.paste(layer, place, layer)


def _dog(image: Image.Image, random: Random) -> None:
    layer = Image.new("RGBA", image.size)
    fur = _pick(random, FURS)
    (_dog_face if random.random() < 0.5 else _dog_standing)(_Pen(layer), fur, random)
    _paste(image, layer, random, 12)


def _croissant(image: Image.Image, random: Random) -> None:
    if random.random() < 0.6:  # a plate
        plate = Image.new("RGBA", image.size)
        colour = _pick(random, ((250, 250, 248), (214, 224, 236), (120, 110, 104), (236, 214, 190)))
        pen = _Pen(plate)
        pen.ellipse(0.5, 0.55, 0.48, 0.34, _shade(colour, 0.85))
        pen.ellipse(0.5, 0.54, 0.44, 0.30, colour)
        image.paste(plate, (0, 0), plate)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        layer = Image.new("RGBA", image.size)
        _crescent(_Pen(layer), _pick(random, CRUSTS), random)
        _paste(image, layer, random, 180)


CLASSES: Dict[str, Callable[[Image.Image, Random], None]] = {"croissants": _croissant, "dog": _dog}


class _Pen:
    """Draws on a layer in coordinates from 0 to 1."""

    def __init__(self, layer: Image.Image):
        self._draw = ImageDraw.Draw(layer)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        self._draw.ellipse(
            [CANVAS * (x - rx), CANVAS * (y - ry), CANVAS * (x + rx), CANVAS * (y + ry)], fill=(*colour, 255)
        )

    def polygon(self, points, colour: Colour) -> None:
        self._draw.polygon([(CANVAS * x, CANVAS * y) for x, y in points], fill=(*colour, 255))

    def line(self, points, width: float, colour: Colour) -> None:
        self._draw.line(
            [(CANVAS * x, CANVAS * y) for x, y in points],
            fill=(*colour, 255),
            width=max(1, int(CANVAS * width)),
            joint="curve",
        )

    def arc(self, x: float, y: float, r: float, start: float, end: float, width: float, colour: Colour) -> None:
        box = [CANVAS * (x - r), CANVAS * (y - r), CANVAS * (x + r), CANVAS * (y + r)]
        self._draw.arc(box, start, end, fill=(*colour, 255), width=max(1, int(CANVAS * width)))


def _dog_face(pen: _Pen, fur: Colour, random: Random) -> None:
    dark, light = _shade(fur, 0.7), _shade(fur, 1.25)
    wide = random.uniform(0.24, 0.3)
    pen.ellipse(0.5, 0.95, 0.26, 0.25, _shade(fur, 0.9))  # chest
    if random.random() < 0.5:  # hanging ears, else pointed ones
        for side in (-1, 1):
            pen.ellipse(0.5 + side * wide, 0.47, 0.09, random.uniform(0.18, 0.24), dark)
    else:
        for side in (-1, 1):
            pen.polygon(
                [(0.5 + side * wide * 0.3, 0.28), (0.5 + side * wide * 1.05, 0.08), (0.5 + side * wide, 0.42)], dark
            )
    pen.ellipse(0.5, 0.45, wide, 0.27, fur)
    if random.random() < 0.5:  # a patch around one eye
        pen.ellipse(0.39, 0.39, 0.09, 0.1, dark)
    pen.ellipse(0.5, 0.57, wide * 0.6, 0.15, light)
    for side in (-1, 1):
        pen.ellipse(0.5 + side * 0.11, 0.39, 0.036, 0.042, (30, 22, 18))
        pen.ellipse(0.5 + side * 0.11 + 0.01, 0.378, 0.011, 0.013, (255, 255, 255))
    if random.random() < 0.5:
        pen.ellipse(0.5, 0.69, 0.045, 0.075, (226, 110, 120))  # tongue
    pen.line([(0.5, 0.54), (0.5, 0.62)], 0.012, (40, 28, 24))
    for side in (-1, 1):
        pen.arc(0.5 + side * 0.05, 0.6, 0.05, 10, 170, 0.012, (40, 28, 24))
    pen.ellipse(0.5, 0.51, 0.055, 0.04, (32, 24, 22))  # nose


def _dog_standing(pen: _Pen, fur: Colour, random: Random) -> None:
    dark, light = _shade(fur, 0.72), _shade(fur, 1.2)
    leg = random.uniform(0.14, 0.24)
    for x in (0.3, 0.64):  # the far legs
        pen.line([(x + 0.05, 0.62), (x + 0.05, 0.62 + leg + 0.1)], 0.07, dark)
    pen.line([(0.22, 0.5), (0.12, random.uniform(0.28, 0.5)), (0.08, random.uniform(0.25, 0.45))], 0.045, dark)  # tail
    pen.ellipse(0.46, 0.56, 0.27, random.uniform(0.13, 0.18), fur)
    if random.random() < 0.4:
        pen.ellipse(random.uniform(0.35, 0.55), 0.52, 0.1, 0.09, light)
    for x in (0.27, 0.62):
        pen.line([(x, 0.6), (x, 0.62 + leg + 0.12)], 0.08, fur)
        pen.ellipse(x + 0.02, 0.62 + leg + 0.13, 0.06, 0.03, light)
    pen.line([(0.64, 0.52), (0.74, 0.34)], 0.15, fur)  # neck
    pen.line(
        [(0.645, 0.47), (0.745, 0.5)], 0.03, _pick(random, ((190, 50, 50), (50, 90, 170), (240, 200, 60)))
    )  # collar
    pen.ellipse(0.76, 0.3, 0.125, 0.115, fur)
    pen.ellipse(0.87, 0.34, 0.09, 0.062, light)  # muzzle
    pen.ellipse(0.945, 0.32, 0.026, 0.024, (32, 24, 22))
    pen.ellipse(0.79, 0.265, 0.022, 0.025, (30, 22, 18))
    if random.random() < 0.5:
        pen.ellipse(0.69, 0.34, 0.05, 0.12, dark)
    else:
        pen.polygon([(0.66, 0.24), (0.67, 0.06), (0.77, 0.2)], dark)


def _crescent(pen: _Pen, crust: Colour, random: Random) -> None:
    """Overlapping rolls along an arc, thick in the middle and thin at both ends, each with a dark seam and a lit ridge."""
    bend, radius = random.uniform(1.7, 2.9), random.uniform(0.24, 0.32)
    rolls, thick = int(random.integers(7, 12)), random.uniform(0.12, 0.17)
    angles = np.linspace(-bend / 2, bend / 2, rolls) - np.pi / 2
    order = sorted(
        range(rolls), key=lambda k: -abs(k - (rolls - 1) / 2)
    )  # from the tips to the middle, which lies on top
    for k in order:
        share = 1 - abs(2 * k / (rolls - 1) - 1)  # 0 at the tips, 1 in the middle
        x, y = 0.5 + radius * np.cos(angles[k]), 0.5 + radius * np.sin(angles[k]) + 0.16
        size = thick * (0.35 + 0.65 * share**0.7)
        colour = _shade(crust, random.uniform(0.9, 1.08))
        pen.ellipse(x, y, size, size, _shade(colour, 0.55))
        pen.ellipse(x, y, size * 0.92, size * 0.92, _shade(colour, 0.85))
        pen.ellipse(x - 0.1 * size * np.cos(angles[k]), y - 0.12 * size, size * 0.72, size * 0.76, colour)
        pen.ellipse(x + 0.15 * size, y - 0.35 * size, size * 0.32, size * 0.26, _shade(colour, 1.25))
