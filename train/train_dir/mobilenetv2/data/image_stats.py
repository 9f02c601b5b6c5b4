"""What one look at a photo tells without a network: a thumbnail and a few measures. Made in the pass in which check.py
reads."""

import struct
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..runtime.environment import code_digest
from .cache import PhotoCache
from .decoded import DecodedPhotos
from .image import decode, read_header

SIDE = 64  # of a thumbnail, in pixels: enough to tell a copy from another photo of the same thing
SEEN = 224  # side at which sharpness is measured: about what a network sees, whatever the file's resolution
FRAME = 0.06  # width of the frame that counts as border / side of the picture
_NUMBERS = struct.Struct("<8sII4d")


class ImageStats(NamedTuple):
    """thumbnail: u8 [SIDE, SIDE], the whole picture in grey, stretched to a square. format: such as "JPEG". width, height:
    upright, in pixels. sharpness: standard deviation of the Laplacian / of the grey values, at SEEN x SEEN pixels. border: mean
    grey value of the frame, 0-255. border_contrast: standard deviation there. colour: the largest standard deviation of a
    channel, 0 where there is but one colour."""

    thumbnail: np.ndarray
    format: str
    width: int
    height: int
    sharpness: float
    border: float
    border_contrast: float
    colour: float

    def to_bytes(self) -> bytes:
        return _NUMBERS.pack(self.format.encode(), *self[2:]) + self.thumbnail.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageStats":
        name, *numbers = _NUMBERS.unpack_from(data)
        thumbnail = np.frombuffer(data, np.uint8, offset=_NUMBERS.size).reshape(SIDE, SIDE)
        return cls(thumbnail, name.rstrip(b"\0").decode(), *numbers)


def measure_image(data: bytes, image: Image.Image) -> ImageStats:
    """Picture file, and what `pixels.decode` makes of it -> Glance."""
    head = read_header(data)
    colour = max(band.std() for band in np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).T)
    grey = image.convert("L")
    thumbnail = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    seen = np.asarray(grey.resize((SEEN, SEEN), Image.Resampling.BICUBIC), np.float32)
    inner = seen[1:-1, 1:-1]
    laplacian = seen[:-2, 1:-1] + seen[2:, 1:-1] + seen[1:-1, :-2] + seen[1:-1, 2:] - 4 * inner
    frame = np.ones(seen.shape, bool)
    edge = round(FRAME * SEEN)
    frame[edge:-edge, edge:-edge] = False
    return ImageStats(
        thumbnail,
        head.format,
        head.width,
        head.height,
        sharpness=float(laplacian.std() / max(1.0, inner.std())),
        border=float(seen[frame].mean()),
        border_contrast=float(seen[frame].std()),
        colour=float(colour),
    )


def cached_stats(data: bytes, digest: str, decoded: DecodedPhotos, cache: PhotoCache) -> ImageStats:
    """`look`, taken from the cache where it is there; else the picture is decoded for the network's input, and kept for it.
    digest: SHA-256 of data. Raises UserError as `pixels`."""
    size = decoded.preprocessing.size
    key = {
        "kind": "glance",
        "photo": digest,
        "size": size,
        "packages": [Image.__version__, np.__version__],
        "code": code_digest("data"),
    }
    known = cache.get(key)
    if known is not None and len(known) == _NUMBERS.size + SIDE * SIDE:
        return ImageStats.from_bytes(known)
    image = decode(data, size)
    decoded.keep(digest, image)
    glance = measure_image(data, image)
    cache.put(key, glance.to_bytes())
    return glance
