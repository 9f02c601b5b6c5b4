"""HTML for the answers to many pictures: downloads, counts that filter, and a table whose columns sort.

CSV and JSON are data URLs, so that no file is left on the server.
"""

from collections import Counter
from html import escape
from io import StringIO
from typing import Any, Dict, Iterable, List, Sequence, Tuple, Union

import numpy as np
from markup import QUALITY, broken, shown
from page_texts import TEXTS
from picture_errors import sentence
from records import record, write_csv, write_json
from titles import none_of

from mobilenetv2.classifier import Answer
from mobilenetv2.data.image import Preprocessing
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.inline import data_url, jpeg_url
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.evaluation.class_activation import overlay

THUMBNAIL = 96  # side in pixels; shown at half of it, for high-density screens
# Of the whole: a button with data-filter leaves the rows with that data-kind, one with data-sort sorts by that data of the rows.
# A row without a value comes last. Gradio puts HTML in its place without running scripts, but for such attributes.
CLICK = """
const button = event.target.closest('button'), body = this.querySelector('tbody');
if (button?.dataset.filter !== undefined) {
  for (const one of this.querySelectorAll('[data-filter]')) one.setAttribute('aria-pressed', one === button);
  for (const row of body.rows) row.hidden = button.dataset.filter !== '' && row.dataset.kind !== button.dataset.filter;
} else if (button?.dataset.sort) {
  const head = button.parentElement, down = head.getAttribute('aria-sort') === 'ascending', key = button.dataset.sort;
  for (const one of head.parentElement.cells) one.removeAttribute('aria-sort');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const order = new Intl.Collator(undefined, {numeric: true}).compare;
  body.append(...[...body.rows].sort((a, b) => {
    const [x, y] = [a.dataset[key], b.dataset[key]];
    return x && y ? (down ? order(y, x) : order(x, y)) : !x - !y;
  }));
}
"""


def table(
    results: Iterable[Tuple[str, Union[Answer, ImageError]]],
    classes: Sequence[str],
    preprocessing: Preprocessing,
    language: str,
) -> str:
    """(file name, answer or error) -> HTML. Keeps none of the results: each holds a whole picture. language: "en" or "zh"."""
    texts, rows, records = TEXTS[language], [], []
    neither, kinds = none_of(len(classes), language), {name: str(number) for number, name in enumerate(classes)}
    kinds[NEITHER] = "neither"
    counts: Counter[str] = Counter()
    for name, result in results:
        kind = "error" if isinstance(result, ImageError) else kinds[result.label]
        rows.append(_row(name, result, kind, preprocessing, neither, language))
        records.append({"file": name, **record(result)})
        counts[kind] += 1
    names = {
        "": texts["all"],
        "error": texts["no_answer"],
        **{kind: name for name, kind in kinds.items()},
        "neither": neither,
    }
    order = [kind for kind in ("neither", "error") if kind in counts]
    order += [kind for kind, _ in counts.most_common() if kind.isdecimal()]
    filters = "".join(
        f'<button type="button" data-filter="{kind}" aria-pressed="{str(not kind).lower()}">{shown(names[kind])} '
        f"<b>{counts[kind] if kind else len(rows)}</b></button>"
        for kind in ("", *order)
    )
    columns = ("file", "answer", "confidence")
    head = "".join(
        f'<th scope="col" class="{key}"><button type="button" data-sort="{key}" '
        f'aria-label="{escape(texts["sort"].format(column=texts[key]))}">{escape(texts[key])}</button></th>'
        for key in columns
    )
    return (
        f'<section class="many" onclick="{escape(CLICK)}"><p class="downloads">{_downloads(records, classes, texts)}</p>'
        f'<div class="filters">{filters}</div>'
        f'<div class="scrolling" tabindex="0" role="group" aria-label="{escape(texts["table"])}"><table class="answers">'
        f'<thead><tr><td class="picture"></td>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>'
    )


def _downloads(records: List[Dict[str, Any]], classes: Sequence[str], texts: Dict[str, str]) -> str:
    csv, lines = StringIO(), StringIO()
    write_csv(records, classes, csv)
    write_json(records, lines)
    # Spreadsheets need the byte order mark.
    files = {
        "csv": data_url("text/csv;charset=utf-8", csv.getvalue().encode("utf-8-sig")),
        "json": data_url("application/json", lines.getvalue().encode()),
    }
    return "".join(f'<a download="answers.{key}" href="{url}">{escape(texts[key])}</a>' for key, url in files.items())


def _row(
    name: str,
    result: Union[Answer, ImageError],
    kind: str,
    preprocessing: Preprocessing,
    neither: str,
    language: str,
) -> str:
    picture, answer, confidence = "", "", ""
    if isinstance(result, ImageError):
        cells = f'<td class="bad" colspan="2">{escape(sentence(result, language))}</td>'
    else:
        thumbnail = overlay(result.pixels, np.zeros_like(result.activation), preprocessing).resize(
            (THUMBNAIL, THUMBNAIL)
        )
        picture = f'<img src="{jpeg_url(thumbnail, quality=QUALITY)}" alt="">'
        answer, percent = neither, ""
        if result.label != NEITHER:
            answer, share = result.label, result.confidences[result.label]
            confidence, percent = f"{share:.6f}", f"{share:.1%}"
        cells = f"<td><b>{broken(answer)}</b></td><td>{percent}</td>"
    data = {"kind": kind, "file": name, "answer": answer, "confidence": confidence}
    attributes = " ".join(f'data-{key}="{shown(value)}"' for key, value in data.items())
    return f'<tr {attributes}><td class="picture">{picture}</td><td>{broken(name)}</td>{cells}</tr>'
