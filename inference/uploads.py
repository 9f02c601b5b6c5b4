"""Uploads: which files are uploads of this page, and limits while they come in."""

import os
from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Iterator, Optional

from gradio import route_utils, routes
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException

LARGEST = 2 * 2**30  # bytes of one request
MOST = 500  # files of one request, which is those of one batch
FOLLOWED = 100  # uploads whose progress is known to the browser


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


class _Request:
    """A request that uploads files. count: those that it has opened."""

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor
        self.count = 0


class _Files:
    """Files that are being uploaded. Each has a file descriptor until its request ends."""

    def __init__(self) -> None:
        self.most = 0
        self.now = 0
        self.of_visitors: Counter[str] = Counter()
        self.request: ContextVar[_Request] = ContextVar("request")

    def add(self) -> None:
        """Raises MultiPartException if there are too many: of the request, of its visitor, or of all."""
        request = self.request.get()
        if request.count >= MOST or self.now >= self.most:
            raise MultiPartException("too many files")
        if request.visitor and self.of_visitors[request.visitor] >= min(MOST, self.most // 2):
            raise MultiPartException("too many files of this visitor")
        request.count += 1
        self.now += 1
        self.of_visitors[request.visitor] += 1

    def remove(self, request: _Request) -> None:
        """Its end."""
        self.now -= request.count
        self.of_visitors -= Counter({request.visitor: request.count})  # without what is 0 then


_files = _Files()


@contextmanager
def request_of_uploads(visitor: str) -> Iterator[None]:
    """A request that uploads files, in the task that reads it. visitor: empty for one that nothing tells from others."""
    request = _Request(visitor)
    token = _files.request.set(request)
    try:
        yield
    finally:
        _files.request.reset(token)
        _files.remove(request)


class Parser(route_utils.GradioMultiPartParser):
    """Gradio's, with limits of what it keeps in memory and of the files that it opens. What is left of an upload that ends early,
    because its visitor leaves or the disk is full, is removed at once."""

    async def parse(self) -> FormData:
        try:
            return await super().parse()
        except BaseException:
            for file in self._files_to_close_on_error:
                for end in (file.close, Path(file.name).unlink):
                    with suppress(OSError):  # Gradio has done it, or what is left to be written has no space
                        end()
            raise

    def on_headers_finished(self) -> None:
        _files.add()
        super().on_headers_finished()
        if self._current_part.file is None:  # Gradio would keep it in memory, however large
            raise MultiPartException("no file")


def too_large() -> MultiPartException:
    """Raised while an upload comes in: Gradio then removes what has come, and gives these words the status 413."""
    return MultiPartException("exceeded maximum allowed size")


def _limit_progress(kind: Any) -> None:
    """Gradio's record of progress keeps what it knows of every upload for ever, with the name that its visitor gave to it."""
    track: Any = kind.track
    is_tracked: Any = getattr(kind, "is_tracked", None)

    def forget(progress: Any) -> None:
        for known in (progress._statuses, getattr(progress, "_signals", {})):
            while len(known) >= FOLLOWED:
                del known[next(iter(known))]

    def track_and_forget(progress: Any, upload_id: str) -> None:
        forget(progress)
        track(progress, upload_id)

    async def is_tracked_and_forget(progress: Any, upload_id: str) -> bool:
        forget(progress)
        return await is_tracked(progress, upload_id)

    kind.track = track_and_forget
    if is_tracked:  # not in Gradio 4
        kind.is_tracked = is_tracked_and_forget


def limit_uploads(most: int) -> None:
    """Make Gradio take uploads with these limits. most: files at once, of all visitors."""
    _files.most = most
    for module in map(vars, (routes, route_utils)):  # Gradio has no setting for it
        module["GradioMultiPartParser"] = Parser
    _limit_progress(route_utils.FileUploadProgress)
