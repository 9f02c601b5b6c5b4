"""Image file -> network input, for training, validation, the page and batch prediction alike."""

import re
import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageFile, TiffImagePlugin, UnidentifiedImageError

from ..runtime.errors import UserError
from .image_errors import ImageError
from .jpeg_end import DECODINGS, decode_without_end, without_end
from .picture_files import FORMATS, kind_of_bytes
from .png_chunks import SIGNATURE, needed_chunks

MAX_BYTES = 64 * 2**20  # of the file
MAX_PIXELS = 128 * 10**6  # as stored in the file; a 108-megapixel phone photo passes
# A small file can take much time and memory to decode. The limits below keep any file within about 1 GiB and a few seconds.
MAX_DECODED = 64 * 10**6  # pixels that are decoded; a JPEG can be decoded at a reduced resolution
MAX_SIDE = 2**16 - 1  # pixels, the limit of JPEG; resizing takes 32 bytes of memory for each pixel of a side
MAX_SCANNED = 20 * MAX_PIXELS  # pixels times scans of a progressive JPEG, which usually has about ten full-size scans
IN_PYTHON, MAX_IN_PYTHON = {"bmp_rle", "ppm"}, 4 * 10**6  # decoders that Pillow has in Python, and pixels for these
MAX_EXIF = 2**16  # bytes, the limit in a JPEG; beyond, each of thousands of entries could be a copy of the whole
MAX_JPEG_HEADER = 2**24  # bytes before the image data: previews, color profile, depth map
READS, PIECES = 10_000, 10**6  # read calls on the file while it is opened, and while it is decoded
INTERPOLATION = "bicubic"  # Pillow's filter of the resize
BACKGROUND = "white"  # under what is transparent
CROP = 0.875  # side of the center crop / shorter side of the image: 224 of 256, as in ImageNet evaluation

# Grey of more than 8 bits, by the largest value of the picture: white is 2**bits - 1 with the fewest of these bits that hold it.
# Sensors of 10, 12 and 14 bits store their values in 16. Of floats, white is 1 where no value reaches FLOAT_WHITE.
WHITE_BITS, FLOAT_WHITE = (8, 10, 12, 14, 16, 24, 32), 16


def _rules(cut: str) -> Dict[str, Any]:
    """What is done to a picture, beside the numbers of `Preprocessing.record`. cut: the step that finds the center crop."""
    return {
        "crop": CROP,
        "interpolation": INTERPOLATION,
        "steps": [
            "Decode the first frame. Turn it upright by its EXIF orientation. Ignore colour profiles and gamma.",
            "Grey of more than 8 bits: value * 255 / white, rounded. white is 2**bits - 1, with the fewest bits of "
            f"{', '.join(map(str, WHITE_BITS))} that hold the largest value of it. Of floats below {FLOAT_WHITE}, white is 1."
            " Other channels of 16 bits: the high byte.",
            "Convert to RGB: grey to three equal channels; CMYK to R = (255 - C) * (255 - K) / 255, likewise G and B; alpha over "
            f"{BACKGROUND}.",
            "A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, while its shorter side is at least 2 * size / crop.",
            f"{cut} to size * size pixels, with an antialiased {INTERPOLATION} filter (a = -0.5).",
            "Each channel of R, G, B: (value / 255 - mean) / std. The input is float32 [1, 3, size, size].",
        ],
    }


# For whoever uses a checkpoint without this program. A checkpoint that says anything else is refused: another word here is
# another format version.
RULES = _rules(
    "Cut out the square in the middle. Its side is crop * the shorter side, but at least least_crop pixels, and at most the "
    "shorter side. Resize it"
)
RULES_4 = _rules("Cut out the square in the middle with crop * the shorter side, and resize it")  # of format version 4

