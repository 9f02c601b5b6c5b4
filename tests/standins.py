"""Files with the exact names and shapes of published MobileNetV2 weights, filled with small random numbers.

The names are spelled out here a second time on purpose, independent of the tables in model/pretrained.py that they test.
"""

from typing import Dict, Iterator, Tuple

import numpy as np

# (expansion, output channels) of the 17 blocks at width 1.0
BLOCKS = [(1, 16), *[(6, 24)] * 2, *[(6, 32)] * 3, *[(6, 64)] * 4, *[(6, 96)] * 3, *[(6, 160)] * 3, (6, 320)]


def _layers(width: float) -> Iterator[Tuple[int, int, int, int, Tuple[int, ...]]]:
    """(block, pair in block, pairs in block, output channels, kernel shape); block 0 is the stem, 18 the last convolution."""
    inputs = int(
        32 * width
    )  # widths 1.0 and 0.5 only: with these, channels are rounded up to a multiple of 8 and no further
    yield 0, 0, 1, inputs, (inputs, 3, 3, 3)
    for block, (expansion, outputs) in enumerate(BLOCKS, 1):
        outputs, hidden = -(-int(outputs * width) // 8) * 8, inputs * expansion
        shapes = [(hidden, inputs, 1, 1)] if expansion > 1 else []
        shapes += [(hidden, 1, 3, 3), (outputs, hidden, 1, 1)]
        for pair, shape in enumerate(shapes):
            yield block, pair, len(shapes), shape[0], shape
        inputs = outputs
    yield 18, 0, 1, 1280, (1280, inputs, 1, 1)


def _tensors(naming, norm, head: Dict[str, Tuple[int, ...]], width: float) -> Dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    tensors = {}
    for block, pair, pairs, channels, shape in _layers(width):
        convolution, batch_norm = naming(block, pair, pairs)
        tensors[f"{convolution}.weight"] = random.normal(0, 0.1, shape)
        for suffix in norm:
            tensors[f"{batch_norm}.{suffix}"] = random.uniform(0.5, 1.5, channels)
    tensors.update({name: random.normal(0, 0.1, shape) for name, shape in head.items()})
    return {name: value.astype(np.float32) for name, value in tensors.items()}


def torchvision(classes: int = 1000, width: float = 1.0) -> Dict[str, np.ndarray]:
    def naming(block: int, pair: int, pairs: int) -> Tuple[str, str]:
        if block in (0, 18):
            return f"features.{block}.0", f"features.{block}.1"
        if pair < pairs - 1:
            return f"features.{block}.conv.{pair}.0", f"features.{block}.conv.{pair}.1"
        return f"features.{block}.conv.{pair}", f"features.{block}.conv.{pair + 1}"

    head = {"classifier.1.weight": (classes, 1280), "classifier.1.bias": (classes,)}
    return _tensors(naming, ("weight", "bias", "running_mean", "running_var"), head, width)


def timm(classes: int = 1000) -> Dict[str, np.ndarray]:
    """With the counters of batches that PyTorch saves."""
    numbers = [(stage, repeat) for stage, repeats in enumerate((1, 2, 3, 4, 3, 3, 1)) for repeat in range(repeats)]

    def naming(block: int, pair: int, pairs: int) -> Tuple[str, str]:
        if block in (0, 18):
            return {0: ("conv_stem", "bn1"), 18: ("conv_head", "bn2")}[block]
        stage, repeat = numbers[block - 1]
        kind = {2: ("conv_dw", "conv_pw"), 3: ("conv_pw", "conv_dw", "conv_pwl")}[pairs][pair]
        return f"blocks.{stage}.{repeat}.{kind}", f"blocks.{stage}.{repeat}.bn{pair + 1}"

    head = {"classifier.weight": (classes, 1280), "classifier.bias": (classes,)}
    tensors = _tensors(naming, ("weight", "bias", "running_mean", "running_var"), head, 1.0)
    norms = [name[: -len("running_var")] for name in tensors if name.endswith("running_var")]
    return {**tensors, **{f"{name}num_batches_tracked": np.array(1, np.int64) for name in norms}}


NORM = ("moving_mean", "moving_variance", "gamma", "beta")


def mindcv(classes: int = 1000) -> Dict[str, np.ndarray]:
    def naming(block: int, pair: int, pairs: int) -> Tuple[str, str]:
        if block in (0, 18):
            return {0: ("features.0", "features.1"), 18: ("features.20", "features.21")}[block]
        # layers of a block: convolution, batch norm, ReLU6, and so on
        return f"features.{block + 2}.layers.{3 * pair}", f"features.{block + 2}.layers.{3 * pair + 1}"

    return _tensors(naming, NORM, {"classifier.1.weight": (classes, 1280), "classifier.1.bias": (classes,)}, 1.0)


def mindvision(classes: int = 1000) -> Dict[str, np.ndarray]:
    """With the optimizer's state that the published file holds as well."""

    def naming(block: int, pair: int, pairs: int) -> Tuple[str, str]:
        place = f"backbone.features.{block}"
        if block in (0, 18):
            return f"{place}.features.0", f"{place}.features.1"
        if pair < pairs - 1:
            return f"{place}.conv.{pair}.features.0", f"{place}.conv.{pair}.features.1"
        return f"{place}.conv.{pair}", f"{place}.conv.{pair + 1}"

    tensors = _tensors(
        naming, NORM, {"head.classifier.weight": (classes, 1280, 1, 1), "head.classifier.bias": (classes,)}, 1.0
    )
    moments = {f"moments.{name}": np.zeros_like(value) for name, value in tensors.items() if "moving" not in name}
    return {**tensors, **moments, "learning_rate": np.float32(0.1)[None], "momentum": np.float32(0.9)[None]}


def resnet() -> Dict[str, np.ndarray]:
    return {
        f"layer{stage}.{block}.conv{n}.weight": np.zeros((8, 8, 3, 3), np.float32)
        for stage in (1, 2)
        for block in (0, 1)
        for n in (1, 2)
    }
