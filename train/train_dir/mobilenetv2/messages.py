"""What a run says to the person who started it: what it is going to do, and in the end what to do next."""

import importlib.util
import os
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Iterable, List, Optional, Tuple

from .command_line import INSTALLED
from .config import Config
from .data.dataset import IN_TURN, LEARNED, PhotoSet
from .data.kind import DRAWINGS, for_kind
from .data.layout import some_names
from .model.architecture import NUM_BLOCKS
from .model.pretrained import TakenClasses
from .runtime.own_files import CHECKPOINT
from .runtime.text import HIDDEN, printable

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = Path(__file__).resolve().parents[1] / "train.py"  # also where a notebook calls its `main`
CLASSIFIER = "the classifier, the network's last layer"
NAMED = 10  # classes
FEW_FOLDERS_UP = 2  # a path that leads further up is shown as it is from the root
SMALL_ARE_CUT = (
    "These weights are of an earlier version: the edges of small pictures are cut away, as of large ones. A network that is "
    "trained from other weights gets small pictures whole."
)


def plan(config: Config, kind: str) -> str:
    """What the run is going to do. kind: of the pictures, see data/kind.py."""
    parts = _parts(config)
    said = {
        "check_files": "The photos are only looked at, without a network (--check, --pretrain_url random).",
        "check": "The photos are only looked at; nothing is trained (--check).",
        "head": f"What is trained: {CLASSIFIER}. The rest stays as it is (--unfreeze trains more).",
        "finetune": f"What is trained, in two steps: {CLASSIFIER}; then {parts} with it (--unfreeze).",
        "scratch": "What is trained: the whole network, from random numbers.",
        "distill": "What is trained, in two steps: the classifier of the large network; then a small network, by its answers.",
    }[config.mode]
    return for_kind(said, kind)


def step(config: Config, training: str, kind: str) -> str:
    """What the training that now begins does, and what --epochs has to do with it. training: "head", "finetune" or "distill".
    kind: of the pictures."""
    alone = config.mode in ("head", "scratch")
    first = training == "head" and not alone
    epochs = (config.classifier_plan if training == "head" else config.network_plan).epochs
    most = "" if training == "distill" else "at most "
    number = "" if alone else "Step 1 of 2: " if first else "Step 2 of 2: "
    what = {"head": CLASSIFIER, "finetune": _parts(config), "distill": "the small network"}[training]
    counted = "" if first else f" (--epochs {epochs})"
    said = f"{number}{what}, {most}{epochs} epoch{'s' * (epochs != 1)}{counted}."
    said = said[0].upper() + said[1:]
    return said + (
        " --epochs and --lr are for step 2 alone."
        if first
        else for_kind(" An epoch is one pass over the training photos.", kind)
    )


def validation(data: PhotoSet) -> str:
    """How photos are validated of which none could be set aside."""
    said = {
        IN_TURN: "There are too few photos to set some aside for validation: each is answered in turn by a classifier that has "
        "not learned from it, and the final one learns from all. The results of the epochs are of photos that they have learned.",
        LEARNED: "No class has a photo to spare for validation: the results are of the very photos that are learned, and say "
        "nothing about others.",
    }[data.validation]
    return for_kind(said, data.kind)


def nothing_is_refused(known: bool, kind: str) -> str:
    """Why the answer "neither" is left out. known: whether the weights knew some of the classes."""
    if known:
        why = "the network knew these classes, or some, before, and these photos alone do not tell what else belongs to them"
    else:
        why = "a single photo of a class does not tell what else belongs to it"
    return for_kind(f'The answer "neither" is left out: {why} (docs/trust.md).', kind)


def classifier_at_start(taken: bool, classes: Optional[TakenClasses]) -> str:
    """What becomes of the classifier of the weights. taken: whether it was of use. classes: what it knows, where it says so."""
    if not taken:
        return "with a new classifier, for these classes"
    if classes is None or classes.same:
        return "with its classifier, which knows these classes"
    kept = [
        name if old == (name,) else f"{name} (from {' and '.join(old)})" for name, old in classes.sources.items() if old
    ]
    new = [name for name, old in classes.sources.items() if not old]
    parts = {"kept": kept, "new": new, "left out": classes.left_out}
    told = [f"{what}: {printable(some_names(names, NAMED))}" for what, names in parts.items() if names]
    return f"with what its classifier knows of these classes; {'; '.join(told)}"


