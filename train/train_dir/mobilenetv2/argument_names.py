"""Arguments that the program does not know: typing errors stop a run, and what platforms add does not."""

import os
import re
import shlex
import unicodedata
from difflib import SequenceMatcher
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .data.archive_entries import ENDINGS
from .runtime.errors import UserError
from .runtime.text import printable

# What platforms add to a command by themselves, and who does. Those that this program uses (data_url, train_url, ckpt_url,
# aim_repo, ...) are names of its settings.
PLATFORM_ARGUMENTS: Dict[str, str] = {
    "init_method": "Xihe, ModelArts: address for training on several machines",
    "rank": "ModelArts: number of this process",
    "world_size": "ModelArts: number of processes",
    "local_rank": "ModelArts, torch.distributed: number of this process on its machine",
    "local_size": "ModelArts: number of processes on a machine",
    "num_gpus": "ModelArts: number of devices",
    "result_url": "OpenI: folder for the results of an inference job",
    "grampus_code_file_name": "OpenI: the archive with the code",
}
# Words of other programs, and the setting that does this here; "" where none does, though one looks like it. "train_dir" looks
# like "train_url", which is the output folder.
OTHER_WORDS = {
    "learning_rate": "lr",
    "weights": "pretrain_url",
    "train_dir": "data_url",
    "train_path": "data_url",
    "train_data": "data_url",
    "port": "",
}
ALIKE = 0.75  # of 1: so much of two names is the same where one is taken for a typing error of the other
SHORTEST, LONGEST = 3, 40  # letters of the beginning of a name; of a name
PLACES = ("dir", "path", "url", "folder", "root", "file")  # words for what is at the end of a name, such as data_url
SEPARATORS = re.compile(r"[\s\-_]+")


class Unknown(NamedTuple):
    """An argument that the program does not know. text: as it was typed, with its value. name: without the dashes. value: None
    without one. named: whether it began with a dash."""

    text: str
    name: str
    value: Optional[str]
    named: bool


def unknown_arguments(parts: Sequence[str]) -> List[Unknown]:
    """What `parse_known_args` has left over, each name with its value."""
    found: List[Unknown] = []
    for part in parts:
        if _dashes(part):
            name, equals, value = part[_dashes(part) :].partition("=")
            found.append(Unknown(part, name, value if equals else None, True))
        elif found and found[-1].named and found[-1].value is None:
            found[-1] = found[-1]._replace(text=f"{found[-1].text} {part}", value=part)
        else:
            name, equals, value = part.partition("=")
            found.append(Unknown(part, name if equals else "", value if equals else part, False))
    return found


def is_of_platform(unknown: Unknown) -> bool:
    """Whether a platform adds it by itself."""
    return unknown.named and unknown.name.replace("-", "_") in PLATFORM_ARGUMENTS


def suggestion(unknown: Unknown, names: Dict[str, bool], folder: str) -> str:
    """What was probably meant, such as "--data_url", or "" where that is not known.

    names: those of the program, the most important first; true for one that is yes or no. folder: the one that a folder is
    meant for where no name is before it."""
    if not unknown.named and not unknown.name:
        value = str(unknown.value)
        is_data = os.path.isdir(value) or value.lower().endswith(ENDINGS)
        return f"--{value}" if value in names else f"--{folder}={shlex.quote(value)}" if is_data else ""
    name = SEPARATORS.sub("_", unicodedata.normalize("NFKC", unknown.name).lower()).strip("_")
    positive = re.sub("^no_?", "", name)
    if positive != name and names.get(positive):
        return f"--{positive}=no"
    likely = _likely(name, names) or (_likely(positive, names) if positive != name else "")
    return f"--{likely}" if likely else ""


def _likely(name: str, names: Dict[str, bool]) -> str:
    name = OTHER_WORDS.get(name, name)
    if name in names:
        return name
    if len(name) > LONGEST:
        return ""
    likeness, best = max((_likeness(name, known), -number) for number, known in enumerate(names))
    return list(names)[-best] if likeness >= ALIKE else ""


def _likeness(name: str, known: str) -> float:
    """0-1. The beginning of a name is as good as a typing error. Of two names that both end in one of `PLACES`, only the words
    before it are compared: "data_dir" is "data_url", and "log_path" is not "out_path"."""
    begins = len(name) >= SHORTEST and known.startswith(name)
    word, other = (text.rpartition("_") for text in (name, known))
    if word[2] in PLACES and other[2] in PLACES:
        name, known = word[0], other[0]
    ratio = SequenceMatcher(None, name, known, autojunk=False).ratio()
    return max(ratio, ALIKE if begins or _swapped(name, known) else 0.0)


def _swapped(name: str, known: str) -> bool:
    """Whether two letters that stand side by side have changed places."""
    wrong = [index for index, (one, other) in enumerate(zip(name, known)) if one != other]
    return (
        len(name) == len(known)
        and len(wrong) == 2
        and wrong[1] == wrong[0] + 1
        and name[wrong[0]] == known[wrong[1]]
        and name[wrong[1]] == known[wrong[0]]
    )


def _dashes(part: str) -> int:
    """How many dashes of any kind begin an argument; 0 for a negative number. Word processors make one long dash of two."""
    count = 0
    while count < len(part) and unicodedata.category(part[count]) == "Pd":
        count += 1
    return 0 if re.fullmatch(r"-\d*\.?\d+(e[+-]?\d+)?", part, re.IGNORECASE) else count


def sort_out(parts: Sequence[str], names: Dict[str, bool], folder: str) -> Tuple[List[str], List[str]]:
    """The arguments that are left over -> a sentence for each that is a typing error, and the texts of those that nobody knows.

    What platforms add is in neither. names, folder: as in `suggestion`."""
    errors, unknown = [], []
    for one in unknown_arguments(parts):
        if is_of_platform(one):
            continue
        meant, text = suggestion(one, names, folder), printable(one.text)
        if meant:
            what = "there is no such argument" if one.name else "nothing before it says what it is"
            errors.append(f"{text}: {what}; did you mean {printable(meant)}?")
        else:
            unknown.append(text)
    return errors, unknown


def refuse_all(parts: Sequence[str], names: Dict[str, bool], folder: str) -> None:
    """As `sort_out`, for a program that ignores only what platforms add: raises UserError with a sentence for each of the
    others."""
    errors, unknown = sort_out(parts, names, folder)
    errors += [f"{text}: there is no such argument; --help shows all" for text in unknown]
    if errors:
        raise UserError("\n".join(errors))
