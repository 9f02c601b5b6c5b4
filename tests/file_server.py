"""A web server of a test's own: serves files with ranges and validators, breaks connections, redirects, or says nonsense."""

import hashlib
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, List, Tuple
from urllib.parse import unquote, urlsplit

from mobilenetv2.data.download import Source


class Files(ThreadingHTTPServer):
    """content: path -> bytes. headers: path -> more of them. moved: path -> where it redirects to. requests: (path, Range or "").
    breaks: after how many bytes each answer ends; 0: never. ranges: whether it can begin in the middle. sized: whether it says
    how long a file is."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content: Dict[str, bytes] = {}
        self.headers: Dict[str, Dict[str, str]] = {}
        self.moved: Dict[str, str] = {}
        self.requests: List[Tuple[str, str]] = []
        self.breaks, self.ranges, self.sized = 0, True, True
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()  # looks so often whether to end

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def source(self, name: str, sha256: str = "", saved_as: str = "") -> Source:
        return Source(self.url(name), sha256, saved_as)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = unquote(urlsplit(self.path).path)[1:]  # a proxy is asked for the whole address
        wanted, data = self.headers.get("Range", ""), self.server.content.get(path)
        self.server.requests.append((self.path, wanted))
        if path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[path])
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if data is None:
            return self.send_error(404)
        tag = f'"{hashlib.sha256(data).hexdigest()[:8]}"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            return self.end_headers()
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        if start >= len(data) > 0:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.sized:
            self.send_header("Content-Length", str(len(data) - start))
        self.send_header("ETag", tag)
        for name, value in self.server.headers.get(path, {}).items():
            self.send_header(name, value)
        self.end_headers()
        end = start + self.server.breaks if self.server.breaks else len(data)
        with suppress(ConnectionError):  # of a client that has seen enough
            self.wfile.write(data[start:end])
        self.close_connection = True

    def log_message(self, *_):
        pass
