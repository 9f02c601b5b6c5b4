"""The most similar photos, where there are too many to compare each with every other: an inverted file.

Sivic and Zisserman, "Video Google", ICCV 2003; faiss calls it IVFFlat. Each window belongs to the cell of the center that is most
similar to it, and a photo is compared only with the windows in a few cells. The work grows with N ** 1.5, not N ** 2.
"""

from collections import deque
from functools import partial
from typing import Callable, List, NamedTuple, Tuple

import numpy as np

from ..evaluation.metrics import row_blocks
from ..runtime.environment import usable_cpus
from ..runtime.progress import parallel_map, progress_bar

CELLS = 4  # number of cells / square root of the number of photos
PROBES = 16  # cells that a photo looks into, and as many for its mirror image
CHUNK = 4096  # photos whose windows are in memory at a time, 27 MB
ROWS = 1024  # photos that are compared with the windows of a cell at a time


Pairs = Tuple[np.ndarray, np.ndarray, np.ndarray]  # rows i64 [P], others i64 [P], cosines f32 [P]


class Nearest(NamedTuple):
    """Of each photo, the most similar others. others: i64 [N, count], their indices; -1 for none. window: i64 [N, count], which
    window of each is the most similar one. flipped: bool [N, count], whether it is one of the mirror image."""

    others: np.ndarray
    window: np.ndarray
    flipped: np.ndarray


def search_cells(
    queries: np.ndarray, windows: Callable[[slice], np.ndarray], mirrored: bool, count: int, least: float
) -> Nearest:
    """Of each photo, the `count` others with the highest cosines of their windows, if these are above `least`. A few are missed.

    queries: f32 [2, N, D], even and odd parts of each photo under mirroring, together of length 1. windows: the same of all K
    windows of some photos, f32 [2, K, n, D]. mirrored: whether mirror images count."""
    number = queries.shape[1]
    # Photos that are drawn: where photos are dense, cells are small. With k-means, no more copies were found.
    centers = queries[:, np.random.default_rng(0).permutation(number)[: round(CELLS * number**0.5)]]
    looking = _looking(queries, centers, mirrored)
    nearest = Nearest(*(np.full((number, count), value) for value in (-1, 0, False)))
    cosines = np.full((number, count), least, np.float32)
    chunks = range(0, number, CHUNK)
    with progress_bar(len(chunks) * len(looking), "Looking for copies") as bar:
        for start in chunks:
            blocks = [slice(part.start + start, part.stop + start) for part in row_blocks(min(CHUNK, number - start))]
            seen = np.concatenate(list(parallel_map(windows, blocks, usable_cpus())), 2)
            inside = _members(seen, centers)
            look = partial(_look, queries, cosines, seen, start, mirrored)
            found: List[Pairs] = []
            for pairs in parallel_map(look, zip(looking, inside), usable_cpus()):
                found += pairs
                bar.update()
            rows, places = _merge(nearest, cosines, found, least)
            settle = partial(_settle, nearest, cosines, queries, seen, start, mirrored)
            blocks = row_blocks(len(rows))
            settled = parallel_map(settle, ((rows[part], places[part]) for part in blocks), usable_cpus())
            deque(settled, maxlen=0)
    return nearest


