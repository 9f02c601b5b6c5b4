"""The values of --classes and --merge: `ClassChoice` of what was typed, and what is wrong with it."""

import re
import unicodedata
from difflib import get_close_matches
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ..runtime.errors import UserError
from ..runtime.text import printable
from .layout import NEITHER, ClassChoice, some_names
from .unused import is_bad_name

SHOWN = 20  # classes that an error names
# A name in double quotes, in which "" stands for one of them, or without any, up to a comma or an equals sign.
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",=]*))\s*')
_QUOTED = re.compile(r'[",=]|^\s|\s$')
HOW = 'a name with a comma, an equals sign or a quotation mark is written in double quotes: "a, b"'


def read_classes(text: str) -> Tuple[str, ...]:
    """The value of --classes -> the names, sorted. Raises UserError."""
    names = [parts[0] if len(parts) == 1 else "" for parts in _split(text)]
    if not all(names):
        raise UserError(f"expected names of classes, with commas between them; {HOW}")
    _check_names(names)
    return tuple(sorted(set(names)))


def read_merges(text: str) -> Dict[str, str]:
    """The value of --merge -> the new names, sorted by the old ones. Raises UserError."""
    pairs = _split(text)
    if not all(len(parts) == 2 and all(parts) for parts in pairs):
        raise UserError(f"expected OLD=NEW, or several of them with commas between them; {HOW}")
    _check_names([name for parts in pairs for name in parts])
    merges: Dict[str, str] = {}
    for old, new in pairs:
        if merges.setdefault(old, new) != new:
            raise UserError(f"{written(old)} can become one class only, {written(merges[old])} or {written(new)}")
    return dict(sorted(merges.items()))


def write_classes(value: Union[str, Iterable[str]]) -> str:
    """The value of --classes, or the names in a list, in the one form in which it is recorded. Raises UserError."""
    text = value if isinstance(value, str) else ",".join(map(_quoted, map(str, value)))
    return ",".join(map(_quoted, read_classes(text))) if text else ""


def write_merges(value: Union[str, Mapping[str, str], Iterable[str]]) -> str:
    """The value of --merge, the new names by the old ones, or a list of OLD=NEW, in the one form in which it is recorded. Raises
    UserError."""
    if isinstance(value, Mapping):
        value = [f"{_quoted(str(old))}={_quoted(str(new))}" for old, new in value.items()]
    text = value if isinstance(value, str) else ",".join(map(str, value))
    return ",".join(f"{_quoted(old)}={_quoted(new)}" for old, new in read_merges(text).items()) if text else ""


def read_choice(classes: str, merge: str) -> ClassChoice:
    """The values of --classes and --merge, where "" stands for none. Raises UserError."""
    return ClassChoice(read_classes(classes) if classes else (), read_merges(merge) if merge else {})


def recorded_choice(settings: Any) -> ClassChoice:
    """That of the settings that a checkpoint records. What is no value of --classes or --merge there says nothing."""
    known = settings if isinstance(settings, dict) else {}
    classes, merge = (text if isinstance(text, str) else "" for text in map(known.get, ("classes", "merge")))
    try:
        return read_choice(classes, merge)
    except UserError:
        return ClassChoice()


def written(name: str) -> str:
    """A name as it is to be typed in a list of names, for a message."""
    return printable(_quoted(name))


def check_choice(
    choice: ClassChoice, on_disk: Iterable[str], left: Sequence[str], of_weights: Optional[Iterable[str]]
) -> None:
    """Raises UserError with every name that no class has, and where fewer than two classes are left.

    on_disk: the classes of the photos, by the names that they have there. left: those that are used. of_weights: those that the
    weights know, which are renamed, too; None where that is not known."""
    here = sorted(on_disk)
    merged = sorted({choice.rename(name) for name in here})
    renamed = sorted({*here, *(of_weights or ())})
    problems = []
    for old in choice.new_names:
        if old not in renamed and of_weights is not None:
            problems.append(f"--merge: there is no class {written(old)}{_meant(old, renamed)}")
    for name in choice.only:
        if name not in merged:
            becomes = choice.rename(name) if name in here else name
            meant = f"; it becomes {written(becomes)}, write that" if becomes != name else _meant(name, merged)
            problems.append(f"--classes: there is no class {written(name)}{meant}")
    if not problems and (choice.only or choice.new_names) and len(left) < 2:
        what = f"{written(left[0])} alone" if left else "no class"
        problems.append(f"--classes and --merge leave {what}, where two or more classes are needed")
    if problems:
        classes = some_names(list(map(written, merged)), SHOWN)
        after = " after --merge" * bool(choice.new_names)
        raise UserError("\n".join([*problems, f"The classes of the photos{after}: {classes}"]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if _QUOTED.search(name) else name


def _split(text: str) -> List[List[str]]:
    """The parts between the commas, each cut at its equals signs. Raises UserError for quotation marks that do not match."""
    found: List[List[str]] = [[]]
    place = 0
    while True:
        match = _NAME.match(text, place)
        assert match  # it also matches nothing
        quoted, plain = match.groups()
        name = plain.strip() if quoted is None else quoted.replace('""', '"')
        found[-1].append(unicodedata.normalize("NFC", name))
        place = match.end()
        if place == len(text):
            return found
        if text[place] not in ",=":
            raise UserError(f"a quotation mark is too much or missing; {HOW}")
        if text[place] == ",":
            found.append([])
        place += 1


def _check_names(names: Sequence[str]) -> None:
    """Raises UserError for a name that no class can have."""
    if NEITHER in names:
        raise UserError(f"{NEITHER} is no class but the pictures of none, which are always used; leave it out")
    bad = [name for name in names if is_bad_name(name)]
    if bad:
        raise UserError(f"{written(bad[0])} has control characters, which no class may have in its name")


def _meant(name: str, known: Sequence[str]) -> str:
    """What was probably meant, behind a semicolon; "" where that is not known."""
    whole = [other for other in known if "," in other and name in map(str.strip, other.split(","))]
    plain = {unicodedata.normalize("NFKC", other).casefold().strip(): other for other in known}
    alike = get_close_matches(unicodedata.normalize("NFKC", name).casefold().strip(), list(plain), 1)
    likely = whole or [plain[other] for other in alike]
    return f"; did you mean {written(likely[0])}?" if likely else ""
