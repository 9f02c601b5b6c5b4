"""The connections of the page's server: how many there are, in all and per address, and how long they may stay silent."""

import asyncio
import logging
import socket
import time
from collections import Counter
from typing import Any, ClassVar, Dict, List, NamedTuple, Optional, Tuple

from gradio import http_server
from uvicorn.protocols.http.h11_impl import H11Protocol
from visitors import Proxies, neighbourhood

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

HEAD = 10  # seconds within which the head of a request must have come
QUEUED = 1024  # connections that the system keeps until the program accepts them
REPEATED = 60.0  # seconds in which an equal message is logged once
BUSY = "The page has too many connections. Try again in a minute.\n"


class Budget(NamedTuple):
    """What may be open at once."""

    connections: int  # in all
    each: int  # connections of one address
    backlog: int  # connections that are accepted in one go, before one above the limits is closed
    uploads: int  # files that are being uploaded, in all


def make_budget() -> Budget:
    """Raise the limit of open files as far as the system allows, and divide it."""
    files = 512 if resource is None else _raise_limit()
    connections = min(2000, files // 3)
    return Budget(connections, max(16, connections // 10), max(8, min(128, files // 32)), min(2000, files // 4))


def _raise_limit() -> int:
    """The soft limit of open files, after it was raised to the hard one, or to 65,536 where that is more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2**16 if hard == resource.RLIM_INFINITY else min(hard, 2**16)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Connection(H11Protocol):
    """A connection of uvicorn, with limits. One above them is closed at once."""

    budget: ClassVar[Budget]
    proxies: ClassVar[Proxies]
    _open: ClassVar["Counter[str]"] = Counter()  # connections by address

    _address: Optional[str] = None  # None: not counted
    _timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: Any) -> None:
        peer = transport.get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) else ""
        address = neighbourhood(host)
        full = sum(self._open.values()) >= self.budget.connections
        if full or (host not in self.proxies and self._open[address] >= self.budget.each):
            transport.write(
                b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nRetry-After: 60\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(BUSY), BUSY.encode())
            )
            transport.close()
            return
        self._address = address
        self._open[address] += 1
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        if self._address is None:
            return
        self._stop_waiting()
        self._open[self._address] -= 1
        if not self._open[self._address]:
            del self._open[self._address]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._address is None:
            return
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        before = self.cycle
        super().on_response_complete()
        if self.cycle is before and not self.transport.is_closing():
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(HEAD, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self.transport.abort()  # close() would wait for a visitor that reads nothing


class Server(http_server.Server):
    """Gradio's server with these connections."""

    def __init__(self, config: Any, *arguments: Any, **others: Any):
        config.http, config.ws, config.backlog = Connection, "none", Connection.budget.backlog
        # Clients give up connections after 5 s, uvicorn's own value, and both at once lose a request.
        config.timeout_keep_alive = HEAD
        super().__init__(config, *arguments, **others)

    async def startup(self, sockets: Optional[List[socket.socket]] = None) -> None:
        """`backlog` is how many asyncio accepts in one go, and how many the system keeps until then: those may be more."""
        await super().startup(sockets=sockets)
        for listening in (one for server in getattr(self, "servers", ()) for one in server.sockets or ()):
            with socket.fromfd(listening.fileno(), listening.family, listening.type) as same:
                same.listen(QUEUED)


class Once(logging.Filter):
    """Lets one of equal messages through in `REPEATED` seconds; the next one says how many there were. Thousands of visitors with
    the same fault would fill the disk."""

    def __init__(self) -> None:
        super().__init__()
        # message -> when it was let through, and how many were not
        self._seen: Dict[Tuple[Any, ...], Tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        key = (record.name, record.msg if isinstance(record.msg, str) else "", type(error))
        then, kept = self._seen.get(key, (-REPEATED, 0))
        if time.monotonic() - then < REPEATED:
            self._seen[key] = then, kept + 1
            return False
        self._seen[key] = time.monotonic(), 0
        if kept:
            record.msg = f"{record.getMessage()} (and {kept} more like this)"
            record.args = ()
        if len(self._seen) > 1000:
            self._seen.clear()
        return True


def limit_connections(budget: Budget, proxies: Proxies) -> None:
    """Make Gradio start its server with these limits."""
    Connection.budget, Connection.proxies = budget, proxies
    http_server.Server = Server  # type: ignore[misc]  # Gradio passes no settings on to uvicorn
    for name in ("asyncio", "uvicorn.error", "limits"):
        logging.getLogger(name).addFilter(Once())
