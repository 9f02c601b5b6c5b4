"""Features of a data set, and the detector that a training fits to them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from mobilenetv2.config import Settings
from mobilenetv2.data import dataset
from mobilenetv2.data.image import Preprocessing, preprocess
from mobilenetv2.evaluation import ood
from mobilenetv2.model import pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2, expected_features
from mobilenetv2.model.prediction import feature_pooler, run_batches


class Data(NamedTuple):
    """Features f32 [N, channels], of the center, and labels i32 [N]. background: f32 [channels], `expected_features` of the
    network."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    background: np.ndarray


def read(photos: Path, start: pretrained.PretrainedWeights) -> Data:
    """The features that the weights have for a data set."""
    found = dataset.scan_folder(str(photos))
    network = MobileNetV2(start.architecture, len(found.classes))
    pretrained.load_pretrained(network, start, found.classes)
    preprocessing = Preprocessing(start.size or Preprocessing.size, start.mean, start.std)
    pool = feature_pooler(network)

    def features(split: str) -> np.ndarray:
        pictures = ((photo.name, preprocess(photo.file.read_bytes(), preprocessing)) for photo in found.split(split))
        return np.stack([rows[1] for _, rows in run_batches(pool, pictures)])

    background = expected_features(network)
    return Data(features("train"), found.labels("train"), features("val"), found.labels("val"), background)


def detector(
    train: np.ndarray, labels: np.ndarray, classifier: np.ndarray, background: np.ndarray
) -> ood.OutlierDetector:
    directions, groups = ood.outlier_directions(train, classifier), np.arange(len(labels))
    return ood.fit_detector(train, labels, groups, directions, background, train[:0], Settings().refused)[0]
