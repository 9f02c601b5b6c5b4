"""How long the page takes to start, and one picture through HTTP and without: medians and ranges.

python tests/benchmark_page.py CHECKPOINT
"""

import io
import sys
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np
from conftest import ROOT
from pages import Server, predict
from PIL import Image

sys.path.insert(0, str(ROOT / "inference"))
from predictor import Predictor

ROUNDS = 50


def picture() -> bytes:
    """A JPEG of 1.0 megapixels and about 160 KB: enlarged noise has edges and surfaces, as a photo has."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (72, 96, 3), np.uint8))
    buffer = io.BytesIO()
    noise.resize((1152, 868), Image.BICUBIC).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def milliseconds(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - start)


def main(checkpoint: str) -> None:
    data = picture()
    predictor = Predictor(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture.jpg"
        file.write_bytes(data)
        start = time.perf_counter()
        with Server(CHECKPOINT=str(Path(checkpoint).resolve())) as server:
            print(f"from the start to GET / 200: {time.perf_counter() - start:.1f} s")
            with httpx.Client(base_url=server.url, timeout=60) as client:
                rounds = [
                    (milliseconds(predict, client, file), milliseconds(predictor.answer, data)) for _ in range(ROUNDS)
                ]
    print(f"JPEG of 1152 x 868 pixels, {len(data) / 1000:.0f} KB, {ROUNDS} rounds; median (10 % to 90 %), ms")
    for what, values in zip(
        ("upload, question and answer through HTTP", "the answer itself, from bytes"), np.array(rounds[5:]).T
    ):
        low, median, high = np.percentile(values, (10, 50, 90))
        print(f"{what}: {median:.0f} ({low:.0f} to {high:.0f})")


if __name__ == "__main__":
    main(sys.argv[1])
