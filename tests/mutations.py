"""Changes at random: bits, numbers, pieces that are cut out, repeated, inserted or taken from another input."""

import re
import zlib
from typing import List, Tuple

import numpy as np
from hostile import chunk

EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
MARKS = re.compile(rb"\xff[\xc0-\xfe]|[A-Za-z]{4}|PK..")  # where parts of a file begin, in most formats


def mutated(seeds: List[bytes], random: np.random.Generator) -> Tuple[bytes, bytes]:
    """One of the seeds, and what has become of it after one to four changes."""
    original = seeds[random.integers(len(seeds))]
    data = bytearray(original)
    for _ in range(random.integers(1, 5)):
        change = CHANGES[random.integers(len(CHANGES))]
        change(data, seeds, random)
    repaired = bytes(data)
    if random.random() < (0.7 if repaired.startswith(b"\x89PNG") else 0.2):  # most changes would end at a checksum
        repaired = with_sums(repaired)
    return original, repaired


def _place(data: bytearray, random: np.random.Generator) -> int:
    """Anywhere, near the beginning, or where a part begins."""
    how = random.random()
    if how < 0.4:
        marks = [found.start() for found in MARKS.finditer(data, 0, 20_000)] or [0]
        return min(len(data), max(0, marks[random.integers(len(marks))] + int(random.integers(-4, 12))))
    return int(random.integers(1 + (min(len(data), 200) if how < 0.5 else len(data))))


def _stretch(data: bytearray, random: np.random.Generator) -> slice:
    start = _place(data, random)
    end = _place(data, random) if random.random() < 0.5 else start + int(random.integers(1, 64))
    return slice(min(start, end), max(start, end))


def flip(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    for _ in range(random.integers(1, 9)):
        place = _place(data, random)
        if place < len(data):
            data[place] ^= 1 << random.integers(8)


def set_number(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    place, size = _place(data, random), int(random.choice([1, 2, 4]))
    number = EDGES[random.integers(len(EDGES))] & (256**size - 1)
    data[place : place + size] = number.to_bytes(size, "big" if random.random() < 0.5 else "little")


def cut(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    del data[_place(data, random) :]


def delete(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    del data[_stretch(data, random)]


def repeat(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    part, place = data[_stretch(data, random)], _place(data, random)
    times = int(2 ** random.uniform(0, 10)) if len(part) < 1000 else 1
    data[place:place] = part * times


def insert(data: bytearray, _: List[bytes], random: np.random.Generator) -> None:
    place = _place(data, random)
    data[place:place] = random.bytes(int(random.integers(1, 32)))


def splice(data: bytearray, seeds: List[bytes], random: np.random.Generator) -> None:
    other = bytearray(seeds[random.integers(len(seeds))][:60_000])
    data[_place(data, random) :] = other[_place(other, random) :]


CHANGES = (flip, flip, set_number, set_number, cut, delete, repeat, insert, splice)


def with_sums(data: bytes) -> bytes:
    """The chunks of a PNG, or a checkpoint, with checksums that are right."""
    if data[-17:-10] == b"crc_num":
        return data[:-10] + zlib.crc32(data[:-17]).to_bytes(10, "big")
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    out, place = [data[:8]], 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            break
        out.append(chunk(data[place + 4 : place + 8], data[place + 8 : end]))
        place = end + 4
    return b"".join([*out, data[place:]])
