"""The checkpoint: a network, in full or quantized, and a description with everything that is needed to use it.

It is in MindSpore's checkpoint format (protobuf, no pickle), with a checksum. The description is a string entry of JSON, so
`mindspore.load_checkpoint(file)["description"]` shows it.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Tuple

import numpy as np

from ..data import thumbnails
from ..data.image import RULES, RULES_4, Preprocessing
from ..data.kind import PHOTOS
from ..data.layout import NEITHER
from ..data.unused import is_bad_name
from ..evaluation.calibration import HIGHEST, LOWEST
from ..evaluation.ood import PREFIX, OutlierDetector
from ..runtime.errors import UserError
from ..runtime.files import atomic, find_file
from ..runtime.own_files import PROGRAM
from . import quantization
from .architecture import Architecture
from .mobilenet_v2 import MobileNetV2
from .plausibility import check_normalisation, implausible
from .state import load_state_dict, state_dict
from .tensor_files import ckpt_bytes, read_tensors

KEY = "description"
VERSION = 5
# By version, the rules of the preprocessing that it states. Up to version 4, `Preprocessing.whole` is False. Version 3 states no
# rules, which were those of version 4, and no hyper-parameters.
READABLE: Dict[int, Dict[str, Any]] = {3: {}, 4: RULES_4, 5: RULES}
MAX_TEXT = 2**23  # characters of a description; with a thousand classes and 100,000 validation photos it has fewer
EMBEDDED = Path(__file__).with_name("pretrained.ckpt")  # the built-in network; docs/training.md says how it was made


@dataclass(frozen=True)
class Description:
    """The metadata of a checkpoint. It has no time, host name or absolute path: equal runs write equal bytes.

    classes: in the order of the logits. temperature: the logits are divided by it before the softmax
    (evaluation/calibration.py). metrics: of the training and validation photos. data: counts, kind, fingerprint and thumbnails
    of the photos. origin: where the initial weights came from. settings: of the run, as resolved. versions: of the packages.
    hyperparameters: by training and step, all that the run used; empty in version 3.
    """

    classes: Tuple[str, ...]
    architecture: Architecture
    preprocessing: Preprocessing
    temperature: float
    metrics: Dict[str, Any]
    data: Dict[str, Any]
    origin: Dict[str, Any]
    settings: Dict[str, Any]
    versions: Dict[str, Any]
    hyperparameters: Dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Of the pictures, see data/kind.py; a checkpoint that does not say it is of photos."""
        return str(self.data.get("kind", PHOTOS))

    def to_json(self) -> str:
        """The description as JSON, with PROGRAM, VERSION and the record of the preprocessing."""
        entries = {"format": PROGRAM, "version": VERSION, **asdict(self), "preprocessing": self.preprocessing.record()}
        return json.dumps(entries, ensure_ascii=False, indent=1, allow_nan=False)

    @classmethod
    def from_json(cls, file: Path, text: Any) -> "Description":
        """The inverse of `to_json`. file: for messages. Raises UserError for anything that this program did not write, and for a
        version that is not in READABLE."""
        try:
            if len(text) > MAX_TEXT:
                raise ValueError(f"its description has {len(text)} characters")
            entries = json.loads(text, parse_constant=_refuse)
            if entries.pop("format") != PROGRAM:
                raise ValueError("its description is of another program")
            version = entries.pop("version")
            if version not in READABLE:
                raise ValueError(
                    f"it has format version {version}, this program reads {min(READABLE)} to {VERSION}; update the program or "
                    "train again"
                )
            preprocessing = entries["preprocessing"]
            _take_rules(preprocessing, READABLE[version])
            if version > 3:
                entries["hyperparameters"] = dict(entries["hyperparameters"])
            preprocessing["whole"] = version > 4 and _is_whole(preprocessing)
            preprocessing.update(
                {name: tuple(preprocessing[name]) for name in ("mean", "std") if name in preprocessing}
            )
            entries["classes"] = tuple(entries["classes"])
            entries["architecture"] = Architecture(**entries["architecture"])
            entries["preprocessing"] = Preprocessing(**preprocessing)
            description = cls(**entries)
            description._check()
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            raise UserError(f"{file}: not a checkpoint that this program understands: {error}") from None
        return description

    def _check(self) -> None:
        """Raises ValueError unless the values that the network is built from are plausible."""
        network, preprocessing = self.architecture, self.preprocessing
        if (
            len(self.classes) < 2
            or len(set(self.classes)) < len(self.classes)
            or not all(isinstance(name, str) and name and name != NEITHER for name in self.classes)
            or any(map(is_bad_name, self.classes))
        ):
            raise ValueError(
                f"its classes are {list(self.classes)[:10]}; expected two or more different names, without control characters"
            )
        if (
            network.padding not in ("symmetric", "same")
            or not 0.1 <= network.width <= 2
            or not 0 < network.epsilon < 1
            or not (isinstance(network.last, int) and 8 <= network.last <= 1280)
        ):
            raise ValueError(f"its network is {network}")
        if not (isinstance(preprocessing.size, int) and 32 <= preprocessing.size <= 1024):
            raise ValueError(f"its preprocessing is {preprocessing}")
        check_normalisation(preprocessing.mean, preprocessing.std)
        if not (isinstance(self.temperature, float) and LOWEST <= self.temperature <= HIGHEST):
            raise ValueError(f"its temperature is {self.temperature}")
        counts = (self.metrics["val"]["correct"], self.metrics["val"]["count"], *self.data["train"].values())
        if not all(isinstance(count, int) for count in counts):
            raise ValueError("its counts are not numbers")
        thumbnails.check_description(self.data["thumbnails"])


