"""The classifier of the cross-validation, against the one that is trained."""

import mindspore as ms
import numpy as np
import pytest
from conftest import needs_shared
from mindspore import nn
from points import softmax_regression

from mobilenetv2.config import Settings, resolve
from mobilenetv2.evaluation.cross_validation import logit_scale
from mobilenetv2.model.prediction import classify
from mobilenetv2.training.head import train_classifier


@needs_shared
def test_regression_finds_the_classifier_of_the_head(real):
    weight, bias = softmax_regression(real.train, real.labels, 2, real.weight_decay)
    ours = np.diff(real.val @ weight.T + bias)[:, 0]
    theirs = np.diff(real.logits)[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.995
    # A weak penalty takes more steps than there are: the logits are smaller, which `evaluate_answers` takes into account.
    factor = logit_scale(real.train[:, 0] @ weight.T + bias, real.fitted)
    assert 0.7 < factor < 1.1 and np.polyfit(factor * ours, theirs, 1)[0] == pytest.approx(1, abs=0.12)
    assert ((ours > 0) == (theirs > 0)).all()


@needs_shared
@pytest.mark.parametrize("count, views", [(5, 10), (50, 5)])
def test_that_holds_for_few_photos(real, count, views):
    """Against the real training loop, on the first photos of each class; their views are repeated where there are fewer."""
    rows = np.concatenate([np.flatnonzero(real.labels == label)[:count] for label in (0, 1)])
    numbers = np.resize(np.arange(real.train.shape[1]), views)
    few, labels = real.train[rows][:, numbers], real.labels[rows]
    ms.set_seed(0)
    classifier = nn.Dense(few.shape[-1], 2)
    plan = resolve(Settings(), None).classifier_plan
    train_classifier(classifier, few, real.val, labels, real.val_labels, plan, 0, lambda row: None)
    weight, bias = softmax_regression(few, labels, 2)
    ours, theirs = np.diff(real.val @ weight.T + bias)[:, 0], np.diff(classify(classifier, real.val))[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    factor = logit_scale(few[:, 0] @ weight.T + bias, classify(classifier, few[:, 0]))
    assert np.polyfit(factor * ours, theirs, 1)[0] == pytest.approx(1, abs=0.15)
