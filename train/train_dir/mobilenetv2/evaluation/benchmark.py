"""Networks in figures, to set a small one beside the large one that taught it."""

import time
from typing import Any, Callable, Dict

import numpy as np

REPEATS = 20  # forward passes that are timed, after one that is not


def benchmark_network(
    maps: Callable[[np.ndarray], np.ndarray], size: int, parameters: int, size_in_file: int, result: Dict[str, Any]
) -> Dict[str, Any]:
    """maps: pictures f32 [N, 3, size, size] -> feature maps. size: of its pictures. parameters: how many it has. size_in_file:
    bytes of its arrays. result: `metrics.summary` of the validation photos.

    milliseconds: median for one picture through the network, here.
    """
    picture, seconds = np.zeros((1, 3, size, size), np.float32), []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        maps(picture)
        seconds.append(time.perf_counter() - start)
    return {
        **{name: result[name] for name in ("correct", "count", "accuracy")},
        "parameters": parameters,
        "bytes": size_in_file,
        "image_size": size,
        "milliseconds": round(1000 * float(np.median(seconds[1:])), 2),
    }
