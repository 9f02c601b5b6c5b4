"""Numbers with intervals, folds, calibration and "neither": known answers, and what is promised on real photos."""

import hashlib
from dataclasses import replace
from typing import Dict, NamedTuple

import mindspore as ms
import numpy as np
import pytest
from conftest import SHARED, needs_shared
from mindspore import nn
from scipy.stats import binom

from mobilenetv2.checks.data_check import check_photos
from mobilenetv2.config import DEFAULTS, Settings, resolve
from mobilenetv2.data import dataset
from mobilenetv2.data.cache import PhotoCache
from mobilenetv2.evaluation import cross_validation, ood, regression
from mobilenetv2.evaluation.calibration import fit_temperature, reliability
from mobilenetv2.evaluation.cross_validation import logit_scale
from mobilenetv2.evaluation.intervals import describe_count, exact_interval
from mobilenetv2.evaluation.metrics import confusion_matrix, precision_recall
from mobilenetv2.evaluation.ood import OutlierDetector, outlier_directions
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.model.mobilenet_v2 import MobileNetV2
from mobilenetv2.model.prediction import classify
from mobilenetv2.training.extraction import compute_features
from mobilenetv2.training.head import train_classifier

PENALTY, SMOOTHING = DEFAULTS["head"]["fold_penalty"], DEFAULTS["head"]["label_smoothing"]


def assign_folds(labels, groups, seed):
    return cross_validation.assign_folds(labels, groups, seed, DEFAULTS["head"]["folds"])


def out_of_fold(features, labels, fold, classes):
    return cross_validation.out_of_fold(features, labels, fold, classes, PENALTY, SMOOTHING)


def softmax_regression(features, labels, classes):
    return regression.softmax_regression(features, labels, classes, PENALTY, SMOOTHING)


def learn(features, labels, fold, projection, strangers=None, rejection_rate=0.02):
    return ood.fit_detector(features, labels, fold, projection, strangers, rejection_rate)


WEIGHTS = SHARED / "weights" / "mobilenetv2_imagenet.npz"


@pytest.mark.parametrize("correct, count", [(0, 7), (1, 7), (35, 40), (40, 40), (142, 143)])
def test_interval_is_exact(correct, count):
    low, high = exact_interval(correct, count)
    assert low <= correct / count <= high
    if correct:
        assert binom.sf(correct - 1, count, low) == pytest.approx(0.025)
    if correct < count:
        assert binom.cdf(correct, count, high) == pytest.approx(0.025)


def test_interval_at_the_ends():
    assert exact_interval(0, 0) == (0, 1)
    assert exact_interval(40, 40) == (pytest.approx(0.025 ** (1 / 40)), 1)
    for wrong in ((-1, 4), (5, 4)):
        with pytest.raises(ValueError):
            exact_interval(*wrong)


@pytest.mark.parametrize(
    "numbers, said",
    [
        ((40, 40), "40 of 40 right: above 91 %"),
        ((143, 143), "143 of 143 right: above 97 %"),
        ((35, 40), "35 of 40 right: 73 % to 96 %"),
        ((0, 10), "0 of 10 right: below 31 %"),
        ((0, 0), "0 of 0 right"),
    ],
)
def test_words(numbers, said):
    assert describe_count(*numbers) == said


def test_confusion_precision_recall():
    logits = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 0]]
    matrix = confusion_matrix(logits, np.array([0, 0, 0, 1, 1], np.int32))
    assert matrix.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    precision, recall = precision_recall(matrix)
    assert precision[:2].tolist() == [2 / 3, 0.5] and recall[:2].tolist() == [2 / 3, 0.5]
    assert np.isnan(precision[2]) and np.isnan(recall[2])


