"""ONNX files in 32 and in 8 bits. Needs the packages onnx and onnxruntime."""

import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

import numpy as np
import onnx
import onnxruntime
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from ..model.checkpoint import Loaded
from ..runtime.environment import usable_cpus
from ..runtime.own_files import PROGRAM
from .graph import OUTSIDE, build_graph
from .metadata import IMAGE
from .parity import Outputs

# What the quantizer takes for a model that its own preparation has seen. There is nothing to prepare: all is folded.
PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}


def write_onnx(loaded: Loaded, given: str, licence: str, file: Path) -> None:
    """given, licence: as in `metadata.describe`."""
    file.write_bytes(build_graph(loaded, given, licence).SerializeToString(deterministic=True))


def write_8bit(loaded: Loaded, given: str, licence: str, pictures: np.ndarray, file: Path) -> None:
    """In 8 bits, weights and values: convolutions, sums and the classifier. The rest stays f32, as the score of "neither".

    pictures: to calibrate on, as the file takes them."""
    model = build_graph(loaded, given, licence)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    prepared = onnx.shape_inference.infer_shapes(model)
    helper.set_model_props(prepared, {**metadata, **PREPARED})
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.WARNING)  # it tells of every scale
    try:
        # From a file: ONNX Runtime 1.19, the last one for Python 3.9, loses the weights of a model in memory.
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "network.onnx")
            onnx.save(prepared, source)
            quantize_static(
                source,
                str(file),
                _Reader(pictures),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,  # products of two numbers of 8 bits overflow in 16 where the processor has no VNNI
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=[node.name for node in model.graph.node if node.name.startswith(OUTSIDE)],
            )
    finally:
        logging.getLogger().setLevel(level)
    quantized = onnx.load(str(file))
    quantized.producer_name = PROGRAM
    helper.set_model_props(quantized, metadata)
    file.write_bytes(quantized.SerializeToString(deterministic=True))


class _Reader(CalibrationDataReader):
    """One picture at a time."""

    def __init__(self, pictures: np.ndarray):
        self._rest: Iterator[np.ndarray] = iter(pictures)

    def get_next(self) -> Optional[Dict[str, Any]]:
        picture = next(self._rest, None)
        return None if picture is None else {IMAGE: picture[None]}


def run_onnx(file: Path) -> Callable[[np.ndarray], Outputs]:
    """A function: pictures, as the file takes them -> its outputs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cpus()
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda pictures: dict(zip(names, session.run(None, {IMAGE: pictures})))
