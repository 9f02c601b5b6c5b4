"""The compute device, CPU threads and mixed precision."""

import ctypes
import logging
import os
from contextlib import suppress
from pathlib import Path

import mindspore as ms
from mindspore import nn

from .files import read_file
from .text import first_line

log = logging.getLogger(__name__)
# Keeps small gradients above the smallest half-precision number. A power of two changes only the exponent.
LOSS_SCALE = 1024.0
LARGEST = 2**26  # bytes of the list of loaded libraries
# Of OpenBLAS, as NumPy and SciPy carry it under several names.
SET_THREADS = (
    *("openblas_set_num_threads64_", "openblas_set_num_threads"),
    *("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads"),
)


def select_device(target: str, seed: int) -> None:
    """Set graph mode, the seed that new networks are initialized with, and the device.

    target: "CPU", "Ascend", "GPU", or "auto" for MindSpore's default. A device that cannot be used falls back to the CPU with a
    warning.
    """
    use_one_blas_thread()
    ms.set_seed(seed)
    ms.set_context(mode=ms.GRAPH_MODE)
    device = ms.get_context("device_target") if target == "auto" else target
    try:
        if device != ms.get_context("device_target"):
            ms.set_device(device)
        ms.Tensor([1.0]).sum().asnumpy()
    except Exception as error:  # its type depends on the build and the driver
        if device == "CPU":
            raise
        log.warning("%s cannot be used here (%s): continuing on the CPU.", device, first_line(error))
        device = "CPU"
        ms.set_device(device)
    log.info("Device: %s.", device)


def use_one_blas_thread() -> None:
    """Let NumPy and SciPy multiply matrices in the calling thread, for the rest of the process: with several, sums have other
    rounding errors for each number of processors. The matrices are small: one thread takes no longer.

    Linux; elsewhere only what is imported later, as NumPy usually is not."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of those that are loaded later
    with suppress(OSError):
        lines = os.fsdecode(read_file(Path("/proc/self/maps"), LARGEST)).splitlines()
        for file in {line.split(maxsplit=5)[5] for line in lines if "openblas" in line}:
            library = ctypes.CDLL(file)
            for name in SET_THREADS:
                if hasattr(library, name):
                    getattr(library, name)(1)


def on_cpu() -> bool:
    """Whether MindSpore's current device is the CPU."""
    return ms.get_context("device_target") == "CPU"


def mixed_precision(network: nn.Cell) -> nn.Cell:
    """The network with convolutions and matrix products in half precision; unchanged on the CPU. Parameters stay f32."""
    return network if on_cpu() else ms.amp.auto_mixed_precision(network, "auto")
