"""A page of its own, started as the platform does, and what a client of it needs."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Sequence

import httpx
from conftest import ROOT, free_port


class Server:
    """`with Server(CHECKPOINT=...) as server:` — app.py, started in its folder, host and port from the environment. The end of
    the block asks it to end, which takes it some seconds; whoever needs it to be gone waits for `process`."""

    def __init__(self, folder: Path = ROOT / "inference", arguments: Sequence[str] = (), **environment: str):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._arguments = arguments
        self._environment = {"GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", **environment}

    def __enter__(self) -> "Server":
        self.process = subprocess.Popen(
            [sys.executable, "./app.py", *self._arguments],
            cwd=self._folder,
            env={**os.environ, **self._environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
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


def call(client: httpx.Client, name: str, *data: Any) -> httpx.Response:
    """The result of an endpoint, as the server sends it."""
    event = client.post(f"/gradio_api/call/{name}", json={"data": data}).json()["event_id"]
    return client.get(f"/gradio_api/call/{name}/{event}")


def predict(client: httpx.Client, file: Path) -> Dict[str, Any]:
    """Upload a picture and ask about it."""
    path = client.post("/gradio_api/upload", files={"files": (file.name, file.read_bytes())}).json()[0]
    text = call(client, "predict", {"path": path, "meta": {"_type": "gradio.FileData"}}).text
    assert text.startswith("event: complete\ndata: "), text
    return json.loads(text.split("data: ", 1)[1])[0]


def trained(output: Path) -> Dict[str, Dict[str, float]]:
    """The confidences that a training run found for its validation photos, by photo and class."""
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    names = [name[len("confidence ") :] for name in rows[0] if name.startswith("confidence ")]
    return {row["photo"]: {name: float(row[f"confidence {name}"]) for name in names} for row in rows}
