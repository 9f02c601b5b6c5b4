"""Trains the classifier, the last layer, on features that stay as they are."""

from typing import Any, Dict, Iterator, List, Optional, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..evaluation.metrics import mean_and_deviation
from ..model.prediction import classify
from ..runtime import distributed
from .loop import Record, param_groups, shuffled_batches, train_supervised
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
    decays: Optional[np.ndarray] = None,
    learned: bool = False,
) -> List[Dict[str, Any]]:
    """Train `classifier` in place, from the weights that it has. Returns the rows of `train_epochs`.

    The weight decay of the plan pulls to these weights rather than to zero (L2-SP: Li et al., ICML 2018), so that a classifier
    does not forget what the photos do not speak of. A new one has zeros.

    train: f32 [N, views, channels]. val: f32 [M, channels]. Their labels: i32 [N] and [M]. record, learned: as in `train_epochs`.
    decays: f64 [C], the weight decay of each class in place of the plan's, as for classes that are known and others that are new.
    The features are standardised, which converges several times faster; mean and deviation are then folded into the weights.
    """
    inputs = train.reshape(-1, train.shape[-1])
    mean, deviation = mean_and_deviation(inputs)
    targets = np.repeat(train_labels, train.shape[1])
    val_inputs = (val - mean) / deviation
    weight, bias = classifier.weight.asnumpy(), classifier.bias.asnumpy()
    decays = np.broadcast_to(plan.weight_decay if decays is None else decays, len(bias))
    model = _ChangedClassifier(weight * deviation, bias + weight @ mean, decays)
    batch = min(plan.batch_size, len(inputs))

    def batches(epoch: int, first: int) -> Iterator[Tuple[np.ndarray, np.ndarray]]:
        order = shuffled_batches(len(inputs), batch, seed, epoch)[first:]
        return (((inputs[rows] - mean) / deviation, targets[rows]) for rows in order)

    def validate() -> np.ndarray:
        return classify(model, val_inputs)

    steps = -(-len(inputs) // batch)

    def make_step(optimizer: nn.Optimizer) -> Step:
        return supervised_step(model, optimizer, plan.label_smoothing, distribute=False)

    history = train_supervised(
        model, model.groups(), batches, steps, validate, val_labels, plan, record, make_step, learned=learned
    )
    weight, bias = model.total()
    weight = weight / deviation
    set_classifier(classifier, weight, bias - weight @ mean)
    return history


class _ChangedClassifier(nn.Cell):
    """A classifier as the sum of where it started, which stays, and a change, which is trained and so decays to nothing.

    decays: f64 [C], how fast, for each class. There is a change for each different one, zero for classes with another."""

    def __init__(self, weight: np.ndarray, bias: np.ndarray, decays: np.ndarray):
        super().__init__()
        classes, channels = weight.shape
        self.start = nn.Dense(channels, classes, weight_init=ms.Tensor(weight), bias_init=ms.Tensor(bias))
        for parameter in self.start.get_parameters():
            parameter.requires_grad = False
        self._decays = [float(decay) for decay in np.unique(decays)]
        self.changes = nn.CellList(
            [nn.Dense(channels, classes, weight_init="zeros", bias_init="zeros") for _ in self._decays]
        )
        self.masks = [ms.Tensor((decays == decay).astype(np.float32)) for decay in self._decays]

    def construct(self, x: ms.Tensor) -> ms.Tensor:
        logits = self.start(x)
        for change, mask in zip(self.changes, self.masks):
            logits = logits + change(x) * mask
        return logits

    def groups(self) -> List[Dict[str, Any]]:
        """Parameter groups of an optimizer."""
        return [
            group
            for change, decay in zip(self.changes, self._decays)
            for group in param_groups(change.trainable_params(), decay)
        ]

    def total(self) -> Tuple[np.ndarray, np.ndarray]:
        """Weight f32 [C, channels] and bias f32 [C] as they are now. A row that a change does not train is zero in it."""
        weight, bias = self.start.weight.asnumpy(), self.start.bias.asnumpy()
        for change in self.changes:
            weight, bias = weight + change.weight.asnumpy(), bias + change.bias.asnumpy()
        return weight, bias


def set_classifier(classifier: nn.Dense, weight: np.ndarray, bias: np.ndarray) -> None:
    """Other machines may have other rounding errors: all workers get the main worker's."""
    classifier.weight.set_data(ms.Tensor(distributed.broadcast(weight)))
    classifier.bias.set_data(ms.Tensor(distributed.broadcast(bias)))
