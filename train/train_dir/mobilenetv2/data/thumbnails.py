"""Thumbnails of training photos in one file beside the checkpoint: the page shows those most similar to an image."""

import hashlib
import io
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Sequence

from PIL import Image, ImageOps

from ..runtime.errors import UserError
from ..runtime.files import atomic, read_file
from ..runtime.own_files import PROGRAM
from ..runtime.progress import parallel_map
from .dataset import Photo
from .image import MAX_BYTES, decode

log = logging.getLogger(__name__)
ACROSS = 32  # thumbnails in a row of the sheet
LARGEST, MOST = 128, 1000  # largest side of a thumbnail, in pixels, and largest number of thumbnails
SUFFIX = ".thumbnails.jpg"  # replaces the .ckpt of the checkpoint


def write_sheet(file: Path, photos: Sequence[Photo], side: int, workers: int) -> Dict[str, Any]:
    """Write a JPEG file with a thumbnail of side x side pixels for each photo, in order, row by row.

    Returns the description for `read_sheet`: side, count and SHA-256 of the file. Raises UserError if a photo cannot be read or
    the file cannot be written."""
    sheet = Image.new("RGB", (ACROSS * side, -(-len(photos) // ACROSS) * side))
    small = parallel_map(lambda photo: ImageOps.fit(decode(photo.read(), side), (side, side)), photos, workers)
    for number, picture in enumerate(small):
        sheet.paste(picture, (number % ACROSS * side, number // ACROSS * side))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80, comment=PROGRAM)
    with atomic(file) as temporary:
        temporary.write_bytes(buffer.getvalue())
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    return {"side": side, "count": len(photos), "sha256": digest}


def replace_sheet(file: Path, photos: Sequence[Photo], side: int, workers: int) -> Dict[str, Any]:
    """`write_sheet` in place of the file of an earlier run; with side 0 only remove that one. A failure is a warning: the
    training is done, and this must not lose it. Returns the description, or {} if there are no thumbnails."""
    with suppress(OSError):  # one that stays is not taken for this checkpoint's, because of its SHA-256
        file.unlink()
    try:
        return write_sheet(file, photos, side, workers) if side else {}
    except UserError as error:
        log.warning("%s was not written: %s", file.name, error)
        return {}


def check_description(known: Any) -> None:
    """Raise ValueError, KeyError or TypeError unless this is a description from `write_sheet`, or empty."""
    if known == {}:
        return
    side, count = known["side"], known["count"]
    if not (isinstance(side, int) and 1 <= side <= LARGEST and isinstance(count, int) and 1 <= count <= MOST):
        raise ValueError("its description of thumbnails is not one")


def read_sheet(file: Path, known: Dict[str, Any]) -> List[Image.Image]:
    """The thumbnails, in order; none if the file is missing, does not match the description `known` or is no picture."""
    try:
        data = read_file(file, MAX_BYTES)
        if hashlib.sha256(data).hexdigest() != known.get("sha256"):
            return []
        sheet, side = Image.open(io.BytesIO(data), formats=("JPEG",)), known["side"]
        if sheet.size != (ACROSS * side, -(-known["count"] // ACROSS) * side):
            return []
        corners = ((number % ACROSS * side, number // ACROSS * side) for number in range(known["count"]))
        return [sheet.crop((left, top, left + side, top + side)) for left, top in corners]
    except (OSError, Image.DecompressionBombError):
        return []
