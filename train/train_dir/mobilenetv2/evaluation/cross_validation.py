"""k-fold cross-validation on fixed features: out-of-fold logits of the classifier, and the outlier detector. Both are fitted
without the validation set."""

from dataclasses import dataclass, replace
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from ..data.features import FeatureSets
from ..runtime.progress import progress_bar
from . import ood
from .metrics import log_softmax
from .ood import OutlierDetector
from .regression import softmax_regression

Head = Tuple[np.ndarray, np.ndarray]  # weight f32 [K, channels], bias f32 [K]
HELD_OUT = 2000  # photos by which a penalty is chosen, at least, where there are so many; all of them take longer


@dataclass(frozen=True)
class Known:
    """What the weights that a training starts from know of its classes, in their order. classifier: of these classes, zeros for
    those that the weights do not know. rows: bool [C], which ones they know; None for all. detector: on the same features, or
    None."""

    classifier: Head
    detector: Optional[OutlierDetector]
    rows: Optional[np.ndarray] = None

    @property
    def rejects(self) -> bool:
        """Whether anything can be rejected."""
        return self.detector is not None and self.detector.active


@dataclass(frozen=True)
class CrossValidation:
    """logits: f32 [N, C], out-of-fold, of the training photos. fitted_logits: f32 [N, C] of the same photos by `classifier`,
    which is trained on all of them. asked: bool [N], whose class was among those that were trained on; others are answered wrong
    by necessity. detector: None for a file without one. scores: of the detector, f32 [N] of "train" and "outliers"
    (out-of-fold), of "val" and "test"; empty where it rejects nothing. independent: the backbone was not trained on these photos
    either."""

    logits: np.ndarray
    fitted_logits: np.ndarray
    classifier: Head
    asked: np.ndarray
    detector: Optional[OutlierDetector]
    scores: Dict[str, np.ndarray]
    independent: bool

    def corrected(self, offset: np.ndarray) -> "CrossValidation":
        """The same with an offset f32 [C] subtracted from all logits (`prior.choose_correction`)."""
        weight, bias = self.classifier
        logits, fitted = self.logits - offset, self.fitted_logits - offset
        return replace(self, logits=logits, fitted_logits=fitted, classifier=(weight, bias - offset))


def cross_validate_features(
    features: FeatureSets,
    labels: np.ndarray,
    groups: np.ndarray,
    head: Optional[Head],
    background: np.ndarray,
    known: Optional[Known],
    independent: bool,
    folds: int,
    penalty: Union[float, np.ndarray],
    label_smoothing: float,
    rejection_rate: float,
    seed: int,
) -> CrossValidation:
    """Fit classifier and detector. labels i32 [N], groups i64 [N] (`copy_search.copy_groups`): of the training photos.

    head: the classifier of the pretrained weights, if the features are of their backbone. background: as in
    `ood.fit_detector`. known: what these weights know of these classes, if they do. folds: their number. penalty,
    label_smoothing: of `softmax_regression`. rejection_rate: share (0-1) of the training photos that the detector may reject,
    out-of-fold. independent: as in `CrossValidation`.

    These photos cannot tell which others of the same classes the weights know: a detector fitted to drawings rejects photos. So
    what is known is not rejected: the given detector is extended, and where there is none, nothing is rejected. Known outliers
    are a measure of their own: with them, the detector is fitted anew. Where each class has a single photo, nothing is rejected,
    either."""
    fold, classes = assign_folds(labels, groups, seed, folds), int(labels.max()) + 1
    anchor = known.classifier if known else None
    logits, classifier = out_of_fold(features.train.pooled, labels, fold, classes, penalty, label_smoothing, anchor)
    fitted = features.train.pooled[:, 0] @ classifier[0].T + classifier[1]
    centers, outliers = features.train.center, features.outliers.center
    if known and known.detector and not len(outliers):
        detector, scores = ood.extend_detector(known.detector, centers, labels, groups, rejection_rate, seed)
    else:
        directions = ood.outlier_directions(centers, head[0] if head else None)
        detector, scores = ood.fit_detector(
            centers, labels, groups, directions, background, outliers, rejection_rate, seed
        )
    held_out = {
        "train": scores,
        "val": detector.score(features.val.center),
        "outliers": _held_out(detector, outliers, folds),
    }
    present = np.zeros((classes, folds), bool)
    present[labels, fold] = True
    asked = present.sum(1)[labels] > 1
    found = CrossValidation(logits, fitted, classifier, asked, detector, held_out, independent)
    if len(outliers):
        return found
    # Single photos do not tell how much those of a class differ.
    unknown = not asked.any() if known is None else not known.rejects
    return reject_nothing(found) if unknown else found


def reject_nothing(found: CrossValidation) -> CrossValidation:
    """The same with a detector that keeps its references, for the most similar photos, and rejects nothing."""
    return replace(found, detector=found.detector and replace(found.detector, threshold=ood.NEVER), scores={})


def _held_out(detector: OutlierDetector, outliers: np.ndarray, folds: int) -> np.ndarray:
    """outliers f32 [S, channels] -> scores f32 [S], each by a detector without the outliers of its fold."""
    fold = np.arange(len(outliers)) % folds
    scores = np.empty(len(outliers), np.float32)
    for number in np.unique(fold):
        held = fold == number
        scores[held] = detector.with_outliers(~held).score(outliers[held])
    return scores


