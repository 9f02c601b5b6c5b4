"""Writes the folder of each host, installs it in a fresh environment as the host does, and asks its page. Needs the network.

python tests/published.py                    all hosts, with the built-in network
python tests/published.py --hosts docker --checkpoint output

Prints the seconds that installing and starting took. What cannot be tried here: the hosts themselves, and `docker build`, in
place of which the steps of the Dockerfile are followed.
"""

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Tuple

import httpx
from conftest import ROOT
from pages import Server, predict

from mobilenetv2.data import sample
from mobilenetv2.model.checkpoint import EMBEDDED
from mobilenetv2.runtime.files import find_file

PUBLISH = ROOT / "inference" / "publish.py"
# Before the folder's own: what the platform's image has, of what the page needs.
INSTALLED = {"modelscope": ["gradio==6.2.0"]}


def steps(dockerfile: str) -> List[Tuple[str, str]]:
    """Instructions of a Dockerfile and what follows them, without comments; continued lines in one."""
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    whole = re.sub(r"\\\n", "", "\n".join(lines)).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in whole if line.strip()]


def listed(text: str) -> List[str]:
    """What follows CMD in its form of a list, after options."""
    return json.loads(text[text.index("[") :])


def copy(folder: Path, dockerfile: List[Tuple[str, str]], target: Path) -> None:
    """What COPY does, into an empty folder."""
    target.mkdir()
    for instruction, text in dockerfile:
        if instruction == "COPY":
            *sources, place = text.split()
            for source in sources:
                if (folder / source).is_dir():
                    shutil.copytree(folder / source, target / place, dirs_exist_ok=True)
                else:
                    shutil.copy(folder / source, target / place)


def environment(dockerfile: List[Tuple[str, str]]) -> Dict[str, str]:
    """The variables of ENV."""
    words = [word for instruction, text in dockerfile if instruction == "ENV" for word in shlex.split(text)]
    return dict(word.split("=", 1) for word in words)


def packages(host: str, folder: Path) -> List[str]:
    """What pip is told to install. Hugging Face adds packages of its own in the same step."""
    if host == "xihe":
        return ["-r", str(folder / "inference" / "requirements.txt")]
    own = ["-r", str(folder / "requirements.txt")]
    if host == "spaces":
        version = re.search(r"^sdk_version: (.*)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
        own += [f"gradio[oauth,mcp]=={version[1]}", "uvicorn>=0.14.0", "websockets>=10.4", "spaces"]
    return own


def attempt(host: str, checkpoint: str, work: Path) -> str:
    """One line of the result."""
    folder, environment_ = work / f"folder of {host}", work / f"{host}-venv"
    model = ["--model", "owner/repository"] if host == "xihe" and checkpoint != str(EMBEDDED) else []
    command = [sys.executable, str(PUBLISH), checkpoint, "--to", str(folder), "--host", host, *model]
    subprocess.run(command, check=True, capture_output=True)
    if model:  # as the platform does
        shutil.copy(find_file(checkpoint, (".ckpt",)), folder / "inference" / "mobilenetv2.ckpt")
    subprocess.run([sys.executable, "-m", "venv", str(environment_)], check=True)
    python = str(environment_ / "bin" / "python")
    began = time.perf_counter()
    for wanted in (INSTALLED.get(host), packages(host, folder)):
        if wanted:
            subprocess.run([python, "-m", "pip", "install", "-qq", *wanted], check=True)
    installed = time.perf_counter() - began
    values, health = {}, []
    if host == "docker":
        dockerfile = steps((folder / "Dockerfile").read_text(encoding="utf-8"))
        copy(folder, dockerfile, work / "image")
        folder, values, health = work / "image", environment(dockerfile), listed(dict(dockerfile)["HEALTHCHECK"])
        subprocess.run([python, "-m", "compileall", "-q", "app.py", "inference", "train"], cwd=folder, check=True)
    place = folder / "inference" if host == "xihe" else folder
    values.pop("GRADIO_SERVER_PORT", None)
    picture = work / "dog.png"
    sample.draw("dog", [True, 3]).save(picture)
    began = time.perf_counter()
    with Server(place, command=[python, "./app.py"], **values) as server:
        started = time.perf_counter() - began
        with httpx.Client(base_url=server.url, timeout=60) as client:
            answer = predict(client, picture)
        if health:
            port = {"GRADIO_SERVER_PORT": server.url.rpartition(":")[2]}
            subprocess.run([python, *health[1:]], env=port, check=True)
    code = server.process.wait()
    return (
        f"{host}: installed in {installed:.0f} s, first page after {started:.1f} s, {answer['label']}, exit code {code}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hosts", nargs="+", default=["spaces", "modelscope", "xihe", "docker"])
    parser.add_argument("--checkpoint", default=str(EMBEDDED))
    options = parser.parse_args()
    for host in options.hosts:
        with tempfile.TemporaryDirectory() as work:
            print(attempt(host, options.checkpoint, Path(work)), flush=True)


if __name__ == "__main__":
    main()
