"""Mutated pictures, files of weights and requests against the program.

    python tests/fuzz.py --inputs 100000 --seed 0
    python tests/fuzz.py --inputs 5000 --what weights
    python tests/fuzz.py --inputs 5000 --what requests

An input follows from the seed and its number. Allowed are an answer that makes sense, and the program's own error in words.
Anything else, five seconds, or 1.5 GiB is a finding: the input is saved, and the exit code is 1. Child processes do the work, so
that a crash is seen.
"""

import argparse
import json
import multiprocessing
import multiprocessing.util
import resource
import socket
import sys
import time
from collections import Counter, deque
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Dict, List, Tuple

import httpx
import numpy as np
from conftest import ROOT, SHARED
from hostile import bmp, ckpt, encoded, encoded_array, npz, safetensors, tiff
from mutations import mutated, with_sums
from pages import FILE, Server
from PIL import Image, ImageOps, features

from mobilenetv2.checks import copy_search, shortcuts
from mobilenetv2.data import image_stats, sample
from mobilenetv2.data.augment import augmented_views
from mobilenetv2.data.image import Preprocessing, decode, preprocess, read_header
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.picture_files import FORMATS
from mobilenetv2.model import checkpoint, pretrained
from mobilenetv2.runtime.errors import UserError

SECONDS, MIB = 5, 1536  # for one input; the memory is beyond that of the program itself
SMALL = Preprocessing(size=32)
ADDRESS = "127.99.99.99", 17999  # of this machine; in requests, and nobody may fetch it


