"""The files that a training leaves. They are written aside, and come into the output folder when all of them are there.

A record marks that they are all there. Until it is removed, a process that is started with the same command knows that nothing
is left to be trained; whatever its command, it first finishes the move that another one has begun."""

import hashlib
import json
import logging
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

from .errors import UserError, reason
from .files import atomic, make_folder, read_file, replace
from .own_files import CHECKPOINT, EXPORTED_FILES, MODEL_CARD
from .signals import uninterrupted

log = logging.getLogger(__name__)
NEW, RECORD = ".training.files", ".training.complete"
OTHERS = (
    "mobilenetv2.thumbnails.jpg",
    "metrics.json",
    "validation.csv",
    "history.csv",
    "label_issues.csv",
    "check.json",
    "report.html",
    MODEL_CARD,
    *EXPORTED_FILES,  # written later, from the checkpoint; those of an earlier one go with it
)
LARGEST = 2**22  # bytes of a record
LARGEST_FILE = 2**30


@contextmanager
def new_folder(output: Path) -> Iterator[Path]:
    """Yields an empty folder in `output` for the files of a run. An exception in the block removes it, unless the files are
    `complete`. Raises UserError where the folder cannot be made."""
    folder = output / NEW
    forget(output)
    try:
        make_folder(folder)
    except OSError as error:
        raise UserError(
            f"{output}: cannot be written to ({reason(error)}); free some space or choose another folder"
        ) from None
    try:
        yield folder
    except BaseException:
        if read_record(output) is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def complete(output: Path, record: Dict[str, Any]) -> None:
    """Mark that all files are in the folder of `new_folder`. record: JSON, to which "files" is added: their digests by name.
    Raises UserError where that cannot be written."""
    record = {**record, "files": _digests(output / NEW)}
    with atomic(output / RECORD) as temporary:
        temporary.write_text(json.dumps(record), encoding="utf-8")


def are_in(output: Path, record: Dict[str, Any]) -> bool:
    """Whether the files of this record are in the output folder, as they were written: not one that was removed since, or
    replaced by another."""
    found, written = _digests(output), record["files"]
    return all(found.get(name) == digest for name, digest in written.items())


def _digests(folder: Path) -> Dict[str, str]:
    found = {}
    for name in (CHECKPOINT, *OTHERS):
        with suppress(OSError):
            found[name] = hashlib.sha256(read_file(folder / name, LARGEST_FILE)).hexdigest()
    return found


def read_record(output: Path) -> Optional[Dict[str, Any]]:
    """What `complete` has recorded, until `forget`; None where files are missing, or the record cannot be read."""
    try:
        record = json.loads(read_file(output / RECORD, LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def move_in(output: Path) -> None:
    """Replace the files of an earlier run by those of `new_folder`, if all are there; else remove these.

    The earlier report and its like go first, then the checkpoint is replaced: at no time is a checkpoint beside another run's
    report. A process that is killed meanwhile leaves the rest to the next call. Raises UserError where the disk fails."""
    folder = output / NEW
    if read_record(output) is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        with uninterrupted():
            if os.path.exists(folder / CHECKPOINT):
                for name in OTHERS:
                    with suppress(OSError):
                        (output / name).unlink()
                replace(folder / CHECKPOINT, output / CHECKPOINT)
            for name in OTHERS:
                if os.path.isdir(output / name):
                    log.warning("%s: cannot be written (a folder is in its place).", output / name)
                elif os.path.exists(folder / name):
                    replace(folder / name, output / name)
    except OSError as error:
        raise UserError(
            f"{output}: the files of a complete run cannot be moved into it ({reason(error)}); free some space, and give the "
            "same command again"
        ) from None


def forget(output: Path) -> None:
    """Remove the folder of `new_folder`, then the record, which says until then that the files are complete. What cannot be
    removed stays."""
    shutil.rmtree(output / NEW, ignore_errors=True)
    with suppress(OSError):
        (output / RECORD).unlink()
