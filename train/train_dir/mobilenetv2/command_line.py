"""Command line -> a dataclass of settings.

Platforms allow names of at most 20 characters and pass every value as an HTML-escaped string, `--name=value`. They also add
arguments of their own (argument_names.py). An empty value means the default.
"""

import argparse
import html
import json
import math
import os
import re
import shlex
import sys
from dataclasses import Field, field, fields
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

from .argument_names import Unknown, sort_out, suggestion
from .runtime.errors import UserError
from .runtime.i18n import Bilingual
from .runtime.text import printable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MISSING = "\0"  # stands for the value of an argument that was written without one
INSTALLED = "mobilenetv2-train"  # the command, where the project is installed
EXAMPLES = (
    ("", "drawings made by this program, in seconds"),
    ("--data_url photos", "your own photos, in one folder per class: photos/cat, photos/dog"),
    ("--data_url photos --check", "only look at the photos, and report what is wrong with them"),
)
SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
T = TypeVar("T", bound="DataclassInstance")


class Group(NamedTuple):
    """A heading of --help. order: the lowest comes first."""

    order: int
    title: Bilingual


def setting(
    group: Group,
    default: Any,
    text: str,
    also: Sequence[str] = (),
    low: float = -math.inf,
    high: float = math.inf,
    choices: Sequence[str] = (),
    auto: str = "",
    words: Optional[Dict[str, Any]] = None,
    shown_as: str = "",
    form: Optional[Callable[[Any], str]] = None,
) -> Any:
    """A field of the dataclass. group: in which --help shows it. also: other names of it. low, high: limits of a number.
    choices: the values that a text may have. auto: what None, written "auto" on the command line, comes to. words: other ways
    to write a value. shown_as: what --help calls a value that is a text and no path. form: makes of a text, or
    of names as a program gives them, the one that is recorded, and raises UserError for what is no value."""
    known = {
        "group": group,
        "text": text,
        "also": also,
        "low": low,
        "high": high,
        "choices": choices,
        "auto": auto,
        "words": words or {},
        "shown_as": shown_as,
        "form": form,
    }
    return field(default=default, metadata=known)


def parse_arguments(kind: Type[T], arguments: Sequence[str]) -> Tuple[T, List[str]]:
    """Arguments -> settings of that dataclass, and the arguments that were ignored: those that neither this program nor a
    platform knows, and second values under another name.

    Raises UserError that lists every wrong value and every misspelt name.
    """
    # "-help" would be "-h" with a value.
    spelled = [re.sub("^-(?=h.)", "--", argument) for argument in arguments]
    namespace, rest = _parser(kind).parse_known_args(spelled)
    names = {name: one.type is bool for one in fields(kind) for name in (one.name, *one.metadata["also"])}
    names["help"] = False
    problems, ignored = sort_out(rest, names, folder="data_url")
    values = {}
    for one in fields(kind):
        texts = [_unescape(text).strip() for text in getattr(namespace, one.name)]
        if MISSING in texts:
            problems.append(f"--{one.name}: its value is missing{_expected(one)}")
            continue
        try:
            texts = list(dict.fromkeys(text for text in texts if text and listed_paths(text)))
        except UserError as error:
            problems.append(f"--{one.name}={error}")
            continue
        ignored += [f"--{one.name}={text} (a second value)" for text in texts[1:]]
        for text in texts[:1]:
            try:
                values[one.name] = _value(one, text)
            except ValueError:
                problems.append(f"--{one.name}={text}: expected {expected_values(one)}")
            except UserError as error:
                problems.append(f"--{one.name}={printable(text)}: {error}")
    if problems:
        raise UserError("\n".join(problems))
    return kind(**values), ignored


def settings_of(kind: Type[T], values: Mapping[str, Any]) -> T:
    """Values by name, as a program gives them -> settings of that dataclass. None stands for the default. What may be written on
    a command line may be given, too, such as "all"; names may be in a list, and pairs of names in a dict.

    Raises UserError that lists every wrong value and every name that is none, with the one that was probably meant."""
    known = {one.name: one for one in fields(kind)}
    names = {name: one.type is bool for name, one in known.items()}
    also = {name: one.name for one in fields(kind) for name in one.metadata["also"]}
    problems, chosen = [], {}
    for name, value in values.items():
        if name not in known:
            meant = also.get(name) or suggestion(Unknown(name, name, None, True), names, folder="").lstrip("-")
            words = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
            problems.append(f"{printable(name)}: there is no such setting; {words}")
            continue
        if value is None:
            continue
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        limits, several = known[name].metadata, isinstance(value, (list, tuple, dict))
        try:
            if several and limits["form"]:
                chosen[name] = limits["form"](value)
                continue
            if several and limits["shown_as"]:
                value = ",".join(map(str, value))
            text = ("no", "yes")[value] if isinstance(value, bool) else str(value)
            chosen[name] = _value(known[name], text)
        except ValueError:
            problems.append(f"{name}={printable(repr(value))}: expected {expected_values(known[name])}")
        except UserError as error:
            problems.append(f"{name}={printable(repr(value))}: {error}")
    if problems:
        raise UserError("\n".join(problems))
    return kind(**chosen)


