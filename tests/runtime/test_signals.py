"""Requests to stop."""

import subprocess
import sys

from conftest import TRAIN


def alone(code: str) -> str:
    """What a process of its own prints that runs this code to its end: a signal must not reach the other tests."""
    done = subprocess.run([sys.executable, "-c", code], cwd=TRAIN.parent, capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


def test_a_request_to_stop_is_not_lost_in_a_destructor():
    code = """
import os, signal, time
from mobilenetv2.runtime.signals import Terminated, listening

class Slow:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

try:
    with listening():
        slow = Slow()
        del slow
        for _ in range(500):
            time.sleep(0.01)
except Terminated:
    print("stopped", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""
    assert alone(code) == "stopped True\n"


def test_a_request_to_stop_waits_for_the_end_of_a_block():
    code = """
import signal
from mobilenetv2.runtime.signals import uninterrupted

try:
    with uninterrupted():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            print("inner")
        print("outer")
except KeyboardInterrupt:
    print("stopped", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
    assert alone(code) == "inner\nouter\nstopped True\n"
