"""The limits of requests: which there are, how large they may be, what may be in them, and how many may wait."""

import asyncio
import json
import logging
import re
import time
from collections import Counter
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import parse_qs

import api_inputs
from api_inputs import Refused
from page_texts import TEXTS, preferred
from starlette.requests import ClientDisconnect
from uploads import LARGEST, MOST, request_of_uploads, too_large
from visitors import VARIABLE, Proxies, neighbourhood

from mobilenetv2.data.image import MAX_BYTES
from mobilenetv2.runtime.errors import is_disk_full, reason

log = logging.getLogger(__name__)
FORWARDED = b"x-forwarded-for"
LARGEST_JSON = 2**20  # bytes
SECONDS = 30.0  # within which it must have come
LINGER = 5.0  # for which the rest of a refused body is thrown away
WAITING = 200  # calls in the queue; further ones are told to wait
WAITING_EACH = 4  # of one visitor
BATCHES, BATCHES_EACH = 20, 2  # of these, calls with many pictures
MANY = "many"  # the concurrency_id of these
POSTS = re.compile(r"(?:/gradio_api)?/(upload|queue/join|run/\w+|call/\w+|cancel|reset)/?")
FETCHES = re.compile(r"(?:/gradio_api)?/(?:proxy=|(?:file=|file/).*?://)", re.DOTALL)  # Gradio would fetch that address
EVENTS = re.compile(r"(?:/gradio_api)?/call/\w+/([^/]+)")
STREAMS = re.compile(r"(?:/gradio_api)?/queue/data/?")


class Limits:
    """ASGI middleware around the app of these Blocks."""

    def __init__(self, app: Any, blocks: Any, proxies: Proxies):
        self._app = app
        self._blocks = blocks
        self._proxies = proxies
        self._joining: Counter[Tuple[str, bool]] = Counter()  # calls that are not in the queue yet
        self._hinted = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        self._hint(scope)
        complete = scope["method"] != "POST"

        async def receive_and_note() -> Any:
            nonlocal complete
            message = await receive()
            complete = not message.get("more_body")
            return message

        try:
            await self._pass_on(scope, receive_and_note, send)
        except Refused as refused:
            await _refuse(refused, scope, send)
            # A connection that is closed while something comes in is reset, and the visitor, or a proxy, loses the answer.
            end = time.monotonic() + LINGER
            with suppress(asyncio.TimeoutError):
                while not complete:
                    await asyncio.wait_for(receive_and_note(), end - time.monotonic())
            await send({"type": "http.response.body"})

    def _hint(self, scope: Any) -> None:
        """Say once that somebody speaks for other visitors, but that nothing tells the page to believe it."""
        host = scope["client"][0] if scope.get("client") else ""
        if not self._hinted and host not in self._proxies and any(name == FORWARDED for name, _ in scope["headers"]):
            self._hinted = True
            log.warning(
                "%s sends X-Forwarded-For, as a proxy does. If it is yours, set %s=%s: until then, all of its visitors share the "
                "limits of one.",
                *(host, VARIABLE, host),
            )

    async def _pass_on(self, scope: Any, receive: Any, send: Any) -> None:
        path, root = scope["path"], scope.get("root_path", "")
        if root and path.startswith(root + "/"):
            path = path[len(root) :]
        if scope["method"] != "POST":
            event = EVENTS.fullmatch(path)
            if (
                FETCHES.match(path)
                or (event and not self._is_known(event.group(1)))
                or (STREAMS.fullmatch(path) and not self._has_asked(scope["query_string"]))
            ):
                raise Refused(404, "unknown")
            return await self._app(scope, receive, send)
        found = POSTS.fullmatch(path)
        if not found:
            raise Refused(404, "unknown")
        kind, _, name = found.group(1).partition("/")
        if kind == "upload":
            return await self._upload(scope, receive, send)
        body = api_inputs.read(await read_body(scope, receive))
        if kind in ("cancel", "reset"):
            names = {"cancel": ("session_hash", "fn_index", "event_id"), "reset": ("event_id",)}[kind]
            body = api_inputs.identity(body)
            if not set(names) <= set(body):
                raise Refused(400, "not_json")
            return await self._app(*_with_body(scope, receive, body), send)
        function = self._function(body, kind, name)
        body = api_inputs.rebuilt(body, function)
        if kind == "run":  # answered at once, and not in the queue
            return await self._app(*_with_body(scope, receive, body), send)
        with self._place_in_queue(scope, body, function.concurrency_id == MANY):
            await self._app(*_with_body(scope, receive, body), send)

    async def _upload(self, scope: Any, receive: Any, send: Any) -> None:
        if _length(scope) > LARGEST:
            raise Refused(413, "too_large_file", **_sizes())
        total = 0

        async def bounded() -> Any:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > LARGEST:
                raise too_large()
            return message

        failed = 0

        async def send_success(message: Any) -> None:
            nonlocal failed
            if message["type"] == "http.response.start" and message["status"] >= 400:
                failed = message["status"]
            if not failed:
                await send(message)

        try:
            with request_of_uploads(self._visitor(scope.get("client"), None)):
                await self._app(scope, bounded, send_success)
        except ClientDisconnect:  # or it fell silent
            raise Refused(408, "too_slow") from None
        except OSError as error:
            if not is_disk_full(error):
                raise
            log.error("An upload has no space: %s. Give GRADIO_TEMP_DIR a larger disk.", reason(error))
            raise Refused(429, "full") from None
        except (ValueError, LookupError):  # a boundary, an encoding or a name that is none
            failed = 400
        if failed:
            status = failed if failed < 500 else 400
            raise Refused(status, "too_large_file" if status == 413 else "no_files", **_sizes())

    def _function(self, body: Dict[str, Any], kind: str, name: str) -> Any:
        functions = self._blocks.fns
        if kind == "call":
            found = [function for function in functions.values() if name and function.api_name == name]
        else:
            index = body.get("fn_index")
            found = [functions[index]] if type(index) is int and index in functions else []
        if not found or (kind == "run") != (found[0].queue is False):
            raise Refused(404, "unknown")
        return found[0]

    def _is_known(self, event: str) -> bool:
        queue = self._blocks._queue
        return event in queue.pending_messages_per_session or any(
            event in events for events in list(queue.pending_event_ids_session.values())
        )

    def _has_asked(self, query: bytes) -> bool:
        """Whether the session of a stream of answers has asked anything: for any other, Gradio writes a stack into the log."""
        sessions = parse_qs(query.decode("latin-1")).get("session_hash", [""])
        return sessions[-1] in self._blocks._queue.pending_messages_per_session

    @contextmanager
    def _place_in_queue(self, scope: Any, body: Dict[str, Any], batch: bool) -> Iterator[None]:
        """While a call is brought into the queue. Raises Refused if it is full, or if this visitor waits for enough."""
        visitor = self._visitor(scope.get("client"), body.get("session_hash"))
        waiting = self._joining + Counter(
            (self._visitor(event.request.client, event.session_hash), event.concurrency_id == MANY)
            for queue in list(self._blocks._queue.event_queue_per_concurrency_id.values())
            for event in list(queue.queue)
        )
        batches = sum(count for (_, is_batch), count in waiting.items() if is_batch)
        if sum(waiting.values()) >= WAITING or (batch and batches >= BATCHES):
            raise Refused(429, "busy")
        if visitor and waiting[visitor, batch] >= (BATCHES_EACH if batch else WAITING_EACH):
            raise Refused(429, "wait", count=waiting[visitor, batch])
        self._joining[visitor, batch] += 1
        try:
            yield
        finally:
            self._joining -= Counter([(visitor, batch)])  # without what is 0 then

    def _visitor(self, client: Optional[Tuple[str, int]], session: Optional[str]) -> str:
        """The address; the session where that is the address of a proxy, which many visitors share."""
        host = client[0] if client else ""
        return (session or "") if host in self._proxies else neighbourhood(host)


