"""What surrounds the page: a temporary folder of its own, headers that keep the browser from fetching anything elsewhere, and
an end that loses no answer."""

import asyncio
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Set

# Gradio's page needs inline scripts and styles. Any site may show the page in a frame: platforms do.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'"
SILENT = 30  # seconds without a byte after which an upload is given up
QUIET, LONGEST = 3.0, 20.0  # seconds without a request that end the page once it is to stop, and at most


class Headers:
    """ASGI middleware: security headers on every response."""

    def __init__(self, app: Any):
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self._app(scope, receive, with_headers)


class Traffic:
    """What is going on: requests that are being answered, and whether new ones are turned away."""

    def __init__(self) -> None:
        self.stopping = False
        self.running = 0
        self.last = time.monotonic()  # when a request ended

    def finish(self) -> None:
        """Turn new questions away, and wait until those that were taken have their answers, and somebody has fetched them."""
        self.stopping, self.last = True, time.monotonic()
        end = self.last + LONGEST
        while time.monotonic() < end and (self.running or time.monotonic() - self.last < QUIET):
            time.sleep(0.05)


class Gate:
    """ASGI middleware: counts requests, turns new ones away when the page stops, and gives up uploads that have fallen silent."""

    def __init__(self, app: Any, traffic: Traffic):
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if (
            scope["type"] != "http" or "/heartbeat/" in scope["path"]
        ):  # which lasts as long as somebody looks at the page
            return await self._app(scope, receive, send)
        if self._traffic.stopping and scope["method"] == "POST":
            headers = [(b"retry-after", b"10"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            return await send({"type": "http.response.body", "body": b"The page is about to stop."})
        complete = scope["method"] != "POST"

        async def heard() -> Any:
            nonlocal complete
            try:
                message = await (receive() if complete else asyncio.wait_for(receive(), SILENT))
            except asyncio.TimeoutError:
                return {"type": "http.disconnect"}
            complete = not message.get("more_body")
            return message

        self._traffic.running += 1
        try:
            await self._app(scope, heard, send)
        finally:
            self._traffic.running -= 1
            self._traffic.last = time.monotonic()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone at the end. Gradio keeps uploads in its uploads/, or in the environment's GRADIO_TEMP_DIR."""
    with tempfile.TemporaryDirectory(prefix="mobilenetv2-") as name:
        tempfile.tempdir = name  # older Gradios begin uploads there
        os.environ.setdefault("GRADIO_TEMP_DIR", os.path.join(name, "uploads"))
        yield Path(name)


def remove_uploads(folder: Path, seconds: float) -> None:
    """From now on, remove what comes into the folder of uploads, or into `folder`, once it is older than `seconds`.

    Gradio does so, too, but under load it left hundreds of uploads; it also leaves what broken uploads begin, and empty folders.
    """
    places = {str(folder), os.environ["GRADIO_TEMP_DIR"]}
    kept = {os.path.join(place, name) for top in places for place, _, names in os.walk(top) for name in names}
    threading.Thread(target=_remove, args=(places, kept, seconds), daemon=True).start()


def _remove(tops: Set[str], kept: Set[str], seconds: float) -> None:
    """Examples are kept."""
    while True:
        time.sleep(seconds / 2)
        for place, folders, names in (found for top in tops for found in os.walk(top, topdown=False)):
            for path in (os.path.join(place, name) for name in (*names, *folders)):
                try:
                    if path not in kept and time.time() - max(os.stat(path).st_mtime, os.stat(path).st_ctime) > seconds:
                        os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
                except OSError:  # not empty, or gone
                    continue
