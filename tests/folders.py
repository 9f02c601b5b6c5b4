"""Data sets of small pictures."""

import numpy as np
from PIL import Image, ImageDraw, ImageOps


def fill(root, *names, colour=0):
    """Small pictures, all different."""
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng([number, colour]).integers(0, 256, (50, 50, 3), np.uint8)
        Image.fromarray(noise).save(file)


def clean(root):
    fill(
        root,
        *(f"{split}/{class_}/{n}.png" for split in ("train", "val") for class_ in ("cat", "dog") for n in range(3)),
    )
    return root


def write_letters(root, letters, count, seed=0, mirrored=()):
    """`count` pictures of each letter of "bdpq" on scenes of their own, as class folders letter_b and so on. mirrored: pairs of
    letters; the pictures of the second are the mirror images of those of the first."""
    for letter in letters:
        (root / f"letter_{letter}").mkdir(parents=True)
        for number in range(count):
            _letter(letter, [seed, ord(letter), number]).save(root / f"letter_{letter}" / f"{number:03d}.png")
    for first, second in mirrored:
        for number in range(count):
            image = Image.open(root / f"letter_{first}" / f"{number:03d}.png")
            ImageOps.mirror(image).save(root / f"letter_{second}" / f"{number:03d}.png")


def _letter(letter, seed):
    """A round bowl beside a stem that reaches up (b, d) or down (p, q), at a random place and in random colours."""
    random = np.random.default_rng(seed)
    patches = Image.fromarray(random.integers(90, 256, (24, 24, 3)).astype(np.uint8))
    image = patches.resize((128, 128), Image.Resampling.BICUBIC)
    layer, ink = Image.new("L", (64, 96)), tuple(random.integers(0, 70, 3).tolist())
    pen = ImageDraw.Draw(layer)
    pen.ellipse((10, 40, 54, 84), outline=255, width=11)
    pen.rectangle((8, 4, 19, 84), fill=255)  # b
    if letter in "pq":
        layer = ImageOps.flip(layer)
    if letter in "dq":
        layer = ImageOps.mirror(layer)
    layer = layer.rotate(random.uniform(-8, 8), Image.Resampling.BILINEAR)
    image.paste(ink, tuple(random.integers(0, (64, 32)).tolist()), layer)
    return image


def write_arrows(root, count, seed=0):
    """`count` signs each with an arrow, on scenes of their own, as class folders left and right."""
    for right, side in enumerate(("left", "right")):
        (root / side).mkdir(parents=True)
        for number in range(count):
            random = np.random.default_rng([seed, right, number])
            patches = Image.fromarray(random.integers(60, 200, (16, 16, 3)).astype(np.uint8))
            image = patches.resize((128, 128), Image.Resampling.BICUBIC)
            sign = Image.new("RGB", (92, 64), tuple(random.integers(0, 70, 3).tolist()))
            pen = ImageDraw.Draw(sign)
            pen.polygon([(6, 32), (44, 4), (44, 60)], fill="white")
            pen.rectangle((44, 24, 86, 40), fill="white")
            width, height = random.integers((50, 40), (76, 60)).tolist()
            sign = (ImageOps.mirror(sign) if right else sign).resize((width, height), Image.Resampling.BICUBIC)
            image.paste(sign, tuple(random.integers(0, (128 - width, 128 - height)).tolist()))
            image.save(root / side / f"{number:03d}.png")
