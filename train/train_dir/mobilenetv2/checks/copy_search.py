"""Search for copies: photos with the same bytes, or the same image re-encoded, resized, mirrored or cropped.

Works on thumbnails, without a network. A coarse search compares every photo with a few windows of every other, also mirrored,
by 8 x 8 grey values. The most similar pairs are aligned and compared in detail and colour (copy_comparison.py).
"""

from itertools import product
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..data.dataset import Photo
from ..data.image_stats import SIDE
from ..evaluation.metrics import row_blocks, unit_rows
from .copy_comparison import confirm, luminance

COARSE = 8  # side of the coarse thumbnails, in cells
ALIKE = 0.5  # least cosine of two whitened coarse thumbnails for an alignment; copies have 0.55 and more
CANDIDATES = 3  # most similar photos of each photo that are examined
RIDGE = 0.02  # regularization of the whitening / largest variance
FLAT = 4.0  # least standard deviation of the grey values, 0-255, of a thumbnail that is compared


class Pair(NamedTuple):
    """Two copies, as indices into the photos, first < second. exact: the same bytes. mirrored: horizontally. score: correlation
    of the fine detail, copy_comparison.COPY to 1."""

    first: int
    second: int
    exact: bool
    mirrored: bool
    score: float


def crop_boxes() -> np.ndarray:
    """f64 [K, 4]: left, right, top and bottom (0-1) of the crops that are searched for: the whole image; 90 or 80 % of both
    sides; 75 or 67 % of one side, as a square crop of 4:3 or 3:2. Shifts are about a tenth apart: the coarse search tolerates
    half of that."""
    found = [(0.0, 1.0, 0.0, 1.0)]
    for side, starts in ((0.9, (0, 0.1)), (0.8, (0, 0.1, 0.2))):
        found += [(x, x + side, y, y + side) for x, y in product(starts, starts)]
    for side, starts in ((0.75, (0, 0.125, 0.25)), (2 / 3, (0, 1 / 6, 1 / 3))):
        found += [(start, start + side, 0.0, 1.0) for start in starts]
        found += [(0.0, 1.0, start, start + side) for start in starts]
    return np.array(found)


def find_near_duplicates(thumbnails: Sequence[np.ndarray], mirrored: bool = True) -> List[Pair]:
    """thumbnails u8 [SIDE, SIDE, 3] each -> pairs of copies, sorted, each once. Images of one brightness have no copies.

    mirrored: whether mirror images count as copies."""
    usable = [index for index, thumbnail in enumerate(thumbnails) if luminance(thumbnail).std() >= FLAT]
    if len(usable) < 2:
        return []
    pictures = [thumbnails[index] for index in usable]
    queries, others, boxes, flipped = _candidates(pictures, mirrored)
    found: Dict[Tuple[int, int], Pair] = {}
    for rows in row_blocks(len(queries)):
        whole, part = (np.stack([pictures[index] for index in indices[rows]]) for indices in (others, queries))
        whole = np.where(flipped[rows, None, None, None], whole[:, :, ::-1], whole)
        for row, score in confirm(whole, part, boxes[rows]):
            index = rows.start + row
            first, second = sorted((usable[queries[index]], usable[others[index]]))
            pair = Pair(first, second, False, bool(flipped[index]), score)
            if (first, second) not in found or found[first, second].score < score:
                found[first, second] = pair
    return [found[key] for key in sorted(found)]


def find_pairs(photos: Sequence[Photo], thumbnails: Sequence[np.ndarray], mirrored: bool = True) -> List[Pair]:
    """Photos with SHA-256, and their thumbnails u8 [SIDE, SIDE, 3] -> exact and near copies, sorted.

    mirrored: whether mirror images count as copies.

    Of identical files, each is paired with the first one only, and only the first one is searched for near copies.
    """
    first: Dict[str, int] = {}
    pairs = []
    for index, photo in enumerate(photos):
        kept = first.setdefault(photo.sha256, index)
        pairs += [Pair(kept, index, True, False, 1.0)] if kept != index else []
    unique = list(first.values())
    pairs += [
        pair._replace(first=unique[pair.first], second=unique[pair.second])
        for pair in find_near_duplicates([thumbnails[index] for index in unique], mirrored)
    ]
    return sorted(pairs)


