"""8-bit quantization of the weights, with batch normalisation folded into the convolutions.

It takes a quarter of the bytes. Each output channel has its own scale, because the channels of a depthwise convolution differ
by orders of magnitude.
"""

from typing import Dict, Iterator, List, Tuple

import numpy as np

from ..engine.folding import fold_batch_norm
from .mobilenet_v2 import MobileNetV2
from .state import state_dict

NAMES = ("weights", "scales", "biases")
LEVELS = 127  # weights become integers from -127 to 127
SMALLEST = 2.0**-14  # scale: below it, half precision loses digits, and no weight that small changes an answer


def quantize_network(network: MobileNetV2) -> Dict[str, np.ndarray]:
    """Network -> weights i8 [all weights], scales f16 [all output channels], biases f16 [all output channels].

    Layers follow in the network's order. The weights of channel c are weights * scales[c], with an error of at most
    scales[c] / 2.
    """
    parameters = state_dict(network)
    weights: List[np.ndarray] = []
    scales: List[np.ndarray] = []
    biases: List[np.ndarray] = []
    for name, epsilon in _layers(network):
        weight, bias = _folded(parameters, name, epsilon)
        rows = weight.reshape(len(weight), -1)
        scale = np.maximum(np.abs(rows).max(1) / LEVELS, SMALLEST).astype(np.float16)
        rounded = np.rint(rows / scale[:, None].astype(np.float32))
        weights.append(np.clip(rounded, -LEVELS, LEVELS).astype(np.int8).ravel())
        scales.append(scale)
        biases.append(bias.astype(np.float16))
    return dict(zip(NAMES, (np.concatenate(weights), np.concatenate(scales), np.concatenate(biases))))


def dequantize(network: MobileNetV2, packed: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """Result of `quantize_network` -> all parameters f32 of a network of the same architecture, for `load_state_dict`.

    Batch normalisation then only adds the bias. Raises ValueError for arrays that do not belong to such a network.
    """
    shapes = {name: parameter.shape for name, parameter in network.parameters_dict().items()}
    layers = [(name, epsilon, shapes[f"{name}.weight"]) for name, epsilon in _layers(network)]
    outputs = sum(shape[0] for _, _, shape in layers)
    sizes = (sum(int(np.prod(shape)) for _, _, shape in layers), outputs, outputs)
    types = (np.int8, np.float16, np.float16)
    for name, size, kind in zip(NAMES, sizes, types):
        array = packed.get(name)
        if array is None or array.shape != (size,) or array.dtype != kind or not np.isfinite(array).all():
            raise ValueError(f"its {name} are not {size} finite numbers of type {np.dtype(kind)}")
    if packed["scales"].min() <= 0:
        raise ValueError("its scales are not all above 0")
    weights, scales, biases = (packed[name].astype(np.float32) for name in NAMES)
    out: Dict[str, np.ndarray] = {}
    weight, channel = 0, 0
    for name, epsilon, shape in layers:
        rows = weights[weight : weight + int(np.prod(shape))].reshape(shape[0], -1)
        here = slice(channel, channel + shape[0])
        out[f"{name}.weight"] = (rows * scales[here, None]).reshape(shape)
        out.update(_unfolded(name, epsilon, biases[here]))
        weight, channel = weight + rows.size, channel + shape[0]
    return out


def _layers(network: MobileNetV2) -> Iterator[Tuple[str, float]]:
    """(name, epsilon of the batch normalisation that follows) of all convolutions, then ("classifier", 0.0)."""
    for name in network.parameters_dict():
        if name.endswith(".0.weight"):
            yield name[: -len(".weight")], network.architecture.epsilon
    yield "classifier", 0.0


def _norm(name: str) -> str:
    """Name of the batch normalisation after a convolution: features.1.conv.0.0 -> features.1.conv.0.1."""
    return f"{name[:-1]}1"


def _folded(parameters: Dict[str, np.ndarray], name: str, epsilon: float) -> Tuple[np.ndarray, np.ndarray]:
    """Weight f32 [O, ...] and bias f32 [O] of a layer, with its batch normalisation folded in."""
    weight = parameters[f"{name}.weight"]
    if not epsilon:
        return weight, parameters[f"{name}.bias"]
    norm = [parameters[f"{_norm(name)}.{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    return fold_batch_norm(weight, norm, epsilon)


def _unfolded(name: str, epsilon: float, bias: np.ndarray) -> Dict[str, np.ndarray]:
    """The bias f32 [O] as parameters of the network: the classifier's bias, or a batch normalisation that only adds it."""
    if not epsilon:
        return {f"{name}.bias": bias}
    one, zero = np.ones_like(bias), np.zeros_like(bias)
    norm = {"gamma": one, "beta": bias, "moving_mean": zero, "moving_variance": one - np.float32(epsilon)}
    return {f"{_norm(name)}.{part}": value for part, value in norm.items()}
