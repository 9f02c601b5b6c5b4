"""The formats of exported files: `FORMATS` is the table of all that are known."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Tuple

import numpy as np

from ..model.checkpoint import Loaded
from ..runtime.errors import UserError
from ..runtime.own_files import EXPORTED
from .parity import Outputs

Run = Callable[[np.ndarray], Outputs]


class Format(NamedTuple):
    """file: its name in an output folder. packages: what it needs, as imported. exact: whether its logits
    are those of the network (parity.py). calibrated: whether it needs training pictures. beside: whether the metadata is in a
    file beside it, because it can hold none. write: (network, kind of input, licence, training pictures as the file takes them,
    file). run: loads the file in its own runtime."""

    file: str
    packages: Tuple[str, ...]
    exact: bool
    calibrated: bool
    beside: bool
    write: Callable[[Loaded, str, str, np.ndarray, Path], None]
    run: Callable[[Path], Run]


def _write_onnx(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    from .onnx_files import write_onnx

    write_onnx(loaded, given, licence, file)


def _write_8bit(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    from .onnx_files import write_8bit

    write_8bit(loaded, given, licence, pictures, file)


def _write_mindir(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    from .mindir import write_mindir

    write_mindir(loaded, given, file)


def _write_tflite(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    from .tflite import write_tflite

    write_tflite(loaded, given, file)


def _write_ms(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    from .lite import write_ms

    write_ms(loaded, licence, file)


def _run_onnx(file: Path) -> Run:
    from .onnx_files import run_onnx

    return run_onnx(file)


def _run_mindir(file: Path) -> Run:
    from .mindir import run_mindir

    return run_mindir(file)


def _run_tflite(file: Path) -> Run:
    from .tflite import run_tflite

    return run_tflite(file)


def _run_ms(file: Path) -> Run:
    from .lite import run_ms

    return run_ms(file)


LITE_PYTHON = "MINDSPORE_LITE_PYTHON"
ONNX = ("onnx", "onnxruntime")
PIP_NAMES = {
    "tensorflow": "tensorflow-cpu",
    "ai_edge_litert": "ai-edge-litert",
    "mindspore_lite": "mindspore-lite",
}  # where it is another one
FORMATS: Dict[str, Format] = {
    "onnx": Format(EXPORTED["onnx"], ONNX, True, False, False, _write_onnx, _run_onnx),
    "onnx-8bit": Format(EXPORTED["onnx-8bit"], ONNX, False, True, False, _write_8bit, _run_onnx),
    "mindir": Format(EXPORTED["mindir"], (), True, False, True, _write_mindir, _run_mindir),
    "tflite": Format(
        EXPORTED["tflite"], ("tensorflow", "ai_edge_litert"), True, False, True, _write_tflite, _run_tflite
    ),
    "ms": Format(EXPORTED["ms"], (*ONNX, "mindspore_lite"), True, False, True, _write_ms, _run_ms),
}


def read_formats(text: str, option: str) -> List[str]:
    """The names of formats, separated by commas. option: how the user gave them, for messages. Raises UserError for one that is
    not known, and for packages that are not installed."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise UserError(
            f"{option}={text}: expected one or more of {', '.join(FORMATS)}, separated by commas; not {', '.join(unknown)}"
        )
    packages = dict.fromkeys(package for name in names for package in FORMATS[name].packages)
    missing = [PIP_NAMES.get(package, package) for package in packages if not _is_installed(package)]
    if missing:
        # Others may bring a NumPy that MindSpore cannot use.
        raise UserError(
            f"{option}={text}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; "
            f"""'pip install {" ".join(missing)} "numpy<2"' mends it"""
            + (f", or {LITE_PYTHON} names the Python that has it" if "mindspore-lite" in missing else "")
        )
    return names


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None or (package == "mindspore_lite" and LITE_PYTHON in os.environ)
