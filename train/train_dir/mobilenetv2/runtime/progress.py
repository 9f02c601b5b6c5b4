"""Progress of long loops (a bar on a terminal, else a line in the log every few seconds), threads, and timing."""

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
SECONDS = 5  # between two lines in the log


def progress_bar(items: Iterable[Item], total: Optional[int], what: str) -> Iterable[Item]:
    """Iterate over the items, with a bar on a terminal. total: None if not known. what: as in "Reading photos"."""
    return tqdm(items, what, total, leave=False, delay=1, disable=not sys.stderr.isatty())


def show_progress(items: Iterable[Item], total: Optional[int], what: str) -> Iterator[Item]:
    """Iterate over the items, with a bar on a terminal or else lines in the log. Arguments as in `progress_bar`."""
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
    """Yield function(item) in order, computed by `workers` threads, at most 2 * workers + 1 items ahead of the caller.

    Exceptions of the function are raised here."""
    futures = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                futures.append(pool.submit(function, item))
                if len(futures) > 2 * workers:
                    yield futures.pop(0).result()
            while futures:
                yield futures.pop(0).result()
        finally:
            for future in futures:
                future.cancel()


class Stopwatch:
    """Measures the parts of a run: `with watch("read"): ...` adds to the part "read"."""

    def __init__(self, *parts: str):
        self._start = time.monotonic()
        self._parts: Dict[str, float] = dict.fromkeys(parts, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self._parts[part] += time.monotonic() - start

    def seconds(self) -> Dict[str, float]:
        """Seconds by part, 0 for one that did not run, and "total" since the stopwatch was created."""
        return {**self._parts, "total": time.monotonic() - self._start}
