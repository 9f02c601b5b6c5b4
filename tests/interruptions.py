"""Ends runs of train.py at random moments, starts each again with the same command, and compares what they leave in the end.

    python tests/interruptions.py FOLDER COUNT SEED                  # COUNT interruptions, of all kinds of training in turn
    python tests/interruptions.py FOLDER COUNT SEED ARGUMENTS...     # of `train.py ARGUMENTS...`

Half of the interruptions come two in a row, and a quarter once the log says "Wrote". Prints a JSON object: for each kind of
training "equal", for every run that came to its end whether its checkpoint has the bytes of one that was never interrupted;
"interruptions", each with "how", the exit "code" (a negative one is the signal that ended it) and the hidden files that it
"left"; "twice", how often something was trained after "Wrote"; and "said", the output of all runs. The figures of all of them
are printed on standard error. The exit code is 1 if any run left other bytes, or trained twice.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from forked import ended, start
from PIL import Image

from mobilenetv2 import results
from mobilenetv2.data import sample
from mobilenetv2.run import Run
from mobilenetv2.runtime.own_files import CHECKPOINT, EXPORTED_FILES, LOG
from mobilenetv2.runtime.result_files import OTHERS
from mobilenetv2.training import resume

LIMIT = 60  # seconds: a run that takes longer hangs
FILES = {CHECKPOINT, *OTHERS, LOG} - {
    "mobilenetv2.thumbnails.jpg",
    "label_issues.csv",
    *EXPORTED_FILES,
}  # not in every mode
PAUSE = 0.02  # seconds from "Wrote" to the last step of a run, which takes so long on a slow disk
WRITTEN = (
    PAUSE + 0.0015
)  # seconds at most between "Wrote" and an interruption after it: the process then ends by itself
MODES = {
    "random": ["--pretrain_url=random", "--epochs=4", "--batch_size=4", "--last=64"],
    "frozen": ["--pretrain_url={start}"],
    "unfrozen": ["--pretrain_url={start}", "--unfreeze=2", "--epochs=4", "--batch_size=4"],
    "distilled": ["--teacher_url={start}", "--compact", "--epochs=2", "--last=64"],
}


class Interruption(NamedTuple):
    """how: a signal, "while writing" as soon as a temporary file is there, "written" once the log says so, "cut": the newest
    state is cut off, too. moment: seconds from the start; with trained, from the first state that the process writes."""

    how: str
    moment: float
    trained: bool = False


def interrupt(pid: int, planned: Interruption, output: Path) -> int:
    """The exit code of a process that is interrupted as planned; 0 where it came to its end before."""
    begin, newest, trained = time.monotonic(), output / resume.FILES[0], planned.trained
    before = newest.stat().st_mtime_ns if newest.exists() else 0
    logged = (output / LOG).stat().st_size if (output / LOG).exists() else 0
    limit, fast = begin + LIMIT, planned.how in ("while writing", "written")
    written = planned.how == "written"
    while True:
        code, now = ended(pid), time.monotonic()
        if code is not None:
            return code
        if trained:
            with suppress(FileNotFoundError):
                trained, begin = newest.stat().st_mtime_ns == before, now
        if written and _says_wrote(output / LOG, logged):
            written, begin = False, now
        writing = planned.how != "while writing" or any(".part-" in name for name in _names(output))
        if not trained and not written and now - begin >= planned.moment and writing:
            break
        if now > limit:
            os.kill(pid, signal.SIGKILL)
            raise TimeoutError(planned.how)
        time.sleep(0.0001 if fast else 0.002)
    os.kill(pid, getattr(signal, planned.how, signal.SIGKILL))
    code = ended(pid, wait=True)
    assert code is not None
    return code


def _names(output: Path) -> List[str]:
    """The files in the output folder, and in the hidden one where results are written."""
    return [name for _, _, names in os.walk(output) for name in names]


def _says_wrote(log: Path, before: int) -> bool:
    """Whether a process that began with so many bytes of the log, or with a new one, has said "Wrote"."""
    try:
        content = log.read_bytes()
    except FileNotFoundError:
        return False
    return b"\nWrote " in content[before if len(content) >= before else 0 :]


def _slow_end() -> None:
    close = results.close

    def close_late(run: Run) -> None:
        time.sleep(PAUSE)
        close(run)

    results.close = close_late


def _plan(choose: random.Random, seconds: float, saves: bool) -> Interruption:
    if choose.random() < 0.25:
        return Interruption("written", choose.uniform(0, WRITTEN))
    how = choose.choice(["SIGKILL", "SIGKILL", "while writing", "SIGTERM", "SIGINT", "cut"])
    trained = saves and choose.random() < 0.5
    return Interruption(how, choose.uniform(0.1, seconds / 4 if trained else seconds), trained)


def main(folder: Path, count: int, seed: int, arguments: List[str]) -> Dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    said, output, choose = folder / "said.txt", folder / "stopped", random.Random(seed)
    begin, saves = time.monotonic(), False
    pid, code = start(folder / "whole", arguments, said), None
    while code is None:
        code, saves = ended(pid), saves or (folder / "whole" / resume.FILES[0]).exists()
        time.sleep(0.002)
    seconds = time.monotonic() - begin
    assert code == 0, said.read_text()
    expected = (folder / "whole" / CHECKPOINT).read_bytes()
    resume.SECONDS = 0  # a state after every step
    interruptions: List[Dict[str, Any]] = []
    equal: List[bool] = []
    twice = 0
    while len(interruptions) < count or output.is_dir():
        written, row = False, 0 if output.is_dir() else min(choose.choice([1, 1, 2]), count - len(interruptions))
        output.mkdir(exist_ok=True)
        while True:
            planned = _plan(choose, seconds, saves) if row else Interruption("not", LIMIT)
            heard = said.stat().st_size
            code = interrupt(start(output, arguments, said, _slow_end), planned, output)
            now = said.read_bytes()[heard:]
            twice += written and b"Epoch" in now
            written = written or b"\nWrote " in now
            hidden = sorted(file.name for file in output.iterdir() if file.name.startswith("."))
            complete = written and not hidden and code < 0  # it was killed while it ended
            if code == 0 or complete:
                equal.append((output / CHECKPOINT).read_bytes() == expected)
                assert not hidden and {file.name for file in output.iterdir()} >= FILES, list(output.iterdir())
                shutil.rmtree(output)
                break
            row -= 1
            interruptions.append(
                {"how": planned.how, "moment": round(planned.moment, 4), "code": code, "left": hidden, "row": row}
            )
            newest = output / resume.FILES[0]
            if planned.how == "cut" and newest.exists():  # as after a loss of power
                os.truncate(newest, choose.randrange(newest.stat().st_size))
    return {
        "equal": equal,
        "interruptions": interruptions,
        "twice": twice,
        "seconds": seconds,
        "said": said.read_text(),
    }


def draw_photos(folder: Path) -> None:
    """16 small drawings to train and 8 to validate."""
    sample.write_sample(folder / "drawn")
    for split, count in (("train", 8), ("val", 4)):
        for class_ in ("croissants", "dog"):
            (folder / "photos" / split / class_).mkdir(parents=True)
            for file in sorted((folder / "drawn" / split / class_).iterdir())[:count]:
                Image.open(file).resize((96, 96)).save(folder / "photos" / split / class_ / file.name)


def all_modes(folder: Path, count: int, seed: int) -> Dict[str, Dict[str, Any]]:
    """COUNT interruptions, shared by all kinds of training; the others start from what the first one leaves."""
    draw_photos(folder)
    places = [f"--data_url={folder / 'photos'}", f"--cache_dir={folder / 'cache'}", "--image_size=32", "--leaks=allow"]
    results, seconds = {}, resume.SECONDS
    for number, (name, arguments) in enumerate(MODES.items()):
        resume.SECONDS = seconds
        share = count * (number + 1) // len(MODES) - count * number // len(MODES)
        typed = [argument.format(start=folder / "random" / "whole") for argument in arguments]
        results[name] = main(folder / name, share, seed + number, [*typed, *places])
    return results


def show_figures(results: Dict[str, Dict[str, Any]]) -> bool:
    """Print them on standard error. Returns whether all runs left the same bytes and trained once."""
    good = True
    for name, result in results.items():
        rows = result["interruptions"]
        written = sum(one["how"] == "written" for one in rows)
        pairs = sum(one["row"] == 1 for one in rows)
        equal, twice = result["equal"], result["twice"]
        print(
            f'{name}: {len(rows)} interruptions, {2 * pairs} of them two in a row, {written} after "Wrote"; '
            f"{sum(equal)} of {len(equal)} runs left the same bytes, {twice} trained twice",
            file=sys.stderr,
        )
        good = good and all(equal) and not twice
    return good


if __name__ == "__main__":
    place, many, first, *rest = sys.argv[1:]
    if rest:
        found = {"arguments": main(Path(place), int(many), int(first), rest)}
    else:
        found = all_modes(Path(place), int(many), int(first))
    print(json.dumps(found))
    sys.exit(not show_figures(found))
