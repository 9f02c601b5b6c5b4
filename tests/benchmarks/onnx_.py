"""ONNX Runtime, on what PyTorch exports."""

import io
from typing import Callable

import child
import numpy as np
import onnxruntime
import torch
from torchvision_ import build, turned


def forward(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    inputs, file = turned(torch.from_numpy(pictures)), io.BytesIO()
    torch.onnx.export(build(), (inputs,), file, input_names=["pictures"], dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = child.THREADS
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {"pictures": inputs.numpy()}
    return lambda: session.run(None, feed)[0]


if __name__ == "__main__":
    child.serve(forward=forward)
