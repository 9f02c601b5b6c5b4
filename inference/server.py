"""The server around the page: security headers, a temporary folder, removal of uploads, and a graceful shutdown."""

import asyncio
import os
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Set

# Gradio's page needs inline scripts and styles. frame-ancestors is not limited: platforms show the page in a frame.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'"
SILENT = 30  # seconds without data after which an upload is aborted
QUIET, LONGEST = 3.0, 20.0  # shutdown: after so many seconds without a request, or so many in all


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
    """The state of the server: how many requests are running, and whether new ones are rejected."""

    def __init__(self) -> None:
        self.stopping = False
        self.running = 0
        self.last = time.monotonic()  # when the last request ended

    def finish(self) -> None:
        """Reject new POST requests, then wait until the accepted ones are answered and their results fetched."""
        self.stopping, self.last = True, time.monotonic()
        end = self.last + LONGEST
        while time.monotonic() < end and (self.running or time.monotonic() - self.last < QUIET):
            time.sleep(0.05)


class Gate:
    """ASGI middleware: counts requests, rejects new POST requests during shutdown, and aborts uploads that stall."""

    def __init__(self, app: Any, traffic: Traffic):
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # A request to /heartbeat/ lasts as long as the page is open in a browser.
        if scope["type"] != "http" or "/heartbeat/" in scope["path"]:
            return await self._app(scope, receive, send)
        if self._traffic.stopping and scope["method"] == "POST":
            headers = [(b"retry-after", b"10"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            return await send({"type": "http.response.body", "body": b"The page is about to stop."})
        complete = scope["method"] != "POST"

        async def receive_in_time() -> Any:
            nonlocal complete
            try:
                message = await (receive() if complete else asyncio.wait_for(receive(), SILENT))
            except asyncio.TimeoutError:
                return {"type": "http.disconnect"}
            complete = not message.get("more_body")
            return message

        self._traffic.running += 1
        try:
            await self._app(scope, receive_in_time, send)
        finally:
            self._traffic.running -= 1
            self._traffic.last = time.monotonic()


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end. Gradio keeps uploads in its uploads/, or in GRADIO_TEMP_DIR if that is set."""
    with tempfile.TemporaryDirectory(prefix="mobilenetv2-") as name:
        tempfile.tempdir = name  # older versions of Gradio write incomplete uploads there
        os.environ.setdefault("GRADIO_TEMP_DIR", os.path.join(name, "uploads"))
        yield Path(name)


def remove_uploads(folder: Path, seconds: float) -> None:
    """Start a thread that removes new files in the folder of uploads and in `folder` once they are older than `seconds`.

    What is there already stays. Gradio removes uploads, too, but under load it left hundreds of them; it also leaves incomplete
    uploads and empty folders.
    """
    places = {str(folder), os.environ["GRADIO_TEMP_DIR"]}
    kept = {os.path.join(place, name) for top in places for place, _, names in os.walk(top) for name in names}
    threading.Thread(target=_remove, args=(places, kept, seconds), daemon=True).start()


def _remove(tops: Set[str], kept: Set[str], seconds: float) -> None:
    """Remove old files and empty folders below `tops`, for ever. kept: files that stay, such as the examples."""
    while True:
        time.sleep(seconds / 2)
        for place, folders, names in (found for top in tops for found in os.walk(top, topdown=False)):
            for path in (os.path.join(place, name) for name in (*names, *folders)):
                try:
                    if path not in kept and time.time() - max(os.stat(path).st_mtime, os.stat(path).st_ctime) > seconds:
                        os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
                except OSError:  # not empty, or gone
                    continue
