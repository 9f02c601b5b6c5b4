"""The one kind of error that a user can mend."""

from typing import Any, Callable, List


class UserError(Exception):
    """Says what happened, where, and what to do. Shown without a stack; the process then ends with exit code 2."""


class WorkerLost(UserError):
    """Another worker has ended in the middle of a step: what this one holds is neither before nor after it."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether that is what an error says; MindSpore has no type of its own for it."""
    said = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or "bad_alloc" in said
        or "allocate memory" in said
        or "memory not enough" in said
    )


def collect_errors(*calls: Callable[[], Any]) -> List[Any]:
    """Run every call and return the results; raise one UserError with the messages of all that failed."""
    results, problems = [], []
    for call in calls:
        try:
            results.append(call())
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return results
