"""Data augmentation: random views of a photo, a pure function of (bytes, seed, view number)."""

import hashlib
import io
from typing import Sequence, Tuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from .image import CROP, Preprocessing, center_crop, decode, normalize

Box = Tuple[float, float, float, float]
AREA = (0.35, 1.0)  # area of a random crop / area of the image
ASPECT = (3 / 4, 4 / 3)  # width / height of a random crop
COLOR = (0.7, 1.3)  # brightness, contrast and saturation are each multiplied by a factor from this range
# The crop is first resized to this share of the input's side, so that sharpness cannot become a shortcut.
SHRINK = (0.25, 1.0)
# A spoiled view is noisy, has been a small JPEG file, is unsharp or has other colours; half of them are crops. Deviation of the
# noise, where white is 1, and quality of the JPEG: about the ranges of Hendrycks and Dietterich, ICLR 2019.
NOISE = (0.0, 0.2)
QUALITY = (7, 50)
SPOILED_AREA = (0.6, 1.0)
RANDOM = 4  # every so many views of those to learn a classifier from is a random one; the others are spoiled
MIRRORED = -1  # the number of the view that is view 0 mirrored
VIEWS = {"area": AREA, "aspect": ASPECT, "color": COLOR, "shrink": SHRINK}  # as a checkpoint records them
SPOILED = {"noise": NOISE, "quality": QUALITY, "spoiled_area": SPOILED_AREA, "random": RANDOM}  # likewise


def augmented_views(
    data: bytes, preprocessing: Preprocessing, seed: int, numbers: Sequence[int], mirror: bool, spoiled: bool = False
) -> np.ndarray:
    """Image file -> f32 [len(numbers), 3, size, size]; the image is decoded once.

    View 0 is `image.preprocess`, the input for validation and inference; view MIRRORED is the same, mirrored. Every other
    number is a random crop, flip, color jitter and blur, seeded with (bytes, seed, number). mirror: whether there are flips;
    everything else is the same with and without. spoiled: only every fourth of these views is such a one, and the others are
    spoiled, each in one of four ways, in turn. Raises ImageError as `image.decode`.
    """
    image = decode(data, preprocessing.size)
    photo = int.from_bytes(hashlib.sha256(data).digest()[:16], "big")

    def view(number: int) -> Image.Image:
        if number > 0:
            random = np.random.default_rng([photo, seed, number])
            if spoiled and number % RANDOM:
                turn = photo + number - number // RANDOM
                return _spoiled_view(image, preprocessing, random, mirror, turn)
            return _random_view(image, preprocessing.size, random, mirror)
        plain = center_crop(image, preprocessing)
        return ImageOps.mirror(plain) if number == MIRRORED else plain

    return np.stack([normalize(view(number), preprocessing) for number in numbers])


def _random_view(image: Image.Image, size: int, random: np.random.Generator, mirror: bool) -> Image.Image:
    """RGB image -> augmented RGB image of size x size pixels."""
    view = blur(image, crop(image, AREA, random), size, random)
    flip = random.random() < 0.5  # drawn in any case: the numbers that follow stay the same
    if flip and mirror:
        view = ImageOps.mirror(view)
    return color_jitter(view, random)


def _spoiled_view(
    image: Image.Image, preprocessing: Preprocessing, random: np.random.Generator, mirror: bool, turn: int
) -> Image.Image:
    """RGB image -> what the network sees of it, or a random crop, spoiled: size x size pixels. turn: which way."""
    size = preprocessing.size
    image = _shrunk(image, size / CROP)
    way, cropped = turn % 4, turn // 4 % 2
    if way == 0:
        noise = random.normal(0, 255 * random.uniform(*NOISE), (image.height, image.width, 3))
        image = Image.fromarray((np.asarray(image) + noise).round().clip(0, 255).astype(np.uint8))
    elif way == 1:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=round(np.exp(random.uniform(*np.log(QUALITY)))))
        image = decode(file.getvalue(), size)
    elif way == 2:
        small = _shrunk(image, size * np.exp(random.uniform(*np.log(SHRINK))))
        image = small.resize(image.size, Image.Resampling.BICUBIC)
    else:
        image = color_jitter(image, random)
    if cropped:
        view = image.resize((size, size), Image.Resampling.BICUBIC, box=crop(image, SPOILED_AREA, random))
    else:
        view = center_crop(image, preprocessing)
    return ImageOps.mirror(view) if random.random() < 0.5 and mirror else view


def _shrunk(image: Image.Image, shorter: float) -> Image.Image:
    """The image with a shorter side of at most so many pixels."""
    factor = min(1.0, shorter / min(image.size))
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def crop(image: Image.Image, share: Tuple[float, float], random: np.random.Generator) -> Box:
    """A random box (left, top, right, bottom), in pixels, whose share of the image's area (0-1) is in the range `share`."""
    area = random.uniform(*share) * image.width * image.height
    aspect = np.exp(random.uniform(*np.log(ASPECT)))
    width = min(image.width, np.sqrt(area * aspect))
    height = min(image.height, np.sqrt(area / aspect))
    left, top = random.uniform(0, image.width - width), random.uniform(0, image.height - height)
    return left, top, left + width, top + height


def blur(
    image: Image.Image, box: Box, size: int, random: np.random.Generator, shrink: Tuple[float, float] = SHRINK
) -> Image.Image:
    """The box of the image, resized to a side of `size` times a random factor from `shrink`, and then to size x size pixels."""
    small = min(size, max(1, round(size * np.exp(random.uniform(*np.log(shrink))))))
    view = image.resize((small, small), Image.Resampling.BICUBIC, box=box)
    return view.resize((size, size), Image.Resampling.BICUBIC)


def color_jitter(view: Image.Image, random: np.random.Generator) -> Image.Image:
    """RGB image -> RGB image with random brightness, contrast and saturation."""
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        view = enhance(view).enhance(random.uniform(*COLOR))
    return view
