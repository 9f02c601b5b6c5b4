"""Is one picture a window of another? Both are aligned, and what still differs must be what re-encoding, resizing, cropping or
mirroring explains.

The figures below are of copies of 604 photos (JPEG of quality 40 and 60, half the size, mirrored, crops of 80 and 90 % and all of
this at once), and of pictures that are alike and no copies: printed digits, textures, the same thing in two colours, and scenes
of a fixed camera in which a small thing differs.
"""

from typing import List, Tuple

import numpy as np

from ..data.image_stats import SIDE
from .alignment import WHOLE, align, crop, smooth, standardize

ROUGH, FINE = (16, 5), (32, 8)  # side in pixels, and steps, of the two alignments
DETAIL = 48  # side in pixels at which pictures are compared
SHAPE = 0.7  # least correlation after the rough alignment for the fine one
# Least correlation of fine detail of copies. Copies have 0.96-1 (99 %; crops of small photos 0.91), different photos up to 0.5,
# and different drawings of the sample set, which all consist of the same ellipses, up to 0.83.
COPY = 0.91
FAINT = 2.0  # least standard deviation of fine detail, 0-255. Photos have 3.3 and more, gradients up to 0.3
TINT = 4.0  # largest difference of the mean of a channel, 0-255. Copies have up to 2.5, most 0.2; other colours 5-150
# Local difference / (NOISE + SLOPE * local gradient): noise of re-encoding, and what a shift of SLOPE pixels makes at edges.
NOISE, SLOPE = 4.0, 0.15  # grey values 0-255, pixels
# The largest one: 98 % of copies have up to 2.5. A small thing that differs has 2.2-24, 95 % of them 4 and more.
LOCAL = 3.0
# The largest one / the root mean square over the picture, where both show the same window: re-encoding changes all of a picture,
# a thing only its place. Copies have up to 3.2, a small thing that differs 5.5 and more.
PEAK, QUIET = 4.0, 0.05  # QUIET is added to the root mean square
# Two pictures of one letter on a plain ground are windows of each other, wherever it is and however large. What is shown at
# another scale or place must have more than two tones, and be the same on the whole, the more so the plainer it is.
# Largest distance of the edges, 0-1, of pictures that show the same window. Copies have up to 0.08 / SIDE.
IN_PLACE = 0.3 / SIDE
PLAIN = 5.0  # standard deviation within 7 x 7 pixels, 0-255, up to which a place is plain
# Least share of pixels of other tones than the two most frequent ones: absolute, and / share of places that are not plain. Crops
# of photos have 0.4 and 0.65 and more (99 %), half of them 0.8 and 0.84. Digits and Latin letters have up to 0.22 and, drawn at
# 28 pixels, 0.58; Chinese letters up to 0.47 and 0.57, half of them 0.35 and 0.47.
TONES, SHADES = 0.25, 0.55
# Largest root mean square of the differences of means of 9 x 9 pixels, 0-255 / share of places that are not plain. 98 % of the
# crops of photos have up to 2.1, most 0.4; digits that moved on a shaded ground 2.8 and more.
EVEN = 2.6
# Patterns match in many ways.
REPEATING = 0.85  # correlation of detail with itself, shifted: stripes and checkers 0.92 and more, photos up to 0.54
WAVY = 2.5  # kurtosis of detail up to which it is waves, such as rings, which have 1.5. Photos have 2.9 and more


def luminance(thumbnails: np.ndarray) -> np.ndarray:
    """RGB [..., 3], 0-255 -> f32 [...], grey values, 0-255 (ITU-R BT.601)."""
    return thumbnails.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def confirm(whole: np.ndarray, part: np.ndarray, boxes: np.ndarray) -> List[Tuple[int, float]]:
    """Rows where `part` is a window of `whole`, u8 [P, SIDE, SIDE, 3] each, near boxes f64 [P, 4] (left, right, top and bottom,
    0-1); and the correlation of fine detail, COPY to 1."""
    left, right, top, bottom = boxes.astype(np.float32).T
    window = np.stack([right - left, left, bottom - top, top], 1)
    rows = np.arange(len(whole))
    grey = luminance(whole), luminance(part)
    # The rough alignment excludes most pairs.
    for (side, steps), least in ((ROUGH, SHAPE), (FINE, SHAPE)):
        window = align(grey[0][rows], grey[1][rows], window, side, steps)
        kept = _correlation(crop(grey[0][rows], window, side), crop(grey[1][rows], WHOLE, side)) >= least
        rows, window = rows[kept], window[kept]
        if not len(rows):
            return []
    detail = [_detail(crop(grey[0][rows], window, DETAIL)), _detail(crop(grey[1][rows], WHOLE, DETAIL))]
    scores = _correlation(*detail)
    kept = (scores >= COPY) & (np.minimum(*(picture.std((1, 2)) for picture in detail)) >= FAINT)
    if kept.any():
        kept[kept] = _same(whole[rows[kept]], part[rows[kept]], window[kept], detail[1][kept])
    return [(int(row), float(score)) for row, score in zip(rows[kept], scores[kept])]


