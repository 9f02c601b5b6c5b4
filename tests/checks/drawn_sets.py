"""Sets of small RGB pictures that are alike, and none of which is a copy of another. Each function draws one, always the same."""

from itertools import product

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 96  # of a picture, in pixels
COLOURS = {"red": (205, 45, 40), "green": (60, 120, 50), "amber": (225, 160, 30), "blue": (50, 90, 200)}


def digits():
    """0 to 9 at several sizes and places: black on white and white on black, plain; and large, on a shaded or a noisy ground."""
    drawn = []
    random = np.random.default_rng(1)
    row, column = np.mgrid[:SIDE, :SIDE] / SIDE
    shaded = np.stack([120 + 100 * column, 140 + 80 * row, 200 - 60 * column], 2)
    for digit, height, noise in product(range(10), (0.6, 0.8, 1.0, 1.3), (0, 0, 10)):
        image = Image.fromarray((np.full(shaded.shape, 220.0) if noise else shaded).astype(np.uint8))
        place = random.integers(-8, 20, 2).tolist()
        ImageDraw.Draw(image).text(place, str(digit), fill="black", font=ImageFont.load_default(height * SIDE))
        drawn.append(Image.fromarray(np.clip(image + random.normal(0, noise, shaded.shape), 0, 255).astype(np.uint8)))
    for side, dark in product((28, SIDE, 160), (False, True)):
        ground, ink = ((20, 20, 20), "white") if dark else ((245, 245, 240), "black")
        for height, digit in product((0.4, 0.55, 0.7), range(10)):
            font = ImageFont.load_default(height * side)
            places = {tuple(random.integers(0, round(side * (1 - height)), 2).tolist()) for _ in range(3)}
            for x, y in sorted(places):
                image = Image.new("RGB", (side, side), ground)
                ImageDraw.Draw(image).text((x, y), str(digit), fill=ink, font=font)
                drawn.append(image)
    return drawn


def colours():
    """One colour all over; lamps of a traffic light; and textures and shaded balls, each in every colour, equally bright."""
    drawn = [Image.new("RGB", (SIDE, SIDE), (red, green, 90)) for red, green in product(range(0, 256, 32), repeat=2)]
    for seed in range(12):
        random = np.random.default_rng([2, seed])
        row, column = np.mgrid[:SIDE, :SIDE] / SIDE
        x, y, radius = random.uniform((0.35, 0.35, 0.2), (0.65, 0.65, 0.35))
        away = np.hypot(column - x, row - y) / radius
        ball = np.where(away < 1, 1.1 - 0.5 * away, 0.5 + 0.2 * row)
        cloth = _enlarged(random.uniform(0.3, 1, (12, 12)))
        grain = random.uniform(0.4, 1, (SIDE, SIDE))
        for grey, colour in product((ball, cloth, grain), COLOURS.values()):
            drawn.append(_tinted(grey, colour))
    for lamp, colour in enumerate(("red", "amber", "green")):
        for left in (12, 34, 44):
            image = Image.new("RGB", (SIDE, SIDE), (150, 180, 210))
            canvas = ImageDraw.Draw(image)
            canvas.rectangle((left, 6, left + 26, 90), fill=(30, 30, 30))
            for place in range(3):
                fill = COLOURS[colour] if place == lamp else (60, 60, 60)
                canvas.ellipse((left + 3, 10 + 26 * place, left + 23, 30 + 26 * place), fill=fill)
            drawn.append(image)
    return drawn


def textures():
    """Stripes, checkers, waves, rings, gradients and noise of several kinds, sizes and places."""
    row, column = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = []
    for period, phase, angle in product((0.08, 0.11, 0.16, 0.3), (0, 0.3, 0.6), (0, 0.8, np.pi / 2)):
        along = (column * np.cos(angle) + row * np.sin(angle)) / period + phase
        waves += [along % 1 < 0.5, 0.5 + 0.5 * np.sin(2 * np.pi * along)]
    for cells, phase in product((2, 3, 4, 5, 8, 11, 16), (0, 0.25, 0.5)):
        waves.append((np.floor(column * cells + phase) + np.floor(row * cells + phase)) % 2)
    for angle, low, power in product(np.linspace(0, np.pi, 7), (0, 0.3), (0.7, 1, 2)):
        along = (column - 0.5) * np.cos(angle) + (row - 0.5) * np.sin(angle)
        waves.append(low + (1 - low) * ((along - along.min()) / np.ptp(along)) ** power)
    for x, y, reach in product((0.3, 0.5), (0.4, 0.5), (0.6, 0.8, 1.1)):
        waves.append(np.clip(np.hypot(column - x, row - y) / reach, 0, 1))
        waves += [0.5 + 0.5 * np.sin(2 * np.pi * np.hypot(column - x, row - y) / reach * count) for count in (4, 6, 8)]
    for cells, seed in product((3, 6, 12, 24, SIDE), range(6)):
        waves.append(_enlarged(np.random.default_rng([3, cells, seed]).uniform(0, 1, (cells, cells))))
    return [_tinted(np.asarray(wave, float), (215, 200, 180)) for wave in waves]


def fixed_camera():
    """Three scenes, each with a small thing at other places, or with another one at the same place."""
    drawn = []
    for scene in range(3):
        random = np.random.default_rng([4, scene])
        cells = random.uniform(50, 210, (14, 14, 3)).astype(np.uint8)
        background = Image.fromarray(cells).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)
        canvas = ImageDraw.Draw(background)
        for _ in range(8):
            x, y = random.integers(0, 2 * SIDE, 2).tolist()
            canvas.rectangle((x, y, x + 30, y + 20), fill=tuple(random.integers(30, 220, 3).tolist()))
        for number, (shape, colour) in product(range(6), product(("ellipse", "rectangle"), COLOURS.values())):
            image, side = background.copy(), 16
            x, y = (np.random.default_rng([5, scene, number // 2]).integers(0, 2 * SIDE - side, 2) // 2 * 2).tolist()
            x = x if number % 2 else (x + 3 * side) % (2 * SIDE - side)
            getattr(ImageDraw.Draw(image), shape)((x, y, x + side, y + side), fill=colour)
            drawn.append(image)
    return drawn


SETS = {"digits": digits, "colours": colours, "textures": textures, "fixed camera": fixed_camera}


def _enlarged(cells):
    """f64 [cells, cells] -> f64 [SIDE, SIDE], smooth between the cells."""
    image = Image.fromarray((255 * cells).astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image, float) / 255


def _tinted(grey, colour):
    """grey f64 [SIDE, SIDE], 0-1 -> a picture in shades of the colour, as bright as in any other colour."""
    tint = np.array(colour, float)
    tint *= 110 / (tint @ (0.299, 0.587, 0.114))
    return Image.fromarray(np.clip(grey[:, :, None] * tint, 0, 255).astype(np.uint8))
