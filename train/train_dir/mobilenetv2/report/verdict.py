"""What the results come to: sentences for the top of report.html and for the model card, as keys of `texts.PAIRS` with values."""

from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..checks.issues import ISSUES
from ..data.dataset import IN_TURN, LEARNED
from ..data.kind import DRAWINGS
from ..evaluation.intervals import exact_interval, interval_percent
from ..evaluation.metrics import mean_recall, weakest_first
from ..evaluation.prior import PriorCorrection
from ..model.pretrained import BUILT_IN, OWN
from .content import Report

WIDE = 0.2  # an interval wider than this asks for more validation photos
FEW = 10  # a class with fewer validation photos is named
NAMED = 3  # of these classes, at most
LISTED = 10  # classes that are named in a heading, at most
CLASSES = 120  # rows of a table of classes, at most


class Name(str):
    """A value that is the name of a class or file."""


class Share(NamedTuple):
    """A value that is the exact interval of a share."""

    correct: int
    photos: int


class Sentence(NamedTuple):
    """key: of `texts.PAIRS`. values: for its fields, numbers, texts, `Name`, `Share`, or lists of sentences. warning: whether it
    limits what can be trusted."""

    key: str
    values: Mapping[str, Any] = MappingProxyType({})
    warning: bool = False


def judge(content: Report) -> List[Sentence]:
    """The sentences, the most important first. Each is true of the photos that were used, whatever the settings."""
    if not content.trained:
        return [Sentence("verdict.untrained"), *_about_data(content)]
    sentences = []
    if content.kind == DRAWINGS:
        sentences.append(Sentence("verdict.drawings", {"count": sum(content.counts["train"].values())}, True))
    correct, count = totals(content.val_confusion)
    if content.validation == LEARNED:
        sentences.append(Sentence("verdict.val.learned", {"correct": correct, "count": count}, True))
    elif count:
        values = {"correct": correct, "count": count, "range": Share(correct, count)}
        sentences.append(Sentence("verdict.val.turns" if content.validation == IN_TURN else "verdict.val", values))
        sentences += _averaged(content.val_confusion, "verdict.balanced")
        sentences += _used_as(content, "val")
    if content.test_confusion is not None:
        right, photos = totals(content.test_confusion)
        sentences.append(Sentence("verdict.test", {"correct": right, "count": photos, "range": Share(right, photos)}))
        sentences += _averaged(content.test_confusion, "verdict.balanced.weakest", content.classes)
        sentences += _used_as(content, "test")
    if content.seen_before:
        sentences.append(Sentence("verdict.seen"))
    if content.held_out_confusion is not None:
        right, photos = totals(content.held_out_confusion)
        sentences.append(Sentence("verdict.held_out", {"correct": right, "count": photos}))
        sentences += _averaged(content.held_out_confusion, "verdict.balanced.weakest", content.classes)
        sentences += compare_kinds(content.val_confusion, content.held_out_confusion)
    sentences += about_prior(content.prior)
    if count and content.validation != LEARNED:
        sentences += _about_classes(content)
        low, high = exact_interval(correct, count)
        largest = content.val_confusion.sum(1)
        if low <= largest.max() / count:
            guess, share = Name(content.classes[int(largest.argmax())]), round(100 * largest.max() / count)
            sentences.append(Sentence("verdict.guess", {"class_": guess, "share": share}, True))
        if high - low > WIDE:
            sentences.append(Sentence("verdict.wide", warning=True))
    mistake = _mistake(content)
    if mistake:
        sentences.append(mistake)
    return sentences + _about_refusals(content) + _about_data(content)


def totals(matrix: np.ndarray) -> Tuple[int, int]:
    """Right answers and all answers in a confusion matrix."""
    return int(np.trace(matrix)), int(matrix.sum())


def average_percent(matrix: np.ndarray) -> str:
    """The balanced accuracy of a confusion matrix in percent."""
    return f"{100 * mean_recall(matrix):.1f}"


def compare_kinds(validation: np.ndarray, held_out: np.ndarray) -> List[Sentence]:
    """What it means that the exact intervals of validation and cross-validation do not overlap; nothing where they do.

    Their confusion matrices, i64 [C, C]. Where the shares of the classes alone explain the difference, this is said. More right
    answers in validation tell nothing where the classes have few training photos: the folds then lack a good part of them."""
    (right, count), (folds_right, folds_count) = totals(validation), totals(held_out)
    if not count or not folds_count:
        return []
    (low, high), (folds_low, folds_high) = exact_interval(right, count), exact_interval(folds_right, folds_count)
    few = folds_count < FEW * int((held_out.sum(1) > 0).sum())
    if high >= folds_low and (low <= folds_high or few):
        return []
    photos = held_out.sum(1)
    known = photos > 0
    shares = validation.sum(1)[known] / max(1, validation.sum(1)[known].sum())
    explained = low <= float(shares @ (np.diag(held_out)[known] / photos[known])) <= high
    key = "shares" if explained else "harder" if high < folds_low else "easier"
    values = {"val": round(100 * right / count), "folds": round(100 * folds_right / folds_count)}
    return [Sentence(f"verdict.kind.{key}", values, True)]


