"""HTML about the checkpoint of the page: one line, and more where a visitor opens it."""

import time
from html import escape
from typing import Any, Dict, Optional, Sequence

from markup import class_list, problem, shown
from page_texts import TEXTS

from mobilenetv2.classifier import Classifier
from mobilenetv2.data.dataset import GIVEN, IN_TURN, LEARNED
from mobilenetv2.data.kind import for_kind
from mobilenetv2.evaluation.metrics import mean_recall, read_matrix, weakest_first
from mobilenetv2.model.checkpoint import EMBEDDED


def status(classifier: Optional[Classifier], seconds: float, language: str) -> str:
    """The validation accuracy and the file; opened, also the network, its photos and classes, and whether the file has changed
    since. Then how long uploads are kept: seconds. classifier: None without a usable checkpoint."""
    texts = TEXTS[language]
    unit, count = ("minutes", seconds / 60) if seconds >= 120 else ("seconds", seconds)
    kept = f'<p class="details">{escape(texts["kept"].format(time=texts[unit].format(count=count)))}</p>'
    if classifier is None:
        return problem(texts["no_checkpoint"]) + kept
    description, built_in = classifier.description, classifier.file == EMBEDDED
    val, validation = description.metrics["val"], description.data.get("validation", GIVEN)
    about = {IN_TURN: "about.turns", LEARNED: "about.learned"}.get(validation, "about")
    line = for_kind(texts[about], description.kind).format(
        checkpoint=texts["built_in"] if built_in else classifier.file.name,
        correct=val["correct"],
        count=val["count"],
    )
    date = time.strftime("%Y-%m-%d", time.localtime(classifier.modified))
    origin = (
        f"{texts['built_in']} ({texts['train']})"
        if built_in
        else texts["of_date"].format(file=classifier.file.name, date=date)
    )
    network = shown(origin).replace(date, f'<span class="date">{date}</span>')  # in one line
    classes, counts = description.classes, description.data["train"]
    photos = for_kind(texts["photos"], description.kind)
    rows = {
        "network": f"{network}<br>{escape(texts['pixels'].format(size=description.preprocessing.size))}",
        "trained_on": escape(photos.format(train=sum(counts.values()), classes=len(classes))),
        "classes": class_list([(name, "") for name in classes], language),
    }
    by_class = "" if validation == LEARNED else _averaged(val, classes, texts["averaged.text"])
    if by_class:
        rows = {"averaged": shown(by_class), **rows}
    terms = "".join(f"<dt>{escape(texts[key])}</dt><dd>{value}</dd>" for key, value in rows.items())
    replaced = "" if classifier.is_current() else problem(texts["replaced"])
    return f'{replaced}<details class="about"><summary>{shown(line)}</summary><dl>{terms}</dl></details>{kept}'


def _averaged(val: Dict[str, Any], classes: Sequence[str], text: str) -> str:
    """The balanced accuracy and the weakest class; nothing where all answers are right or wrong. val: of a checkpoint's metrics,
    of which nobody has checked more than the counts."""
    if not 0 < val["correct"] < val["count"]:
        return ""
    try:
        matrix = read_matrix(val, len(classes))
        worst = weakest_first(matrix)[0]
    except (KeyError, ValueError, TypeError, IndexError):
        return ""
    counted = {"correct": matrix[worst, worst], "count": matrix[worst].sum()}
    return text.format(share=100 * mean_recall(matrix), class_=classes[worst], **counted)
