"""Whether left and right matter, by answers to mirrored photos."""

import numpy as np
import pytest
from scipy.stats import binomtest

from mobilenetv2.evaluation.mirroring import SAMPLE, compare_mirrored, held_out_sample


def sides(count, random, right=None):
    """Features f32 [N, 8] and labels i32 [N]: the first number is larger for class 1, and the sign of it is what mirroring
    changes. right: labels."""
    labels = np.sort(random.integers(0, 2, count)).astype(np.int32) if right is None else right
    features = random.normal(size=(count, 8)).astype(np.float32)
    features[:, 0] += 6 * labels - 3
    return features, labels


def compared(features, mirrored, labels, seed=0):
    fold, rows = held_out_sample(labels, np.arange(len(labels)), seed, 5)
    return compare_mirrored(features, mirrored[rows], labels, fold, rows, 2e-2, 0.1)


@pytest.mark.parametrize("count", [24, 80, 636])
def test_left_and_right_matter(count):
    features, labels = sides(count, np.random.default_rng(count))
    test = compared(features, features * np.array([-1] + [1] * 7, np.float32), labels)
    assert test.harmful and test.count == min(count, SAMPLE)
    assert test.plain >= 0.9 * test.count and test.mirrored <= 0.1 * test.count
    assert {test.lost, test.taken_for} == {0, 1}


@pytest.mark.parametrize("seed", range(8))
def test_they_do_not_matter(seed):
    """Mirrored photos are as good as others, and others than these."""
    random = np.random.default_rng(seed)
    features, labels = sides(100, random)
    assert not compared(features, sides(100, random, labels)[0], labels).harmful
    assert compared(features, features, labels).p == 1


def test_p_is_that_of_the_exact_test():
    random = np.random.default_rng(3)
    features, labels = sides(60, random)
    features[:, 0] += 3 - 5.5 * labels  # so that there are gains, too
    mirrored = features + random.normal(size=features.shape).astype(np.float32) * 2
    fold, rows = held_out_sample(labels, np.arange(60), 0, 5)
    test = compared(features, mirrored, labels)
    right = []
    for answers in (features, mirrored):  # one by one: how many change
        right.append(
            [
                compare_mirrored(features, answers[[row]], labels, fold, np.array([row]), 2e-2, 0.1).mirrored
                for row in rows
            ]
        )
    plain, seen = np.array(right, bool)
    lost, gained = int((plain & ~seen).sum()), int((seen & ~plain).sum())
    assert lost > 3 and gained > 3 and (test.plain, test.mirrored) == (plain.sum(), seen.sum())
    assert test.p == pytest.approx(binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue)


@pytest.mark.parametrize("count, folds", [(10, 5), (80, 4), (636, 1)])
def test_few_classifiers_for_many_photos(count, folds):
    labels = np.sort(np.arange(count) % 3).astype(np.int32)
    fold, rows = held_out_sample(labels, np.arange(count), 0, 5)
    assert len(rows) == len(set(rows.tolist())) == min(count, SAMPLE)
    assert len(np.unique(fold[rows])) == folds
    assert np.ptp(np.bincount(labels[rows])) <= 3  # all classes alike
