"""What a run went on: versions of packages, memory."""

import platform
import sys
from typing import Dict

import mindspore as ms
import numpy as np
import PIL


def versions() -> Dict[str, str]:
    """Of Python and the packages that do the arithmetic."""
    return {
        "python": platform.python_version(),
        "mindspore": ms.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }


def peak_memory() -> float:
    """The most memory that this process has had at once, MiB."""
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # bytes there, KiB elsewhere
