"""The training pass through oneDNN against MindSpore's operators, and against float64."""

import platform
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import mindspore as ms
import numpy as np
import pytest
from conftest import randomised

from mobilenetv2.engine import differentiable
from mobilenetv2.engine.layers import read_layers
from mobilenetv2.engine.library import EngineUnavailable, load_library
from mobilenetv2.engine.training import TrainingPass
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.state import load_state_dict, state_dict

Gradients = Dict[str, np.ndarray]
STATISTICS = pytest.mark.parametrize("statistics", [False, None], ids=["given", "batch"])


def available() -> bool:
    try:
        return bool(load_library())
    except EngineUnavailable:
        return False


pytestmark = [
    pytest.mark.usefixtures("on_cpu"),
    pytest.mark.skipif(not available(), reason=f"oneDNN is not used on {sys.platform} {platform.machine()}"),
]


def plain(architecture: Architecture, statistics: Optional[bool], values: Optional[Gradients] = None) -> MobileNetV2:
    """A network of MindSpore's own operators, in training."""
    network = MobileNetV2(architecture, classes=2).set_train(True)
    if values:
        load_state_dict(network, {name: value for name, value in values.items() if name.startswith("features")})
    for _, cell in network.cells_and_names():
        if isinstance(cell, ms.nn.BatchNorm2d):
            cell.use_batch_statistics = statistics
    return network


def trained(statistics: Optional[bool]) -> MobileNetV2:
    """With the weights that the program brings: those of a width of 0.35."""
    embedded = checkpoint.load(str(checkpoint.EMBEDDED)).network
    return plain(embedded.architecture, statistics, state_dict(embedded))


def initial(statistics: Optional[bool], width: float = 0.25, padding: str = "symmetric") -> MobileNetV2:
    """With random weights."""
    ms.set_seed(0)
    return randomised(plain(Architecture(width, padding, epsilon=1e-3), statistics))


def batch(network: MobileNetV2, count: int, side: int, seed: int = 0) -> Tuple[np.ndarray, np.ndarray]:
    """Smooth pictures f32 [N, 3, S, S], and the gradient of a loss by the feature maps."""
    random, small = np.random.default_rng(seed), -(-side // 32)
    coarse = random.standard_normal((count, 3, -(-side // 4), -(-side // 4)))
    pictures = coarse.repeat(4, 2).repeat(4, 3)[..., :side, :side] + 0.3 * random.standard_normal(
        (count, 3, side, side)
    )
    gradient = random.standard_normal((count, read_layers(network)[-1].outputs, small, small))
    return pictures.astype(np.float32), gradient.astype(np.float32)


def expected(network: MobileNetV2, pictures: np.ndarray, gradient: np.ndarray) -> Tuple[np.ndarray, Gradients]:
    """Feature maps and gradients with MindSpore's operators."""
    factors, parameters = ms.Tensor(gradient), network.features.trainable_params()

    def loss(pictures):
        features = network.features(pictures)
        return (features * factors).sum(), features

    (_, features), found = ms.value_and_grad(loss, None, parameters, has_aux=True)(ms.Tensor(pictures))
    return features.asnumpy(), {one.name: value.asnumpy() for one, value in zip(parameters, found)}


def one_step(
    network: MobileNetV2, pictures: np.ndarray, gradient: np.ndarray, **options: int
) -> Tuple[np.ndarray, Gradients]:
    step = TrainingPass(network, len(pictures), pictures.shape[2], **options)
    return step.forward(pictures), step.backward(gradient)


def differences(ours: Gradients, other: Gradients) -> List[float]:
    """Of each parameter, relative to its norm; but some gradients are 0, and what is computed for them is noise."""
    least = 1e-3 * np.median([np.linalg.norm(value) for value in other.values()])
    assert len(ours) == 156 and ours.keys() == other.keys()
    assert all(ours[name].shape == other[name].shape for name in other)
    noise = {name for name in other if max(np.linalg.norm(ours[name]), np.linalg.norm(other[name])) < least}
    return [distance(ours[name], value) for name, value in other.items() if name not in noise]


def moments(network: MobileNetV2) -> Gradients:
    return {name: value for name, value in state_dict(network).items() if "moving" in name}


def distance(ours: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(ours - other) / np.linalg.norm(other))


# A number at the edge of ReLU6 may fall on either side of it; one of them in a late layer is 1 % of these gradients.
EDGE = 3e-2


@pytest.mark.parametrize("count, side, threads", [(1, 97, 2), (3, 64, 1), (8, 97, 3)])
def test_a_trained_network_with_its_moments_has_mindspores_gradients(count, side, threads):
    ours, theirs = trained(False), trained(False)
    pictures, gradient = batch(ours, count, side)
    features, found = one_step(ours, pictures, gradient, threads=threads)
    wanted_features, wanted = expected(theirs, pictures, gradient)
    apart = differences(found, wanted)
    assert distance(features, wanted_features) < 1e-5
    assert np.median(apart) < 1e-4 and np.quantile(apart, 0.95) < 5e-3
    assert all(np.array_equal(value, moments(theirs)[name]) for name, value in moments(ours).items())


@pytest.mark.parametrize("count, side, threads", [(2, 97, 2), (3, 64, 1), (8, 97, 3)])
def test_a_trained_network_with_the_moments_of_batches_has_mindspores_gradients(count, side, threads):
    ours, theirs = trained(None), trained(None)
    for network in (ours, theirs):  # far from the edges of ReLU6
        calm = {p.name: 0 * p.asnumpy() + (3 if "beta" in p.name else 0.4) for p in network.features.trainable_params()}
        load_state_dict(network, {name: value for name, value in calm.items() if value.ndim == 1})
    pictures, gradient = batch(ours, count, side)
    features, found = one_step(ours, pictures, gradient, threads=threads)
    wanted_features, wanted = expected(theirs, pictures, gradient)
    apart = differences(found, wanted)
    assert features.min() > 0 and features.max() < 6 and distance(features, wanted_features) < 1e-5
    assert np.median(apart) < 1e-4 and np.quantile(apart, 0.95) < 5e-3


@STATISTICS
@pytest.mark.parametrize(
    "width, side, padding",
    [
        (
            0.25,
            97,
            "symmetric",
        ),  # a residual connection around the first block; too few channels there for three threads
        (0.25, 64, "same"),
        (0.35, 97, "same"),
        (0.75, 32, "symmetric"),
        (0.25, 32, "same"),
        (1.0, 64, "symmetric"),
        (1.0, 97, "same"),
    ],
)
def test_all_widths_and_both_paddings(statistics, width, side, padding):
    ours, theirs = initial(statistics, width, padding), initial(statistics, width, padding)
    pictures, gradient = batch(ours, 4, side)
    features, found = one_step(ours, pictures, gradient, threads=3)
    wanted_features, wanted = expected(theirs, pictures, gradient)
    assert distance(features, wanted_features) < 1e-4
    apart = differences(found, wanted)
    assert np.median(apart) < EDGE and np.quantile(apart, 0.95) < 3 * EDGE


@STATISTICS
def test_gradients_are_those_of_double_precision(statistics):
    """By finite differences along each gradient."""
    network = initial(statistics)
    values = {name: value.astype(np.float64) for name, value in state_dict(network).items()}
    pictures, gradient = batch(network, 3, 64)
    features, found = one_step(network, pictures, gradient, threads=2)
    assert distance(features, precise(network, values, pictures)) < 1e-5
    checked = 0
    for name in list(found)[::5]:
        length = np.linalg.norm(found[name].astype(np.float64))
        if length > 1e-2:
            way, losses = found[name] / length, []
            for step in (1e-7, -1e-7):
                moved = precise(network, {**values, name: values[name] + step * way}, pictures)
                losses.append((moved * gradient).sum())
            assert abs((losses[0] - losses[1]) / 2e-7 - length) < EDGE * length, name
            checked += 1
    assert checked > 20


def precise(network: MobileNetV2, values: Gradients, pictures: np.ndarray) -> np.ndarray:
    """The feature maps in float64."""
    x, held = pictures.astype(np.float64), np.zeros(0)
    same = network.architecture.padding == "same"
    for i, layer in enumerate(read_layers(network)):
        if differentiable.begins_block(read_layers(network), i):
            held = x
        outputs, (stride, before, after) = layer.geometry(x.shape[2], same)
        weight = values[layer.convolution.weight.name]
        size, window = weight.shape[2], stride * (outputs - 1) + 1
        padded = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
        y = np.zeros((len(x), len(weight), outputs, outputs))
        for row, column in np.ndindex(size, size):
            part = padded[:, :, row : row + window : stride, column : column + window : stride]
            kernel = weight[:, :, row, column]
            y += (
                part * kernel[None, :, :, None]
                if layer.depthwise
                else np.tensordot(kernel, part, (1, 1)).swapaxes(0, 1)
            )
        norm = layer.norm
        measured = y.mean((0, 2, 3)), y.var((0, 2, 3))
        given = values[norm.moving_mean.name], values[norm.moving_variance.name]
        mean, variance = given if norm.use_batch_statistics is False else measured
        scale = values[norm.gamma.name] / np.sqrt(variance + norm.eps)
        y = y * scale[:, None, None] + (values[norm.beta.name] - mean * scale)[:, None, None]
        x = np.clip(y, 0, 6) if layer.relu6 else y + held if layer.residual else y
    return x


def test_moving_moments_after_three_steps_are_mindspores():
    ours, theirs = trained(None), trained(None)
    step = TrainingPass(ours, 3, 97, threads=2)
    for seed in range(3):
        pictures, _ = batch(ours, 3, 97, seed)
        step.forward(pictures)
        theirs.features(ms.Tensor(pictures))
    for name, value in moments(theirs).items():
        assert distance(moments(ours)[name], value) < 1e-5


@STATISTICS
def test_only_the_last_blocks_are_trained(statistics):
    pictures, gradient = batch(trained(statistics), 5, 64)
    _, everything = one_step(trained(statistics), pictures, gradient, threads=2)
    network = trained(statistics)
    _, last = one_step(network, pictures, gradient, blocks=2, threads=2)
    assert list(last) == [p.name for block in list(network.features)[-2:] for p in block.trainable_params()]
    assert all(np.array_equal(value, everything[name]) for name, value in last.items())


@STATISTICS
def test_the_same_bytes_each_time_and_changed_parameters_are_seen(statistics):
    network = initial(statistics, 0.35)
    pictures, gradient = batch(network, 5, 64)
    step, passes = TrainingPass(network, 5, 64, threads=2), []
    for _ in range(2):
        features = step.forward(pictures)
        passes.append({**step.backward(gradient), "features": features})
    again, found = one_step(network, pictures, gradient, threads=2)
    passes.append({**found, "features": again})
    for other in passes[1:]:
        assert all(np.array_equal(value, other[name]) for name, value in passes[0].items())
    for parameter in network.features.trainable_params():
        parameter.set_data(parameter * 1.1)
    changed = {"features": step.forward(pictures), **step.backward(gradient)}
    features, found = one_step(network, pictures, gradient, threads=2)
    for name, value in {**found, "features": features}.items():
        assert np.array_equal(changed[name], value) and not np.array_equal(changed[name], passes[0][name])


@STATISTICS
def test_blocks_of_eight_channels(statistics, monkeypatch):
    """As without AVX-512, and for a last layer of 40 channels."""
    network = initial(statistics, 1.0)
    pictures, gradient = batch(network, 2, 64)
    features, found = one_step(network, pictures, gradient, threads=1)
    monkeypatch.setattr(differentiable, "has_avx512", lambda: False)
    other_features, other = one_step(network, pictures, gradient, threads=1)
    assert distance(features, other_features) < 1e-4 and np.median(differences(found, other)) < EDGE
    monkeypatch.undo()
    narrow = randomised(plain(Architecture(1.0, last=40), statistics))
    pictures, gradient = batch(narrow, 3, 64)
    features, found = one_step(narrow, pictures, gradient, threads=2)
    assert distance(features, expected(narrow, pictures, gradient)[0]) < 1e-4


@STATISTICS
def test_a_failure_in_one_thread_ends_all_and_the_next_pass_works(statistics, monkeypatch):
    network = initial(statistics)
    pictures, gradient = batch(network, 3, 64)
    step = TrainingPass(network, 3, 64, threads=3)
    step.forward(pictures)
    found = step.backward(gradient)
    kind = type((getattr(step._pass, "parts", None) or step._pass._threads)[0])
    work, calls = kind.backward, []

    def fail(self, gradient):
        calls.append(self)
        if len(calls) == 2:
            raise MemoryError("here")
        work(self, gradient)

    monkeypatch.setattr(kind, "backward", fail)
    with pytest.raises(MemoryError, match="here"):
        step.backward(gradient)
    monkeypatch.undo()
    step.forward(pictures)
    assert all(np.array_equal(value, found[name]) for name, value in step.backward(gradient).items())


@STATISTICS
def test_nothing_leaks(statistics):
    network = initial(statistics)
    pictures, gradient = batch(network, 3, 32)

    def used() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def work(count: int) -> None:
        for _ in range(count):
            step.forward(pictures)
            step.backward(gradient)

    step = TrainingPass(network, 3, 32, threads=2)
    work(20)
    before = used()
    work(150)
    assert used() - before < 8e6
    for _ in range(10):
        step = TrainingPass(network, 3, 32, threads=2)
        work(1)
    assert used() - before < 60e6


def test_what_it_is_not_for():
    network = initial(False)
    with pytest.raises(ValueError, match="this pass is for"):
        TrainingPass(network, 2, 64).forward(np.zeros((3, 3, 64, 64), np.float32))
    read_layers(network)[0].norm.use_batch_statistics = None
    with pytest.raises(EngineUnavailable, match="some of"):
        TrainingPass(network, 2, 64)
