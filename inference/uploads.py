"""Uploads: which files are uploads of this page, and limits while they come in."""

import os
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Iterator, List, Optional

from gradio import route_utils, routes
from starlette.formparsers import MultiPartException

LARGEST = 2 * 2**30  # bytes of one request
MOST = 500  # files of one request, which is those of one batch


def uploaded(entry: Any) -> Optional[str]:
    """What a visitor sent as a picture -> the path of the uploaded file, or None if it is no upload of this page.

    An upload is a JSON object with "path", the path that the server gave it. It need not be there any more.
    """
    path = entry.get("path") if isinstance(entry, dict) else None
    folder = os.path.realpath(os.environ["GRADIO_TEMP_DIR"])
    try:
        path = os.path.realpath(path) if path and isinstance(path, str) else ""
    except ValueError:  # a null character, or half a character
        return None
    return path if path.startswith(folder + os.sep) else None


class _Files:
    """Files that are being uploaded. Each has a file descriptor until its request ends."""

    def __init__(self) -> None:
        self.most = 0
        self.now = 0
        self.of_request: ContextVar[List[int]] = ContextVar("of_request")


_files = _Files()


@contextmanager
def request_of_uploads() -> Iterator[None]:
    """A request that uploads files, in the task that reads it."""
    count = [0]
    token = _files.of_request.set(count)
    try:
        yield
    finally:
        _files.of_request.reset(token)
        _files.now -= count[0]


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's, with limits of what it keeps in memory and of the files that it opens."""

    def on_headers_finished(self) -> None:
        count = _files.of_request.get()
        if count[0] >= MOST or _files.now >= _files.most:
            raise MultiPartException("too many files")
        super().on_headers_finished()
        if self._current_part.file is None:  # Gradio would keep it in memory, however large
            raise MultiPartException("no file")
        count[0] += 1
        _files.now += 1


def too_large() -> MultiPartException:
    """Raised while an upload comes in: Gradio then removes what has come, and gives these words the status 413."""
    return MultiPartException("exceeded maximum allowed size")


def limit_uploads(most: int) -> None:
    """Make Gradio take uploads with these limits. most: files at once, of all visitors."""
    _files.most = most
    for module in map(vars, (routes, route_utils)):  # Gradio has no setting for it
        module["GradioMultiPartParser"] = Parser
