"""One preprocessing: what it does to every kind of picture, and what cannot be read."""

import base64
import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
from conftest import SHARED, TRAIN, UNREADABLE, needs_shared
from hostile import in_a_process, pictures
from PIL import Image

from mobilenetv2.data.image import MAX_BYTES, Preprocessing, center_crop, decode, preprocess, read_header
from mobilenetv2.data.picture_files import FORMATS
from mobilenetv2.runtime.errors import UserError

PLAIN = Preprocessing(size=64, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))  # values from 0 to 1


def encode(image: Image.Image, name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def colour(data: bytes) -> list:
    """RGB of the middle pixel, 0-255."""
    return (preprocess(data, PLAIN)[:, 32, 32] * 255).round().tolist()


def halves() -> Image.Image:
    """Upper half red, lower half blue."""
    image = Image.new("RGB", (80, 80), (255, 0, 0))
    image.paste((0, 0, 255), (0, 40, 80, 80))
    return image


def test_shape_dtype_and_normalisation():
    data = encode(Image.new("RGB", (300, 100), (51, 102, 204)), "PNG")
    out = preprocess(data, Preprocessing(size=32, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0)))
    assert out.shape == (3, 32, 32) and out.dtype == np.float32 and out.flags.c_contiguous
    np.testing.assert_allclose(out[:, 0, 0], [(0.2 - 0.1) / 0.5, (0.4 - 0.2) / 0.25, (0.8 - 0.3) / 2.0], rtol=1e-6)


def test_takes_the_middle_seven_eighths_of_the_shorter_side():
    image = Image.new("RGB", (320, 160), "white")  # the crop is 140 x 140 from (90, 10)
    image.paste("black", (90, 10, 230, 150))
    assert preprocess(encode(image, "PNG"), PLAIN).max() < 0.15  # the filter sees a little of what lies outside
    image.paste("white", (90, 10, 100, 150))  # its leftmost fourteenth
    assert preprocess(encode(image, "PNG"), PLAIN)[:, :, 0].min() > 0.9


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    "width, height, box",
    [
        (32, 32, (0, 0, 32, 32)),
        (40, 21, (9.5, 0, 30.5, 21)),
        (5, 63, (0, 29, 5, 34)),
        (64, 64, (0, 0, 64, 64)),  # as it is
        (70, 100, (3, 18, 67, 82)),  # seven eighths would have to be enlarged
        (73, 73, (4.5, 4.5, 68.5, 68.5)),
        (74, 80, (4.625, 7.625, 69.375, 72.375)),
    ],
)
def test_nothing_is_cut_away_of_what_is_enlarged(width, height, box):
    image = noise(width, height)
    expected = np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC, box=box))
    np.testing.assert_array_equal(np.asarray(center_crop(image, PLAIN)), expected)
    np.testing.assert_allclose(preprocess(encode(image, "PNG"), PLAIN).transpose(1, 2, 0), expected / 255, atol=1e-6)
    # As up to format version 4: the same for what is made smaller, and for nothing else.
    side = 0.875 * min(width, height)
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    before = np.asarray(center_crop(image, replace(PLAIN, whole=False)))
    np.testing.assert_array_equal(before, image.resize((64, 64), Image.Resampling.BICUBIC, box=box))
    assert np.array_equal(before, expected) == (min(width, height) > 73)


def test_alpha_goes_over_white():
    assert colour(encode(Image.new("RGBA", (80, 80), (255, 0, 0, 0)), "PNG")) == [255, 255, 255]
    assert colour(encode(Image.new("RGBA", (80, 80), (255, 0, 0, 128)), "PNG")) == [255, 127, 127]
    assert colour(encode(Image.new("LA", (80, 80), (0, 0)), "PNG")) == [255, 255, 255]


def test_palette_is_resolved():
    image = Image.new("RGB", (80, 80), (10, 200, 30)).quantize(4)
    assert colour(encode(image, "PNG")) == [10, 200, 30]
    assert colour(encode(image, "PNG", transparency=image.getpixel((0, 0)))) == [255, 255, 255]


DEEP = {  # the largest value of a picture, and the value that stands for white
    **{1: 255, 255: 255, 256: 1023, 1023: 1023, 1024: 4095, 4095: 4095, 4096: 16383, 16383: 16383},
    **{16384: 65535, 65535: 65535},
}


