"""README.md beside a checkpoint: a model card, in the form that Hugging Face and ModelScope show."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np

from ..data.dataset import GIVEN, IN_TURN, LEARNED
from ..data.layout import SPLITS
from ..evaluation.intervals import interval_percent
from ..evaluation.metrics import mean_recall, read_matrix
from ..model.architecture import NUM_BLOCKS
from ..model.checkpoint import Description
from ..runtime.errors import UserError
from ..runtime.files import atomic, read_file
from ..runtime.own_files import CHECKPOINT, MARKS, MODEL_CARD, PROGRAM, is_own_file
from ..runtime.text import printable
from .content import Report
from .texts import LANGUAGES, agreeing, load_texts
from .verdict import CLASSES, LISTED, Sentence, describe_start, judge, name_classes, speak, totals

UNKNOWN = "other"  # the licence, until somebody fills it in
LARGEST = 2**22  # bytes of an earlier card
# Front matter of both hubs: Hugging Face reads library_name, pipeline_tag and model-index, ModelScope
# frameworks, domain and tasks.
FRONT = """---
# Fill in: the licence of this model, such as apache-2.0. A new training into this folder keeps only this line.
license: {licence}
library_name: mindspore
pipeline_tag: image-classification
frameworks:
- MindSpore
domain:
- cv
tasks:
- image-classification
tags:
- image-classification
- mindspore
- mobilenetv2
metrics:
- accuracy
model-index:
- name: {name}
  results:
  - task:
      type: image-classification
    dataset:
      name: {data}
      type: imagefolder
      split: {split}
    metrics:
    - type: accuracy
      value: {accuracy:.4f}
      name: {interval}
    - type: balanced_accuracy
      value: {balanced:.4f}
      name: Mean recall of the classes
---
<!-- {program} wrote this file. -->
"""
# Where the code of this program is: the reader has the files of a run alone.
USE = """```python
import sys

sys.path.insert(0, "train/train_dir")  # of the program that trained this network, unless it is installed
from mobilenetv2 import load

answer = load({checkpoint})("photo.jpg")
print(answer.label, answer.confidences)
```
"""
# Of what a checkpoint alone knows.
KNOWN_KEYS = ("verdict.drawings", "verdict.val", "verdict.val.turns", "verdict.val.learned", "verdict.balanced")
RIGHT = {IN_TURN: "card.right.turns", LEARNED: "card.right.learned"}  # heading of the column of right answers
SHOWN_KEYS = ("verdict.findings", "verdict.nothing")  # of the report, which lists them


def write_card(file: Path, content: Report, description: Description, licence: str, language: str) -> None:
    """Write the card atomically: in `language`, "en" or "zh", then in the other. licence: as `read_licence` finds it.

    Raises UserError where the file cannot be written."""
    order = sorted(LANGUAGES, key=lambda one: one != language)
    sentences = [sentence for sentence in judge(content) if sentence.key not in SHOWN_KEYS]
    bodies = (_body(content, description, sentences, content.neither is not None, one) for one in order)
    with atomic(file) as temporary:
        temporary.write_text("\n".join([_front(content, licence or UNKNOWN), *bodies]), encoding="utf-8")


def read_card(checkpoint: Path, description: Description, refuses: bool) -> Tuple[str, str]:
    """Front matter with its two lines `---`, and the rest, of the card that the run has left beside a checkpoint. Without one: of
    a card that says what the checkpoint knows, in English and Chinese.

    refuses: whether the checkpoint has an outlier detector. Raises UserError for a description that lacks what a card says."""
    card = checkpoint.with_name(MODEL_CARD)
    if checkpoint.name == CHECKPOINT and is_own_file(card):
        text = read_file(card, LARGEST).decode("utf-8", "replace").replace("\r\n", "\n")
        found = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
        if found:
            return found[0], _without_results(text[found.end() :])
    try:
        content = _known_to(description)
        # Nothing of how the validation photos were used, of which a checkpoint alone says nothing.
        sentences = [sentence for sentence in judge(content) if sentence.key in KNOWN_KEYS]
        bodies = [_body(content, description, sentences, refuses, one) for one in LANGUAGES]
        front, _, mark = _front(content, UNKNOWN).rpartition("<!--")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"{checkpoint}: it does not say how it was trained ({error}); train again") from None
    return front, _without_results("\n".join([f"<!--{mark}", *bodies]))


def _known_to(description: Description) -> Report:
    """What a checkpoint says of its run."""
    origin, settings = description.origin, description.settings
    changed = "scratch" if origin["weights"] == "random numbers" else "finetune" if settings.get("unfreeze") else "head"
    return Report(
        description.classes,
        read_matrix(description.metrics["val"], len(description.classes)),
        counts={split: description.data[split] for split in SPLITS if description.data.get(split)},
        kind=description.kind,
        mode="distill" if "teacher" in origin else changed,
        settings=settings,
        origin=origin,
        validation=description.data.get("validation", GIVEN),
    )


def _without_results(text: str) -> str:
    """Of a card that goes where the other files of the run do not."""
    for language in LANGUAGES:
        text = text.replace(load_texts(language)["card.use.results"], "")
    return text


def read_licence(file: Path) -> str:
    """What was filled in as licence in a card that this program has written; "" where nothing was, or there is no such card."""
    try:
        text = read_file(file, LARGEST)
        found = re.search(r"^license: ([\w.+ -]{1,60})$", text.decode("utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1].strip() if found and MARKS[MODEL_CARD] in text else ""


def _front(content: Report, licence: str) -> str:
    split, matrix = (
        ("val", content.val_confusion) if content.test_confusion is None else ("test", content.test_confusion)
    )
    right, count = totals(matrix)
    low, high = interval_percent(right, count)
    classes = ", ".join(content.classes) if len(content.classes) <= LISTED else f"{len(content.classes)} classes"
    weak = content.validation if split == "val" and content.validation in (IN_TURN, LEARNED) else ""
    name = f"Accuracy, {right} of {count} (exact 95 % interval: {low} % to {high} %)"
    if weak:
        name = f"Accuracy on photos that it has learned, {right} of {count}; nothing was tested"
        if weak == IN_TURN:
            name = f"Accuracy, leave one out, {right} of {count} (exact 95 % interval: {low} % to {high} %)"
    return FRONT.format(
        licence=licence,
        name=json.dumps(printable(f"MobileNetV2: {classes}"), ensure_ascii=False),
        data=json.dumps(f"{sum(map(sum, (row.values() for row in content.counts.values())))} {content.kind}"),
        split="train" if weak else {"val": "validation", "test": "test"}[split],
        accuracy=right / max(1, count),
        balanced=mean_recall(matrix) if count else 0.0,
        interval=json.dumps(name),
        program=PROGRAM,
    )


def _fill(texts: Dict[str, str], key: str, **values: Any) -> str:
    return texts[key].format(**{**agreeing(values.get("count", 0)), **values})


def _name(value: str) -> str:
    """A class or file name in Markdown, without effect on it."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$:^=-])", r"\\\1", printable(value))


