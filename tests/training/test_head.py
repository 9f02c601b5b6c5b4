"""The classifier's training: it keeps what the photos do not speak of."""

from dataclasses import replace

import mindspore as ms
import numpy as np
import pytest
from mindspore import nn

from mobilenetv2.config import Settings, resolve
from mobilenetv2.evaluation.regression import softmax_regression
from mobilenetv2.model.prediction import classify
from mobilenetv2.training.head import train_classifier

CONFIG = resolve(Settings(), None)
pytestmark = pytest.mark.usefixtures("on_cpu")


def clouds(seed):
    """Features f32 [120, 2, 40] of two classes, two views each, that overlap a little, and labels."""
    random, labels = np.random.default_rng(seed), np.repeat(np.int32([0, 1]), 60)
    middle = random.normal(0, 0.35, (2, 40))[labels, None]
    return (middle + random.normal(0, 0.5, (120, 2, 40)) + 1).astype(np.float32), labels


def trained(weight, bias, inputs, labels, pull):
    classifier = nn.Dense(weight.shape[1], len(weight), weight_init=ms.Tensor(weight), bias_init=ms.Tensor(bias))
    plan = replace(CONFIG.classifier_plan, weight_decay=pull, lr=0.01, patience=60)
    train_classifier(classifier, inputs, inputs[:, 0], labels, labels, plan, 0, lambda row: None)
    return classifier


def known(channels=40):
    """A classifier of two classes that goes by the last channel alone."""
    weight = np.zeros((2, channels), np.float32)
    weight[:, -1] = -0.3, 0.3
    return weight, np.float32([0.3, -0.3])


def test_a_channel_that_the_photos_do_not_have_keeps_its_weight():
    inputs, labels = clouds(0)
    inputs[:, :, -1] = 0
    weight, bias = known()
    after = trained(weight, bias, inputs, labels, 0.06)
    np.testing.assert_allclose(after.weight.asnumpy()[:, -1], weight[:, -1], atol=1e-5)
    assert (classify(after, inputs[:, 0]).argmax(1) == labels).mean() > 0.95  # and the others learn


def test_the_more_it_is_pulled_the_less_it_changes():
    inputs, labels = clouds(1)
    weight, bias = known()
    changes = [
        np.abs(trained(weight, bias, inputs, labels, pull).weight.asnumpy() - weight).mean() for pull in (0, 0.06, 9)
    ]
    assert changes[0] > changes[1] > changes[2] and changes[2] < 0.2 * changes[0]


def test_the_cross_validation_is_pulled_to_the_same_place():
    inputs, labels = clouds(2)
    weight, bias = known()
    stays, _ = softmax_regression(inputs, labels, 2, 1e6, 0.1, anchor=(weight, bias))
    np.testing.assert_allclose(stays, weight, atol=1e-3)
    ours = softmax_regression(inputs, labels, 2, CONFIG.pull, 0.1, anchor=(weight, bias))
    theirs = trained(weight, bias, inputs, labels, CONFIG.pull)
    logits = inputs[:, 0] @ ours[0].T + ours[1], classify(theirs, inputs[:, 0])
    assert np.corrcoef(*(np.diff(rows)[:, 0] for rows in logits))[0, 1] > 0.99


def test_classes_that_are_known_are_pulled_and_new_ones_are_not():
    """Three classes, the last one new: the rows of the others stay near their start."""
    inputs, labels = clouds(3)
    shift = np.random.default_rng(7).normal(0, 0.5, 40).astype(np.float32)
    inputs = np.concatenate([inputs, inputs[:60] + shift])
    labels = np.concatenate([labels, np.full(60, 2, np.int32)])
    weight, bias = (np.concatenate([rows, np.zeros((1, *rows.shape[1:]), np.float32)]) for rows in known())

    def change(decays):
        classifier = nn.Dense(40, 3, weight_init=ms.Tensor(weight), bias_init=ms.Tensor(bias))
        plan = replace(CONFIG.classifier_plan, lr=0.01, patience=60)
        train_classifier(classifier, inputs, inputs[:, 0], labels, labels, plan, 0, lambda row: None, np.array(decays))
        right = (classify(classifier, inputs[:, 0]).argmax(1) == labels).mean()
        return np.abs(classifier.weight.asnumpy() - weight).mean(1), right

    loose, held = change([6e-3, 6e-3, 6e-3]), change([9, 9, 6e-3])
    assert (held[0][:2] < 0.2 * loose[0][:2]).all() and held[0][2] > 2 * held[0][:2].max(), (held, loose)
    # One number for all is the plan's; and the cross-validation comes to the same logits.
    ours = softmax_regression(inputs, labels, 3, np.array([0.06, 0.06, 0.02]), 0.1, anchor=(weight, bias))
    plain = softmax_regression(inputs, labels, 3, 0.06, 0.1, anchor=(weight, bias))
    again = softmax_regression(inputs, labels, 3, np.full(3, 0.06), 0.1, anchor=(weight, bias))
    assert np.array_equal(plain[0], again[0]) and np.abs(ours[0][2]).mean() > np.abs(plain[0][2]).mean()