def deep(largest: float, kind: type, order: str = "=") -> np.ndarray:
    """80 x 80 grey values: the largest one in a corner, and half of it in the middle."""
    grey = np.zeros((80, 80), np.dtype(kind).newbyteorder(order))
    grey[:] = largest / 2 if kind is np.float32 else largest // 2
    grey[-1, -1] = largest
    return grey


def big_endian(grey: np.ndarray) -> bytes:
    """A TIFF file of 16 bits."""
    entries = {
        256: (3, 80),
        257: (3, 80),
        258: (3, 16),
        259: (3, 1),
        262: (3, 1),
        273: (4, 200),
        277: (3, 1),
        278: (3, 80),
    }
    entries[279] = (4, 2 * grey.size)
    rows = [
        struct.pack(">HHIHH" if kind == 3 else ">HHII", tag, kind, 1, value, *([0] * (kind == 3)))
        for tag, (kind, value) in entries.items()
    ]
    head = b"MM\0*" + struct.pack(">IH", 8, len(rows)) + b"".join(rows) + bytes(4)
    return head.ljust(200, b"\0") + grey.astype(">u2").tobytes()


@pytest.mark.parametrize("largest", DEEP)
def test_sixteen_bits_are_scaled_by_what_the_picture_holds(largest):
    half = [int(255 * (largest // 2) / DEEP[largest] + 0.5)] * 3
    grey = Image.fromarray(deep(largest, np.uint16))
    assert colour(encode(grey, "PNG")) == colour(encode(grey, "TIFF")) == half
    assert colour(b"P5 80 80 65535\n" + deep(largest, np.uint16).astype(">u2").tobytes()) == half
    assert colour(encode(grey, "TIFF", compression="tiff_lzw")) == half
    assert colour(big_endian(deep(largest, np.uint16))) == half
    assert colour(encode(Image.fromarray(deep(largest, np.int32)), "TIFF")) == half


def test_sixteen_bits_in_a_large_picture():
    """The scale is that of the whole picture, not of the rows that are converted at a time."""
    grey = np.zeros((2100, 2100), np.uint16)
    grey[:1050], grey[-1, -1] = 100, 4000
    assert np.asarray(decode(encode(Image.fromarray(grey), "PNG", compress_level=1), 224))[0, 0].tolist() == [6, 6, 6]


@pytest.mark.parametrize(
    "largest, white",
    [(0.5, 1), (1, 1), (1.5, 1), (15.9, 1), (16, 255), (255, 255), (255.5, 255), (256, 1023), (65535, 65535)],
)
def test_floats_are_scaled_by_what_the_picture_holds(largest, white):
    grey = deep(largest, np.float32)
    grey[0, :4] = np.nan, np.inf, -np.inf, -5  # which say nothing about it
    expected = min(255, int(255 * np.float32(largest / 2) / white + 0.5))
    assert colour(encode(Image.fromarray(grey), "TIFF")) == [expected] * 3


def test_negative_and_32_bit_values():
    grey = np.full((80, 80), -7, np.int32)
    assert colour(encode(Image.fromarray(grey), "TIFF")) == [0, 0, 0]
    grey[:] = 2**30
    assert colour(encode(Image.fromarray(grey), "TIFF")) == [64, 64, 64]  # of 2**32


def adobe(data: bytes) -> int:
    """Where the transform is in Adobe's segment of a JPEG: 0 for CMYK, 2 for YCCK."""
    return data.index(b"Adobe") + 11


def inverted(image: Image.Image) -> Image.Image:
    return Image.eval(image, lambda value: 255 - value)


def test_cmyk_is_converted():
    """Within 3 of 255, what JPEG loses."""
    for paint, seen in (
        ((0, 255, 255, 0), (255, 0, 0)),
        ((255, 255, 0, 0), (0, 0, 255)),
        ((0, 0, 0, 155), (100, 100, 100)),
    ):
        image = Image.new("CMYK", (80, 80), paint)
        assert colour(encode(image, "TIFF")) == list(seen)
        marked = encode(image, "JPEG", quality=95)
        place = adobe(marked) - 15
        assert marked[place : place + 2] == b"\xff\xee" and marked[adobe(marked)] == 0
        without = encode(inverted(image), "JPEG", quality=95)  # Pillow stores the inverse
        without = without[: adobe(without) - 15] + without[adobe(without) + 1 :]
        assert b"Adobe" not in without
        for data in (marked, without, without[:-2]):
            np.testing.assert_allclose(colour(data), seen, atol=3)


def test_ycck_is_converted():
    """Pillow does not write it, but it is CMYK with its first three channels as YCbCr."""
    for paint, seen in (((0, 255, 255, 0), (255, 0, 0)), ((255, 255, 0, 100), (0, 0, 155))):
        rgb = Image.new("RGB", (80, 80), paint[:3])  # inverted, as in Adobe's files
        channels = [*rgb.convert("YCbCr").split(), Image.new("L", (80, 80), 255 - paint[3])]
        stored = Image.merge("CMYK", [inverted(channel) for channel in channels])
        data = bytearray(encode(stored, "JPEG", quality=95))
        data[adobe(bytes(data))] = 2
        np.testing.assert_allclose(colour(bytes(data)), seen, atol=3)


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (80, 80), name) for name in ("lime", "red")]
    assert colour(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])) == [0, 255, 0]


CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 1))


@pytest.mark.parametrize("orientation, corner", list(enumerate(CORNERS, 1)))
@pytest.mark.parametrize("name", [name for name in ("JPEG", "TIFF", "PNG", "WEBP", "AVIF") if name in FORMATS])
def test_exif_orientation(name, orientation, corner):
    """As stored, the upper left corner is red. corner: where it belongs, in x and y; EXIF 2.3, tag 274."""
    image = Image.new("RGB", (96, 64), "blue")
    image.paste("red", (0, 0, 48, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    variants = [{"quality": 95}] if name in ("JPEG", "WEBP", "AVIF") else [{}]
    variants += [{"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}] if name == "TIFF" else []
    size = (64, 96) if orientation > 4 else (96, 64)
    for options in variants:
        data = encode(image, name, exif=exif, **options)
        upright = decode(data, 224)
        assert upright.size == size and read_header(data) == (name, *size)
        pixels = {
            (x, y): upright.getpixel((4 + x * (size[0] - 9), 4 + y * (size[1] - 9))) for x in (0, 1) for y in (0, 1)
        }
        red = {place for place, pixel in pixels.items() if pixel[0] > 200 and pixel[2] < 60}
        assert red == {corner}


# A red HEIC picture of 96 x 64 pixels, which Pillow alone does not write.
HEIC = zlib.decompress(
    base64.b85decode(
        "c-muNV30{GsVvAy%}izhg51nBLl8SRGck>UfiWyMwIq=N0u(b+a*CjAhJwuG5(YG&l$nzcHpIn&fe{FSfUycfgR}#&a%N^;8"
        "kh$X6$NrqnV`IkvSdRLldmANBp0saT4q5}0g&FFS&*C$q$_~RoEe!xLKDD><UTO``TOGs0|P&E0#Jv910xUP|NkHb%peuaAS"
        "Abo$srLasqMtbh$geZppkXjD^JaJc}!9~93Y_+AcDgo38<dkh4Em~1|<ieHNwgHIYoKNITb)*UIw-XppZyraX~87ZwWvQQYK"
        "K4S&<16VCLWen#LfWS&$10K46HjG%_)>0GXP(DT$!alht5c&-p;vY?1x{-xq8D|GRU1;lHh$Cj|c&&19>8007SrQ2z"
    )
)


def said_of_heic(hidden: bool) -> str:
    """What another process says of HEIC files. hidden: as if pillow-heif were not installed."""
    code = f"""
import io, sys
sys.path.insert(0, {str(TRAIN.parent)!r})
if {hidden}:
    sys.modules["pillow_heif"] = None
from PIL import Image
from mobilenetv2.data import image, image_errors
data = bytes.fromhex({HEIC.hex()!r})
try:
    picture = image.decode(data, 224)
    print(picture.getpixel((30, 20)), *image.read_header(data), sep="|")
    for orientation in range(1, 9):
        exif, stream = Image.Exif(), io.BytesIO()
        exif[0x0112] = orientation
        turned = Image.new("RGB", (96, 64))
        turned.info["exif"] = exif.tobytes()
        turned.save(stream, "HEIF")
        print(image.decode(stream.getvalue(), 224).size, image.read_header(stream.getvalue())[1:])
    image.MAX_DECODED = 1000
    image.decode(data, 224)
except image_errors.ImageError as error:
    print(error, error.message.zh, sep="|")
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_heic_is_read_where_its_package_is_installed():
    pytest.importorskip("pillow_heif")
    first, *turned, last = said_of_heic(hidden=False).splitlines()
    assert first.endswith("|HEIF|96|64") and "too many pixels to decode safely (96 x 64 pixels of HEIF)" in last
    red, green, blue = map(int, first.partition("|")[0].strip("()").split(","))
    assert red > 200 and green < 60 and blue < 60
    assert turned == ["(96, 64) (96, 64)"] * 4 + ["(64, 96) (64, 96)"] * 4


def test_heic_without_its_package():
    english, chinese = said_of_heic(hidden=True).strip().split("|")
    assert english.endswith("save as JPEG, or install pillow-heif") and chinese.endswith("或安装 pillow-heif")


def test_two_pictures_in_a_file():
    """As phones write, and pictures with a gain map: the first one counts."""
    data = encode(halves(), "MPO", save_all=True, append_images=[Image.new("L", (20, 20), 128)], quality=95)
    first = encode(halves(), "JPEG", quality=95)
    np.testing.assert_array_equal(np.asarray(decode(data, 224)), np.asarray(decode(first, 224)))
    assert read_header(data) == ("JPEG", 80, 80)
    gain_map = encode(Image.new("L", (20, 20), 128), "JPEG")  # without the index that MPO has
    np.testing.assert_array_equal(np.asarray(decode(first + gain_map, 224)), np.asarray(decode(first, 224)))


def test_large_jpeg_is_decoded_at_a_fraction_of_its_size():
    data = encode(Image.radial_gradient("L").resize((4000, 4000)), "JPEG")
    assert decode(data, 224).size == (1000, 1000)
    whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_allclose(
        preprocess(data, PLAIN), preprocess(encode(Image.fromarray(whole), "PNG"), PLAIN), atol=0.02
    )


def test_errors_name_the_problem():
    bomb = b"GIF89a" + b"\xff\xff\xff\xff\x00\x00\x00" + b"," + b"\0" * 4 + b"\xff\xff\xff\xff" + b"\0" * 9
    jpeg = encode(Image.effect_noise((200, 200), 50), "JPEG")
    for data, words in {
        b"": "empty",
        b"\0" * (MAX_BYTES + 1): "more than the limit of 64 MiB",
        b"hello, I am a text file": "not a picture",
        jpeg[: len(jpeg) // 2]: "broken or cut off",
        bomb: "too many pixels",
        b"\0\0\0\x18ftypheic" + b"\0" * 20: "HEIC",
        b"version https://git-lfs.github.com/spec/v1\n": "Git LFS pointer",
        b"%!PS-Adobe-3.0 EPSF-3.0\n": "that this program does not read",  # EPS would start Ghostscript
    }.items():
        with pytest.raises(UserError, match=words):
            preprocess(data, PLAIN)


def test_header_looks_at_the_content_and_turns_the_size():
    assert read_header(encode(Image.new("RGB", (30, 20)), "WEBP")) == ("WEBP", 30, 20)
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_header(encode(Image.new("RGB", (30, 20)), "JPEG", exif=exif)) == ("JPEG", 20, 30)


@needs_shared
def test_every_odd_file_gives_pixels_or_its_own_error():
    files = sorted(file for file in (SHARED / "odd").iterdir() if file.suffix != ".csv")
    assert len(files) == 30
    for file in files:
        if file.name in UNREADABLE:
            with pytest.raises(UserError, match=UNREADABLE[file.name]):
                preprocess(file.read_bytes(), Preprocessing())
        else:
            out = preprocess(file.read_bytes(), Preprocessing())
            assert out.shape == (3, 224, 224) and np.isfinite(out).all(), file.name


def test_small_pictures_that_ask_for_much_are_refused():
    out = in_a_process(
        """
made = hostile.pictures()
start = resource.getrusage(resource.RUSAGE_SELF)
for name, (data, _) in made.items():
    try:
        image_stats.measure_image(data, decode(data, 224))
        print(name, "|")
    except ImageError as error:
        print(name, "|", error)
end = resource.getrusage(resource.RUSAGE_SELF)
print("peak |", (end.ru_maxrss - start.ru_maxrss) // 1024)
print("seconds |", int(end.ru_utime - start.ru_utime))
""",
        120,
    )
    said = dict(line.split(" |") for line in out.splitlines())
    for name, (_, words) in pictures().items():
        assert words in said[name] and bool(words) == bool(said[name]), f"{name}: {said[name]}"
    assert int(said["peak"]) < 300 and int(said["seconds"]) < 20