def copy_groups(count: int, pairs: Sequence[Pair]) -> np.ndarray:
    """i64 [count]: connected components of the pairs. The number of a component is its smallest index."""
    number = list(range(count))

    def root(index: int) -> int:
        while number[index] != index:
            index = number[index]
        return index

    for pair in pairs:
        low, high = sorted((root(pair.first), root(pair.second)))
        number[high] = low
    return np.array([root(index) for index in range(count)], int)


def _candidates(
    pictures: Sequence[np.ndarray], mirrored: bool
) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Thumbnails u8 [SIDE, SIDE, 3] each -> P candidates: indices i64 [P] of a photo, and i64 [P] of the other photo of which it
    may be a window; the window f64 [P, 4], as in `crop_boxes`; bool [P], whether it is mirrored."""
    boxes, ranges = crop_boxes(), row_blocks(len(pictures))
    plain = np.concatenate([unit_rows(_coarse_cells(_stack(pictures[part]), boxes[0])) for part in ranges])
    values, vectors = np.linalg.eigh(plain.T @ plain / len(plain))
    whiten = (vectors / np.sqrt(values + RIDGE * values[-1])).astype(np.float32)
    queries = unit_rows(plain @ whiten)  # f32 [N, D]
    # The most similar others of each photo so far: similarity, index, and index of the window.
    similarity = np.full((len(queries), CANDIDATES), -1, np.float32)
    others, chosen = (np.zeros(similarity.shape, int) for _ in range(2))
    for wholes in ranges:
        grey = _stack(pictures[wholes])
        ways = [grey, np.ascontiguousarray(grey[:, :, ::-1])][: 1 + mirrored]
        seen = [unit_rows(unit_rows(_coarse_cells(whole, box)) @ whiten) for whole in ways for box in boxes]
        for parts in ranges:
            best = _best_similarity(queries[parts], seen)
            if parts == wholes:
                np.fill_diagonal(best, -1)  # no photo is its own copy
            both = np.concatenate((similarity[parts], best), 1)
            kept = np.argpartition(-both, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
            for known in (others, chosen):
                known[parts] = np.take_along_axis(known[parts], np.minimum(kept, CANDIDATES - 1), 1)
            similarity[parts] = np.take_along_axis(both, kept, 1)
            row, column = np.nonzero((kept >= CANDIDATES) & (similarity[parts] >= ALIKE))
            other = kept[row, column] - CANDIDATES
            others[parts][row, column] = wholes.start + other
            every = [(queries[parts][row] * whole[other]).sum(1) for whole in seen]
            chosen[parts][row, column] = np.argmax(every, 0)
    row, column = np.nonzero(similarity >= ALIKE)
    chosen = chosen[row, column]
    return row, others[row, column], boxes[chosen % len(boxes)], chosen >= len(boxes)


def _best_similarity(queries: np.ndarray, seen: Sequence[np.ndarray]) -> np.ndarray:
    """queries f32 [Q, D], and f32 [N, D] for each window -> f32 [Q, N]: cosine with the most similar window."""
    best = queries @ seen[0].T
    for whole in seen[1:]:
        np.maximum(best, queries @ whole.T, out=best)
    return best


def _stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """u8 [SIDE, SIDE, 3] each -> f32 [N, SIDE, SIDE], grey values."""
    return luminance(np.stack(pictures))


def _coarse_cells(grey: np.ndarray, box: np.ndarray) -> np.ndarray:
    """f32 [N, SIDE, SIDE], a row of `crop_boxes` -> f32 [N, COARSE ** 2]: means of COARSE x COARSE cells, minus their mean."""
    left, right, top, bottom = box
    # Reshaped to a single product of large matrices, for speed.
    columns = (grey.reshape(-1, SIDE) @ _cell_weights(left, right).T).reshape(-1, SIDE, COARSE)
    cells = (_cell_weights(top, bottom) @ columns).reshape(len(grey), -1)
    return cells - cells.mean(1, keepdims=True)


def _cell_weights(low: float, high: float) -> np.ndarray:
    """f32 [COARSE, SIDE]: weight of each pixel in each of the COARSE cells between low and high (0-1)."""
    edges, pixel = np.linspace(low, high, COARSE + 1) * SIDE, np.arange(SIDE)
    share = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, 1)
    return (share / share.sum(1, keepdims=True)).astype(np.float32)
