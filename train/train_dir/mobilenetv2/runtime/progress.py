"""Progress of long loops (a bar on a terminal, else a line in the log every few seconds), threads, and timing."""

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Callable, Dict, Iterable, Iterator, NoReturn, Optional, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)
Item = TypeVar("Item")
Result = TypeVar("Result")
SECONDS = 5  # between two lines in the log


def progress_bar(
    total: Optional[int], what: str, done: int = 0, delay: float = 1, shown: Optional[bool] = None
) -> "tqdm[NoReturn]":
    """A bar on a terminal, which goes away when it is closed; `update(n)` after each n of the items.

    total: None if not known. what: as in "Reading photos". done: items of the total that are done already. delay: seconds
    until it appears, with an item. shown: whether there is a bar; None: on a terminal."""
    form = "{desc}: {percentage:3.0f} % |{bar}| {n_fmt} of {total_fmt}, {remaining} left" if total else None
    return tqdm(
        desc=what,
        total=total,
        initial=done,
        leave=False,
        delay=delay,
        miniters=1,
        smoothing=0,  # the time left is that of the mean pace
        bar_format=form,
        dynamic_ncols=True,
        disable=not (sys.stderr.isatty() if shown is None else shown),
    )


def show_progress(items: Iterable[Item], total: Optional[int], what: str) -> Iterator[Item]:
    """Iterate over the items, with a bar on a terminal or else lines in the log. Arguments as in `progress_bar`."""
    if sys.stderr.isatty():
        with progress_bar(total, what) as bar:
            for item in items:
                yield item
                bar.update()
        return
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            rest = f" of {total}, {(now - start) / done * (total - done):.0f} s left" if total else ""
            log.info("%s: %d%s", what, done, rest)


@contextmanager
def shown(what: str) -> Iterator[None]:
    """Say what is going on, on a terminal, while the block runs: for what takes a while and cannot be counted."""
    with tqdm(desc=what, bar_format="{desc} ...", leave=False, disable=not sys.stderr.isatty()):
        yield


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
