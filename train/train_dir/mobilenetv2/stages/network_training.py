"""Stages that change the network: fine-tuning, distillation, rounding to 8 bits."""

import logging
from typing import Any, Callable, Dict, Optional

import numpy as np

from .. import messages
from ..evaluation.metrics import score_answers
from ..evaluation.regression import softmax_regression
from ..evaluation.unseen import LENGTH, Unseen, hold_out
from ..model import quantization
from ..model.mobilenet_v2 import MobileNetV2
from ..model.prediction import classify, predict_logits
from ..model.state import load_state_dict, state_dict
from ..run import Run
from ..runtime import distributed
from ..runtime.errors import UserError
from ..training import resume
from ..training.distill import distill_network, distill_without
from ..training.distill_targets import Teacher, make_targets
from ..training.finetune import finetune_network, finetune_without
from ..training.head import set_classifier
from .assessment import benchmarked
from .preparation import training_fingerprint

log = logging.getLogger(__name__)


def finetune(run: Run) -> None:
    """Needs the network. Leaves its last blocks, or all, trained together with its classifier, and the answers for photos that
    such a training has not seen. In mode "scratch" these are random at the start; the history is named "finetune" all the
    same."""
    config = run.config
    log.info("%s", messages.step(config, "finetune", run.data.kind))
    with run.watch("finetune"):
        states, start, plan = _states(run), state_dict(run.network), config.network_plan
        how: Dict[str, Any] = {
            "blocks": config.unfreeze,
            "pretrained": config.mode != "scratch",
            "mirror": run.mirror,
            "seed": config.seed,
            "workers": config.workers,
        }
        record = run.tracker.record("finetune")
        rows = finetune_network(run.network, run.data, run.preprocessing, plan, states=states, record=record, **how)
        run.history["finetune"] = rows
        kept = sum(row["epoch"] for row in rows if row["kept"])

        def without(held: np.ndarray) -> bool:
            if min(plan.batch_size, int((~held).sum())) < distributed.worker_count():
                return False
            if config.mode != "scratch":  # the classifier at the start has seen them, too
                _set_classifier_without(run, held)
            passes = min(kept, LENGTH * len(rows))
            finetune_without(run.network, run.data, held, run.preprocessing, plan, passes, **how)
            return True

        if kept:
            run.unseen = _answer_unseen(run, start, without)
        # Where no epoch was better, the network is the one that the features are of.
        run.learned = bool(kept)
        run.changed = run.learned or config.mode == "scratch"


def distill(run: Run) -> None:
    """Needs the network with a trained classifier, the teacher. Leaves the small network that it taught in its place."""
    config = run.config
    log.info("%s", messages.step(config, "distill", run.data.kind))
    with run.watch("distill"):
        result = score_answers(classify(run.network.classifier, run.features.val.pooled[:, 0]), run.data.labels("val"))
        run.comparison["teacher"] = benchmarked(run, result)
        teacher = Teacher(run.network, run.preprocessing)
        states = _states(run)
        run.network = MobileNetV2(config.student, len(run.data.classes))
        run.preprocessing = config.student_preprocessing
        start, plan, teaching = state_dict(run.network), config.network_plan, config.teaching
        how: Dict[str, Any] = {"mirror": run.mirror, "seed": config.seed, "workers": config.workers}
        photos, side = run.data.split("train"), run.preprocessing.size * 5 // 4
        most = (teaching.teacher_views, teaching.view_bytes)
        targets = make_targets(teacher, photos, side, *most, config.seed, config.workers, run.cache)
        run.history["distill"] = distill_network(
            run.network,
            targets,
            run.data,
            run.preprocessing,
            plan,
            teaching,
            states=states,
            record=run.tracker.record("distill"),
            **how,
        )

        def without(held: np.ndarray) -> bool:
            rows = targets.without(held)
            if len(rows) < distributed.worker_count():
                return False
            passes = LENGTH * plan.epochs
            distill_without(run.network, targets, rows, run.preprocessing, plan, passes, teaching, **how)
            return True

        run.unseen = _answer_unseen(run, start, without)
    run.learned = run.changed = True


def quantize(run: Run) -> None:
    """With --compact only. Needs the network. Leaves its weights rounded to 8 bits, and the arrays for the checkpoint."""
    if not run.config.compact:
        return
    exact = _right_answers(run)
    run.packed = quantization.quantize_network(run.network)
    try:
        rounded = quantization.dequantize(run.network, run.packed)
    except ValueError:
        raise UserError(
            "--compact: the weights are too large for it, as after a training that ran away; start with a lower --lr"
        ) from None
    load_state_dict(run.network, rounded)
    words = "With weights of 8 bits, %d validation %s are right; with 32 bits, %d."
    log.info(words, _right_answers(run), run.data.kind, exact)
    run.changed = True


def _states(run: Run) -> resume.CheckpointManager:
    """Where the training of the network finds its state again if it is stopped."""
    return resume.CheckpointManager(run.output, training_fingerprint(run))


def _answer_unseen(
    run: Run, start: Dict[str, np.ndarray], train_without: Callable[[np.ndarray], bool]
) -> Optional[Unseen]:
    """Answers for photos that a second, short training has left out; None where it has none to leave out, or nothing else. The
    network is as before afterwards.

    start: its parameters before the first training. train_without: (bool [N], photos to leave out) -> whether it has trained."""
    network, photos, labels = run.network, run.data.split("train"), run.data.labels("train")
    held, learned = hold_out(labels, run.groups, run.config.seed, run.folds)
    trained = state_dict(network)
    load_state_dict(network, start)
    found = None
    if held.any() and train_without(held):
        numbers = [np.flatnonzero(which) for which in (held, learned)]
        chosen = ([photos[number] for number in rows] for rows in numbers)
        logits = [predict_logits(network, some, run.preprocessing, run.config.workers) for some in chosen]
        found = Unseen(logits[0], labels[held], logits[1], numbers[1])
    load_state_dict(network, trained)
    return found


def _set_classifier_without(run: Run, held: np.ndarray) -> None:
    """Needs the features. Leaves the network's classifier as the cross-validation solves it without some of the photos.

    held: bool [N], these."""
    anchor, smoothing = run.known.classifier if run.known else None, run.config.classifier_plan.label_smoothing
    pooled, labels, penalty = run.features.train.pooled, run.data.labels("train"), run.penalties(run.fold_penalty)
    head = softmax_regression(pooled, labels, len(run.data.classes), penalty, smoothing, ~held, anchor=anchor)
    set_classifier(run.network.classifier, *head)


def _right_answers(run: Run) -> int:
    """How many validation photos the network answers right."""
    answers = predict_logits(run.network, run.data.split("val"), run.preprocessing, run.config.workers)
    return score_answers(answers, run.data.labels("val"))["correct"]
