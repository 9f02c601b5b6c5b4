"""Training views: the same photo seen differently, a pure function of (bytes, seed, view number)."""

import hashlib
from typing import Sequence, Tuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from .image import Preprocessing, center_crop, decode, normalize

Box = Tuple[float, float, float, float]
AREA = (0.35, 1.0)  # share of the picture's area that a random crop keeps
ASPECT = (3 / 4, 4 / 3)  # width / height of a random crop
COLOUR = (0.7, 1.3)  # brightness, contrast and saturation are each multiplied by a factor from this range
SHRINK = (
    0.25,
    1.0,
)  # the crop is shrunk to this share of the input's side first, so that sharpness cannot give the class away


def augmented_views(data: bytes, preprocessing: Preprocessing, seed: int, numbers: Sequence[int]) -> np.ndarray:
    """Picture file -> f32 [len(numbers), 3, size, size]; the picture is decoded once.

    View 0 is `pixels`, what validation and the page see; every other number is a random crop, flip, colour change and blur
    drawn from (bytes, seed, number). Raises UserError as `pixels` does.
    """
    image = decode(data, preprocessing.size)
    photo = int.from_bytes(hashlib.sha256(data).digest()[:16], "big")
    return np.stack(
        [
            normalize(
                _random_view(image, preprocessing.size, np.random.default_rng([photo, seed, number]))
                if number
                else center_crop(image, preprocessing.size),
                preprocessing,
            )
            for number in numbers
        ]
    )


def _random_view(image: Image.Image, size: int, random: np.random.Generator) -> Image.Image:
    """RGB picture -> RGB picture of size x size."""
    view = blur(image, crop(image, AREA, random), size, random)
    if random.random() < 0.5:
        view = ImageOps.mirror(view)
    return color_jitter(view, random)


def crop(image: Image.Image, share: Tuple[float, float], random: np.random.Generator) -> Box:
    """A random part of the picture whose share of the area is in that range: left, top, right, bottom in pixels."""
    area = random.uniform(*share) * image.width * image.height
    aspect = np.exp(random.uniform(*np.log(ASPECT)))
    width = min(image.width, np.sqrt(area * aspect))
    height = min(image.height, np.sqrt(area / aspect))
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    return left, top, left + width, top + height


def blur(
    image: Image.Image, box: Box, size: int, random: np.random.Generator, shrink: Tuple[float, float] = SHRINK
) -> Image.Image:
    """That part of the picture as size x size pixels, made from fewer: their side is `size` times a factor of that range."""
    small = min(size, max(1, round(size * np.exp(random.uniform(*np.log(shrink))))))
    view = image.resize((small, small), Image.Resampling.BICUBIC, box=box)
    return view.resize((size, size), Image.Resampling.BICUBIC)


def color_jitter(view: Image.Image, random: np.random.Generator) -> Image.Image:
    """The same RGB picture with another brightness, contrast and saturation."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = enhance(view).enhance(random.uniform(*COLOUR))
    return view
