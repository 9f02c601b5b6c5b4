"""HTML for the page: the answer to one picture, what it rests on, the most similar training photos, and lists of classes.

Pictures are data URLs, so that no file is left on the server. File and class names are escaped, their hidden characters as
`printable` does.
"""

import re
from html import escape
from typing import Dict, Sequence, Tuple

import numpy as np
from page_texts import TEXTS
from titles import none_of

from mobilenetv2.classifier import Answer
from mobilenetv2.data.inline import jpeg_url
from mobilenetv2.data.kind import for_kind
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.evaluation.class_activation import overlay
from mobilenetv2.model.checkpoint import Description
from mobilenetv2.runtime.text import printable

QUALITY = 80  # of JPEGs
BARS = 5  # classes whose confidence is shown
FEW = 12  # classes of a list that needs no search
# Of a field for searching: the entries of the list beside it that contain what was typed.
SEARCH = (
    "const sought = this.value.trim().toLowerCase(); "
    "for (const entry of this.parentElement.querySelectorAll('li')) "
    "entry.hidden = !entry.textContent.toLowerCase().includes(sought)"
)


def problem(text: str) -> str:
    """A sentence that says why there is no answer."""
    return f'<p class="problem">{escape(text)}</p>'


def in_words(answer: Answer, kind: str, language: str) -> str:
    """The answer to one picture: in words, then the confidence of the best BARS classes and of all others together. kind:
    of the pictures that were learned, see data/kind.py."""
    texts, ranked = TEXTS[language], sorted(answer.confidences.items(), key=lambda item: -item[1])
    best, highest = ranked[0]
    if answer.label == NEITHER:
        title = escape(none_of(len(ranked), language))
        refused = for_kind(texts["refused"], kind).format(neither=answer.neither, best=best)
        refused = f"<p>{shown(refused)}</p>"
    else:
        title, refused = f"{broken(best)} · {highest:.1%}", ""
    # One class is not left out for a line that says so.
    first = ranked if len(ranked) <= BARS + 1 else ranked[:BARS]
    bars = "".join(f"<li>{_bar(broken(name), share)}</li>" for name, share in first)
    details = texts["details"].format(**vars(answer))
    return (
        f'<h2>{title}</h2>{refused}<ul class="bars" aria-label="{escape(texts["confidence"])}">{bars}</ul>'
        f'{_others(dict(ranked[len(first) :]), language)}<p class="details">{escape(details)}</p>'
    )


def why(answer: Answer, activation: bool, description: Description, language: str) -> str:
    """What the network sees, then the most similar training photos. activation: mark what the answer rests on. description:
    of the checkpoint."""
    strength = answer.activation if activation else np.zeros_like(answer.activation)
    url = jpeg_url(overlay(answer.pixels, strength, description.preprocessing), quality=QUALITY)
    text = escape(TEXTS[language]["marked" if activation else "seen"])
    seen = f'<figure class="seen"><img src="{url}" alt="{text}"><figcaption>{text}</figcaption></figure>'
    title = for_kind(TEXTS[language]["nearest"], description.kind)
    return f'<div class="why">{seen}{nearest(answer, title)}</div>'


def nearest(answer: Answer, title: str) -> str:
    """The most similar training photos under a title; empty without any."""
    if not answer.nearest:
        return ""
    figures = "".join(
        f'<figure><img src="{jpeg_url(picture, quality=QUALITY)}" alt=""><figcaption>{broken(class_)}</figcaption></figure>'
        for picture, class_ in answer.nearest
    )
    return f'<div class="nearest"><h3>{escape(title)}</h3><div>{figures}</div></div>'


def class_list(entries: Sequence[Tuple[str, str]], language: str) -> str:
    """Classes, each with a text behind it. A long list scrolls, and has a field for searching in it."""
    items = "".join(f"<li>{broken(name)}{text}</li>" for name, text in entries)
    if len(entries) <= FEW:
        return f'<ul class="classes">{items}</ul>'
    label = escape(TEXTS[language]["search"])
    field = f'<input type="search" aria-label="{label}" placeholder="{label}" oninput="{SEARCH}">'
    return (
        f'<div class="long">{field}<div class="scrolling" tabindex="0" role="group" '
        f'aria-label="{escape(TEXTS[language]["classes"])}"><ul class="classes">{items}</ul></div></div>'
    )


def shown(text: str) -> str:
    """A name, or an error with one, as HTML."""
    return escape(printable(text))


def broken(text: str) -> str:
    """`shown`, with places where a long name may go on in another line: after what separates words in names."""
    return re.sub(r"(?<=[\w)\]])([-_.,/]+)(?=\w)", r"\1<wbr>", shown(text))


def _others(shares: Dict[str, float], language: str) -> str:
    if not shares:
        return ""
    name = escape(TEXTS[language]["others"].format(count=len(shares)))
    entries = [(one, f" <span>{share:.1%}</span>") for one, share in shares.items()]
    bar = _bar(name, sum(shares.values()))
    return f'<details class="others"><summary>{bar}</summary>{class_list(entries, language)}</details>'


def _bar(name: str, share: float) -> str:
    """name: as HTML."""
    width = min(max(share, 0.0), 1.0)
    return (
        f'<span class="bar"><span class="name">{name}</span> <span class="share">{share:.1%}</span>'
        f'<span class="track"><span style="width: {width:.2%}"></span></span></span>'
    )
