"""The page: its layout, its functions, two languages, and the endpoints /predict and /predict_batch."""

import os
import re
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import gradio as gr
import markup
import numpy as np
from api_inputs import any_json, paths
from limits import MANY, WAITING
from page_texts import LANGUAGES, TEXTS, preferred
from records import record
from uploads import MOST, uploaded

from mobilenetv2.classifier import Answer, Classifier
from mobilenetv2.data import sample
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.image_file import read_image_file
from mobilenetv2.data.kind import PHOTOS, for_kind
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.evaluation.class_activation import overlay
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.i18n import in_language
from mobilenetv2.runtime.text import printable

AT_ONCE = 4  # requests at a time; the network computes one of them, while others are read and written
NEW = int(gr.__version__.split(".")[0]) >= 6


NO_UPLOAD = {"error": TEXTS["en"]["no_upload"]}  # the record of what a program sent instead of an upload
FIRST = "en"  # the language until that of the browser is known
SEEN_BUTTONS: Dict[str, Any] = {"buttons": ["download", "fullscreen"]} if NEW else {"show_share_button": False}
LAYOUT = ".language { flex: none !important; width: auto; min-width: 0 !important; margin-inline-start: auto }"
# Fonts of the visitor's system: none is downloaded.
STYLE: Dict[str, Any] = {
    "theme": gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"]),
    "css": markup.STYLE + LAYOUT,
}


