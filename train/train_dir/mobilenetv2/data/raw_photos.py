"""Raw photos: the negatives of cameras, most of which are TIFF files (DNG, NEF, ARW, PEF, SRW)."""

import struct
from typing import Callable, List, Set, Tuple

SUB_IFDS, DNG_VERSION, COMPRESSION, PHOTOMETRIC, CFA_PATTERN = 330, 50706, 259, 262, 33422
RAW_PHOTOMETRIC = {32803, 34892}  # color filter array; LinearRaw of DNG
RAW_COMPRESSION = {32767, 32769, 32770, 34713, 65535}  # Sony, Epson, Samsung, Nikon, Pentax
MAX_DIRECTORIES, MAX_ENTRIES = 16, 1000  # that are looked at
_FORMATS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # of the integer types

Read = Callable[[int, int], bytes]  # (offset, size) -> that many bytes of the file, or fewer at its end


def is_raw_photo(read: Read) -> bool:
    """Whether a TIFF file is a camera's raw photo, by the tags of its directories, main ones and sub-directories alike.

    A picture that a program has saved as TIFF is none, whatever its name. Directories that cannot be read are passed over."""
    start = read(0, 16)
    order, big = "<" if start.startswith(b"II") else ">", 43 in start[2:4]  # BigTIFF
    if len(start) < 16:
        return False
    waiting = list(struct.unpack_from(order + ("Q" if big else "I"), start, 8 if big else 4))
    seen: Set[int] = set()
    while waiting and len(seen) < MAX_DIRECTORIES:
        offset = waiting.pop()
        if offset in seen or not 8 <= offset < 2**62:
            continue
        seen.add(offset)
        raw, further = _look_at_directory(read, offset, order, big)
        if raw:
            return True
        waiting += further
    return False


def _look_at_directory(read: Read, offset: int, order: str, big: bool) -> Tuple[bool, List[int]]:
    """Whether a directory is of a raw photo, and the offsets of further directories that it names."""
    count_format, entry_format = order + ("Q" if big else "H"), order + ("HHQ8s" if big else "HHI4s")
    head = struct.calcsize(count_format)
    start = read(offset, head)
    if len(start) < head:
        return False, []
    count = struct.unpack(count_format, start)[0]
    size = struct.calcsize(entry_format)
    table = read(offset + head, min(count, MAX_ENTRIES) * size)
    further: List[int] = []
    for tag, kind, number, value in struct.iter_unpack(entry_format, table[: len(table) // size * size]):
        if tag in (DNG_VERSION, CFA_PATTERN):
            return True, []
        if tag not in (COMPRESSION, PHOTOMETRIC, SUB_IFDS) or kind not in _FORMATS:
            continue
        values = _values(read, order, kind, min(number, MAX_DIRECTORIES), value)
        if tag == SUB_IFDS:
            further += values
        elif RAW_PHOTOMETRIC.intersection(values) if tag == PHOTOMETRIC else RAW_COMPRESSION.intersection(values):
            return True, []
    following = read(offset + head + count * size, 8 if big else 4)
    if len(following) == (8 if big else 4):
        further += struct.unpack(order + ("Q" if big else "I"), following)
    return False, further


def _values(read: Read, order: str, kind: int, count: int, value: bytes) -> Tuple[int, ...]:
    """The values of an entry, which are in `value` itself or at the offset that it holds; none where they cannot be read."""
    values = struct.Struct(f"{order}{count}{_FORMATS[kind]}")
    if values.size > len(value):
        value = read(struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)[0], values.size)
    return values.unpack_from(value) if len(value) >= values.size else ()
