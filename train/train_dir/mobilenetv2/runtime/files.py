"""Files on disk: found, and written atomically."""

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Sequence

from .errors import UserError
from .text import printable

SUFFIXES = (".ckpt", ".npz", ".safetensors")


def user_path(text: str) -> Path:
    """A path as typed, ~ included. Raises UserError where the home that ~ means is not known, or no file can have such a
    name."""
    try:
        path = Path(text).expanduser()
        path.exists()  # OSError: a name that is too long, for instance; absent files are none
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
    """A path to a file, or to the folder that holds the one file with such a suffix. Raises UserError."""
    place = user_path(path)
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if file.suffix in suffixes and not file.name.startswith("."))
        if len(found) != 1:
            names = ", ".join(printable(str(file.relative_to(place))) for file in found[:5]) or "none"
            raise UserError(
                f"{path}: expected one file of weights ({', '.join(suffixes)}) here, found {names}; name the file itself"
            )
        return found[0]
    if not place.is_file():
        raise UserError(f"{path}: there is no such file or folder of weights; look for a typing error")
    if place.suffix not in suffixes:
        raise UserError(f"{path}: weights must be a file that ends in {', '.join(suffixes)}")
    return place


TEMPORARY = re.compile(r"\.\d+\.part-.")  # how the names of temporary files begin


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """A temporary path beside `file`, of the same suffix, to write to; takes the place of `file` when the block ends well.

    Raises UserError where the folder cannot be written to or the disk is full; an older `file` is then still there.
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
        for left in (temporary, temporary.with_suffix(".tmp")):  # the second is what MindSpore writes to at first
            with suppress(OSError):
                left.unlink()


def remove_temporary(folder: Path) -> None:
    """What `atomic` had begun to write to this folder when its process was killed. Nobody else may be writing there."""
    with suppress(OSError):
        for file in folder.iterdir():
            if TEMPORARY.match(file.name):
                file.unlink()
