"""What a run does, step by step. `MODES` says which steps each mode has; config.py says which mode it is.

A stage reads and writes `Run`. Its docstring says what it needs and what it leaves.
"""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np

from . import messages
from .checks.data_check import Checked, check_photos
from .checks.duplicates import is_mirrored
from .checks.issues import mark_handled
from .checks.mirrored_classes import describe_answers
from .checks.mislabelled import describe_issues, find_label_issues
from .config import Config, Settings, resolve
from .data.cache import PhotoCache
from .data.dataset import IN_TURN, LEARNED, PhotoSet
from .data.features import FeatureSets
from .data.findings import Finding
from .data.layout import NEITHER
from .engine import feature_maps
from .evaluation.benchmark import benchmark_network
from .evaluation.cross_validation import (
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
from .evaluation.evaluate import evaluate_answers
from .evaluation.metrics import score_answers
from .evaluation.mirroring import LEVEL, compare_mirrored, held_out_sample
from .evaluation.prior import are_uneven, choose_correction
from .evaluation.regression import softmax_regression
from .evaluation.unseen import LENGTH, Unseen, hold_out
from .export.formats import read_formats
from .inputs import read_inputs
from .model import pretrained, quantization
from .model.mobilenet_v2 import MobileNetV2, expected_features
from .model.prediction import classify, pool_features, predict_logits
from .model.state import fingerprint, load_state_dict, state_dict
from .results import findings_files, save, write_findings
from .run import Run
from .runtime import device, distributed
from .runtime.errors import UserError
from .runtime.own_files import TRACKING
from .runtime.progress import Stopwatch, shown
from .training import resume
from .training.distill import distill_network, distill_without
from .training.distill_targets import Teacher, make_targets
from .training.extraction import compute_features, mirrored_features
from .training.finetune import finetune_network, finetune_without
from .training.head import set_classifier, train_classifier
from .training.tracking import Tracker, read_trackers

log = logging.getLogger(__name__)
SETS = ("train", "val", NEITHER)  # in the order of FeatureSets


def prepare(settings: Settings, output: Path) -> Run:
    """Needs the command line. Leaves the photos, read and checked, and the network with its weights.

    Raises UserError that lists everything that is wrong with photos and weights. The findings are then in check.json, too.
    """
    watch = Stopwatch("read", "features", "head", "finetune", "distill", "evidence")
    device.select_device(settings.device_target, settings.seed)
    trackers = [] if settings.check else read_trackers(settings.track)
    formats = [] if settings.check else read_formats(settings.export, "--export")
    with watch("read"):
        found, start = read_inputs(settings, output)
        config = resolve(settings, start)
        log.info("%s", messages.plan(config, found.kind))
        cache = PhotoCache(config.cache_dir)
        log.info("In the data folder: %s.", found.layout)
        checked = _checked(found, config, cache, config.mirror)
        data = checked.data
        run = Run(
            config=config,
            output=output,
            watch=watch,
            cache=cache,
            found=found,
            data=data,
            groups=checked.groups,
            decoded=checked.decoded,
            findings=list(data.findings),
            given_classifier=start.head if start else None,
            independent=start is not None and start.naming not in (pretrained.OWN, pretrained.BUILT_IN),
            mirror=checked.mirror,
            formats=formats,
        )
        run.origin = _origin(run, {"weights": start.naming if start else "random numbers"})
        write_findings(run, run.findings, wait=config.mirror == "auto" and start is not None)
        run.views = config.views_of_each(len(data.split("train")))
    log.info("%s", data.describe())
    tracked = distributed.is_main() and not settings.check
    run.tracker = Tracker(
        trackers if tracked else [], output / TRACKING, run.recorded(), settings.aim_repo if tracked else ""
    )
    run.network = MobileNetV2(config.architecture, len(data.classes))
    run.preprocessing = config.preprocessing
    if start:
        start, classes = pretrained.align_classes(start, data.classes, data.layout.choice.new_names)
        taken = pretrained.load_pretrained(run.network, start, data.classes)
        facts = {"weights": start.naming, "backbone": fingerprint(run.network.features), "head": taken}
        changed = classes is not None and not classes.same
        run.origin = _origin(run, {**facts, **({"classes": classes.to_json()} if classes and changed else {})})
        if taken and start.head:
            same_size = start.size == config.preprocessing.size  # with another, the features are others
            detector, rows = start.neither if same_size else None, classes.rows if classes else None
            run.known, run.independent = Known(start.head, detector, rows), False
        weights = "a checkpoint of this program" if start.naming == pretrained.OWN else start.naming
        log.info("Weights to start from: %s, %s.", weights, messages.classifier_at_start(taken, classes))
        if start.naming == pretrained.OWN and not start.whole:
            log.info("%s", messages.SMALL_ARE_CUT)
    else:
        run.decoded.clear()
    run.fingerprint = {**_fingerprint(run), "language": config.language}
    return run


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
        choice = _choose_penalty(run, distributed.broadcast(train.pooled[:, 0]), run.known)
        run.weight_decay = choice.penalty
        run.views = run.config.views_of_each(len(train.pooled), choice.right, choice.held_out)
        if run.views > 1:
            train = compute(run.data.split("train"), count=run.views, seed=run.config.seed, mirror=run.mirror)
        run.features = plain._replace(train=train)
    run.decoded.clear()


def train_head(run: Run) -> None:
    """Needs the features. Leaves the network's classifier trained on them."""
    log.info("%s", messages.step(run.config, "head", run.data.kind))
    if run.data.validation in (IN_TURN, LEARNED):
        log.info("%s", messages.validation(run.data))
    run.before = _right_of_known(run, classify(run.network.classifier, run.features.val.pooled[:, 0]), among_known=True)
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
        )


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
        run.comparison["teacher"] = _benchmarked(run, result)
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


