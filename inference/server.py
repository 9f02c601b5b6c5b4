"""What surrounds the page: a temporary folder of its own, and headers that keep the browser from fetching anything elsewhere."""

import os
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

# Gradio's page needs inline scripts and styles. Any site may show the page in a frame: platforms do.
POLICY = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'"


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


@contextmanager
def temporary_folder(seconds: float) -> Iterator[Path]:
    """A folder that is gone at the end. Gradio keeps uploads in its uploads/, or in the environment's GRADIO_TEMP_DIR.

    Gradio deletes uploads that are older than `seconds`; the empty folders that it leaves are removed here.
    """
    with tempfile.TemporaryDirectory(prefix="mobilenetv2-") as name:
        uploads = os.environ.setdefault("GRADIO_TEMP_DIR", os.path.join(name, "uploads"))
        threading.Thread(target=_remove_empty_folders, args=(Path(uploads), seconds), daemon=True).start()
        yield Path(name)


def _remove_empty_folders(folder: Path, seconds: float) -> None:
    while True:
        time.sleep(seconds / 2)
        for inner in folder.glob("*"):
            try:
                if time.time() - inner.stat().st_mtime > seconds:
                    inner.rmdir()
            except OSError:  # not empty, not a folder, or gone
                continue