async def read_body(scope: Any, receive: Any) -> bytes:
    """The body of a request. Raises Refused if it is larger than LARGEST_JSON, or has not come after SECONDS."""
    if _length(scope) > LARGEST_JSON:
        raise Refused(413, "too_large", most=LARGEST_JSON // 2**20)
    loop = asyncio.get_running_loop()
    end, pieces, size = loop.time() + SECONDS, [], 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), end - loop.time())
        except asyncio.TimeoutError:
            raise Refused(408, "too_slow") from None
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > LARGEST_JSON:
            raise Refused(413, "too_large", most=LARGEST_JSON // 2**20)
        if message["type"] == "http.disconnect":
            raise Refused(408, "too_slow")
        if not message.get("more_body"):
            return b"".join(pieces)


def _sizes() -> Dict[str, int]:
    """The limits of uploads, for the sentences about them: MiB of a file and of all, and their number."""
    return {"most": MAX_BYTES // 2**20, "total": LARGEST // 2**20, "files": MOST}


def _length(scope: Any) -> int:
    """Content-Length; 0 where there is none, as of bodies in chunks. uvicorn refuses what is no number."""
    return max([int(value) for name, value in scope["headers"] if name == b"content-length"], default=0)


def _with_body(scope: Any, receive: Any, body: Dict[str, Any]) -> Tuple[Any, Any]:
    """scope and receive of the same request with another body."""
    content: List[bytes] = [json.dumps(body).encode()]
    others = [
        pair
        for pair in scope["headers"]
        if pair[0] not in (b"content-length", b"content-type", b"transfer-encoding", b"content-encoding")
    ]
    headers = [*others, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(content[0]))]

    async def receive_body() -> Any:
        return {"type": "http.request", "body": content.pop(), "more_body": False} if content else await receive()

    return {**scope, "headers": headers}, receive_body


async def _refuse(refused: Refused, scope: Any, send: Any) -> None:
    """Send the answer, all but its end, in the language of the visitor. The browser shows "detail"; programs read "error"."""
    languages = [value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"]
    text = TEXTS[preferred(",".join(languages))][refused.key].format(**refused.values)
    content = json.dumps({"error": text, "detail": text}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    if refused.status in (408, 413):  # what is left of the body is not read
        headers.append((b"connection", b"close"))
    if refused.status == 429:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": content, "more_body": True})
