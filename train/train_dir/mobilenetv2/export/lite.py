"""A `.ms` file of MindSpore Lite, for phones, made of the ONNX graph by MindSpore Lite's own converter.

Its package, mindspore_lite, is often of another Python than MindSpore's: MINDSPORE_LITE_PYTHON may name that one, which then runs
lite_program.py."""

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Callable, cast

import numpy as np

from ..model.checkpoint import Loaded
from ..runtime.errors import UserError
from .formats import LITE_PYTHON
from .lite_program import receive, send
from .metadata import APP, LOGITS
from .onnx_files import write_onnx
from .parity import Outputs

PROGRAM = Path(__file__).with_name("lite_program.py")


def write_ms(loaded: Loaded, licence: str, file: Path) -> None:
    """For one picture at a time, with the input APP."""
    size = loaded.description.preprocessing.size
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "network.onnx"
        write_onnx(loaded, APP, licence, source)
        command = [_python(), str(PROGRAM), "convert", str(source), str(file.with_suffix("")), str(size)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not file.is_file():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"{file.name}: MindSpore Lite's converter has failed ({last}); another version may do")


def run_ms(file: Path) -> Callable[[np.ndarray], Outputs]:
    """A function: pictures, as the file takes them -> its outputs."""
    command = [_python(), str(PROGRAM), "run", str(file)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(pictures: np.ndarray) -> Outputs:
        logits = None
        if process.stdin and process.stdout:
            with suppress(OSError):  # it has ended
                send(cast(BinaryIO, process.stdin), pictures)
            logits = receive(cast(BinaryIO, process.stdout))
        if logits is None:
            raise UserError(f"{file.name}: MindSpore Lite cannot run it; another version may do")
        return {LOGITS: logits}

    return run


def _python() -> str:
    return os.environ.get(LITE_PYTHON) or sys.executable
