"""The chunks of a PNG file that its pixels need. All others may be huge or broken, and the picture is a picture all the same."""

import struct
import zlib
from typing import List

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CRITICAL, TRANSPARENCY, EXIF, TEXT = (b"IHDR", b"PLTE", b"IDAT", b"IEND"), b"tRNS", b"eXIf", (b"tEXt", b"zTXt", b"iTXt")
ORIENTED = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")  # keywords of texts that may have the orientation
MAX_TEXT = 2**16  # bytes of one of these texts in the file
MAX_UNPACKED = 2**20  # and unpacked
MAX_CHUNKS = 10**6


def needed_chunks(data: bytes) -> bytes:
    """A PNG file without what neither its pixels nor its orientation need: texts, colour profile, further frames and the like.

    What is kept of these comes before the pixels, with a right checksum. Checksums of the pixels are left as they are. Raises
    ValueError beyond MAX_CHUNKS."""
    first: List[bytes] = []
    pixels: List[bytes] = []
    place = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        head = data[place : place + 8]
        if len(head) < 8:
            break
        length, kind = struct.unpack(">I4s", head)
        end = place + 12 + length
        if kind in CRITICAL:
            (pixels if kind in (b"IDAT", b"IEND") else first).append(data[place:end])
            if kind == b"IEND":
                break
        elif end <= len(data) and (
            kind in (TRANSPARENCY, EXIF) or (kind in TEXT and _is_oriented(data, place, length))
        ):
            body = data[place + 4 : place + 8 + length]
            first.append(data[place : place + 4] + body + struct.pack(">I", zlib.crc32(body)))
        place = end
    else:
        raise ValueError("too many chunks")
    return b"".join([SIGNATURE, *first, *pixels])


def _is_oriented(data: bytes, place: int, length: int) -> bool:
    """Whether a text chunk may have the orientation, and is small enough to be read, packed or not."""
    text = data[place + 8 : place + 8 + length] if length <= MAX_TEXT else b""
    if not text.startswith(ORIENTED):
        return False
    kind, packed = data[place + 4 : place + 8], text.partition(b"\0")[2]
    if kind == b"iTXt":  # compressed or not, method, language, translated keyword, text
        compressed, packed = packed[:1] == b"\1", packed[2:].split(b"\0", 2)[-1]
    else:  # method, text
        compressed, packed = kind == b"zTXt", packed[1:]
    try:
        unpacker = zlib.decompressobj()
        return not compressed or len(unpacker.decompress(packed, MAX_UNPACKED)) < MAX_UNPACKED
    except zlib.error:
        return False
