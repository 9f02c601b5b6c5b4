"""The page: its layout, its functions, two languages, and the endpoints /predict and /predict_batch."""

import os
from html import escape
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import about
import gradio as gr
import markup
from answer_table import table
from api_inputs import any_json, paths
from limits import MANY, WAITING
from page_texts import LANGUAGES, TEXTS, preferred
from picture_errors import sentence
from records import record
from style import STYLE
from titles import title_of
from uploads import MOST, uploaded

from mobilenetv2.classifier import Answer, Classifier
from mobilenetv2.data import sample
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.image_file import read_image_file

AT_ONCE = 4  # requests at a time; the network computes one of them, while others are read and written
NEW = int(gr.__version__.split(".")[0]) >= 6
NO_UPLOAD = {"error": TEXTS["en"]["no_upload"]}  # the record of what a program sent instead of an upload
FILES = 220  # pixels, of the list of chosen files, which scrolls
PLAIN: Dict[str, Any] = {"buttons": []} if NEW else {"show_share_button": False}
FIRST = "en"  # the language until that of the browser is known
# In the browser: the title of the tab; for screen readers, the language of the document, and that a new answer is to be read.
NAME_PAGE = """(language, heading) => {
  document.documentElement.lang = language;
  document.title = new DOMParser().parseFromString(heading, "text/html").body.textContent;
  document.querySelector(".answer")?.setAttribute("aria-live", "polite");
}"""


