"""Stages that tell how good the answers are: cross-validation, the correction for uneven classes, all figures of a run."""

import logging
from dataclasses import replace
from typing import Any, Dict, Optional, Tuple

import numpy as np

from .. import messages
from ..checks.mislabelled import describe_issues, find_label_issues
from ..data.dataset import IN_TURN
from ..data.features import SETS, Features, FeatureSets
from ..data.layout import NEITHER
from ..engine import feature_maps
from ..evaluation.benchmark import benchmark_network
from ..evaluation.cross_validation import (
    Choice,
    CrossValidation,
    Head,
    Known,
    assign_folds,
    choose_penalty,
    cross_validate_features,
    logit_scale,
    reject_nothing,
)
from ..evaluation.evaluate import evaluate_answers
from ..evaluation.metrics import score_answers
from ..evaluation.prior import are_uneven, choose_correction
from ..model.mobilenet_v2 import expected_features
from ..model.prediction import classify, pool_features
from ..model.state import state_dict
from ..results import findings_files, write_findings
from ..run import Run
from ..runtime import distributed
from ..training.head import set_classifier

log = logging.getLogger(__name__)


def cross_validate(run: Run) -> None:
    """Needs the features. Leaves out-of-fold logits, the outlier detector, and doubtful labels, also as findings. Where these
    logits are the validation, it leaves the classifier that goes with them: no epoch could be chosen."""
    with run.watch("evidence"):
        run.held_out = _held_out(run, run.given_classifier, run.known, run.independent)
        if run.independent and run.held_out.asked.any():
            photos, plain = run.data.split("train"), run.features.train.pooled[:, 0]
            run.label_issues = find_label_issues(photos, run.data.classes, run.held_out.logits, plain, run.groups)
        suspects = describe_issues(run.label_issues or ())
        run.findings += suspects
        write_findings(run, suspects)
        if run.data.validation == IN_TURN:
            set_classifier(run.network.classifier, *run.held_out.classifier)


def choose_prior(run: Run) -> None:
    """Needs the cross-validation, or in mode "scratch" the network, trained. Leaves, where classes are uneven, how much of their
    frequencies is taken back.

    The classifier is then the solution on all photos that the folds have tested: the one of the best epoch has stopped before it
    had learned the frequencies as these have. A network that knew the classes before it is fine-tuned keeps the correction of its
    first training, or the frequencies of other photos: nothing is taken back of these."""
    labels, mode = run.data.labels("train"), run.config.mode
    if (run.known and mode == "finetune") or not are_uneven(labels):
        return
    if mode == "scratch":
        _answer_anew(run)
        run.changed = False  # only its bias will be another one
    with run.watch("evidence"):
        logits = distributed.broadcast(run.held_out.logits)  # all workers choose the same
        run.prior = choose_correction(logits, labels, run.held_out.asked)
    if run.prior.strength and mode != "scratch":
        set_classifier(run.network.classifier, *run.held_out.classifier)


def correct_prior(run: Run) -> None:
    """Needs the network, trained with the frequencies of the classes. Leaves it without what is taken back of them, and the
    cross-validation likewise, unless that is computed anew."""
    if run.prior and run.prior.strength:
        classifier = run.network.classifier
        set_classifier(classifier, classifier.weight.asnumpy(), classifier.bias.asnumpy() - run.prior.offset)
        run.held_out = run.held_out.corrected(run.prior.offset)
        run.unseen = run.unseen and run.unseen.corrected(run.prior.offset)


def finish_check(run: Run) -> None:
    """Needs the findings. Leaves a line in the log that says where they are."""
    report = findings_files(run)[1]
    log.info("Findings: %d, listed in %s.", len(run.findings), report)
    if distributed.is_main():
        log.info("%s", messages.after_check(report))


def evaluate(run: Run) -> None:
    """Needs the network, fully trained, with its features and their cross-validation; both are computed anew where a stage has
    changed the network. Leaves its answers for all photos, and the metrics of these answers. Test photos are answered here for
    the first time: nothing is chosen by them."""
    if run.changed:
        _answer_anew(run)
        if run.prior:
            run.held_out = run.held_out.corrected(run.prior.offset)
        if _knows_more(run) and run.config.mode == "finetune":
            run.held_out = reject_nothing(run.held_out)
    if run.held_out.detector and not run.held_out.detector.active:
        log.info("%s", messages.nothing_is_refused(run.known is not None, run.data.kind))
    if run.packed:  # a compact file has no room for the detector
        run.held_out = replace(run.held_out, detector=None, scores={})
    for split, features in (("train", run.features.train), ("val", run.features.val)):
        run.answers[split] = classify(run.network.classifier, features.pooled[:, 0])
    if run.data.split("test"):
        with run.watch("evidence"):
            test = _features_of(run, "test")
        run.answers["test"] = classify(run.network.classifier, test.pooled[:, 0])
        if run.held_out.scores and run.held_out.detector:
            run.held_out.scores["test"] = run.held_out.detector.score(test.center)
    if run.data.validation == IN_TURN:
        _take_held_out(run)
    labels = {split: run.data.labels(split) for split in run.answers}
    if run.comparison:
        result = score_answers(run.answers["val"], labels["val"])
        run.comparison["student"] = benchmarked(run, result)
    if run.before[1]:
        after = count_known(run, run.answers["val"])
        words = "Validation %s of the classes that the weights knew: %d of %d right before the training, %d now."
        log.info(words, run.data.kind, *run.before, after[0])
    run.evaluation = evaluate_answers(
        run.answers, labels, run.data.classes, run.held_out, run.unseen, learned=run.learned, prior=run.prior
    )


