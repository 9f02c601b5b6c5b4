"""What becomes of runs of train.py when disks are full, photos vanish, caches break and memory ends.

    python tests/faults.py FOLDER PHOTOS

FOLDER is for what the runs leave. Prints a JSON object: for each run its exit "code", what it "said", the "files" it left and
whether its checkpoint is "equal" to that of a run without a fault, null where there is none.
"""

import errno
import fcntl
import json
import os
import resource
import shutil
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Sequence

from forked import ended, start

from mobilenetv2.runtime.own_files import MARKS
from mobilenetv2.stages import preparation
from mobilenetv2.training import resume

CHECKPOINT = "mobilenetv2.ckpt"
FUTURE = 4102444800  # 2100
LIMITS = (0, 1000, 60_000)  # bytes of a file


class Faults:
    def __init__(self, folder: Path, photos: Path):
        self.folder, self.photos = folder, photos
        self.victim = photos / "train" / "dog" / "dog_007.jpg"
        self.whole = ["--pretrain_url=random", "--epochs=3", "--batch_size=8", "--last=64"]
        self.frozen = [f"--pretrain_url={folder / 'whole'}", "--epochs=5"]
        self.results: Dict[str, Dict[str, Any]] = {}
        self.said: Dict[str, int] = {}

    def begin(self, name: str, output: Path, arguments: Sequence[str], prepare: Callable[[], None]) -> int:
        options = [f"--data_url={self.photos}", "--image_size=32", "--leaks=allow"]
        options += [] if any("--cache_dir" in argument for argument in arguments) else [f"--cache_dir={output}.cache"]
        pipe = self.folder / f"{name}.pipe"  # takes what the run says, whatever the largest size of a file
        os.mkfifo(pipe)
        self.said[name] = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        return start(output, [*options, *arguments], pipe, prepare)

    def end(self, name: str, pid: int, output: Path, like: str) -> None:
        code, file, wanted = ended(pid, wait=True), output / CHECKPOINT, self.folder / like / CHECKPOINT
        self.results[name] = {
            "code": code,
            "said": os.read(self.said[name], 2**16).decode(),
            "files": sorted(file.name for file in output.iterdir()),
            "equal": file.read_bytes() == wanted.read_bytes() if file.exists() else None,
        }

    def run(self, name: str, arguments: Sequence[str], prepare=None, output: str = "", like: str = "whole") -> None:
        place = self.folder / (output or name)
        self.end(name, self.begin(name, place, arguments, prepare), place, like)

    def when_training(self, output: str, act: Callable[[], None]) -> Callable[[], None]:
        """Does that as soon as the run has written its first state."""

        def watch() -> None:
            while not (self.folder / output / resume.FILES[0]).exists():
                time.sleep(0.002)
            act()

        return threading.Thread(target=watch, daemon=True).start


def main(folder: Path, photos: Path) -> Dict[str, Dict[str, Any]]:
    folder.mkdir(parents=True)
    faults = Faults(folder, photos)
    faults.run("whole", faults.whole)

    for limit in LIMITS:  # no file can grow beyond it: the same error at every write as on a full disk
        (folder / f"full {limit}").mkdir()
        for name in (CHECKPOINT, "report.html"):
            (folder / f"full {limit}" / name).write_bytes(MARKS[name] + b"of an earlier run")
        sizes = (resource.RLIMIT_FSIZE, (limit, limit))
        faults.run(f"full {limit}", faults.whole, partial(resource.setrlimit, *sizes))
    shutil.copytree(folder / "full 1000", folder / "again")
    faults.run("space again", faults.whole, output="again")

    faults.run("vanished", faults.whole, faults.when_training("vanished", lambda: shutil.rmtree(folder / "vanished")))

    output = folder / "refusing"

    def refuse() -> None:
        """As disks do that are mounted from a bucket."""
        for name, number in (("chmod", errno.EPERM), ("replace", errno.ENOSYS), ("fsync", errno.EINVAL)):
            setattr(os, name, partial(refused, getattr(os, name), number))
        os.rename = os.replace

    def refused(call: Callable[..., Any], number: int, *places: Any) -> Any:
        below = (os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place) for place in places)
        if any(place.startswith(f"{output}/") for place in below):
            raise OSError(number, os.strerror(number))
        return call(*places)

    faults.run("refusing", faults.whole, refuse)
    faults.run("refusing check", ["--check", "--pretrain_url=random"], refuse, output="refusing")

    aside = folder / "aside.jpg"
    faults.run("gone", faults.whole, faults.when_training("gone", lambda: os.rename(faults.victim, aside)))
    os.rename(aside, faults.victim)
    faults.run("back", faults.whole, output="gone")

    away = photos.with_name("away")
    faults.run("unmounted", faults.whole, faults.when_training("unmounted", lambda: os.rename(photos, away)))
    os.rename(away, photos)

    def stale() -> None:
        """As a network drive whose server is gone."""
        status = os.stat

        def fail(path: Any, *others: Any, **named: Any) -> os.stat_result:
            if str(path).startswith(str(photos)):
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
            return status(path, *others, **named)

        os.stat = fail

    faults.run("stale", faults.whole, faults.when_training("stale", stale))

    faults.run("frozen", faults.frozen, like="frozen")
    original = faults.victim.read_bytes()

    def change_after_the_check() -> None:
        report = preparation.write_findings
        change = partial(faults.victim.write_bytes, original + b"x")
        preparation.write_findings = lambda *known, **wait: (report(*known, **wait), change())

    faults.run("changed", faults.frozen, change_after_the_check, like="frozen")
    faults.victim.write_bytes(original)

    cache = folder / "frozen.cache"
    entries = sorted(file for file in cache.rglob("*") if file.is_file())
    for number, entry in enumerate(entries):
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 1
        entry.write_bytes((content[:-1], content, b"", content[:7])[number % 4])
        os.utime(entry, (FUTURE, FUTURE))
    for photo in photos.rglob("*.jpg"):
        os.utime(photo, (FUTURE, FUTURE))
    again = [*faults.frozen, f"--cache_dir={cache}"]
    faults.run("damaged cache", again, like="frozen")
    faults.results["damaged cache"]["entries"] = len(entries)

    place = folder / "twice"
    first = faults.begin("first", place, faults.whole, None)
    while not (place / resume.FILES[0]).exists():
        time.sleep(0.01)
    faults.run("second", faults.whole, output="twice")
    faults.end("first", first, place, "whole")
    faults.results["first"]["log"] = (place / "train.log").read_text()

    def no_locks() -> None:
        def flock(*_: Any) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        fcntl.flock = flock

    faults.run("no locks", faults.frozen, no_locks, like="frozen")

    def little_memory() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        size = pages * resource.getpagesize() + 2**25
        resource.setrlimit(resource.RLIMIT_AS, (size, size))

    faults.run("memory", faults.whole, little_memory)
    return faults.results


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]))))