class Page:
    """The functions of the page. seconds: that uploads are kept. title: in place of one from the classes.

    classifier: None without a checkpoint; the page then says what to do. It may be replaced at any time: each question is
    answered by the one that was there when it began.
    """

    def __init__(self, classifier: Optional[Classifier], seconds: float, title: Optional[str] = None):
        self.classifier = classifier
        self._seconds = seconds
        self._title = title

    def classes(self) -> Tuple[str, ...]:
        """Of the checkpoint; none without one."""
        return self.classifier.description.classes if self.classifier else ()

    def knows_drawings(self) -> bool:
        """Whether the checkpoint has the classes of the drawings to try."""
        return set(self.classes()) == set(sample.CLASSES)

    def title(self, language: str) -> str:
        """The title, as text."""
        return title_of(self.classes(), language, self._title)

    def status(self, language: str) -> str:
        """HTML about the checkpoint, as of about.py."""
        return about.status(self.classifier, self._seconds, language)

    def show(self, payload: Any, activation: bool, language: str) -> Tuple[str, str]:
        """An unprocessed upload -> HTML of the answer, and of what it rests on; the latter is empty without an answer.

        activation: mark the class activation map in the network's input.
        """
        file = uploaded(payload)
        files = [file] if file else []
        ready = self._ready(files, language)
        if isinstance(ready, str):
            return self._said(ready, files), ""
        answer = _answer(ready, file or "")
        if isinstance(answer, ImageError):
            return markup.problem(sentence(answer, language)), ""
        description = ready.description
        said = markup.in_words(answer, description.kind, language)
        return said, markup.why(answer, activation, description, language)

    def show_batch(self, files: Optional[List[str]], language: str, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
        """Uploaded files -> a table in HTML. progress: Gradio recognises it by its default value."""
        files = files or []
        ready = self._ready(files, language)
        if isinstance(ready, str):
            return self._said(ready, files)
        answers = progress.tqdm(_answers(ready, files), total=len(files), desc=TEXTS[language]["answering"])
        return table(answers, ready.description.classes, ready.description.preprocessing, language)

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

    def _said(self, reason: str, files: Sequence[Any]) -> str:
        """HTML of what `_ready` says. It is no error that nothing was chosen yet."""
        return reason if self.classifier and not files else markup.problem(reason)


def _answer(classifier: Classifier, file: str) -> Union[Answer, ImageError]:
    try:
        return classifier.answer(read_image_file(Path(file)))
    except ImageError as error:
        return error if os.path.exists(file) else ImageError("gone")


def _answers(classifier: Classifier, files: List[str]) -> Iterator[Tuple[str, Union[Answer, ImageError]]]:
    return classifier.answers([(Path(file).name, Path(file)) for file in files], workers=2)


def greet(request: gr.Request) -> str:
    """The language of the browser."""
    return preferred(request.headers.get("accept-language", ""))


def build(page: Page, examples: List[str], seconds: float) -> gr.Blocks:
    """Layout and endpoints. examples: picture files to try. seconds: that uploads are kept."""
    translated: List[Tuple[Any, Dict[str, str]]] = []  # components and their texts: property -> key of TEXTS
    classes = page.classes()  # that the examples are of
    of_drawings = page.knows_drawings()
    example = "drawing" if of_drawings else "photo"

    def make(kind: Callable[..., Any], keys: Dict[str, str], **others: Any) -> Any:
        component = kind(**others, **{name: TEXTS[FIRST][key] for name, key in keys.items()})
        translated.append((component, keys))
        return component

    def heading(language: str) -> str:
        return f"<h1>{escape(page.title(language))}</h1>"

    def translate(language: str) -> List[Any]:
        texts = TEXTS[language]
        changes: List[Dict[str, Any]] = [{name: texts[key] for name, key in keys.items()} for _, keys in translated]
        named = [{"value": texts[example].format(number=number)} for number in range(1, len(examples) + 1)]
        shown = {"visible": bool(examples) and page.classes() == classes}
        updates = [gr.update(**change) for change in (shown, *changes, *named)]
        return [heading(language), page.status(language), *updates]

    def choose(file: str) -> Callable[[], str]:
        """What a click on an example does."""
        return lambda: file

    def show(payload: Any, activation: bool, language: str) -> Tuple[Any, ...]:
        """`Page.show`, whether there is something to mark, and `Page.status`, which is another one where another checkpoint was
        loaded."""
        answer, why = page.show(payload, activation, language)
        return answer, gr.update(visible=bool(why)), why, page.status(language)

    style = {} if NEW else STYLE  # launch() takes it from Gradio 6 on
    frequency = max(1, min(60, int(seconds / 2)))
    with gr.Blocks(
        title=" · ".join(dict.fromkeys(page.title(language) for language in TEXTS)),
        analytics_enabled=False,
        delete_cache=(frequency, int(seconds)),
        **style,
    ) as blocks:
        with gr.Row(elem_classes="top"):
            title = gr.HTML(heading(FIRST))
            choices = [(name, code) for code, name in LANGUAGES.items()]
            language = gr.Radio(choices, value=FIRST, show_label=False, container=False, elem_classes="language")
        with make(gr.Tab, {"label": "one"}), gr.Row(elem_classes="one"):
            with gr.Column(elem_classes="picture"):
                picture = make(gr.Image, {"label": "picture"}, sources=["upload", "clipboard", "webcam"], **PLAIN)
            with gr.Column(elem_classes="answer"):
                text = make(gr.HTML, {"value": "none"})
                activation = make(gr.Checkbox, {"label": "activation"}, value=True, visible=False, container=False)
                why = gr.HTML()
            # Not gr.Examples: its buttons have no names for those who do not see them.
            with gr.Column(elem_classes="examples", visible=bool(examples)) as column:
                make(gr.HTML, {"value": "examples" if of_drawings else "examples_photos"})
                with gr.Row():
                    buttons = [gr.Button(icon=file, min_width=0) for file in examples]
        with make(gr.Tab, {"label": "many"}):
            ask = make(gr.Button, {"value": "ask"}, variant="primary")
            pictures = make(gr.File, {"label": "pictures"}, file_count="multiple", type="filepath", height=FILES)
            answers = gr.HTML()
        status = gr.HTML(page.status(FIRST))

        one: Dict[str, Any] = {"concurrency_id": "one", "concurrency_limit": AT_ONCE, "preprocess": False}
        many: Dict[str, Any] = {"concurrency_id": MANY, "concurrency_limit": 1}
        shown = [text, activation, why, status]
        asked = [picture, activation, language]
        gr.on([picture.change, activation.input], show, asked, shown, api_name=False, **one)
        ask.click(page.show_batch, [pictures, language], answers, api_name=False, **many)
        with gr.Row(visible=False):  # endpoints for programs
            for function, like, name, limits in (
                (page.predict, picture, "predict", one),
                (page.predict_batch, pictures, "predict_batch", {**many, "preprocess": False}),
            ):
                gr.Button().click(function, any_json(like), gr.JSON(), api_name=name, **limits)
        outputs = [title, status, column, *(component for component, _ in translated), *buttons]
        quick: Dict[str, Any] = {"api_name": False, "queue": False}
        for button, file in zip(buttons, examples):
            button.click(choose(file), None, picture, **quick)
        named: Dict[str, Any] = {"fn": None, "inputs": [language, title], "outputs": None, "js": NAME_PAGE, **quick}
        # The answer comes after the page's texts, which begin with "Choose a picture" in the same place.
        chosen = language.input(translate, language, outputs, **quick)
        chosen.then(**named)
        chosen.then(show, asked, shown, api_name=False, **one)
        blocks.load(greet, None, language, **quick).then(translate, language, outputs, **quick).then(**named)
    return blocks.queue(max_size=WAITING)
