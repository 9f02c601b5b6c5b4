"""Errors that the user can resolve, and helpers for errors."""

import errno
import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator, List, Optional

from .text import printable


class UserError(Exception):
    """The message says what happened, where, and what to do. Shown without a traceback; the process exits with code 2."""


class WorkerLost(UserError):
    """Another worker has ended during a step: the parameters of this one may be between two steps and must not be saved."""


NO_MEMORY = "There is not enough memory. Raise the limit of this process (ulimit, container), or end other programs."
# Parts of messages, in lower case. MindSpore has no exception type for it, and where threads cannot be started it is memory, too.
_NO_MEMORY = (
    "bad_alloc",
    "allocate memory",
    "memory not enough",
    "failed to map segment",
    "can't start new thread",
    "resource temporarily unavailable",
    "pointer[thread_pool] is null",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error means that memory ran out, or that no thread could be started for want of it."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(part in message for part in _NO_MEMORY)


@contextmanager
def memory_errors_in_words(words: str = NO_MEMORY) -> Iterator[None]:
    """Raises UserError with these words in place of an error which means that memory ran out."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(words) from None


def is_disk_full(error: OSError) -> bool:
    """Whether the disk is full, or the user's share of it."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def reason(error: OSError) -> str:
    """What the system says of an error, in words."""
    return str(error.strerror or error)


def os_error_words(error: OSError) -> Optional[str]:
    """The sentence of an error of a file or folder that nothing else has put into words, as for a drive that is gone.

    None for an error that is of no file: that is a bug, which keeps its traceback."""
    if not isinstance(error.filename, (str, bytes, os.PathLike)):
        return None
    name = os.fsdecode(error.filename)
    return f"{printable(name)}: cannot be used ({reason(error)}); look whether it is there and you may use it"


@contextmanager
def os_errors_in_words() -> Iterator[None]:
    """Raises UserError in place of an error that `os_error_words` can tell."""
    try:
        yield
    except OSError as error:
        words = os_error_words(error)
        if words is None:
            raise
        raise UserError(words) from None


def collect_errors(*calls: Callable[[], Any]) -> List[Any]:
    """Run all calls and return their results, in order. If any raise UserError, or an error that `os_error_words` can tell: one
    UserError with all their messages, a line each."""
    results, problems = [], []
    for call in calls:
        try:
            with os_errors_in_words():
                results.append(call())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return results
