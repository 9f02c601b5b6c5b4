"""Stages on a network that stays as it is: features of all photos, and the classifier that is trained on them."""

import logging
from functools import partial
from typing import List

import numpy as np

from .. import messages
from ..checks.duplicates import is_mirrored
from ..checks.mirrored_classes import describe_answers
from ..data.dataset import IN_TURN, LEARNED
from ..data.features import SETS, FeatureSets
from ..data.findings import Finding
from ..evaluation.mirroring import LEVEL, compare_mirrored, held_out_sample
from ..model.prediction import classify
from ..results import write_findings
from ..run import Run
from ..runtime import distributed
from ..runtime.progress import shown
from ..training.extraction import compute_features, mirrored_features
from ..training.head import train_classifier
from .assessment import choose_weight_decay, count_known
from .preparation import check_data

log = logging.getLogger(__name__)


def extract_features(run: Run) -> None:
    """Needs the network and the photos. Leaves the features of all photos, several views of each training photo, and the
    decision whether these are mirrored."""
    with run.watch("features"):
        compute = partial(
            compute_features, run.network, decoded=run.decoded, cache=run.cache, workers=run.config.workers
        )
        plain = FeatureSets(*(compute(run.data.split(split)) for split in SETS))
        if run.mirror and run.most_photos > 1 and _judge_mirroring(run, plain.train.pooled[:, 0]):
            plain = FeatureSets(*(compute(run.data.split(split)) for split in SETS))
        train = plain.train
        choice = choose_weight_decay(run, distributed.broadcast(train.pooled[:, 0]), run.known)
        run.weight_decay = choice.penalty
        run.views = run.config.views_of_each(len(train.pooled), choice.right, choice.held_out)
        if run.views > 1:
            train = compute(run.data.split("train"), count=run.views, seed=run.config.seed, mirror=run.mirror)
        run.features = plain._replace(train=train)
    run.decoded.clear()


def train_head(run: Run) -> None:
    """Needs the features. Leaves the network's classifier trained on them."""
    log.info("%s", messages.step(run.config, "head", run.data.kind))
    learned = run.data.validation in (IN_TURN, LEARNED)
    if learned:
        log.info("%s", messages.validation(run.data))
    run.before = count_known(run, classify(run.network.classifier, run.features.val.pooled[:, 0]), among_known=True)
    with run.watch("head"):
        run.history["head"] = train_classifier(
            run.network.classifier,
            train=run.features.train.pooled,
            val=run.features.val.pooled[:, 0],
            train_labels=run.data.labels("train"),
            val_labels=run.data.labels("val"),
            plan=run.classifier_plan,
            seed=run.config.seed,
            record=run.tracker.record("head"),
            decays=run.penalties(run.classifier_plan.weight_decay),
            learned=learned,
        )


def _judge_mirroring(run: Run, plain: np.ndarray) -> bool:
    """Whether mirrored held-out photos are answered worse than as they are, and --mirror auto has therefore become "no": the
    photos are then checked again, without mirrored copies. With --mirror yes, there is only a finding.

    plain: f32 [N, channels], features of the training photos. Raises UserError for mirrored copies that stop the run."""
    config, labels, photos = run.config, run.data.labels("train"), run.data.split("train")
    fold, rows = held_out_sample(labels, run.groups, config.seed, run.folds)
    sample = [photos[row] for row in rows]
    mirrored = mirrored_features(run.network, sample, run.decoded, run.cache, config.workers)
    # Other machines may have other rounding errors: all workers decide by the main worker's features.
    plain, mirrored = distributed.broadcast(plain), distributed.broadcast(mirrored)
    smoothing = config.classifier_plan.label_smoothing
    with shown("Testing mirrored photos"):
        test = compare_mirrored(plain, mirrored, labels, fold, rows, config.classifier_plan.weight_decay, smoothing)
    off = test.harmful and config.mirror == "auto"
    mirrored_all_the_same = "A clear loss, but --mirror yes mirrors pictures all the same"
    clear = "A clear loss, so pictures are not mirrored" if off else mirrored_all_the_same
    log.info(
        "Mirroring: of %d %s set aside for this test, %d are answered right as they are and %d mirrored. %s (p = %.1g, a loss is "
        "clear below %g).",
        *(test.count, run.data.kind, test.plain, test.mirrored),
        *(clear if test.harmful else "No clear loss, so pictures are mirrored, too", test.p, LEVEL),
    )
    new: List[Finding] = []
    if off:
        known, checked = set(run.findings), check_data(run.found, config, run.cache, "no")
        run.data, run.groups, run.decoded, run.mirror = checked
        run.findings = list(run.data.findings)
        run.views = config.views_of_each(len(run.data.split("train")))
        new = [finding for finding in run.findings if finding not in known]
        log.info("%s", run.data.describe())
    elif config.leaks == "stop":
        new = [finding for finding in run.findings if is_mirrored(finding) and finding.kind != "copy"]
    if test.harmful:
        new.insert(0, describe_answers(run.data.classes, test, off))
        run.findings.append(new[0])
    if new:
        write_findings(run, new)
    return off
