"""HTML for the page: the table of a batch, with a link to the same as CSV, and the most similar training photos.

Pictures and CSV are data URLs, so that no file is left on the server. File and class names are escaped, their hidden characters
as `printable` does.
"""

from html import escape
from io import StringIO
from typing import Iterable, Sequence, Tuple, Union

import numpy as np
from page_texts import TEXTS
from records import record, write_csv

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.inline import data_url, jpeg_url
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.evaluation.class_activation import overlay
from mobilenetv2.runtime.i18n import in_language
from mobilenetv2.runtime.text import printable

QUALITY = 80  # of JPEGs
THUMBNAIL = 96  # side in pixels; shown at half of it, for high-density screens
STYLE = """
table.answers, table.answers * { border: 0 !important }
table.answers { width: 100%; border-collapse: collapse; margin-bottom: 1em }
table.answers th, table.answers td { text-align: start; padding: 4px 8px; min-width: 4em; overflow-wrap: anywhere;
  vertical-align: middle; border-bottom: 1px solid var(--border-color-primary) !important }
table.answers img { width: 48px; height: 48px; max-width: none; margin: 0; border-radius: 4px }
table.answers meter { width: 5em; vertical-align: middle }
.nearest figure { display: inline-block; margin: 0 8px 0 0; text-align: center }
.nearest img { width: 64px; height: 64px; border-radius: 4px }
table.answers .bad { color: var(--error-icon-color, #c0392b) }
"""


def table(
    results: Iterable[Tuple[str, Union[Answer, ImageError]]],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    language: str,
) -> str:
    """(file name, answer or error) -> HTML. Keeps none of the results: each holds a whole picture. language: "en" or "zh"."""
    texts, rows, records = TEXTS[language], [], []
    for name, result in results:
        rows.append(_row(name, result, preprocessing, language))
        records.append({"file": name, **record(result)})
    csv = StringIO()
    write_csv(records, classes, csv)
    # Spreadsheets need the byte order mark.
    url = data_url("text/csv;charset=utf-8", csv.getvalue().encode("utf-8-sig"))
    link = f'<a class="lg secondary" download="answers.csv" href="{url}">⬇ {escape(texts["csv"])}</a>'
    head = "".join(f"<th>{escape(texts[key])}</th>" for key in ("file", "answer"))
    return f'<table class="answers"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>{link}'


def nearest(answer: Answer, title: str) -> str:
    """The most similar training photos under a title, as HTML; empty without any."""
    if not answer.nearest:
        return ""
    figures = "".join(
        f'<figure><img src="{jpeg_url(picture, quality=QUALITY)}" alt=""><figcaption>{_shown(class_)}</figcaption></figure>'
        for picture, class_ in answer.nearest
    )
    return f'<div class="nearest"><p>{escape(title)}</p>{figures}</div>'


def _row(name: str, result: Union[Answer, ImageError], preprocessing: Preprocessing, language: str) -> str:
    if isinstance(result, ImageError):
        return _cells("", name, f'<span class="bad">{_shown(in_language(result.message, language))}</span>')
    thumbnail = overlay(result.pixels, np.zeros_like(result.activation), preprocessing).resize((THUMBNAIL, THUMBNAIL))
    image = f'<img src="{jpeg_url(thumbnail, quality=QUALITY)}" alt="">'
    if result.label == NEITHER:
        return _cells(image, name, f"<b>{escape(TEXTS[language]['neither'])}</b>")
    confidence = result.confidences[result.label]
    answer = f'<b>{_shown(result.label)}</b> <meter value="{confidence:.3f}"></meter> {confidence:.1%}'
    return _cells(image, name, answer)


def _cells(image: str, name: str, answer: str) -> str:
    return f"<tr><td>{image}</td><td>{_shown(name)}</td><td>{answer}</td></tr>"


def _shown(text: str) -> str:
    """A name, or an error with one, as HTML."""
    return escape(printable(text))
