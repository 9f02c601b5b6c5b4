"""Cached features -> classifier."""
from typing import Any, Callable, Dict, List

import mindspore as ms
import numpy as np
from mindspore import nn

from .fit import Plan, fit, shuffled

BATCH = 64
WEIGHT_DECAY = 6e-3


def train_head(classifier: nn.Dense, train: np.ndarray, labels: np.ndarray, val: np.ndarray, val_labels: np.ndarray, epochs: int, lr: float,
               patience: int, seed: int, record: Callable[[Dict[str, Any]], None]) -> List[Dict[str, Any]]:
    """Train `classifier`, from what it holds, on features that stay as they are; returns the rows of `fit`.

    train f32 [N, views, channels], labels i32 [N]; val f32 [M, channels], val_labels i32 [M]. It learns on features moved and
    scaled to mean 0 and standard deviation 1, which converges several times faster; this is then folded into its weights.
    """
    channels = train.shape[-1]
    mean, deviation = train.mean((0, 1)), train.std()
    inputs = ((train - mean) / deviation).reshape(-1, channels)
    targets = np.repeat(labels, train.shape[1])
    val_inputs = ms.Tensor((val - mean) / deviation)
    weight, bias = classifier.weight.asnumpy(), classifier.bias.asnumpy()
    classifier.weight.set_data(ms.Tensor(weight * deviation))
    classifier.bias.set_data(ms.Tensor(bias + weight @ mean))
    batch = min(BATCH, len(inputs))

    def batches(epoch: int):
        return ((inputs[rows], targets[rows]) for rows in shuffled(len(inputs), batch, seed, epoch))

    plan = Plan(epochs, -(-len(inputs) // batch), lr, WEIGHT_DECAY, patience)
    history = fit(classifier, classifier.trainable_params(), batches, lambda: classifier(val_inputs).asnumpy(), val_labels, plan, record)
    weight, bias = classifier.weight.asnumpy() / deviation, classifier.bias.asnumpy()
    classifier.weight.set_data(ms.Tensor(weight))
    classifier.bias.set_data(ms.Tensor(bias - weight @ mean))
    return history
