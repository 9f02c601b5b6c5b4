"""Connections: how many there may be, and how long they may stay silent."""

import logging
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import connections
import httpx
import pytest
import uvicorn
from conftest import ROOT
from connections import Budget, Connection, Once
from pages import Server, predict
from visitors import Proxies

from mobilenetv2.model.checkpoint import EMBEDDED


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.fixture
def serving(monkeypatch):
    """serving(budget): a server with these limits, as a context -> its address."""

    @contextmanager
    def serving(budget):
        monkeypatch.setattr(Connection, "budget", budget, raising=False)
        monkeypatch.setattr(Connection, "proxies", Proxies("127.0.0.1"), raising=False)
        with socket.socket() as listening:
            listening.bind(("0.0.0.0", 0))
            listening.listen()
            server = uvicorn.Server(
                uvicorn.Config(hello, http=Connection, ws="none", lifespan="off", log_level="error")
            )
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                yield ("127.0.0.1", listening.getsockname()[1])
            finally:
                server.should_exit = True
                thread.join()
        assert not Connection._open

    return serving


def connected(address, source):
    return socket.create_connection(address, timeout=30, source_address=(source, 0))


def answer(raw):
    """What comes until the server ends the connection."""
    pieces = []
    with suppress(ConnectionResetError):
        while not pieces or pieces[-1]:
            pieces.append(raw.recv(10_000))
    return b"".join(pieces)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def asked(raw):
    raw.sendall(GET)
    said = raw.recv(10_000)
    while b"200 OK" in said and not said.endswith(b"hello"):
        said += raw.recv(10_000)
    return said


def test_one_address_has_its_share_and_all_have_theirs(serving):
    with serving(Budget(connections=6, each=3, backlog=8, uploads=8)) as address:
        first = [connected(address, "127.0.0.2") for _ in range(3)]
        assert all(b"200 OK" in asked(raw) for raw in first)
        refused = connected(address, "127.0.0.2")
        assert b"429" in (said := answer(refused)) and b"too many connections" in said
        proxy = [connected(address, "127.0.0.1") for _ in range(3)]  # speaks for many, but not for more than all
        assert all(b"200 OK" in asked(raw) for raw in proxy)
        for source in ("127.0.0.1", "127.0.0.3"):
            assert b"429" in answer(connected(address, source))
        for raw in (*first, *proxy):
            raw.close()
        while Connection._open:
            time.sleep(0.01)
        again = connected(address, "127.0.0.2")
        assert b"200 OK" in asked(again)
        again.close()


def test_a_head_must_come_in_time(serving, monkeypatch):
    """The first, and that of a later request on the same connection; a long answer or a pause between whole ones does no harm."""
    monkeypatch.setattr(connections, "HEAD", 0.6)
    with serving(Budget(connections=9, each=9, backlog=8, uploads=8)) as address:
        silent, dribbling, later = (connected(address, "127.0.0.2") for _ in range(3))
        assert b"200 OK" in asked(later)
        time.sleep(0.3)
        assert b"200 OK" in asked(later)

        def dribble(raw):
            with suppress(OSError):
                for byte in GET * 9:
                    raw.sendall(bytes([byte]) if byte != 13 else b"-")  # the head never ends
                    time.sleep(0.05)

        threads = [threading.Thread(target=dribble, args=(raw,)) for raw in (dribbling, later)]
        for thread in threads:
            thread.start()
        assert [answer(raw) for raw in (silent, dribbling, later)] == [b"", b"", b""]
        for thread in threads:
            thread.join()


def test_400_idle_connections_at_256_files_do_no_harm(drawings, tmp_path):
    """Of one address, and of 100 addresses: the page goes on, and says little about it."""
    picture, log = drawings / "val" / "dog" / "dog_003.jpg", tmp_path / "log"
    with Server(CHECKPOINT=str(EMBEDDED), log=log, files=256) as server:
        address = "127.0.0.1", int(server.url.rpartition(":")[2])
        idle = [connected(address, "127.0.0.2") for _ in range(400)]
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert predict(client, picture)["label"] == "dog"
        idle += [connected(address, f"127.0.1.{1 + number % 100}") for number in range(400)]
        ends = [answer(raw) for raw in idle]  # of those within the limits, after HEAD seconds
        assert 16 <= ends.count(b"") <= 85 and all(said == b"" or b"429" in said for said in ends)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert predict(client, picture)["label"] == "dog"
        for raw in idle:
            raw.close()
    assert log.stat().st_size < 10_000, log.read_text(encoding="utf-8")[:3000]


@pytest.mark.parametrize("soft, hard, connections_", [(100, 256, 85), (100, 3000, 1000), (1024, 8192, 2000)])
def test_the_limit_of_files_is_raised(soft, hard, connections_):
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import location, connections, resource;"
        "print(connections.make_budget(), resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    command = ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", code, str(ROOT / "inference")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"connections={connections_}," in done.stdout and f"({hard}, {hard})" in done.stdout, done.stderr
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= hard


def test_equal_messages_are_logged_once_a_while(monkeypatch):
    log, said = logging.getLogger("asyncio.once"), []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    log.addHandler(handler)
    log.addFilter(Once())
    for _ in range(10_000):
        try:
            raise OSError(24, "Too many open files")
        except OSError:
            log.exception("accept: %s", "socket")
        log.error("another")
    assert said == ["accept: socket", "another"]
    monkeypatch.setattr(connections, "REPEATED", 0.0)
    log.error("another")
    assert said[2:] == ["another (and 9999 more like this)"]
