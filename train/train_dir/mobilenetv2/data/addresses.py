"""http and https addresses of the user: their files in the cache."""

import hashlib
import http.client
import json
import logging
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Optional
from urllib.parse import unquote, urlsplit

from ..runtime.errors import UserError, is_disk_full
from ..runtime.files import alone_in, atomic, open_file, read_file, replace
from ..runtime.text import printable
from .transfer import CHUNK, SCHEMES, in_words, open_address, save, say_waiting, sha256_of, shown_address

log = logging.getLogger(__name__)

LARGEST = 2**33  # bytes of a file
RECORD = ".address.json"  # beside what an address gave
LONGEST = 100  # letters of a file name
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)  # of any kind; Windows' drives have one letter


def is_address(text: str) -> bool:
    """Whether this is an address, and no path. Raises UserError for one that is neither http nor https."""
    found = ADDRESS.match(text)
    if found and found[1].lower() not in SCHEMES:
        raise UserError(
            f"{shown_address(text)}: addresses that begin with {found[1]}:// cannot be read, only http:// and https://; copy "
            "what is there to this machine and name the file or folder"
        )
    return bool(found)


def fetch_address(url: str, folder: Path) -> Path:
    """The file at this address, in `folder`. The server is asked each time whether it has changed; where it does not answer, what
    was downloaded before is used, with a warning.

    Raises UserError."""
    place = folder / hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    shown = shown_address(url)
    try:
        with alone_in(place, say_waiting):
            known = _known(place)
            try:
                return _ask(url, place, known)
            except (OSError, http.client.HTTPException) as error:
                if not known or (isinstance(error, OSError) and is_disk_full(error)):
                    raise
                file = place / known["name"]
                if getattr(error, "code", None) == 304:
                    log.info("%s has not changed since it was downloaded, to %s.", shown, file)
                else:
                    log.warning("%s: %s. What was downloaded before is used: %s.", shown, in_words(error), file)
                return file
    except (OSError, http.client.HTTPException) as error:
        advice = "look at the address, or get the file in some other way and name it in place of the address"
        if isinstance(error, OSError) and is_disk_full(error):
            advice = "free some space or choose another --cache_dir"
        raise UserError(f"{shown}: cannot be downloaded to {place} ({in_words(error)}); {advice}") from None


def _known(place: Path) -> Dict[str, Any]:
    """What is recorded of an earlier download whose file is still there; empty without one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        record: Dict[str, Any] = json.loads(read_file(place / RECORD, 2**16))
        if os.path.getsize(place / record["name"]) == record["bytes"]:
            return record
    return {}


def _ask(url: str, place: Path, known: Dict[str, Any]) -> Path:
    """Download the file unless the server says that it is the one that is known. Raises OSError, of which HTTPError 304 says so,
    or HTTPException."""
    headers = {
        header: known[key]
        for header, key in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
        if known.get(key)
    }
    with open_address(url, headers) as response:
        name = _file_name(response.headers.get_filename(), url)
        file, part = place / name, place / f".{name}.part"
        try:
            with open(part, "wb") as stream:
                save(response, stream, 0, LARGEST, name)
            _check_content(part)
            replace(part, file)
        finally:
            with suppress(OSError):
                part.unlink()
        record = {
            "name": name,
            "bytes": os.path.getsize(file),
            "etag": response.headers.get("ETag"),
            "modified": response.headers.get("Last-Modified"),
        }
    if known and known["name"] != name:
        with suppress(OSError):
            (place / known["name"]).unlink()
    with atomic(place / RECORD) as temporary:
        temporary.write_text(json.dumps(record), encoding="utf-8")
    log.info("Downloaded %s from %s, SHA-256 %s.", file, shown_address(url), sha256_of(file))
    return file


def _file_name(said: Optional[str], url: str) -> str:
    """A name for the file, of its kind: the one that the server says, or else the end of the address."""
    for text in (said or "", unquote(urlsplit(url).path)):
        name = printable(text.replace("\\", "/").rsplit("/", 1)[-1]).replace("\\", "").strip().lstrip(".")
        if name:
            stem, ending = os.path.splitext(name)
            return stem[: LONGEST - len(ending)] + ending[:LONGEST]
    return "download"


def _check_content(file: Path) -> None:
    """Raises HTTPException for a web page, which is what many addresses give in place of the file."""
    with open_file(file) as stream:
        head = stream.read(CHUNK).lstrip()[:100].lower()
    if not head:
        raise http.client.HTTPException("the file there is empty")
    if head.startswith((b"<!doctype html", b"<html")):
        raise http.client.HTTPException(
            "a web page, not a file; the address must be that of the file itself, the one of its download button"
        )
