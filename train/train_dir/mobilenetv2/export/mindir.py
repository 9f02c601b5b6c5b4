"""The network as MindIR, by MindSpore's exporter."""

from pathlib import Path
from typing import Callable, Tuple

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn, ops

from ..engine.layers import map_side
from ..evaluation.metrics import SMALLEST_LENGTH
from ..evaluation.neighbors import Neighborhood
from ..evaluation.ood import OutlierDetector
from ..model.checkpoint import Loaded
from ..model.mobilenet_v2 import center_border, global_pool
from ..runtime.files import read_file
from ..runtime.own_files import LARGEST, PROGRAM
from .comparison import arrange
from .metadata import CONFIDENCES, LOGITS, SCORE, rejects
from .parity import Outputs

DOC_STRING = 6 << 3 | 2  # how protobuf writes that field of ModelProto, where MindSpore writes nothing


class Distance(nn.Cell):
    """Features f32 [N, channels] -> f32 [N], `Neighborhood.score`, as comparison.py has it."""

    def __init__(self, one: Neighborhood):
        super().__init__()
        parts = arrange(one)
        self.projection = None if one.projection is None else Tensor(one.projection)
        self.center = None if one.center is None else Tensor(one.center)
        self.references = Tensor(np.ascontiguousarray(parts.references.T.astype(np.float32)))
        self.places, self.shape = Tensor(parts.places.ravel()), (-1, *parts.places.shape)
        self.barred, self.weights, self.alone = Tensor(parts.barred), Tensor(parts.weights), Tensor(parts.alone)
        self.baseline, self.scale = Tensor(one.class_baseline), one.scale
        self.outliers = Tensor(np.ascontiguousarray(parts.outliers.T.astype(np.float32))) if len(parts.pulls) else None
        self.pulls = Tensor(parts.pulls) if len(parts.pulls) else None
        self.kept, self.pulled = parts.weights.shape[1], len(parts.pulls)

    def construct(self, rows: Tensor) -> Tensor:
        if self.projection is not None:
            rows = ops.matmul(rows, self.projection) - self.center
        rows = rows / ops.maximum(ops.sqrt((rows * rows).sum(1, keepdims=True)), SMALLEST_LENGTH)
        near = ops.gather(ops.matmul(rows, self.references), self.places, 1).reshape(self.shape) + self.barred
        near = (ops.topk(near, self.kept)[0] * self.weights).sum(-1) + self.alone
        distance = -near.max(1) - ops.gather(self.baseline, near.argmax(1), 0)
        if self.pulled:
            distance = distance + (ops.topk(ops.matmul(rows, self.outliers), self.pulled)[0] * self.pulls).sum(-1)
        return distance / self.scale


class Score(nn.Cell):
    """Feature map f32 [N, channels, h, w] -> f32 [N], above 0 for an outlier. side: of the map."""

    def __init__(self, detector: OutlierDetector, side: int):
        super().__init__()
        self.first, self.last = center_border(side), side - center_border(side)
        self.distances = nn.CellList([Distance(one) for one in detector.neighborhoods])
        self.threshold = detector.threshold

    def construct(self, feature_map: Tensor) -> Tensor:
        inner = feature_map[:, :, self.first : self.last, self.first : self.last]  # as `center_pool` cuts
        features, score = global_pool(inner), -self.threshold
        for distance in self.distances:
            score = score + distance(features)
        return score


class Whole(nn.Cell):
    """Pictures, as `given` says -> confidences, logits and, where the checkpoint rejects pictures, the score."""

    def __init__(self, loaded: Loaded, given: str):
        super().__init__()
        preprocessing = loaded.description.preprocessing
        mean, std = (np.array(values).reshape(3, 1, 1) for values in (preprocessing.mean, preprocessing.std))
        self.network, self.bytes = loaded.network, given == "u8"
        self.factor = Tensor((1 / (std * (255 if self.bytes else 1))).astype(np.float32))
        self.shift = Tensor((-mean / std).astype(np.float32))
        self.temperature = loaded.description.temperature
        side = map_side(loaded.network, preprocessing.size)
        self.score = Score(loaded.neither, side) if loaded.neither is not None and rejects(loaded) else None

    def construct(self, image: Tensor) -> Tuple[Tensor, ...]:
        if self.bytes:
            image = ops.transpose(ops.cast(image, ms.float32), (0, 3, 1, 2))
        feature_map = self.network.features(image * self.factor + self.shift)
        logits = self.network.classifier(global_pool(feature_map))
        confidences = ops.softmax(logits / self.temperature, 1)
        if self.score is None:
            return confidences, logits
        return confidences, logits, self.score(feature_map)


def write_mindir(loaded: Loaded, given: str, file: Path) -> None:
    """Write the file, whose name ends in .mindir, for any number of pictures. given: a key of metadata.SHAPES."""
    size = loaded.description.preprocessing.size
    shape, kind = ((None, size, size, 3), ms.uint8) if given == "u8" else ((None, 3, size, size), ms.float32)
    network = Whole(loaded, given).set_train(False)
    ms.export(network, Tensor(shape=shape, dtype=kind), file_name=str(file), file_format="MINDIR")
    content, name = read_file(file, LARGEST), PROGRAM.encode()
    file.unlink()  # it is read-only
    file.write_bytes(bytes([DOC_STRING, len(name)]) + name + content)


def run_mindir(file: Path) -> Callable[[np.ndarray], Outputs]:
    """A function: pictures, as the file takes them -> its outputs."""
    graph = nn.GraphCell(ms.load(str(file)))
    return lambda pictures: {
        name: value.asnumpy() for name, value in zip((CONFIDENCES, LOGITS, SCORE), graph(Tensor(pictures)))
    }
