"""Paths and files of the user, and files that are written atomically."""

import errno
import os
import re
import shutil
import stat
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, Callable, Iterator, List, Sequence, Union

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from .errors import UserError, reason
from .text import printable

SUFFIXES = (".ckpt", ".npz", ".safetensors")  # compared in lower case
IMPOSSIBLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # errors of a name, not of a disk
# What disks answer that do not know a call: buckets and drives that are mounted. Others, such as a full disk, are failures.
REFUSED = (
    errno.EPERM,
    errno.EACCES,
    errno.EINVAL,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EXDEV,
    errno.EBUSY,
)


def user_path(text: str) -> Path:
    """The path, with ~ expanded. Raises UserError if the home folder is not known or no file can have such a name."""
    try:
        path = Path(text).expanduser()
        os.stat(path)
    except RuntimeError:
        raise UserError(f"{text}: the home folder that ~ stands for is not known here; write the path out") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in IMPOSSIBLE:
            return path  # what is missing or out of order is said by whoever needs it
        raise UserError(
            f"{printable(text[:100])}: no file or folder can have such a name; look for a typing error"
        ) from None
    return path


class NotRegular(OSError):
    """A named pipe, socket, device or folder, which is not read: it could block or never end."""


class TooLarge(OSError):
    """A file of more bytes than its reader allows. size: in bytes, of which none were read."""

    def __init__(self, file: Path, size: int, limit: int):
        super().__init__(errno.EFBIG, f"it has {_amount(size)}, more than the limit of {_amount(limit)}", str(file))
        self.size = size


def _amount(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB" if size >= 2**20 else f"{size:,} bytes"


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
            raise TooLarge(file, size, limit)
        content = stream.read(size + 1)
        if len(content) > size:  # it grows, or is one of /proc, which say that they have 0 bytes
            content += stream.read(limit + 1 - len(content))
    if len(content) > limit:
        raise TooLarge(file, len(content), limit)
    return content


def open_file(file: Path) -> BinaryIO:
    """A user's file, opened for reading; where the first bytes are enough. Raises OSError as `read_file`."""
    file_size(file)  # opening a device may do something by itself
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    stream = open(descriptor, "rb")  # noqa: SIM115
    try:
        _check_regular(file, os.fstat(descriptor))  # it may have been replaced meanwhile
    except OSError:
        stream.close()
        raise
    return stream


def file_size(file: Path) -> int:
    """In bytes. Follows links. Raises OSError, NotRegular for anything but a regular file."""
    status = os.stat(file)
    _check_regular(file, status)
    return status.st_size


def _check_regular(file: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise NotRegular(errno.EINVAL, f"{kind}, not a file", str(file))


def find_file(path: str, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """A file with one of these suffixes. path: of the file, or of a folder with exactly one such file, at any depth.

    Raises UserError if there is no such file, or more than one, or it is no regular file."""
    location = user_path(path)
    try:
        if os.path.isdir(location):
            return _only_file(location, path, suffixes)
        file_size(location)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: there is no such file or folder of weights; look for a typing error") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({reason(error)}); name another file or folder of weights") from None
    if location.suffix.lower() not in suffixes:
        raise UserError(f"{path}: weights must be a file that ends in {', '.join(suffixes)}")
    return location


def _only_file(folder: Path, path: str, suffixes: Sequence[str]) -> Path:
    """The one file with one of these suffixes below `folder`. path: as typed, for messages. Raises UserError, as `find_file`."""
    closed: List[OSError] = []
    named = sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=closed.append)  # does not follow links, which may be circular
        for name in names
        if os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")
    )
    # Where no file is a regular one, reading says what is wrong with a single other one.
    found = [file for file in named if os.path.isfile(file)] or named
    if len(found) == 1:
        return found[0]
    names = ", ".join(printable(str(file.relative_to(folder))) for file in found[:5]) or "none"
    unseen = "".join(
        f", and {printable(os.fsdecode(error.filename))} cannot be listed ({reason(error)})" for error in closed[:5]
    )
    raise UserError(
        f"{path}: expected one file of weights ({', '.join(suffixes)}) here, found {names}{unseen}; name the file itself"
    )


def make_folder(folder: Path) -> None:
    """Make the folder, and those above it, unless it is there. Raises OSError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "a file is in the place of the folder", str(folder)) from None


TEMPORARY = re.compile(r"\.\d+\.part-.")  # the names of temporary files start with this


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """Yields a temporary path in the folder of `file`, with the same suffix. At the end of the block it replaces `file`.

    After an exception, the previous `file` is kept. Raises UserError if the folder is not writable or the disk is full; a disk
    that refuses to flush or to rename gets the file all the same, see `replace`.
    """
    temporary = file.with_name(f".{os.getpid()}.part-{file.name}")
    try:
        make_folder(file.parent)
        yield temporary
        with open(temporary, "rb") as stream, unless_refused():
            os.fsync(stream.fileno())
        replace(temporary, file)
    except OSError as error:
        raise UserError(
            f"{file}: cannot be written ({reason(error)}); free some space or choose another folder"
        ) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def replace(source: Path, file: Path) -> None:
    """Rename `source` to `file`, which it replaces; on a disk that refuses that, copy the bytes into `file`.

    A copy is not atomic, and `source` is then removed afterwards. Raises OSError."""
    with unless_refused():
        os.replace(source, file)
        return
    shutil.copyfile(source, file)
    with open(file, "rb") as stream, unless_refused():
        os.fsync(stream.fileno())
    with suppress(OSError):
        source.unlink()


@contextmanager
def unless_refused() -> Iterator[None]:
    """Go on after the block if the disk does not know the call in it. Other errors are raised."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise


def lock(file: Union[IO[Any], int]) -> bool:
    """Lock until the file is closed or this process ends, in whatever way. Does nothing on file systems without locks, as some
    mounted ones; returns whether there is a lock. Raises BlockingIOError if another process holds the lock."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except BlockingIOError:
        raise
    except OSError:
        pass
    return False


@contextmanager
def alone_in(folder: Path, waiting: Callable[[], None]) -> Iterator[bool]:
    """One process after the other executes the block for this folder, which is made. Yields whether that is certain: it is not
    on file systems without locks. waiting: called once if another process is in the block. Raises OSError."""
    make_folder(folder)
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows does not open folders
        yield False
        return
    try:
        certain = _wait_for_lock(descriptor, waiting)
        yield certain
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, waiting: Callable[[], None]) -> bool:
    told = False
    while True:
        try:
            return lock(descriptor)
        except BlockingIOError:
            if not told:
                waiting()
            told = True
            time.sleep(0.2)


def remove_temporary(folder: Path) -> None:
    """Delete what `atomic` has left in this folder when its process was killed. No other process may be writing there."""
    with suppress(OSError):
        for file in folder.iterdir():
            if TEMPORARY.match(file.name):
                with suppress(OSError):
                    file.unlink()
