"""The page: its start, and an answer with and without what is around it."""

import sys
import time
from pathlib import Path
from typing import Any, Callable, List

import httpx
from bench import HERE, Bench, say
from jobs import ours
from table import Part

sys.path += [str(HERE.parent), str(HERE.parents[1] / "inference")]

from pages import Server, predict

STARTS, ANSWERS = 3, 30


def page(bench: Bench) -> List[Part]:
    say("page: a checkpoint for it, then its start and its answers")
    checkpoint = str(ours(bench, bench.photos)[1] / "mobilenetv2.ckpt")
    photo = next(iter(sorted(Path(bench.photos, "val").glob("*/*"))))
    from mobilenetv2.classifier import Classifier  # imports MindSpore, which the other parts have no need of
    from mobilenetv2.data.image import preprocess

    classifier, data = Classifier(checkpoint), photo.read_bytes()
    preprocessing = classifier.description.preprocessing

    def bare() -> None:
        classifier._feature_maps(preprocess(data, preprocessing)[None])

    starts, rounds = [], []
    for _ in range(bench.rounds or STARTS):
        begun = time.perf_counter()
        with Server(CHECKPOINT=checkpoint) as server, httpx.Client(base_url=server.url, timeout=60) as client:
            predict(client, photo)
            starts.append(time.perf_counter() - begun)
            for _ in range(ANSWERS):
                functions = (bare, lambda: classifier.answer(data), lambda: predict(client, photo))
                rounds.append([_milliseconds(function) for function in functions])
    names = ("decoding and forward pass", "answer, from bytes", "answer over HTTP, upload included")
    answers = {name: list(values) for name, values in zip(names, zip(*rounds))}
    return [
        Part("page from its start to the first answer", "s", {"ours": starts}, {}),
        Part(f"page, a photo of {len(data) / 1000:.0f} kB", "ms", answers, {}),
    ]


def _milliseconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)
