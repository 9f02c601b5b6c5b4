"""The start of a program: what it lacks is said before packages need it, and signals end it at once.

MindSpore's import does not bear an exception, neither of a signal nor for want of memory or of a working folder: Python shows a
stack and aborts.
"""

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Iterator, List, NoReturn, Optional, Sequence

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from .errors import NO_MEMORY, UserError, is_out_of_memory
from .files import read_file

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# What MindSpore, its memory pool and its threads need; less made it abort. Each thread reserves a heap and a stack.
LEAST, LEAST_PER_CPU = 2 << 30, 128 << 20  # bytes of address space or data
LEAST_RESIDENT = 448 << 20  # bytes that one answer takes
CONTAINER = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)  # the limit's file, in versions 2 and 1


@contextmanager
def guarded(checked: bool = False) -> Iterator[None]:
    """Around imports. Inside the block, SIGINT and SIGTERM end the process with code 130 and 143. What can be mended, such as
    too little memory, ends it with code 2 and a sentence; other exceptions are raised. checked: whether `check_surroundings` was
    called already."""
    main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS if main}
    for number, handler in handlers.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        if not checked:
            check_surroundings()
        yield
    except UserError as error:
        end(2, f"ERROR: {error}")
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        end(2, f"ERROR: {NO_MEMORY}")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def check_surroundings() -> None:
    """Raises UserError if the working folder is gone, or the process may use too little memory."""
    problems: List[str] = []
    try:
        os.getcwd()
    except OSError:
        problems.append("The working folder is not there any more. Change into another one, and start again")
    least, limit = LEAST + LEAST_PER_CPU * (os.cpu_count() or 1), _limit()
    if limit is not None and limit < least:
        problems.append(
            f"The limit on memory of {limit >> 20} MiB (ulimit -v or -d) is too low: this program needs {least >> 20} MiB here. "
            "Raise it, or remove it with 'ulimit -S -v unlimited -d unlimited'"
        )
    resident = container_limit(CONTAINER)
    if resident is not None and resident < LEAST_RESIDENT:
        problems.append(
            f"This container may use {resident >> 20} MiB of memory: this program needs {LEAST_RESIDENT >> 20} MiB. Give it more"
        )
    if problems:
        raise UserError("\n".join(problems))


def container_limit(files: Sequence[str]) -> Optional[int]:
    """Bytes of memory that the container may use, from the first of these files that is there; None without a limit."""
    for file in files:
        with suppress(OSError):
            text = read_file(Path(file), 2**16).strip()
            return int(text) if text.isdigit() else None  # "max"
    return None


def end(code: int, words: str = "") -> NoReturn:
    """End the process at once, with a sentence on standard error: MindSpore would take a second, and may abort."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError, RuntimeError):  # closed, or in the middle of writing
            stream.flush()
    with suppress(OSError):
        os.write(2, words.encode(errors="backslashreplace") + b"\n" * bool(words))
    os._exit(code)


def _stop(number: int, frame: Optional[FrameType]) -> None:
    end(128 + number, "Stopped.")


def _limit() -> Optional[int]:
    """The lower of the limits on address space and on data, in bytes; None without any."""
    if not resource:
        return None
    limits = [resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=None)
