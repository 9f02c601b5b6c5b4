"""Search for copies: photos with the same bytes, or the same image re-encoded, resized, mirrored or cropped.

Works on thumbnails, without a network. A coarse search compares every photo with a few windows of every other, also mirrored,
by 8 x 8 grey values; of more than EXACT photos, with those that could be similar (copy_cells.py). The most similar pairs are
aligned and compared in detail and colour (copy_comparison.py).
"""

from itertools import product
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..data.dataset import Photo
from ..data.image_stats import SIDE
from ..evaluation.metrics import row_blocks, unit_rows
from ..runtime.environment import usable_cpus
from ..runtime.progress import parallel_map, progress_bar, show_progress
from .copy_cells import Nearest, best_window, search_cells
from .copy_comparison import confirm, luminance

COARSE = 8  # side of the coarse thumbnails, in cells
ALIKE = 0.5  # least cosine of two whitened coarse thumbnails for an alignment; copies have 0.55 and more
EXACT = 20_000  # photos up to which each is compared with every other
CANDIDATES = 3  # most similar photos of each photo that are examined
BLOCK = 64  # photos, and others, that are compared at a time
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


def find_near_duplicates(
    thumbnails: Sequence[np.ndarray], mirrored: bool = True, among: Optional[Sequence[int]] = None
) -> List[Pair]:
    """thumbnails u8 [SIDE, SIDE, 3] each -> pairs of copies, sorted, each once. Images of one brightness have no copies.

    mirrored: whether mirror images count as copies. among: the indices of those that are searched; None for all."""
    among = range(len(thumbnails)) if among is None else among
    usable = [index for index in among if luminance(thumbnails[index]).std() >= FLAT]
    if len(usable) < 2:
        return []

    def stack(rows: Iterable[int]) -> np.ndarray:
        """u8 [n, SIDE, SIDE, 3]. Not all at once: those of 100,000 photos take 1.2 GB."""
        return np.stack([thumbnails[usable[row]] for row in rows])

    candidates = _candidates(len(usable), stack, mirrored)

    def confirmed(rows: slice) -> List[Pair]:
        part, whole = (stack(indices[rows]) for indices in candidates[:2])
        flipped = candidates.flipped[rows]
        whole[flipped] = whole[flipped, :, ::-1]
        pairs = []
        for row, score in confirm(whole, part, candidates.boxes[rows]):
            first, second = sorted(usable[indices[rows][row]] for indices in candidates[:2])
            pairs.append(Pair(first, second, False, bool(flipped[row]), score))
        return pairs

    found: Dict[Tuple[int, int], Pair] = {}
    blocks = row_blocks(len(candidates.queries))
    for pairs in show_progress(parallel_map(confirmed, blocks, usable_cpus()), len(blocks), "Comparing likely copies"):
        for pair in pairs:
            if pair[:2] not in found or found[pair[:2]].score < pair.score:
                found[pair[:2]] = pair
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
    return sorted(pairs + find_near_duplicates(thumbnails, mirrored, unique))


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


class _Candidates(NamedTuple):
    """P pairs. queries, others: i64 [P], indices of a photo, and of the other one of which it may be a window. boxes: f64 [P, 4],
    the window, as in `crop_boxes`. flipped: bool [P], whether it is a window of the mirror image."""

    queries: np.ndarray
    others: np.ndarray
    boxes: np.ndarray
    flipped: np.ndarray


