"""Finds the checkpoint for inference: the one rule of the page, of predict.py and of `mobilenetv2.load`."""

import glob
import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Optional

from .model.checkpoint import EMBEDDED
from .runtime.errors import UserError, reason
from .runtime.files import read_file
from .runtime.own_files import CHECKPOINT
from .runtime.text import printable

log = logging.getLogger(__name__)
LONGEST = 2**20  # bytes of config.json
PACKAGE = Path(__file__).resolve().parent
# The folder of the page: where it is installed, or in a copy of the project. A platform may have train/train_dir alone.
PAGES = (PACKAGE.parent / "mobilenetv2_page", PACKAGE.parents[2] / "inference")
HERE = next((folder for folder in PAGES if (folder / "app.py").is_file()), None)
CHECKPOINT_HELP = (
    "checkpoint of train.py, or the folder that holds it (default: the one that CHECKPOINT or config.json names, or the newest "
    "that train.py has left in this project or in this folder, or the built-in network)"
)


def find_checkpoint(explicit: Optional[str] = None) -> str:
    """Path of the first of these that is there: `explicit`, the environment's CHECKPOINT, a file that config.json of the page
    names and that lies beside it, the newest output of a training run in this project or the working folder, the built-in
    checkpoint.

    `explicit` and CHECKPOINT are not checked for existence. Raises UserError for an invalid config.json.
    """
    for chosen in (explicit, os.environ.get("CHECKPOINT")):
        if chosen:
            return chosen
    here = HERE
    names = [] if here is None else _configured(here / "config.json")
    configured = [here / name for name in names if here and name.lower().endswith(".ckpt")]  # not the thumbnails
    for file in configured:
        if os.path.isfile(file):
            return str(file)
        log.warning("%s is not here, though config.json names it: looking for another checkpoint.", file)
    outputs: Dict[str, float] = {}
    project = [here.parent, here.parent / "train" / "train_dir"] if here else [PACKAGE.parent]
    for place in (*map(str, project), os.curdir):
        found = glob.glob(
            os.path.join(glob.escape(place), "*", CHECKPOINT)
        )  # nothing where the folder cannot be listed
        for output in filter(os.path.isfile, map(os.path.realpath, found)):
            with suppress(OSError):  # it has just been removed
                outputs[output] = os.path.getmtime(output)
    return max(outputs, key=lambda output: outputs[output]) if outputs else str(EMBEDDED)


def configured_title() -> Optional[str]:
    """The title that config.json of the page gives, where it is a text."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        title = _read(HERE / "config.json")["title"] if HERE else None
        return title if isinstance(title, str) else None
    return None


def _read(config: Path) -> Any:
    return json.loads(read_file(config, LONGEST))


def _configured(file: Path) -> List[str]:
    """Base names of the files that config.json names; the platform puts them beside app.py. Raises UserError, as above."""
    try:
        paths = _read(file)["model_path"]
        if not isinstance(paths, list):
            raise TypeError("it is not a list")
        names = [Path(path).name for path in paths]
        if any("\0" in name or len(os.fsencode(name)) > 255 for name in names):
            raise ValueError("no file can have such a name")
        return names
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error)
        raise UserError(
            f'{file}: expected {{"model_path": ["owner/repository/{CHECKPOINT}"]}} ({printable(words)[:200]})'
        ) from None
