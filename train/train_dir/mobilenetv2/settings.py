"""What a run can be told. The command line is made from this one dataclass.

Platforms allow names of at most 20 characters and pass every value as an HTML-escaped string, `--name=value`; they also add
arguments of their own. An empty value means the default.
"""

import argparse
import html
import math
import re
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .errors import UserError
from .network import STAGES

# What "auto" comes to for the classifier, for fine-tuning, and for a small network trained from random numbers, without and with
# a teacher.
HEAD = {"epochs": 60, "lr": 0.001}
FINETUNE = {"epochs": 10, "lr": 0.0001}
SCRATCH = {"epochs": 15, "lr": 0.01, "image_size": 64, "width": 0.25}  # learns the drawings in under a minute
SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
DISTIL = {"epochs": 28, "lr": 0.003, "image_size": 128, "width": 0.25, "last": 384}  # under 200 kB when compact


def _auto(name: str) -> str:
    return (
        f"{HEAD[name]} for the classifier, {FINETUNE[name]} when fine-tuning, {SCRATCH[name]} from random numbers, "
        f"{DISTIL[name]} with a teacher"
    )


def _setting(
    default: Any,
    text: str,
    also: Sequence[str] = (),
    low: float = -math.inf,
    high: float = math.inf,
    choices: Sequence[str] = (),
    auto: str = "",
) -> Any:
    """A field. auto: what None, written "auto" on the command line, comes to."""
    return field(default=default, metadata=dict(text=text, also=also, low=low, high=high, choices=choices, auto=auto))


@dataclass(frozen=True)
class Settings:
    output_path: str = _setting(
        "output", "folder for the checkpoint, the metrics and the log", ("out_path", "train_url")
    )
    data_url: str = _setting(
        "",
        "folder of photos: train/ and val/ with one folder per class each, or one level of class folders; "
        "none: drawings made by this program",
        ("data_path", "dataset_path", "multi_data_url"),
    )
    pretrain_url: str = _setting(
        "",
        "weights to start from, a file or the folder that holds it: .ckpt of MindCV, MindVision or this program, "
        ".npz or .safetensors with torchvision's names; or 'random', for random numbers; none: the small network that "
        "comes with the program",
        ("pretrained_path", "pretrain_model_path", "ckpt_url", "model_url"),
    )
    download: bool = _setting(
        False,
        "get the tutorial's photos and ImageNet weights from MindSpore's servers into cache_dir, where data_url and "
        "pretrain_url do not name others",
    )
    teacher_url: str = _setting(
        "",
        "weights, as for pretrain_url, of a large network that learns the photos first and then teaches them to a small "
        "one, which starts from random numbers",
        ("teacher_path",),
    )
    unfreeze: int = _setting(
        0,
        f"how many of the network's {STAGES} blocks to fine-tune, counted from the last; 0 trains the classifier "
        "alone, 'all' the whole network",
        low=0,
        high=STAGES,
    )
    epochs: Optional[int] = _setting(
        None,
        "passes over the photos, at most",
        low=1,
        high=10_000,
        auto=_auto("epochs"),
    )
    batch_size: int = _setting(16, "photos per fine-tuning step", low=2, high=1024)
    lr: Optional[float] = _setting(
        None,
        "highest learning rate",
        low=1e-7,
        high=10,
        auto=_auto("lr"),
    )
    patience: int = _setting(10, "epochs without a better validation result before stopping early", low=1, high=10_000)
    views: Optional[int] = _setting(
        None,
        "how many different views of each photo the classifier learns from, the plain one included",
        low=1,
        high=100,
        auto="1,000 divided by the number of photos, at least 1, at most 10",
    )
    image_size: Optional[int] = _setting(
        None,
        "side of the network's square input in pixels",
        low=32,
        high=1024,
        auto="what the weights were made for, 224 where they do not say; {image_size} from random numbers, "
        "{teacher} with a teacher".format(**SCRATCH, teacher=DISTIL["image_size"]),
    )
    width: Optional[float] = _setting(
        None,
        "multiplier of the network's channel counts",
        low=0.1,
        high=2,
        auto="what the weights say, 1.0 where they do not; {width} from random numbers or with a teacher".format(
            **SCRATCH
        ),
    )
    last: Optional[int] = _setting(
        None,
        "channels of the network's last layer, the features that the classifier works on",
        low=8,
        high=1280,
        auto=f"what the weights say, 1280 where they do not; {DISTIL['last']} with a teacher",
    )
    compact: bool = _setting(
        False,
        "weights of 8 bits in the file, a quarter of its size; without the answer 'neither' and the nearest photos",
    )
    bad_files: str = _setting("stop", "what to do about files that cannot be read", choices=("stop", "skip"))
    leaks: str = _setting(
        "stop",
        "what to do about pictures that are in two classes, or both in train/ and val/: stop; drop the former everywhere and "
        "the latter from train/; or allow them, and with them results that promise too much",
        choices=("stop", "drop", "allow"),
    )
    check: bool = _setting(False, "only look at the photos and report what is wrong with them, without training")
    refused: float = _setting(
        0.02,
        "share of pictures of the classes that may be answered with 'neither', so that pictures of anything else are",
        low=0,
        high=0.5,
    )
    min_accuracy: float = _setting(
        0.0, "validation accuracy below which the run ends with exit code 3, after writing everything", low=0, high=1
    )
    thumbnails: int = _setting(
        64,
        "side in pixels of the training photos' thumbnails that the page shows as nearest; 0 keeps none",
        low=0,
        high=128,
    )
    language: str = _setting("en", "language of report.html", choices=("en", "zh"))
    seed: int = _setting(0, "every random choice follows from it", low=0, high=2**31 - 1)
    device_target: str = _setting(
        "auto",
        "auto takes the device MindSpore was built for, or else the CPU",
        choices=("auto", "CPU", "Ascend", "GPU"),
    )
    workers: Optional[int] = _setting(
        None, "threads that read photos", low=1, high=256, auto="the number of processors"
    )
    cache_dir: str = _setting(
        "~/.cache/mobilenetv2-photos", "folder for computed features and downloads; may be deleted at any time"
    )
    aim_repo: str = _setting("", "Aim repository to record the run in, where the package aim is installed")

    def recorded(self) -> Dict[str, Any]:
        """What of it belongs to the result: not the places on this machine, nor how much of the machine was used."""
        local = (
            *(
                "output_path",
                "data_url",
                "pretrain_url",
                "teacher_url",
                "device_target",
                "workers",
                "cache_dir",
                "aim_repo",
            ),
            *("download", "check", "min_accuracy", "language"),
        )
        return {name: value for name, value in asdict(self).items() if name not in local}


