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

    The weight decay of the plan pulls to these weights rather than to zero (L2-SP: Li et al., ICML 2018), so that a classifier
    does not forget what the photos do not speak of. A new one has zeros.

    train: f32 [N, views, channels]. val: f32 [M, channels]. Their labels: i32 [N] and [M]. record: as in `train_epochs`. The
    features are standardised, which converges several times faster; mean and deviation are then folded into the weights.
    """
    inputs = train.reshape(-1, train.shape[-1])
    mean, deviation = mean_and_deviation(inputs)
    targets = np.repeat(train_labels, train.shape[1])
    val_inputs = (val - mean) / deviation
    weight, bias = classifier.weight.asnumpy(), classifier.bias.asnumpy()
    model = _ChangedClassifier(weight * deviation, bias + weight @ mean)
    batch = min(plan.batch_size, len(inputs))

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = shuffled_batches(len(inputs), batch, seed, epoch)[first:]
        return (((inputs[rows] - mean) / deviation, targets[rows]) for rows in order)

    def validate() -> np.ndarray:
        return classify(model, val_inputs)

    steps, parameters = -(-len(inputs) // batch), model.trainable_params()

    def make_step(optimizer: nn.Optimizer) -> Step:
        return supervised_step(model, optimizer, plan.label_smoothing, distribute=False)

    history = train_supervised(model, parameters, batches, steps, validate, val_labels, plan, record, make_step)
    weight = (model.start.weight.asnumpy() + model.change.weight.asnumpy()) / deviation
    bias = model.start.bias.asnumpy() + model.change.bias.asnumpy() - weight @ mean
    # Other machines may have other rounding errors: all workers continue with the main worker's classifier.
    _set(classifier, distributed.broadcast(weight), distributed.broadcast(bias))
    return history


class _ChangedClassifier(nn.Cell):
    """A classifier as the sum of where it started, which stays, and a change, which is trained and so decays to nothing."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray):
        super().__init__()
        classes, channels = weight.shape
        self.start = nn.Dense(channels, classes, weight_init=ms.Tensor(weight), bias_init=ms.Tensor(bias))
        self.change = nn.Dense(channels, classes, weight_init="zeros", bias_init="zeros")
        for parameter in self.start.get_parameters():
            parameter.requires_grad = False

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        return self.start(x) + self.change(x)


def _set(classifier: nn.Dense, weight: np.ndarray, bias: np.ndarray) -> None:
    classifier.weight.set_data(ms.Tensor(weight))
    classifier.bias.set_data(ms.Tensor(bias))
