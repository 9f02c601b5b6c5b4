"""What the run says: on the console and, line by line, in train.log."""

import logging
import os
import sys
from pathlib import Path

from tqdm import tqdm

from .errors import UserError, printable

NAME = __package__  # the logger above all of this package's


class _Console(logging.Handler):
    """Standard output, above a progress bar where there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tqdm.write(self.format(record), file=sys.stdout)
            sys.stdout.flush()
        except OSError:  # nobody listens any more, as behind "| head": train.log goes on
            logging.getLogger(NAME).removeHandler(self)
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def start(folder: Path) -> None:
    """Make `folder` and begin its train.log anew. Raises UserError where that is not possible."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a console that cannot show Chinese must not end the run
    try:
        if (folder / "mobilenetv2.ckpt").is_dir():
            raise IsADirectoryError(0, "mobilenetv2.ckpt in it is a folder")
        folder.mkdir(parents=True, exist_ok=True)
        handlers = [
            _Console(),
            logging.FileHandler(folder / "train.log", "w", encoding="utf-8", errors="backslashreplace"),
        ]
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
        handler.setFormatter(Formatter())
        log.addHandler(handler)


class Formatter(logging.Formatter):
    """Says how bad it is, where it is; control characters of names are shown and not sent to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record), keep="\n\t")
        return text if record.levelno < logging.WARNING else f"{record.levelname}: {text}"
