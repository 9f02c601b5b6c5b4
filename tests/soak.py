"""The page under load, and its end under load.

    python tests/soak.py --minutes 10

Visitors upload good and broken pictures, some slowly, send bodies that are too large, and drop connections in the middle of an
upload or of waiting for the answer. Every good picture must get its own answer, memory and disk must stay flat, and after SIGTERM
every question that was taken must be answered.
"""

import argparse
import http.client
import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Tuple
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
from hostile import encoded
from pages import Server, predict
from uploads import MARKER

from mobilenetv2.data import sample
from mobilenetv2.data.image import MAX_BYTES
from mobilenetv2.model.checkpoint import EMBEDDED

KEPT = 4  # seconds that uploads are kept
GROWTH = 1.05  # of memory, from the first half to the second, at most
PICTURES = 12


def body(data: bytes) -> bytes:
    """Of an upload, with the boundary `b`."""
    return b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + data + b"\r\n--b--\r\n"


def head(length: int) -> bytes:
    text = f"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n"
    return text.encode() + b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"


class Soak:
    """Visitors of one page. latency: seconds from upload to answer of good pictures."""

    def __init__(self, url: str, folder: Path):
        self._address = urlsplit(url).hostname, urlsplit(url).port
        self._url = url
        self.latency: List[float] = []
        self.counts: Counter = Counter()
        self.wrong: List[str] = []
        self.files: Dict[Path, Dict[str, float]] = {}
        with httpx.Client(base_url=url, timeout=60) as client:
            for number in range(PICTURES):
                file = folder / f"{number}.jpg"
                class_ = list(sample.CLASSES)[number % 2]
                file.write_bytes(encoded(sample.draw(class_, [True, number]), "JPEG"))
                self.files[file] = predict(client, file)["confidences"]

    def good(self, client: httpx.Client, chance: random.Random) -> None:
        file = chance.choice(list(self.files))
        start = time.monotonic()
        if predict(client, file)["confidences"] != self.files[file]:
            self.wrong.append(file.name)
        self.latency.append(time.monotonic() - start)

    def bad(self, client: httpx.Client, chance: random.Random) -> None:
        data = chance.choice(list(self.files)).read_bytes()
        path = client.post("/gradio_api/upload", files={"files": ("b.jpg", data[: chance.randrange(len(data) // 2)])})
        asked = {"data": [{"path": path.json()[0], "meta": {"_type": "gradio.FileData"}}]}
        event = client.post("/gradio_api/call/predict", json=asked).json()["event_id"]
        if '"error"' not in client.get(f"/gradio_api/call/predict/{event}").text:
            self.wrong.append("a cut picture was answered")

    def left(self, client: httpx.Client, chance: random.Random) -> None:
        """Asks, and is gone before the answer comes."""
        file = chance.choice(list(self.files))
        path = client.post("/gradio_api/upload", files={"files": ("c.jpg", file.read_bytes())}).json()[0]
        asked = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
        event = client.post("/gradio_api/call/predict", json=asked).json()["event_id"]
        with self._connected() as raw:
            raw.sendall(f"GET /gradio_api/call/predict/{event} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def dropped(self, client: httpx.Client, chance: random.Random) -> None:
        """Gone in the middle of an upload."""
        content = body(chance.randbytes(200_000))
        with self._connected() as raw:
            raw.sendall(head(len(content)) + content[: chance.randrange(len(content))])

    def slow(self, client: httpx.Client, chance: random.Random) -> None:
        """An upload that dribbles in; the answer is right all the same."""
        content = body(chance.choice(list(self.files)).read_bytes())
        with self._connected() as raw:
            raw.sendall(head(len(content)))
            for start in range(0, len(content), 1 + len(content) // 20):
                raw.sendall(content[start : start + 1 + len(content) // 20])
                time.sleep(0.1)
            if not raw.recv(100).startswith(b"HTTP/1.1 200"):
                self.wrong.append("a slow upload was refused")

    def huge(self, client: httpx.Client, chance: random.Random) -> None:
        content = body(bytes(MAX_BYTES + 2**20))
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            connection.request(
                "POST", "/gradio_api/upload", content, {"Content-Type": "multipart/form-data; boundary=b"}
            )
            if connection.getresponse().status != 413:
                self.wrong.append("a huge body was taken")
        except (BrokenPipeError, ConnectionResetError):  # refused before its end
            pass
        finally:
            connection.close()

    def visit(self, number: int, end: float) -> None:
        """One visitor after the other, until the end."""
        chance = random.Random(number)
        kinds = [self.good] * 12 + [self.bad] * 3 + [self.left] * 2 + [self.dropped] * 2 + [self.slow]
        while time.monotonic() < end:
            with httpx.Client(base_url=self._url, timeout=60) as client:
                for _ in range(5):
                    kind = self.huge if chance.random() < 0.005 else chance.choice(kinds)
                    kind(client, chance)
                    self.counts[kind.__name__] += 1

    def stopped(self, server: Server, many: int = 20) -> Tuple[int, int, float]:
        """SIGTERM while `many` questions are taken and not yet answered -> right answers, exit code, seconds until the end."""
        with ThreadPoolExecutor(many) as crowd, httpx.Client(base_url=self._url, timeout=60) as client:
            files = [chosen for chosen in self.files] * many
            paths = [
                client.post("/gradio_api/upload", files={"files": ("d.jpg", file.read_bytes())}).json()[0]
                for file in files[:many]
            ]
            asked = [{"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}]} for path in paths]
            events = list(
                crowd.map(lambda one: client.post("/gradio_api/call/predict", json=one).json()["event_id"], asked)
            )
            server.process.terminate()
            start = time.monotonic()
            texts = list(crowd.map(lambda event: client.get(f"/gradio_api/call/predict/{event}").text, events))
            refused = client.post("/gradio_api/call/predict", json=asked[0]).status_code
        answers = [json.loads(text.split("data: ", 1)[1])[0] for text in texts if text.startswith("event: complete")]
        right = sum(answer["confidences"] == self.files[file] for answer, file in zip(answers, files))
        if refused != 503:
            self.wrong.append(f"a question after SIGTERM: {refused}")
        return right, server.process.wait(60), time.monotonic() - start

    def _connected(self) -> socket.socket:
        return socket.create_connection(self._address, timeout=60)


def soak(seconds: float, visitors: int = 12) -> Tuple[Dict[str, object], List[str]]:
    """Figures, and what was wrong."""
    with tempfile.TemporaryDirectory() as name:
        folder, uploads = Path(name), Path(name) / "uploads"
        with Server(CHECKPOINT=str(EMBEDDED), UPLOAD_SECONDS=str(KEPT), GRADIO_TEMP_DIR=str(uploads)) as server:
            page, process = Soak(server.url, folder), psutil.Process(server.process.pid)
            memory, disk = [], []
            start = time.monotonic()

            def watch() -> None:
                while time.monotonic() < start + seconds:
                    time.sleep(0.5)
                    memory.append(process.memory_info().rss / 2**20)
                    disk.append(sum(len(files) for _, _, files in os.walk(uploads)))  # which folders vanish from

            watching = threading.Thread(target=watch)
            watching.start()
            with ThreadPoolExecutor(visitors) as crowd:
                list(crowd.map(lambda number: page.visit(number, start + seconds), range(visitors)))
            watching.join()
            end, left = time.monotonic() + 3 * KEPT, [""]
            while left and time.monotonic() < end:
                time.sleep(0.1)
                left = [
                    file.name
                    for file in uploads.rglob("*")
                    if file.is_file() and file.suffix != ".png" and file.name != MARKER
                ]  # not the examples
            halves = np.median(memory[len(memory) // 4 : len(memory) // 2]), np.median(memory[len(memory) // 2 :])
            right, code, ended = page.stopped(server)
    percentiles = np.percentile(page.latency, (50, 95, 99)) * 1000
    figures = {
        **page.counts,
        "latency, ms (p50, p95, p99)": [round(value) for value in percentiles],
        "memory, MiB (second quarter, second half, most)": [round(value) for value in (*halves, max(memory))],
        "uploads on disk, at most and after": [max(disk), len(left)],
        "answers after SIGTERM, exit code, seconds": [right, code, round(ended, 1)],
    }
    wrong = list(page.wrong)
    wrong += [f"memory grew: {halves}"] if halves[1] > GROWTH * halves[0] else []
    wrong += [f"uploads are left: {left[:5]}"] if left else []
    wrong += [f"after SIGTERM: {right} of 20 answers, exit code {code}"] if (right, code) != (20, 0) else []
    return figures, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="The page under load, and its end under load.")
    parser.add_argument("--minutes", type=float, default=10)
    figures, wrong = soak(60 * parser.parse_args().minutes)
    for name, value in figures.items():
        print(f"{name}: {value}")
    for line in wrong:
        print(f"WRONG: {line}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
