"""Standard input, output and error are there, even if whoever started the process closed them."""

import os
import sys


def open_standard_streams() -> None:
    """Put nothing, as the system's null device, where one of the three is closed. Otherwise the next file to be opened would
    take its number, and what is printed, by whatever library, would end up in that file."""
    while True:
        number = os.open(os.devnull, os.O_RDWR)
        if number > 2:
            os.close(number)
            break
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