def picture_seeds() -> List[bytes]:
    """A drawing in every format and mode, and the smaller ones of the odd files."""
    drawn = sample.draw("dog", [True, 0]).resize((48, 40))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "drawn"
    grey, animated = drawn.convert("L"), {"save_all": True, "append_images": [ImageOps.mirror(drawn)]}
    made = [
        *(encoded(drawn, "JPEG", **options) for options in ({}, {"progressive": True}, {"exif": exif})),
        *(encoded(drawn.convert(mode), "JPEG") for mode in ("L", "CMYK")),
        *(encoded(drawn.convert(mode), "PNG") for mode in ("RGB", "RGBA", "LA", "1", "I;16")),
        encoded(drawn.quantize(16), "PNG", transparency=3, exif=exif),
        encoded(drawn, "PNG", **animated),
        *(encoded(drawn, "WEBP", **options) for options in ({"exif": exif}, {"lossless": True}, animated)),
        *(encoded(drawn.quantize(16), "GIF", **options) for options in ({"comment": b"drawn"}, {"interlace": 1})),
        encoded(drawn.quantize(16), "GIF", **animated),
        *(encoded(drawn.convert(mode), "BMP") for mode in ("RGB", "P", "1")),
        bmp(48, 40, b"\x10\1\x20\2\0\0" * 30 + b"\0\2\3\3\0\4\1\2\3\4\0\1"),
        *(encoded(drawn, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *(encoded(grey.convert(mode), "TIFF") for mode in ("F", "I;16", "1")),
        tiff(bytes(4096), t322=(4, 1, 32), t323=(4, 1, 32), t324=(4, 1, -1), t325=(4, 1, 4096)),
        *(encoded(drawn.convert(mode), "PPM") for mode in ("RGB", "L", "1")),
        b"P3 3 2 255\n" + b"1 2 3 " * 6,
        encoded(drawn, "MPO", **animated),
        *([encoded(drawn, "AVIF"), encoded(drawn, "AVIF", **animated)] if features.check("avif") else []),
        *([encoded(drawn, "HEIF")] if "HEIF" in FORMATS else []),
        *(encoded(drawn, "JPEG", progressive=late, restart_marker_rows=1)[:-2] for late in (False, True)),
    ]
    odd = (SHARED / "odd").glob("*.*") if SHARED.is_dir() else ()
    return made + [file.read_bytes() for file in sorted(odd) if file.stat().st_size < 60_000 and file.suffix != ".csv"]


def weight_seeds() -> List[bytes]:
    """The checkpoint that comes with the program, and files of a few tensors in every form, with and without a checksum."""
    array = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4)
    tensors = {name: ([2, 3, 4], "Float32", array.tobytes()) for name in ("features.0.0.weight", "classifier.bias")}
    said = {"conventions.padding": "same", "conventions.std": "[0.2, 0.3, 0.4]"}
    places = {
        name: {"dtype": "F32", "shape": [2, 3, 4], "data_offsets": [96 * n, 96 * n + 96]} for n, name in enumerate("ab")
    }
    return [
        checkpoint.EMBEDDED.read_bytes(),
        ckpt(**tensors),
        ckpt(False, **tensors, description=([1], "str", "{}".encode("utf-32-le"))),
        npz(
            a=encoded_array(array),
            b=encoded_array(array.astype(np.float16)),
            **{"conventions.std": encoded_array(array[0, 0])},
        ),
        safetensors({"__metadata__": said, **places}, array.tobytes() * 2),
    ]


def request_seeds() -> List[bytes]:
    """Bodies of calls, with an address and with what is no upload."""
    address = f"http://{ADDRESS[0]}:{ADDRESS[1]}/a.jpg"
    file = {"path": address, "url": address, "orig_name": "a.jpg", "is_stream": False, "meta": FILE}
    entries = (
        None,
        file,
        {**file, "path": "/etc/passwd"},
        [file, file],
        [[file]],
        address,
        "\ud800",
        1e999,
        7,
        True,
        {},
    )
    others = {
        "fn_index": 4,
        "session_hash": "abc",
        "event_id": "abc",
        "trigger_id": None,
        "event_data": None,
        "batched": True,
    }
    bodies = [{"data": [entry]} for entry in entries]
    bodies += [{"data": [file, True, "en"], **others, "fn_index": index} for index in range(8)]
    return [json.dumps(body).encode() for body in (*bodies, {"data": []}, [], others)]


class Pictures:
    """What training, check, report and page do with a picture."""

    seeds = staticmethod(picture_seeds)

    def __init__(self) -> None:
        self._stats: deque = deque(maxlen=8)

    def __call__(self, original: bytes, data: bytes, number: int) -> str:
        try:
            array = preprocess(data, SMALL)
        except ImageError as error:
            return error.kind
        assert array.shape == (3, 32, 32) and array.dtype == np.float32 and np.isfinite(array).all()
        assert min(read_header(data)[1:]) > 0
        if number % 4 == 0:
            stats = image_stats.measure_image(data, decode(data, 32))
            assert np.isfinite(stats[4:]).all() and image_stats.ImageStats.from_bytes(stats.to_bytes())[1:] == stats[1:]
            assert np.isfinite(augmented_views(data, SMALL, 0, [0, 1], True)).all()
            assert ImageOps.fit(decode(data, 64), (64, 64)).size == (64, 64)
            self._stats.append(stats)
            copy_search.find_near_duplicates([stats.thumbnail for stats in self._stats])
            shortcuts.measure_shortcuts("ab", np.arange(len(self._stats)) % 2, self._stats)
        return "pixels"


class Weights:
    """What training and page do with a file of weights."""

    seeds = staticmethod(weight_seeds)

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()

    def __call__(self, original: bytes, data: bytes, number: int) -> str:
        kind = ".npz" if data.startswith(b"PK") else ".safetensors" if data[8:9] == b"{" else ".ckpt"
        file = Path(self._folder.name) / f"w{kind}"
        file.write_bytes(data)
        outcomes = []
        for read in (pretrained.read_pretrained, checkpoint.load) if kind == ".ckpt" else (pretrained.read_pretrained,):
            try:
                read(str(file))
                outcomes.append("loaded")
            except UserError as error:
                assert "\0" not in str(error) or b"\0" in data
                outcomes.append("refused")
        harmless = data == original or (data[-17:-10] == b"crc_num" and with_sums(data) == data)  # changed on purpose
        assert "loaded" not in outcomes or harmless, "a damaged file was loaded"
        return outcomes[0]


def _parts(value: Any) -> List[Any]:
    """A JSON value, and all values in it."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(part for one in inner for part in _parts(one))]


class Requests:
    """What a page does with the body of a request: a record, or a sentence with status 4xx; and it fetches no address."""

    seeds = staticmethod(request_seeds)

    def __init__(self) -> None:
        self._listening = socket.create_server(ADDRESS)
        self._listening.setblocking(False)
        self._server = Server(CHECKPOINT=str(checkpoint.EMBEDDED)).__enter__()
        multiprocessing.util.Finalize(None, self._server.process.terminate, exitpriority=1)
        self._seeds = self.seeds()
        self._client = httpx.Client(base_url=self._server.url, timeout=60, headers={"Content-Type": "application/json"})

    def __call__(self, original: bytes, data: bytes, number: int) -> str:
        name = ("call/predict", "call/predict_batch", "queue/join", "run/predict", "cancel")[number % 5]
        data = data if number % 4 == 0 else self._exchanged(original, number)  # few changed bytes are JSON
        answer = self._client.post(f"/gradio_api/{name}", content=data)
        if answer.status_code != 200:
            assert 400 <= answer.status_code < 500 and set(answer.json()) == {"error", "detail"}, answer.text
        elif name.startswith("call/"):
            text = self._client.get(f"/gradio_api/{name}/{answer.json()['event_id']}").text
            result = json.loads(text.split("event: complete\ndata: ", 1)[1])[0]
            assert all(record["error"] for record in (result if isinstance(result, list) else [result])), result
        try:
            self._listening.accept()
        except BlockingIOError:
            return f"{name} {answer.status_code}"
        raise AssertionError("the address of a visitor was fetched")

    def _exchanged(self, original: bytes, number: int) -> bytes:
        """The same request with parts of others in place of some of its own."""
        random, body = np.random.default_rng(number), json.loads(original)
        for _ in range(random.integers(1, 4)):
            part = _parts(json.loads(self._seeds[random.integers(len(self._seeds))]))
            holders = [holder for holder in _parts(body) if holder and isinstance(holder, (dict, list))]
            if holders:
                holder = holders[random.integers(len(holders))]
                keys = list(holder) if isinstance(holder, dict) else range(len(holder))
                holder[keys[random.integers(len(keys))]] = part[random.integers(len(part))]
        return json.dumps(body).encode()


KINDS: Dict[str, Any] = {"pictures": Pictures, "weights": Weights, "requests": Requests}


def made(seeds: List[bytes], seed: int, number: int) -> Tuple[bytes, bytes]:
    return mutated(seeds, np.random.default_rng([seed, number]))


def work(kind: str, seed: int, numbers: range, current: Synchronized, outcomes: multiprocessing.Queue) -> None:
    """In a child process. current: the number of the input that is worked on."""
    target = KINDS[kind]()
    seeds = target.seeds()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    counts: Counter = Counter()
    for number in numbers:
        original, data = made(seeds, seed, number)
        current.value = number
        try:
            counts[target(original, data, number)] += 1
        except Exception as error:
            counts[f"FOUND {type(error).__name__}: {error}"[:300]] += 1
            break
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory > MIB * 1024:
            counts["FOUND memory"] += 1
            break
    outcomes.put(counts)


def fuzz(kind: str, seed: int, numbers: range, found: Path) -> Counter:
    """Work on these inputs in child processes, one after the other; files in `found` are the inputs of findings."""
    spawn = multiprocessing.get_context("spawn")
    counts: Counter = Counter()
    while numbers:
        current, outcomes = spawn.Value("l", -1), spawn.Queue()
        child = spawn.Process(target=work, args=(kind, seed, numbers, current, outcomes))
        child.start()
        last, since, why = -1, time.monotonic(), ""
        while child.is_alive() and outcomes.empty():
            child.join(0.1)
            if current.value != last:
                last, since = current.value, time.monotonic()
            elif last >= 0 and time.monotonic() - since > SECONDS:
                why = "FOUND time"
                child.kill()
                child.join()
        result = Counter() if outcomes.empty() and child.exitcode else outcomes.get(timeout=10)
        child.join()
        counts += result
        if child.exitcode and not why:
            why = f"FOUND exit code {child.exitcode}"
        if why:
            counts[why] += 1
        whole = not why and not any(name.startswith("FOUND") for name in result)
        if not whole:
            found.mkdir(parents=True, exist_ok=True)
            data = made(KINDS[kind].seeds(), seed, current.value)[1]
            (found / f"{kind}-{seed}-{current.value}").write_bytes(data)
        numbers = range(0) if whole else range(current.value + 1, numbers.stop)
    return counts


def main(arguments: List[str]) -> int:
    parser = argparse.ArgumentParser(description="Mutated pictures, files of weights and requests against the program.")
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--what", choices=KINDS, default="pictures")
    parser.add_argument("--found", type=Path, default=ROOT / "output" / "found", help="where the inputs of findings go")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    counts = fuzz(options.what, options.seed, range(options.inputs), options.found)
    print(f"{sum(counts.values())} {options.what}, seed {options.seed}, {time.monotonic() - start:.0f} s:")
    for name, count in counts.most_common():
        print(f"  {count:7d} {name}")
    return int(any(name.startswith("FOUND") for name in counts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