def _refuse(constant: str) -> Any:
    """JSON has no NaN and no Infinity, though Python reads them."""
    raise ValueError(f"its description has the number {constant}")


def _take_rules(preprocessing: Dict[str, Any], rules: Dict[str, Any]) -> None:
    """Remove the rules from what a checkpoint says of its preprocessing. Raises ValueError where it has others."""
    for name, rule in rules.items():
        stated = preprocessing.pop(name, None)
        if stated != rule:
            raise ValueError(
                f"its preprocessing says {name} {str(stated)[:60]}, and this program has {str(rule)[:60]}; use the program that "
                "it came with"
            )


def _is_whole(preprocessing: Dict[str, Any]) -> bool:
    """`Preprocessing.whole`, from `least_crop`, which is removed. Raises ValueError where that is neither 0 nor the size."""
    least = preprocessing.pop("least_crop")
    if least not in (0, preprocessing["size"]):
        raise ValueError(f"its preprocessing says least_crop {str(least)[:60]} and size {preprocessing['size']}")
    return least != 0


class Loaded(NamedTuple):
    """The content of a checkpoint. network: in evaluation mode. neither: None where the checkpoint has no outlier detector."""

    network: MobileNetV2
    description: Description
    neither: Optional[OutlierDetector]


def save(
    file: Path,
    network: MobileNetV2,
    description: Description,
    neither: Optional[OutlierDetector],
    packed: Optional[Dict[str, np.ndarray]] = None,
) -> None:
    """Write the file atomically. packed: the result of `quantize_network`, to be saved in place of the network's parameters.

    Raises UserError where the file cannot be written.
    """
    arrays = {**(packed or state_dict(network)), **(neither.tensors() if neither else {})}
    content = ckpt_bytes(arrays, {KEY: description.to_json()})
    with atomic(file) as temporary:
        temporary.write_bytes(content)


def load(path: str) -> Loaded:
    """Read a checkpoint of this program, or the one in a folder.

    Raises UserError for a file that is damaged, of another program, or whose tensors are not those of its network.
    """
    file = find_file(path, (".ckpt",))
    tensors, extras, checksum = read_tensors(file)
    if KEY not in extras:
        raise UserError(
            f"{file}: a MindSpore checkpoint, but not one that this program wrote: it does not say its classes and "
            "preprocessing; train with --pretrain_url to make one from it"
        )
    if not checksum:
        raise UserError(f"{file}: its checksum is missing; the file is damaged, train again")
    description = Description.from_json(file, extras[KEY])
    extra = {name: tensors.pop(name) for name in list(tensors) if name.startswith(PREFIX)}
    packed = quantization.NAMES[0] in extras
    outputs = len(tensors.get(quantization.NAMES[2] if packed else "classifier.weight", ()))  # packed: of all layers
    if outputs < len(description.classes) or (outputs > len(description.classes) and not packed):
        raise UserError(f"{file}: it does not know as many classes as it names; the file is damaged, train again")
    network = MobileNetV2(description.architecture, len(description.classes))
    if packed:
        try:
            tensors = quantization.dequantize(network, {**tensors, **extras})
        except ValueError as error:
            raise UserError(f"{file}: {error}; the file is damaged, train again") from None
    expected = {name: parameter.shape for name, parameter in network.parameters_dict().items()}
    if {name: value.shape for name, value in tensors.items()} != expected:
        raise UserError(
            f"{file}: its tensors are not those of the network that it describes; the file is damaged, train again"
        )
    wrong = implausible(tensors)
    if wrong:
        raise UserError(f"{file}: {', '.join(wrong[:5])}; the file is damaged, train again")
    load_state_dict(network, tensors)
    try:
        neither = (
            OutlierDetector.from_tensors(extra, network.classifier.in_channels, len(description.classes))
            if extra
            else None
        )
    except ValueError as error:
        raise UserError(f"{file}: {error}; the file is damaged, train again") from None
    return Loaded(network.set_train(False), description, neither)
