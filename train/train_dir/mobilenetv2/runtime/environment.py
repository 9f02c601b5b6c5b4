"""The environment of a run: a digest of this code, package versions, peak memory."""

import hashlib
import os
import platform
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict

import numpy as np
import PIL

PACKAGE = Path(__file__).resolve().parents[1]


@lru_cache(None)
def code_digest(*rooms: str) -> str:
    """SHA-256, in hexadecimal, of the source of these sub-packages, or of the whole package. Part of the keys of cached
    results, so that results of other code are not used."""
    files = sorted(file for room in rooms or (".",) for file in (PACKAGE / room).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def package_versions() -> Dict[str, str]:
    """Versions of Python, MindSpore, NumPy and Pillow, by name."""
    import mindspore as ms  # takes a second

    return {
        "python": platform.python_version(),
        "mindspore": ms.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def peak_memory_mib() -> float:
    """Peak resident memory of this process, in MiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes on macOS, KiB elsewhere


def usable_cpus() -> int:
    """The number of CPUs that this process may use, at most 16: more threads only contend with each other."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, usable)
