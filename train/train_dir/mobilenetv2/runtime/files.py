"""Paths typed by the user, and files that are written atomically."""

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Sequence

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
