"""Logging to the console and to train.log. A lock on train.log keeps a second run out of the output folder."""

import logging
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable, List, Optional, TextIO, cast

from tqdm import tqdm

from . import own_files
from .errors import UserError, reason
from .files import NotRegular, file_size, lock, make_folder, unless_refused
from .text import printable

NAME = __package__.split(".")[0]  # of the parent of all loggers in this package


# extra= of a log call: who reads the line. One without it is for all.
FOR_PLATFORMS = {"reader": "platform"}  # parses train.log, and standard output where that is no terminal
FOR_TERMINALS = {"reader": "terminal"}  # has the same in other words, on standard output where that is a terminal


_undo: List[Callable[[], object]] = []  # what gives the host program back what `start_logging` has changed


class _ConsoleHandler(logging.Handler):
    """Standard output, above the progress bar if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._other = FOR_PLATFORMS if sys.stdout.isatty() else FOR_TERMINALS

    def filter(self, record: logging.LogRecord) -> bool:
        return vars(record).get("reader") != self._other["reader"]

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stdout)
            sys.stdout.flush()
        except OSError:  # the reader has gone, as with "| head"; train.log continues
            logging.getLogger(NAME).removeHandler(self)
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class _FileHandler(logging.FileHandler):
    """The file train.log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return vars(record).get("reader") != FOR_TERMINALS["reader"]

    def handleError(self, record: logging.LogRecord) -> None:
        """A failure to write, as on a full disk, does not end the run: warn once, and stop writing to this file."""
        log = logging.getLogger(NAME)
        log.removeHandler(self)
        log.warning("%s cannot be written to any more (%s).", self.baseFilename, sys.exc_info()[1])


def start_logging(folder: Optional[Path], anew: bool = True, console: bool = True) -> None:
    """Log to the console and to train.log in `folder`, which is created if necessary.

    folder: None to log to the console only. anew: truncate an existing train.log instead of appending to it. console: otherwise
    the log goes to train.log and to the handlers that the host program has set up.
    Raises UserError if the folder is not writable or another run holds its lock."""
    stop_logging()
    log = logging.getLogger(NAME)
    _undo.append(partial(log.setLevel, log.level))
    log.setLevel(logging.INFO)
    if console:
        if hasattr(sys.stdout, "reconfigure"):  # a console that cannot show Chinese must not end the run
            _undo.append(partial(sys.stdout.reconfigure, errors=sys.stdout.errors))
            sys.stdout.reconfigure(errors="backslashreplace")
        _undo.append(partial(setattr, log, "propagate", log.propagate))
        log.propagate = False
    handlers = [*([_ConsoleHandler()] if console else []), *([_open_log(folder, anew)] if folder else [])]
    for handler in handlers:
        handler.setFormatter(_Formatter())
        log.addHandler(handler)


def stop_logging() -> None:
    """Undo `start_logging`: close train.log, which gives its lock back."""
    log = logging.getLogger(NAME)
    for handler in log.handlers[:]:
        if isinstance(handler, (_ConsoleHandler, _FileHandler)):
            log.removeHandler(handler)
            handler.close()
    while _undo:
        with suppress(OSError, ValueError):  # the console has gone, or is closed
            _undo.pop()()


def _open_log(folder: Path, anew: bool) -> logging.Handler:
    """A handler for train.log in `folder`, locked. Raises UserError as `start_logging`."""
    try:
        if (folder / own_files.CHECKPOINT).is_dir():
            raise IsADirectoryError(0, "mobilenetv2.ckpt in it is a folder")
        make_folder(folder)
        own_files.require_own_files(folder)
        with suppress(FileNotFoundError):
            file_size(folder / own_files.LOG)  # a named pipe would wait for its reader
        file = _FileHandler(folder / own_files.LOG, "a", encoding="utf-8", errors="backslashreplace")
        stream = cast(TextIO, file.stream)
        _lock(stream, folder)
        if anew:
            with unless_refused():
                stream.truncate(0)
        if not os.fstat(stream.fileno()).st_size:
            stream.write(f"{own_files.LOG_START}\n")
            stream.flush()
    except NotRegular as error:
        raise UserError(f"--output_path={folder}: train.log in it is {reason(error)}; remove it") from None
    except OSError as error:
        raise UserError(
            f"--output_path={folder}: cannot be written to ({reason(error)}); choose another folder"
        ) from None
    return file


def log_to_stderr() -> None:
    """Send all loggers to standard error, for programs whose standard output is the result."""
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(_Formatter())
    logging.basicConfig(level=logging.INFO, handlers=[console])


def _lock(stream: TextIO, folder: Path) -> None:
    """As `lock`, but raises UserError if another process holds the lock."""
    try:
        lock(stream)
    except BlockingIOError:
        raise UserError(
            f"--output_path={folder}: another run is writing to it; wait for its end, or choose another folder"
        ) from None


class _Formatter(logging.Formatter):
    """Puts the level before warnings and errors; escapes control characters, such as those in file names."""

    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record), keep="\n\t")
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"
