"""Confusion, precision and recall."""

import numpy as np

from mobilenetv2.evaluation.metrics import confusion_matrix, precision_recall


def test_confusion_precision_recall():
    logits = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 0]]
    matrix = confusion_matrix(logits, np.array([0, 0, 0, 1, 1], np.int32))
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    precision, recall = precision_recall(matrix)
    assert precision[:2].tolist() == [2 / 3, 0.5] and recall[:2].tolist() == [2 / 3, 0.5]
    assert np.isnan(precision[2]) and np.isnan(recall[2])
