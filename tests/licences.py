"""The licences of all that train/ and inference/ install, by what the packages say of themselves, and their versions.

python tests/licences.py > tests/licences.txt
python tests/licences.py --versions > inference/requirements-3.11.txt
"""

import importlib.metadata
import re
import sys
from pathlib import Path
from typing import Dict, List

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FILES = ("train/train_dir/pip-requirements.txt", "inference/requirements.txt")
THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"
VERSIONS = """# The versions that the tests run with on Python 3.11: of what requirements.txt names, then of what that needs.
{}

{}"""


def required(file: Path, python: str = THIS) -> List[Requirement]:
    """What a requirements file names for a Python such as "3.11", without the files that it includes."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [one for one in found if one.marker is None or one.marker.evaluate({"python_version": python})]


def plain(name: str) -> str:
    """As package registries compare names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(package: importlib.metadata.Distribution) -> str:
    said = package.metadata
    classifiers = [
        entry.split(" :: ")[-1] for entry in said.get_all("Classifier", []) if entry.startswith("License ::")
    ]
    return said["License-Expression"] or " / ".join(classifiers) or (said["License"] or "unknown").splitlines()[0]


def licences() -> Dict[str, str]:
    """Of every package that is installed because of the two files."""
    waiting = [one for file in FILES for one in required(ROOT / file)]
    found: Dict[str, str] = {}
    while waiting:
        name = plain(waiting.pop().name)
        if name in found:
            continue
        package = importlib.metadata.distribution(name)
        found[name] = licence(package)
        needed = map(Requirement, package.requires or [])
        waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return dict(sorted(found.items()))


def versions() -> str:
    """Exact versions of these packages, in the form of a requirements file."""
    named = {plain(one.name) for file in FILES for one in required(ROOT / file)}
    parts = sorted(named), [name for name in licences() if name not in named]
    return VERSIONS.format(
        *("\n".join(f"{name}=={importlib.metadata.version(name)}" for name in part) for part in parts)
    )


if __name__ == "__main__":
    if "--versions" in sys.argv:
        print(versions())
    else:
        for name, text in licences().items():
            print(f"{name}: {text}")
