"""Being asked to stop: by Ctrl-C (SIGINT) or by the system (SIGTERM, as a platform sends it before it ends a container)."""

import os
import signal
import sys
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, List, Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """SIGTERM, as KeyboardInterrupt is SIGINT."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """What a shell says of a process that such a signal ended: 128 and its number. While MindSpore compiles a network, it turns
    SIGINT into SIGTERM."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextmanager
def listening() -> Iterator[None]:
    """Inside the block, SIGTERM raises `Terminated` in the main thread, unless whoever started the process said otherwise."""

    def stop(number: int, frame: Optional[FrameType]) -> None:
        raise Terminated

    def repeat(lost: "sys.UnraisableHookArgs") -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(lost)
            return
        # Python drops whatever is raised in a destructor: the request is made again when it is over.
        number = signal.SIGTERM if issubclass(lost.exc_type, Terminated) else signal.SIGINT
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()

    listens = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if listens:
        signal.signal(signal.SIGTERM, stop)
    hook, sys.unraisablehook = sys.unraisablehook, repeat
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if listens:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[List[int]]:
    """What is done inside is done as a whole: a request to stop waits for the end of the block. A second one does not: it ends
    the process at once. Yields the signals of the requests that wait."""
    asked: List[int] = []

    def wait(number: int, frame: Optional[FrameType]) -> None:
        if asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        asked.append(number)

    # Only the main thread is interrupted at all, and only by signals that are neither ignored nor end the process.
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS if main and callable(signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, wait)
    try:
        yield asked
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if asked:
            signal.raise_signal(asked[0])
