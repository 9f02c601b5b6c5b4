"""One file from one http or https address, into a file. The proxies of the environment (https_proxy, no_proxy) are used."""

import hashlib
import http.client
import logging
import os
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any, Dict, Optional, Union
from urllib.parse import quote, urlsplit, urlunsplit

from ..runtime.files import file_size, open_file
from ..runtime.progress import show_progress
from ..runtime.text import printable

log = logging.getLogger(__name__)

CHUNK = 2**20  # bytes that are read at a time
SECONDS = 30  # timeout of the connection, and of each read
SCHEMES = ("http", "https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but neither from the web to files, nor from encrypted connections to open ones."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in SCHEMES or (before, after) == ("https", "http"):
            raise http.client.HTTPException(f"it leads on from {before}:// to {after}://, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, _ascii(newurl))


def shown_address(url: str) -> str:
    """The address as it may be logged: what is behind the question mark is often a key, and before an @ a password."""
    address, mark, _ = re.sub("//[^/?]*@", "//...@", printable(url)).partition("?")
    return f"{address}?..." if mark else address


def open_address(url: str, headers: Dict[str, str]) -> http.client.HTTPResponse:
    """The server's answer. Raises OSError, of which HTTPError is one, and HTTPException."""
    opener = urllib.request.build_opener(_Redirects)
    try:
        request = urllib.request.Request(_ascii(url), headers={"User-Agent": "mobilenetv2-photos", **headers})
        response: http.client.HTTPResponse = opener.open(request, timeout=SECONDS)
        return response
    except (ValueError, UnicodeError) as error:  # InvalidURL, too, which is an HTTPException
        raise http.client.HTTPException(f"no address of a file ({error})") from None


def append_rest(url: str, part: Path, limit: int) -> None:
    """Append the missing bytes to `part`, at most `limit` with those that are there. Raises OSError or HTTPException."""
    have = file_size(part) if os.path.exists(part) else 0
    try:
        response = open_address(url, {"Range": f"bytes={have}-"} if have else {})
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") != f"bytes */{have}":  # 416: no bytes after this offset
            part.unlink()
            raise http.client.HTTPException("what was kept of it was longer than the file, deleted") from None
        return
    with response:
        # The server may ignore the range and send the whole file.
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0
        with open(part, "ab" if have else "wb") as stream:
            save(response, stream, have, limit, os.path.splitext(part.name)[0])


def save(response: http.client.HTTPResponse, stream: IO[bytes], have: int, limit: int, name: str) -> None:
    """Write the bytes of an answer to `stream`, which has `have` bytes of the file already. name: for the progress bar.

    Raises OSError, and HTTPException for more than `limit` bytes and for a broken connection."""
    length = response.headers.get("Content-Length", "")
    total: Optional[int] = have + int(length) if length.isdecimal() else None
    too_large = http.client.HTTPException(f"more than {limit / 2**20:,.0f} MiB, which is the limit")
    if total is not None and total > limit:
        raise too_large
    chunks = iter(lambda: response.read(CHUNK), b"")
    count = None if total is None else -(-(total - have) // CHUNK)
    for chunk in show_progress(chunks, count, f"Downloading {printable(name)} (MiB)"):
        have += len(chunk)
        if have > limit:
            raise too_large
        stream.write(chunk)
    if total is not None and have != total:
        raise http.client.HTTPException(f"the connection broke after {have} of {total} bytes")


def _ascii(url: str) -> str:
    """The address as it is sent: other letters are encoded, as browsers do it."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise ValueError("it has a user name or password in it, which is not supported")
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    path, query = (quote(text, safe="%/:=&?~+!$,;'()*[]@") for text in (parts.path, parts.query))
    return urlunsplit((parts.scheme, host, path, query, ""))


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError."""
    found = hashlib.sha256()
    with open_file(file) as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            found.update(chunk)
    return found.hexdigest()


def in_words(error: Union[OSError, http.client.HTTPException]) -> str:
    """What went wrong with the network or the disk."""
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        return printable(str(error.reason)) or "no answer"
    return printable(str(error)) or type(error).__name__


def say_waiting() -> None:
    """For `alone_in`."""
    log.info("Another run downloads; waiting until it has.")
