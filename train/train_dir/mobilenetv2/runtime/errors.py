"""Errors that the user can resolve, and helpers for errors."""

from typing import Any, Callable, List


class UserError(Exception):
    """The message says what happened, where, and what to do. Shown without a traceback; the process exits with code 2."""


class WorkerLost(UserError):
    """Another worker has ended during a step: the parameters of this one may be between two steps and must not be saved."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether the error means that memory ran out. MindSpore has no exception type for it, so the message decides."""
    message = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or "bad_alloc" in message
        or "allocate memory" in message
        or "memory not enough" in message
    )


def collect_errors(*calls: Callable[[], Any]) -> List[Any]:
    """Run all calls and return their results, in order. If any raise UserError: one UserError with all their messages, a line
    each."""
    results, problems = [], []
    for call in calls:
        try:
            results.append(call())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return results
