"""oneDNN as it comes with MindSpore's Linux wheels (mindspore/lib/libdnnl.so.2), by ctypes.

Only the calls that a network of convolutions needs. Constants and structures are those of dnnl_types.h of oneDNN 2.2, which
MindSpore 2.7.0 to 2.8.0 carry; any other version is refused. All arrays are f32.
"""

import ctypes
import importlib.util
import logging
import os
import platform
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_float, c_int, c_int64, c_size_t, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Type

import numpy as np

log = logging.getLogger(__name__)
VERSION = (2, 2)
# Layouts by number of dimensions: plain ones by their letters; "8" and "16": channels in blocks of that many.
TAGS = {(1, "plain"): 2, (2, "plain"): 3, (4, "plain"): 5, (5, "plain"): 7, (4, "8"): 93, (4, "16"): 69}
F32, CPU, ANY = 3, 1, 1
TRAINING, INFERENCE, BACKWARD = 64, 96, 128
DIRECT, CLIP, CLIP_V2_USE_DST, ADD = 1, 0xFF, 0x106, 0x1FFF0
SCALE_SHIFT = 2
# Arguments of a primitive
SRC, SRC1, DST, WEIGHTS, BIAS, MEAN, VARIANCE, SCRATCHPAD = 1, 2, 17, 33, 41, 49, 50, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS, DIFF_BIAS = 129, 145, 161, 169
# Questions to a primitive
ASK_IMPLEMENTATION, ASK_WEIGHTS, ASK_DIFF_WEIGHTS, ASK_SCRATCHPAD = 8, 131, 132, 136
STATUS = {2: "invalid arguments", 3: "unimplemented", 5: "runtime error", 6: "not required"}
REFERENCE = ("ref", "bnorm_ref")  # how the names of implementations begin that are a hundred times slower
AVX512 = 0x27
ALIGNMENT = 64  # bytes


class EngineUnavailable(Exception):
    """oneDNN cannot compute this here. Says why."""

    def log(self) -> None:
        """Once: a run may have several networks."""
        say_unavailable(str(self))


@lru_cache(None)
def say_unavailable(why: str) -> None:
    log.info("The CPU engine is not used (%s): MindSpore's operators compute instead.", why)


class MemoryDesc(ctypes.Structure):
    """dnnl_memory_desc_t: shape and layout of an array."""

    _fields_ = [
        ("ndims", c_int),
        ("dims", c_int64 * 12),
        ("data_type", c_int),
        ("padded_dims", c_int64 * 12),
        ("padded_offsets", c_int64 * 12),
        ("offset0", c_int64),
        ("format_kind", c_int),
        ("strides", c_int64 * 12),
        ("inner_nblks", c_int),
        ("inner_blks", c_int64 * 12),
        ("inner_idxs", c_int64 * 12),
        ("extra", c_char * 80),
    ]

    @property
    def shape(self) -> Sequence[int]:
        return tuple(self.dims[: self.ndims])

    def nbytes(self) -> int:
        return load_library().dnnl_memory_desc_get_size(byref(self))

    def equals(self, other: "MemoryDesc") -> bool:
        return bool(load_library().dnnl_memory_desc_equal(byref(self), byref(other)))


class _Argument(ctypes.Structure):
    _fields_ = [("number", c_int), ("memory", c_void_p)]


_Description = c_char * 8192  # larger than the description of any operation


