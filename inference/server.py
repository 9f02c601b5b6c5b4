"""The server around the page: security headers, and a graceful shutdown."""

import asyncio
import time
from typing import Any

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
