"""Runs of train.py that are forked from one process, which has imported all that they need, for the programs beside this file.

Their network has five blocks in place of nineteen, because a start would otherwise take ten seconds.
"""

import os
import sys
from pathlib import Path
from typing import Callable, List, Optional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train" / "train_dir"))
from mobilenetv2.model import architecture

architecture.BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2))
architecture.NUM_BLOCKS = 5

import train


def start(output: Path, arguments: List[str], said: Path, prepare: Optional[Callable[[], None]] = None) -> int:
    """The process of a run. said: the file that its output is appended to. prepare: is called in it before the run."""
    pid = os.fork()
    if pid == 0:
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in (1, 2):
            os.dup2(file, number)
        code = 1
        try:
            if prepare:
                prepare()
            code = train.main([*arguments, f"--output_path={output}"])
        except KeyboardInterrupt:  # just before or after the run
            code = 130
        except BaseException:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        os._exit(code)
    return pid


def ended(pid: int, wait: bool = False) -> Optional[int]:
    """The exit code of a process, or None while it runs."""
    done, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None