@lru_cache(None)
def load_library() -> Any:
    """The loaded library. Raises EngineUnavailable where there is none, or one of another version."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise EngineUnavailable(f"its oneDNN was not tried on {sys.platform} {platform.machine()}")
    spec = importlib.util.find_spec("mindspore")
    folder = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path()
    file = folder / "lib" / "libdnnl.so.2"
    try:
        found = ctypes.CDLL(str(file))
        found.dnnl_version.restype = POINTER(c_int)
        version = tuple(found.dnnl_version()[:2])
    except (OSError, AttributeError):
        raise EngineUnavailable("MindSpore brings no oneDNN 2 here") from None
    if version != VERSION or ctypes.sizeof(MemoryDesc) != 696:
        raise EngineUnavailable(f"oneDNN {version[0]}.{version[1]} was not tried; {VERSION[0]}.{VERSION[1]} is known")
    found.dnnl_memory_desc_get_size.restype = c_size_t
    found.dnnl_primitive_desc_query_md.restype = POINTER(MemoryDesc)
    found.dnnl_primitive_desc_query_md.argtypes = [c_void_p, c_int, c_int]
    found.dnnl_primitive_execute.argtypes = [c_void_p, c_void_p, c_int, c_void_p]
    for name in ("memory", "primitive", "primitive_desc", "stream", "post_ops", "primitive_attr"):
        getattr(found, f"dnnl_{name}_destroy").argtypes = [c_void_p]
    return found


@lru_cache(None)
def _engine() -> c_void_p:
    engine = c_void_p()
    check(load_library().dnnl_engine_create(byref(engine), CPU, c_size_t(0)), "engine")
    return engine


def check(status: int, what: str, error: Type[Exception] = EngineUnavailable) -> None:
    """For a status that is not 0, raises MemoryError, or the error with the call and the reason."""
    if status == 1:
        raise MemoryError(f"oneDNN: not enough memory for {what}")
    if status:
        raise error(f"oneDNN {what}: {STATUS.get(status, status)}")


def has_avx512() -> bool:
    return load_library().dnnl_get_effective_cpu_isa() & AVX512 == AVX512


def aligned(nbytes: int) -> np.ndarray:
    """f32 array of zeros, of at least so many bytes, at a multiple of ALIGNMENT."""
    size = -(-nbytes // 4)
    whole = np.zeros(size + ALIGNMENT // 4, np.float32)
    start = -whole.ctypes.data % ALIGNMENT // 4
    return whole[start : start + size]


def describe(shape: Sequence[int], layout: str = "") -> MemoryDesc:
    """layout: "plain", "8" or "16" (TAGS); empty: the operation that uses the array chooses."""
    desc, dims = MemoryDesc(), (c_int64 * 12)(*shape)
    tag = TAGS[len(shape), layout] if layout else ANY
    check(load_library().dnnl_memory_desc_init_by_tag(byref(desc), len(shape), dims, F32, tag), "layout")
    return desc


class Memory:
    """An array in a layout. array: f32, at least so large, kept alive; None: a new one."""

    def __init__(self, desc: MemoryDesc, array: Optional[np.ndarray] = None):
        self.desc = desc
        self.array = aligned(desc.nbytes()) if array is None else array
        if self.array.nbytes < desc.nbytes():
            raise ValueError(f"{self.array.nbytes} bytes for {desc.nbytes()}")
        self.handle = c_void_p()
        address = c_void_p(self.array.ctypes.data)
        check(load_library().dnnl_memory_create(byref(self.handle), byref(desc), _engine(), address), "memory")

    def point_to(self, array: np.ndarray) -> None:
        """Use another array, contiguous and of the same shape and layout."""
        if array.nbytes != self.desc.nbytes() or not array.flags.c_contiguous:
            raise ValueError(f"an array of {array.nbytes} bytes for {self.desc.nbytes()}")
        check(load_library().dnnl_memory_set_data_handle_v2(self.handle, c_void_p(array.ctypes.data), None), "array")
        self.array = array

    def __del__(
        self, load_library: Any = load_library
    ) -> None:  # the module's names are gone when the interpreter ends
        if getattr(self, "handle", None):
            load_library().dnnl_memory_destroy(self.handle)


class Stream:
    """Operations run in the thread that calls them; one stream a thread."""

    def __init__(self) -> None:
        self.handle = c_void_p()
        check(load_library().dnnl_threadpool_interop_stream_create(byref(self.handle), _engine(), None), "stream")

    def __del__(self, load_library: Any = load_library) -> None:
        if getattr(self, "handle", None):
            load_library().dnnl_stream_destroy(self.handle)


class Call(NamedTuple):
    """A primitive with the arrays that it works on, all of them kept alive."""

    primitive: "Primitive"
    arguments: Any
    memories: Dict[int, Memory]

    def __call__(self, stream: Stream) -> None:
        execute = load_library().dnnl_primitive_execute
        status = execute(self.primitive.handle, stream.handle, len(self.memories), self.arguments)
        check(status, "execution", RuntimeError)


class Primitive:
    """A compiled operation. Any thread may run it, each with arrays and a scratchpad of its own.

    Raises EngineUnavailable for one that oneDNN would compute in its reference code, which is a hundred times slower.
    """

    def __init__(self, desc: Any = None, attributes: Any = None, hint: "Optional[Primitive]" = None, made: Any = None):
        self.desc, self.handle = made or c_void_p(), c_void_p()
        try:
            if made is None:
                forward = hint.desc if hint else None
                status = load_library().dnnl_primitive_desc_create(
                    byref(self.desc), byref(desc), attributes, _engine(), forward
                )
                check(status, "operation")
        finally:
            if attributes:
                load_library().dnnl_primitive_attr_destroy(attributes)
        name = c_char_p()
        load_library().dnnl_primitive_desc_query(self.desc, ASK_IMPLEMENTATION, 0, byref(name))
        if (name.value or b"ref").decode().startswith(REFERENCE):
            raise EngineUnavailable("oneDNN has only its slow reference code for this network on this processor")
        check(load_library().dnnl_primitive_create(byref(self.handle), self.desc), "operation")
        scratchpad = self.ask(ASK_SCRATCHPAD)
        self.scratch_bytes = scratchpad.nbytes() if scratchpad.ndims else 0
        self._scratchpad = scratchpad

    def ask(self, what: int) -> MemoryDesc:
        """The layout of one of its arrays."""
        found = load_library().dnnl_primitive_desc_query_md(self.desc, what, 0)
        return MemoryDesc.from_buffer_copy(found.contents) if found else MemoryDesc()

    def bind(self, memories: Dict[int, Memory], scratch: np.ndarray) -> Call:
        """memories: by argument. scratch: f32, at least scratch_bytes large, used by one thread at a time."""
        memories = dict(memories)
        if self.scratch_bytes:
            memories[SCRATCHPAD] = Memory(self._scratchpad, scratch)
        arguments = (_Argument * len(memories))(*(_Argument(number, one.handle) for number, one in memories.items()))
        return Call(self, arguments, memories)

    def __del__(self, load_library: Any = load_library) -> None:
        if getattr(self, "handle", None):
            load_library().dnnl_primitive_destroy(self.handle)
        if getattr(self, "desc", None):
            load_library().dnnl_primitive_desc_destroy(self.desc)


def run(calls: List[Call], stream: Stream) -> None:
    for call in calls:
        call(stream)


def _attributes(relu6: bool = False, add: bool = False) -> c_void_p:
    """Scratchpad of the caller; after the operation: plus what dst held, or between 0 and 6."""
    attributes, after, lib = c_void_p(), c_void_p(), load_library()
    check(lib.dnnl_primitive_attr_create(byref(attributes)), "attributes")
    check(lib.dnnl_primitive_attr_set_scratchpad_mode(attributes, 1), "attributes")
    check(lib.dnnl_post_ops_create(byref(after)), "attributes")
    if add:
        check(lib.dnnl_post_ops_append_sum(after, c_float(1.0)), "attributes")
    if relu6:
        check(lib.dnnl_post_ops_append_eltwise(after, c_float(1.0), CLIP, c_float(0.0), c_float(6.0)), "attributes")
    check(lib.dnnl_primitive_attr_set_post_ops(attributes, after), "attributes")
    lib.dnnl_post_ops_destroy(after)
    return attributes


class Geometry(NamedTuple):
    """Of a convolution, the same for rows and columns. before, after: zeros that are added at the ends."""

    stride: int
    before: int
    after: int

    def arrays(self) -> List[Any]:
        return [(c_int64 * 12)(value, value) for value in self]


def convolution(
    src: MemoryDesc,
    weights: MemoryDesc,
    bias: Optional[MemoryDesc],
    dst: MemoryDesc,
    geometry: Geometry,
    relu6: bool = False,
    add: bool = False,
    training: bool = False,
) -> Primitive:
    """dst = convolution(src), plus bias, plus what dst held where add, between 0 and 6 where relu6."""
    desc = _Description()
    status = load_library().dnnl_convolution_forward_desc_init(
        byref(desc), TRAINING if training else INFERENCE, DIRECT, byref(src), byref(weights),
        byref(bias) if bias is not None else None, byref(dst), *geometry.arrays(),
    )  # fmt: skip
    check(status, "convolution")
    return Primitive(desc, _attributes(relu6, add))


def convolution_backward_data(
    diff_src: MemoryDesc, weights: MemoryDesc, diff_dst: MemoryDesc, geometry: Geometry, hint: Primitive
) -> Primitive:
    """hint: the forward convolution."""
    desc = _Description()
    status = load_library().dnnl_convolution_backward_data_desc_init(
        byref(desc), DIRECT, byref(diff_src), byref(weights), byref(diff_dst), *geometry.arrays()
    )
    check(status, "gradient of a convolution's input")
    return Primitive(desc, _attributes(), hint)


def convolution_backward_weights(
    src: MemoryDesc,
    diff_weights: MemoryDesc,
    diff_bias: Optional[MemoryDesc],
    diff_dst: MemoryDesc,
    geometry: Geometry,
    hint: Primitive,
) -> Primitive:
    """hint: the forward convolution."""
    desc = _Description()
    status = load_library().dnnl_convolution_backward_weights_desc_init(
        byref(desc), DIRECT, byref(src), byref(diff_weights), byref(diff_bias) if diff_bias is not None else None,
        byref(diff_dst), *geometry.arrays(),
    )  # fmt: skip
    check(status, "gradient of a convolution's weights")
    return Primitive(desc, _attributes(), hint)


def relu6(desc: MemoryDesc) -> Primitive:
    """Between 0 and 6, such that `relu6_backward` needs the result only."""
    description = _Description()
    status = load_library().dnnl_eltwise_forward_desc_init(
        byref(description), TRAINING, CLIP_V2_USE_DST, byref(desc), c_float(0.0), c_float(6.0)
    )
    check(status, "ReLU6")
    return Primitive(description, _attributes())


def relu6_backward(desc: MemoryDesc, hint: Primitive) -> Primitive:
    """The gradient where the result, DST, is between 0 and 6, both excluded."""
    description = _Description()
    status = load_library().dnnl_eltwise_backward_desc_init(
        byref(description), CLIP_V2_USE_DST, byref(desc), byref(desc), c_float(0.0), c_float(6.0)
    )
    check(status, "gradient of ReLU6")
    return Primitive(description, _attributes(), hint)


def batch_norm(desc: MemoryDesc, epsilon: float) -> Primitive:
    """With the batch's own moments, which are returned. WEIGHTS: gamma and beta, f32 [2, C]."""
    description = _Description()
    status = load_library().dnnl_batch_normalization_forward_desc_init(
        byref(description), TRAINING, byref(desc), c_float(epsilon), SCALE_SHIFT
    )
    check(status, "batch normalisation")
    return Primitive(description, _attributes())


