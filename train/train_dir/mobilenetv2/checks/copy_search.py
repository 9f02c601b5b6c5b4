"""Photos that are copies of one another: the same bytes, or the same picture re-encoded, resized, mirrored or cropped.

Works on thumbnails alone, without a network. A coarse search compares every photo with a few windows of every other, also
mirrored, by 8 x 8 grey values. The most similar pairs are aligned (Lucas and Kanade, "An iterative image registration
technique", IJCAI 1981; here with a scale and a shift per axis), and only those whose fine detail agrees are copies: two photos
of similar things agree in their broad shapes but not in their detail.
"""

from itertools import product
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from ..data.dataset import Photo
from ..data.image_stats import SIDE
from ..evaluation.metrics import row_blocks, unit_rows

COARSE = 8  # side of what the coarse search compares, in cells
ALIKE = 0.5  # cosine of two whitened coarse pictures from which on they are aligned; copies have 0.55 and more
CANDIDATES = 3  # of each photo, the most similar others: its copies, but not the whole class
RIDGE = 0.02  # of the largest variance: how far coarse patterns that all photos share are played down
# Correlation of fine detail from which on two photos are one: copies have 0.97-1, different photos up to 0.5, different
# drawings, which are all made of the same ellipses, up to 0.83.
COPY = 0.9
SHAPE = 0.7  # correlation of roughly aligned pictures from which on they are aligned finely
FLAT = 4.0  # standard deviation of the grey values, 0-255, below which there is nothing to compare
ROUGH, FINE = (16, 5), (32, 8)  # side in pixels and steps of the two alignments
DETAIL = 48  # side at which the detail is compared
WHOLE = np.array([[1, 0, 1, 0]], np.float32)  # the window that is the whole picture


class Pair(NamedTuple):
    """Two copies, as indices into the photos, first < second. exact: the same bytes. mirrored: left and right are swapped.
    score: correlation of the fine detail, up to 1."""

    first: int
    second: int
    exact: bool
    mirrored: bool
    score: float


def windows() -> np.ndarray:
    """f64 [K, 4]: left, right, top and bottom (0-1) of what a crop may have kept: everything; 90 or 80 % of both sides; 75 or
    67 % of one side, as a square crop of 4:3 or 3:2 does. Shifts are a tenth apart: the coarse search tolerates half of
    that."""
    found = [(0.0, 1.0, 0.0, 1.0)]
    for side, starts in ((0.9, (0, 0.1)), (0.8, (0, 0.1, 0.2))):
        found += [(x, x + side, y, y + side) for x, y in product(starts, starts)]
    for side, starts in ((0.75, (0, 0.125, 0.25)), (2 / 3, (0, 1 / 6, 1 / 3))):
        found += [(start, start + side, 0.0, 1.0) for start in starts]
        found += [(0.0, 1.0, start, start + side) for start in starts]
    return np.array(found)


def find_near_duplicates(thumbnails: Sequence[np.ndarray]) -> List[Pair]:
    """thumbnails u8 [SIDE, SIDE] each -> pairs of copies, each once, in order. One-colour pictures are copies of nothing."""
    usable = [index for index, thumbnail in enumerate(thumbnails) if thumbnail.std(dtype=np.float32) >= FLAT]
    if len(usable) < 2:
        return []
    pictures = [thumbnails[index] for index in usable]
    queries, others, boxes, mirrored = _candidates(pictures)
    found: Dict[Tuple[int, int], Pair] = {}
    for rows in row_blocks(len(queries)):
        whole, part = (_grey([pictures[index] for index in indices[rows]]) for indices in (others, queries))
        whole = np.where(mirrored[rows, None, None], whole[:, :, ::-1], whole)
        for row, score in _confirmed(whole, part, boxes[rows]):
            index = rows.start + row
            first, second = sorted((usable[queries[index]], usable[others[index]]))
            pair = Pair(first, second, False, bool(mirrored[index]), score)
            if (first, second) not in found or found[first, second].score < score:
                found[first, second] = pair
    return [found[key] for key in sorted(found)]


