"""Reads picture files from disks."""

from pathlib import Path

from ..runtime.errors import reason
from ..runtime.files import NotRegular, TooLarge, read_file
from .image import MAX_BYTES
from .image_errors import ImageError


def read_image_file(file: Path) -> bytes:
    """The bytes of a picture file. Raises ImageError, without a file name, if it cannot be read, is none or too large."""
    try:
        return read_file(file, MAX_BYTES)
    except NotRegular as error:
        raise ImageError("irregular", reason=reason(error)) from None
    except TooLarge as error:
        raise ImageError("big", size=error.size / 2**20, limit=MAX_BYTES // 2**20) from None
    except OSError as error:
        raise ImageError("unreadable", reason=reason(error)) from None
    except ValueError as error:  # a name that no file can have
        raise ImageError("unreadable", reason=error) from None
