"""Makes sure that standard input, output and error are open."""

import os
import sys


def open_standard_streams() -> None:
    """Open the null device for each of the three that the parent process has closed.

    Otherwise the next file to be opened would get its descriptor, and whatever a library prints would go into that file."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            break
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
