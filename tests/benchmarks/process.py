"""Processes that are measured: asked again and again, or watched from start to end."""

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

import psutil

EPOCH = re.compile(r"Epoch: \[.*Accuracy:\s+([\d.]+)")
SAMPLE = 0.5  # seconds between two looks at the memory
# Threads without work sleep at once.
QUIET = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


class Child:
    """A process that answers lines with JSON (child.serve); halted in between: waiting threads would take time from others."""

    def __init__(self, command: Sequence[str], environment: Dict[str, str]):
        self._command, self._log = command, tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def ask(self, line: str) -> Dict[str, Any]:
        self._process.send_signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):  # it has ended, and so has its output
            print(line, file=self._process.stdin, flush=True)
        reply = self._process.stdout.readline()
        if not reply:
            self._log.seek(0)
            raise SystemExit(f"{' '.join(self._command)} ended:\n{self._log.read()[-2000:]}")
        self._process.send_signal(signal.SIGSTOP)
        return json.loads(reply)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@dataclass
class Watched:
    """seconds: from the start to the end. cpu: seconds that processors worked for it and what it started and waited for. epochs:
    (seconds, accuracy) of every epoch said. peak: memory of the process and what it started, each page counted once, in MiB, as
    seen twice a second."""

    seconds: float = 0.0
    cpu: float = 0.0
    epochs: List[Tuple[float, float]] = field(default_factory=list)
    peak: float = 0.0

    def first(self, accuracy: float) -> Optional[float]:
        return next((seconds for seconds, reached in self.epochs if reached >= accuracy), None)


def watch(command: Sequence[str], environment: Dict[str, str], until: Optional[float] = None) -> Watched:
    """until: the accuracy at which the process is stopped."""
    result, start, before = Watched(), time.perf_counter(), _cpu_of_children()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        sampler = threading.Thread(target=_sample, args=(process, result))
        sampler.start()
        for line in process.stdout:
            found = EPOCH.search(line)
            if found:
                result.epochs.append((time.perf_counter() - start, float(found.group(1))))
            if until and result.first(until):
                process.kill()
        code = process.wait()
        result.seconds, result.cpu = time.perf_counter() - start, _cpu_of_children() - before
        sampler.join()
        if code and not (until and result.first(until)):
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {code}:\n{log.read()[-2000:]}")
    return result


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _sample(process: subprocess.Popen, result: Watched) -> None:
    while process.poll() is None:
        try:
            parent = psutil.Process(process.pid)
            family = [parent, *parent.children(recursive=True)]
            result.peak = max(result.peak, sum(one.memory_full_info().pss for one in family) / 2**20)
        except psutil.Error:  # one of them has just ended
            pass
        time.sleep(SAMPLE)


def environment(threads: int, spin: bool, **more: str) -> Dict[str, str]:
    limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS")}
    return {**os.environ, **limits, **({} if spin else QUIET), "TF_CPP_MIN_LOG_LEVEL": "2", **more}
