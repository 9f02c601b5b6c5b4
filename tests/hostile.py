"""Small files that ask for gigabytes or hours: pictures, and weights. Each by name -> its bytes, and words of its error."""

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from typing import Dict, List, Tuple

import numpy as np
from conftest import ROOT
from mindspore.train.checkpoint_pb2 import Checkpoint
from PIL import Image

SIDE = 11_300  # pixels: 128 megapixels, which the limit on files allows


def encoded(image: Image.Image, name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, name, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(count: int) -> bytes:
    """So many zero bytes, compressed, without an end: one mebibyte again and again."""
    packer = zlib.compressobj(9)
    first, again = (packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (count >> 20)


def png(width: int, height: int, bits: int, colour: int, extra: bytes = b"") -> bytes:
    """One of zeros. colour: PNG's own number of the mode. extra: chunks before the pixels."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = zeros(height * (1 + width * channels * bits // 8) + 2**20)
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def bmp(width: int, height: int, runs: bytes) -> bytes:
    """A run-length encoded one of 256 colours."""
    start = 14 + 40 + 1024
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(runs), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start) + head + bytes(1024) + runs


def gif(extension: bytes) -> bytes:
    return b"GIF89a\x40\0\x40\0\x80\0\0" + bytes(6) + extension + b",\0\0\0\0\x40\0\x40\0\0\x02\x02\x4c\x01\0;"


def tiff(tail: bytes = b"", **changed: Tuple[int, ...]) -> bytes:
    """64 x 64 pixels of 8 bits, with other or further entries: t273=(type, count, value); the value -1 is where `tail` lies."""
    entries = {256: (3, 1, 64), 257: (3, 1, 64), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
    entries.update({277: (3, 1, 1), 278: (3, 1, 64), 279: (4, 1, 4096)})
    entries.update({int(name[1:]): entry for name, entry in changed.items()})
    start = 8 + 2 + 12 * len(entries) + 4
    rows = ((tag, kind, count, start if value < 0 else value) for tag, (kind, count, value) in sorted(entries.items()))
    directory = b"".join(struct.pack("<HHII", *row) for row in rows)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + directory + bytes(4) + tail


def tiles(side: int) -> bytes:
    """A small TIFF in one tile of side x side pixels."""
    body = zeros(side * side + 2**20)
    return tiff(body, t259=(3, 1, 8), t322=(4, 1, side), t323=(4, 1, side), t324=(4, 1, -1), t325=(4, 1, len(body)))


def jpeg(before: bytes = b"") -> bytes:
    """A small one, with segments before all others."""
    data = encoded(Image.new("RGB", (64, 64)), "JPEG")
    return data[:2] + before + data[2:]


def scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    last, end = data.rfind(b"\xff\xda"), data.rfind(b"\xff\xd9")
    return data[:end] + data[last:end] * count + data[end:]


def pictures() -> Dict[str, Tuple[bytes, str]]:
    exif = b"\xff\xe1" + struct.pack(">H", 65533) + b"Exif\0\0" + bytes(65525)
    many = {f"t{1000 + number}": (1, 199_990, 1) for number in range(16_000)}  # each a copy of nearly all
    deep = b"II*\0\x08\0\0\0" + struct.pack("<H", 20_000) + struct.pack("<HHII", 700, 1, 199_990, 1) * 20_000
    too_many, pieces, unusual = "too many pixels", "too many pieces", "of a kind that is hardly used"
    return {
        "32 bits": (png(SIDE, SIDE, 8, 6), too_many),
        "16 bits": (png(SIDE, SIDE, 16, 0), too_many),
        "wide": (png(120_000_000, 1, 8, 0), too_many),
        "WebP": (encoded(Image.new("L", (8100, 8100)), "WEBP", method=0, quality=0), too_many),
        "chunks": (png(64, 64, 8, 0, chunk(b"abCd", b"") * 1_000_000), pieces),
        "pixel chunks": (png(64, 64, 8, 0, chunk(b"IDAT", b"") * 500_000), pieces),
        # These are pictures all the same.
        "fewer chunks": (png(64, 64, 8, 0, chunk(b"abCd", b"") * 100_000), ""),
        "profile": (png(64, 64, 8, 0, chunk(b"iCCP", b"k\0\0" + zeros(2**28))), ""),
        "texts": (png(64, 64, 8, 0, chunk(b"zTXt", b"Raw profile type exif\0\0" + zeros(2**24)) * 1000), ""),
        "RLE that skips": (bmp(4_000_000, 32, b"\0\2\xff\xff" * 2), too_many),
        "RLE line ends": (bmp(8000, 8000, b"\1\1\0\0" * 8000), unusual),
        "RLE of nothing": (bmp(2000, 2000, b"\0\0" * 1_200_000), pieces),
        "GIF comment": (gif(b"!\xfe" + b"\1a" * 500_000 + b"\0"), pieces),
        "GIF long comment": (gif(b"!\xfe" + (b"\xff" + b"a" * 255) * 20_000 + b"\0"), pieces),
        "PPM comments": (b"P2 1000 1000 255\n" + b"#\n1 " * 500_000, unusual),
        "PPM of 254 greys": (b"P5 8000 8000 254\n" + bytes(1000), unusual),
        "PPM long header": (b"P6 #" + b"x" * 1_000_000, pieces),
        "TIFF tile": (tiles(40_000), too_many),
        "TIFF entries": (tiff(bytes(200_000), **many), pieces),
        "JPEG segments": (jpeg(b"\xff\xe5\0\2" * 500_000), pieces),
        "JPEG scans": (scans(2000), "a JPEG of 20"),
        "JPEG EXIF": (jpeg(exif * 300), pieces),
        "EXIF entries": (png(64, 64, 8, 6, chunk(b"eXIf", deep)), ""),  # a picture all the same
    }


def ckpt(checksum: bool = True, **arrays: Tuple[List[int], str, bytes]) -> bytes:
    """name=(shape, type, bytes)"""
    content = Checkpoint()
    for name, (shape, kind, data) in arrays.items():
        entry = content.value.add(tag=name)
        entry.tensor.dims.extend(shape)
        entry.tensor.tensor_type, entry.tensor.tensor_content = kind, data
    data = content.SerializeToString()
    return data + b"crc_num" + zlib.crc32(data).to_bytes(10, "big") if checksum else data


def varint(number: int) -> bytes:
    """As protobuf writes it."""
    return bytes([number & 127 | 128]) + varint(number >> 7) if number > 127 else bytes([number])


def dimensions(shape: bytes) -> bytes:
    """A .ckpt of one entry with this shape, as protobuf writes it."""
    tensor = b"\x12" + varint(len(shape)) + shape
    return b"\x0a" + varint(len(tensor)) + tensor


def members(count: int) -> bytes:
    """An archive of so many members that all lie in the same place."""
    data = npz(a=b"")
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    directory = data[start:end] * count
    whole = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, len(directory), start)
    place = struct.pack("<IIQI", 0x07064B50, 0, start + len(directory), 1)
    last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return data[:start] + directory + whole + place + last


def described(text: str) -> bytes:
    return ckpt(description=([1], "str", text.encode("utf-32-le")))


def npz(kind: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(text)) + text + data


def safetensors(header: object, data: bytes = b"", length: int = 0) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", length or len(text)) + text + data


def weights() -> Dict[str, Tuple[bytes, str]]:
    """By file name."""
    form, damaged = "not a complete", "not a checkpoint that this program understands"
    shape = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
    tensor = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    own = {"format": "mobilenetv2-photos", "version": 3, "classes": ["a", "b"], "temperature": 1.0}
    own.update(
        {"architecture": {}, "preprocessing": {"mean": [10**400, 0, 0]}, "metrics": {}, "data": {}, "origin": {}}
    )
    own.update({"settings": {}, "versions": {}})
    return {
        "short.ckpt": (ckpt(a=([2**30], "Float32", b"1234")), form),
        "huge.ckpt": (ckpt(a=([2**40], "Float32", b"1234")), form),
        "long.ckpt": (ckpt(a=([2], "Float32", bytes(400))), form),  # writes beyond its end in MindSpore 2.7
        "negative.ckpt": (ckpt(a=([-1], "Float32", bytes(400))), form),
        "object.ckpt": (ckpt(a=([1], "O", bytes(8))), form),
        "no type.ckpt": (ckpt(a=([1], "", bytes(8))), form),
        "empty entries.ckpt": (b"\x0a\0" * 5_000_000, form),
        "endless length.ckpt": (b"\x0a" + b"\xff" * 1_000_000, form),
        "nested.ckpt": (described("[" * 100_000), damaged),
        "number.ckpt": (described(json.dumps(own)), damaged),
        "text.ckpt": (described("x" * 5_000_000), damaged),
        "list.ckpt": (described("[]"), damaged),
        "no checksum.ckpt": (ckpt(False, description=([1], "str", "{}".encode("utf-32-le"))), "checksum is missing"),
        "many entries.ckpt": (ckpt(**{f"a{number}": ([1], "Float32", bytes(4)) for number in range(20_000)}), form),
        "packed dimensions.ckpt": (
            dimensions(b"\x0a" + varint(60_000_000) + b"\1" * 60_000_000),
            "too many dimensions",
        ),
        "loose dimensions.ckpt": (dimensions(b"\x08\1" * 30_000_000), "too many dimensions"),
        "members.npz": (members(400_000), "too many entries"),
        "huge.npz": (npz(a=npy(shape % f"({2**40},)", bytes(64))), form),
        "tuple.npz": (npz(a=npy(shape % ("(" * 5000 + ")" * 5000))), form),
        "minus.npz": (npz(a=npy(shape % ("(" + "-" * 9000 + "1,)"))), form),
        "bomb.npz": (npz(zipfile.ZIP_DEFLATED, a=npy(shape % f"({2**27},)") + bytes(2**29)), "unpacks to 512 MiB"),
        "integers.npz": (npz(zipfile.ZIP_DEFLATED, a=encoded_array(np.zeros(2**24, np.int8))), "a is neither weights"),
        "other.npz": (npz(zipfile.ZIP_DEFLATED)[:-4], form),
        "many.safetensors": (
            safetensors({f"a{number}": {**tensor, "shape": [0], "data_offsets": [0, 0]} for number in range(200_000)}),
            "its header is too long",
        ),
        "length.safetensors": (safetensors({}, length=2**62), form),
        "outside.safetensors": (safetensors({"a": {**tensor, "data_offsets": [0, 2**40]}}, bytes(4)), form),
        "shape.safetensors": (safetensors({"a": {**tensor, "shape": [2**40]}}, bytes(4)), form),
        "overlap.safetensors": (safetensors({"a": tensor, "b": tensor}, bytes(4)), form),
        "nested.safetensors": (safetensors(b'{"__metadata__": ' + b"[" * 100_000), form),
        "metadata.safetensors": (safetensors({"__metadata__": {"a": "[" * 5_000_000}}), "not a MobileNetV2"),
        "conventions.safetensors": (
            safetensors({"__metadata__": {"conventions.mean": "[" * 9000}, "a": tensor}, bytes(4)),
            "make no sense",
        ),
    }


def encoded_array(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


HEAD = """
import resource, sys
sys.path[:0] = [{tests!r}, {package!r}]
import hostile
from mobilenetv2.data import image_stats
from mobilenetv2.data.image import decode
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.model import checkpoint
from mobilenetv2.model.pretrained import read_pretrained
from mobilenetv2.runtime.errors import UserError
from pathlib import Path
"""


def in_a_process(code: str, seconds: int) -> str:
    """The output of a program; fails where it fails or takes longer."""
    paths = {"tests": str(ROOT / "tests"), "package": str(ROOT / "train" / "train_dir")}
    done = subprocess.run(
        [sys.executable, "-c", HEAD.format(**paths) + code], capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
