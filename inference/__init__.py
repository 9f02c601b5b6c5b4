"""The commands of an installed project. Installed, this folder is the package mobilenetv2_page.

Its modules are those of scripts, which import each other by their names alone: a command puts this folder on the path, and runs
its script as `python inference/predict.py` does."""

import runpy
import sys
from pathlib import Path


def page() -> None:
    """mobilenetv2-page: as app.py."""
    _run("app")


def predict() -> None:
    """mobilenetv2-predict: as predict.py."""
    _run("predict")


def export() -> None:
    """mobilenetv2-export: as export.py."""
    _run("export")


def _run(script: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    runpy.run_module(script, run_name="__main__")
