"""What an exported file says of itself: how to prepare a picture, and what the outputs mean."""

import json
from pathlib import Path
from typing import Any, Dict

from ..data.image import Preprocessing
from ..model.checkpoint import Loaded
from ..report.model_card import UNKNOWN
from ..runtime.own_files import PROGRAM

IMAGE, CONFIDENCES, LOGITS, SCORE = "image", "confidences", "logits", "neither"
# Kinds of input. Both hold pictures that are upright, cropped and resized already, as the preprocessing says.
SHAPES = {"u8": "uint8 [N, {size}, {size}, 3], RGB, 0 to 255", "f32": "float32 [N, 3, {size}, {size}], RGB, 0 to 1"}
# The input of a .ms file, whatever is asked for: what MindSpore's demo app for Android gives it. Its only output is LOGITS.
APP, APP_SHAPE = "app", "float32 [1, {size}, {size}, 3], RGB, (value / 255 - mean) / std of ImageNet"
APP_RECORD = "custom.json"
IMAGENET_MEAN, IMAGENET_STD = Preprocessing.mean, Preprocessing.std


def describe(loaded: Loaded, given: str, licence: str) -> Dict[str, Any]:
    """The metadata, for JSON. given: a key of SHAPES, or APP. licence: of the network; "" where it is not known."""
    description, network = loaded.description, loaded.network
    size, classes = description.preprocessing.size, len(description.classes)
    outputs = {
        CONFIDENCES: f"float32 [N, {classes}], 0 to 1, their sum is 1: softmax(logits / temperature)",
        LOGITS: f"float32 [N, {classes}]",
    }
    if given == APP:
        del outputs[CONFIDENCES]
    elif rejects(loaded):
        outputs[SCORE] = 'float32 [N]: above 0 for a picture of none of the classes, which is answered with "neither"'
    return {
        "format": PROGRAM,
        "classes": list(description.classes),
        "kind": description.kind,
        "preprocessing": description.preprocessing.record(),
        "inside": "network" if given == APP else "normalisation, network, temperature, softmax",
        "input": {IMAGE: {**SHAPES, APP: APP_SHAPE}[given].format(size=size)},
        "outputs": outputs,
        "temperature": description.temperature,
        "architecture": f"MobileNetV2, width {network.architecture.width:g}",
        "license": licence or UNKNOWN,
    }


def app_record(loaded: Loaded, file: Path) -> str:
    """APP_RECORD, which that app reads beside a .ms file."""
    classes = list(loaded.description.classes)
    return json.dumps({"title": " / ".join(classes[:3]), "file": file.name, "label": classes}, ensure_ascii=False)


def as_texts(metadata: Dict[str, Any]) -> Dict[str, str]:
    """For formats that hold texts alone: what is no text becomes JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in metadata.items()
    }


def rejects(loaded: Loaded) -> bool:
    """Whether any picture can be answered with "neither", so that there is an output for it."""
    return loaded.neither is not None and loaded.neither.active
