"""The page under load, and its end under load.

    python tests/soak.py --minutes 10

Visitors upload good and broken pictures, some slowly, send bodies that are too large, and drop connections in the middle of an
upload or of waiting for the answer. Hostile ones, of other addresses, hold hundreds of connections, send JSON without end, ask
more than they may, and ask about addresses, paths and worse. Every good picture must get its own answer, memory and disk must
stay flat, the log short, and after SIGTERM every question that was taken must be answered.
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
from typing import Any, Dict, List, Tuple
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
from hostile import encoded
from page_folder import MARKER
from pages import FILE, Server, predict

from mobilenetv2.data import sample
from mobilenetv2.data.image import MAX_BYTES
from mobilenetv2.model.checkpoint import EMBEDDED

KEPT = 4  # seconds that uploads are kept
GROWTH = 1.05  # of memory, from the second quarter to the second half, at most
DISK = 1.5  # of the files on disk, likewise
LOG = 2**20  # bytes of log at most
PICTURES = 12
HOSTILE = 4  # visitors, one of each kind


ODD: List[Any] = [
    *(
        [entry]
        for entry in (None, "photo.jpg", "data:image/jpeg;base64,AAAA", 5, [], {}, [[[]]], [None, "x"], "\ud800")
    ),
    *(
        [{"path": path, "meta": FILE}]
        for path in ("http://127.0.0.1:1/a.jpg", "/etc/passwd", "a\0b", "", 5, None, ["a"])
    ),
    *([], [None, None], {"a": 1}, "x", None),
]


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

    def idle(self, client: httpx.Client, chance: random.Random) -> None:
        """400 connections without a request: most are refused, and the others closed."""
        address = f"127.0.0.{chance.randrange(10, 20)}"
        held = [socket.create_connection(self._address, 60, (address, 0)) for _ in range(400)]
        for raw in held:
            try:
                said = raw.recv(100)
            except ConnectionResetError:
                said = b""
            if said and not said.startswith(b"HTTP/1.1 429"):
                self.wrong.append(f"an idle connection was told {said!r}")
            raw.close()

    def endless(self, client: httpx.Client, chance: random.Random) -> None:
        """JSON of 200 MB, with and without its length, or what is deep or long within 1 MiB."""
        kind, piece = chance.randrange(4), b"[" + b"0," * 2**19
        bodies = [(piece for _ in range(200)), piece * 200, b"[" * 2**19, b'{"data": [[%s0]]}' % (b"0," * 100_000)]
        path = chance.choice(("call/predict", "call/predict_batch", "queue/join", "cancel"))
        try:
            answer = client.post(f"/gradio_api/{path}", content=bodies[kind], headers={"Content-Type": "text/json"})
            if answer.status_code != (413 if kind < 2 else 400):
                self.wrong.append(f"an endless body: {answer.status_code}")
        except httpx.TransportError:  # refused before its end
            if kind >= 2:
                self.wrong.append("an endless body: no answer")

    def greedy(self, client: httpx.Client, chance: random.Random) -> None:
        """Asks 40 times at once, and for batches; waits for what is taken."""
        data = chance.choice(list(self.files)).read_bytes()
        path = client.post("/gradio_api/upload", files={"files": ("g.jpg", data)}).json()[0]
        file = {"path": path, "meta": FILE}
        asked = [("predict", file)] * 40 + [("predict_batch", [file] * 50)] * 5
        with ThreadPoolExecutor(20) as crowd:
            answers = list(
                crowd.map(lambda one: client.post(f"/gradio_api/call/{one[0]}", json={"data": [one[1]]}), asked)
            )
            for (name, _), answer in zip(asked, answers):
                if answer.status_code == 429:
                    self.counts["told to wait"] += 1
                elif '"label"' not in client.get(f"/gradio_api/call/{name}/{answer.json()['event_id']}").text:
                    self.wrong.append(f"a {name} that was taken has no answer")

    def odd(self, client: httpx.Client, chance: random.Random) -> None:
        """Asks about what is no upload: a record with an error, or status 4xx with one."""
        name = chance.choice(("predict", "predict_batch"))
        answer = client.post(f"/gradio_api/call/{name}", content=json.dumps({"data": chance.choice(ODD)}))
        text = answer.text
        if answer.status_code == 200:
            text = client.get(f"/gradio_api/call/{name}/{answer.json()['event_id']}").text
            if "event: complete" not in text:
                self.wrong.append(text)
        if answer.status_code not in (200, 400) or '"error": "' not in text:
            self.wrong.append(f"an odd question: {answer.status_code} {text}")

    def attack(self, number: int, end: float) -> None:
        """One hostile visitor, of an address of its own."""
        chance = random.Random(number)
        kind = (self.idle, self.endless, self.greedy, self.odd)[number % 4]
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{2 + number}")
        with httpx.Client(base_url=self._url, timeout=60, transport=transport) as client:
            while time.monotonic() < end:
                kind(client, chance)
                self.counts[kind.__name__] += 1
                time.sleep(0.2)

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
        folder, uploads, log = Path(name), Path(name) / "uploads", Path(name) / "log"
        settings = {"CHECKPOINT": str(EMBEDDED), "UPLOAD_SECONDS": str(KEPT), "GRADIO_TEMP_DIR": str(uploads)}
        with Server(log=log, **settings) as server:
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
            with ThreadPoolExecutor(visitors + HOSTILE) as crowd:
                attacks = [crowd.submit(page.attack, number, start + seconds) for number in range(HOSTILE)]
                list(crowd.map(lambda number: page.visit(number, start + seconds), range(visitors)))
                for attack in attacks:
                    attack.result()
            watching.join()
            end, left = time.monotonic() + 3 * KEPT, [""]
            while left and time.monotonic() < end:
                time.sleep(0.1)
                left = [
                    file.name
                    for file in uploads.rglob("*")
                    if file.is_file() and file.suffix != ".png" and file.name != MARKER
                ]  # not the examples
            halves, disks = (
                (np.median(values[len(values) // 4 : len(values) // 2]), np.median(values[len(values) // 2 :]))
                for values in (memory, disk)
            )
            right, code, ended = page.stopped(server)
            said = log.stat().st_size
    percentiles = np.percentile(page.latency, (50, 95, 99)) * 1000
    figures = {
        **page.counts,
        "latency, ms (p50, p95, p99)": [round(value) for value in percentiles],
        "memory, MiB (second quarter, second half, most)": [round(value) for value in (*halves, max(memory))],
        "uploads on disk (second quarter, second half, most, after)": [*map(round, disks), max(disk), len(left)],
        "log, bytes": said,
        "answers after SIGTERM, exit code, seconds": [right, code, round(ended, 1)],
    }
    wrong = list(page.wrong)
    wrong += [f"memory grew: {halves}"] if halves[1] > GROWTH * halves[0] else []
    wrong += [f"uploads grew: {disks}"] if disks[1] > DISK * disks[0] else []
    wrong += [f"log: {said} bytes"] if said > LOG else []
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
