"""Files are known by their bytes: pictures, what is left out, and text that begins like a picture."""

import os
import socket
import struct
import subprocess
import sys

import pytest
from conftest import SHARED, TRAIN, UNREADABLE, needs_shared
from hostile import encoded, tiff
from PIL import Image

from mobilenetv2.data.picture_files import FORMATS, LEFT_OUT, START, kind_of_bytes, kind_of_file

RED = Image.new("RGB", (40, 30), "red")
PICTURES = [
    *(encoded(RED, name) for name in FORMATS if name != "HEIF"),
    *(encoded(RED.convert(mode), name) for name, mode in (("BMP", "1"), ("BMP", "P"), ("PPM", "L"), ("PPM", "1"))),
    encoded(RED.convert("F"), "PPM"),
    b"P5 2 1 65535\n" + bytes(4),
    b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQ", 16, 1, 256, 4, 1, 40) + bytes(100),
    b"P3\n# drawn by hand\n2 1\n# so much for red\n255\n255 0 0 0 0 255\n",
]
DNG, CFA, NIKON = {"t50706": (1, 4, 0x401)}, {"t262": (3, 1, 32803)}, {"t259": (3, 1, 34713)}


def box(brand: bytes, *further: bytes) -> bytes:
    return struct.pack(">I", 16 + 4 * len(further)) + b"ftyp" + brand + bytes(4) + b"".join(further) + bytes(100)


def with_sub_directory(order: str, photometric: int, padding: int = 0) -> bytes:
    """A TIFF file with a small preview, and at its end a sub-directory with this photometric interpretation."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = [
        (256, 3, 64),
        (257, 3, 64),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 200),
        (330, 4, 200 + padding),
    ]

    def directory(rows):
        values = [
            struct.pack(order + ("HHIHH" if kind == 3 else "HHII"), tag, kind, 1, value, *([0] * (kind == 3)))
            for tag, kind, value in rows
        ]
        return struct.pack(order + "H", len(rows)) + b"".join(values) + bytes(4)

    main = start + struct.pack(order + "I", 8) + directory(entries)
    return main.ljust(200 + padding, b"\0") + directory([(262, 3, photometric)])


LEFT = {
    "raw": [
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0",
        b"IIU\0\x18\0\0\0",
        b"II*\0\x10\0\0\0CR\2\0",
        box(b"crx ", b"isom"),
        tiff(bytes(4096), **DNG),
        tiff(bytes(4096), **CFA),
        tiff(bytes(4096), **NIKON),
        with_sub_directory("<", 32803),
        with_sub_directory(">", 34892),
    ],
    "jpeg2000": [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51\0\x2f"],
    "jpegxl": [b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a\xfa\x1f"],
    "psd": [b"8BPS\0\1" + bytes(6)],
    "svg": [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<svg\n/>"],
    "pdf": [b"%PDF-1.7\n"],
    "other_picture": [encoded(RED, "TGA"), encoded(RED, "ICO"), encoded(RED, "EPS"), encoded(RED, "DDS")],
    "video": [
        box(b"isom", b"mp41"),
        box(b"qt  "),
        box(b"mp42"),
        b"\0\0\0\x08wide\0\0\0\0mdat",
        b"RIFF\0\0\0\0AVI LIST",
    ],
    "lfs": [b"version https://git-lfs.github.com/spec/v1\n"],
    "other": [
        b"",
        b"B",
        b"BM is the mark of a bitmap file, and this is text",
        b"BMW,Audi\n40,1\n",
        b"P1 is a parking lot",
        b"P6 # of the list\nno 7",
        b"II. The second chapter",
        b"MM",
        b"II*\0\0\0\0\0",
        b"GIF is a format",
        b"RIFF\0\0\0\0WAVEfmt ",
        box(b"M4A "),
        b"<html><svg></svg></html>",
        b"<?xml version='1.0'?><annotation/>",
        b"my ftyp box",
        b"PK\3\4",
        b"{}",
        "狗".encode(),
    ],
}


def test_pictures():
    assert [kind_of_bytes(data) for data in PICTURES] == ["picture"] * len(PICTURES)
    assert [kind_of_bytes(data[:START]) for data in PICTURES] == ["picture"] * len(PICTURES)


@pytest.mark.parametrize("kind", LEFT)
def test_what_is_left_out(kind):
    assert {data[:20]: kind_of_bytes(data) for data in LEFT[kind]} == {data[:20]: kind for data in LEFT[kind]}


@pytest.mark.parametrize("installed", [False, True])
def test_heic_is_a_picture_where_its_package_is_installed(installed):
    if installed:
        pytest.importorskip("pillow_heif")
    code = f"""
import sys
sys.path.insert(0, {str(TRAIN.parent)!r})
if not {installed}:
    sys.modules["pillow_heif"] = None
from mobilenetv2.data.picture_files import kind_of_bytes
print(*map(kind_of_bytes, {[box(b"heic"), box(b"mif1", b"heic"), box(b"avif", b"mif1"), box(b"mif1", b"avif")]!r}))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heic, avif = ("picture" if installed else "heic"), ("picture" if "AVIF" in FORMATS else "other_picture")
    assert out.split() == [heic, heic, avif, avif]


def test_files(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "x.txt")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "x.txt").write_bytes(PICTURES[0])
    (tmp_path / "late.NEF").write_bytes(with_sub_directory(">", 32803, padding=100_000))
    (tmp_path / "plain.DNG").write_bytes(encoded(Image.effect_noise((300, 300), 50), "TIFF"))
    (tmp_path / "cut.tif").write_bytes(encoded(Image.effect_noise((300, 300), 50), "TIFF")[:50_000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "wild.tif").write_bytes(b"II+\0\x08\0\0\0" + b"\xff" * 100)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        found = {file.name: kind_of_file(file) for file in tmp_path.iterdir()}
    assert found == {
        **{"folder": "special", "pipe": "special", "socket": "special", "link": "picture", "nowhere": "unreadable"},
        **{"x.txt": "picture", "late.NEF": "raw", "plain.DNG": "picture", "cut.tif": "picture", "empty.jpg": "other"},
        "wild.tif": "picture",
    }
    assert kind_of_file(tmp_path / "a\0b") == "unreadable"


def test_every_kind_has_words_in_both_languages():
    assert set(LEFT_OUT) == {*LEFT, "heic", "special", "unreadable"}
    for english, chinese in LEFT_OUT.values():
        assert english.isascii() and not chinese.isascii()


@needs_shared
def test_real_files_by_their_bytes():
    files = [file for file in sorted((SHARED / "odd").iterdir()) if file.suffix != ".csv"]
    assert {file.name for file in files if kind_of_file(file) != "picture"} <= {"python-pillow_avif_hopper.heif"}
    assert set(UNREADABLE) <= {file.name for file in files}
    photos = sorted((SHARED / "photos").rglob("*.*"))
    assert len(photos) > 700 and {kind_of_file(photo) for photo in photos} == {"picture"}
