"""What the page is called, and what it calls "neither": both follow from the classes of its checkpoint."""

from typing import Optional, Sequence

from page_texts import TEXTS

from mobilenetv2.data import sample
from mobilenetv2.runtime.text import printable

MOST = 4  # classes that a title names
LONGEST = 60  # characters of such a title


def title_of(classes: Sequence[str], language: str, given: Optional[str] = None) -> str:
    """The title, as text. classes: none without a checkpoint. given: wins over the classes. language: a key of TEXTS."""
    texts = TEXTS[language]
    if given:
        return printable(given)
    if set(classes) == set(sample.CLASSES):
        return texts["title_of_drawings"]
    if 2 <= len(classes) <= MOST:
        names = [printable(name).replace("_", " ") for name in classes]
        names[0] = names[0][:1].upper() + names[0][1:]
        text = texts["title_of_classes"].format(names=texts["comma"].join(names[:-1]), last=names[-1])
        if len(text) <= LONGEST:
            return text
    return texts["title_of_many"]


def none_of(count: int, language: str) -> str:
    """What the page calls "neither" where there are so many classes."""
    return TEXTS[language]["neither" if count <= 2 else "none_of"]
