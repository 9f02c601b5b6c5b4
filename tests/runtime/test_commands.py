"""What becomes of a command's errors."""

import errno

import pytest

from mobilenetv2.runtime.commands import command
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.signals import Terminated


@pytest.mark.parametrize(
    "error, code, words",
    [
        (UserError("x.jpg: broken; remove it"), 2, "x.jpg: broken; remove it"),
        (MemoryError(), 2, "There is not enough memory."),
        (OSError(errno.EIO, "Input/output error", "/disk/x"), 2, "/disk/x: cannot be used (Input/output error)"),
        (KeyboardInterrupt(), 130, "Stopped for now."),
        (Terminated(), 143, "Stopped for now."),
    ],
)
def test_an_error_is_a_line_and_an_exit_code(error, code, words, caplog):
    @command(stopped="Stopped for now.")
    def main(arguments):
        raise error

    assert main([]) == code
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith(words)


def test_a_bug_keeps_its_traceback_and_a_result_its_code():
    @command()
    def main(arguments):
        return len(arguments) or 1 // 0

    assert main(["a", "b", "c"]) == 3
    with pytest.raises(ZeroDivisionError):
        main([])
