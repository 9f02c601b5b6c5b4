"""Labels that out-of-fold answers and the most similar photos contradict."""

from pathlib import Path

import numpy as np
import pytest

from mobilenetv2.checks import mislabelled
from mobilenetv2.checks.mislabelled import class_similarity, describe_issues, find_label_issues
from mobilenetv2.data.dataset import Photo
from mobilenetv2.evaluation import metrics
from mobilenetv2.evaluation.cross_validation import assign_folds, out_of_fold


def clusters(sizes, spread=0.6, seed=0):
    """features f32 [N, 30] and true labels i32 [N]."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    middles = random.normal(0, 0.5, (len(sizes), 30))
    return (middles[labels] + random.normal(0, spread, (len(labels), 30)) + 1).astype(np.float32), labels


def issues_of(features, labels, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    classes = int(labels.max()) + 1
    fold = assign_folds(labels, groups, 0, 5)
    logits, _ = out_of_fold(features[:, None], labels, fold, classes, 2e-2, 0.1)
    photos = [Photo(Path(), str(index), int(label), "train") for index, label in enumerate(labels)]
    return find_label_issues(photos, [f"class {label}" for label in range(classes)], logits, features, groups)


def listed(issues):
    return {int(issue.photo.name) for issue in issues if issue.likely}


@pytest.mark.parametrize("sizes", [[40] * 8, [150] * 2, [100, 40, 16, 6, 3]], ids=str)
def test_wrong_labels_are_found_and_right_ones_are_not(sizes):
    features, true = clusters(sizes)
    clean = issues_of(features, true)
    assert not listed(clean) and describe_issues(clean) == []
    random, labels = np.random.default_rng(3), true.copy()
    wrong = random.permutation(len(true))[: len(true) // 20]
    labels[wrong] = (true[wrong] + random.integers(1, len(sizes), len(wrong))) % len(sizes)
    issues = issues_of(features, labels)
    found = listed(issues)
    assert len(found & set(wrong)) >= 0.8 * len(wrong) and len(found & set(wrong)) >= 0.8 * len(found)
    assert [issue.likely for issue in issues] == sorted((issue.likely for issue in issues), reverse=True)
    chances = [issue.wrong for issue in issues]
    assert chances == sorted(chances, reverse=True) and min(chances) >= 0 and max(chances) <= 1
    for issue in issues:
        assert issue.label == f"class {labels[int(issue.photo.name)]}" != issue.looks_like
        assert issue.self_confidence < issue.confidence
    right = [issue.looks_like == f"class {true[int(issue.photo.name)]}" for issue in issues if issue.likely]
    assert np.mean(right) >= 0.8
    said = describe_issues(issues)
    assert len(said) == len(found) and {one.kind for one in said} == {"label"}
    assert said[0].text == f"looks like {issues[0].looks_like}: is its label wrong?"


def test_wrong_labels_of_one_class_alone():
    """A tenth of one class lies in the other's folder: there they are most similar to each other."""
    features, true = clusters([150, 150])
    labels = true.copy()
    labels[:15] = 1
    found = listed(issues_of(features, labels))
    assert len(found & set(range(15))) >= 14 and len(found) <= 16


@pytest.mark.parametrize("sizes", [[200] * 2, [2] * 10, [3, 2, 2]], ids=str)
def test_labels_that_have_nothing_to_do_with_the_pictures_prove_nothing(sizes):
    for seed in range(5):
        features, labels = clusters(sizes, seed=seed)
        assert not listed(issues_of(features, np.random.default_rng(seed).permutation(labels)))


def test_what_has_nothing_to_be_compared_with_is_not_accused():
    """The only photo of its class, and a class of nothing but copies."""
    features, labels = clusters([30, 30, 1, 3])
    groups = np.arange(len(labels))
    groups[61:] = 61
    features[61:] = features[61]
    features[60:] += features[:4] - features[:4].mean(0)
    assert not {int(issue.photo.name) for issue in issues_of(features, labels, groups)} & {60, 61, 62, 63}


def test_similarity_does_not_depend_on_how_many_photos_are_taken_at_a_time(monkeypatch):
    features, labels = clusters([25, 25, 8])
    groups, trusted = np.arange(58), np.arange(58) % 5 > 0
    found = []
    for rows in (512, 7):
        monkeypatch.setattr(metrics, "ROWS", rows)
        found.append(class_similarity(features, labels, groups, trusted, 4))
    np.testing.assert_allclose(*found, atol=1e-6)
    assert (found[0][:, 3] == -1).all() and (found[0][:, :3] > -1).all()  # of that class there is no photo


def test_similarity_by_hand():
    """Two classes on a circle around the center; one is its own copy's neighbor, so that it is compared with the other two."""
    angles = np.deg2rad([0, 0, 30, 60, 180, 180, 210, 240])
    features = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    labels, groups = np.int32([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 2, 3, 3, 4, 5])
    found = class_similarity(features, labels, groups, np.ones(8, bool), 2)
    np.testing.assert_allclose(found[0], np.cos(np.deg2rad([30, 120])), atol=1e-6)
    only = np.arange(8) != 2
    np.testing.assert_allclose(class_similarity(features, labels, groups, only, 2)[0, 0], 0.5, atol=1e-6)
    copies = np.isin(np.arange(8), (0, 1, 4, 5))  # of nothing but copies of one: all of the class are compared with
    np.testing.assert_allclose(class_similarity(features, labels, groups, copies, 2), found, atol=1e-6)


def test_of_many_photos_as_many_of_each_class_as_possible_are_compared_with(monkeypatch):
    features, labels = clusters([60, 60, 5])
    everything = class_similarity(features, labels, np.arange(125), np.ones(125, bool), 3)
    monkeypatch.setattr(mislabelled, "REFERENCES", 25)
    assert np.bincount(labels[mislabelled._draw(labels, np.arange(125))]).tolist() == [10, 10, 5]
    some = class_similarity(features, labels, np.arange(125), np.ones(125, bool), 3)
    np.testing.assert_allclose(some[:, 2], everything[:, 2], atol=1e-6)
    assert (some.argmax(1) == labels).mean() > 0.9 and np.abs(some - everything)[:, :2].max() > 0.1
