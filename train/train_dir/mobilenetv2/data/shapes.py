"""Shapes of the sample set: dogs in four poses and many coats, and croissants with several toppings."""

from typing import Callable, Sequence, Tuple, TypeVar

import numpy as np
from PIL import Image, ImageDraw

FURS = ((122, 78, 40), (196, 142, 84), (224, 190, 142), (70, 56, 50), (236, 226, 210), (150, 100, 60), (108, 108, 112))
CRUSTS = ((214, 146, 62), (198, 124, 46), (230, 172, 92), (176, 106, 44))
COLLARS = ((190, 50, 50), (50, 90, 170), (240, 200, 60))
BLACK, WHITE, TONGUE, CHOCOLATE = (30, 23, 20), (255, 255, 255), (226, 110, 120), (64, 36, 24)
Random = np.random.Generator
Color = Tuple[int, int, int]
Choice = TypeVar("Choice")


def pick(random: Random, choices: Sequence[Choice]) -> Choice:
    """A random one of the choices."""
    return choices[random.integers(len(choices))]


def shade(color: Color, factor: float) -> Color:
    """The RGB color (0-255) with its channels multiplied by a factor."""
    red, green, blue = (int(min(255, max(0, value * factor))) for value in color)
    return red, green, blue


class Pen:
    """Draws on a square layer, or on a square part of it, in coordinates from 0 to 1."""

    def __init__(self, layer: Image.Image, left: float = 0, top: float = 0, scale: float = 1):
        self._layer, self._draw = layer, ImageDraw.Draw(layer)
        self._left, self._top, self._scale = left, top, scale

    def part(self, left: float, top: float, scale: float) -> "Pen":
        """A pen for the square of side `scale` at (left, top), both in coordinates of the layer (0-1)."""
        return Pen(self._layer, left, top, scale)

    def ellipse(self, x: float, y: float, rx: float, ry: float, color: Color) -> None:
        self._draw.ellipse([*self._at(x - rx, y - ry), *self._at(x + rx, y + ry)], fill=(*color, 255))

    def polygon(self, points: Sequence[Tuple[float, float]], color: Color) -> None:
        self._draw.polygon([self._at(*point) for point in points], fill=(*color, 255))

    def line(self, points: Sequence[Tuple[float, float]], width: float, color: Color) -> None:
        pixels = [self._at(*point) for point in points]
        self._draw.line(pixels, fill=(*color, 255), width=self._pixels(width), joint="curve")

    def arc(self, x: float, y: float, r: float, start: float, end: float, width: float, color: Color) -> None:
        box = [*self._at(x - r, y - r), *self._at(x + r, y + r)]
        self._draw.arc(box, start, end, fill=(*color, 255), width=self._pixels(width))

    def _at(self, x: float, y: float) -> Tuple[float, float]:
        side = self._layer.width
        return side * (self._left + self._scale * x), side * (self._top + self._scale * y)

    def _pixels(self, width: float) -> int:
        return max(1, int(self._layer.width * self._scale * width))


class Breed:
    """Coat and ears of a dog, in any pose."""

    def __init__(self, random: Random):
        self.fur = pick(random, FURS)
        self.dark, self.light = shade(self.fur, 0.7), shade(self.fur, 1.25)
        self.hanging = random.random() < 0.5  # ears; pointed otherwise
        self.coat = pick(random, ("plain", "plain", "patch", "spots", "curls"))
        self.ear = random.uniform(0.18, 0.24)
        self.random = random

    def body(self, pen: Pen, x: float, y: float, rx: float, ry: float) -> None:
        """An ellipse of the body with its coat: center (x, y) and radii, 0-1."""
        if self.coat == "curls":
            for angle in np.linspace(0, 2 * np.pi, 18, endpoint=False):
                color = shade(self.fur, self.random.uniform(0.85, 1.1))
                pen.ellipse(x + rx * np.cos(angle), y + ry * np.sin(angle), 0.05, 0.05, color)
        pen.ellipse(x, y, rx, ry, self.fur)
        count = {"spots": 7, "patch": 1}.get(self.coat, 0)
        for _ in range(count):
            angle, far = self.random.uniform(0, 2 * np.pi), self.random.uniform(0.2, 0.75)
            size = self.random.uniform(0.1, 0.2) if self.coat == "spots" else 0.45
            pen.ellipse(
                x + far * rx * np.cos(angle) * (1 - size),
                y + far * ry * np.sin(angle) * (1 - size),
                size * rx,
                size * ry * 1.2,
                self.dark,
            )


