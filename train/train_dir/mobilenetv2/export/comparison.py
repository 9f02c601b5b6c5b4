"""The outlier detector of evaluation/ood.py as arrays for a graph without loops: `Neighborhood.score` in a few operators.

For rows, f32 [N, D], of unit length:
    near[n, c] = sum over k of weights[c, k] * the k-th highest of (rows @ references.T)[n, places[c]] + barred[c], and alone[c]
    distance[n] = pull * mean of the highest of (rows @ outliers.T)[n] - max of near[n] - baseline[the class of that maximum]
The output is the sum of both neighborhoods' distances, each divided by its scale, less the threshold.
"""

from typing import NamedTuple

import numpy as np

from ..evaluation.neighbors import OUTLIERS, PULL, Neighborhood

FAR = -4.0  # below every cosine


class Comparison(NamedTuple):
    """references: f16 [R, D]. places: i64 [C, M], the references of each class, filled up with the first one. barred: f32 [C, M],
    FAR where it is filled up, else 0. weights: f32 [C, K], of the K highest. alone: f32 [C], -1 for a class without references,
    else 0. pulls: f32 [L], of the L highest similarities to outliers, f16 [S, D]; L may be 0."""

    references: np.ndarray
    places: np.ndarray
    barred: np.ndarray
    weights: np.ndarray
    alone: np.ndarray
    outliers: np.ndarray
    pulls: np.ndarray


def arrange(one: Neighborhood) -> Comparison:
    """Its references by class."""
    rows = [np.flatnonzero(one.labels == label) for label in range(len(one.class_baseline))]
    counts = [len(found) for found in rows]
    most = max(counts)
    kept = min(int(one.neighbors.max()), most)
    places, barred = np.zeros((len(rows), most), np.int64), np.full((len(rows), most), FAR, np.float32)
    weights = np.zeros((len(rows), kept), np.float32)
    for class_, found in enumerate(rows):
        places[class_, : len(found)], barred[class_, : len(found)] = found, 0
        averaged = min(one.neighbors[class_], len(found))
        weights[class_, :averaged] = 1 / max(1, averaged)
    pulled = min(OUTLIERS, len(one.outliers))
    return Comparison(
        one.references,
        places,
        barred,
        weights,
        np.array([0 if count else -1 for count in counts], np.float32),
        one.outliers,
        np.full(pulled, PULL / max(1, pulled), np.float32),
    )