def assign_folds(labels: np.ndarray, groups: np.ndarray, seed: int, folds: int) -> np.ndarray:
    """labels i32 [N], groups i64 [N] (`copy_search.copy_groups`) -> i64 [N]: the fold of each photo, 0 ... folds - 1.

    Stratified by class and grouped: a group stays in one fold, so that no copy of a held-out photo is trained on. The order of
    groups of the same size is random.
    """
    sizes = np.unique(groups, return_counts=True)[1]
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    drawn = [members[index] for index in np.random.default_rng(seed).permutation(len(members))]
    # Photos by class, in each fold. Lists, as most groups are of one photo.
    counts = [[0] * (int(labels.max()) + 1) for _ in range(folds)]
    totals = [0] * folds
    out = np.empty(len(labels), int)
    for rows in sorted(drawn, key=len, reverse=True):  # large groups first, while all folds have room
        own = labels[rows].tolist()
        fullness = [(sum(known[label] for label in own), total) for known, total in zip(counts, totals)]
        fold = fullness.index(min(fullness))
        out[rows] = fold
        for label in own:
            counts[fold][label] += 1
        totals[fold] += len(rows)
    return out


class Choice(NamedTuple):
    """penalty: the chosen one. losses: mean of each penalty that was tried, in nats, on so many held-out photos. right: how many
    of these are answered right with the chosen one."""

    penalty: float
    losses: Dict[float, float]
    right: int
    held_out: int


def choose_penalty(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    candidates: Sequence[float],
    otherwise: float,
    of_classes: Callable[[float], np.ndarray],
    label_smoothing: float,
    anchor: Optional[Head] = None,
) -> Choice:
    """The strongest penalty whose loss on held-out photos is within one standard error of the lowest (Breiman et al.,
    Classification and Regression Trees, 1984). features f32 [N, channels], labels i32 [N], fold i64 [N].

    candidates: from strong to weak; a weaker one is not tried once the loss rises. As many folds are held out as have HELD_OUT
    photos together. A photo whose class has none in the other folds says nothing; where all are such, the penalty is
    `otherwise`. of_classes: candidate -> penalty of each class, f64 [C]. label_smoothing, anchor: of `softmax_regression`."""
    classes = int(labels.max()) + 1
    held: List[np.ndarray] = []
    for number in np.unique(fold):
        if sum(rows.sum() for rows in held) < HELD_OUT:
            rows = fold == number
            known = np.isin(labels, labels[~rows])
            held += [rows & known] if (rows & known).any() else []
    starts: Dict[int, Head] = {}
    tried: Dict[float, Tuple[np.ndarray, int]] = {}  # losses of the photos, and right answers
    lowest = np.inf
    for candidate in candidates if held else ():
        logits = []
        for number, rows in enumerate(held):
            included = fold != fold[rows][0]
            starts[number] = softmax_regression(
                features[:, None],
                labels,
                classes,
                of_classes(candidate),
                label_smoothing,
                included,
                starts.get(number),
                anchor,
            )
            logits.append(features[rows] @ starts[number][0].T + starts[number][1])
        answers, own = np.concatenate(logits), np.concatenate([labels[rows] for rows in held])
        losses = -log_softmax(answers)[np.arange(len(own)), own]
        tried[candidate] = losses, int((answers.argmax(1) == own).sum())
        if losses.mean() > lowest:
            break
        lowest = losses.mean()
        limit = lowest + losses.std() / len(own) ** 0.5
    if not tried:
        return Choice(otherwise, {}, 0, 0)
    penalty = next(candidate for candidate, (losses, _) in tried.items() if losses.mean() <= limit)
    means = {candidate: float(losses.mean()) for candidate, (losses, _) in tried.items()}
    return Choice(penalty, means, tried[penalty][1], len(own))


def out_of_fold(
    features: np.ndarray,
    labels: np.ndarray,
    fold: np.ndarray,
    classes: int,
    penalty: Union[float, np.ndarray],
    label_smoothing: float,
    anchor: Optional[Head] = None,
) -> Tuple[np.ndarray, Head]:
    """features f32 [N, views, channels], labels i32 [N], fold i64 [N] -> logits f32 [N, classes] of view 0, out-of-fold, by
    classifiers trained on all views of the other folds; and a classifier trained on all photos. anchor: as in
    `softmax_regression`."""
    out = np.zeros((len(labels), classes), np.float32)
    numbers = np.unique(fold)
    with progress_bar(len(numbers) + 1, "Testing on photos that are set aside in turn") as bar:
        # Fitted to all photos, and so close to the classifiers of all folds.
        start = softmax_regression(features, labels, classes, penalty, label_smoothing, anchor=anchor)
        bar.update()
        for number in numbers:
            held_out = fold == number
            weight, bias = softmax_regression(
                features, labels, classes, penalty, label_smoothing, ~held_out, start, anchor
            )
            out[held_out] = features[held_out, 0] @ weight.T + bias
            bar.update()
    return out, start


def explains(logits: np.ndarray, answers: np.ndarray) -> bool:
    """Whether a multiple of the logits explains most of the variance of the answers, both f32 [N, C], by two classifiers of the
    same photos. What is common to all photos is no part of it."""
    ours, theirs = (rows - rows.mean(1, keepdims=True) for rows in (logits, answers))
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    rest = theirs - logit_scale(ours, theirs) * ours
    return bool((rest**2).sum() < 0.5 * (theirs**2).sum())


def logit_scale(logits: np.ndarray, answers: np.ndarray) -> np.float32:
    """The factor s that minimizes |s * logits - answers|^2, both f32 [N, C], after centering each row."""
    centered, target = (rows - rows.mean(1, keepdims=True) for rows in (logits, answers))
    return np.float32((centered * target).sum() / max(float((centered**2).sum()), 1e-12))
