"""Data sets of any number of classes: striped pictures, a colour and a width of stripes for each class."""

import colorsys
from pathlib import Path
from typing import Sequence

import numpy as np
from PIL import Image

SIDE = 96  # pixels


def names_of(count: int) -> Sequence[str]:
    """Names as data sets have them: of several words, some of them long."""
    kinds = (
        "Abyssinian",
        "american_pit_bull_terrier",
        "German-Shorthaired-Pointer",
        "pug",
        "staffordshire_bull_terrier",
    )
    return [f"{kinds[number % len(kinds)]}_{number:03d}" for number in range(count)]


def striped(number: int, count: int, seed: int) -> Image.Image:
    """A picture of class `number` of `count`."""
    random = np.random.default_rng((number, seed))
    colour = 255 * np.array(colorsys.hsv_to_rgb(number / count, 0.4 + number % 3 / 4, 0.5 + number % 2 / 2))
    stripes = np.arange(SIDE) // (4 + 3 * (number % 7)) % 2
    pixels = colour * (1 - stripes / 2)[:, None, None] + random.normal(0, 12, (SIDE, SIDE, 3))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return image if number % 2 else image.transpose(Image.Transpose.ROTATE_90)


def write_colours(root: Path, count: int) -> Path:
    """A data set of so many classes in root/train and root/val: four pictures of each to train, one to validate."""
    for split, seeds in (("train", range(4)), ("val", range(4, 5))):
        for number, name in enumerate(names_of(count)):
            folder = root / split / name
            folder.mkdir(parents=True)
            for seed in seeds:
                striped(number, count, seed).save(folder / f"{name}_{seed}.jpg", quality=90)
    return root
