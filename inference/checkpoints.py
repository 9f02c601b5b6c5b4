"""Finds the checkpoint for inference. Importing this module puts the package on the path, so import it before the package."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import List, Optional

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train" / "train_dir"))

from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.text import printable

log = logging.getLogger(__name__)
NAME = "mobilenetv2.ckpt"
LONGEST = 2**20  # characters of config.json


def find_checkpoint(explicit: Optional[str] = None) -> str:
    """Path of the first of these that is there: `explicit`, the environment's CHECKPOINT, a file that config.json names and
    that lies beside it, the newest output of a training run in this project or the working folder, the built-in checkpoint.

    `explicit` and CHECKPOINT are not checked for existence. Raises UserError for an invalid config.json.
    """
    for chosen in (explicit, os.environ.get("CHECKPOINT")):
        if chosen:
            return chosen
    configured = [HERE / name for name in _configured() if name.endswith(".ckpt")]  # not the thumbnails
    for file in configured:
        if file.is_file():
            return str(file)
        log.warning("%s is not here, though config.json names it: looking for another checkpoint.", file)
    places = (HERE.parent, HERE.parent / "train" / "train_dir", Path.cwd())
    outputs = {file.resolve() for place in places for file in place.glob(f"*/{NAME}")}
    if outputs:
        return str(max(outputs, key=lambda file: file.stat().st_mtime))
    return str(EMBEDDED)


def _configured() -> List[str]:
    """Base names of the files that config.json names; the platform puts them beside app.py. Raises UserError, as above."""
    try:
        with open(HERE / "config.json", encoding="utf-8") as stream:
            paths = json.loads(stream.read(LONGEST))["model_path"]
        if not isinstance(paths, list):
            raise TypeError("it is not a list")
        names = [Path(path).name for path in paths]
        if any("\0" in name or len(os.fsencode(name)) > 255 for name in names):
            raise ValueError("no file can have such a name")
        return names
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = printable(str(error))[:200]
        raise UserError(
            f'{HERE / "config.json"}: expected {{"model_path": ["owner/repository/{NAME}"]}} ({reason})'
        ) from None
