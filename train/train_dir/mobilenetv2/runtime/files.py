"""Paths and files of the user, and files that are written atomically."""

import errno
import os
import re
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Iterator, Sequence

from .errors import UserError
from .text import printable

SUFFIXES = (".ckpt", ".npz", ".safetensors")


def user_path(text: str) -> Path:
    """The path, with ~ expanded. Raises UserError if the home folder is not known or no file can have such a name."""
    try:
        path = Path(text).expanduser()
        path.exists()  # OSError for a name that is too long, for instance; not for a missing file
        if "\0" in text:
            raise ValueError
    except RuntimeError:
        raise UserError(f"{text}: the home folder that ~ stands for is not known here; write the path out") from None
    except PermissionError:
        return path
    except (OSError, ValueError):
        raise UserError(
            f"{printable(text[:100])}: no file or folder can have such a name; look for a typing error"
        ) from None
    return path


class NotRegular(OSError):
    """A named pipe, socket, device or folder, which is not read: it could block or never end."""


class TooLarge(OSError):
    """A file of more bytes than its reader allows. size: in bytes, of which none were read."""

    def __init__(self, size: int, limit: int):
        super().__init__(errno.EFBIG, f"it has {size / 2**20:,.0f} MiB, the limit is {limit / 2**20:,.0f} MiB")
        self.size = size


KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def read_file(file: Path, limit: int) -> bytes:
    """The bytes of a user's file; every reader of such a file takes this one. Follows links.

    Raises OSError, whose `strerror` is in words: NotRegular for anything but a regular file, TooLarge above `limit` bytes. Both
    are decided before anything is read or waited for."""
    with open_file(file) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > limit:
            raise TooLarge(size, limit)
        content = stream.read(limit + 1)  # a file in /proc says that it has 0 bytes
    if len(content) > limit:
        raise TooLarge(len(content), limit)
    return content


def open_file(file: Path) -> BinaryIO:
    """A user's file, opened for reading; where the first bytes are enough. Raises OSError as `read_file`."""
    _check_regular(os.stat(file))  # opening a device may do something by itself
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    stream = open(descriptor, "rb")  # noqa: SIM115
    try:
        _check_regular(os.fstat(descriptor))  # it may have been replaced meanwhile
    except OSError:
        stream.close()
        raise
    return stream


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(errno.EINVAL, f"{KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}, not a file")


def find_file(path: str, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """A file with one of these suffixes. path: of the file, or of a folder with exactly one such file, at any depth.

    Raises UserError if there is no such file, or more than one."""
    location = user_path(path)
    if location.is_dir():
        found = sorted(
            file for file in location.rglob("*") if file.suffix in suffixes and not file.name.startswith(".")
        )
        if len(found) != 1:
            names = ", ".join(printable(str(file.relative_to(location))) for file in found[:5]) or "none"
            raise UserError(
                f"{path}: expected one file of weights ({', '.join(suffixes)}) here, found {names}; name the file itself"
            )
        return found[0]
    if not location.is_file():
        raise UserError(f"{path}: there is no such file or folder of weights; look for a typing error")
    if location.suffix not in suffixes:
        raise UserError(f"{path}: weights must be a file that ends in {', '.join(suffixes)}")
    return location


TEMPORARY = re.compile(r"\.\d+\.part-.")  # the names of temporary files start with this


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of `file`, with the same suffix. At the end of the block it replaces `file`.

    After an exception, the previous `file` is kept. Raises UserError if the folder is not writable or the disk is full.
    """
    temporary = file.with_name(f".{os.getpid()}.part-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except OSError as error:
        raise UserError(
            f"{file}: cannot be written ({error.strerror or error}); free some space or choose another folder"
        ) from None
    finally:
        for left in (temporary, temporary.with_suffix(".tmp")):  # MindSpore writes to the second one first
            with suppress(OSError):
                left.unlink()


def remove_temporary(folder: Path) -> None:
    """Delete what `atomic` has left in this folder when its process was killed. No other process may be writing there."""
    with suppress(OSError):
        for file in folder.iterdir():
            if TEMPORARY.match(file.name):
                file.unlink()