def _how(content: Report, say: Callable[..., str]) -> str:
    """What of the network was trained."""
    count = content.settings.get("unfreeze")
    part = say("card.part.all") if count == NUM_BLOCKS else say("card.part.last", count=count, all=NUM_BLOCKS)
    return say(f"card.mode.{content.mode}", part=part)


def _body(
    content: Report, description: Description, sentences: Sequence[Sentence], refuses: bool, language: str
) -> str:
    """sentences: how good it is. refuses: whether it has an outlier detector."""
    texts = load_texts(language, content.kind)
    say = partial(_fill, texts)

    def spoken(sentence: Sentence) -> str:
        return str(speak(sentence, _name, say))

    network, preprocessing = description.architecture, description.preprocessing
    classes, start = name_classes(content.classes), describe_start(content.origin)
    limits = [say(f"card.limits.{name}") for name in ("kind", "detector" if refuses else "always", "people")]
    lines = [
        f"# {spoken(Sentence('card.title', {'classes': [classes]}))}",
        say("card.what", width=f"{network.width:g}", size=preprocessing.size, how=_how(content, say)),
        spoken(Sentence("card.start", {"start": [start]})),
        f"## {say('card.classes')}",
        "\n".join(_table(content, texts)),
        f"## {say('card.accuracy')}",
        "\n".join(f"- {spoken(sentence)}" for sentence in sentences),
        f"## {say('card.limits')}",
        "\n".join(f"- {sentence}" for sentence in limits),
        f"## {say('card.use')}",
        say("card.use.text"),
        USE.format(checkpoint=json.dumps(CHECKPOINT)).rstrip(),
        say("card.use.files") + say("card.use.results"),
        f"## {say('card.licence')}",
        say("card.licence.text"),
    ]
    return "\n\n".join(lines) + "\n"


def _table(content: Report, texts: Dict[str, str]) -> List[str]:
    """A row for each of the first CLASSES classes: photos of each split, right answers of the validation photos with their
    interval; and a row that says how many more there are."""
    columns = [
        texts["class"],
        *(texts[split] for split in content.counts),
        texts[RIGHT.get(content.validation, "card.right")],
    ]
    rows = [columns, ["---"] * len(columns)]
    for label, name in enumerate(content.classes[:CLASSES]):
        right, count = int(content.val_confusion[label, label]), int(np.sum(content.val_confusion[label]))
        low, high = interval_percent(right, count)
        counts = [str(split.get(name, 0)) for split in content.counts.values()]
        share = _fill(texts, "of", correct=right, count=count)
        shown = share if content.validation == LEARNED else f"{share} ({low}–{high} %)"
        rows.append([_name(name), *counts, shown if count else texts["absent"]])
    if len(content.classes) > CLASSES:
        rows.append([_fill(texts, "counts.more", count=len(content.classes) - CLASSES), *[""] * (len(columns) - 1)])
    return [f"| {' | '.join(row)} |" for row in rows]
