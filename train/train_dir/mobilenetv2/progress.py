"""Anything that takes long shows how far it is: a bar on a terminal, a line every few seconds in a log."""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Callable, Dict, Iterable, Iterator, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")
SECONDS = 5


def bar(items: Iterable[Item], total: int, what: str) -> Iterable[Item]:
    """Pass the items on, with a bar where there is a terminal."""
    return tqdm(items, what, total, leave=False, delay=1, disable=not sys.stderr.isatty())


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass the items on, with a bar or lines. what: names the work, as in "Reading photos"."""
    if sys.stderr.isatty():
        yield from bar(items, total, what)
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            log.info("%s: %d of %d, %.0f s left", what, done, total, (now - start) / done * (total - done))


def parallel(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """The results in order, computed by `workers` threads at most `workers` items ahead of the caller."""
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

    def __init__(self):
        self._start = time.monotonic()
        self._parts: Dict[str, float] = {}

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._parts[part] = time.monotonic() - start

    def seconds(self) -> Dict[str, float]:
        """Of each part, and "total" since the stopwatch was made."""
        return {**self._parts, "total": time.monotonic() - self._start}
