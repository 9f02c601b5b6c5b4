"""Size, latency and accuracy of a network, to compare a student with its teacher."""

import time
from typing import Any, Callable, Dict

import numpy as np

REPEATS = 20  # timed forward passes, after one for warm-up


def benchmark_network(
    maps: Callable[[np.ndarray], np.ndarray], size: int, parameters: int, size_in_file: int, result: Dict[str, Any]
) -> Dict[str, Any]:
    """Figures of a network: correct, count, accuracy and balanced_accuracy (0-1), parameters, bytes, image_size and milliseconds.

    maps: images f32 [N, 3, size, size] -> feature maps. size: side of the input, in pixels. parameters: their number.
    size_in_file: bytes of the network's arrays. result: `metrics.score_answers` of the validation set.
    milliseconds is the median latency for one image on this machine.
    """
    image, seconds = np.zeros((1, 3, size, size), np.float32), []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        maps(image)
        seconds.append(time.perf_counter() - start)
    return {
        **{name: result[name] for name in ("correct", "count", "accuracy", "balanced_accuracy")},
        "parameters": parameters,
        "bytes": size_in_file,
        "image_size": size,
        "milliseconds": round(1000 * float(np.median(seconds[1:])), 2),
    }
