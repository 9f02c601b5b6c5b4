"""Ends runs of train.py at random moments, starts each again with the same command, and compares what they leave in the end.

    python tests/interruptions.py FOLDER COUNT SEED ARGUMENTS...     # COUNT interruptions of `train.py ARGUMENTS...`

Prints a JSON object: "equal", for every run that came to its end whether its
checkpoint has the bytes of one that was never interrupted; "interruptions", each with "how", the exit "code" (a negative one is
the signal that ended it) and the hidden files that it "left"; and "said", the output of all runs.
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
from typing import Any, Dict, List, Optional

from forked import ended, start

from mobilenetv2.training import resume

CHECKPOINT = "mobilenetv2.ckpt"
LIMIT = 60  # seconds: a run that takes longer hangs


def interrupt(pid: int, how: str, moment: float, trained: bool, output: Path) -> Optional[int]:
    """The exit code of a process that is interrupted at that moment, or when the first temporary file is there after it; None
    where it came to its end before. trained: the moment is counted from the first state that the process has written."""
    begin, newest = time.monotonic(), output / resume.FILES[0]
    before = newest.stat().st_mtime_ns if newest.exists() else 0
    limit = begin + LIMIT
    while True:
        code, now = ended(pid), time.monotonic()
        if code is not None:
            return code
        if trained:
            with suppress(FileNotFoundError):
                trained, begin = newest.stat().st_mtime_ns == before, now
        writing = how != "while writing" or any(".part-" in file.name for file in os.scandir(output))
        if not trained and now - begin >= moment and writing:
            break
        if now > limit:
            os.kill(pid, signal.SIGKILL)
            raise TimeoutError(how)
        time.sleep(0.0001 if how == "while writing" else 0.002)
    os.kill(pid, getattr(signal, how, signal.SIGKILL))
    return ended(pid, wait=True)


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
    while len(interruptions) < count or output.is_dir():
        output.mkdir(exist_ok=True)
        if len(interruptions) < count:
            how = choose.choice(["SIGKILL", "SIGKILL", "while writing", "SIGTERM", "SIGINT", "cut"])
            trained = saves and choose.random() < 0.5
            moment = choose.uniform(0.1, seconds / 4 if trained else seconds)
        else:
            how, moment, trained = "not", LIMIT, False
        pid = start(output, arguments, said)
        code = interrupt(pid, how, moment, trained, output)
        if code == 0:
            equal.append((output / CHECKPOINT).read_bytes() == expected)
            left = [file.name for file in output.iterdir() if file.name.startswith(".")]
            assert not left, left
            shutil.rmtree(output)
            continue
        left = sorted(file.name for file in output.iterdir() if file.name.startswith("."))
        interruptions.append({"how": how, "moment": round(moment, 2), "code": code, "left": left})
        newest = output / resume.FILES[0]
        if how == "cut" and newest.exists():  # as after a loss of power
            os.truncate(newest, choose.randrange(newest.stat().st_size))
    return {"equal": equal, "interruptions": interruptions, "seconds": seconds, "said": said.read_text()}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])))
