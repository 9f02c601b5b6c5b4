"""What the program is made of: licences, versions, and that it asks nothing of the network."""

import os
import re
import subprocess
import sys

import httpx
import pytest
from conftest import ROOT, Run
from licences import FILES, THIS, licences, plain, required, versions
from packaging.requirements import Requirement
from pages import Server, predict

# Permissive, and MPL 2.0, which binds only who changes files of that package.
ACCEPTED = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|HPND|Unlicense|MPL|Mozilla Public License 2\.0"
)
PINS = ROOT / ".ci" / f"constraints-{THIS}.txt"
needs_pins = pytest.mark.skipif(not PINS.is_file(), reason="versions are pinned for Python 3.11 only")
# In every Python that finds it: whoever looks for another machine is written down, and stopped.
NO_NETWORK = """
import ipaddress, os, sys

def near(host):
    if host in (None, "", "localhost") or not isinstance(host, (str, bytes)):
        return True
    try:
        address = ipaddress.ip_address(host if isinstance(host, str) else host.decode())
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified

def watch(event, arguments):
    host = None
    if event in ("socket.connect", "socket.sendto"):
        host = arguments[1][0] if isinstance(arguments[1], tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    if not near(host):
        with open(os.environ["ASKED"], "a") as stream:
            stream.write(f"{event} {host} {sys.argv}\\n")
        raise OSError("no network here")

sys.addaudithook(watch)
"""


def test_every_dependency_has_a_licence_that_allows_this():
    for name, licence in licences().items():
        for part in re.split(r" AND | / ", licence):
            assert ACCEPTED.search(part) and "GPL" not in part, f"{name}: {licence}"


@needs_pins
def test_the_list_of_licences_is_complete():
    listed = dict(line.split(": ", 1) for line in (ROOT / "tests" / "licences.txt").read_text().splitlines())
    assert listed == licences(), "python tests/licences.py > tests/licences.txt"


@needs_pins
def test_the_versions_that_are_published_are_those_of_the_tests():
    kept = (ROOT / "inference" / f"requirements-{THIS}.txt").read_text(encoding="utf-8")
    assert kept == versions() + "\n", f"python tests/licences.py --versions > inference/requirements-{THIS}.txt"


@needs_pins
def test_pinned_versions_are_complete_and_within_the_ranges():
    lines = [line for line in PINS.read_text().splitlines() if not line.startswith("#")]
    pins = {plain(Requirement(line).name): str(Requirement(line).specifier)[2:] for line in lines}
    wanted = [one for file in (*FILES, "tests/requirements.txt") for one in required(ROOT / file)]
    for one in wanted:
        assert one.specifier.contains(pins[plain(one.name)]), one
        assert "<" in str(one.specifier) or "==" in str(one.specifier), f"{one}: no upper bound"
    assert set(licences()) - {"wheel", "setuptools", "pip"} <= set(pins)  # those are not in what pip freezes


def test_installed_packages_agree():
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_nothing_is_asked_of_the_network(drawn, tmp_path):
    """Training, page and predict.py, where every connection to another machine is refused and written down."""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(NO_NETWORK)
    asked = tmp_path / "asked"
    environment = {"PYTHONPATH": str(tmp_path / "hook"), "ASKED": str(asked)}
    picture = drawn / "sample" / "val" / "dog" / "dog_001.jpg"
    run = Run(["--epochs=2", f"--output_path={tmp_path / 'out'}", f"--cache_dir={tmp_path}"], tmp_path, **environment)
    assert run.code == 0, run.err
    run = Run([picture], tmp_path, program=ROOT / "inference" / "predict.py", **environment)
    assert run.code == 0 and "dog" in run.out, run.err
    with Server(**environment) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        assert predict(client, picture)["label"] == "dog"
        assert client.get("/config").status_code == 200
    server.process.wait()
    assert not asked.exists(), asked.read_text()
    code = "import urllib.request; urllib.request.urlopen('http://example.invalid')"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True)
    assert done.returncode == 1 and "example.invalid" in asked.read_text()  # the watch works
