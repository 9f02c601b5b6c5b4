"""Trains the classifier, the last layer, on features that stay as they are."""

from typing import Any, Dict, Iterator, List, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..evaluation.metrics import mean_and_deviation
from ..model.prediction import classify
from ..runtime import distributed
from .loop import Record, shuffled_batches, train_supervised
from .plan import Plan
from .step import Step, supervised_step


def train_classifier(
    classifier: nn.Dense,
    train: np.ndarray,
    val: np.ndarray,
    train_labels: np.ndarray,
    val_labels: np.ndarray,
    plan: Plan,
    seed: int,
    record: Record,
) -> List[Dict[str, Any]]:
    """Train `classifier` in place, from the weights that it has. Returns the rows of `train_epochs`.

    train: f32 [N, views, channels]. val: f32 [M, channels]. Their labels: i32 [N] and [M]. record: as in `train_epochs`. The
    features are standardised, which converges several times faster; mean and deviation are then folded into the weights.
    """
    inputs = train.reshape(-1, train.shape[-1])
    mean, deviation = mean_and_deviation(inputs)
    targets = np.repeat(train_labels, train.shape[1])
    val_inputs = (val - mean) / deviation
    weight, bias = classifier.weight.asnumpy(), classifier.bias.asnumpy()
    _set(classifier, weight * deviation, bias + weight @ mean)
    batch = min(plan.batch_size, len(inputs))

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = shuffled_batches(len(inputs), batch, seed, epoch)[first:]
        return (((inputs[rows] - mean) / deviation, targets[rows]) for rows in order)

    def validate() -> np.ndarray:
        return classify(classifier, val_inputs)

    steps, parameters = -(-len(inputs) // batch), classifier.trainable_params()

    def make_step(optimizer: nn.Optimizer) -> Step:
        return supervised_step(classifier, optimizer, plan.label_smoothing, distribute=False)

    history = train_supervised(classifier, parameters, batches, steps, validate, val_labels, plan, record, make_step)
    weight = classifier.weight.asnumpy() / deviation
    bias = classifier.bias.asnumpy() - weight @ mean
    # Other machines may have other rounding errors: all workers continue with the main worker's classifier.
    _set(classifier, distributed.broadcast(weight), distributed.broadcast(bias))
    return history


def _set(classifier: nn.Dense, weight: np.ndarray, bias: np.ndarray) -> None:
    classifier.weight.set_data(ms.Tensor(weight))
    classifier.bias.set_data(ms.Tensor(bias))
