"""Runs of train.py, each forked from this process, which has imported all that they need: a start takes no time then.

Reads lines of JSON from standard input, each a list of arguments, the folder to run in, and the files for what the run says on
standard output and standard error. Answers each with a line: the exit code.
"""

import json
import os
import sys
from pathlib import Path
from typing import List

TRAIN = Path(__file__).resolve().parent.parent / "train" / "train_dir" / "train.py"
sys.path.insert(0, str(TRAIN.parent))

import train


def run(arguments: List[str], folder: str, out: str, err: str) -> int:
    """The exit code of `cd folder; python train.py ARGUMENTS... > out 2> err`."""
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        for number, name in enumerate((os.devnull, out, err)):
            os.dup2(os.open(name, os.O_RDWR), number)
        sys.argv = [str(TRAIN), *arguments]
        try:
            code = train.main(arguments)
        except SystemExit as end:
            code = end.code
        except BaseException:
            sys.excepthook(*sys.exc_info())
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        print(run(*json.loads(line)), flush=True)
