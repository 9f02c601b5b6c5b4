"""The compute device, CPU threads and mixed precision."""

import logging

import mindspore as ms
from mindspore import nn

from .text import first_line

log = logging.getLogger(__name__)
# Keeps small gradients above the smallest half-precision number. A power of two changes only the exponent.
LOSS_SCALE = 1024.0


def select_device(target: str, seed: int) -> None:
    """Set graph mode, the seed that new networks are initialized with, and the device.

    target: "CPU", "Ascend", "GPU", or "auto" for MindSpore's default. A device that cannot be used falls back to the CPU with a
    warning.
    """
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


def on_cpu() -> bool:
    """Whether MindSpore's current device is the CPU."""
    return ms.get_context("device_target") == "CPU"


def mixed_precision(network: nn.Cell) -> nn.Cell:
    """The network with convolutions and matrix products in half precision; unchanged on the CPU. Parameters stay f32."""
    return network if on_cpu() else ms.amp.auto_mixed_precision(network, "auto")
