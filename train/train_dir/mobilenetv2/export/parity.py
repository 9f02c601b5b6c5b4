"""Whether an exported file answers as this program does."""

from typing import Dict, NamedTuple, Optional

import numpy as np

from ..data.image import normalize
from ..model.checkpoint import Loaded
from ..model.prediction import classify, feature_pooler, run_batches
from ..runtime.errors import UserError
from .examples import Examples
from .metadata import LOGITS, SCORE, rejects

TOLERANCE = 1e-4  # of logits and of the score, times the largest logit where that is above 1
LOST = 0.02  # share of the pictures that a file of 8 bits may answer wrongly and the network rightly, net
OTHER = 0.05  # share of the pictures that it may answer otherwise
Outputs = Dict[str, np.ndarray]  # by the names in metadata.py


class Parity(NamedTuple):
    """pictures: number of those that were compared. difference: largest one of two logits. same: pictures with the same answer.
    known: those of classes that the network knows; right, expected: how many of them the file and the network answer right."""

    pictures: int
    difference: float
    same: int
    known: int
    right: int
    expected: int


def own_outputs(loaded: Loaded, crops: np.ndarray) -> Outputs:
    """LOGITS and, where the checkpoint rejects pictures, SCORE, as this program computes them. crops: u8 [N, S, S, 3]."""
    inputs = ((number, normalize(crop, loaded.description.preprocessing)) for number, crop in enumerate(crops))
    pooled = np.stack([row for _, row in run_batches(feature_pooler(loaded.network), inputs)])
    found = {LOGITS: classify(loaded.network.classifier, pooled[:, 0])}
    if loaded.neither is not None and rejects(loaded):
        found[SCORE] = loaded.neither.score(pooled[:, 1]) - np.float32(loaded.neither.threshold)
    return found


def compare(name: str, examples: Examples, expected: Outputs, found: Outputs, exact: bool) -> Parity:
    """Raises UserError where the file of this name and the network differ too much. exact: by TOLERANCE; else by answers.

    A file that has no score is compared by its logits."""
    expected = {name: values for name, values in expected.items() if name in found}
    answers, own = _answers(found), _answers(expected)
    known = examples.labels >= 0
    parity = Parity(
        pictures=len(own),
        difference=float(np.abs(found[LOGITS] - expected[LOGITS]).max()),
        same=int((answers == own).sum()),
        known=int(known.sum()),
        right=int((found[LOGITS].argmax(1) == examples.labels)[known].sum()),
        expected=int((expected[LOGITS].argmax(1) == examples.labels)[known].sum()),
    )
    problem = _problem(parity, expected, found, exact)
    if problem:
        raise UserError(f"{name}: {problem}; so it is not written")
    return parity


def _answers(outputs: Outputs) -> np.ndarray:
    """Class of each picture, i64 [N]; -1 for "neither"."""
    best = outputs[LOGITS].argmax(1)
    return np.where(outputs[SCORE] > 0, -1, best) if SCORE in outputs else best


def _problem(parity: Parity, expected: Outputs, found: Outputs, exact: bool) -> Optional[str]:
    if not all(np.isfinite(values).all() for values in found.values()):
        return "the exported file computes no finite numbers"
    if exact:
        limit = TOLERANCE * max(1.0, float(np.abs(expected[LOGITS]).max()))
        gaps = {name: float(np.abs(found[name] - values).max()) for name, values in expected.items()}
        worst = max(gaps, key=lambda name: gaps[name])
        if gaps[worst] > limit:
            return (
                f"the exported file answers otherwise than the network: its {worst} differ by {gaps[worst]:.2g}, and may by "
                f"{limit:.2g}"
            )
    elif (
        parity.expected - parity.right > LOST * parity.known or parity.pictures - parity.same > OTHER * parity.pictures
    ):
        return (
            f"8 bits cost too much: of {parity.known} pictures {parity.right} are right in place of {parity.expected}, and "
            f"{parity.pictures - parity.same} of {parity.pictures} answers are others"
        )
    return None