def choose_weight_decay(run: Run, features: np.ndarray, known: Optional[Known]) -> Choice:
    """Leaves `new_penalty`. features: f32 [N, channels] of the training photos. known: what the weights know, if the features are
    of their backbone; nothing is chosen where they know all classes."""
    config, labels = run.config, run.data.labels("train")
    plan = config.classifier_plan
    fold = assign_folds(labels, run.groups, config.seed, run.folds)
    all_known = known is not None and (known.rows is None or bool(known.rows.all()))
    choice = choose_penalty(
        features,
        labels,
        fold,
        (config.pull,) if all_known else config.penalties,
        plan.weight_decay,
        run.penalties,
        plan.label_smoothing,
        known.classifier if known else None,
    )
    run.new_penalty = choice.penalty
    if len(choice.losses) > 1:
        tried = ", ".join(f"{penalty:g}: {loss:.3f}" for penalty, loss in choice.losses.items())
        log.info(
            "Weight decay of the %s: %g, the strongest whose loss on held-out training %s is within a standard error of the "
            "lowest (%s).",
            "classifiers that test the changed network" if run.changed else "classifier",
            choice.penalty,
            run.data.kind,
            tried,
        )
    return choice


def _take_held_out(run: Run) -> None:
    """The answers for the validation photos, which are training photos: those of the classifiers without them."""
    scale = logit_scale(run.held_out.fitted_logits, run.answers["train"])
    row_of = {photo.name: row for row, photo in enumerate(run.data.split("train"))}
    rows = [row_of[photo.name] for photo in run.data.split("val")]
    run.answers["val"] = scale * run.held_out.logits[rows]
    if "train" in run.held_out.scores:
        run.held_out.scores["val"] = run.held_out.scores["train"][rows]


def _knows_more(run: Run) -> bool:
    """Whether the weights know the classes from pictures of which nothing says how unlike them a picture of no class is."""
    return run.known is not None and not run.known.rejects and not run.data.split(NEITHER)


def _answer_anew(run: Run) -> None:
    """Features of all photos, and their cross-validation, by a network that has learned from the training photos."""
    with run.watch("evidence"):
        run.features = FeatureSets(*(_features_of(run, split) for split in SETS))
        run.held_out = _held_out(run, None, None, False)


def _features_of(run: Run, split: str) -> Features:
    """By the network as it is, of the photos of "train", "val", "test" or "neither"."""
    return pool_features(run.network, run.data.split(split), run.preprocessing, run.config.workers)


def _held_out(run: Run, given_classifier: Optional[Head], known: Optional[Known], independent: bool) -> CrossValidation:
    """given_classifier: that came with the weights, and known: what they know, if the features are of their backbone; else
    None."""
    config = run.config
    if run.changed:
        choose_weight_decay(run, run.features.train.pooled[:, 0], known)
    return cross_validate_features(
        run.features,
        run.data.labels("train"),
        run.groups,
        given_classifier,
        expected_features(run.network),
        known,
        independent,
        folds=run.folds,
        penalty=run.penalties(run.fold_penalty),
        label_smoothing=config.classifier_plan.label_smoothing,
        rejection_rate=config.rejection_rate,
        seed=config.seed,
    )


def count_known(run: Run, logits: np.ndarray, among_known: bool = False) -> Tuple[int, int]:
    """Where the weights know some of the classes and others not: right answers for the validation photos of these, and their
    number; else none.

    logits: f32 [M, C] of the validation photos. among_known: only these classes can be answered."""
    rows, labels = run.known.rows if run.known else None, run.data.labels("val")
    if rows is None or rows.all():
        return 0, 0
    asked = rows[labels]
    if among_known:
        logits = np.where(rows, logits, -np.inf)
    return int((logits.argmax(1) == labels)[asked].sum()), int(asked.sum())


def benchmarked(run: Run, result: Dict[str, Any]) -> Dict[str, Any]:
    """The network in figures. result: `score_answers` of the validation photos."""
    arrays, parameters = run.packed or state_dict(run.network), run.network.trainable_params()
    return benchmark_network(
        feature_maps(run.network),
        run.preprocessing.size,
        parameters=sum(parameter.size for parameter in parameters),
        size_in_file=sum(array.nbytes for array in arrays.values()),
        result=result,
    )