def _candidates(count: int, stack: Callable[[Iterable[int]], np.ndarray], mirrored: bool) -> _Candidates:
    """The CANDIDATES most similar others of each of `count` photos, if they are more similar than ALIKE. stack: gives thumbnails,
    u8 [n, SIDE, SIDE, 3], by the indices of the photos."""
    boxes, ranges = crop_boxes(), row_blocks(count)

    def grey(part: slice) -> np.ndarray:
        return luminance(stack(range(*part.indices(count))))

    plain = np.concatenate([_even_odd(_coarse_cells(grey(part), boxes[0])) for part in ranges], 1)
    values, vectors = np.linalg.eigh(plain.transpose(0, 2, 1) @ plain / count)
    whiten = (vectors / np.sqrt(values + RIDGE * values.max())[:, None]).astype(np.float32)
    queries = _unit(plain @ whiten)  # f32 [2, N, D]

    def windows(part: slice) -> np.ndarray:
        """Of some photos, f32 [2, K, n, D]."""
        seen = grey(part)
        return np.stack([_unit(_even_odd(_coarse_cells(seen, box)) @ whiten) for box in boxes], 1)

    if count > EXACT:
        nearest = search_cells(queries, windows, mirrored, CANDIDATES, ALIKE)
    else:
        nearest = _search_all(queries, windows, mirrored)
    row, column = np.nonzero(nearest.others >= 0)
    chosen, mirror = boxes[nearest.window[row, column]], nearest.flipped[row, column]
    chosen[mirror, :2] = 1 - chosen[mirror, 1::-1]
    return _Candidates(row, nearest.others[row, column], chosen, mirror)


def _search_all(queries: np.ndarray, windows: Callable[[slice], np.ndarray], mirrored: bool) -> Nearest:
    """As `search_cells`, by comparing each photo with every other."""
    ranges = row_blocks(queries.shape[1])
    similarity = np.full((queries.shape[1], CANDIDATES), ALIKE, np.float32)
    nearest = Nearest(*(np.full(similarity.shape, value) for value in (-1, 0, False)))

    def search(parts: slice) -> None:
        """Update the rows `parts` of the four arrays with the photos `wholes`."""
        best = _best_similarity(queries[:, parts], seen, mirrored)
        if parts == wholes:
            np.fill_diagonal(best, -1)  # no photo is its own copy
        rows = np.flatnonzero(best.max(1) > similarity[parts].min(1))
        best, rows = best[rows], rows + parts.start
        both = np.concatenate((similarity[rows], best), 1)
        kept = np.argpartition(-both, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
        similarity[rows] = np.take_along_axis(both, kept, 1)
        for known in nearest:
            known[rows] = np.take_along_axis(known[rows], np.minimum(kept, CANDIDATES - 1), 1)
        row, column = np.nonzero(kept >= CANDIDATES)
        other, row = kept[row, column] - CANDIDATES, rows[row]
        nearest.others[row, column] = wholes.start + other
        nearest.window[row, column], nearest.flipped[row, column], _ = best_window(
            queries[:, row], seen[:, :, other], mirrored
        )

    with progress_bar(len(ranges) ** 2, "Looking for copies") as bar:
        for wholes in ranges:
            seen = windows(wholes)
            for _ in parallel_map(search, ranges, usable_cpus()):
                bar.update()
    return nearest


def _even_odd(cells: np.ndarray) -> np.ndarray:
    """f32 [N, COARSE ** 2] -> f32 [2, N, COARSE ** 2 / 2], scaled to length 1: their even and odd parts under mirroring.

    With a mirror image, the product of the odd parts changes its sign: both similarities take one product of each."""
    left, right = np.split(unit_rows(cells).reshape(-1, COARSE, COARSE), 2, axis=2)
    right = right[:, :, ::-1]
    return np.stack([left + right, left - right]).reshape(2, len(cells), -1) / np.float32(np.sqrt(2))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Even and odd parts f32 [2, N, D] -> both together scaled to length 1."""
    return rows / np.maximum(np.sqrt(np.square(rows).sum((0, 2))), 1e-6)[:, None]


def _best_similarity(queries: np.ndarray, seen: np.ndarray, mirrored: bool) -> np.ndarray:
    """Even and odd parts, f32 [2, Q, D], and f32 [2, K, N, D] of K windows -> f32 [Q, N]: cosine with the most similar window."""
    best = np.empty((queries.shape[1], seen.shape[2]), np.float32)
    # Small products, which fit into a core's cache, and of which OpenBLAS computes none with several threads: these wait for each
    # other, where several threads search.
    for row, column in product(range(0, best.shape[0], BLOCK), range(0, best.shape[1], BLOCK)):
        rows, columns = slice(row, row + BLOCK), slice(column, column + BLOCK)
        even, odd = (part[rows] @ whole[:, columns].transpose(0, 2, 1) for part, whole in zip(queries, seen))
        even += np.abs(odd, out=odd) if mirrored else odd
        even.max(0, out=best[rows, columns])
    return best


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
