"""Anything that takes long shows how far it is: a bar on a terminal, a line every few seconds in a log."""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Callable, Dict, Iterable, Iterator, Optional, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")
SECONDS = 5


def progress_bar(items: Iterable[Item], total: Optional[int], what: str) -> Iterable[Item]:
    """Pass the items on, with a bar where there is a terminal."""
    return tqdm(items, what, total, leave=False, delay=1, disable=not sys.stderr.isatty())


def show_progress(items: Iterable[Item], total: Optional[int], what: str) -> Iterator[Item]:
    """Pass the items on, with a bar or lines. total: None where it is not known. what: as in "Reading photos"."""
    if sys.stderr.isatty():
        yield from progress_bar(items, total, what)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            rest = f" of {total}, {(now - start) / done * (total - done):.0f} s left" if total else ""
            log.info("%s: %d%s", what, done, rest)


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """The results in order, computed by `workers` threads, at most 2 * workers + 1 items ahead of the caller."""
    waiting = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


class Stopwatch:
    """`with watch("read"): ...` measures the parts of a run."""

    def __init__(self, *parts: str):
        self._start = time.monotonic()
        self._parts: Dict[str, float] = dict.fromkeys(parts, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._parts[part] += time.monotonic() - start

    def seconds(self) -> Dict[str, float]:
        """Of each part, 0 for one that was not needed, and "total" since the stopwatch was made."""
        return {**self._parts, "total": time.monotonic() - self._start}
