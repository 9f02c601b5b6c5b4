"""What the run says: on the console and, line by line, in train.log, which also keeps a second run out of the folder."""

import logging
import os
import sys
from pathlib import Path
from typing import Optional, TextIO, cast

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from tqdm import tqdm

from .errors import UserError
from .text import printable

NAME = __package__.split(".")[0]  # the logger above all of this package's


class _Console(logging.Handler):
    """Standard output, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stdout)
            sys.stdout.flush()
        except OSError:  # nobody listens any more, as behind "| head": train.log goes on
            logging.getLogger(NAME).removeHandler(self)
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class _File(logging.FileHandler):
    """train.log."""

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written to, as on a full disk, does not end the run; said once."""
        log = logging.getLogger(NAME)
        log.removeHandler(self)
        log.warning("%s cannot be written to any more (%s).", self.baseFilename, sys.exc_info()[1])


def start_logging(folder: Optional[Path], anew: bool = True) -> None:
    """Make `folder` and begin its train.log, or go on with it where not anew; without a folder, there is only the console.
    Raises UserError where that is not possible, or another run is at it."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console that cannot show Chinese must not end the run
    log = logging.getLogger(NAME)
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    handlers = [_Console(), *([_begun(folder, anew)] if folder else [])]
    for handler in handlers:
        handler.setFormatter(_Formatter())
        log.addHandler(handler)


def _begun(folder: Path, anew: bool) -> logging.Handler:
    try:
        if (folder / "mobilenetv2.ckpt").is_dir():
            raise IsADirectoryError(0, "mobilenetv2.ckpt in it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        file = _File(folder / "train.log", "a", encoding="utf-8", errors="backslashreplace")
        stream = cast(TextIO, file.stream)
        _lock(stream, folder)
        if anew:
            stream.truncate(0)
    except OSError as error:
        raise UserError(
            f"--output_path={folder}: cannot be written to ({error.strerror}); choose another folder"
        ) from None
    return file


def log_to_stderr() -> None:
    """For programs whose standard output is the result: what all loggers say, on standard error."""
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[console])


def _lock(stream: TextIO, folder: Path) -> None:
    """Until this process ends, in whatever way; nothing where the file system knows no locks, as some that platforms mount."""
    try:
        if fcntl:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"--output_path={folder}: another run is writing to it; wait for its end, or choose another folder"
        ) from None
    except OSError:
        return


class _Formatter(logging.Formatter):
    """Says how bad it is, where it is; control characters of names are shown and not sent to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record), keep="\n\t")
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"
