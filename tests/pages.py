"""A page of its own, started as the platform does, and what a client of it needs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import httpx
from conftest import ROOT, free_port


class Server:
    """`with Server(CHECKPOINT=...) as server:` — app.py, started in its folder, host and port from the environment. The end of
    the block asks it to end, which takes it some seconds; whoever needs it to be gone waits for `process`. log: the file that
    gets its output; files: how many it may have open; command: in place of app.py by this Python."""

    def __init__(
        self,
        folder: Path = ROOT / "inference",
        arguments: Sequence[str] = (),
        log: Path = Path(os.devnull),
        files: Optional[int] = None,
        command: Sequence[str] = (sys.executable, "./app.py"),
        **environment: str,
    ):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._command = [*command, *arguments]
        if files:
            self._command = ["prlimit", f"--nofile={files}", *self._command]
        self._log = log
        self._environment = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", **environment}

    def __enter__(self) -> "Server":
        environment = {**os.environ, **self._environment}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        while True:
            try:
                assert httpx.get(self.url, timeout=60).status_code == 200
                return self
            except httpx.TransportError:
                assert self.process.poll() is None, "the page ended at its start"
                time.sleep(0.05)

    def __exit__(self, *_: Any) -> None:
        self.process.terminate()


def opened(command: str, cwd: Path, environment: Optional[Dict[str, str]] = None) -> str:
    """What the page writes on standard error that this command of a shell opens, once it has answered."""
    port = free_port()
    page = subprocess.Popen(
        ["bash", "-c", f"exec {command}"],
        cwd=cwd,
        env={**(environment or os.environ), "GRADIO_SERVER_PORT": str(port)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        for _ in range(600):
            try:
                assert httpx.get(f"http://127.0.0.1:{port}", timeout=60).status_code == 200
                break
            except httpx.TransportError:
                assert page.poll() is None, page.stderr.read()
                time.sleep(0.1)
    finally:
        page.send_signal(signal.SIGTERM)
        text = page.communicate()[1]
    return text


def call(client: httpx.Client, name: str, *data: Any) -> httpx.Response:
    """The result of an endpoint, as the server sends it."""
    event = client.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    return client.get(f"/gradio_api/call/{name}/{event}")


FILE = {"_type": "gradio.FileData"}  # what makes an object a file for Gradio


def upload(client: httpx.Client, *files: Tuple[str, bytes]) -> List[Dict[str, Any]]:
    """Upload these names and contents -> what an endpoint takes for each."""
    answer = client.post("/gradio_api/upload", files=[("files", file) for file in files])
    return [{"path": path, "meta": FILE} for path in answer.json()]


def peak(server: Server) -> float:
    """The most memory that it has had, in MiB."""
    return _memory(server, "VmHWM")


def resident(server: Server) -> float:
    """The memory that it has, in MiB."""
    return _memory(server, "VmRSS")


def _memory(server: Server, kind: str) -> float:
    text = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(text.split(f"{kind}:")[1].split()[0]) / 1024


def predict(client: httpx.Client, file: Path) -> Dict[str, Any]:
    """Upload a picture and ask about it."""
    path = client.post("/gradio_api/upload", files={"files": (file.name, file.read_bytes())}).json()[0]
    text = call(client, "predict", {"path": path, "meta": {"_type": "gradio.FileData"}}).text
    assert "event: complete\ndata: " in text, text
    return json.loads(text.split("event: complete\ndata: ", 1)[1])[0]


def trained(output: Path) -> Dict[str, Dict[str, float]]:
    """The confidences that a training run found for its validation photos, by photo and class."""
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    names = [name[len("confidence ") :] for name in rows[0] if name.startswith("confidence ")]
    return {row["photo"]: {name: float(row[f"confidence {name}"]) for name in names} for row in rows}
