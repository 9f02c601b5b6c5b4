"""The network as an ONNX graph, from the list of layers that the CPU engine computes (engine/layers.py).

Batch normalisation is folded into the convolutions. Needs the package onnx.
"""

from typing import Any, List, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..engine.folding import fold_batch_norm
from ..engine.layers import Layer, read_layers
from ..evaluation.metrics import SMALLEST_LENGTH
from ..evaluation.neighbors import Neighborhood
from ..evaluation.ood import OutlierDetector
from ..model.checkpoint import Loaded
from ..model.mobilenet_v2 import center_border
from ..runtime.own_files import PROGRAM
from .comparison import arrange
from .metadata import (
    APP,
    CONFIDENCES,
    IMAGE,
    IMAGENET_MEAN,
    IMAGENET_STD,
    LOGITS,
    SCORE,
    as_texts,
    describe,
    rejects,
)

OPSET, IR = 17, 8  # read by ONNX Runtime from 1.12 on, of 2022
OUTSIDE = "outside"  # how the names of nodes begin that are not of the network: they stay f32 in 8 bits


def build_graph(loaded: Loaded, given: str, licence: str) -> onnx.ModelProto:
    """The model: input `image`, outputs `confidences`, `logits` and, where the checkpoint rejects pictures, `neither`.

    With APP, the only output is `logits`. given, licence: as in `describe`, whose text is the metadata."""
    graph, description, network = _Graph(), loaded.description, loaded.network
    size, classes = description.preprocessing.size, len(description.classes)
    value = _normalise(graph, given, description.preprocessing.mean, description.preprocessing.std)
    side, same, block = size, network.architecture.padding == "same", ""
    for number, layer in enumerate(read_layers(network)):
        value, side = _convolve(graph, value, layer, side, same)
        if layer.residual:
            value = graph.add("Add", value, block)
        if number == 0 or not layer.relu6:
            block = value  # what the next block is given
    pooled = graph.add("ReduceMean", value, axes=[2, 3], keepdims=0)
    classifier = network.classifier
    weight, bias = classifier.weight.asnumpy(), classifier.bias.asnumpy()
    graph.add("Gemm", pooled, graph.constant(weight), graph.constant(bias), transB=1, output=LOGITS)
    shapes: List[Tuple[str, List[Any]]] = [(LOGITS, ["N", classes])]
    if given != APP:
        scaled = graph.add("Div", LOGITS, graph.floating(description.temperature), outside=True)
        graph.add("Softmax", scaled, axis=1, output=CONFIDENCES, outside=True)
        shapes.insert(0, (CONFIDENCES, ["N", classes]))
    if given != APP and loaded.neither is not None and rejects(loaded):
        _compare(graph, value, side, loaded.neither)
        shapes.append((SCORE, ["N"]))
    kind = TensorProto.UINT8 if given == "u8" else TensorProto.FLOAT
    shape = [3, size, size] if given == "f32" else [size, size, 3]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            PROGRAM,
            [helper.make_tensor_value_info(IMAGE, kind, ["N", *shape])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes],
            graph.constants,
        ),
        producer_name=PROGRAM,
        ir_version=IR,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, as_texts(describe(loaded, given, licence)))
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self) -> None:
        self.nodes: List[onnx.NodeProto] = []
        self.constants: List[onnx.TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        """Its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def floating(self, value: float) -> str:
        return self.constant(np.array(value, np.float32))

    def whole(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, output: str = "", outside: bool = False, **attributes: Any) -> str:
        """Add a node with one output, and return the name of that. outside: it is not of the network."""
        name = f"{OUTSIDE if outside else 'node'}{len(self.nodes)}"
        output = output or f"{name}_{operator}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], name, **attributes))
        return output


def _normalise(graph: _Graph, given: str, mean: Tuple[float, ...], std: Tuple[float, ...]) -> str:
    value, scale, offset = IMAGE, np.ones(3), np.zeros(3)  # the pictures, from 0 to 1, are input * scale + offset
    if given == "u8":
        value, scale = graph.add("Cast", value, to=TensorProto.FLOAT, outside=True), scale / 255
    if given == APP:
        scale, offset = np.array(IMAGENET_STD), np.array(IMAGENET_MEAN)
    if given != "f32":
        value = graph.add("Transpose", value, perm=[0, 3, 1, 2], outside=True)
    factor = (scale / np.array(std)).reshape(3, 1, 1)
    shift = ((offset - np.array(mean)) / np.array(std)).reshape(3, 1, 1)
    value = graph.add("Mul", value, graph.constant(factor.astype(np.float32)), outside=True)
    return graph.add("Add", value, graph.constant(shift.astype(np.float32)), outside=True)


def _convolve(graph: _Graph, value: str, layer: Layer, side: int, same: bool) -> Tuple[str, int]:
    """A convolution, with ReLU6 where it follows; its output, and the side of that."""
    weight, bias = fold_batch_norm(layer.convolution.weight.asnumpy(), layer.norms(), layer.norm.eps)
    side, geometry = layer.geometry(side, same)
    before, after = geometry.before, geometry.after
    value = graph.add(
        "Conv",
        value,
        graph.constant(weight),
        graph.constant(bias),
        group=layer.outputs if layer.depthwise else 1,
        kernel_shape=list(weight.shape[2:]),
        pads=[before, before, after, after],
        strides=[geometry.stride] * 2,
    )
    if layer.relu6:
        value = graph.add("Clip", value, graph.floating(0), graph.floating(6))
    return value, side


def _compare(graph: _Graph, feature_map: str, side: int, detector: OutlierDetector) -> None:
    """The output SCORE, above 0 for an outlier, as comparison.py has it. side: of the feature map."""
    border = center_border(side)
    box = ([border, border], [side - border, side - border], [2, 3])
    inner = graph.add("Slice", feature_map, *(graph.whole(*part) for part in box), outside=True)
    features = graph.add("ReduceMean", inner, outside=True, axes=[2, 3], keepdims=0)
    scores = [_distance(graph, features, one) for one in detector.neighborhoods]
    score = scores[0] if len(scores) == 1 else graph.add("Add", *scores, outside=True)
    graph.add("Sub", score, graph.floating(detector.threshold), output=SCORE, outside=True)


def _distance(graph: _Graph, features: str, one: Neighborhood) -> str:
    """`Neighborhood.score`."""

    def add(operator: str, *inputs: str, **attributes: Any) -> str:
        return graph.add(operator, *inputs, outside=True, **attributes)

    def floats(value: np.ndarray) -> str:
        """Of a constant in half precision, as the checkpoint stores it."""
        return add("Cast", graph.constant(value), to=TensorProto.FLOAT)

    def highest(values: str, count: int, axis: int) -> str:
        to = [f"{values}_highest", f"{values}_places"]
        graph.nodes.append(
            helper.make_node("TopK", [values, graph.whole(count)], to, f"{OUTSIDE}{len(graph.nodes)}", axis=axis)
        )
        return to[0]

    parts, rows = arrange(one), features
    if one.projection is not None and one.center is not None:
        rows = add("MatMul", rows, graph.constant(one.projection))
        rows = add("Sub", rows, graph.constant(one.center))
    length = add("ReduceL2", rows, axes=[1], keepdims=1)
    rows = add("Div", rows, add("Max", length, graph.floating(SMALLEST_LENGTH)))
    similarity = add("MatMul", rows, add("Transpose", floats(parts.references), perm=[1, 0]))
    near = add("Gather", similarity, graph.constant(parts.places), axis=1)
    near = highest(add("Add", near, graph.constant(parts.barred)), parts.weights.shape[1], axis=2)
    last = graph.whole(-1)
    near = add("ReduceSum", add("Mul", near, graph.constant(parts.weights)), last, keepdims=0)
    near = add("Add", near, graph.constant(parts.alone))
    baseline = add("Gather", graph.constant(one.class_baseline), add("ArgMax", near, axis=1, keepdims=0))
    distance = add("Neg", add("ReduceMax", near, axes=[1], keepdims=0))
    if len(parts.pulls):
        alike = add("MatMul", rows, add("Transpose", floats(parts.outliers), perm=[1, 0]))
        alike = add("Mul", highest(alike, len(parts.pulls), axis=1), graph.constant(parts.pulls))
        distance = add("Add", distance, add("ReduceSum", alike, last, keepdims=0))
    return add("Div", add("Sub", distance, baseline), graph.floating(one.scale))
