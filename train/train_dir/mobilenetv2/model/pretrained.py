"""Pretrained weights -> network. Strict: every tensor of the backbone must fit, or one error lists all that do not."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from ..data.image import Preprocessing
from ..evaluation.ood import OutlierDetector
from ..runtime.errors import UserError
from ..runtime.files import find_file
from ..runtime.text import printable
from . import checkpoint
from .architecture import BLOCKS, Architecture
from .mobilenet_v2 import MobileNetV2
from .plausibility import check_normalisation, implausible
from .state import load_state_dict
from .tensor_files import read_tensors

OWN, BUILT_IN = "this program", "the built-in network"  # `PretrainedWeights.naming` of checkpoints
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class PretrainedWeights:
    """A pretrained backbone under this package's names, and the conventions that it was trained with.

    backbone: f32 by name. head: weight f32 [C, channels] and bias f32 [C] of the classifier, or None. naming: a key of
    _NAMINGS, or OWN. mean, std: of the pixels. size: side of the input in pixels. size, classes: None where the file does not
    say. neither: the outlier detector on the backbone's features, or None.
    """

    backbone: Dict[str, np.ndarray]
    head: Optional[Tuple[np.ndarray, np.ndarray]]
    naming: str
    architecture: Architecture
    mean: Tuple[float, float, float] = Preprocessing.mean
    std: Tuple[float, float, float] = Preprocessing.std
    size: Optional[int] = None
    classes: Optional[Tuple[str, ...]] = None
    neither: Optional[OutlierDetector] = None


@dataclass(frozen=True)
class _Naming:
    """How a project names the 52 pairs of convolution and batch normalisation, and the classifier.

    stem, last: the first and the last pair. inner, final: templates for the inner pairs of a block and for its last one. {b}
    is the block; {k} is the pair in it, counted from 0; {stage} and {repeat} say the block as the paper's table does; {role} is
    the kind of the pair's convolution, as timm calls it. norm: the four arrays of a batch normalisation. first_block: {b} of the
    first block.
    """

    stem: Tuple[str, str]
    inner: Tuple[str, str]
    final: Tuple[str, str]
    last: Tuple[str, str]
    head: Tuple[str, str]
    norm: Tuple[str, ...] = BATCH_NORM
    first_block: int = 1

    def backbone(self) -> List[str]:
        """The backbone's 260 names, in the same order for all namings."""
        pairs: List[Tuple[str, ...]] = [self.stem]
        blocks = [
            (expansion, stage, repeat)
            for stage, (expansion, _, repeats, _) in enumerate(BLOCKS)
            for repeat in range(repeats)
        ]
        for block, (expansion, stage, repeat) in enumerate(blocks, self.first_block):
            roles = ("dw", "pw") if expansion == 1 else ("pw", "dw", "pwl")
            count = len(roles)
            for k in range(count):
                templates = self.inner if k < count - 1 else self.final
                pairs.append(
                    tuple(
                        text.format(
                            **{"b": block, "k": k, "next": k + 1, "layer": 3 * k, "next_layer": 3 * k + 1},
                            **{"stage": stage, "repeat": repeat, "role": roles[k]},
                        )
                        for text in templates
                    )
                )
        return [
            name
            for convolution, norm in [*pairs, self.last]
            for name in (f"{convolution}.weight", *(f"{norm}.{part}" for part in self.norm))
        ]


_OURS = _Naming(
    stem=("features.0.0", "features.0.1"),
    inner=("features.{b}.conv.{k}.0", "features.{b}.conv.{k}.1"),
    final=("features.{b}.conv.{k}.0", "features.{b}.conv.{k}.1"),
    last=("features.18.0", "features.18.1"),
    head=("classifier.weight", "classifier.bias"),
)
_NAMINGS = {
    "torchvision": _Naming(
        stem=("features.0.0", "features.0.1"),
        inner=("features.{b}.conv.{k}.0", "features.{b}.conv.{k}.1"),
        final=("features.{b}.conv.{k}", "features.{b}.conv.{next}"),
        last=("features.18.0", "features.18.1"),
        head=("classifier.1.weight", "classifier.1.bias"),
        norm=("weight", "bias", "running_mean", "running_var"),
    ),
    "timm": _Naming(
        stem=("conv_stem", "bn1"),
        inner=("blocks.{stage}.{repeat}.conv_{role}", "blocks.{stage}.{repeat}.bn{next}"),
        final=("blocks.{stage}.{repeat}.conv_{role}", "blocks.{stage}.{repeat}.bn{next}"),
        last=("conv_head", "bn2"),
        head=("classifier.weight", "classifier.bias"),
        norm=("weight", "bias", "running_mean", "running_var"),
    ),
    "MindCV": _Naming(
        stem=("features.0", "features.1"),
        inner=("features.{b}.layers.{layer}", "features.{b}.layers.{next_layer}"),
        final=("features.{b}.layers.{layer}", "features.{b}.layers.{next_layer}"),
        last=("features.20", "features.21"),
        head=("classifier.1.weight", "classifier.1.bias"),
        first_block=3,
    ),
    "MindVision": _Naming(
        stem=("backbone.features.0.features.0", "backbone.features.0.features.1"),
        inner=("backbone.features.{b}.conv.{k}.features.0", "backbone.features.{b}.conv.{k}.features.1"),
        final=("backbone.features.{b}.conv.{k}", "backbone.features.{b}.conv.{next}"),
        last=("backbone.features.18.features.0", "backbone.features.18.features.1"),
        head=("head.classifier.weight", "head.classifier.bias"),
    ),
}


