"""What a PNG file holds besides its pixels may be large or broken: it is a picture all the same."""

import struct
import zlib

import numpy as np
import pytest
from hostile import chunk, encoded
from PIL import Image, PngImagePlugin

from mobilenetv2.data.image import decode, read_header
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.png_chunks import needed_chunks

PICTURE = Image.effect_noise((40, 30), 60).convert("RGB")
LONG = b"a long story " * 400_000  # 5 MB


def exif(orientation: int) -> bytes:
    """EXIF data, as in the chunk eXIf."""
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()[6:]


def with_chunks(*chunks: bytes, last: bool = False, data: bytes = b"") -> bytes:
    """A PNG with these chunks before its pixels, or behind them."""
    data = data or encoded(PICTURE, "PNG")
    place = len(data) - 12 if last else 33
    return data[:place] + b"".join(chunks) + data[place:]


def wrong_sum(data: bytes) -> bytes:
    return data[:-4] + b"\1\2\3\4"


ANCILLARY = {
    "tEXt": chunk(b"tEXt", b"Comment\0" + LONG),
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LONG)),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
    "plain iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LONG),
    "raw profile": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(2**22))),
    "iCCP": chunk(b"iCCP", b"profile\0\0" + zlib.compress(LONG)),
    "iCCP without an end": chunk(b"iCCP", b"profile\0\0" + zlib.compress(LONG)[:1000]),
    "private": chunk(b"prVt", LONG),
    "broken texts": chunk(b"zTXt", b"XML:com.adobe.xmp\0\0no zlib") + chunk(b"tEXt", b"") + chunk(b"iTXt", b"XML"),
    **{
        f"sum of {name}": wrong_sum(chunk(name.encode(), b"x" * 9)) for name in ("tEXt", "pHYs", "gAMA", "tIME", "prVt")
    },
    "sum of eXIf": wrong_sum(chunk(b"eXIf", exif(1))),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("name", ANCILLARY)
def test_pixels_are_those_of_the_file_without(name, last):
    data = with_chunks(ANCILLARY[name], last=last)
    np.testing.assert_array_equal(np.asarray(decode(data, 224)), np.asarray(PICTURE))
    assert read_header(data) == ("PNG", 40, 30)


def test_pixels_are_still_checked():
    data = encoded(PICTURE, "PNG")
    place = data.index(b"IDAT") + 100
    for broken in (
        data[:place] + b"\0\1\2" + data[place + 3 :],
        data[: len(data) // 2],
        wrong_sum(data[:33]) + data[33:],
    ):
        with pytest.raises(ImageError, match="broken"):
            decode(broken, 224)
    whole = np.asarray(PICTURE)
    for sound in (data[:-12], data[:-4], data + b"trailer" * 1000):  # the end mark, its sum
        np.testing.assert_array_equal(np.asarray(decode(sound, 224)), whole)


def test_transparency_and_orientation_are_kept():
    image = Image.new("P", (40, 30), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    data = encoded(image, "PNG", transparency=1)
    assert decode(data, 224).getpixel((0, 0)) == (255, 255, 255)
    place = data.index(b"tRNS") - 4
    assert (
        decode(data[:place] + wrong_sum(data[place : place + 14]) + data[place + 14 :], 224).getpixel((0, 0))
        == (255,) * 3
    )
    hexadecimal = b"\nexif\n%8d\n" % (len(exif(6)) + 6) + (b"Exif\0\0" + exif(6)).hex().encode()
    xmp = b'<x tiff:Orientation="6"/>'
    for last in (False, True):
        for turned in (
            chunk(b"eXIf", exif(6)),
            wrong_sum(chunk(b"eXIf", exif(6))),
            chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(hexadecimal)),
            chunk(b"tEXt", b"Raw profile type exif\0" + hexadecimal),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp)),
        ):
            data = with_chunks(turned, ANCILLARY["iCCP"], last=last)
            assert decode(data, 224).size == (30, 40) and read_header(data) == ("PNG", 30, 40), turned[:40]


def test_first_frame_of_an_animation():
    frames = [Image.new("RGBA", (40, 30), colour) for colour in ("lime", "red", "blue")]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])
    assert b"fdAT" in data and decode(data, 224).getpixel((3, 3)) == (0, 255, 0)
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert decode(data, 224).getpixel((3, 3)) == (0, 255, 0)  # as other programs show it


def test_what_is_left():
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "x")
    data = needed_chunks(encoded(PICTURE, "PNG", pnginfo=info, dpi=(72, 72), icc_profile=b"x" * 100))
    kinds, place = [], 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        kinds.append(kind)
        place += 12 + length
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
