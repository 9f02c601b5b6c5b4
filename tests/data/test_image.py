"""One preprocessing: what it does to every kind of picture, and what cannot be read."""

import io

import numpy as np
import pytest
from conftest import SHARED, UNREADABLE, needs_shared
from hostile import in_a_process, pictures
from PIL import Image

from mobilenetv2.data.image import MAX_BYTES, Preprocessing, decode, preprocess, read_header
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


def test_alpha_goes_over_white():
    assert colour(encode(Image.new("RGBA", (80, 80), (255, 0, 0, 0)), "PNG")) == [255, 255, 255]
    assert colour(encode(Image.new("RGBA", (80, 80), (255, 0, 0, 128)), "PNG")) == [255, 127, 127]
    assert colour(encode(Image.new("LA", (80, 80), (0, 0)), "PNG")) == [255, 255, 255]


def test_palette_is_resolved():
    image = Image.new("RGB", (80, 80), (10, 200, 30)).quantize(4)
    assert colour(encode(image, "PNG")) == [10, 200, 30]
    assert colour(encode(image, "PNG", transparency=image.getpixel((0, 0)))) == [255, 255, 255]


def test_sixteen_bits_are_scaled():
    assert colour(encode(Image.fromarray(np.full((80, 80), 128 * 257, np.uint16)), "PNG")) == [128, 128, 128]
    assert colour(encode(Image.fromarray(np.full((80, 80), 0.5, np.float32)), "TIFF")) == [128, 128, 128]


def test_cmyk_is_converted():
    assert colour(encode(Image.new("CMYK", (80, 80), (0, 255, 255, 0)), "TIFF")) == [255, 0, 0]


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (80, 80), name) for name in ("lime", "red")]
    assert colour(encode(frames[0], "GIF", save_all=True, append_images=frames[1:])) == [0, 255, 0]


@pytest.mark.parametrize("orientation, red_side", [(1, "top"), (3, "bottom"), (6, "right"), (8, "left")])
def test_exif_orientation(orientation, red_side):
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = preprocess(encode(halves(), "JPEG", exif=exif, quality=95), PLAIN)
    red = out[0] > 0.5
    where = {"top": red[:32], "bottom": red[32:], "left": red[:, :32], "right": red[:, 32:]}[red_side]
    assert where.mean() > 0.98 and red.mean() < 0.52


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