def test_folds_keep_copies_together_and_classes_even():
    labels = np.repeat(np.int32([0, 1, 2]), (50, 23, 7))
    groups = np.arange(80)
    groups[[3, 9, 27]] = 3  # copies in one class
    groups[[1, 60, 79]] = 1  # and across all three
    fold = assign_folds(labels, groups, 0)
    for copies in ([3, 9, 27], [1, 60, 79]):
        assert len(set(fold[copies])) == 1
    for label in range(3):
        counts = np.bincount(fold[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 2 and counts.min() >= 1
    assert (assign_folds(labels, groups, 0) == fold).all() and (assign_folds(labels, groups, 1) != fold).any()


def clouds(random, count, spread=0.5, channels=40):
    """Features of two classes, two views each, that overlap a little."""
    labels = np.repeat(np.int32([0, 1]), count)
    middle = np.random.default_rng(99).normal(0, 0.35, (2, channels))[labels, None]
    return (middle + random.normal(0, spread, (2 * count, 2, channels)) + 1).astype(np.float32), labels


def test_out_of_fold_never_saw_the_photo():
    random = np.random.default_rng(0)
    inputs, labels = clouds(random, 60)
    noise = random.normal(size=(120, 1, 400)).astype(np.float32)
    fold = assign_folds(labels, np.arange(120), 0)
    weight, bias = softmax_regression(noise, labels, 2)
    assert ((noise[:, 0] @ weight.T + bias).argmax(1) == labels).mean() > 0.8  # learned by heart
    assert (out_of_fold(noise, labels, fold, 2)[0].argmax(1) == labels).mean() < 0.65  # and worth nothing
    held = fold == 2
    weight, bias = softmax_regression(inputs[~held], labels[~held], 2)
    logits = out_of_fold(inputs, labels, fold, 2)[0]
    assert np.abs(logits[held] - (inputs[held, 0] @ weight.T + bias)).max() < 0.02 * np.abs(logits).max()
    assert np.array_equal(logits, out_of_fold(inputs, labels, fold, 2)[0])


def test_temperature_is_found_again():
    random = np.random.default_rng(1)
    truth = random.normal(0, 2, (4000, 3)).astype(np.float32)
    shares = np.exp(truth) / np.exp(truth).sum(1, keepdims=True)
    labels = (random.random(4000)[:, None] > shares.cumsum(1)).sum(1).clip(0, 2).astype(np.int32)
    for factor in (0.3, 1.0, 4.0):
        assert fit_temperature(factor * truth, labels) == pytest.approx(factor, rel=0.08)
    before, after = reliability(4 * truth, labels), reliability(4 * truth, labels, 4.0)
    assert before.ece > 0.12 and after.ece < 0.025
    assert sum(row["count"] for row in before.bins) == 4000 and before.bins[0]["count"] == 0 and len(before.bins) == 15


def test_all_right_does_not_promise_everything():
    labels = np.repeat(np.int32([0, 1]), 10)
    logits = 6 * np.eye(2, dtype=np.float32)[labels]
    scaled = logits / fit_temperature(logits, labels)
    assert 1 / (1 + np.exp(scaled.min(1) - scaled.max(1))) == pytest.approx(21 / 22, abs=1e-3)


def test_ece_by_hand():
    logits = np.log(np.float32([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0001, 0.9999]]))
    assert reliability(logits, np.int32([0, 1, 1, 1])).ece == pytest.approx((2 * 0.4 + 0.4 + 0.0001) / 4, abs=1e-4)
    assert reliability(logits[:0], np.zeros(0, np.int32)).ece == 0


def test_neither_from_features_alone():
    random = np.random.default_rng(2)
    inputs, labels = clouds(random, 80, 0.12)
    known, strange = clouds(random, 40, 0.12)[0][:, 0], random.normal(1, 0.35, (40, 40)).astype(np.float32)
    fold = assign_folds(labels, np.arange(160), 0)
    model = learn(inputs[:, 0], labels, fold, outlier_directions(inputs[:, 0]))[0]
    assert model.rejects(known).mean() <= 0.075 and model.rejects(strange).all()
    again = OutlierDetector.from_tensors(model.tensors(), 40, 2)
    assert np.array_equal(again.score(known), model.score(known)) and again.threshold == pytest.approx(model.threshold)
    sharper = learn(inputs[:, 0], labels, fold, outlier_directions(inputs[:, 0]), strange[:20])[0]
    assert "neither.strangers" in sharper.tensors() and "neither.strangers" not in model.tensors()
    assert (OutlierDetector.from_tensors(sharper.tensors(), 40, 2).score(strange[20:]) > sharper.threshold).all()


def test_neither_refuses_the_stated_share_of_held_out_photos():
    inputs, labels = clouds(np.random.default_rng(3), 300, 0.5)
    fold = assign_folds(labels, np.arange(600), 0)
    fresh = clouds(np.random.default_rng(4), 2000, 0.5)[0][:, 0]
    for share in (0.02, 0.1):
        model = learn(inputs[:, 0], labels, fold, outlier_directions(inputs[:, 0]), rejection_rate=share)[0]
        assert 0.1 * share < model.rejects(fresh).mean() < 1.5 * share  # fewer: the folds have fewer references


def test_what_is_usual_differs_from_class_to_class():
    """Photos of the first class are less alike; a picture half-way out of the second is refused all the same."""
    random = np.random.default_rng(7)
    centres = np.zeros((2, 40))
    centres[[0, 1], [0, 1]] = 1
    spread = np.repeat([0.25, 0.02], 100)
    labels = np.repeat(np.int32([0, 1]), 100)
    photos = (centres[labels] + spread[:, None] * random.normal(size=(200, 40))).astype(np.float32)
    model = learn(photos, labels, assign_folds(labels, np.arange(200), 0), outlier_directions(photos))[0]
    assert model.class_baseline[0] > model.class_baseline[1] + 0.1
    out = (centres[1] + 0.15 * random.normal(size=(50, 40))).astype(np.float32)
    assert model.rejects(out).mean() > 0.9
    same_for_all = replace(model, class_baseline=np.full(2, model.class_baseline.mean(), np.float32))
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
    tensors = learn(inputs[:, 0], labels, np.arange(20) % 5, outlier_directions(inputs[:, 0]))[0].tensors()
    break_it(tensors)
    with pytest.raises(ValueError, match=said):
        OutlierDetector.from_tensors(tensors, inputs.shape[-1], 2)


def test_neither_with_a_handful_of_photos():
    inputs, labels = clouds(np.random.default_rng(6), 2)
    model = learn(inputs[:, 0], labels, assign_folds(labels, np.arange(4), 0), outlier_directions(inputs[:, 0]))[0]
    assert np.isfinite(model.score(inputs[:, 0])).all() and not model.rejects(inputs[:, 0]).any()


class Real(NamedTuple):
    """Features of the real photos, f32 [N, views, channels], of val view 0; the middles, f32 [N, channels], of "train", "val" and
    "strangers"; and what the run's classifier says."""

    train: np.ndarray
    labels: np.ndarray
    val: np.ndarray
    val_labels: np.ndarray
    middle: Dict[str, np.ndarray]
    logits: np.ndarray
    classifier: np.ndarray  # f32 [1000, channels], of the weights
    data: dataset.PhotoSet


@pytest.fixture(scope="module")
def real(photos, cache):
    """Everything but the strangers is in the cache since the run `photos`."""
    start, store = pretrained.read_pretrained(str(WEIGHTS), None), PhotoCache(str(cache))
    trained, description, _ = checkpoint.load(str(photos))
    network = MobileNetV2(start.architecture, 2)
    pretrained.load_pretrained(network, start, description.classes)
    preprocessing = description.preprocessing
    checked = check_photos(dataset.scan_folder(str(SHARED / "photos"), 0), preprocessing, store, workers=2)
    data, decoded = checked.data, checked.decoded
    strangers = [
        dataset.Photo(file, file.name, 0, "train", hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted((SHARED / "neither").iterdir())
    ]
    train, val = (
        compute_features(network, data.split(split), decoded, store, views)
        for split, views in (("train", description.settings["views"]), ("val", 1))
    )
    strange = compute_features(network, strangers, decoded, store, workers=2)
    return Real(
        train.pooled,
        data.labels("train"),
        val.pooled[:, 0],
        data.labels("val"),
        {"train": train.center, "val": val.center, "strangers": strange.center},
        classify(trained.classifier, val.pooled[:, 0]),
        np.load(WEIGHTS)["classifier.1.weight"],
        data,
    )


@needs_shared
def test_out_of_fold_classifier_is_that_of_the_head(real):
    weight, bias = softmax_regression(real.train, real.labels, 2)
    ours = np.diff(real.val @ weight.T + bias)[:, 0]
    theirs = np.diff(real.logits)[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.995
    assert np.polyfit(ours, theirs, 1) == pytest.approx([1, 0], abs=0.12)
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
    plan = resolve(Settings(), None).head
    train_classifier(classifier, few, real.val, labels, real.val_labels, plan, 0, lambda row: None)
    weight, bias = softmax_regression(few, labels, 2)
    ours, theirs = np.diff(real.val @ weight.T + bias)[:, 0], np.diff(classify(classifier, real.val))[:, 0]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.95
    factor = logit_scale(few[:, 0] @ weight.T + bias, classify(classifier, few[:, 0]))
    assert np.polyfit(factor * ours, theirs, 1)[0] == pytest.approx(1, abs=0.15)


@needs_shared
def test_calibration_on_real_photos(real):
    fold = assign_folds(real.labels, np.arange(len(real.labels)), 0)
    logits = out_of_fold(real.train, real.labels, fold, 2)[0]
    assert (logits.argmax(1) == real.labels).sum() >= 630
    temperature = fit_temperature(logits, real.labels)
    assert 0.3 < temperature < 0.6  # label smoothing makes the classifier too modest
    before = reliability(real.logits, real.val_labels).ece
    after = reliability(real.logits, real.val_labels, temperature).ece
    assert before > 0.04 and after <= 0.02


def auroc(known: np.ndarray, strange: np.ndarray) -> float:
    """How often a stranger's score is above that of a known photo."""
    return float((strange[:, None] > known[None]).mean())


@needs_shared
@pytest.mark.parametrize("seed", range(3))
def test_neither_on_real_photos(real, seed):
    photos, val, strangers = (real.middle[name] for name in ("train", "val", "strangers"))
    fold = assign_folds(real.labels, np.arange(len(real.labels)), seed)
    model = learn(photos, real.labels, fold, outlier_directions(photos, real.classifier))[0]
    assert auroc(model.score(val), model.score(strangers)) >= 0.94
    assert model.rejects(val).mean() <= 0.03
    assert model.rejects(strangers).mean() > 0.35
    assert sum(tensor.nbytes for tensor in model.tensors().values()) < 3 * 2**20


@needs_shared
def test_neither_without_the_many_classes_of_the_weights(real):
    photos, val, strangers = (real.middle[name] for name in ("train", "val", "strangers"))
    fold = assign_folds(real.labels, np.arange(len(real.labels)), 0)
    model = learn(photos, real.labels, fold, outlier_directions(photos))[0]
    assert auroc(model.score(val), model.score(strangers)) >= 0.88
    assert model.rejects(val).mean() <= 0.03


@needs_shared
def test_a_folder_of_strangers_sharpens(real):
    photos, val, strangers = (real.middle[name] for name in ("train", "val", "strangers"))
    known = outlier_directions(photos, real.classifier)
    fold = assign_folds(real.labels, np.arange(len(real.labels)), 0)
    alone, sharper = [], []
    plain = learn(photos, real.labels, fold, known)[0]
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(strangers))
        for seen, tested in ((order[:23], order[23:]), (order[23:], order[:23])):
            model = learn(photos, real.labels, fold, known, strangers[seen])[0]
            sharper.append(auroc(model.score(val), model.score(strangers[tested])))
            alone.append(auroc(plain.score(val), plain.score(strangers[tested])))
    assert np.mean(sharper) > np.mean(alone) + 0.015
    assert np.mean(sharper) >= 0.97