def about_prior(prior: Optional[PriorCorrection]) -> List[Sentence]:
    """What was done about classes of different size."""
    if prior is None:
        return []
    if prior.strength:
        shares = {"before": f"{100 * prior.before:.1f}", "after": f"{100 * prior.after:.1f}"}
        return [Sentence("verdict.prior", {"percent": round(100 * prior.strength), **shares})]
    return [Sentence("verdict.prior.none")]


def mixed_up(matrix: np.ndarray) -> List[Tuple[int, int, int]]:
    """True class, answer and count of every confusion, the most frequent first."""
    pairs = zip(*np.nonzero(matrix - np.diag(np.diag(matrix))))
    found = [(int(true), int(answer), int(matrix[true, answer])) for true, answer in pairs]
    return sorted(found, key=lambda pair: -pair[2])


def count_looked_at(content: Report) -> int:
    """How many findings ask for a look."""
    return sum(ISSUES[remark.kind].severity != "note" for remark in content.findings or ())


def describe_start(origin: Dict[str, Any]) -> Sentence:
    """The weights that a training starts from. origin: as in `Description`."""
    if "teacher" in origin:
        return Sentence("start.taught", {"start": [describe_start(origin["teacher"])]})
    naming = origin["weights"]
    known = {"random numbers": "start.numbers", BUILT_IN: "start.built_in", OWN: "start.own"}
    start = Sentence(known[naming]) if naming in known else Sentence("start.form", {"name": Name(naming)})
    if "backbone" in origin:
        start = Sentence("start.digest", {"start": [start], "digest": origin["backbone"][:12]})
    if "classes" in origin:
        known, left_out = origin["classes"]["known"], origin["classes"]["left_out"]
        start = Sentence(
            "start.knew", {"start": [start], "names": [name_classes([name for name in known if known[name]])]}
        )
        new = [name for name in known if not known[name]]
        if new:
            start = Sentence("start.new", {"start": [start], "names": [name_classes(new)]})
        if left_out:
            start = Sentence("start.left_out", {"start": [start], "names": [name_classes(left_out)]})
    return start


def name_classes(classes: Sequence[str]) -> Sentence:
    """All of them, or their number and the first."""
    names = [Sentence("class.name", {"class_": Name(name)}) for name in classes]
    if len(names) <= LISTED:
        return Sentence("class.name", {"class_": names})
    more = Sentence("and.more", {"count": len(names) - NAMED})
    return Sentence("classes.many", {"count": len(names), "names": [*names[:NAMED], more]})


def _used_as(content: Report, split: str) -> List[Sentence]:
    """What part the photos of "val" or "test" had in the training."""
    leaked = content.leaked.get(split, 0)
    by_mode = "chosen.last" if content.mode == "distill" else "chosen.best"
    if content.mode == "head" and content.prior and content.prior.strength:
        by_mode = "chosen.folds"
    if content.validation == IN_TURN:
        by_mode = "chosen.turns"
    chosen = by_mode if split == "val" else "chosen.none"
    sentences = [Sentence(f"verdict.{split}.leaked", {"count": leaked}, True)] if leaked else []
    return [*sentences, Sentence(f"verdict.{chosen}")]


def _averaged(matrix: np.ndarray, key: str, classes: Sequence[str] = ()) -> List[Sentence]:
    """The balanced accuracy, where not all answers are right. classes: to name the weakest."""
    right, count = totals(matrix)
    if right == count:
        return []
    worst = weakest_first(matrix)[0]
    named = {"class_": Name(classes[worst])} if classes else {}
    values = {"correct": int(matrix[worst, worst]), "count": int(matrix[worst].sum())}
    return [Sentence(key, {"share": average_percent(matrix), **named, **values})]


