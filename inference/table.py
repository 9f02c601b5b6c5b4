"""The batch tab's table: a thumbnail and the answer for each file, and a link that holds the same as CSV.

All in one piece of HTML, so that no file is left on the server. What comes from a visitor, as file names do, is escaped.
"""

import base64
from html import escape
from io import BytesIO, StringIO
from typing import Sequence, Tuple, Union

import numpy as np
from predictor import Answer
from rows import record, write_csv
from texts import TEXTS, problem

from mobilenetv2.activation import overlay
from mobilenetv2.pixels import PictureError, Preprocessing

THUMBNAIL = 96  # pixels; shown at half of it, for sharp screens
STYLE = """
table.answers { width: 100%; border-collapse: collapse; border: 0 !important; margin-bottom: 1em }
table.answers th, table.answers td { text-align: start; padding: 4px 8px; min-width: 4em; overflow-wrap: anywhere;
  vertical-align: middle; border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important }
table.answers img { width: 48px; height: 48px; max-width: none; margin: 0; border-radius: 4px }
table.answers meter { width: 5em; vertical-align: middle }
table.answers .bad { color: var(--error-icon-color, #c0392b) }
"""


def table(
    results: Sequence[Tuple[str, Union[Answer, PictureError]]],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    language: str,
) -> str:
    """(file name, answer or what is wrong) -> HTML."""
    texts = TEXTS[language]
    head = "".join(f"<th>{escape(texts[key])}</th>" for key in ("file", "answer"))
    rows = "".join(_row(name, result, preprocessing, language) for name, result in results)
    link = (
        f'<a class="lg secondary" download="answers.csv" href="{_csv(results, classes)}">⬇ {escape(texts["csv"])}</a>'
    )
    return f'<table class="answers"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>{link}'


def _row(name: str, result: Union[Answer, PictureError], preprocessing: Preprocessing, language: str) -> str:
    image, cells = (
        "",
        f'<td class="bad">{escape(problem(result, language))}</td>' if isinstance(result, PictureError) else "",
    )
    if isinstance(result, Answer):
        confidence = result.confidences[result.label]
        image = f'<img src="{_thumbnail(result, preprocessing)}" alt="">'
        cells = f'<td><b>{escape(result.label)}</b> <meter value="{confidence:.3f}"></meter> {confidence:.1%}</td>'
    return f"<tr><td>{image}</td><td>{escape(name)}</td>{cells}</tr>"


def _thumbnail(answer: Answer, preprocessing: Preprocessing) -> str:
    buffer = BytesIO()
    seen = overlay(answer.pixels, np.zeros_like(answer.activation), preprocessing)
    seen.resize((THUMBNAIL, THUMBNAIL)).save(buffer, "JPEG", quality=80)
    return _data_url("image/jpeg", buffer.getvalue())


def _csv(results: Sequence[Tuple[str, Union[Answer, PictureError]]], classes: Sequence[str]) -> str:
    stream = StringIO()
    write_csv(({"file": name, **record(result)} for name, result in results), classes, stream)
    return _data_url("text/csv;charset=utf-8", stream.getvalue().encode("utf-8-sig"))  # spreadsheets need the mark


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