_LOADING = (
    threading.Lock()
)  # a Pillow image reads its file and its EXIF when it is first used, which may be in two threads
_BAND = 2**22  # pixels that are converted to RGB at a time
_TRANSPOSES = {  # by EXIF orientation; all other values mean upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow warns above 89 megapixels and refuses twice as many. MAX_PIXELS is checked before decoding instead.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Pillow also warns of small defects in files. Those that matter become an ImageError.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")


@dataclass(frozen=True)
class Preprocessing:
    """Preprocessing parameters, stored in the checkpoint.

    size: side of the square input, in pixels. mean, std: per channel (R, G, B) on a 0-1 scale. whole: nothing is cut away of a
    picture that is enlarged; checkpoints up to format version 4 cut all pictures alike (docs/methods.md has what that costs).
    """

    size: int = 224
    mean: Tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: Tuple[float, float, float] = (0.229, 0.224, 0.225)
    whole: bool = True

    @property
    def least_crop(self) -> int:
        """The least side of the center crop, in pixels; a smaller picture is taken whole."""
        return self.size if self.whole else 0

    def record(self) -> Dict[str, Any]:
        """All that is done to a picture, in numbers and in words, for JSON."""
        return {"size": self.size, "mean": self.mean, "std": self.std, "least_crop": self.least_crop, **RULES}


def preprocess(data: bytes, preprocessing: Preprocessing) -> np.ndarray:
    """Image file -> f32 [3, size, size]: upright RGB, `center_crop`, normalized.

    Raises ImageError, whose message has no file name, if the file is not a readable image within the limits.
    """
    return normalize(center_crop(decode(data, preprocessing.size), preprocessing), preprocessing)


def preprocess_image(image: Image.Image, preprocessing: Preprocessing) -> Tuple[np.ndarray, Tuple[int, int]]:
    """Pillow image -> f32 [3, size, size], as `preprocess` of its file, and width and height of the upright image.

    The image stays as it is. Of an animation, the frame counts that it is at. A JPEG is not decoded at a reduced resolution, so
    the numbers of one that is much larger than the input differ a little from those of its file. Raises ImageError.
    """
    if not min(image.size):
        raise ImageError("form", reason=f"an image of {image.width} x {image.height} pixels")
    try:
        _check_size(*image.size)
        with _LOADING:
            image.load()
            upright = _upright(_as_meant(image, image.format in ("JPEG", "MPO")))
        upright = _rgb(upright)
    except Exception as error:
        raise _image_error(error) from None
    return normalize(center_crop(upright, preprocessing), preprocessing), upright.size


def image_of_array(array: np.ndarray) -> Image.Image:
    """u8 [height, width, 3], RGB -> Pillow image. Raises ImageError for any other array."""
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ImageError("form", reason=f"an array of {array.dtype} {list(array.shape)}")
    return Image.fromarray(array)


def center_crop(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """RGB image -> square in the middle, CROP of the shorter side or `least_crop`, resized to size x size pixels (bicubic)."""
    shorter, size = min(image.size), preprocessing.size
    side = max(CROP * shorter, min(shorter, preprocessing.least_crop))
    left, top = (image.width - side) / 2, (image.height - side) / 2
    return image.resize((size, size), Image.Resampling[INTERPOLATION.upper()], box=(left, top, left + side, top + side))


def normalize(image: Union[Image.Image, np.ndarray], preprocessing: Preprocessing) -> np.ndarray:
    """RGB image, or u8 [size, size, 3] -> f32 [3, size, size], (value / 255 - mean) / std."""
    mean, std = np.array(preprocessing.mean, np.float32), np.array(preprocessing.std, np.float32)
    array = np.asarray(image, np.float32)  # f32 [size, size, 3], 0-255
    return np.ascontiguousarray(((array / np.float32(255) - mean) / std).transpose(2, 0, 1))


def decode(data: bytes, size: int) -> Image.Image:
    """Image file -> upright RGB image, for an input of size x size pixels.

    A JPEG of more than twice the needed resolution is decoded at 1/2, 1/4 or 1/8 of it, which is several times faster.
    Of an animation, only the first frame is decoded. Raises ImageError as `preprocess`.
    """
    if not data:
        raise ImageError("empty")
    if len(data) > MAX_BYTES:
        raise ImageError("big", size=len(data) / 2**20, limit=MAX_BYTES // 2**20)
    kind = kind_of_bytes(data)
    if kind not in ("picture", "other"):
        raise ImageError(kind)
    shorter = round(2 * size / CROP)
    try:
        pixels = without_end(data) if _is_jpeg(data) else None
        if pixels is None:
            image = _load(data, shorter)
        else:
            whole = decode_without_end(pixels, lambda ended: _load(ended, shorter, DECODINGS))
            if whole is None:
                raise OSError("image file is truncated")
            image = whole
        return _rgb(_upright(image))
    except Exception as error:
        raise _image_error(error) from None


def _image_error(error: Exception) -> UserError:
    """Of what reading or converting a picture has raised."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, Image.DecompressionBombError):
        limits = {"jpeg": MAX_PIXELS // 10**6, "others": MAX_DECODED // 10**6, "side": MAX_SIDE}
        # Of the words of Pillow, which speak of an attack, only the number.
        found = re.match(r"Image size \((\d+ pixels)\)", str(error))
        return ImageError("pixels", reason=found[1] if found else error, **limits)
    if isinstance(error, UnidentifiedImageError):
        return ImageError("unknown")
    # Besides OSError, Pillow's decoders raise RuntimeError, TypeError, struct.error and more.
    return ImageError("broken", reason=error)


class Header(NamedTuple):
    """format: such as "JPEG", by content and not by file name. width, height: of the upright image, in pixels."""

    format: str
    width: int
    height: int


def read_header(data: bytes) -> Header:
    """The header of an image file that `decode` accepts."""
    image = _open(data)[0]
    # MPO: a JPEG followed by a second one, as phones write.
    name = "JPEG" if image.format == "MPO" else str(image.format)
    swapped = _orientation(image) in (5, 6, 7, 8)  # width and height
    width, height = reversed(_stored_size(image)) if swapped else _stored_size(image)
    return Header(name, width, height)


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8")


def _open(data: bytes) -> Tuple[ImageFile.ImageFile, "_LimitedReader"]:
    """The image, with its header read, and what it reads from."""
    if data.startswith(SIGNATURE):
        try:
            data = needed_chunks(data)
        except ValueError:
            raise _slow("the file consists of too many pieces") from None
    source = _LimitedReader(data)
    return Image.open(source, formats=FORMATS), source


def _load(data: bytes, shorter: int, times: int = 1) -> Image.Image:
    """The decoded image, in the mode of the file. times: that this file will be decoded. Raises as Pillow does, and as
    `_check_limits`."""
    image, source = _open(data)
    _check_limits(image, data, shorter, times)
    source.reads = PIECES
    # Decoders read beyond the end of each strip.
    source.bytes = 2 * len(data) + min(len(image.tile) + 16, 2**14) * ImageFile.MAXBLOCK
    image.load()
    return _as_meant(image, _is_jpeg(data))


def _as_meant(image: Image.Image, is_jpeg: bool) -> Image.Image:
    """Pillow takes all CMYK JPEGs for inverted, as Adobe's are."""
    inverted = is_jpeg and image.mode == "CMYK" and "adobe" not in image.info
    return ImageChops.invert(image) if inverted else image


def _stored_size(image: Image.Image) -> Tuple[int, int]:
    """Width and height as stored. Of a TIFF, some versions of Pillow give those of the upright image."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(image.tag_v2[256]), int(image.tag_v2[257])
    return image.size


class _LimitedReader(BytesIO):
    """An image file in memory that limits the reads of Pillow's parsers, in number and bytes. `read` raises ImageError beyond.

    Malicious files could keep the parsers busy for hours, or make them copy everything thousands of times. The limits are far
    above what valid images need."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self.reads, self.bytes = READS, 2 * len(data) + 2**20
        if _is_jpeg(data):  # Pillow joins EXIF data of several segments anew for each one
            self.bytes = MAX_JPEG_HEADER

    def read(self, size: Optional[int] = -1) -> bytes:
        piece = super().read(size)
        self.reads -= 1
        self.bytes -= len(piece)
        if self.reads < 0 or self.bytes < 0:
            raise _slow("the file consists of too many pieces")
        return piece


def _slow(reason: str) -> ImageError:
    return ImageError("slow", reason=reason)


def _check_limits(image: ImageFile.ImageFile, data: bytes, shorter: int, times: int) -> None:
    """Raise ImageError or DecompressionBombError if decoding an opened image would take too much time or memory.

    times: that it will be decoded. Sets up a reduced resolution, of no less than `shorter` pixels on the shorter side, where the
    format supports it (JPEG)."""
    area = image.width * image.height
    _check_size(*image.size)
    if image.format in ("JPEG", "MPO"):
        scans = len(re.findall(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)", data))
        if scans * max(times * area, 10**7) > MAX_SCANNED:
            raise _slow(f"a JPEG of {scans} scans")
        image.draft(image.mode, (shorter, shorter))
    width, height = image.size
    if isinstance(image, TiffImagePlugin.TiffImageFile) and {322, 323} <= image.tag_v2.keys():
        # Tiles are decoded whole: round both sides up to full tiles.
        width, height = (
            -(-side // image.tag_v2[tag]) * image.tag_v2[tag] for side, tag in zip(_stored_size(image), (322, 323))
        )
    if width * height > MAX_DECODED:
        raise Image.DecompressionBombError(f"{width} x {height} pixels of {image.format}")
    decoders = {tile[0] for tile in image.tile}
    if "ppm_plain" in decoders or (decoders & IN_PYTHON and area > MAX_IN_PYTHON):
        raise _slow(f"a {image.format} of a kind that is hardly used")


def _check_size(width: int, height: int) -> None:
    """Raises DecompressionBombError above MAX_PIXELS or MAX_SIDE."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise Image.DecompressionBombError(f"{width} x {height} pixels")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 (upright) if EXIF data is missing, too large, or cannot be parsed."""
    if len(image.info.get("exif") or b"") > MAX_EXIF:
        return 1
    try:
        # That of a PNG would decode the image, to see all chunks. `needed_chunks` has put those in front.
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow's EXIF parser raises struct.error, KeyError, TypeError and more on broken data
        return 1


def _upright(image: Image.Image) -> Image.Image:
    """The image, transposed according to its EXIF orientation."""
    method = _TRANSPOSES.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, in bands of rows, so that intermediate results need little memory."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    tops = range(0, image.height, max(1, _BAND // image.width))
    boxes = [(0, top, image.width, min(top + tops.step, image.height)) for top in tops]
    white = _white(image, max(_largest(image.crop(box)) for box in boxes)) if _is_deep(image.mode) else 255
    out = Image.new("RGB", image.size)
    for box in boxes:
        out.paste(_band_to_rgb(image.crop(box), white), box[:2])
    return out


def _is_deep(mode: str) -> bool:
    """Whether it is grey of more than 8 bits."""
    return mode in ("I", "F") or mode.startswith("I;16")


def _largest(band: Image.Image) -> float:
    values = np.asarray(band)
    return float(values.max(initial=0, where=np.isfinite(values)))


def _white(image: Image.Image, largest: float) -> int:
    """The value that stands for white in grey of more than 8 bits, whose largest value is given."""
    if image.mode == "F" and largest < FLOAT_WHITE:
        return 1
    return next((2**bits - 1 for bits in WHITE_BITS if largest < 2**bits), 2 ** WHITE_BITS[-1] - 1)


def _band_to_rgb(image: Image.Image, white: int) -> Image.Image:
    """Any mode to RGB: grey of more than 8 bits scaled to `white`, alpha and transparent palette entries over white.

    Raises ImageError for CIE LAB."""
    mode = image.mode
    if _is_deep(mode):
        grey = np.nan_to_num(np.asarray(image, np.float32) * (255 / white))
        return Image.fromarray(np.clip(grey + 0.5, 0, 255).astype(np.uint8)).convert("RGB")
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, BACKGROUND), image).convert("RGB")
    if mode == "LAB":
        raise ImageError("lab")
    return image.convert("RGB")