def _about_classes(content: Report) -> List[Sentence]:
    """The weakest class of the validation photos, and those with few photos, or none."""
    matrix = content.val_confusion
    photos, right = matrix.sum(1), np.diag(matrix)

    def described(label: int) -> Dict[str, Any]:
        correct, count = int(right[label]), int(photos[label])
        return {
            "class_": Name(content.classes[label]),
            "correct": correct,
            "count": count,
            "range": Share(correct, count),
        }

    order = weakest_first(matrix)
    all_right = bool((right == photos).all())
    if all_right and len(set(photos.tolist())) == 1:  # no class is weaker than another
        each = Sentence("verdict.equal", described(order[0]))
        few_of_all = Sentence("verdict.few.all", {"limit": FEW}, True)
        return [each, few_of_all] if photos[0] < FEW else [each]
    weakest = order[0]
    hardly_known = exact_interval(int(right[weakest]), int(photos[weakest]))[1] < 0.5
    sentences = [
        Sentence("verdict.weakest.right" if all_right else "verdict.weakest", described(weakest), hardly_known)
    ]
    few = sorted((label for label in order[1:] if photos[label] < FEW), key=lambda label: int(photos[label]))
    if few:
        named = [Sentence("class.right", described(label)) for label in few[:NAMED]]
        more = [Sentence("and.more", {"count": len(few) - NAMED})] if len(few) > NAMED else []
        sentences.append(Sentence("verdict.few", {"limit": FEW, "count": len(few), "names": named + more}, True))
    absent = np.flatnonzero(photos == 0)
    if len(absent):
        named = [Sentence("class.name", {"class_": Name(content.classes[label])}) for label in absent[:NAMED]]
        more = [Sentence("and.more", {"count": len(absent) - NAMED})] if len(absent) > NAMED else []
        sentences.append(Sentence("verdict.absent", {"count": len(absent), "names": named + more}, True))
    return sentences


def _mistake(content: Report) -> Optional[Sentence]:
    """The most frequent confusion of the validation photos, or else out of fold."""
    for split, matrix in (("val", content.val_confusion), ("held_out", content.held_out_confusion)):
        pairs = mixed_up(matrix) if matrix is not None else []
        if pairs:
            true, answer, count = pairs[0]
            names = {"true": Name(content.classes[true]), "answer": Name(content.classes[answer])}
            return Sentence(f"verdict.mistake.{split}", {**names, "count": count})
    return None


def speak(sentence: Sentence, name: Callable[[str], Any], fill: Callable[..., Any]) -> Any:
    """The sentence in words. name: how a name is written. fill: (key, values by name) -> that text, which is joined to others."""
    values = {}
    for field, value in sentence.values.items():
        if isinstance(value, Name):
            value = name(value)
        elif isinstance(value, Share):
            value = say_range(value, fill)
        elif isinstance(value, list):
            value = fill("and").join(speak(one, name, fill) for one in value)
        values[field] = value
    return fill(sentence.key, **values)


def say_range(share: Share, fill: Callable[..., Any]) -> Any:
    """The interval in words. fill: as in `speak`."""
    low, high = interval_percent(*share)
    which = "all" if share.correct == share.photos else "some" if share.correct else "none"
    return fill(f"range.{which}", low=low, high=high)


def _about_refusals(content: Report) -> List[Sentence]:
    if content.neither is None:
        compact = content.settings.get("compact")
        single = content.calibration is None or content.calibration.source == "none"
        return [Sentence(f"verdict.{'no_room' if compact else 'single' if single else 'known_before'}")]
    sentences = []
    refused, count = content.neither.count("val")
    if count:
        right = content.refused_right
        values = {"refused": refused, "count": count, "right": right, "wrong": refused - right}
        key = "verdict.refused" if refused else "verdict.refused.none"
        sentences.append(Sentence(key, values, warning=2 * refused > count))
    refused, count = content.neither.count("outliers")
    if count:
        sentences.append(Sentence("verdict.outliers", {"refused": refused, "count": count}))
    return sentences


def _about_data(content: Report) -> List[Sentence]:
    """What the findings come to."""
    if content.findings is None:
        return []
    kinds = [remark.kind for remark in content.findings]
    sentences = []
    skipped = content.settings.get("bad_files") == "skip"
    for kind, key, warning in (
        ("bad", "verdict.bad.skip" if skipped else "verdict.bad", not skipped),
        ("conflict", "verdict.conflict", True),
        ("leak", "verdict.leak" if content.trained else "verdict.leak.untrained", True),
        ("dropped", "verdict.dropped", False),
    ):
        if kind in kinds:
            sentences.append(Sentence(key, {"count": kinds.count(kind)}, warning))
    count = count_looked_at(content)
    if count:
        sentences.append(Sentence("verdict.findings", {"count": count}))
    elif "dropped" not in kinds:
        sentences.append(Sentence("verdict.nothing"))
    return sentences