def batch_norm_backward(desc: MemoryDesc, epsilon: float, hint: Primitive) -> Primitive:
    description = _Description()
    status = load_library().dnnl_batch_normalization_backward_desc_init(
        byref(description), BACKWARD, byref(desc), byref(desc), c_float(epsilon), SCALE_SHIFT
    )
    check(status, "gradient of batch normalisation")
    return Primitive(description, _attributes(), hint)


def addition(desc: MemoryDesc) -> Primitive:
    """DST = SRC + SRC1, all in one layout."""
    description = _Description()
    status = load_library().dnnl_binary_desc_init(byref(description), ADD, byref(desc), byref(desc), byref(desc))
    check(status, "addition")
    return Primitive(description, _attributes())


def reorder(source: MemoryDesc, target: MemoryDesc, add: bool = False) -> Primitive:
    """The same numbers in another layout. add: added to what the target held."""
    made, attributes = c_void_p(), _attributes(add=add)
    status = load_library().dnnl_reorder_primitive_desc_create(
        byref(made), byref(source), _engine(), byref(target), _engine(), attributes
    )
    load_library().dnnl_primitive_attr_destroy(attributes)
    check(status, "change of layout")
    return Primitive(made=made)


def reordered(array: np.ndarray, plain: MemoryDesc, wanted: MemoryDesc) -> Memory:
    """A copy of a contiguous array, described by `plain`, in another layout."""
    source, target = Memory(plain, np.ascontiguousarray(array, np.float32)), Memory(wanted)
    primitive = reorder(plain, wanted)
    primitive.bind({SRC: source, DST: target}, aligned(primitive.scratch_bytes))(Stream())
    return target


def engine_wanted() -> bool:
    """Whether the environment leaves it to the engine to compute: with ENGINE=mindspore, MindSpore's operators do."""
    return os.environ.get("ENGINE", "").lower() != "mindspore"