def evaluate(run: Run) -> None:
    """Needs the network, fully trained, with its features and their cross-validation; both are computed anew where a stage has
    changed the network. Leaves its answers for all photos, and the metrics of these answers. Test photos are answered here for
    the first time: nothing is chosen by them."""
    compute = partial(pool_features, run.network, preprocessing=run.preprocessing, workers=run.config.workers)
    if run.changed:
        _answer_anew(run)
        if run.prior:
            run.held_out = run.held_out.corrected(run.prior.offset)
        if _knows_more(run) and run.config.mode == "finetune":
            run.held_out = reject_nothing(run.held_out)
    if run.held_out.detector and not run.held_out.detector.active:
        log.info(
            'The answer "neither" is left out: the network knew these classes, or some, before, and these %s alone do not tell '
            "what else belongs to them (docs/trust.md).",
            run.data.kind,
        )
    if run.packed:  # a compact file has no room for the detector
        run.held_out = replace(run.held_out, detector=None, scores={})
    for split, features in (("train", run.features.train), ("val", run.features.val)):
        run.answers[split] = classify(run.network.classifier, features.pooled[:, 0])
    if run.data.split("test"):
        with run.watch("evidence"):
            test = compute(run.data.split("test"))
        run.answers["test"] = classify(run.network.classifier, test.pooled[:, 0])
        if run.held_out.scores and run.held_out.detector:
            run.held_out.scores["test"] = run.held_out.detector.score(test.center)
    if run.data.validation == IN_TURN:
        _take_held_out(run)
    labels = {split: run.data.labels(split) for split in run.answers}
    if run.comparison:
        result = score_answers(run.answers["val"], labels["val"])
        run.comparison["student"] = _benchmarked(run, result)
    if run.before[1]:
        after = _right_of_known(run, run.answers["val"])
        words = "Validation %s of the classes that the weights knew: %d of %d right before the training, %d now."
        log.info(words, run.data.kind, *run.before, after[0])
    run.evaluation = evaluate_answers(
        run.answers, labels, run.data.classes, run.held_out, run.unseen, learned=run.learned, prior=run.prior
    )


