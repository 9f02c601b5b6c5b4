"""JPEG files without an end mark: whole ones are pictures, cut ones are not."""

import io
import subprocess
import sys
from typing import Dict

import numpy as np
import pytest
from conftest import SHARED, needs_shared
from hostile import encoded
from PIL import Image

from mobilenetv2.data.image import decode
from mobilenetv2.data.image_errors import ImageError

SIZE = 2000  # of the input: nothing is decoded at a fraction of its size


def scene(seed: int) -> Image.Image:
    """Soft patches, 123 x 97 pixels: the last blocks in both directions are not full."""
    colours = np.random.default_rng(seed).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    return Image.fromarray(colours).resize((123, 97), Image.Resampling.BICUBIC)


def product() -> Image.Image:
    """On white: the last rows take few bytes."""
    image = Image.new("RGB", (123, 97), "white")
    image.paste(scene(2).resize((60, 40)), (30, 20))
    return image


OPTIONS = {
    "baseline": {},
    "low quality": {"quality": 30},
    "high quality": {"quality": 100, "subsampling": 0},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "restart rows": {"restart_marker_rows": 1},
    "restart blocks": {"restart_marker_blocks": 1, "optimize": True},
    "progressive restart": {"progressive": True, "restart_marker_rows": 1},
}
FILES: Dict[str, bytes] = {
    f"{name} {options}": encoded(image, "JPEG", **OPTIONS[options])
    for name, image in (
        ("scene", scene(1)),
        ("product", product()),
        ("white", Image.new("RGB", (123, 97), "white")),
        ("noise", Image.effect_noise((70, 50), 60).convert("RGB")),
    )
    for options in OPTIONS
}
FILES.update(
    {
        f"{mode} {progressive}": encoded(scene(4).convert(mode), "JPEG", progressive=progressive)
        for mode in ("L", "CMYK")
        for progressive in (False, True)
    }
)


def pixels(data: bytes, size: int = SIZE) -> np.ndarray:
    return np.asarray(decode(data, size))


@pytest.mark.parametrize("name", FILES)
def test_cut_by_bytes(name):
    """Without the end mark it is a picture. Cut further it is broken, or the pixels are the same all the same."""
    data, accepted = FILES[name], []
    whole = pixels(data)
    for cut in range(1, 80):
        try:
            found = pixels(data[:-cut])
        except ImageError as error:
            assert error.kind == "broken" and cut > 2
            continue
        np.testing.assert_array_equal(found, whole, err_msg=f"{cut} bytes cut off")
        accepted.append(cut)
    assert accepted[:2] == [1, 2]
    if name.startswith(("scene baseline", "scene high", "noise baseline", "noise high")):
        assert len(accepted) < 5  # a byte or two may be such that what decoders fill in is right


@pytest.mark.parametrize("options", OPTIONS)
def test_cut_in_the_middle(options):
    data = FILES[f"scene {options}"]
    scans = data.find(b"\xff\xda")
    for cut in (scans + 12, (scans + len(data)) // 2, len(data) - (len(data) - scans) // 5):
        for rest in (b"", b"\xff", b"\0" * 64, b"\0" * 100_000, b"\xff" * 5000):  # padded by disks and downloads
            with pytest.raises(ImageError, match="broken or cut off"):
                decode(data[:cut] + rest, SIZE)


def test_padded_and_trailers():
    """What stands in place of the end mark, or behind it, is no matter."""
    video, second = b"\0\0\0\x18ftypmp42" + bytes(5000), FILES["product baseline"]
    for options in OPTIONS:
        data = FILES[f"scene {options}"]
        for rest in (b"\0" * 5000, b"\xff" * 70, b"SEFHe\0\0\0\x01\0\0\0SEFT" * 9, video, second, second[:-2] + video):
            np.testing.assert_array_equal(pixels(data[:-2] + rest), pixels(data))
            np.testing.assert_array_equal(pixels(data + rest), pixels(data))


def test_scans_that_are_missing():
    """At the end of a scan nothing shows that more were to come, but for what the scans so far have left out."""
    data = FILES["scene progressive"]
    scans = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    tables = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xc4"]
    assert len(scans) == 10
    for place in (*scans[1:], *(table for table in tables if table > scans[0])):
        with pytest.raises(ImageError, match="broken or cut off"):
            decode(data[:place], SIZE)


def test_at_a_fraction_of_its_size_and_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(scene(3).resize((1600, 1200)), "JPEG", exif=exif, progressive=True)
    assert pixels(data[:-2], 64).shape == (200, 150, 3)
    np.testing.assert_array_equal(pixels(data[:-2], 64), pixels(data, 64))
    with pytest.raises(ImageError, match="broken or cut off"):
        decode(data[: len(data) // 3], 64)


def test_two_pictures_in_a_file():
    first, second = scene(5), scene(6)
    data = encoded(first, "MPO", save_all=True, append_images=[second], quality=90)
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        start = image.offset
    assert data[start : start + 2] == b"\xff\xd8"
    whole = pixels(data)
    for cut in (1, 2, len(data) - start - 10, len(data) - start):  # the second one is no matter
        np.testing.assert_array_equal(pixels(data[:-cut]), whole)
    with pytest.raises(ImageError, match="broken or cut off"):
        decode(data[: start - 200], SIZE)


@needs_shared
def test_case_of_a_missing_end(tmp_path):
    subprocess.run([sys.executable, SHARED / "cases" / "jpeg-no-end" / "make.py", tmp_path], check=True)
    files = {file.name: pixels(file.read_bytes()) for file in tmp_path.iterdir()}
    assert set(files) == {f"{name}.jpg" for name in ("whole", "minus_1", "minus_2", "trailer", "trailer_after_end")}
    for name, found in files.items():
        np.testing.assert_array_equal(found, files["whole.jpg"], err_msg=name)