def find_pairs(photos: Sequence[Photo], thumbnails: Sequence[np.ndarray]) -> List[Pair]:
    """Photos with their SHA-256 and thumbnails u8 [SIDE, SIDE] -> exact and near copies, in order.

    The copies of one file are paired with the first of them only, and only that one is searched for near copies.
    """
    first: Dict[str, int] = {}
    pairs = []
    for index, photo in enumerate(photos):
        kept = first.setdefault(photo.sha256, index)
        pairs += [Pair(kept, index, True, False, 1.0)] if kept != index else []
    unique = list(first.values())
    pairs += [
        pair._replace(first=unique[pair.first], second=unique[pair.second])
        for pair in find_near_duplicates([thumbnails[index] for index in unique])
    ]
    return sorted(pairs)


def copy_groups(count: int, pairs: Sequence[Pair]) -> np.ndarray:
    """i64 [count]: copies of one another, also through third ones, have one number: the least of their indices."""
    number = list(range(count))

    def root(index: int) -> int:
        while number[index] != index:
            index = number[index]
        return index

    for pair in pairs:
        low, high = sorted((root(pair.first), root(pair.second)))
        number[high] = low
    return np.array([root(index) for index in range(count)], int)


def _candidates(pictures: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """u8 [SIDE, SIDE] each -> photo i64 [P], the one that it may be a window of i64 [P], the window f64 [P, 4], mirrored
    [P]."""
    boxes, ranges = windows(), row_blocks(len(pictures))
    plain = np.concatenate([unit_rows(_coarse(_grey(pictures[part]), boxes[0])) for part in ranges])
    values, vectors = np.linalg.eigh(plain.T @ plain / len(plain))
    whiten = (vectors / np.sqrt(values + RIDGE * values[-1])).astype(np.float32)
    queries = unit_rows(plain @ whiten)  # f32 [N, D]
    # Of each photo, the most similar others so far: how similar, which, and which of their windows.
    similarity = np.full((len(queries), CANDIDATES), -1, np.float32)
    others, chosen = (np.zeros(similarity.shape, int) for _ in range(2))
    for wholes in ranges:
        grey = _grey(pictures[wholes])
        both_ways = grey, np.ascontiguousarray(grey[:, :, ::-1])
        seen = [unit_rows(unit_rows(_coarse(whole, box)) @ whiten) for whole in both_ways for box in boxes]
        for parts in ranges:
            best = _best(queries[parts], seen)
            if parts == wholes:
                np.fill_diagonal(best, -1)  # a photo is no copy of itself
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


def _best(queries: np.ndarray, seen: Sequence[np.ndarray]) -> np.ndarray:
    """f32 [Q, D], and f32 [N, D] for each window -> f32 [Q, N]: similarity to the most similar window."""
    best = queries @ seen[0].T
    for whole in seen[1:]:
        np.maximum(best, queries @ whole.T, out=best)
    return best


def _grey(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """u8 [SIDE, SIDE] each -> f32 [N, SIDE, SIDE]."""
    return np.stack(pictures).astype(np.float32)


def _coarse(grey: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Means of COARSE x COARSE cells of a window, minus their mean: f32 [N, COARSE ** 2]."""
    left, right, top, bottom = box
    columns = (grey.reshape(-1, SIDE) @ _areas(left, right).T).reshape(-1, SIDE, COARSE)  # a product of large matrices
    cells = (_areas(top, bottom) @ columns).reshape(len(grey), -1)
    return cells - cells.mean(1, keepdims=True)


def _areas(low: float, high: float) -> np.ndarray:
    """f32 [COARSE, SIDE]: the share of each pixel in each cell of low ... high."""
    edges, pixel = np.linspace(low, high, COARSE + 1) * SIDE, np.arange(SIDE)
    share = np.clip(np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel), 0, 1)
    return (share / share.sum(1, keepdims=True)).astype(np.float32)


def _confirmed(whole: np.ndarray, part: np.ndarray, boxes: np.ndarray) -> List[Tuple[int, float]]:
    """Rows where `part` is a window of `whole`, f32 [P, SIDE, SIDE] each, near a box [P, 4], and their correlation of detail.

    Most pairs drop out when they have been aligned roughly.
    """
    left, right, top, bottom = boxes.astype(np.float32).T
    place = _align(whole, part, np.stack([right - left, left, bottom - top, top], 1), *ROUGH)
    rows = np.flatnonzero(_correlation(whole, part, place, ROUGH[0]) >= SHAPE)
    if not len(rows):
        return []
    whole, part = whole[rows], part[rows]
    place = _align(whole, part, place[rows], *FINE)
    scores = _correlation(whole, part, place, DETAIL, detail=True)
    return [(int(row), float(score)) for row, score in zip(rows, scores) if score >= COPY]


def _align(whole: np.ndarray, part: np.ndarray, place: np.ndarray, side: int, steps: int) -> np.ndarray:
    """Where in `whole` the `part` is, as width, left, height, top (0-1), f32 [P, 4]; from a rough place, at side x side pixels.

    Gauss-Newton on the difference of the two, each with mean 0 and norm 1, so that brightness and contrast do not matter.
    """
    place = place.copy()
    target = _standard(_window(part, WHOLE, side))  # f32 [P, side, side]
    along = ((np.arange(side) + 0.5) / side).astype(np.float32)
    for _ in range(steps):
        seen = _standard(_window(whole, place, side))
        down, right = np.gradient(seen, np.float32(1 / side), axis=(1, 2))
        slopes = np.stack([right * along, right, down * along[:, None], down], 1).reshape(len(seen), 4, -1)
        slopes -= slopes.mean(2, keepdims=True)
        square = slopes @ slopes.transpose(0, 2, 1)
        square[:, range(4), range(4)] = 1.01 * square[:, range(4), range(4)] + 1e-6  # damped as by Levenberg
        wanted = slopes @ (target - seen).reshape(len(seen), -1, 1)
        move = np.clip(np.linalg.solve(square, wanted)[:, :, 0], -0.1, 0.1)  # in sides of the window
        scale = place[:, ::2].copy()
        place[:, ::2] = np.clip(scale * (1 + move[:, ::2]), 0.5, 1.1)
        place[:, 1::2] = np.clip(place[:, 1::2] + scale * move[:, 1::2], -0.05, 1.05 - place[:, ::2])
    return place


def _correlation(whole: np.ndarray, part: np.ndarray, place: np.ndarray, side: int, detail: bool = False) -> np.ndarray:
    """f32 [P], of the window of `whole` and `part` at side x side pixels; detail: of what a slight blur takes away."""
    pictures = [_window(whole, place, side), _window(part, WHOLE, side)]
    if detail:
        pictures = [picture - _smooth(picture) for picture in pictures]
    first, second = map(_standard, pictures)
    return (first * second).sum((1, 2))


def _window(pictures: np.ndarray, place: np.ndarray, side: int) -> np.ndarray:
    """f32 [P, SIDE, SIDE], and width, left, height, top (0-1) of a window in each -> f32 [P, side, side]."""
    rows, columns = _weights(place[:, 2], place[:, 3], side), _weights(place[:, 0], place[:, 1], side)
    return rows @ pictures @ columns.transpose(0, 2, 1)


def _weights(scale: np.ndarray, start: np.ndarray, side: int) -> np.ndarray:
    """f32 [P, side, SIDE]: of each pixel in each sample; a sample is a triangle as wide as two samples are apart."""
    samples = (start[:, None] + scale[:, None] * (np.arange(side, dtype=np.float32) + 0.5) / side) * SIDE - 0.5
    samples = np.clip(samples, 0, SIDE - 1)
    reach = np.maximum(1, scale * SIDE / side)[:, None, None]
    weight = np.maximum(0, 1 - np.abs(samples[:, :, None] - np.arange(SIDE, dtype=np.float32)) / reach)
    return weight / weight.sum(2, keepdims=True)


def _standard(pictures: np.ndarray) -> np.ndarray:
    """Mean 0 and norm 1 each."""
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    return centred / np.maximum(np.sqrt((centred**2).sum((1, 2), keepdims=True)), 1e-6)


def _smooth(pictures: np.ndarray) -> np.ndarray:
    """Blurred over about 5 pixels: [1, 4, 6, 4, 1] / 16 along both axes."""
    for axis in (1, 2):
        for _ in range(2):
            before, after = np.roll(pictures, 1, axis), np.roll(pictures, -1, axis)
            for shifted, end in ((before, 0), (after, -1)):
                edge = tuple(end if number == axis else slice(None) for number in range(3))
                shifted[edge] = pictures[edge]
            pictures = (before + 2 * pictures + after) / 4
    return pictures
