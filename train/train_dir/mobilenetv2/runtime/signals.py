"""Requests to stop: Ctrl-C (SIGINT), and SIGTERM, which a platform sends before it ends a container."""

import os
import signal
import sys
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, List, Optional

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Terminated(KeyboardInterrupt):
    """Raised for SIGTERM, as KeyboardInterrupt is for SIGINT."""


def exit_code(stop: KeyboardInterrupt) -> int:
    """The exit code by shell convention: 128 + the number of the signal. While MindSpore compiles a network, it turns SIGINT
    into SIGTERM."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


@contextmanager
def listening() -> Iterator[None]:
    """Inside the block, SIGTERM raises `Terminated` in the main thread, unless it is ignored or has another handler. In another
    thread, the block is as it would be without this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: Optional[FrameType]) -> None:
        raise Terminated

    def resend(ignored: "sys.UnraisableHookArgs") -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(ignored)
            return
        # Python ignores exceptions in destructors: send the signal again when the destructor is done.
        number = signal.SIGTERM if issubclass(ignored.exc_type, Terminated) else signal.SIGINT
        threading.Timer(0.05, os.kill, (os.getpid(), number)).start()

    unhandled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if unhandled:
        signal.signal(signal.SIGTERM, terminate)
    hook, sys.unraisablehook = sys.unraisablehook, resend
    try:
        yield
    finally:
        sys.unraisablehook = hook
        if unhandled:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[List[int]]:
    """Defers SIGINT and SIGTERM to the end of the block; a second signal ends the process at once.

    Yields the list of deferred signals, which is filled as they arrive."""
    pending: List[int] = []

    def defer(number: int, frame: Optional[FrameType]) -> None:
        if pending:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        pending.append(number)

    # Python runs signal handlers in the main thread only. Signals that are ignored, or end the process, have no handler.
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS if main and callable(signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, defer)
    try:
        yield pending
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if pending:
            signal.raise_signal(pending[0])
