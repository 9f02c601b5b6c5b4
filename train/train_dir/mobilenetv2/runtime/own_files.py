"""What this program writes into the output folder, and how to tell it from a user's file of the same name."""

import os
import re
from contextlib import suppress
from pathlib import Path

from .errors import UserError
from .files import open_file, read_file

PROGRAM = "mobilenetv2-photos"  # in every file that is known by its content
CHECKPOINT = "mobilenetv2.ckpt"
LOG = "train.log"
MODEL_CARD = "README.md"
LOG_START = f"Log of {PROGRAM}. The next run in this folder replaces it."
TABLE_COLUMNS = ("photo", "class", "answer", "neither score")  # of validation.csv, the first ones
WIDE = 200  # with more classes, a table of answers has only the best ones of them
BEST_COLUMNS = tuple((f"best {place}", f"confidence {place}") for place in range(1, 6))
HISTORY_COLUMNS = ("stage", "epoch", "training loss", "validation loss")  # of history.csv, the first ones
LABEL_COLUMNS = ("rank", "photo", "label", "looks_like")  # of label_issues.csv, the first ones
SAMPLE = "sample"  # the folder of drawings
TRACKING, TRACKERS = "tracking", ("aim", "tensorboard", "swanlab", "mlflow")  # a folder, with folders of these names
# Exported files, by format; RECORD_SUFFIX: of the description beside one that can hold none.
EXPORTED = {
    "onnx": "mobilenetv2.onnx",
    "onnx-8bit": "mobilenetv2.8bit.onnx",
    "mindir": "mobilenetv2.mindir",
    "tflite": "mobilenetv2.tflite",
    "ms": "mobilenetv2.ms",
}
RECORD_SUFFIX = ".json"
EXPORTED_FILES = (*EXPORTED.values(), *(EXPORTED[name] + RECORD_SUFFIX for name in ("mindir", "tflite", "ms")))
FINDINGS = ("check.json", "report.html", "label_issues.csv")
# The same of a check or a run that is not complete, where the folder has the files of an earlier one, which stay together.
LATER_FINDINGS = ("last-check.json", "last-check.html", "last-check.csv")
CACHED, CACHED_FOLDER = re.compile("[0-9a-f]{62}"), re.compile("[0-9a-f]{2}")  # names in the cache of features
# What these files contain, and a user's file of the same name does not.
MARKS = {
    CHECKPOINT: PROGRAM.encode("utf-32-le"),
    LOG: LOG_START.encode(),
    "report.html": f'<meta name="generator" content="{PROGRAM}">'.encode(),
    "metrics.json": f'"format": "{PROGRAM}"'.encode(),
    "check.json": f'"format": "{PROGRAM}"'.encode(),
    "validation.csv": ",".join(TABLE_COLUMNS).encode(),
    "history.csv": ",".join(HISTORY_COLUMNS).encode(),
    "label_issues.csv": ",".join(LABEL_COLUMNS).encode(),
    MODEL_CARD: f"<!-- {PROGRAM} ".encode(),
    "mobilenetv2.thumbnails.jpg": PROGRAM.encode(),
}
MARKS.update({name: PROGRAM.encode() for name in EXPORTED_FILES})
MARKS.update({later: MARKS[name] for name, later in zip(FINDINGS, LATER_FINDINGS)})
# Files that only this program names so: temporary files, states of a training that was stopped.
HIDDEN = (".training.",)
LARGEST = 2**28  # bytes of a checkpoint, or of an exported file
START = 2**14  # bytes of any other file, in which its mark is


def is_own_file(file: Path) -> bool:
    """Whether this program has written the file. False, too, for one that cannot be read."""
    if file.name.startswith(HIDDEN):
        return True
    if file.name not in MARKS:
        return False
    if file.name in EXPORTED_FILES:
        return is_exported(file)
    return _has_mark(file, MARKS[file.name], LARGEST if file.name == CHECKPOINT else START)


def is_exported(file: Path) -> bool:
    """Whether it is an exported file of this program, whatever its name: it says so, or the description beside it does."""
    return any(_has_mark(one, PROGRAM.encode(), START) for one in (file, record_of(file)))


def record_of(file: Path) -> Path:
    """Where the description of an exported file is that can hold none: mobilenetv2.mindir.json."""
    return file.with_name(file.name + RECORD_SUFFIX)


def _has_mark(file: Path, mark: bytes, length: int) -> bool:
    """Whether the mark is in so many bytes from the beginning. False, too, for a file that cannot be read."""
    try:
        if length == LARGEST:  # a checkpoint says what it is at its end
            content = read_file(file, LARGEST)
        else:
            with open_file(file) as stream:
                content = stream.read(length)
    except OSError:
        return False
    # An empty one is left by a run that was killed, or on a full disk.
    return not content or mark in content


def is_cache(folder: Path) -> bool:
    """Whether this is a folder of cached features."""
    if not CACHED_FOLDER.fullmatch(folder.name):
        return False
    with suppress(OSError):
        names = os.listdir(folder)
        return bool(names) and all(CACHED.fullmatch(name) for name in names)
    return False


def require_own_files(folder: Path) -> None:
    """Raises UserError if a run in this output folder would overwrite a file that this program has not written."""
    others = [name for name in MARKS if os.path.isfile(folder / name) and not is_own_file(folder / name)]
    if others:
        raise UserError(
            f"--output_path={folder}: {', '.join(others)} in it {'was' if len(others) == 1 else 'were'} not written by this "
            "version of the program, and would be overwritten. Choose another folder, or move what is there"
        )