def _same(whole: np.ndarray, part: np.ndarray, window: np.ndarray, detail: np.ndarray) -> np.ndarray:
    """bool [P]: whether the window of `whole`, f32 [P, 4], is `part`. Thumbnails u8 [P, SIDE, SIDE, 3]; detail of `part`,
    f32 [P, DETAIL, DETAIL]."""
    first, second = _crop_colors(whole, window), _crop_colors(part, WHOLE)
    start, end = window[:, 1::2], window[:, 1::2] + window[:, ::2] - 1
    in_place = np.maximum(np.abs(start), np.abs(end)).max(1) <= IN_PLACE
    difference = first - second
    tint = np.abs(difference.mean((1, 2))).max(1)
    channels = [np.square(_local_mean(difference[..., color], 9)) for color in range(3)]
    uneven = np.sqrt(np.mean(channels, (0, 2, 3)))
    filled = (np.minimum(_local_variance(first, 7), _local_variance(second, 7)) > PLAIN**2).mean((1, 2))
    tones = _other_tones(luminance(second))
    window_of = (uneven <= EVEN * filled) & (tones >= np.maximum(TONES, SHADES * filled))
    first, second = smooth(first, 1), smooth(second, 1)
    strength = np.sqrt(_local_mean(np.square(first - second).mean(3), 5))
    # Of both, the smaller gradient: the edges of a thing that only one of them shows explain nothing.
    gradient = np.sqrt(_local_mean(np.minimum(_squared_gradient(first), _squared_gradient(second)), 5))
    local = strength / (NOISE + SLOPE * gradient)
    largest = local.max((1, 2))
    peak = largest / (QUIET + np.sqrt(np.square(local).mean((1, 2))))
    kurtosis = (detail**4).mean((1, 2)) / np.square((detail**2).mean((1, 2)))
    pattern = (_self_similarity(detail) >= REPEATING) | (kurtosis <= WAVY)
    return (tint <= TINT) & (largest <= LOCAL) & ~pattern & np.where(in_place, peak <= PEAK, window_of)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """f32 [P, side, side] each -> f32 [P]."""
    return (standardize(first) * standardize(second)).sum((1, 2))


def _detail(pictures: np.ndarray) -> np.ndarray:
    """f32 [P, side, side] -> its high frequencies."""
    return pictures - smooth(pictures, 2)


def _crop_colors(pictures: np.ndarray, window: np.ndarray) -> np.ndarray:
    """u8 [P, SIDE, SIDE, 3], a window of each -> f32 [P, DETAIL, DETAIL, 3]."""
    return np.stack([crop(pictures[..., color].astype(np.float32), window, DETAIL) for color in range(3)], 3)


def _local_mean(pictures: np.ndarray, side: int) -> np.ndarray:
    """f32 [P, DETAIL, DETAIL] -> the same, means of the side x side pixels around each."""
    pixel = np.arange(DETAIL)
    near = (np.abs(pixel[:, None] - pixel) <= side // 2).astype(np.float32)
    near /= near.sum(1, keepdims=True)
    return near @ pictures @ near.T


def _local_variance(pictures: np.ndarray, side: int) -> np.ndarray:
    """f32 [P, DETAIL, DETAIL, 3] -> f32 [P, DETAIL, DETAIL]: variance within side x side pixels, mean of the channels."""
    channels = [pictures[..., color] for color in range(3)]
    return sum(_local_mean(channel**2, side) - _local_mean(channel, side) ** 2 for channel in channels) / 3


def _other_tones(grey: np.ndarray) -> np.ndarray:
    """f32 [P, DETAIL, DETAIL], 0-255 -> f64 [P]: share of pixels, 0-1, that are of neither of the two most frequent tones, of 9
    grey values each."""
    shares = []
    for picture in grey:
        counts = np.bincount(np.clip(np.rint(picture), 0, 255).astype(int).ravel(), minlength=256)
        tones = np.convolve(counts, np.ones(9), "same")
        ground = int(tones.argmax())
        ink = np.where(np.abs(np.arange(256) - ground) > 20, tones, 0).max()
        shares.append(1 - (tones[ground] + ink) / picture.size)
    return np.array(shares)


def _squared_gradient(pictures: np.ndarray) -> np.ndarray:
    """f32 [P, DETAIL, DETAIL, 3] -> f32 [P, DETAIL, DETAIL]: squared length of the gradient, mean of the channels."""
    down, right = np.gradient(pictures, axis=(1, 2))
    return (down**2 + right**2).mean(3)


def _self_similarity(detail: np.ndarray) -> np.ndarray:
    """Fine detail f32 [P, DETAIL, DETAIL] -> f32 [P]: its largest correlation with itself, shifted by at least 4 and up to
    DETAIL / 2 pixels, where they overlap."""
    size = (2 * DETAIL, 2 * DETAIL)  # zeros around the picture: shifts do not wrap around
    product = np.fft.irfft2(np.abs(np.fft.rfft2(detail, size)) ** 2, size)
    ones = np.fft.rfft2(np.ones((DETAIL, DETAIL)), size)
    energy = np.fft.irfft2(np.fft.rfft2(detail**2, size) * np.conj(ones), size)  # of the overlapping part
    other = np.roll(energy[:, ::-1, ::-1], 1, (1, 2))  # the same for the opposite shift
    shift = np.abs(np.fft.fftfreq(size[0], 1 / size[0]))
    far = (np.hypot(shift[:, None], shift) >= 4) & (np.maximum(shift[:, None], shift) <= DETAIL / 2)
    enough = np.minimum(energy, other) > 0.25 * np.square(detail).sum((1, 2), keepdims=True)
    correlation = product / np.sqrt(np.maximum(energy * other, 1e-6))
    return np.where(far & enough, correlation, -1).max((1, 2))
