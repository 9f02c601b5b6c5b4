"""The command that trains: train.py, or mobilenetv2-train where the project is installed."""

from .runtime import starting

with starting.guarded():
    import os
    import sys
    from typing import List, NoReturn

    from . import recipe
    from .command_line import parse_arguments
    from .config import Settings
    from .runtime import progress
    from .runtime.commands import command


@command(stopped="Stopped. What is done so far is kept: the same command goes on from there.")
def main(arguments: List[str]) -> int:
    """Returns the exit code, which docs/trust.md explains."""
    settings, ignored = parse_arguments(Settings, arguments)
    # With the stages comes MindSpore, which takes seconds: not for --help, nor for a wrong argument.
    with starting.guarded(checked=True), progress.shown("Loading MindSpore"):
        from . import stages  # noqa: F401
    return 0 if recipe.run_stages(settings, ignored).passed else 3


def run() -> NoReturn:
    """Train as the command line says, and end the process: at once, so that a signal in MindSpore's last second does not make a
    complete run look like one that was stopped. A worker of a launched job leaves it first, which MindSpore does at the end."""
    code = main(sys.argv[1:])
    if "MS_ROLE" in os.environ:
        sys.exit(code)
    starting.end(code)