def read_pretrained(path: str, width: Optional[float] = None, last: Optional[int] = None) -> PretrainedWeights:
    """Read a file of weights, or the one in a folder. width, last: of `Architecture`; if given, those of the file must agree.

    Raises UserError with the likely cause and every tensor that is missing, unexpected, of another shape or impossible.
    """
    file = find_file(path)
    tensors, extras, _ = read_tensors(file)
    if checkpoint.KEY in extras:
        return _from_checkpoint(file, width, last)
    conventions = {
        name[len("conventions.") :]: value
        for name, value in {**tensors, **extras}.items()
        if name.startswith("conventions.")
    }
    tensors = {name: value for name, value in tensors.items() if not name.startswith("conventions.")}
    stated = _conventions(file, conventions)
    naming = max(_NAMINGS, key=lambda name: len(tensors.keys() & set(_NAMINGS[name].backbone())))
    padding, epsilon = stated.pop("padding", "symmetric"), stated.pop("epsilon", 1e-5)
    own_width, own_last = _infer_width_and_last(tensors, _NAMINGS[naming])
    architecture = Architecture(own_width, padding, epsilon, own_last)
    _check_architecture(file, architecture, width, last)
    backbone, head = _translate(file, tensors, _NAMINGS[naming], architecture)
    return PretrainedWeights(backbone, head, naming, architecture, **stated)


def align_classes(weights: PretrainedWeights, classes: Sequence[str]) -> PretrainedWeights:
    """The weights with head and detector in the order of `classes`, if they know the same ones in another; else as they are."""
    known = weights.classes
    if known is None or weights.head is None or sorted(known) != sorted(classes):
        return weights
    order = [known.index(name) for name in classes]
    head = (weights.head[0][order], weights.head[1][order])
    neither = weights.neither and weights.neither.reordered(order)
    return replace(weights, head=head, classes=tuple(classes), neither=neither)


def load_pretrained(network: MobileNetV2, weights: PretrainedWeights, classes: Sequence[str]) -> bool:
    """Put the backbone into the network, and the head if it has the same classes in the same order (`align_classes`). Returns
    whether the head was taken.

    A file that does not name its classes is taken to have the same ones if their number is the same.
    """
    values = dict(weights.backbone)
    taken = weights.head is not None and len(weights.head[1]) == len(classes)
    taken = taken and weights.classes in (None, tuple(classes))
    if weights.head is not None and taken:
        values.update(zip(_OURS.head, weights.head))
    load_state_dict(network, values)
    return taken


def _from_checkpoint(file: Path, width: Optional[float], last: Optional[int]) -> PretrainedWeights:
    """The weights and conventions of a checkpoint of this program."""
    network, description, neither = checkpoint.load(str(file))
    architecture, preprocessing = description.architecture, description.preprocessing
    _check_architecture(file, architecture, width, last)
    values = {name: parameter.asnumpy() for name, parameter in network.parameters_dict().items()}
    head = tuple(values.pop(name) for name in _OURS.head)
    return PretrainedWeights(
        values,
        head,
        OWN,
        architecture,
        preprocessing.mean,
        preprocessing.std,
        preprocessing.size,
        description.classes,
        neither,
    )


def _check_architecture(file: Path, architecture: Architecture, width: Optional[float], last: Optional[int]) -> None:
    """Raises UserError where width or last are given and are not those of the file."""
    for name, wanted in (("width", width), ("last", last)):
        own = getattr(architecture, name)
        if wanted not in (None, own):
            raise UserError(
                f"{file}: a MobileNetV2 of --{name}={own:g}, not {wanted:g}; leave it out, or begin with random numbers: "
                "--pretrain_url=random"
            )


