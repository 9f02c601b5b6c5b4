"""Which files are pictures: by their first bytes, not by their names."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Dict, Tuple

from PIL import Image, TiffImagePlugin

from ..runtime.files import NotRegular, open_file
from .raw_photos import Read, is_raw_photo

with suppress(ImportError):  # optional
    import pillow_heif

    pillow_heif.register_heif_opener()

START = 4096  # bytes of a file that say what it is
Image.init()
# No EPS, which would start another program. Pillow has AVIF from 11.3 on, HEIF by the package pillow-heif.
FORMATS = tuple(
    name for name in ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "HEIF") if name in Image.OPEN
)
SUFFIXES = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}


def _unsupported(english: str, chinese: str) -> Tuple[str, str]:
    """The words for a picture format that this program does not read."""
    return f"{english}, which this program does not read; save as JPEG", f"{chinese}，本程序不支持，请另存为 JPEG"


# What is left out and why, or what to do about it, in English and Chinese. Fits one file and many.
LEFT_OUT: Dict[str, Tuple[str, str]] = {
    "heic": (
        "HEIC/HEIF, which needs the package pillow-heif; save as JPEG, or install pillow-heif",
        "HEIC/HEIF 格式，需要 pillow-heif 包；请另存为 JPEG，或安装 pillow-heif",
    ),
    "raw": _unsupported("camera raw", "相机 RAW 格式"),
    "jpeg2000": _unsupported("JPEG 2000", "JPEG 2000 格式"),
    "jpegxl": _unsupported("JPEG XL", "JPEG XL 格式"),
    "psd": _unsupported("Photoshop (PSD)", "Photoshop (PSD) 格式"),
    "svg": _unsupported("an SVG drawing", "SVG 矢量图"),
    "pdf": ("a PDF document; save its pictures as JPEG", "PDF 文档，请把其中的图片另存为 JPEG"),
    "other_picture": (
        "a picture format that this program does not read; save as JPEG",
        "本程序不支持的图片格式，请另存为 JPEG",
    ),
    "video": ("a video; save single pictures of it as JPEG", "视频，请把其中的画面另存为 JPEG"),
    "lfs": (
        "a Git LFS pointer, not the picture itself; fetch it with 'git lfs pull'",
        "Git LFS 指针，不是图片本身，请先运行 git lfs pull",
    ),
    "other": ("not a picture", "不是图片"),
    "special": ("not a file", "不是文件"),
    "unreadable": ("cannot be read: a link to nothing, or without permission", "无法读取：链接无效，或没有权限"),
}
_PREFIXES = {
    "picture": (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"),
    # Fujifilm, Olympus, Panasonic, Canon CR2 and CRW, Minolta
    "raw": (
        *(b"FUJIFILMCCD-RAW", b"IIRO\x08\0", b"IIRS\x08\0", b"MMOR\0\0", b"IIU\0", b"II*\0\x10\0\0\0CR"),
        *(b"II\x1a\0\0\0HEAPCCDR", b"\0MRM"),
    ),
    "jpeg2000": (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
    "jpegxl": (b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"),
    "psd": (b"8BPS\0\1", b"8BPS\0\2"),
    "pdf": (b"%PDF-",),
    # PostScript, JPEG XR, OpenEXR, Radiance, DirectDraw, QOI, BPG, GIMP, DjVu, icons, PCX, FITS, Sun raster
    "other_picture": (
        *(
            b"%!PS-Adobe",
            b"II\xbc\x01",
            b"v/1\x01",
            b"#?RADIANCE\n",
            b"DDS |\0\0\0",
            b"qoif\0",
            b"BPG\xfb",
            b"gimp xcf",
        ),
        *(b"AT&TFORM\0", b"icns\0", b"\n\5\1\x08", b"SIMPLE  =", b"\x59\xa6\x6a\x95"),
    ),
    # Matroska and WebM, MPEG, Flash, Windows Media
    "video": (b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
    "lfs": (b"version https://git-lfs",),
}
_BY_PREFIX = [(prefix, kind) for kind, prefixes in _PREFIXES.items() for prefix in prefixes]
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"miaf"}
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
# Magic, width, height and, for all but bitmaps, the largest value.
_PPM = re.compile(rb"P(?:[14]%s\d+%s\d+|(?:[2356]|f|F)%s\d+%s\d+%s-?[\d.]+)\s" % ((_GAP,) * 5))


def kind_of_bytes(start: bytes) -> str:
    """What a file is, by its first START bytes, or as many as there are.

    "picture": of a format in FORMATS, though it may be broken. Else a key of LEFT_OUT. Text is "other", whatever it starts with.
    A raw photo in a TIFF file is known as such where its tags are among the bytes given, which may be more than START."""
    return _kind(start[:START], lambda offset, size: start[offset : offset + size])


def kind_of_file(file: Path) -> str:
    """`kind_of_bytes` of a file; "special" for a folder, pipe, socket or device; "unreadable" where that fails. Follows links.

    Reads the first START bytes, and the tags of a TIFF file wherever they are."""
    try:
        with open_file(file) as stream:
            start = stream.read(START)

            def read(offset: int, size: int) -> bytes:
                if offset + size <= len(start):
                    return start[offset : offset + size]
                stream.seek(min(offset, 2**60))
                return stream.read(size)

            return _kind(start, read)
    except NotRegular:
        return "special"
    except (OSError, ValueError):  # ValueError: a null character in the name
        return "unreadable"


def _kind(start: bytes, read: Read) -> str:
    for prefix, kind in _BY_PREFIX:
        if start.startswith(prefix):
            return kind
    if start[:1] == b"\0" and start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"skip"):
        return _kind_of_boxes(start)
    if start.startswith(b"RIFF") and start[8:12] in (b"WEBP", b"AVI "):
        return "picture" if start[8:12] == b"WEBP" else "video"
    if start.startswith(tuple(TiffImagePlugin.PREFIXES)):
        return "other" if not any(start[4:8]) else "raw" if is_raw_photo(read) else "picture"
    if _is_bmp(start) or _PPM.match(start):
        return "picture"
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:svg|\?xml|!--|!DOCTYPE svg)", start) and re.search(rb"<svg[\s>]", start):
        return "svg"
    if start[128:132] == b"DICM" or _is_ico(start) or _is_tga(start):
        return "other_picture"
    return "other"


def _kind_of_boxes(start: bytes) -> str:
    """Of a file of the ISO base media format (HEIC, AVIF, MP4, QuickTime, Canon CR3), by the brands in its first box."""
    if start[4:8] != b"ftyp":
        return "video"
    size = min(int.from_bytes(start[:4], "big"), len(start))
    brands = {start[8:12], *(start[place : place + 4] for place in range(16, size - 3, 4))}
    if start[8:12] == b"crx ":
        return "raw"
    if brands & {b"avif", b"avis"}:
        return "picture" if "AVIF" in FORMATS else "other_picture"
    if brands & _HEIC:
        return "picture" if "HEIF" in FORMATS else "heic"
    return "other" if start[8:12] in (b"M4A ", b"M4B ") else "video"  # sound


def _is_bmp(start: bytes) -> bool:
    size = int.from_bytes(start[14:18], "little")
    at = 22 if size == 12 else 26
    planes, bits = (int.from_bytes(start[place : place + 2], "little") for place in (at, at + 2))
    sizes, depths = (12, 40, 52, 56, 64, 108, 124), (1, 2, 4, 8, 16, 24, 32)
    return start.startswith(b"BM") and size in sizes and planes == 1 and bits in depths


def _is_ico(start: bytes) -> bool:
    return start[:4] in (b"\0\0\1\0", b"\0\0\2\0") and start[4:5] != b"\0" and start[5:6] + start[9:10] == b"\0\0"


def _is_tga(start: bytes) -> bool:
    """TGA has no signature, so all of its header must be plausible."""
    if len(start) < 18 or start[1] > 1 or start[2] not in (1, 2, 3, 9, 10, 11) or start[17] & 0xC0:
        return False
    palette = start[7] in (15, 16, 24, 32) if start[1] else not any(start[3:8])
    return palette and start[16] in (8, 15, 16, 24, 32) and any(start[12:14]) and any(start[14:16])
