"""Bytes of a picture -> the network's input. Training, validation, page and batch prediction all come through here."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple, Tuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from .errors import UserError

MAX_BYTES = 64 * 2**20
MAX_PIXELS = 128 * 10**6  # a 108-megapixel phone photo passes; decoded it takes 0.4 GB
Image.init()
# No format that starts another program (EPS); AVIF is missing from Pillow before 11.3.
FORMATS = tuple(
    name for name in ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM") if name in Image.OPEN
)
CROP = 0.875  # side of the centre crop / shorter side of the picture: 224 of 256, as in ImageNet evaluation

# Pillow warns from 89 megapixels on and refuses from twice that; MAX_PIXELS is checked here instead, before decoding.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class PictureError(UserError):
    """kind: what is wrong in a word, to say it in another language: empty, big, pixels, broken, heic, lfs, unknown or lab."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Preprocessing:
    """How pixels reach the network; travels inside the checkpoint.

    size: side of the square input, in pixels. mean, std: per channel (R, G, B) on a 0-1 scale.
    """

    size: int = 224
    mean: Tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: Tuple[float, float, float] = (0.229, 0.224, 0.225)


def pixels(data: bytes, preprocessing: Preprocessing) -> np.ndarray:
    """Picture file -> f32 [3, size, size]: upright RGB, its centre resized to size x size (bicubic), normalised.

    Raises PictureError, without a file name (the caller knows it), for what is not a readable picture within the limits.
    """
    return centre(decode(data, preprocessing.size), preprocessing)


def centre(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Decoded picture -> f32 [3, size, size], as `pixels`."""
    side, size = CROP * min(image.size), preprocessing.size
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return normalise(image.resize((size, size), Image.BICUBIC, box=(left, top, left + side, top + side)), preprocessing)


def normalise(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """RGB picture of size x size -> f32 [3, size, size], (value / 255 - mean) / std."""
    mean, std = np.float32(preprocessing.mean), np.float32(preprocessing.std)
    array = np.asarray(image, np.float32)  # f32 [size, size, 3], 0-255
    return np.ascontiguousarray(((array / np.float32(255) - mean) / std).transpose(2, 0, 1))


def decode(data: bytes, size: int) -> Image.Image:
    """Picture file -> upright RGB picture, for an input of size x size pixels.

    A JPEG of more than twice the needed resolution is decoded at 1/2, 1/4 or 1/8 of it, which is several times faster.
    Only the first frame of an animation counts. Raises PictureError as `pixels` does.
    """
    if not data:
        raise PictureError("empty", "the file is empty")
    if len(data) > MAX_BYTES:
        raise PictureError(
            "big",
            f"the file has {len(data) / 2**20:.0f} MiB, more than the limit of {MAX_BYTES // 2**20} MiB; make it smaller",
        )
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
        shorter = round(2 * size / CROP)
        image.draft(image.mode, (shorter, shorter))
        image.load()
        return _rgb(_upright(image))
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            "pixels", f"too many pixels to decode safely ({error}); the limit is {MAX_PIXELS // 10**6} megapixels"
        ) from None
    except UnidentifiedImageError:
        raise _unidentified(data) from None
    except (
        Exception
    ) as error:  # besides OSError, Pillow's decoders raise RuntimeError, TypeError, struct.error and more
        raise PictureError("broken", f"the picture is broken or cut off ({error}); replace it") from None


class Header(NamedTuple):
    """What a picture file says of itself. format: such as "JPEG", whatever its name. width, height: upright, in pixels."""

    format: str
    width: int
    height: int


def header(data: bytes) -> Header:
    """Of a picture that `pixels` takes."""
    image = Image.open(BytesIO(data), formats=FORMATS)
    name = "JPEG" if image.format == "MPO" else image.format  # a JPEG with a second one behind it, as phones write
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)  # by a quarter
    except Exception:  # as in _upright
        turned = False
    width, height = reversed(image.size) if turned else image.size
    return Header(name, width, height)


def _unidentified(data: bytes) -> PictureError:
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"):
        return PictureError("heic", "a HEIC/HEIF picture, which this program does not read; save it as JPEG")
    if data.startswith(b"version https://git-lfs"):
        return PictureError("lfs", "a Git LFS pointer, not the picture itself; fetch it with 'git lfs pull'")
    return PictureError("unknown", "not a picture, or a broken one (readable: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF)")


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. EXIF data that cannot be parsed says nothing about orientation."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow's EXIF parser raises struct.error, KeyError, TypeError and more on broken data
        return image


def _rgb(image: Image.Image) -> Image.Image:
    """Every mode to RGB: 16-bit / 257, float 0-1 * 255, alpha and transparent palette entries over white."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        scale = 255.0 if mode == "F" else 1 / 257
        grey = np.nan_to_num(np.asarray(image, np.float32) * scale)
        return Image.fromarray(np.clip(grey + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    if mode == "LAB":
        raise PictureError("lab", "a picture in CIE LAB colours, which this program does not read; save it as RGB")
    return image.convert("RGB")
