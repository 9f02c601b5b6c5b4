"""Which photos a second training leaves out, and what its answers for them are worth."""

from dataclasses import replace

import numpy as np
import pytest

from mobilenetv2.evaluation.calibration import fit_temperature
from mobilenetv2.evaluation.cross_validation import CrossValidation, explains
from mobilenetv2.evaluation.evaluate import evaluate_answers
from mobilenetv2.evaluation.unseen import Unseen, hold_out


def cross_validation(logits, fitted, independent):
    classifier = np.zeros((logits.shape[1], 1), np.float32), np.zeros(logits.shape[1], np.float32)
    return CrossValidation(logits, fitted, classifier, np.ones(len(logits), bool), None, {}, independent)


@pytest.mark.parametrize("each, share", [(60, 0.2), (7, 0.2), (2, 0.2)])
def test_a_fifth_is_left_out_copies_stay_together_and_every_class_is_learned(each, share):
    labels = np.repeat(np.arange(5), each).astype(np.int32)
    groups = np.arange(len(labels))
    groups[1::10] = groups[::10]  # a copy of every tenth photo
    held, learned = hold_out(labels, groups, seed=0, folds=5)
    assert abs(held.sum() - share * len(labels)) <= 5 and abs(int(learned.sum()) - int(held.sum())) <= 5
    assert not (held & learned).any() and not np.isin(groups[held], groups[~held]).any()
    assert set(labels[~held]) == set(range(5))


def test_with_one_photo_of_a_class_it_is_learned():
    held, _ = hold_out(np.arange(5, dtype=np.int32), np.arange(5), seed=0, folds=5)
    assert not held.any()
    labels = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1], np.int32)
    for seed in range(5):
        held, _ = hold_out(labels, np.arange(10), seed, folds=5)
        assert held.any() and not held[0]


def test_the_temperature_is_that_of_the_unseen_photos_in_the_networks_magnitude():
    """A network that knows its training photos by heart is right for 75 % of others: that is what it has to say."""
    random = np.random.default_rng(0)
    labels = np.arange(400, dtype=np.int32) % 4

    def logits(right, height):
        answers = np.where(random.random(len(labels)) < right, labels, (labels + 1) % 4)
        return (height * np.eye(4)[answers] + random.normal(0, 0.3, (len(labels), 4))).astype(np.float32)

    val, by_heart, folds = logits(0.75, 6), logits(1, 6), logits(1, 6)
    held, rows = np.arange(100), np.arange(100, 200)
    unseen = Unseen(0.5 * logits(0.75, 6)[held], labels[held], 0.5 * by_heart[rows], rows)
    np.testing.assert_allclose(unseen.scaled(by_heart), 2 * unseen.logits, rtol=1e-5)
    answers = {"train": by_heart, "val": val}
    given = (answers, dict.fromkeys(answers, labels), "abcd", cross_validation(folds, by_heart, independent=False))
    found, before = evaluate_answers(*given, unseen, learned=True), evaluate_answers(*given, learned=True)
    assert found.calibration.temperature == fit_temperature(2 * unseen.logits, unseen.labels)
    assert found.metrics["calibration"] == {"source": "unseen", "photos": 100}
    assert before.metrics["calibration"] == {"source": "learned", "photos": 400}
    assert found.calibration.after.ece < 0.08 < 0.2 < before.calibration.after.ece
    assert "folds" not in found.metrics  # the report withholds this result
    # A second training that has learned next to nothing says nothing.
    noise = random.normal(0, 0.1, (2, 100, 4)).astype(np.float32)
    ignorant = Unseen(noise[0], labels[held], noise[1], rows)
    assert evaluate_answers(*given, ignorant, learned=True).calibration == before.calibration


def test_where_the_network_has_not_learned_the_photos_the_folds_are_told():
    labels = np.arange(40, dtype=np.int32) % 2
    logits = 4 * np.eye(2, dtype=np.float32)[labels]
    answers = {"train": logits, "val": logits}
    held_out = cross_validation(logits, logits, independent=True)
    found = evaluate_answers(answers, dict.fromkeys(answers, labels), "ab", held_out)
    assert found.metrics["folds"]["correct"] == 40 and found.metrics["calibration"] == {"source": "folds", "photos": 40}


def test_where_no_photo_could_be_held_out_nothing_is_fitted():
    labels = np.arange(3, dtype=np.int32)
    logits = 4 * np.eye(3, dtype=np.float32)
    held_out = replace(cross_validation(logits, logits, independent=True), asked=np.zeros(3, bool))
    answers = {"train": logits, "val": logits}
    found = evaluate_answers(answers, dict.fromkeys(answers, labels), "abc", held_out)
    assert found.metrics["calibration"] == {"source": "none", "photos": 0}
    assert found.calibration.temperature == 1 and "folds" not in found.metrics


def test_a_classifier_that_stopped_before_it_had_learned_anything_gives_the_folds_no_magnitude():
    """Its logits are those of chance: in their magnitude, the folds would ask for any confidence."""
    random, labels = np.random.default_rng(0), np.arange(60, dtype=np.int32) % 3
    folds = (2 * np.eye(3)[labels] + random.normal(0, 1, (60, 3))).astype(np.float32)
    early = (np.float32([0.02, 0, 0]) + random.normal(0, 0.01, (60, 3))).astype(np.float32)
    answers = {"train": early, "val": early}
    found = evaluate_answers(
        answers, dict.fromkeys(answers, labels), "abc", cross_validation(folds, folds, independent=True)
    )
    assert found.calibration.temperature == fit_temperature(folds, labels) > 0.3
    assert not explains(folds, early) and explains(folds, 3 * folds + early)
