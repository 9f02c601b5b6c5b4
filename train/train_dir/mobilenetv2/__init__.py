"""MobileNetV2 on folders of photos: everything that training, the page and batch prediction share.

As a library: `load` a checkpoint that answers pictures, `train` one. docs/library.md shows how. The import is cheap: MindSpore
comes with the first call."""

import os
from typing import TYPE_CHECKING, Any, List

from .runtime.streams import open_standard_streams

if TYPE_CHECKING:
    from .api import load as load
    from .api import train as train
    from .classifier import Answer as Answer
    from .classifier import Classifier as Classifier
    from .data.image_errors import ImageError as ImageError
    from .runtime.errors import UserError as UserError
    from .training_result import Mistake as Mistake
    from .training_result import TrainingResult as TrainingResult

__version__ = "5.0.0"  # the first number is that of the checkpoint's format
# What the package offers to programs, and the module that has it; that is imported when it is first asked for.
_PLACES = {
    "Answer": "classifier",
    "Classifier": "classifier",
    "ImageError": "data.image_errors",
    "Mistake": "training_result",
    "TrainingResult": "training_result",
    "UserError": "runtime.errors",
    "load": "api",
    "train": "api",
}
# MindSpore's C++ side logs warnings that no user of this package can act on; its errors stay. Read at the import of mindspore.
os.environ.setdefault("GLOG_v", "3")
open_standard_streams()  # before anything else opens files


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> List[str]:
    return sorted({*globals(), *_PLACES})
