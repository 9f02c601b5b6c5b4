""" "Neither": known answers, and what is promised on real photos."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import SHARED, WEIGHTS, needs_shared
from data_sets import detector, read
from neither import auroc
from points import clouds, fit_detector

from mobilenetv2.evaluation.intervals import exact_interval
from mobilenetv2.evaluation.neighbors import (
    HIDDEN,
    NEIGHBORS,
    Neighborhood,
    _class_similarity,
    draw_references,
    fit_neighborhood,
)
from mobilenetv2.evaluation.ood import (
    NEVER,
    OutlierDetector,
    conformal_threshold,
    extend_detector,
    outlier_directions,
)
from mobilenetv2.model.pretrained import read_pretrained


def test_neither_from_features_alone():
    random = np.random.default_rng(2)
    inputs, labels = clouds(random, 80, 0.12)
    known, strange = clouds(random, 40, 0.12)[0][:, 0], random.normal(1, 0.35, (40, 40)).astype(np.float32)
    model = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]))[0]
    assert model.rejects(known).mean() <= 0.075 and model.rejects(strange).all()
    again = OutlierDetector.from_tensors(model.tensors(), 40, 2)
    assert np.array_equal(again.score(known), model.score(known)) and again.threshold == pytest.approx(model.threshold)
    sharper = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]), strange[:20])[0]
    assert "neither.strangers" in sharper.tensors() and "neither.strangers" not in model.tensors()
    assert (OutlierDetector.from_tensors(sharper.tensors(), 40, 2).score(strange[20:]) > sharper.threshold).all()


def test_neither_refuses_the_stated_share_of_held_out_photos():
    inputs, labels = clouds(np.random.default_rng(3), 300, 0.5)
    fresh = clouds(np.random.default_rng(4), 2000, 0.5)[0][:, 0]
    for share in (0.02, 0.1):
        model = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]), rejection_rate=share)[0]
        assert 0.1 * share < model.rejects(fresh).mean() < 1.5 * share  # fewer: the folds have fewer references


def test_the_baseline_differs_from_class_to_class():
    """Photos of the first class are less alike; a picture half-way out of the second is refused all the same."""
    random = np.random.default_rng(7)
    centres = np.zeros((2, 40))
    centres[[0, 1], [0, 1]] = 1
    spread = np.repeat([0.25, 0.02], 200)
    labels = np.repeat(np.int32([0, 1]), 200)
    photos = (centres[labels] + spread[:, None] * random.normal(size=(400, 40))).astype(np.float32)
    model = fit_detector(photos, labels, outlier_directions(photos))[0]
    baseline = model.projected.class_baseline
    assert baseline[0] > baseline[1] + 0.1
    out = (centres[1] + 0.15 * random.normal(size=(50, 40))).astype(np.float32)
    assert model.rejects(out).mean() > 0.9
    same = np.full(2, baseline.mean(), np.float32)
    same_for_all = replace(model, projected=replace(model.projected, class_baseline=same))
    assert same_for_all.score(out).max() < model.score(out).max()


@pytest.mark.parametrize(
    "break_it, said",
    [
        (lambda tensors: tensors.pop("neither.centre"), "neither.centre is missing"),
        (lambda tensors: tensors.update({"neither.centre": np.zeros(3, np.float32)}), "do not fit together"),
        (lambda tensors: tensors.update({"neither.numbers": np.float32([0, 1])}), "do not fit together"),
        (lambda tensors: tensors["neither.labels"].fill(2), "do not fit together"),
        (lambda tensors: tensors.update({"neither.numbers": np.float32([1, np.nan])}), "not finite"),
    ],
)
def test_neither_tensors_that_do_not_fit(break_it, said):
    inputs, labels = clouds(np.random.default_rng(5), 10)
    tensors = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]))[0].tensors()
    break_it(tensors)
    with pytest.raises(ValueError, match=said):
        OutlierDetector.from_tensors(tensors, inputs.shape[-1], 2)


def test_neither_with_a_handful_of_photos():
    inputs, labels = clouds(np.random.default_rng(6), 2)
    model = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]))[0]
    assert np.isfinite(model.score(inputs[:, 0])).all() and not model.rejects(inputs[:, 0]).any()


def shifted(seed, shift, count=60):
    """Photos like those of `clouds`, all moved by `shift`: of the same classes, and quite unlike."""
    inputs, labels = clouds(np.random.default_rng(seed), count, 0.12)
    return inputs[:, 0] + np.float32(shift), labels


def test_what_a_detector_accepts_it_accepts_after_more_photos():
    photos, labels = shifted(8, 0)
    others, more = shifted(9, np.random.default_rng(10).normal(0, 1, 40))
    start = fit_detector(photos, labels, outlier_directions(photos))[0]
    groups = np.arange(120)
    assert start.rejects(others).all()
    extended, scores = extend_detector(start, others, more, groups, 0.02)
    fresh = shifted(11, 0, 500)[0]
    assert (extended.score(fresh) <= start.score(fresh) + 1e-3).all() and not (
        extended.rejects(fresh) & ~start.rejects(fresh)
    ).any()
    assert extended.threshold >= start.threshold and (scores > extended.threshold).mean() <= 0.02
    assert fit_detector(others, more, outlier_directions(others))[0].rejects(fresh).all()  # by these alone
    # The new ones come first: these have thumbnails.
    assert np.array_equal(extended.labels, np.concatenate([more, labels]))
    assert (
        extended.nearest(others[:1], 1, among=120)[0, 0] == 0
        and extended.nearest(photos[:1], 1, among=240)[0, 0] == 120
    )
    assert extended.nearest(photos[:5], 3, among=120).max() < 120
    again = OutlierDetector.from_tensors(extended.tensors(), 40, 2)
    assert np.array_equal(again.score(fresh), extended.score(fresh))


def test_classes_in_another_order():
    photos, labels = shifted(12, 0)
    model = fit_detector(photos, labels, outlier_directions(photos))[0]
    turned = model.for_classes([[1], [0]])
    assert np.array_equal(turned.labels, 1 - model.labels) and np.array_equal(turned.score(photos), model.score(photos))
    assert np.array_equal(turned.plain.class_baseline, model.plain.class_baseline[::-1])
    assert model.active and not replace(model, threshold=NEVER).active


def test_a_class_goes_and_one_is_new():
    """Of the classes a and b, b goes, and c comes between; its photos are accepted afterwards, those of b are not."""
    photos, labels = shifted(12, 0)
    start = fit_detector(photos, labels, outlier_directions(photos))[0]
    left = start.for_classes([[], [0]])
    assert np.array_equal(left.plain.references, start.plain.references[start.labels == 0]) and set(left.labels) == {1}
    before, after = start.plain.class_baseline, left.plain.class_baseline
    assert np.isnan(after[0]) and after[1] == before[0]
    c = photos[labels == 0] + np.random.default_rng(3).normal(0, 0.8, 40).astype(np.float32)
    assert start.rejects(c).mean() > 0.9
    features, more = np.concatenate([c, photos[labels == 0]]), np.repeat(np.int32([0, 1]), 60)
    groups = np.arange(120)
    model, scores = extend_detector(left, features, more, groups, 0.05)
    assert np.isfinite(model.plain.class_baseline).all() and model.plain.class_baseline[1] == before[0]
    assert model.rejects(features).mean() <= 0.05 and model.rejects(photos[labels == 1]).mean() > 0.5
    assert model.threshold >= start.threshold and abs(scores[more == 0].mean()) < 0.05
    again = OutlierDetector.from_tensors(model.tensors(), 40, 2)
    assert np.array_equal(again.score(features), model.score(features))
    # Two that become one; and a class with too few references for the old number of neighbours.
    both = start.for_classes([[0, 1]])
    assert set(both.labels) == {0} and both.plain.class_baseline[0] == before.mean()
    few = extend_detector(
        left.with_neighborhoods(lambda one: replace(one, references=one.references[:1], labels=one.labels[:1])),
        features[58:62],
        more[58:62],
        np.arange(4),
        0.05,
    )[0]
    assert OutlierDetector.from_tensors(few.tensors(), 40, 2)


def on_real_photos(real, classifier):
    photos, val, outliers = (real.center[name] for name in ("train", "val", "outliers"))
    model = fit_detector(photos, real.labels, outlier_directions(photos, classifier), background=real.background)[0]
    refused = int(model.rejects(val).sum())
    assert exact_interval(refused, len(val))[0] <= 0.02
    return model, auroc(model.score(val), model.score(outliers)), model.rejects(outliers).mean()


@needs_shared
def test_neither_on_real_photos(real):
    model, found, refused = on_real_photos(real, real.classifier)
    assert found >= 0.95 and refused > 0.6
    assert sum(tensor.nbytes for tensor in model.tensors().values()) < 4 * 2**20


@needs_shared
def test_neither_without_the_many_classes_of_the_weights(real):
    assert on_real_photos(real, None)[1] >= 0.94


@needs_shared
def test_a_folder_of_outliers_sharpens(real):
    photos, val, outliers = (real.center[name] for name in ("train", "val", "outliers"))
    known = outlier_directions(photos, real.classifier)
    alone, sharper = [], []
    plain = fit_detector(photos, real.labels, known, background=real.background)[0]
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(outliers))
        for seen, tested in ((order[:23], order[23:]), (order[23:], order[:23])):
            model = fit_detector(photos, real.labels, known, outliers[seen], background=real.background)[0]
            sharper.append(auroc(model.score(val), model.score(outliers[tested])))
            alone.append(auroc(plain.score(val), plain.score(outliers[tested])))
    assert np.mean(sharper) > np.mean(alone) + 0.005
    assert np.mean(sharper) >= 0.965


@needs_shared
def test_pictures_of_other_data_sets_are_caught(real):
    """Far ones, to which the second distance alone, around the mean of the photos, is blind: photos of dogs and croissants, for a
    detector of other classes."""
    weights = read_pretrained(str(WEIGHTS))
    far = np.concatenate([real.center["val"], real.center["outliers"]])
    for name, least in (("flowers", 0.7), ("monkeys", 0.9)):
        data = read(SHARED / "sets" / name, weights)
        model = detector(data.train, data.labels, real.classifier, data.background)
        refused = int(model.rejects(data.val).sum())
        assert exact_interval(refused, len(data.val))[0] <= 0.02
        assert model.rejects(far).mean() >= least
        around = detector(data.train, data.labels, real.classifier, data.train.mean(0))  # the photos alone
        alone = around.projected.score
        assert (alone(far) > np.quantile(alone(data.val), 0.98)).mean() < model.rejects(far).mean()


def refused_by_class(photos, labels, counts, draws, background=None, directions=None):
    """Share of each class, f64 [draws, classes], that detectors of `counts` photos of it refuse of all others."""
    shares = np.empty((draws, len(counts)))
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(labels))
        rank = np.empty(len(labels), int)
        for label in range(len(counts)):
            own = order[labels[order] == label]
            rank[own] = np.arange(len(own))
        seen = rank < np.array(counts)[labels]
        found = outlier_directions(photos[seen]) if directions is None else directions
        model = fit_detector(photos[seen], labels[seen], found, background=background)[0]
        rejected = model.rejects(photos[~seen])
        shares[draw] = [rejected[labels[~seen] == label].mean() for label in range(len(counts))]
    return shares


@pytest.mark.parametrize("counts", [(2,) * 10, (5,) * 10, (100, 20, 4), (300, 6)])
def test_few_photos_and_uneven_classes_are_refused_as_asked(counts):
    """On the mean of many draws and of the classes, and no small class is singled out."""
    random, classes = np.random.default_rng(1), len(counts)
    labels = np.repeat(np.arange(classes, dtype=np.int32), np.array(counts) + 60)
    middle = random.normal(0, 0.35, (classes, 40))[labels]
    photos = (middle + random.normal(0, 0.5, middle.shape) + 1).astype(np.float32)
    shares = refused_by_class(photos, labels, counts, draws=30).mean(0)
    assert 0.004 <= shares.mean() <= 0.03 and shares.max() <= 0.06


@needs_shared
@pytest.mark.parametrize("counts, most", [((15, 15), 0.02), ((5, 5), 0.02), ((300, 6), 0.035)])
def test_few_and_uneven_real_photos_are_refused_as_asked(real, counts, most):
    photos, labels = real.center["train"], real.labels
    directions = outlier_directions(photos, real.classifier)
    shares = refused_by_class(photos, labels, counts, 20, real.background, directions)
    assert shares.mean() <= most


def test_references_cover_every_class_and_one_stands_in():
    labels = np.repeat(np.arange(400, dtype=np.int32), 5)
    drawn = draw_references(labels, np.arange(2000), 0)
    assert (np.bincount(labels[drawn.kept]) == 2).all() and (np.bincount(labels[drawn.reserve]) == 1).all()
    assert not (drawn.kept & drawn.reserve).any()
    assert (drawn.neighbors == 1).all()


def test_the_mean_of_the_most_similar_of_each_class():
    """As a loop over the classes finds it; one class has no references, one is hidden, and one has fewer than are averaged."""
    random = np.random.default_rng(3)
    labels, neighbors = random.permutation(np.repeat([0, 1, 2, 4, 5], (9, 1, 30, 2, 12))), np.int32([2, 1, 5, 3, 4, 3])
    similarity = random.uniform(-1, 1, (7, len(labels))).astype(np.float32)
    similarity[:, labels == 1] = HIDDEN
    similarity[2, np.flatnonzero(labels == 2)[:28]] = HIDDEN
    for row, found in zip(similarity, _class_similarity(similarity, labels, neighbors)):
        for label, count in enumerate(neighbors):
            seen = np.sort(row[(labels == label) & (row > HIDDEN)])[-count:]
            assert found[label] == pytest.approx(seen.mean() if len(seen) else -1, abs=1e-6)


def test_each_photo_is_compared_with_all_others_but_its_copies():
    inputs, labels = clouds(np.random.default_rng(4), 30)
    groups = np.arange(60) // 2
    drawn, none = draw_references(labels, groups, 0), inputs[:0, 0]
    model, scores = fit_neighborhood(inputs[:, 0], drawn, None, inputs[0, 0], none)
    distances, nearest = model.compare(inputs[:, 0], drawn)
    for photo in (0, 7, 59):
        others = groups != groups[photo]
        left = replace(model, references=model.references[others], labels=labels[others])
        distance, near = left.compare(inputs[photo : photo + 1, 0])
        assert distances[photo] == pytest.approx(distance[0], abs=1e-6) and nearest[photo] == near[0]
    assert scores.mean() == pytest.approx(0, abs=0.1) and scores.std() == pytest.approx(1, abs=0.01)


def test_the_threshold_holds_its_promise_for_any_distribution():
    """On average over many draws of the photos, of which the score is not normal: at most the share, and not much less."""
    random = np.random.default_rng(1)
    for count, share in ((60, 0.02), (200, 0.02), (40, 0.1)):
        exceeded = []
        for _ in range(2000):
            scores = random.exponential(size=count).astype(np.float32)
            exceeded.append(np.exp(-conformal_threshold(scores, np.arange(count) % 2, share)))
        assert 0.5 * share < np.mean(exceeded) <= 1.05 * share


def test_the_photos_of_a_small_class_are_not_those_that_are_refused():
    """Those of the small class score higher. Of each class alike, not of all photos, the stated share exceeds the threshold."""
    random = np.random.default_rng(2)
    labels = np.repeat(np.int32([0, 1]), (2000, 200))
    scores = (random.normal(size=2200) + 2 * labels).astype(np.float32)
    high = conformal_threshold(scores, labels, 0.02)
    assert (scores[labels == 1] > high).mean() == pytest.approx(0.04, abs=0.01)
    assert (scores > high).mean() < 0.01 and high > np.quantile(scores, 0.985)


def test_few_photos_have_a_threshold_above_all_of_them():
    scores = np.random.default_rng(3).normal(size=10).astype(np.float32)
    assert conformal_threshold(scores, np.arange(10) % 2, 0.02) > scores.max()
    assert conformal_threshold(np.full(2, 0.5, np.float32), np.int32([0, 1]), 0.02) == pytest.approx(0.5)


def test_a_detector_of_format_version_3_answers_as_before():
    inputs, labels = clouds(np.random.default_rng(5), 30)
    tensors = fit_detector(inputs[:, 0], labels, outlier_directions(inputs[:, 0]))[0].tensors()
    old = {name: value for name, value in tensors.items() if "plain" not in name and "neighbors" not in name}
    old["neither.numbers"] = np.float32([NEIGHBORS, 0.1])
    model = OutlierDetector.from_tensors(old, inputs.shape[-1], 2)
    assert isinstance(model.projected, Neighborhood) and model.plain is None and model.projected.scale == 1
    distance, nearest = model.projected.compare(inputs[:, 0])
    assert np.array_equal(model.score(inputs[:, 0]), distance - model.projected.class_baseline[nearest])
    assert set(model.tensors()) == {*old, "neither.neighbors"} and len(model.tensors()["neither.numbers"]) == 2
