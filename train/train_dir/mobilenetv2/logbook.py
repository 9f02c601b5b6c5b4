"""What the run says: on the console and, line by line, in train.log."""

import logging
import sys
from pathlib import Path

from tqdm import tqdm

from .errors import UserError

NAME = __package__  # the logger above all of this package's


class _Console(logging.Handler):
    """Standard output, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stdout)
        sys.stdout.flush()


def start(folder: Path) -> logging.Logger:
    """Make `folder` and begin its train.log anew. Raises UserError where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handlers = [_Console(), logging.FileHandler(folder / "train.log", "w", encoding="utf-8")]
    except OSError as error:
        raise UserError(
            f"--output_path={folder}: cannot be written to ({error.strerror}); choose another folder"
        ) from None
    log = logging.getLogger(NAME)
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    for handler in handlers:
        handler.setFormatter(_Formatter())
        log.addHandler(handler)
    return log


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"
