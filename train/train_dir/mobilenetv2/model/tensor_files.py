"""Files of weights, read without executing code from them."""

import io
import json
import math
import zipfile
import zlib
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Tuple

import mindspore as ms
import numpy as np
import safetensors.numpy
from mindspore.train.checkpoint_pb2 import Checkpoint

from ..runtime.errors import UserError, reason
from ..runtime.files import TooLarge, read_file

MAX_BYTES = 2**28  # of a file of weights, compressed or not; MobileNetV2 1.0 has 14 MB
MAX_ENTRIES = 10_000  # MobileNetV2 has 262, with an optimizer's state three times as many
MAX_HEADER = 2**23  # bytes of what a .safetensors file says of its tensors
MAX_SHAPE = 64  # dimensions, as in NumPy
MAX_TEXT = 10_000  # characters or numbers of an entry that is not a weight
_CHECKSUM = b"crc_num"  # and ten bytes more, at the end of the file


class TensorFile(NamedTuple):
    """tensors: floating-point arrays by name. extras: the other entries: strings, numbers, lists. checksum: whether the file is
    a .ckpt with a checksum, which was then right. Some published files have none."""

    tensors: Dict[str, np.ndarray]
    extras: Dict[str, Any]
    checksum: bool


def read_tensors(file: Path) -> TensorFile:
    """Read a file of weights, once and as a whole.

    .ckpt: MindSpore's protobuf. .npz: NumPy without pickle. .safetensors: the other entries are its metadata, as JSON where it
    is JSON. Raises UserError for a file that cannot be read, is empty, too large or damaged, KeyError for another suffix.
    """
    suffix = file.suffix.lower()
    reader = {".ckpt": _read_ckpt, ".npz": _read_npz, ".safetensors": _read_safetensors}[suffix]
    try:
        data = read_file(file, MAX_BYTES)
    except TooLarge as error:
        raise UserError(
            f"{file}: {error.size / 2**20:.0f} MiB are more than any MobileNetV2 has; this is another file"
        ) from None
    except OSError as error:
        raise UserError(
            f"{file}: cannot be read ({reason(error)}); copy it to another place, or name another"
        ) from None
    if not data:
        raise UserError(f"{file}: the file is empty; download it again")
    if data.startswith(b"version https://git-lfs"):
        raise UserError(f"{file}: a Git LFS pointer, not the weights; fetch them with 'git lfs pull' or by hand")
    try:
        entries = reader(data)
    except Exception as error:  # zipfile, zlib, protobuf and safetensors raise different ones for a damaged file
        words = str(error).strip().split("\n")[0][:200]
        raise UserError(
            f"{file}: not a complete {suffix} file ({words}); it may be cut off: download or copy it again"
        ) from None
    tensors = {
        name: value
        for name, value in entries.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim
    }
    extras = {name: value for name, value in entries.items() if name not in tensors}
    return TensorFile(tensors, extras, suffix == ".ckpt" and _has_checksum(data))


def ckpt_bytes(tensors: Dict[str, np.ndarray], texts: Dict[str, str]) -> bytes:
    """The bytes that mindspore.save_checkpoint writes with crc_check. That function itself needs a disk that can rename and
    change permissions."""
    entries = [(name, array.shape, str(ms.Tensor(array).dtype), array.tobytes()) for name, array in tensors.items()]
    entries += [(name, (0,), "str", text.encode("utf-32-le", "surrogatepass")) for name, text in texts.items()]
    pieces = []
    for name, shape, kind, content in entries:
        message = Checkpoint()
        entry = message.value.add(tag=name)
        entry.tensor.dims.extend(shape)
        entry.tensor.tensor_type, entry.tensor.tensor_content = kind, content
        pieces.append(message.SerializeToString())
    data = b"".join(pieces)
    return data + _CHECKSUM + zlib.crc32(data).to_bytes(10, "big")


def _has_checksum(data: bytes) -> bool:
    return data[-17:-10] == _CHECKSUM


def _read_ckpt(data: bytes) -> Dict[str, Any]:
    """The same as mindspore.load_checkpoint, as arrays, but with checks.

    MindSpore itself copies as many bytes as the shape of a tensor asks for, even if the file holds fewer.
    """
    if _has_checksum(data):
        data, expected = data[:-17], int.from_bytes(data[-10:], "big")
        if zlib.crc32(data) != expected:
            raise ValueError("its checksum is another one")
    entries: Dict[str, Any] = {}
    for piece in _pieces(data):
        entry = Checkpoint.Value.FromString(_checked(piece))
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
    for key, start, end in _fields(data, 0, len(data)):
        if key != _key(1):
            raise ValueError("not a protobuf of MindSpore")
        yield data[start:end]


def _checked(piece: bytes) -> bytes:
    """The entry of a Checkpoint message, unless its shape has more than MAX_SHAPE dimensions: parsed, each takes more memory than
    in the file. Raises ValueError."""
    inner = [(start, end) for key, start, end in islice(_fields(piece, 0, len(piece)), MAX_SHAPE) if key == _key(2)]
    for start, end in inner:
        fields = list(islice(_fields(piece, start, end), MAX_SHAPE + 3))  # with the type and the content
        shape = sum(stop - begin for key, begin, stop in fields if key == _key(1))  # in the packed form
        if len(fields) == MAX_SHAPE + 3 or shape > 10 * MAX_SHAPE:
            raise ValueError("an entry has too many dimensions")
    return piece


def _key(number: int) -> int:
    """The byte before a field of that number that says its own length."""
    return number << 3 | 2


def _fields(data: bytes, offset: int, end: int) -> Iterator[Tuple[int, int, int]]:
    """The fields of a protobuf message in data[offset:end]: the byte that says number and type, start and end of the content,
    which is empty for a number."""
    while offset < end:
        key, length, shift, more = data[offset], 0, 0, True
        if key & 7 not in (0, 2) or key > 127:
            raise ValueError("not a protobuf of MindSpore")
        while more:
            offset += 1
            more, length, shift = data[offset] > 127, length | (data[offset] & 127) << shift, shift + 7
            if shift > (70 if key & 7 == 0 else 35):
                raise ValueError("not a protobuf of MindSpore")
        offset += 1
        length *= key & 7 == 2
        if length > end - offset:
            raise ValueError("it ends in the middle of an entry")
        yield key, offset, offset + length
        offset += length


def _read_npz(data: bytes) -> Dict[str, Any]:
    if data.count(b"PK\1\2") > MAX_ENTRIES:  # marks of entries, each of which takes ZipFile a kilobyte
        raise ValueError("it has too many entries")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MAX_BYTES:
        raise ValueError(f"unpacks to {unpacked / 2**20:.0f} MiB")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: array if array.dtype.kind == "f" else _as_python(name, array) for name, array in arrays.items()}


def _as_python(name: str, array: np.ndarray) -> Any:
    """A non-weight entry as string, number or list. Raises ValueError for a large one, which would take much memory."""
    if array.nbytes > 4 * MAX_TEXT:
        raise ValueError(f"{name[:100]} is neither weights nor a short text")
    return array.tolist()


def _read_safetensors(data: bytes) -> Dict[str, Any]:
    if int.from_bytes(data[:8], "little") > MAX_HEADER:
        raise ValueError("its header is too long")
    tensors = safetensors.numpy.load(data)  # checks the header
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return {**{name: _json_or_text(text) for name, text in (header.get("__metadata__") or {}).items()}, **tensors}


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text) if len(text) <= MAX_TEXT else text
    except (ValueError, RecursionError):
        return text
