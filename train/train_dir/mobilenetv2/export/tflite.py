"""The network for TensorFlow Lite, which is LiteRT now, from the same list of layers as the ONNX graph.

Needs the packages tensorflow, whose converter writes the file, and ai_edge_litert, which runs it.
"""

import os
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: its errors only
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from ..engine.folding import fold_batch_norm
from ..engine.layers import Layer, read_layers
from ..evaluation.metrics import SMALLEST_LENGTH
from ..evaluation.neighbors import Neighborhood
from ..evaluation.ood import OutlierDetector
from ..model.checkpoint import Loaded
from ..model.mobilenet_v2 import center_border
from ..runtime.environment import usable_cpus
from .comparison import arrange
from .metadata import CONFIDENCES, IMAGE, LOGITS, SCORE, rejects
from .parity import Outputs


def write_tflite(loaded: Loaded, given: str, file: Path) -> None:
    """given: as in `metadata.describe`."""
    preprocessing, network = loaded.description.preprocessing, loaded.network
    size, mean, std = preprocessing.size, np.array(preprocessing.mean), np.array(preprocessing.std)
    factor, shift = (1 / (std * (255 if given == "u8" else 1))).astype(np.float32), (-mean / std).astype(np.float32)
    shape, kind = ([None, size, size, 3], tf.uint8) if given == "u8" else ([None, 3, size, size], tf.float32)
    weight, bias = network.classifier.weight.asnumpy(), network.classifier.bias.asnumpy()
    layers = read_layers(network)

    def answer(image: Any) -> Dict[str, Any]:
        value = tf.cast(image, tf.float32) if given == "u8" else tf.transpose(image, [0, 2, 3, 1])
        value, side, block = value * factor + shift, size, None
        for number, layer in enumerate(layers):
            value, side = _convolve(value, layer, side, network.architecture.padding == "same")
            if layer.residual:
                value = value + block
            if number == 0 or not layer.relu6:
                block = value
        logits = tf.matmul(tf.reduce_mean(value, [1, 2]), weight, transpose_b=True) + bias
        found = {CONFIDENCES: tf.nn.softmax(logits / np.float32(loaded.description.temperature)), LOGITS: logits}
        if loaded.neither is not None and rejects(loaded):
            found[SCORE] = _score(value, side, loaded.neither)
        return found

    module = tf.Module()
    module.answer = tf.function(answer, input_signature=[tf.TensorSpec(shape, kind, IMAGE)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.answer.get_concrete_function()], module)
    file.write_bytes(converter.convert())


def _convolve(value: Any, layer: Layer, side: int, same: bool) -> Any:
    """A convolution, with ReLU6 where it follows, and the side of its output."""
    weight, bias = fold_batch_norm(layer.convolution.weight.asnumpy(), layer.norms(), layer.norm.eps)
    side, geometry = layer.geometry(side, same)
    ends = [geometry.before, geometry.after]
    if any(ends):
        value = tf.pad(value, [[0, 0], ends, ends, [0, 0]])
    if layer.depthwise:
        strides = [1, geometry.stride, geometry.stride, 1]
        value = tf.nn.depthwise_conv2d(value, weight.transpose(2, 3, 0, 1), strides, "VALID")
    else:
        value = tf.nn.conv2d(value, weight.transpose(2, 3, 1, 0), geometry.stride, "VALID")
    value = tf.nn.bias_add(value, bias)
    return (tf.nn.relu6(value) if layer.relu6 else value), side


def _score(feature_map: Any, side: int, detector: OutlierDetector) -> Any:
    """f32 [N], above 0 for an outlier, as comparison.py has it. side: of the feature map."""
    border = center_border(side)
    features = tf.reduce_mean(feature_map[:, border : side - border, border : side - border], [1, 2])
    return sum(_distance(features, one) for one in detector.neighborhoods) - np.float32(detector.threshold)


def _distance(rows: Any, one: Neighborhood) -> Any:
    """`Neighborhood.score`."""
    parts = arrange(one)
    if one.projection is not None:
        rows = tf.matmul(rows, one.projection) - one.center
    length = tf.sqrt(tf.reduce_sum(rows * rows, 1, keepdims=True))
    rows = rows / tf.maximum(length, np.float32(SMALLEST_LENGTH))
    similarity = tf.matmul(rows, parts.references.astype(np.float32), transpose_b=True)
    near = tf.gather(similarity, parts.places.astype(np.int32), axis=1) + parts.barred
    near = tf.reduce_sum(tf.math.top_k(near, parts.weights.shape[1])[0] * parts.weights, 2) + parts.alone
    distance = -tf.reduce_max(near, 1) - tf.gather(one.class_baseline, tf.argmax(near, 1, tf.int32))
    if len(parts.pulls):
        alike = tf.matmul(rows, parts.outliers.astype(np.float32), transpose_b=True)
        distance = distance + tf.reduce_sum(tf.math.top_k(alike, len(parts.pulls))[0] * parts.pulls, 1)
    return distance / np.float32(one.scale)


def run_tflite(file: Path) -> Callable[[np.ndarray], Outputs]:
    """A function: pictures, as the file takes them -> its outputs."""
    run = Interpreter(model_path=str(file), num_threads=usable_cpus()).get_signature_runner()
    return lambda pictures: dict(run(**{IMAGE: pictures}))