def face(pen: Pen, breed: Breed, random: Random) -> None:
    """Head and chest, from the front."""
    pen.ellipse(0.5, 0.95, 0.26, 0.25, shade(breed.fur, 0.9))
    _head(pen, breed, random)


def _head(pen: Pen, breed: Breed, random: Random) -> None:
    wide = random.uniform(0.24, 0.3)
    for side in (-1, 1):
        if breed.hanging:
            pen.ellipse(0.5 + side * wide, 0.47, 0.09, breed.ear, breed.dark)
        else:
            tip, inner, outer = (0.5 + side * wide * share for share in (1.05, 0.3, 1))
            pen.polygon([(inner, 0.28), (tip, 0.08), (outer, 0.42)], breed.dark)
    breed.body(pen, 0.5, 0.45, wide, 0.27)
    pen.ellipse(0.5, 0.57, wide * 0.6, 0.15, breed.light)
    for side in (-1, 1):
        pen.ellipse(0.5 + side * 0.11, 0.39, 0.036, 0.042, BLACK)
        pen.ellipse(0.5 + side * 0.11 + 0.01, 0.378, 0.011, 0.013, WHITE)
    if random.random() < 0.5:
        pen.ellipse(0.5, 0.69, 0.045, 0.075, TONGUE)
    pen.line([(0.5, 0.54), (0.5, 0.62)], 0.012, BLACK)
    for side in (-1, 1):
        pen.arc(0.5 + side * 0.05, 0.6, 0.05, 10, 170, 0.012, BLACK)
    pen.ellipse(0.5, 0.51, 0.055, 0.04, BLACK)


def standing(pen: Pen, breed: Breed, random: Random) -> None:
    """Standing, from the side, with legs of random length."""
    leg = random.uniform(0.06, 0.24)
    for x in (0.3, 0.64):  # the far legs
        pen.line([(x + 0.05, 0.62), (x + 0.05, 0.62 + leg + 0.1)], 0.07, breed.dark)
    tail = [(0.22, 0.5), (0.12, random.uniform(0.28, 0.5)), (0.08, random.uniform(0.25, 0.45))]
    pen.line(tail, 0.045, breed.dark)
    breed.body(pen, 0.46, 0.56, 0.27, random.uniform(0.13, 0.18))
    for x in (0.27, 0.62):
        pen.line([(x, 0.6), (x, 0.62 + leg + 0.12)], 0.08, breed.fur)
        pen.ellipse(x + 0.02, 0.62 + leg + 0.13, 0.06, 0.03, breed.light)
    pen.line([(0.64, 0.52), (0.74, 0.34)], 0.15, breed.fur)  # neck
    pen.line([(0.645, 0.47), (0.745, 0.5)], 0.03, pick(random, COLLARS))
    breed.body(pen, 0.76, 0.3, 0.125, 0.115)
    pen.ellipse(0.87, 0.34, 0.09, 0.062, breed.light)  # muzzle
    pen.ellipse(0.945, 0.32, 0.026, 0.024, BLACK)
    pen.ellipse(0.79, 0.265, 0.022, 0.025, BLACK)
    if breed.hanging:
        pen.ellipse(0.69, 0.34, 0.05, 0.12, breed.dark)
    else:
        pen.polygon([(0.66, 0.24), (0.67, 0.06), (0.77, 0.2)], breed.dark)


