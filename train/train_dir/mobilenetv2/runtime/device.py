"""Where the arithmetic runs."""

import logging
import os

import mindspore as ms
from mindspore import nn

log = logging.getLogger(__name__)
LOSS_SCALE = (
    1024.0  # keeps small gradients above the smallest half-precision number; a power of two changes nothing else
)


def select_device(target: str, seed: int) -> None:
    """Set graph mode, the seed of new networks, and the device: "CPU", "Ascend", "GPU", or "auto": MindSpore's own choice.

    A device that cannot be used falls back to the CPU with a warning.
    """
    ms.set_seed(seed)
    ms.set_context(mode=ms.GRAPH_MODE)
    wanted = ms.get_context("device_target") if target == "auto" else target
    try:
        if wanted != ms.get_context("device_target"):
            ms.set_device(wanted)
        ms.Tensor([1.0]).sum().asnumpy()
    except Exception as error:  # which exception depends on the build and the driver
        if wanted == "CPU":
            raise
        log.warning("%s cannot be used here (%s): continuing on the CPU.", wanted, str(error).strip().split("\n")[0])
        wanted = "CPU"
        ms.set_device(wanted)
    log.info("Device: %s.", wanted)


def usable_cpus() -> int:
    """How many this process may use, 16 at most: more threads than that wait for each other."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, usable)


def on_cpu() -> bool:
    return ms.get_context("device_target") == "CPU"


def mixed_precision(network: nn.Cell) -> nn.Cell:
    """Convolutions and products in half precision where the device is made for it; the parameters stay in single precision."""
    return network if on_cpu() else ms.amp.auto_mixed_precision(network, "auto")