class Page:
    """The functions of the page. seconds: that uploads are kept.

    classifier: None without a checkpoint; the page then says what to do. It may be replaced at any time: each question is
    answered by the one that was there when it began.
    """

    def __init__(self, classifier: Optional[Classifier], seconds: float):
        self.classifier = classifier
        self._seconds = seconds

    def status(self, language: str) -> str:
        """Markdown: the checkpoint, its date, training photos and validation accuracy, whether its file has changed since, and
        how long uploads are kept."""
        classifier = self.classifier
        texts = TEXTS[language]
        unit, count = ("minutes", self._seconds / 60) if self._seconds >= 120 else ("seconds", self._seconds)
        kept = texts["kept"].format(time=texts[unit].format(count=count))
        if classifier is None:
            return f"{texts['no_checkpoint']}\n\n{kept}"
        description, file = classifier.description, classifier.file
        if file == EMBEDDED:
            name = texts["built_in"]
        else:
            name = texts["of_date"].format(
                file=plain(file.name), date=time.strftime("%Y-%m-%d", time.localtime(classifier.modified))
            )
        about = for_kind(texts["about"], description.data.get("kind", PHOTOS)).format(
            checkpoint=name,
            train=sum(description.data["train"].values()),
            classes=plain(", ".join(description.classes)),
            size=description.preprocessing.size,
            correct=description.metrics["val"]["correct"],
            count=description.metrics["val"]["count"],
        )
        return "\n\n".join([about, *([] if classifier.is_current() else [texts["replaced"]]), kept])

    def knows_drawings(self) -> bool:
        """Whether the checkpoint has the classes of the drawings to try."""
        return self.classifier is not None and set(self.classifier.description.classes) == set(sample.CLASSES)

    def show(self, payload: Any, activation: bool, language: str) -> Tuple[str, Any, Any, str]:
        """An unprocessed upload -> Markdown, confidence per class, the network's input, HTML of the most similar photos.

        activation: mark the class activation map in the input.
        """
        file = uploaded(payload)
        ready = self._ready([file] if file else [], language)
        if isinstance(ready, str):
            return ready, None, None, ""
        texts, answer = TEXTS[language], _answer(ready, file or "")
        if isinstance(answer, ImageError):
            return texts["bad"].format(problem=in_language(answer.message, language)), None, None, ""
        best = max(answer.confidences, key=lambda name: answer.confidences[name])
        title = texts["neither"] if answer.label == NEITHER else f"{plain(best)} · {answer.confidences[best]:.1%}"
        lines = [f"## {title}"]
        if answer.label == NEITHER:
            lines.append(texts["refused"].format(neither=answer.neither, best=plain(best)))
        text = "\n\n".join([*lines, texts["details"].format(**vars(answer))])
        strength = answer.activation if activation else np.zeros_like(answer.activation)
        seen = overlay(answer.pixels, strength, ready.description.preprocessing)
        shares = {printable(name): share for name, share in answer.confidences.items()}
        return (
            text,
            shares,
            seen,
            markup.nearest(answer, for_kind(texts["nearest"], ready.description.data.get("kind", PHOTOS))),
        )

    def show_batch(self, files: Optional[List[str]], language: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        """Uploaded files -> a table in HTML. progress: Gradio recognises it by its default value."""
        files = files or []
        ready = self._ready(files, language)
        if isinstance(ready, str):
            return ready
        answers = progress.tqdm(_answers(ready, files), total=len(files), desc=TEXTS[language]["answering"])
        return markup.table(answers, ready.description.classes, ready.description.preprocessing, language)

    def predict(self, payload: Any) -> Dict[str, Any]:
        """An upload, as of `uploaded` -> record, as in records.py. Anything else has an error."""
        ready = self._ready([] if payload is None else [payload], "en")
        file = uploaded(payload)
        return {"error": ready} if isinstance(ready, str) else record(_answer(ready, file)) if file else NO_UPLOAD

    def predict_batch(self, payload: Any) -> List[Dict[str, Any]]:
        """A list of uploads -> a record for each, in order, with the file's name. What is no upload has an error only."""
        files = paths(payload)
        ready = self._ready(files, "en")
        if isinstance(ready, str):
            return [{"error": ready}]
        answers = _answers(ready, [file for file in files if file])
        records = ({"file": name, **record(result)} for name, result in answers)
        return [next(records) if file else NO_UPLOAD for file in files]

    def _ready(self, files: Sequence[Any], language: str) -> Union[Classifier, str]:
        """The classifier, or a sentence that says why these files get no answer."""
        classifier = self.classifier
        if classifier and 0 < len(files) <= MOST:
            return classifier
        reason = "no_checkpoint" if classifier is None else "too_many" if files else "none"
        return TEXTS[language][reason].format(most=MOST, count=len(files))


def _answer(classifier: Classifier, file: str) -> Union[Answer, ImageError]:
    try:
        return classifier.answer(read_image_file(Path(file)))
    except ImageError as error:
        return error if os.path.exists(file) else ImageError("gone")


def _answers(classifier: Classifier, files: List[str]) -> Iterator[Tuple[str, Union[Answer, ImageError]]]:
    return classifier.answers([(Path(file).name, Path(file)) for file in files], workers=2)


def plain(text: str) -> str:
    """Escape a name for Markdown, with its hidden characters as `printable` does."""
    return re.sub(r"([&\\`*_{}\[\]()#+.!|<>$~-])", r"\\\1", printable(text))


def greet(request: gr.Request) -> str:
    """The language of the browser."""
    return preferred(request.headers.get("accept-language", ""))


def build(page: Page, examples: List[str], seconds: float) -> gr.Blocks:
    """Layout and endpoints. examples: picture files to try. seconds: that uploads are kept."""
    translated: List[Tuple[Any, Dict[str, str]]] = []  # components and their texts: property -> key of TEXTS

    def make(kind: Callable[..., Any], keys: Dict[str, str], **others: Any) -> Any:
        component = kind(**others, **{name: TEXTS[FIRST][key] for name, key in keys.items()})
        translated.append((component, keys))
        return component

    def translate(language: str) -> List[Any]:
        texts = TEXTS[language]
        changes: List[Dict[str, Any]] = [{name: texts[key] for name, key in keys.items()} for _, keys in translated]
        if examples:
            changes[drawings]["visible"] = page.knows_drawings()
        return [page.status(language), *(gr.update(**change) for change in changes)]

    def show(payload: Any, activation: bool, language: str) -> Tuple[Any, ...]:
        """`Page.show`, and `Page.status`, which is another one where another checkpoint was loaded."""
        return (*page.show(payload, activation, language), page.status(language))

    style = {} if NEW else STYLE  # launch() takes it from Gradio 6 on
    frequency = max(1, min(60, int(seconds / 2)))
    with gr.Blocks(
        title="Dog or croissant · 狗还是牛角包",
        analytics_enabled=False,
        delete_cache=(frequency, int(seconds)),
        **style,
    ) as blocks:
        with gr.Row():
            make(gr.Markdown, {"value": "title"})
            choices = [(name, code) for code, name in LANGUAGES.items()]
            language = gr.Radio(choices, value=FIRST, show_label=False, container=False, elem_classes="language")
        with make(gr.Tab, {"label": "one"}), gr.Row():
            with gr.Column():
                picture = make(gr.Image, {"label": "picture"}, sources=["upload", "clipboard", "webcam"], height=280)
                if examples:
                    drawn = gr.Examples([[file] for file in examples], picture, label=TEXTS[FIRST]["examples"])
                    drawings = len(translated)
                    translated.append((drawn.dataset, {"label": "examples"}))
            with gr.Column():
                text = make(gr.Markdown, {"value": "none"})
                bars = make(gr.Label, {"label": "bars"}, **({"show_heading": False} if NEW else {}))
                seen = make(gr.Image, {"label": "seen"}, interactive=False, format="jpeg", height=280, **SEEN_BUTTONS)
                activation = make(gr.Checkbox, {"label": "activation"}, value=True)
                nearest = gr.HTML()
        with make(gr.Tab, {"label": "many"}):
            pictures = make(gr.File, {"label": "pictures"}, file_count="multiple", type="filepath")
            ask = make(gr.Button, {"value": "ask"}, variant="primary")
            answers = gr.HTML()
        status = gr.Markdown()

        one: Dict[str, Any] = {"concurrency_id": "one", "concurrency_limit": AT_ONCE, "preprocess": False}
        many: Dict[str, Any] = {"concurrency_id": MANY, "concurrency_limit": 1}
        shown = [text, bars, seen, nearest, status]
        asked = [picture, activation, language]
        gr.on([picture.change, activation.input], show, asked, shown, api_name=False, **one)
        ask.click(page.show_batch, [pictures, language], answers, api_name=False, **many)
        with gr.Row(visible=False):  # endpoints for programs
            for function, like, name, limits in (
                (page.predict, picture, "predict", one),
                (page.predict_batch, pictures, "predict_batch", {**many, "preprocess": False}),
            ):
                gr.Button().click(function, any_json(like), gr.JSON(), api_name=name, **limits)
        outputs = [status, *(component for component, _ in translated)]
        quick: Dict[str, Any] = {"api_name": False, "queue": False}
        # The answer comes after the page's texts, which begin with "Choose a picture" in the same place.
        language.input(translate, language, outputs, **quick).then(show, asked, shown, api_name=False, **one)
        blocks.load(greet, None, language, **quick).then(translate, language, outputs, **quick)
    return blocks.queue(max_size=WAITING)