def by_group(kind: "Type[DataclassInstance]") -> Dict[Group, List[Field]]:
    """The settings under the headings of --help."""
    groups: Dict[Group, List[Field]] = {one.metadata["group"]: [] for one in fields(kind)}
    for one in fields(kind):
        groups[one.metadata["group"]].append(one)
    return {group: groups[group] for group in sorted(groups)}


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows "--epochs INTEGER": that a value may be missing is for `parse_arguments` to say, in words."""

    def _format_args(self, action: argparse.Action, default_metavar: str) -> str:
        text = super()._format_args(action, default_metavar)
        return text if action.const == "yes" else text.strip("[]")


def _parser(kind: "Type[DataclassInstance]") -> argparse.ArgumentParser:
    program = os.path.basename(sys.argv[0])
    command = f"python {shlex.quote(sys.argv[0] if program == 'train.py' else 'train.py')}"
    command = INSTALLED if program.startswith(INSTALLED) else command
    examples = [(f"{command} {typed}".strip(), what) for typed, what in EXAMPLES]
    parser = argparse.ArgumentParser(
        usage=f"{command.replace('%', '%%')} [--name value] ...",
        description="Fine-tune MobileNetV2 on folders of photos. Everything may be left out.",
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
        epilog="\n".join(["examples:", *(f"  {command}\n      {what}" for command, what in examples)]),
    )
    for group, settings in by_group(kind).items():
        shown = parser.add_argument_group(str(group.title))
        for one in settings:
            options: Dict[str, Any] = {"nargs": "?", "default": [], "action": "append", "dest": one.name}
            options["const"] = "yes" if one.type is bool else MISSING
            options["metavar"] = _metavar(one)
            shown.add_argument(f"--{one.name}", help=_help(one), **options)
            for name in one.metadata["also"]:
                shown.add_argument(f"--{name}", help=argparse.SUPPRESS, **options)
    return parser


def listed_paths(text: str) -> List[str]:
    """The paths of a value: a platform's JSON list, such as [{"containerPath": "/dataset/photos"}], or one path as it is.

    Raises UserError for a list of anything else."""
    try:
        listed = json.loads(text) if text.startswith("[") else None
    except ValueError:
        listed = None  # a name that begins with a bracket
    if listed is None:
        return [text]
    paths = [entry.get("containerPath") if isinstance(entry, dict) else entry for entry in listed]
    if not all(isinstance(path, str) for path in paths):
        raise UserError(f"{text}: expected a path, or a list of objects that have a containerPath")
    return list(filter(None, paths))


def value_type(one: Field) -> type:
    """bool, str, int or float."""
    return next(kind for kind in (bool, str, int, float) if one.type in (kind, Optional[kind]))


def expected_values(one: Field) -> str:
    """What may be written for a setting, in words."""
    limits = one.metadata
    if one.type is bool:
        return "yes or no"
    if limits["choices"]:
        return "one of " + ", ".join(limits["choices"])
    number = {int: "a whole number", float: "a number"}[value_type(one)]
    words = [f"{number} from {limits['low']:g} to {limits['high']:.10g}"]
    words += ["'auto'"] * bool(limits["auto"]) + [f"'{word}'" for word in limits["words"]]
    return " or ".join(words)


def default_value(one: Field) -> str:
    """What a setting is where nothing is written, in words."""
    if one.metadata["auto"]:
        return f"auto: {one.metadata['auto']}"
    return "no" if one.default is False else str(one.default) if one.default != "" else "none"


def _unescape(text: str) -> str:
    """Undo HTML escaping, and only that: "a&notes" is a name, not an entity."""
    return re.sub(r"&(?:amp|lt|gt|quot|#39|#x27|#34);", lambda match: html.unescape(match.group()), text)


def _value(one: Field, text: str) -> Any:
    """Raises ValueError for a text that is no value of this setting."""
    limits, kind = one.metadata, value_type(one)
    if kind is bool:
        if text.lower() not in SWITCH:
            raise ValueError
        return SWITCH[text.lower()]
    if kind is str:
        for choice in limits["choices"]:
            if choice.lower() == text.lower():
                return choice
        if limits["choices"]:
            raise ValueError
        return limits["form"](text) if limits["form"] else text
    if limits["auto"] and text.lower() == "auto":
        return None
    if text.lower() in limits["words"]:
        return limits["words"][text.lower()]
    number = kind(text)
    if not limits["low"] <= number <= limits["high"]:
        raise ValueError
    return number


def _expected(one: Field) -> str:
    """What may be written, behind a comma or the like; "" for a path."""
    return "" if value_type(one) is str and not one.metadata["choices"] else f"; {expected_values(one)}"


def _metavar(one: Field) -> str:
    if one.metadata["choices"]:
        return "WORD"
    if one.metadata["shown_as"]:
        return str(one.metadata["shown_as"])
    return {bool: "yes|no", str: "PATH", int: "INTEGER", float: "NUMBER"}[value_type(one)]


def _help(one: Field) -> str:
    also = ", ".join(f"--{name}" for name in one.metadata["also"])
    names = f"; also {also}" if also else ""
    return f"{one.metadata['text']}{_expected(one)} (default: {default_value(one)}{names})".replace("%", "%%")
