"""Pretrained weights -> network. Strict: every tensor of the backbone must fit, or one error lists all that do not."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..data.class_choice import recorded_choice
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
IMAGENET, WORDNET = 1000, re.compile(r"n\d{8}")  # number of its classes, and the names of their folders
BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True)
class PretrainedWeights:
    """A pretrained backbone under this package's names, and the conventions that it was trained with.

    backbone: f32 by name. head: weight f32 [C, channels] and bias f32 [C] of the classifier, or None. naming: a key of
    _NAMINGS, or OWN. mean, std: of the pixels. size: side of the input in pixels. size, classes: None where the file does not
    say. whole: as in `Preprocessing`. neither: the outlier detector on the backbone's features, or None. merged: the new names
    of classes by the old ones, with which a training of this program made the head.
    """

    backbone: Dict[str, np.ndarray]
    head: Optional[Tuple[np.ndarray, np.ndarray]]
    naming: str
    architecture: Architecture
    mean: Tuple[float, float, float] = Preprocessing.mean
    std: Tuple[float, float, float] = Preprocessing.std
    size: Optional[int] = None
    whole: bool = True
    classes: Optional[Tuple[str, ...]] = None
    neither: Optional[OutlierDetector] = None
    merged: Dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TakenClasses:
    """Which classes of the weights become which of a training. sources: by class of the training, the names that the weights
    have for it; none for a new one. left_out: classes of the weights that become none."""

    sources: Dict[str, Tuple[str, ...]]
    left_out: Tuple[str, ...]

    @property
    def rows(self) -> np.ndarray:
        """bool [C]: which classes of the training the weights know."""
        return np.array([bool(names) for names in self.sources.values()])

    @property
    def same(self) -> bool:
        """Whether both have the same classes under the same names."""
        return not self.left_out and all(names == (class_,) for class_, names in self.sources.items())

    def to_json(self) -> Dict[str, Any]:
        """For the description of a checkpoint."""
        return {"known": {name: list(old) for name, old in self.sources.items()}, "left_out": list(self.left_out)}


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


def align_classes(
    weights: PretrainedWeights, classes: Sequence[str], new_names: Mapping[str, str]
) -> Tuple[PretrainedWeights, Optional[TakenClasses]]:
    """The weights with head and detector of `classes`, in their order, and which they know. Rows of classes that they do not know
    are zeros, those of several classes that become one are their mean. None, and the weights as they are, if they know none.

    The built-in network knows two classes that many photos have: its head is taken for exactly these. new_names: by the old name
    of a class. A file whose training had the same new name has it already."""
    names = weights.classes
    if names is None or weights.head is None:
        return weights, None
    merges = {old: new for old, new in new_names.items() if weights.merged.get(old) != new}
    becomes = [merges.get(name, name) for name in names]
    numbers = [[number for number, name in enumerate(becomes) if name == class_] for class_ in classes]
    sources = {class_: tuple(names[number] for number in present) for class_, present in zip(classes, numbers)}
    taken = TakenClasses(sources, tuple(name for name, new in zip(names, becomes) if new not in classes))
    whole = taken.rows.all() and not taken.left_out
    if not taken.rows.any() or (weights.naming == BUILT_IN and not whole):
        return weights, None
    weight, bias = np.zeros((len(classes), weights.head[0].shape[1]), np.float32), np.zeros(len(classes), np.float32)
    for label, present in enumerate(numbers):
        if present:
            weight[label] = weights.head[0][present].mean(0)
            # Where they are alike, their confidences add up.
            bias[label] = weights.head[1][present].mean() + np.float32(np.log(len(present)))
    neither = weights.neither and weights.neither.for_classes(numbers)
    return replace(weights, head=(weight, bias), classes=tuple(classes), neither=neither), taken


def load_pretrained(network: MobileNetV2, weights: PretrainedWeights, classes: Sequence[str]) -> bool:
    """Put the backbone into the network, and the head if it has the same classes in the same order (`align_classes`). Returns
    whether the head was taken.

    A file that does not name its classes is taken to have the same ones if their number is the same; one of IMAGENET classes, if
    the classes have the names that ImageNet's folders have.
    """
    values = dict(weights.backbone)
    taken = weights.head is not None and len(weights.head[1]) == len(classes)
    taken = taken and weights.classes in (None, tuple(classes))
    if taken and weights.classes is None and len(classes) == IMAGENET:
        taken = all(WORDNET.fullmatch(name) for name in classes)
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
        preprocessing.whole,
        description.classes,
        neither,
        recorded_choice(description.settings).new_names,
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
