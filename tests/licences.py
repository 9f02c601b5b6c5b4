"""The licences of all that train/ and inference/ install, by what the packages say of themselves.

python tests/licences.py > tests/licences.txt
"""

import importlib.metadata
import re
from pathlib import Path
from typing import Dict, List

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
FILES = ("train/train_dir/pip-requirements.txt", "inference/requirements.txt")


def required(file: Path) -> List[Requirement]:
    """What a requirements file names for this Python, without the files that it includes."""
    lines = (line.split("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


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


if __name__ == "__main__":
    for name, text in licences().items():
        print(f"{name}: {text}")