def after_check(report: Path) -> str:
    """What to do after a check, whose report this is."""
    lines = [
        "What to do next:",
        *_open_report(report, "Read what was found"),
        "  To train, give the same command without --check.",
    ]
    return "\n".join(lines)


def next_steps(output: Path, kind: str) -> str:
    """What to do after a training, with commands that work in the current folder. output: where the results are. kind:
    of the pictures."""
    lines = ["What to do next:", *_open_report(output / "report.html", "Read how good it is")]
    lines += ["  Open the page, which answers pictures with what was trained:", f"    {page_command(output)}"]
    if kind == DRAWINGS:
        lines += [
            "  It was trained on drawings. Train on your own photos, in one folder per class (photos/cat, photos/dog):",
            f"    {_program_command()} --data_url photos",
        ]
    return "\n".join(lines)


def _open_report(report: Path, why: str) -> List[str]:
    """Nothing where it could not be written."""
    if not report.is_file():
        return []
    return [f"  {why}; open this in a browser:", f"    {Path(os.path.abspath(report)).as_uri()}"]


def page_command(output: Path) -> str:
    """The command that opens the page with the checkpoint in this folder, and installs first what is missing for it."""
    inference, python = PROJECT / "inference", _python()
    app = quoted(shown_path(inference / "app.py"))
    if not PROGRAM.is_file() and importlib.util.find_spec("mobilenetv2_page"):
        chosen = "" if _found_by_page(output, []) else f" --checkpoint={quoted(shown_path(output))}"
        return f"mobilenetv2-page{chosen}"
    if not (inference / "app.py").is_file():  # a platform has copied train/train_dir/ alone
        checkpoint = quoted(os.path.abspath(output / CHECKPOINT))
        return f"{python} inference/app.py --checkpoint={checkpoint}   (in a copy of the whole project)"
    install = f"{python} -m pip install -r {quoted(shown_path(inference / 'requirements.txt'))} && "
    missing = importlib.util.find_spec("gradio") is None
    chosen = "" if _found_by_page(output, inference.iterdir()) else f" --checkpoint={quoted(shown_path(output))}"
    return f"{install * missing}{python} {app}{chosen}"


def _found_by_page(output: Path, beside: Iterable[Path]) -> bool:
    """Whether the page takes the newest checkpoint of this folder without being told, as `find_checkpoint` says. beside: files
    beside the page."""
    places = [os.path.realpath(place) for place in (PROJECT, PROJECT / "train" / "train_dir", os.curdir)]
    other = any(file.suffix.lower() == ".ckpt" for file in beside) or os.environ.get("CHECKPOINT")
    hidden = output.name.startswith(".")  # a pattern does not find it
    return os.path.realpath(output.parent) in places and not (hidden or other)


def shown_path(path: Path) -> str:
    """The path from the current folder, or from the root where that is shorter to read."""
    absolute = os.path.abspath(path)
    relative = os.path.relpath(absolute)
    if relative.startswith(os.path.join(*[os.pardir] * (FEW_FOLDERS_UP + 1))):
        return absolute
    return f"./{relative}" if relative.startswith(("-", "~")) else relative


def quoted(path: str) -> str:
    """As a shell reads it. What a terminal does not show is written in numbers."""
    if not HIDDEN.search(path):
        return shlex.quote(path)
    return "$'" + "".join(chr(byte) if _plain(byte) else f"\\x{byte:02x}" for byte in os.fsencode(path)) + "'"


def _plain(byte: int) -> bool:
    return 32 <= byte < 127 and chr(byte) not in "'\\"


def _program_command() -> str:
    """What to type for the training."""
    return f"{_python()} {quoted(shown_path(PROGRAM))}" if PROGRAM.is_file() else INSTALLED


def _python() -> str:
    """What to type for the Python that runs this."""
    for name in ("python", "python3"):
        with suppress(OSError):
            found = shutil.which(name)
            if found and _program(found) == _program(sys.executable):
                return name
    return quoted(sys.executable)


def _program(file: str) -> Tuple[str, str]:
    """Of a virtual environment, too, in which all Pythons are links to one: the folder counts."""
    return os.path.realpath(os.path.dirname(file)), os.path.realpath(file)


def _parts(config: Config) -> str:
    if config.unfreeze == NUM_BLOCKS:
        return "the whole network"
    last = f"last {config.unfreeze}" if config.unfreeze > 1 else "last"
    return f"the {last} of the network's {NUM_BLOCKS} parts"