def _infer_width_and_last(tensors: Dict[str, np.ndarray], naming: _Naming) -> Tuple[float, int]:
    """`Architecture.width` and `last`, from the shapes of the tensors; those of the paper where the shapes make no sense."""
    names = naming.backbone()
    projection, last = (len(tensors[name]) if name in tensors else 0 for name in (names[-10], names[-5]))
    width = round(projection / 320, 2)  # the last block has 320 channels at width 1.0
    if not 0.1 <= width <= 2 or last < 8:
        return Architecture.width, Architecture.last
    return width, round(last / max(1.0, width))


def _conventions(file: Path, stated: Dict[str, Any]) -> Dict[str, Any]:
    """The conventions of a file, as fields of `PretrainedWeights` and `Architecture`. Raises UserError for impossible ones."""
    result: Dict[str, Any] = {}
    try:
        if "padding" in stated:
            result["padding"] = {"same": "same", "symmetric": "symmetric"}[str(stated["padding"])]
        if "bn_epsilon" in stated:
            result["epsilon"] = float(np.float32(stated["bn_epsilon"]).reshape(()))
        for name in ("mean", "std"):
            if name in stated:
                result[name] = tuple(float(value) for value in np.broadcast_to(np.float32(stated[name]), (3,)))
        if not 0 < result.get("epsilon", 1e-5) < 1:
            raise ValueError
        check_normalisation(result.get("mean", Preprocessing.mean), result.get("std", Preprocessing.std))
    except (KeyError, ValueError, TypeError):
        raise UserError(
            f"{file}: its 'conventions.*' entries make no sense ({str(stated)[:200]}); expected padding 'same' or 'symmetric', "
            "bn_epsilon between 0 and 1, mean and std of three numbers, for pixels from 0 to 1"
        ) from None
    return result


def _translate(
    file: Path, tensors: Dict[str, np.ndarray], naming: _Naming, architecture: Architecture
) -> Tuple[Dict[str, np.ndarray], Any]:
    """The file's tensors -> backbone under this package's names, and head or None. Raises UserError unless all of them fit."""
    expected = {
        name: parameter.shape for name, parameter in MobileNetV2(architecture, classes=2).parameters_dict().items()
    }
    names = dict(zip(naming.backbone(), _OURS.backbone()))
    missing = [theirs for theirs in names if theirs not in tensors]
    other = [
        f"{theirs} {list(tensors[theirs].shape)} instead of {list(expected[ours])}"
        for theirs, ours in names.items()
        if theirs in tensors and tensors[theirs].shape != expected[ours]
    ]
    known = {*names, *naming.head}
    unexpected = [name for name in tensors if name not in known and not _optimizer_state(name, known)]
    broken = implausible({name: value for name, value in tensors.items() if name in known})
    if missing or other or unexpected or broken:
        lists = [
            _summarize("missing", missing),
            _summarize("unexpected", unexpected),
            _summarize("of another shape", other),
            _summarize("impossible", broken),
        ]
        raise UserError("\n  ".join([f"{file}: {_cause(tensors, naming, missing)}", *filter(None, lists)]))
    backbone = {ours: np.asarray(tensors[theirs], np.float32) for theirs, ours in names.items()}
    if not all(name in tensors for name in naming.head):
        return backbone, None
    weight, bias = (np.asarray(tensors[name], np.float32) for name in naming.head)
    return backbone, (weight.reshape(len(bias), -1), bias)


def _optimizer_state(name: str, known: set) -> bool:
    """Whether it is an entry such as moments.features... or global_step, which MindSpore saves with a network in training."""
    return name.split(".", 1)[-1] in known or "." not in name


def _cause(tensors: Dict[str, np.ndarray], naming: _Naming, missing: List[str]) -> str:
    """The likely cause, in words, why the tensors do not fit."""
    if 2 * len(missing) > len(naming.backbone()):
        first = ", ".join(map(_short, list(tensors)[:3])) or "none"
        return (
            f"not a MobileNetV2 with the names of {', '.join(_NAMINGS)} ({len(tensors)} tensors: {first} ...); "
            "choose other weights"
        )
    return "a MobileNetV2, but not complete as published; download it again or choose other weights"


def _summarize(what: str, names: List[str], limit: int = 5) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{what}: {', '.join(_short(name) for name in names[:limit])}{rest}" if names else ""


def _short(name: str) -> str:
    """A tensor's name as it is shown in a message."""
    return printable(name[:200])