FROZEN = (extract_features, train_head, cross_validate)
FINISH = (quantize, evaluate, save)
MODES: Dict[str, Tuple[Callable[[Run], None], ...]] = {
    "check_files": (finish_check,),
    "check": (extract_features, cross_validate, finish_check),
    "head": (*FROZEN, choose_prior, correct_prior, *FINISH),
    "finetune": (*FROZEN, choose_prior, finetune, correct_prior, *FINISH),
    "scratch": (finetune, choose_prior, correct_prior, *FINISH),
    "distill": (*FROZEN, choose_prior, correct_prior, distill, *FINISH),
}


def _checked(found: PhotoSet, config: Config, cache: PhotoCache, mirror: str) -> Checked:
    """The photos, read and checked, with what the settings do about the findings."""
    drop_leaks = config.leaks == "drop"
    in_turn = config.training == "head"
    checked = check_photos(found, config.preprocessing, cache, config.workers, drop_leaks, mirror, config.seed, in_turn)
    findings = tuple(mark_handled(checked.data.findings, bad_files=config.bad_files))
    return checked._replace(data=replace(checked.data, findings=findings))


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
        known, checked = set(run.findings), _checked(run.found, config, run.cache, "no")
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


def _choose_penalty(run: Run, features: np.ndarray, known: Optional[Known]) -> Choice:
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
            "Weight decay of the classifier: %g, by the loss of held-out training %s (%s).",
            choice.penalty,
            run.data.kind,
            tried,
        )
    return choice


def _origin(run: Run, start: Dict[str, Any]) -> Dict[str, Any]:
    """What the checkpoint says of where its weights come from. start: the same of those that the run starts with."""
    return {"weights": "random numbers", "teacher": start} if run.config.mode == "distill" else start


def _states(run: Run) -> resume.CheckpointManager:
    """Where the training of the network finds its state again if it is stopped."""
    return resume.CheckpointManager(run.output, _fingerprint(run))


def _fingerprint(run: Run) -> Dict[str, Any]:
    """Everything that determines a training from here on."""
    return resume.run_fingerprint(run.config.mode, run.recorded(), run.data, run.network)


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
    compute = partial(pool_features, run.network, preprocessing=run.preprocessing, workers=run.config.workers)
    with run.watch("evidence"):
        run.features = FeatureSets(*(compute(run.data.split(split)) for split in SETS))
        run.held_out = _held_out(run, None, None, False)


def _held_out(run: Run, given_classifier: Optional[Head], known: Optional[Known], independent: bool) -> CrossValidation:
    """given_classifier: that came with the weights, and known: what they know, if the features are of their backbone; else
    None."""
    config = run.config
    if run.changed:
        _choose_penalty(run, run.features.train.pooled[:, 0], known)
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
    names = [parameter.name for parameter in (run.network.classifier.weight, run.network.classifier.bias)]
    load_state_dict(run.network, dict(zip(names, map(distributed.broadcast, head))))


def _right_of_known(run: Run, logits: np.ndarray, among_known: bool = False) -> Tuple[int, int]:
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


def _right_answers(run: Run) -> int:
    """How many validation photos the network answers right."""
    answers = predict_logits(run.network, run.data.split("val"), run.preprocessing, run.config.workers)
    return score_answers(answers, run.data.labels("val"))["correct"]


def _benchmarked(run: Run, result: Dict[str, Any]) -> Dict[str, Any]:
    """The network in figures. result: `score_answers` of the validation photos."""
    arrays, parameters = run.packed or state_dict(run.network), run.network.trainable_params()
    return benchmark_network(
        feature_maps(run.network),
        run.preprocessing.size,
        parameters=sum(parameter.size for parameter in parameters),
        size_in_file=sum(array.nbytes for array in arrays.values()),
        result=result,
    )
