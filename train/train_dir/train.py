"""Fine-tune MobileNetV2 on folders of photos.

    python train.py                                              # drawings made by this program, under a minute
    python train.py --data_url photos --pretrain_url weights.ckpt --output_path out

Leaves mobilenetv2.ckpt, metrics.json, validation.csv and train.log in the output folder. Exit code 0: the checkpoint is written;
2: something that you can mend, said in words.
"""
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import mindspore as ms
import numpy as np

from mobilenetv2 import checkpoint, device, drawings, folder, logbook, results, weights
from mobilenetv2.cache import PhotoCache
from mobilenetv2.check import check
from mobilenetv2.errors import UserError, together
from mobilenetv2.features import features, fingerprint
from mobilenetv2.finetune import finetune
from mobilenetv2.folder import PhotoSet
from mobilenetv2.forward import logits
from mobilenetv2.head import train_head
from mobilenetv2.metrics import summary
from mobilenetv2.network import STAGES, Architecture, MobileNetV2
from mobilenetv2.pixels import Preprocessing
from mobilenetv2.progress import Stopwatch
from mobilenetv2.settings import Settings, parse
from mobilenetv2.tracking import Tracker

HEAD = dict(epochs=60, lr=0.03)
FINETUNE = dict(epochs=10, lr=0.003)
SCRATCH = dict(epochs=30, lr=0.05, image_size=96, width=0.25)  # what drawings of dogs and croissants need, in under a minute


def train(settings: Settings, output: Path, log: Any) -> None:
    """The whole recipe, top to bottom: data, network, classifier, fine-tuning, files."""
    watch = Stopwatch()
    settings = replace(settings, workers=settings.workers or os.cpu_count())
    target = device.choose(settings.device_target)
    ms.set_seed(settings.seed)
    with watch("read"):
        data, start = together(lambda: _photos(settings, output, log), lambda: _weights(settings, log))
        settings, architecture, preprocessing = _resolve(settings, start)
        cache = PhotoCache(settings.cache_dir)
        data = check(data, preprocessing.size, cache, settings.workers, settings.bad_files)
        train_photos, val_photos = data.split("train"), data.split("val")
        labels, val_labels = (np.array([photo.label for photo in photos], np.int32) for photos in (train_photos, val_photos))
        settings = replace(settings, views=settings.views or min(10, max(2, 1500 // len(train_photos))))
    log.info("Photos: %s to train, %s to validate.", data.counts("train"), data.counts("val"))

    network = MobileNetV2(architecture, len(data.classes))
    origin: Dict[str, Any] = {"weights": "random numbers"}
    tracker = Tracker(settings.aim_repo, settings.recorded())
    history: Dict[str, List[Dict[str, Any]]] = {}
    if start:
        taken = weights.initialise(network, start, data.classes)
        origin = {"weights": start.naming, "backbone": fingerprint(network), "head": taken}
        log.info("Weights with the names of %s; their classifier is %s.", start.naming, "taken over" if taken else "left out: it is of other classes")
        with watch("features"):
            val_features = features(network, val_photos, preprocessing, cache, workers=settings.workers)[:, 0]
            train_features = features(network, train_photos, preprocessing, cache, settings.views, settings.seed, settings.workers)
        with watch("head"):
            plan = HEAD if settings.unfreeze else dict(epochs=settings.epochs, lr=settings.lr)
            history["head"] = train_head(network.classifier, train_features, labels, val_features, val_labels, patience=settings.patience,
                                         seed=settings.seed, record=lambda row: tracker.epoch("head", row), **plan)
            answers = {"train": network.classifier(ms.Tensor(train_features[:, 0])).asnumpy(),
                       "val": network.classifier(ms.Tensor(val_features)).asnumpy()}
    if settings.unfreeze:
        with watch("finetune"):
            history["finetune"] = finetune(network, train_photos, val_photos, preprocessing, settings.unfreeze, frozen_statistics=start is not None,
                                           epochs=settings.epochs, batch_size=settings.batch_size, lr=settings.lr, patience=settings.patience,
                                           seed=settings.seed, workers=settings.workers, record=lambda row: tracker.epoch("finetune", row))
            answers = {name: logits(network, photos, preprocessing, settings.workers, f"Final answers, {name}")
                       for name, photos in (("train", train_photos), ("val", val_photos))}

    metrics = {"val": summary(answers["val"], val_labels), "train": summary(answers["train"], labels)}
    description = checkpoint.Description(
        classes=data.classes, architecture=architecture, preprocessing=preprocessing, metrics=metrics, origin=origin,
        data={"train": data.counts("train"), "val": data.counts("val"), "fingerprint": data.fingerprint()},
        settings=settings.recorded(), versions=results.versions())
    checkpoint.save(output / "mobilenetv2.ckpt", network, description)
    log.info("Validation: %d of %d right.", metrics["val"]["correct"], metrics["val"]["count"])
    log.info("Wrote %s.", output / "mobilenetv2.ckpt")
    results.write(output, description, val_photos, answers["val"], history, watch.seconds(), target)
    tracker.close()


def _photos(settings: Settings, output: Path, log: Any) -> PhotoSet:
    if settings.data_url:
        return folder.scan(settings.data_url, settings.seed)
    log.info("No --data_url: training on drawings of dogs and croissants, which are put into %s.", output / "sample")
    drawings.write_drawings(output / "sample", settings.workers)
    return folder.scan(str(output / "sample"), settings.seed)


def _weights(settings: Settings, log: Any) -> Optional[weights.Weights]:
    if settings.pretrain_url:
        return weights.read(settings.pretrain_url, settings.width)
    log.info("No --pretrain_url: a frozen network of random numbers would be of no use, so a small one is trained as a whole.")
    return None


def _resolve(settings: Settings, start: Optional[weights.Weights]) -> Tuple[Settings, Architecture, Preprocessing]:
    """Replace "auto" by numbers, and by what the weights bring along."""
    if start is None:
        defaults = dict(SCRATCH)
        settings = replace(settings, unfreeze=STAGES)
    else:
        defaults = dict(FINETUNE if settings.unfreeze else HEAD, image_size=start.size or Preprocessing.size, width=start.architecture.width)
    settings = replace(settings, **{name: value for name, value in defaults.items() if getattr(settings, name) is None})
    if start is None:
        return settings, Architecture(settings.width), Preprocessing(settings.image_size)
    return settings, start.architecture, Preprocessing(settings.image_size, start.mean, start.std)


def main(arguments: List[str]) -> int:
    """Returns the exit code."""
    log = None
    try:
        settings, unknown = parse(arguments)
        output = Path(settings.output_path).expanduser()
        log = logbook.start(output)
        if unknown:
            log.warning("Ignored arguments that this program does not know: %s", " ".join(unknown))
        train(settings, output, log)
    except UserError as error:
        if log:
            log.error("%s", error)
        else:
            print(f"ERROR: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
