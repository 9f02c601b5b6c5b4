"""How a command ends: what a user can mend, and a request to stop, are a line in the log and an exit code."""

import logging
import sys
from functools import wraps
from typing import Callable, List, NoReturn

from . import logs, signals, starting
from .errors import UserError, memory_errors_in_words, os_errors_in_words

log = logging.getLogger(__name__)
Main = Callable[[List[str]], int]


def command(stopped: str = "Stopped.") -> Callable[[Main], Main]:
    """Decorator of a function from arguments to an exit code. Code 2 stands for a UserError, for too little memory and for a file
    that cannot be used; 130 and 143 for Ctrl-C and SIGTERM. The logging ends with the command: a notebook goes on,
    and others may then write into the folder of a log.

    stopped: what is said after a request to stop."""

    def decorate(main: Main) -> Main:
        @wraps(main)
        @signals.listening()
        def ended(arguments: List[str]) -> int:
            try:
                with memory_errors_in_words(), os_errors_in_words():
                    return main(arguments)
            except UserError as error:
                log.error("%s", error)
                return 2
            except KeyboardInterrupt as stop:
                log.error("%s", stopped)
                return signals.exit_code(stop)
            finally:
                logs.stop_logging()

        return ended

    return decorate


def run(main: Main) -> NoReturn:
    """The command of this process. After an error it ends at once: MindSpore would take a second, and may abort."""
    code = main(sys.argv[1:])
    if code > 1:
        starting.end(code)
    sys.exit(code)
