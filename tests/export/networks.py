"""Networks of every kind, with weights and references that matter."""

from dataclasses import replace
from typing import Tuple

import numpy as np
from conftest import randomised

from mobilenetv2.data.image import Preprocessing
from mobilenetv2.evaluation.ood import fit_detector, outlier_directions
from mobilenetv2.export.examples import Examples
from mobilenetv2.model import checkpoint
from mobilenetv2.model.architecture import Architecture
from mobilenetv2.model.mobilenet_v2 import MobileNetV2, expected_features
from mobilenetv2.model.state import load_state_dict

# Architecture, side, number of classes, mean and std.
IMAGENET, OTHER = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ((0.5, 0.4, 0.6), (0.5, 0.3, 0.2))
KINDS = {
    "large": (Architecture(1.0), 224, 2, IMAGENET),
    "wide": (Architecture(1.4, "same", 1e-3), 96, 3, OTHER),
    "small": (Architecture(0.25, "symmetric", 1e-5, 384), 128, 2, IMAGENET),
    "same, odd side": (Architecture(0.35, "same", 1e-3, 64), 65, 4, OTHER),
    "least": (Architecture(0.1, "symmetric", 1e-3, 8), 33, 5, OTHER),
}


def make(kind: str, outliers: int = 3) -> checkpoint.Loaded:
    """outliers: known ones, of the detector; below 0 there is no detector."""
    architecture, side, classes, (mean, std) = KINDS[kind]
    network, random = MobileNetV2(architecture, classes).set_train(False), np.random.default_rng(1)
    weight = 0.1 * random.normal(size=network.classifier.weight.shape).astype(np.float32)
    load_state_dict(randomised(network), {"classifier.weight": weight})
    description = replace(
        checkpoint.load(str(checkpoint.EMBEDDED)).description,
        classes=tuple(f"class {number}" for number in range(classes)),
        architecture=architecture,
        preprocessing=Preprocessing(side, mean, std),
        temperature=1.5,
    )
    if outliers < 0:
        return checkpoint.Loaded(network, description, None)
    # One class has a single photo, the others share the rest.
    labels = np.array([classes - 1, *(number % (classes - 1) for number in range(59))], np.int32)
    features = random.normal(size=(60 + outliers, network.classifier.in_channels)).astype(np.float32)
    known, background = features[60:] if outliers else features[:0], expected_features(network)
    directions = outlier_directions(features[:60])
    detector, _ = fit_detector(features[:60], labels, np.arange(60), directions, background, known, 0.02)
    return checkpoint.Loaded(network, description, detector)


def pictures(loaded: checkpoint.Loaded, count: int = 3) -> Examples:
    """Coarse patterns of all colours."""
    side, random = loaded.description.preprocessing.size, np.random.default_rng(2)
    coarse = random.integers(0, 256, (count, 6, 6, 3)).astype(np.uint8)
    times = -(-side // 6)
    fine = coarse.repeat(times, 1).repeat(times, 2)[:, :side, :side]
    return Examples(fine, np.arange(count) % len(loaded.description.classes), fine, "patterns")


def one_without_references(loaded: checkpoint.Loaded) -> Tuple[checkpoint.Loaded, int]:
    """The same, with a class that has lost its references; and that class."""
    detector = loaded.neither
    lost = int(detector.labels.max())
    labels = np.where(detector.labels == lost, 0, detector.labels).astype(np.int32)
    return loaded._replace(neither=detector.with_neighborhoods(lambda one: replace(one, labels=labels))), lost
