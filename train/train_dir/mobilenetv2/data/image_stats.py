"""Image statistics without a network: a thumbnail and a few measures, computed while `checks.data_check` reads the photos."""

import struct
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..runtime.environment import code_digest
from .cache import PhotoCache
from .decoded import DecodedPhotos
from .image import decode, read_header

SIDE = 64  # of a thumbnail, in pixels: enough to tell a copy from another photo of the same object
SEEN = 224  # side at which sharpness and border are measured, in pixels: a usual input size
FRAME = 0.06  # width of the border / side of the image
_NUMBERS = struct.Struct("<8sII4d")


class ImageStats(NamedTuple):
    """thumbnail: u8 [SIDE, SIDE, 3], the whole image in RGB, stretched to a square. format: such as "JPEG". width, height: of the
    upright image, in pixels. sharpness: standard deviation of the Laplacian / of the grey values, at SEEN x SEEN pixels.
    border_brightness: mean grey value of the border, 0-255. border_contrast: standard deviation there, 0-255. color_contrast:
    largest standard deviation of an RGB channel, 0-255; 0 for an image of a single color."""

    thumbnail: np.ndarray
    format: str
    width: int
    height: int
    sharpness: float
    border_brightness: float
    border_contrast: float
    color_contrast: float

    def to_bytes(self) -> bytes:
        """The numbers, then the thumbnail."""
        return _NUMBERS.pack(self.format.encode(), *self[2:]) + self.thumbnail.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageStats":
        """The inverse of `to_bytes`."""
        name, *numbers = _NUMBERS.unpack_from(data)
        thumbnail = np.frombuffer(data, np.uint8, offset=_NUMBERS.size).reshape(SIDE, SIDE, 3)
        return cls(thumbnail, name.rstrip(b"\0").decode(), *numbers)


def measure_image(data: bytes, image: Image.Image) -> ImageStats:
    """data: the image file. image: decoded from it by `image.decode`."""
    header = read_header(data)
    color = max(band.std() for band in np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).T)
    grey = image.convert("L")
    thumbnail = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    seen = np.asarray(grey.resize((SEEN, SEEN), Image.Resampling.BICUBIC), np.float32)
    inner = seen[1:-1, 1:-1]
    laplacian = seen[:-2, 1:-1] + seen[2:, 1:-1] + seen[1:-1, :-2] + seen[1:-1, 2:] - 4 * inner
    frame = np.ones(seen.shape, bool)
    margin = round(FRAME * SEEN)
    frame[margin:-margin, margin:-margin] = False
    return ImageStats(
        thumbnail,
        header.format,
        header.width,
        header.height,
        sharpness=float(laplacian.std() / max(1.0, inner.std())),
        border_brightness=float(seen[frame].mean()),
        border_contrast=float(seen[frame].std()),
        color_contrast=float(color),
    )


def cached_stats(data: bytes, digest: str, decoded: DecodedPhotos, cache: PhotoCache) -> ImageStats:
    """`measure_image` through the cache. On a miss, the image is decoded for the network's input, and stored in `decoded`.

    digest: SHA-256 of data, in hexadecimal. Raises ImageError as `image.decode`."""
    size = decoded.preprocessing.size
    key = {
        "kind": "image_stats",
        "photo": digest,
        "size": size,
        "packages": [Image.__version__, np.__version__],
        "code": code_digest("data"),
    }
    cached = cache.get(key)
    if cached is not None and len(cached) == _NUMBERS.size + 3 * SIDE**2:
        return ImageStats.from_bytes(cached)
    image = decode(data, size)
    decoded.keep(digest, image)
    stats = measure_image(data, image)
    cache.put(key, stats.to_bytes())
    return stats
