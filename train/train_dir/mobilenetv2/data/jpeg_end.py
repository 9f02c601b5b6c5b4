"""JPEG files without an end mark: cut off, or whole but for the mark.

Decoders fill up what is missing with grey and say nothing of it that Pillow passes on. Whether anything is missing shows when
other bytes are appended: a decoder that has all rows ignores them, one that has not takes them for pixels."""

import hashlib
import re
from typing import Callable, List, Optional, Set, Tuple, Union

import numpy as np
from PIL import Image

END = b"\xff\xd9"
# Zeros at the end, in bytes, that may be padding: disks and downloads fill up with them.
PADDING = 64
SURPLUS = 8  # bytes; pixels of one colour may need all of many zeros, but not without so many of them
# What is appended, in bytes. The end mark alone counts as zeros. No random byte is 255, which would begin a mark.
PATTERNS = (255, 0b10101010, 0b01010101, *np.random.default_rng(0).integers(0, 255, (3, 64)).tolist())
DECODINGS = 1 + len(PATTERNS)  # of a file that has all pixels
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_NEXT_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # restart marks belong to the pixels
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEGMENTS = {*range(0xC0, 0xD0), *range(0xDA, 0xF0), 0xFE}  # marks with a length behind them
_BAND = 2**22  # pixels that are compared at a time


def without_end(data: bytes) -> Optional[bytes]:
    """A JPEG file that has no end mark, up to the mark that begins a trailer, if any; None if it has an end mark.

    Raises OSError if scans are missing."""
    missing: Optional[Set[Tuple[int, int]]] = None  # (component, coefficient) that no scan has had in full
    place, end = 2, len(data)
    while found := _NEXT_MARK.search(data, place):
        mark, start = found.group()[1], found.start()
        if mark == 0xD9:
            return None
        place = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        segment = data[start + 4 : place]
        if mark not in _SEGMENTS or not start + 4 <= place <= len(data):  # of a trailer, or cut off
            end = start
            break
        if mark in _FRAMES:
            missing = {(component, number) for component in segment[6::3] for number in range(64)}
        elif mark == 0xDA and missing:
            missing -= _sent_whole(segment)
    if missing is None or missing:
        raise OSError("image file is truncated")
    return data[:end].rstrip(b"\xff")  # half of an end mark


def decode_without_end(pixels: bytes, decode: Callable[[bytes], Image.Image]) -> Optional[Image.Image]:
    """The picture of a JPEG file, if it is whole but for its end mark. pixels: of `without_end`.

    decode: decodes a JPEG file; it is called about DECODINGS times, and raises OSError for a broken one."""
    unpadded = pixels.rstrip(b"\0")
    if len(pixels) - len(unpadded) < PADDING:
        return _whole(pixels, decode)
    image = _whole(unpadded, decode) or _whole(unpadded + b"\0", decode)  # the last byte of the pixels may be zero
    if image or _whole(pixels[:-SURPLUS], decode):
        return image
    return _whole(pixels, decode)  # no more zeros than are needed: they are pixels of one colour


def _whole(pixels: bytes, decode: Callable[[bytes], Image.Image]) -> Optional[Image.Image]:
    """The picture, if nothing that is appended changes it."""
    try:
        image = decode(pixels + END)
        seen = _digest(image)
        fillers = (_filler(pattern, pixels) for pattern in PATTERNS)
        return image if all(_digest(decode(pixels + filler + END)) == seen for filler in fillers) else None
    except OSError:
        return None


def _filler(pattern: Union[int, List[int]], pixels: bytes) -> bytes:
    """Bytes for the pixels that may be missing, and for two rounds of restart marks, beginning with the next one."""
    body = (
        bytes(pattern) if isinstance(pattern, list) else bytes([pattern, 0] * 64 if pattern == 255 else [pattern] * 64)
    )
    numbers = [0xCF, *(mark[1] for mark in _RESTART.findall(pixels))]
    return body + b"".join(bytes([255, 0xD0 + (numbers[-1] + step) % 8]) + body for step in range(1, 17))


def _sent_whole(scan: bytes) -> Set[Tuple[int, int]]:
    """(component, coefficient) whose last bit is in a scan. scan: its header."""
    count = scan[0] if scan else 0
    components, rest = scan[1 : 1 + 2 * count : 2], scan[1 + 2 * count :]
    if len(rest) < 3 or rest[2] & 15:
        return set()
    return {(component, number) for component in components for number in range(rest[0], rest[1] + 1)}


def _digest(image: Image.Image) -> bytes:
    """Of all pixels."""
    digest, rows = hashlib.sha256(), max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        digest.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
    return digest.digest()
