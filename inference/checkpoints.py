"""Finds the checkpoint for inference."""

import glob
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Optional

from location import HERE

from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.errors import UserError, reason
from mobilenetv2.runtime.files import read_file
from mobilenetv2.runtime.own_files import CHECKPOINT
from mobilenetv2.runtime.text import printable

log = logging.getLogger(__name__)
LONGEST = 2**20  # bytes of config.json
CHECKPOINT_HELP = (
    "checkpoint of train.py, or the folder that holds it (default: the one that CHECKPOINT or config.json names, or the newest "
    "that train.py has left in this project or in this folder, or the built-in network)"
)


def find_checkpoint(explicit: Optional[str] = None) -> str:
    """Path of the first of these that is there: `explicit`, the environment's CHECKPOINT, a file that config.json names and
    that lies beside it, the newest output of a training run in this project or the working folder, the built-in checkpoint.

    `explicit` and CHECKPOINT are not checked for existence. Raises UserError for an invalid config.json.
    """
    for chosen in (explicit, os.environ.get("CHECKPOINT")):
        if chosen:
            return chosen
    configured = [HERE / name for name in _configured() if name.lower().endswith(".ckpt")]  # not the thumbnails
    for file in configured:
        if os.path.isfile(file):
            return str(file)
        log.warning("%s is not here, though config.json names it: looking for another checkpoint.", file)
    outputs: Dict[str, float] = {}
    for place in (str(HERE.parent), str(HERE.parent / "train" / "train_dir"), os.curdir):
        found = glob.glob(
            os.path.join(glob.escape(place), "*", CHECKPOINT)
        )  # nothing where the folder cannot be listed
        for output in filter(os.path.isfile, map(os.path.realpath, found)):
            with suppress(OSError):  # it has just been removed
                outputs[output] = os.path.getmtime(output)
    return max(outputs, key=lambda output: outputs[output]) if outputs else str(EMBEDDED)


def configured_title() -> Optional[str]:
    """The title of the page that config.json gives, where it is a text."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        title = _config()["title"]
        return title if isinstance(title, str) else None
    return None


def _config() -> Any:
    return json.loads(read_file(HERE / "config.json", LONGEST))


def _configured() -> List[str]:
    """Base names of the files that config.json names; the platform puts them beside app.py. Raises UserError, as above."""
    try:
        paths = _config()["model_path"]
        if not isinstance(paths, list):
            raise TypeError("it is not a list")
        names = [Path(path).name for path in paths]
        if any("\0" in name or len(os.fsencode(name)) > 255 for name in names):
            raise ValueError("no file can have such a name")
        return names
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error)
        raise UserError(
            f'{HERE / "config.json"}: expected {{"model_path": ["owner/repository/{CHECKPOINT}"]}} ({printable(words)[:200]})'
        ) from None