def best_window(queries: np.ndarray, seen: np.ndarray, mirrored: bool) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Even and odd parts of photos, f32 [2, P, D], and of all windows of as many others, f32 [2, K, P, D] -> i64 [P], the most
    similar window; bool [P], whether it is one of the mirror image; f32 [P], its cosine."""
    even, odd = (queries[:, None] * seen).sum(3)
    cosine = even + (np.abs(odd) if mirrored else odd)
    box = np.argmax(cosine, 0)
    place = box, np.arange(len(box))
    return box, mirrored & (odd[place] < 0), cosine[place]


def _looking(queries: np.ndarray, centers: np.ndarray, mirrored: bool) -> List[np.ndarray]:
    """For each cell, the sorted indices i64 [P] of the photos that look into it."""
    number, cells = queries.shape[1], centers.shape[1]
    probes, found = min(PROBES, cells), []
    for part in row_blocks(number):
        even, odd = queries[:, part] @ centers.transpose(0, 2, 1)
        row = np.repeat(np.arange(part.start, part.start + len(even)), probes)
        for cosine in (even + odd, even - odd)[: 1 + mirrored]:
            found.append(np.argpartition(-cosine, probes - 1, axis=1)[:, :probes].ravel() * number + row)
    cell, row = np.divmod(np.unique(np.concatenate(found)), number)
    return np.split(row, np.searchsorted(cell, np.arange(1, cells)))


def _members(seen: np.ndarray, centers: np.ndarray) -> List[Tuple[np.ndarray, np.ndarray]]:
    """For each cell, the windows f32 [2, K, n, D] in it, as i64 [P] from 0 to K - 1 and i64 [P] from 0 to n - 1, sorted by the
    latter."""
    boxes, number = seen.shape[1:3]
    even, odd = centers
    cell = np.empty((number, boxes), np.int64)

    def find_cells(part: slice) -> None:
        cell[part] = (seen[0, :, part] @ even.T + seen[1, :, part] @ odd.T).argmax(2).T

    for _ in parallel_map(find_cells, row_blocks(number), usable_cpus()):
        pass
    order = np.argsort(cell, axis=None, kind="stable")
    photo, box = np.divmod(order, boxes)
    ends = np.searchsorted(cell.ravel()[order], np.arange(1, len(even)))
    return list(zip(np.split(box, ends), np.split(photo, ends)))


def _look(
    queries: np.ndarray,
    cosines: np.ndarray,
    seen: np.ndarray,
    start: int,
    mirrored: bool,
    cell: Tuple[np.ndarray, Tuple[np.ndarray, np.ndarray]],
) -> List[Pairs]:
    """Pairs that may be among the highest. seen: windows of the photos from `start` on. cell: of `_looking` and `_members`."""
    looking, (box, photo) = cell
    if not len(photo):
        return []
    first = np.flatnonzero(np.diff(photo, prepend=-1))  # window of each photo
    others, windows = photo[first] + start, seen[:, box, photo].transpose(0, 2, 1)
    found = []
    for rows in np.split(looking, range(ROWS, len(looking), ROWS)):
        even, odd = queries[:, rows] @ windows
        even += np.abs(odd, out=odd) if mirrored else odd
        limit = cosines[rows].min(1)
        kept = even.max(1) > limit
        best = np.maximum.reduceat(even[kept], first, axis=1)
        found.append(_highest(best, rows[kept], others, limit[kept], cosines.shape[1]))
    return found


def _settle(
    nearest: Nearest,
    cosines: np.ndarray,
    queries: np.ndarray,
    seen: np.ndarray,
    start: int,
    mirrored: bool,
    where: Tuple[np.ndarray, np.ndarray],
) -> None:
    """Find the windows of new others. where: their rows and places in `nearest`, i64 [P] each."""
    window = best_window(queries[:, where[0]], seen[:, :, nearest.others[where] - start], mirrored)
    nearest.window[where], nearest.flipped[where], cosines[where] = window


def _highest(best: np.ndarray, rows: np.ndarray, others: np.ndarray, limit: np.ndarray, count: int) -> Pairs:
    """best f32 [R, P], cosines of the photos `rows` with `others`, both sorted -> the `count` highest of each row, if they are
    above its limit f32 [R]."""
    column = np.minimum(np.searchsorted(others, rows), len(others) - 1)
    own = np.flatnonzero(others[column] == rows)
    best[own, column[own]] = -1  # no photo is its own copy
    kept = best > limit[:, None]
    if len(others) > count:
        kept &= best >= np.partition(best, -count, axis=1)[:, -count, None]
    row, column = np.nonzero(kept)
    return rows[row], others[column], best[row, column]


def _merge(nearest: Nearest, cosines: np.ndarray, found: List[Pairs], least: float) -> Tuple[np.ndarray, np.ndarray]:
    """Update `nearest` and cosines f32 [N, count] with pairs of new others. Returns where these are: i64 [P] rows and places."""
    known = np.nonzero(nearest.others >= 0)
    new = [np.concatenate(arrays) for arrays in zip(*found)] or [np.zeros(0, int)] * 3
    rows, others, cosine = (
        np.concatenate(both) for both in zip((known[0], nearest.others[known], cosines[known]), new)
    )
    window = np.concatenate([nearest.window[known], np.full(len(new[0]), -1)])
    flipped = np.concatenate([nearest.flipped[known], np.zeros(len(new[0]), bool)])
    order = np.lexsort((-cosine, others, rows))
    order = order[np.diff(rows[order] * len(cosines) + others[order], prepend=-1) != 0]  # of a pair, the highest
    order = order[np.lexsort((-cosine[order], rows[order]))]
    rows = rows[order]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    first = place < cosines.shape[1]
    order, rows, place = order[first], rows[first], place[first]
    nearest.others[:], cosines[:] = -1, least
    for array, values in zip((*nearest, cosines), (others, window, flipped, cosine)):
        array[rows, place] = values[order]
    fresh = window[order] < 0
    return rows[fresh], place[fresh]
