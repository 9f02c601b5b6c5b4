"""Files of weights, read without executing code from them."""

import json
import logging
import math
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import numpy as np
from mindspore.train.checkpoint_pb2 import Checkpoint
from safetensors import safe_open

from ..runtime.errors import UserError

MAX_BYTES = 2**28  # of a file of weights, compressed or not; MobileNetV2 1.0 has 14 MB
MAX_ENTRIES = 10_000  # MobileNetV2 has 262, with an optimizer's state three times as many
MAX_TEXT = 10_000  # characters or numbers of an entry that is not a weight
_CHECKSUM = b"crc_num"  # and ten bytes more, at the end of the file


def read_tensors(file: Path) -> Tuple[Dict[str, np.ndarray], Dict[str, Any]]:
    """Floating-point arrays by name, and the other entries: strings, numbers, lists.

    .ckpt: MindSpore's protobuf. .npz: NumPy without pickle. .safetensors: the other entries are its metadata, as JSON where it
    is JSON. Raises UserError for a file that is empty, too large or damaged, KeyError for another suffix.
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
    except Exception as error:  # zipfile, zlib, protobuf and safetensors raise different ones for a damaged file
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
    """Disable logging inside the block: MindSpore logs the errors that it also raises."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def has_checksum(file: Path) -> bool:
    """Whether a .ckpt has a checksum, which `read_tensors` then verifies. Some published files have none."""
    return file.read_bytes()[-17:-10] == _CHECKSUM


def _read_ckpt(file: Path) -> Dict[str, Any]:
    """The same as mindspore.load_checkpoint, as arrays, but with checks.

    MindSpore itself copies as many bytes as the shape of a tensor asks for, even if the file holds fewer.
    """
    data = file.read_bytes()
    if has_checksum(file):
        data, expected = data[:-17], int.from_bytes(data[-10:], "big")
        if zlib.crc32(data) != expected:
            raise ValueError("its checksum is another one")
    entries: Dict[str, Any] = {}
    for piece in _pieces(data):
        entry = Checkpoint.Value.FromString(piece)
        if entry.tag in entries or len(entries) == MAX_ENTRIES:
            raise ValueError(f"it has {entry.tag[:100]} twice, or too many entries")
        kind, content, shape = entry.tensor.tensor_type, entry.tensor.tensor_content, tuple(entry.tensor.dims)
        if kind == "str":
            entries[entry.tag] = content.decode("utf-32-le")
            continue
        dtype, shape = np.dtype(kind.lower()), () if shape == (0,) else shape
        if dtype.kind not in "fiub" or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"{entry.tag[:100]}: {len(content)} bytes are not {kind[:20]} {list(shape)[:8]}")
        entries[entry.tag] = np.frombuffer(content, dtype).reshape(shape).copy()
    return entries


def _pieces(data: bytes) -> Iterator[bytes]:
    """The entries of a Checkpoint message, one by one: parsed at once, empty ones would take 50 times the file's memory."""
    offset = 0
    while offset < len(data):
        if data[offset] != 0x0A:  # field 1, length-delimited
            raise ValueError("not a protobuf of MindSpore")
        length = shift = 0
        more = True
        while more:
            offset += 1
            more, length, shift = data[offset] > 127, length | (data[offset] & 127) << shift, shift + 7
            if shift > 35:
                raise ValueError("not a protobuf of MindSpore")
        offset += 1
        if length > len(data) - offset:
            raise ValueError("it ends in the middle of an entry")
        yield data[offset : offset + length]
        offset += length


def _read_npz(file: Path) -> Dict[str, Any]:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_BYTES:
        raise ValueError(f"unpacks to {unpacked / 2**20:.0f} MiB")
    with np.load(file, allow_pickle=False) as arrays:
        return {name: array if array.dtype.kind == "f" else _as_python(name, array) for name, array in arrays.items()}


def _as_python(name: str, array: np.ndarray) -> Any:
    """A non-weight entry as string, number or list. Raises ValueError for a large one, which would take much memory."""
    if array.nbytes > 4 * MAX_TEXT:
        raise ValueError(f"{name[:100]} is neither weights nor a short text")
    return array.tolist()


def _read_safetensors(file: Path) -> Dict[str, Any]:
    with safe_open(str(file), framework="np") as tensors:
        entries = {name: _json_or_text(text) for name, text in (tensors.metadata() or {}).items()}
        return {**entries, **{name: tensors.get_tensor(name) for name in tensors.keys()}}  # noqa: SIM118


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text) if len(text) <= MAX_TEXT else text
    except (ValueError, RecursionError):
        return text
