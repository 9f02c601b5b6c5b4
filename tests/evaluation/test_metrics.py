"""Confusion, precision and recall."""

import json

import numpy as np
import pytest

from mobilenetv2.evaluation.metrics import confusion_matrix, precision_recall, read_matrix, record_matrix


def test_confusion_precision_recall():
    logits = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 0]]
    matrix = confusion_matrix(logits, np.array([0, 0, 0, 1, 1], np.int32))
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    precision, recall = precision_recall(matrix)
    assert precision[:2].tolist() == [2 / 3, 0.5] and recall[:2].tolist() == [2 / 3, 0.5]
    assert np.isnan(precision[2]) and np.isnan(recall[2])


@pytest.mark.parametrize(
    "classes, key", [(2, "confusion"), (200, "confusion"), (201, "confusions"), (1000, "confusions")]
)
def test_a_matrix_comes_back_from_its_record(classes, key):
    labels = np.random.default_rng(0).integers(0, classes, (2, 500))
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, tuple(labels), 1)
    record = json.loads(json.dumps(record_matrix(matrix)))
    assert list(record) == [key] and (read_matrix(record, classes) == matrix).all()
    assert len(json.dumps(record)) < 150_000
    assert not read_matrix(record_matrix(np.zeros_like(matrix)), classes).any()


def test_of_many_classes_only_the_pairs_that_occur_are_recorded():
    matrix = np.diag(np.full(300, 2))
    matrix[7, 299] = 1
    found = record_matrix(matrix)["confusions"]
    assert found[7:9] == [[7, 7, 2], [7, 299, 1]] and len(found) == 301
