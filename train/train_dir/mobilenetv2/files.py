"""Files on disk: found, read without executing anything, written atomically."""

import json
import logging
import os
import re
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, Sequence, Tuple

import mindspore as ms
import numpy as np
from safetensors import safe_open

from .errors import UserError

MAX_BYTES = 2**30  # of a file of weights, packed or unpacked; MobileNetV2 1.0 has 14 MB
SUFFIXES = (".ckpt", ".npz", ".safetensors")


def user_path(text: str) -> Path:
    """A path as typed, ~ included. Raises UserError where the home that ~ means is not known."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UserError(f"{text}: the home folder that ~ stands for is not known here; write the path out") from None


def find_file(path: str, suffixes: Sequence[str] = SUFFIXES) -> Path:
    """A path to a file, or to the folder that holds the one file with such a suffix. Raises UserError."""
    place = user_path(path)
    if place.is_dir():
        found = sorted(file for file in place.rglob("*") if file.suffix in suffixes and not file.name.startswith("."))
        if len(found) != 1:
            names = ", ".join(str(file.relative_to(place)) for file in found[:5]) or "none"
            raise UserError(
                f"{path}: expected one file of weights ({', '.join(suffixes)}) here, found {names}; name the file itself"
            )
        return found[0]
    if not place.is_file():
        raise UserError(f"{path}: there is no such file or folder of weights; look for a typing error")
    if place.suffix not in suffixes:
        raise UserError(f"{path}: weights must be a file that ends in {', '.join(suffixes)}")
    return place


def read_tensors(file: Path) -> Tuple[Dict[str, np.ndarray], Dict[str, Any]]:
    """Weights by name, and what the file says besides: strings, numbers. Raises UserError for what cannot be read.

    .ckpt: MindSpore's protobuf; .npz: NumPy without pickle; .safetensors: its metadata, parsed as JSON where it is JSON.
    """
    reader = {".ckpt": _read_ckpt, ".npz": _read_npz, ".safetensors": _read_safetensors}[file.suffix]
    try:
        size = file.stat().st_size
        if size == 0:
            raise UserError(f"{file}: the file is empty; download it again")
        if size > MAX_BYTES:
            raise UserError(f"{file}: {size / 2**20:.0f} MiB are more than any MobileNetV2 has; this is another file")
        with open(file, "rb") as stream:
            if stream.read(32).startswith(b"version https://git-lfs"):
                raise UserError(
                    f"{file}: a Git LFS pointer, not the weights; fetch them with 'git lfs pull' or by hand"
                )
        entries = reader(file)
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib, protobuf and safetensors each have their own for a damaged file
        reason = str(error).strip().split("\n")[0][:200]
        raise UserError(
            f"{file}: not a complete {file.suffix} file ({reason}); it may be cut off: download or copy it again"
        ) from None
    tensors = {
        name: value
        for name, value in entries.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim
    }
    return tensors, {name: value for name, value in entries.items() if name not in tensors}


@contextmanager
def without_logging() -> Iterator[None]:
    """For MindSpore, which logs what it also raises."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _read_ckpt(file: Path) -> Dict[str, Any]:
    with without_logging():
        entries = ms.load_checkpoint(str(file), crc_check=True)
    return {name: value if isinstance(value, str) else value.asnumpy() for name, value in entries.items()}


def _read_npz(file: Path) -> Dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_BYTES:
        raise ValueError(f"unpacks to {unpacked / 2**20:.0f} MiB")
    with np.load(file, allow_pickle=False) as arrays:
        return {name: array if array.dtype.kind == "f" else array.tolist() for name, array in arrays.items()}


def _read_safetensors(file: Path) -> Dict[str, Any]:
    with safe_open(str(file), framework="np") as tensors:
        entries = {name: _json_or_text(text) for name, text in (tensors.metadata() or {}).items()}
        return {**entries, **{name: tensors.get_tensor(name) for name in tensors.keys()}}  # noqa: SIM118


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


TEMPORARY = re.compile(r"\.\d+\.part-.")  # how the names of temporary files begin


@contextmanager
def atomic(file: Path) -> Iterator[Path]:
    """A temporary path beside `file`, of the same suffix, to write to; takes the place of `file` when the block ends well.

    Raises UserError where the folder cannot be written to or the disk is full; an older `file` is then still there.
    """
    temporary = file.with_name(f".{os.getpid()}.part-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except OSError as error:
        raise UserError(
            f"{file}: cannot be written ({error.strerror or error}); free some space or choose another folder"
        ) from None
    finally:
        for left in (temporary, temporary.with_suffix(".tmp")):  # the second is what MindSpore writes to at first
            with suppress(OSError):
                left.unlink()


def remove_temporary(folder: Path) -> None:
    """What `atomic` had begun to write to this folder when its process was killed. Nobody else may be writing there."""
    with suppress(OSError):
        for file in folder.iterdir():
            if TEMPORARY.match(file.name):
                file.unlink()
