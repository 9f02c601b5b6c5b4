"""What the page takes from its environment, and what it keeps out of it. Imported before Gradio."""

import errno
import logging
import os
import socket
from typing import List, Tuple

from mobilenetv2.runtime.errors import UserError, reason

log = logging.getLogger(__name__)
PORT = 7860
OURS = ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_ROOT_PATH", "GRADIO_TEMP_DIR")
# Gradio asks itself over HTTP whether it runs. The page asks nobody else, so no proxy and no certificate is of use to it; some
# of their values end the start, or send the question away.
OF_CLIENTS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
SET = {
    "NO_PROXY": "*",  # nor those of the system's settings
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # For /monitoring, which is off: answers between two summaries, of which Gradio would make one after each; and records kept.
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(2**40),
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}


def prepare_environment() -> List[str]:
    """Remove from this process's environment what would change the page, such as GRADIO_SHARE, which opens it to the world; then
    Gradio may be imported. Returns the names of Gradio's variables that were removed.

    Raises UserError for a port that is no number: Gradio's import would fail."""
    removed = [
        name
        for name in os.environ
        if name.startswith("GRADIO_") and os.environ[name] != SET.get(name) and name not in OURS
    ]
    for name in list(os.environ):
        if name in removed or name in OF_CLIENTS or name.lower().endswith("_proxy"):
            del os.environ[name]
        elif name in OURS and not os.environ[name].strip():
            del os.environ[name]  # empty: as if it were not set
    os.environ.update(SET)
    _port()
    return removed


def address() -> Tuple[str, int]:
    """Host and port of the page. Raises UserError unless a server can be opened there now."""
    host, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1").strip().strip("[]"), _port()
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise UserError(
            f"GRADIO_SERVER_NAME={host}: no address of this machine; leave it out, or write 0.0.0.0 for all its addresses"
        ) from None
    for family, kind, protocol, _, place in dict.fromkeys(places):
        try:
            with socket.socket(family, kind, protocol) as probe:
                if os.name == "posix":  # elsewhere it means that two may use one port
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as error:
            raise UserError(_why_not(error, host, port)) from None
    # Gradio first tries the port on LOCALHOST_NAME, in IPv4 only.
    return (f"[{host}]" if ":" in host else host), port


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return in_use(port)
    if error.errno == errno.EACCES:
        return f"GRADIO_SERVER_PORT={port}: you may not open this port; choose one above 1023"
    return f"GRADIO_SERVER_NAME={host}: cannot be used here ({reason(error)}); leave it out, or write 0.0.0.0 for all addresses"


def in_use(port: int) -> str:
    """A sentence: another program has the port."""
    return f"Port {port} is used by another program: end that one, or set GRADIO_SERVER_PORT to another number"


def _port() -> int:
    text = os.environ.get("GRADIO_SERVER_PORT", str(PORT)).strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 65535 and len(text) <= 9):
        raise UserError(f"GRADIO_SERVER_PORT={text[:50]}: expected a whole number from 1 to 65535")
    return int(text)
