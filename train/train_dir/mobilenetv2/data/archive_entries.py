"""What is in a .zip or .tar archive, entry by entry. Nothing is written here, and no name is trusted."""

import bz2
import errno
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, Any, BinaryIO, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

ENDINGS = (
    ".zip",
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tar.xz",
    ".txz",
)  # of names, compared in lower case
# Begin an archive of each kind. Those of other programs are known so that they can be named.
MAGIC = {
    "zip": (b"PK\3\4", b"PK\5\6"),
    "gz": (b"\x1f\x8b",),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\0",),
    "rar": (b"Rar!\x1a\7",),
    "7z": (b"7z\xbc\xaf\x27\x1c",),
}
# What zipfile, tarfile and the decompressors raise for a damaged archive, beside an OSError.
DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error),
    *(RuntimeError, ValueError, OverflowError, LookupError),
)
TAR_MAGIC = slice(257, 262)  # where a .tar file says "ustar"
HEAD = 512  # bytes of an archive by which its kind is known
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
AT_ONCE = 2**20  # bytes of a name or another header of a .tar file, each of which tarfile reads as a whole
CENTRAL = 2**25  # bytes of the list of entries of a .zip file, each of which takes ZipFile half a kilobyte
UTF_8, ENCRYPTED = 0x800, 0x1  # flags of an entry of a .zip file
# Of names that do not say theirs, the likeliest first. macOS writes UTF-8, Windows GBK in China and code page 437 in the West.
ENCODINGS = ("utf-8", "gb2312", "cp437", "gb18030")
LETTERS = {*range(0x80, 0xA6), 0xE1}  # those of code page 437
UNICODE_PATH = 0x7075  # number of the field in which Info-ZIP writes the name in UTF-8


class Entry(NamedTuple):
    """kind: "file", "folder", or what makes it impossible to unpack, in words. size: unpacked, in bytes, as the archive says.
    name: its bytes where the archive does not say their encoding; see `decode_names`."""

    name: Union[str, bytes]
    kind: str
    size: int


class Damaged(Exception):
    """The archive is not what its beginning says: cut off, changed, or made by a program that does it in another way."""


Entries = Iterator[Tuple[Entry, Callable[[], IO[bytes]]]]


def archive_kind(head: bytes) -> Optional[str]:
    """A key of MAGIC or "tar", by the first HEAD bytes of a file; None for a file that is no archive."""
    for kind, starts in MAGIC.items():
        if head.startswith(starts):
            return kind
    return "tar" if head[TAR_MAGIC] == b"ustar" else None


def read_entries(stream: BinaryIO, kind: str, limit: int) -> Entries:
    """The entries in the order of the archive, each with a function that opens it, until the next one is asked for.

    stream: the archive. kind: see `archive_kind`. limit: bytes to which a compressed .tar file may unpack. Raises Damaged, also
    above that limit, and OSError where the disk cannot be read."""
    stream.seek(0)
    with damage_in_words():
        yield from _zip_entries(stream) if kind == "zip" else _tar_entries(stream, kind, limit)


@contextmanager
def damage_in_words() -> Iterator[None]:
    """Raises Damaged in place of what reading an entry raises for a damaged archive. An error of the disk is raised as it is."""
    try:
        yield
    except OSError as error:
        seeks_nowhere = error.errno == errno.EINVAL and error.filename is None  # to before the start of the archive
        if error.errno is not None and not seeks_nowhere:
            raise
        words = "an entry is before its start" if seeks_nowhere else str(error)
        raise Damaged(words) from None  # gzip and bz2 raise it without a number
    except DAMAGE as error:
        raise Damaged(str(error)) from None


def _zip_entries(stream: BinaryIO) -> Entries:
    _check_central(stream)
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            name = _zip_name(info)
            kind = "folder" if info.filename.endswith("/") else "file"
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                kind = "a link" if stat.S_ISLNK(mode) else "a device or pipe"
            elif info.flag_bits & ENCRYPTED:
                kind = "encrypted"
            elif info.compress_type not in METHODS:
                kind = f"compressed by a method that is not known here (number {info.compress_type})"
            yield Entry(name, kind, info.file_size), lambda info=info: archive.open(info)  # type: ignore[misc]