def sitting(pen: Pen, breed: Breed, random: Random) -> None:
    """Sitting, from the front."""
    pen.line([(0.66, 0.86), (0.84, 0.84), (0.92, random.uniform(0.62, 0.8))], 0.05, breed.dark)
    for side in (-1, 1):  # haunches and hind paws
        pen.ellipse(0.5 + side * 0.18, 0.8, 0.13, 0.13, shade(breed.fur, 0.85))
        pen.ellipse(0.5 + side * 0.22, 0.92, 0.09, 0.04, breed.light)
    breed.body(pen, 0.5, 0.68, 0.19, 0.25)
    pen.ellipse(0.5, 0.64, 0.11, 0.14, breed.light)
    for side in (-1, 1):
        pen.line([(0.5 + side * 0.08, 0.7), (0.5 + side * 0.08, 0.92)], 0.08, breed.fur)
        pen.ellipse(0.5 + side * 0.08, 0.93, 0.06, 0.03, breed.light)
    pen.line([(0.36, 0.51), (0.5, 0.56), (0.64, 0.51)], 0.035, pick(random, COLLARS))
    _head(pen.part(0.19, 0.0, 0.62), breed, random)


def lying(pen: Pen, breed: Breed, random: Random) -> None:
    """Lying, with the head at a random height."""
    pen.line([(0.86, 0.76), (0.95, random.uniform(0.5, 0.7))], 0.045, breed.dark)
    breed.body(pen, 0.6, 0.72, 0.31, random.uniform(0.14, 0.18))
    breed.body(pen, 0.78, 0.78, 0.13, 0.12)
    for x in (0.66, 0.1, 0.22):
        pen.line([(x + 0.16, 0.86), (x, 0.86)], 0.06, breed.fur)
        pen.ellipse(x, 0.86, 0.045, 0.035, breed.light)
    _head(pen.part(0.02, random.uniform(0.28, 0.42), 0.55), breed, random)


POSES: Tuple[Callable[[Pen, Breed, Random], None], ...] = (face, standing, sitting, lying)


def crescent(pen: Pen, random: Random) -> None:
    """A croissant: overlapping ellipses along an arc, largest in the middle, each with a dark seam and a light ridge."""
    crust, bend, radius = pick(random, CRUSTS), random.uniform(1.7, 2.9), random.uniform(0.24, 0.32)
    rolls, thick = int(random.integers(7, 12)), random.uniform(0.12, 0.17)
    angles = np.linspace(-bend / 2, bend / 2, rolls) - np.pi / 2
    centers = [(0.5 + radius * np.cos(angle), 0.66 + radius * np.sin(angle)) for angle in angles]
    shares = 1 - np.abs(np.linspace(-1, 1, rolls))  # 0 at both ends, 1 in the middle, which is drawn last
    for k in np.argsort(shares, kind="stable"):
        (x, y), size = centers[k], thick * (0.35 + 0.65 * shares[k] ** 0.7)
        color = shade(crust, random.uniform(0.9, 1.08))
        pen.ellipse(x, y, size, size, shade(color, 0.55))
        pen.ellipse(x, y, size * 0.92, size * 0.92, shade(color, 0.85))
        pen.ellipse(x - 0.1 * size * np.cos(angles[k]), y - 0.12 * size, size * 0.72, size * 0.76, color)
        pen.ellipse(x + 0.15 * size, y - 0.35 * size, size * 0.32, size * 0.26, shade(color, 1.25))
    _topping(pen, centers, thick, random)


def _topping(pen: Pen, centers: Sequence[Tuple[float, float]], thick: float, random: Random) -> None:
    """Nothing, or along the arc: sugar, almond flakes, or a line of chocolate."""
    kind = pick(random, ("nothing", "nothing", "sugar", "almonds", "chocolate"))
    inner = centers[1:-1]
    if kind == "chocolate":
        sides = np.resize([-0.6, 0.6], 2 * len(inner))
        points = [(x, y + side * thick) for (x, y), side in zip(np.repeat(inner, 2, axis=0), sides)]
        pen.line(points, 0.014, CHOCOLATE)
    for x, y in np.repeat(inner, {"sugar": 9, "almonds": 3}.get(kind, 0), axis=0):
        x, y = x + random.uniform(-0.6, 0.6) * thick, y + random.uniform(-0.6, 0.6) * thick
        if kind == "sugar":
            pen.ellipse(x, y, 0.006, 0.006, WHITE)
        else:
            pen.ellipse(x, y, 0.026, 0.013, (244, 222, 176))
