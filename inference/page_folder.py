"""The page's own folder for temporary files and uploads, and the removal of what is old in it.

Nothing outside of such folders is ever removed. A page that was killed leaves its folder behind; one that is started later
removes it. A folder is known by its name and by a marker in it, which its page locks and touches as long as it runs; on a disk
without locks, the time of the marker tells whether a page runs.
"""

import json
import logging
import os
import shutil
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional, Set

from mobilenetv2.runtime.errors import UserError, is_disk_full, reason
from mobilenetv2.runtime.files import lock, make_folder, read_file
from mobilenetv2.runtime.own_files import PROGRAM

log = logging.getLogger(__name__)
PREFIX, MARKER = "mobilenetv2-page-", ".page"
PAUSE = 30.0  # seconds between two looks, at most
MOST = 10_000  # bytes of a marker


@contextmanager
def own_folder(seconds: float) -> Iterator[Path]:
    """A new folder for this page in GRADIO_TEMP_DIR, or in the system's folder for temporary files; removed at the end.

    Gradio keeps uploads in its uploads/, because GRADIO_TEMP_DIR is set to that in the block. seconds: that uploads are kept; the
    marker says it to later pages. Raises OSError if the folder cannot be made, UserError if the disk is full in the block."""
    given, temporary = os.environ.get("GRADIO_TEMP_DIR"), tempfile.tempdir
    parent = Path(given or tempfile.gettempdir()).absolute()
    make_folder(parent)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with open(folder / MARKER, "w", encoding="utf-8") as marker:
            lock(marker)
            marker.write(json.dumps({"program": PROGRAM, "seconds": seconds}))
            marker.flush()
            tempfile.tempdir = str(folder)  # older versions of Gradio write incomplete uploads there
            os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
            yield folder
    except OSError as error:  # of a write, which names no file
        if not is_disk_full(error):
            raise
        words = f"{parent}: cannot be written to ({reason(error)}); free some space, or set GRADIO_TEMP_DIR to another folder"
        raise UserError(words) from None
    finally:
        tempfile.tempdir = temporary
        os.environ.pop("GRADIO_TEMP_DIR", None)
        if given:
            os.environ["GRADIO_TEMP_DIR"] = given
        remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    shutil.rmtree(folder, ignore_errors=True)  # does not follow links


def start_removing(folder: Path, seconds: float) -> None:
    """Start a thread that removes new files in this page's folder once they are older than `seconds`, and the folders of killed
    pages beside it once their own time has passed.

    What is in the folder already stays. Gradio removes uploads, too, but under load it left hundreds of them; it also leaves
    incomplete uploads and empty folders.
    """
    kept = {os.path.join(place, name) for place, _, names in os.walk(folder) for name in names}
    threading.Thread(target=_go_on, args=(folder, kept, seconds), daemon=True).start()


def _go_on(folder: Path, kept: Set[str], seconds: float) -> None:
    while True:
        with suppress(OSError):
            os.utime(folder / MARKER)  # this page runs
        remove_abandoned(folder.parent)
        time.sleep(min(PAUSE, seconds / 2))
        _remove_old(folder, kept, seconds)


def _remove_old(folder: Path, kept: Set[str], seconds: float) -> None:
    """Remove files and empty folders older than `seconds`, but for those in `kept`."""
    for place, folders, names in os.walk(folder, topdown=False):
        for path in (os.path.join(place, name) for name in (*names, *folders)):
            with suppress(OSError):  # not empty, or gone
                status = os.lstat(path)
                if path not in kept and time.time() - max(status.st_mtime, status.st_ctime) > seconds:
                    os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of pages that were killed, as soon as the time that they kept uploads has passed.

    A page that runs, here or on another machine with the same disk, has the lock, or has touched its marker since."""
    try:
        names = [name for name in os.listdir(parent) if name.startswith(PREFIX)]
    except OSError:
        return
    for folder in (parent / name for name in names):
        with suppress(OSError):
            seconds = _stated_seconds(folder)
            if seconds is None or time.time() - os.stat(folder / MARKER).st_mtime <= seconds:
                continue
            with open(folder / MARKER, "rb") as marker:
                lock(marker)
                remove(folder)
                log.info("%s, which a page left behind that was killed, is removed.", folder)


def _stated_seconds(folder: Path) -> Optional[float]:
    """How long the page of this folder keeps uploads; None where it is no folder of a page, or one of another user."""
    status = os.lstat(folder)
    if os.path.islink(folder) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        return None
    try:
        said = json.loads(read_file(folder / MARKER, MOST))
        return float(said["seconds"]) if said["program"] == PROGRAM else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
