"""Networks in figures, to set a small one beside the large one that taught it."""

import time
from typing import Any, Dict, Optional

import numpy as np

from .inference import feature_maps
from .network import MobileNetV2, values

REPEATS = 20  # forward passes that are timed, after one that is not


def figures(
    network: MobileNetV2, size: int, result: Dict[str, Any], packed: Optional[Dict[str, np.ndarray]] = None
) -> Dict[str, Any]:
    """size: of its pictures. result: `metrics.summary` of the validation photos. packed: what a compact file holds of it.

    bytes: of the arrays in a file. milliseconds: median for one picture through the network, here.
    """
    maps = feature_maps(network)
    picture, seconds = np.zeros((1, 3, size, size), np.float32), []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        maps(picture)
        seconds.append(time.perf_counter() - start)
    return {
        **{name: result[name] for name in ("correct", "count", "accuracy")},
        "parameters": sum(parameter.size for parameter in network.trainable_params()),
        "bytes": sum(array.nbytes for array in (packed or values(network)).values()),
        "image_size": size,
        "milliseconds": round(1000 * float(np.median(seconds[1:])), 2),
    }
