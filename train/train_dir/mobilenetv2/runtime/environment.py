"""What a run went on: this code, versions of packages, memory."""

import hashlib
import platform
import sys
from functools import lru_cache
from pathlib import Path
from typing import Dict

import mindspore as ms
import numpy as np
import PIL

PACKAGE = Path(__file__).resolve().parents[1]


@lru_cache(None)
def code_digest(*rooms: str) -> str:
    """SHA-256 of the source in these sub-packages, or of all of it. Results that other code made are not used again."""
    files = sorted(file for room in rooms or (".",) for file in (PACKAGE / room).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def package_versions() -> Dict[str, str]:
    """Of Python and the packages that do the arithmetic."""
    return {
        "python": platform.python_version(),
        "mindspore": ms.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def peak_memory_mib() -> float:
    """The most memory that this process has had at once, MiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere
