"""Data sets of small pictures."""

import numpy as np
from PIL import Image


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