def _check_central(stream: BinaryIO) -> None:
    """Raises Damaged where the list of entries is too long to be read: ZipFile takes it into memory as a whole."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 2**16 - 22))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    length = struct.unpack("<L", tail[at + 12 : at + 16])[0] if 0 <= at <= len(tail) - 22 else 0
    if length == 2**32 - 1 and at >= 76:  # the true one is in the record of ZIP64, before this one
        length = struct.unpack("<Q", tail[at - 36 : at - 28])[0]
    if length > CENTRAL:
        raise Damaged(f"its list of entries has {length >> 20} MiB, more than {CENTRAL >> 20}")
    stream.seek(0)


def _zip_name(info: zipfile.ZipInfo) -> Union[str, bytes]:
    """Where an entry does not say that its name is UTF-8, zipfile reads IBM's code page 437; Windows in China writes GBK."""
    if info.flag_bits & UTF_8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    return _unicode_path(info.extra, raw) or raw


def _unicode_path(extra: bytes, raw: bytes) -> str:
    """The name in UTF-8 that Info-ZIP, WinRAR and others put beside the other one; "" without it."""
    while len(extra) >= 4:
        number, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if number == UNICODE_PATH and field[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode("utf-8", "replace")
    return ""


def decode_names(names: Sequence[Union[str, bytes]]) -> List[str]:
    """The names in an archive as text: in the encoding in which the most of them make sense, so that a folder has one name."""
    unknown = [name for name in names if isinstance(name, bytes) and not name.isascii()]
    order = sorted(ENCODINGS, key=lambda encoding: -sum(_decode(name, encoding) is not None for name in unknown))
    return [name if isinstance(name, str) else _decode_in_order(name, order) for name in names]


def _decode_in_order(raw: bytes, encodings: Sequence[str]) -> str:
    for encoding in encodings:
        text = _decode(raw, encoding)
        if text is not None:
            return text
    return raw.decode("cp437")


def _decode(raw: bytes, encoding: str) -> Optional[str]:
    if encoding == "cp437" and not all(byte < 0x80 or byte in LETTERS for byte in raw):
        return None  # lines and signs in a name are another encoding
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _tar_entries(stream: BinaryIO, kind: str, limit: int) -> Entries:
    openers: Dict[str, Any] = {"gz": _gzip, "bz2": bz2.BZ2File, "xz": lzma.LZMAFile}
    bounded: Any = _Bounded(openers[kind](stream) if kind in openers else stream, limit)
    with tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
        for info in archive:
            name = info.name.encode("utf-8", "surrogateescape")
            what = "file" if info.isreg() else "folder" if info.isdir() else "a device or pipe"
            if info.issym() or info.islnk():
                what = "a link"
            elif info.issparse():
                what = "a file with holes"
            yield Entry(name, what, info.size), lambda info=info: archive.extractfile(info)  # type: ignore[misc]
        # At damaged headers, tarfile ends without a word. A whole archive ends with zeros.
        bounded.seek(archive.offset)
        if bounded.read(tarfile.BLOCKSIZE).strip(b"\0") or bounded.tell() != archive.offset + tarfile.BLOCKSIZE:
            raise Damaged("it ends in the middle, or an entry is damaged")
        while kind in openers and bounded.read(AT_ONCE):
            pass  # to the checksum, which is at the end of a compressed file


def _gzip(stream: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile(fileobj=stream)


class _Bounded:
    """What tarfile needs of a file, but not beyond `limit` bytes, nor more than AT_ONCE of them in one piece."""

    def __init__(self, stream: BinaryIO, limit: int):
        self._stream, self._limit = stream, limit
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= AT_ONCE:
            raise Damaged(f"a header of {size} bytes")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def _check(self, position: int) -> None:
        if position > self._limit + tarfile.RECORDSIZE:
            raise Damaged(f"it unpacks to more than {self._limit >> 20:,} MiB, the limit for an archive of its size")