def parse(arguments: Sequence[str]) -> Tuple[Settings, List[str]]:
    """Command line -> settings, and the arguments that were ignored: unknown ones, and second values under another name.

    Raises UserError that lists every wrong value.
    """
    parser = argparse.ArgumentParser(
        description="Fine-tune MobileNetV2 on folders of photos.",
        allow_abbrev=False,
        epilog="Unknown arguments are ignored with a warning.",
    )
    for setting in fields(Settings):
        names = [f"--{name}" for name in (setting.name, *setting.metadata["also"])]
        options = {"nargs": "?", "const": "yes"} if setting.type is bool else {"metavar": _metavar(setting)}
        parser.add_argument(*names, default=[], action="append", help=_help(setting), **options)
    namespace, ignored = parser.parse_known_args(arguments)
    values, problems = {}, []
    for setting in fields(Settings):
        texts = list(
            dict.fromkeys(filter(None, (_unescape(text).strip() for text in getattr(namespace, setting.name))))
        )
        ignored += [f"--{setting.name}={text} (a second value)" for text in texts[1:]]
        for text in texts[:1]:
            try:
                values[setting.name] = _value(setting, text)
            except ValueError:
                problems.append(f"--{setting.name}={text}: expected {_expected(setting)}")
    if problems:
        raise UserError("\n".join(problems))
    return Settings(**values), ignored


def _unescape(text: str) -> str:
    """Undo HTML escaping, and only that: "a&notes" is a name, not an entity."""
    return re.sub(r"&(?:amp|lt|gt|quot|#39|#x27|#34);", lambda match: html.unescape(match.group()), text)


def _value(setting: Any, text: str) -> Any:
    limits = setting.metadata
    kind = _kind(setting)
    if kind is bool:
        if text.lower() not in SWITCH:
            raise ValueError
        return SWITCH[text.lower()]
    if kind is str:
        for choice in limits["choices"]:
            if choice.lower() == text.lower():
                return choice
        if limits["choices"]:
            raise ValueError
        return text
    if limits["auto"] and text.lower() == "auto":
        return None
    if setting.name == "unfreeze" and text.lower() == "all":
        return STAGES
    number = kind(text)
    if not limits["low"] <= number <= limits["high"]:
        raise ValueError
    return number


def _kind(setting: Any) -> type:
    return next(kind for kind in (bool, str, int, float) if setting.type in (kind, Optional[kind]))


def _metavar(setting: Any) -> str:
    return {str: "TEXT", int: "INTEGER", float: "NUMBER"}[_kind(setting)]


def _expected(setting: Any) -> str:
    limits = setting.metadata
    if setting.type is bool:
        return "yes or no"
    if limits["choices"]:
        return "one of " + ", ".join(limits["choices"])
    number = {int: "a whole number", float: "a number"}[_kind(setting)]
    words = f"{number} from {limits['low']:g} to {limits['high']:.10g}"
    return words + (" or 'auto'" if limits["auto"] else "") + (" or 'all'" if setting.name == "unfreeze" else "")


def _help(setting: Any) -> str:
    limits = setting.metadata
    default = "no" if setting.default is False else setting.default if setting.default != "" else "none"
    default = f"auto: {limits['auto']}" if limits["auto"] else default
    range_ = "" if _kind(setting) is str and not limits["choices"] else f"; {_expected(setting)}"
    return f"{limits['text']}{range_} (default: {default})".replace("%", "%%")
