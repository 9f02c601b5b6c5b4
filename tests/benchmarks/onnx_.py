"""ONNX Runtime and OpenVINO (VARIANT onnxruntime or openvino), on what PyTorch exports.

A process of its own exports, so that the memory of this one is without PyTorch.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Callable

import child
import numpy as np


def exported(batch: int) -> str:
    file = child.FOLDER / f"{batch}.onnx"
    if not file.exists():
        script = str(Path(__file__).with_name("torchvision_.py"))
        given = [child.WEIGHTS, str(child.THREADS), str(child.FOLDER)]
        subprocess.run([sys.executable, script, "contiguous", *given, "export", str(file), str(batch)], check=True)
    return str(file)


def forward(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    inputs = np.ascontiguousarray(pictures[..., ::-1, ::-1])  # as torchvision_.turned
    run = {"onnxruntime": _onnxruntime, "openvino": _openvino}[child.VARIANT](exported(len(inputs)))
    return lambda: run(inputs)


def _onnxruntime(file: str) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = child.THREADS
    if os.environ.get("OMP_WAIT_POLICY") == "PASSIVE":  # as everybody's threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {"pictures": inputs})[0]


def _openvino(file: str) -> Callable[[np.ndarray], np.ndarray]:
    import openvino

    options = {"INFERENCE_NUM_THREADS": child.THREADS, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(file, "CPU", options)
    return lambda inputs: model(inputs, share_inputs=True)[0]


if __name__ == "__main__":
    child.serve(forward=forward)
