"""Fine-tune MobileNetV2 on folders of photos.

    python train.py                                                # drawings made by this program, under a minute
    python train.py --data_url photos --pretrain_url weights.ckpt --output_path out
    python train.py --data_url photos --teacher_url weights.ckpt --compact        # a small network, in a small file

Leaves mobilenetv2.ckpt, report.html and the files that README.md lists in the output folder. Exit code 0: the checkpoint is
written, or the photos are checked; 2: something that you can mend, said in words; 3: the accuracy is below --min_accuracy;
130 and 143: stopped by Ctrl-C and by the system. However it was stopped, the same command goes on from there.
"""

import logging
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional

import numpy as np

from mobilenetv2 import (
    checkpoint,
    compact,
    device,
    distributed,
    download,
    drawings,
    folder,
    logbook,
    results,
    resume,
    stopping,
    thumbnails,
    weights,
)
from mobilenetv2.cache import PhotoCache
from mobilenetv2.check import check, judge
from mobilenetv2.compare import figures
from mobilenetv2.distill import distill
from mobilenetv2.errors import UserError, out_of_memory, together
from mobilenetv2.evidence import Features, gather, measures, temperature
from mobilenetv2.features import features
from mobilenetv2.files import remove_temporary, user_path
from mobilenetv2.finetune import finetune
from mobilenetv2.folder import NEITHER, Finding, PhotoSet
from mobilenetv2.forward import answered, pooled
from mobilenetv2.head import classify, train_head
from mobilenetv2.lessons import Teacher
from mobilenetv2.metrics import summary
from mobilenetv2.neither import references
from mobilenetv2.network import Architecture, MobileNetV2, assign, fingerprint
from mobilenetv2.pixels import Preprocessing
from mobilenetv2.progress import Stopwatch
from mobilenetv2.publish import publish, publish_check
from mobilenetv2.recipe import resolve, views_for
from mobilenetv2.settings import HEAD, Settings, parse
from mobilenetv2.tracking import Tracker

log = logging.getLogger(f"{logbook.NAME}.train")
BUILT_IN = "the built-in network"


def train(settings: Settings, output: Path) -> float:
    """The whole recipe, top to bottom: photos and weights, classifier, fine-tuning, evidence, files. Returns the accuracy."""
    watch = Stopwatch("read", "features", "head", "finetune", "distill", "evidence")
    device.choose(settings.device_target, settings.seed)
    with watch("read"):
        with distributed.in_turn():
            if settings.download:
                settings = with_downloads(settings)
            found, start = together(lambda: read_photos(settings, output), lambda: read_weights(settings))
        settings, architecture, preprocessing = resolve(settings, start)
        cache = PhotoCache(settings.cache_dir)
        checked = check(found, preprocessing, cache, settings)
        findings, data = list(checked.data.findings), checked.data
        tell(output, data, findings, settings)
        judge(findings, settings)
        settings = replace(settings, views=settings.views or views_for(len(data.split("train"))))
    log.info("Photos to train: %s; to validate: %s.", data.counts("train"), data.counts("val"))

    tracker = Tracker(settings.aim_repo if distributed.first() and not settings.check else "", settings.recorded())
    network = MobileNetV2(architecture, len(data.classes))
    origin, history = {"weights": "random numbers"}, {}
    if start:
        taken = weights.initialise(network, start, data.classes)
        origin = {"weights": start.naming, "backbone": fingerprint(network.features), "head": taken}
        log.info("Weights of %s, head %s.", start.naming, "taken over" if taken else "left out (other classes)")
        with watch("features"):
            compute = partial(features, network, decoded=checked.decoded, cache=cache, workers=settings.workers)
            val, strangers = (compute(data.split(split)) for split in ("val", NEITHER))
            known = Features(compute(data.split("train"), count=settings.views, seed=settings.seed), val, strangers)
    checked.decoded.clear()
    if start:
        if not settings.check:
            with watch("head"):
                plan = replace(settings, **HEAD) if settings.unfreeze or settings.teacher_url else settings
                train_features, val_features = known.train.whole, known.val.whole[:, 0]
                record = tracker.record("head")
                history["head"] = train_head(network.classifier, train_features, val_features, data, plan, record)
        with watch("evidence"):
            fresh = start.naming not in (weights.OWN, BUILT_IN)
            evidence = gather(known, checked, settings, fresh, start.head)
            findings += evidence.suspects
            tell(output, data, findings, settings)
            judge(evidence.suspects, settings)
    if settings.check:
        log.info("%s, see %s.", "Nothing was found" if not findings else "All findings", output / "report.html")
        return 1.0
    if settings.unfreeze:
        with watch("finetune"):
            pretrained = start is not None
            history["finetune"] = finetune(
                network, data, preprocessing, settings, pretrained, output, tracker.record("finetune")
            )
    comparison: Dict[str, Dict[str, Any]] = {}
    if settings.teacher_url:
        with watch("distill"):
            result = summary(classify(network.classifier, val_features), data.labels("val"))
            comparison["teacher"] = figures(network, preprocessing.size, result)
            teacher, origin = Teacher(network, preprocessing), {"weights": "random numbers", "teacher": origin}
            preprocessing = Preprocessing(settings.image_size)
            network = MobileNetV2(Architecture(settings.width, last=settings.last), len(data.classes))
            record = tracker.record("distill")
            history["distill"] = distill(network, teacher, data, preprocessing, settings, cache, output, record)
    packed = pack(network, data, preprocessing, settings) if settings.compact else None
    if settings.unfreeze or settings.teacher_url or packed:
        with watch("evidence"):
            compute = partial(pooled, network, preprocessing=preprocessing, workers=settings.workers)
            known = Features(*(compute(data.split(split)) for split in ("train", "val", NEITHER)))
            evidence = gather(known, checked, settings, False, None)
    if packed:  # there is no room for it in the file
        evidence = replace(evidence, neither=None, scores={})

    answers = {
        split: classify(network.classifier, features_.whole[:, 0])
        for split, features_ in (("train", known.train), ("val", known.val))
    }
    if comparison:
        result = summary(answers["val"], data.labels("val"))
        comparison["student"] = figures(network, preprocessing.size, result, packed)
    scale = temperature(evidence, answers["train"], data.labels("train"))
    measured = measures(evidence, answers, data, scale)
    if not distributed.first():
        return measured["val"]["accuracy"]
    description = checkpoint.Description(
        classes=data.classes,
        architecture=network.architecture,
        preprocessing=preprocessing,
        temperature=scale,
        metrics=measured,
        data={
            **{split: data.counts(split) for split in ("train", "val")},
            "fingerprint": data.fingerprint(),
            "thumbnails": write_thumbnails(output, data, settings.thumbnails if evidence.neither else 0, settings),
        },
        origin=origin,
        settings=settings.recorded(),
        versions=results.versions(),
    )
    checkpoint.save(output / "mobilenetv2.ckpt", network, description, evidence.neither, packed)
    resume.clear(output)
    log.info("Wrote %s.", output / "mobilenetv2.ckpt")
    seconds = watch.seconds()
    results.write(output, description, data, answers["val"], evidence.scores.get("val"), history, comparison, seconds)
    known_of_it = (description, data, findings, evidence, answers["val"], history, comparison, seconds, settings)
    results.optional("report.html", publish, output, network, *known_of_it)
    tracker.close()
    return measured["val"]["accuracy"]


def pack(
    network: MobileNetV2, data: PhotoSet, preprocessing: Preprocessing, settings: Settings
) -> Dict[str, np.ndarray]:
    """Round the network's weights to 8 bits, say what that costs, and return what goes into the file."""
    packed, right = compact.pack(network), []
    try:
        rounded = compact.unpack(network, packed)
    except ValueError:
        raise UserError(
            "--compact: the weights are too large for it, as after a training that ran away; start with a lower --lr"
        ) from None
    for values in ({}, rounded):
        assign(network, values)  # from here on, the network is what the file says
        answers = answered(network, data.split("val"), preprocessing, settings.workers)
        right.append(summary(answers, data.labels("val"))["correct"])
    log.info("Compact: %d validation photos right; with weights of 32 bits, %d.", right[1], right[0])
    return packed


def tell(output: Path, data: PhotoSet, findings: List[Finding], settings: Settings) -> None:
    """What is known of the data set so far, in files: there is more to come only if nothing of it stops the run."""
    if not distributed.first():
        return
    with suppress(OSError):
        (output / "report.html").unlink()  # of an earlier run
    results.write_findings(output, findings)
    if findings or settings.check:
        results.optional("report.html", publish_check, output, data, findings, settings)


def write_thumbnails(output: Path, data: PhotoSet, side: int, settings: Settings) -> Dict[str, Any]:
    """Of the photos that the checkpoint keeps as references; returns what the page needs to find them, or nothing.

    side: in pixels, or 0 for none.
    """
    file, photos = output / f"mobilenetv2{thumbnails.SUFFIX}", data.split("train")
    kept = [photos[index] for index in references(len(photos), settings.seed)]
    try:
        file.unlink(missing_ok=True)  # of an earlier run
        return thumbnails.write(file, kept, side, settings.workers) if side else {}
    except (OSError, UserError) as error:  # the training is done: this must not lose it
        log.warning("%s was not written: %s", file.name, error)
        return {}


def with_downloads(settings: Settings) -> Settings:
    """The settings with what they do not name, once it is on this disk."""
    place = user_path(settings.cache_dir) / "downloads"
    if not settings.data_url:
        settings = replace(settings, data_url=str(download.photos(place)))
    if not settings.pretrain_url and not settings.teacher_url:
        settings = replace(settings, pretrain_url=str(download.fetch(download.WEIGHTS, place)))
    return settings


def read_photos(settings: Settings, output: Path) -> PhotoSet:
    if settings.data_url:
        return folder.scan(settings.data_url, settings.seed)
    log.info("No --data_url: training on drawings of dogs and croissants, which are put into %s.", output / "sample")
    drawings.write_drawings(output / "sample")
    return folder.scan(str(output / "sample"), settings.seed)


def read_weights(settings: Settings) -> Optional[weights.Weights]:
    if settings.teacher_url:
        if settings.pretrain_url or settings.unfreeze:
            raise UserError(
                "--teacher_url trains a network from random numbers: leave --pretrain_url and --unfreeze out"
            )
        return weights.read(settings.teacher_url)
    if settings.pretrain_url == "random":
        log.info("From random numbers: freezing them would be nonsense, so the network is trained as a whole.")
        return None
    if settings.pretrain_url:
        return weights.read(settings.pretrain_url, settings.width, settings.last)
    log.info("No --pretrain_url: starting from the small network that comes with this program.")
    return replace(weights.read(str(checkpoint.EMBEDDED), settings.width, settings.last), naming=BUILT_IN)


@stopping.listening()
def main(arguments: List[str]) -> int:
    """Returns the exit code."""
    try:
        settings, ignored = parse(arguments)
        output = user_path(settings.output_path)
        distributed.join(settings.device_target)
        logbook.start(output if distributed.first() else None, anew=not resume.waits(output))
        if distributed.first():
            remove_temporary(output)
        if ignored:
            log.warning("Ignored arguments: %s", " ".join(ignored))
        accuracy = train(settings, output)
        if accuracy < settings.min_accuracy:
            log.error(
                "The validation accuracy %.4f is below --min_accuracy=%g. All files are written.",
                accuracy,
                settings.min_accuracy,
            )
            return 3
    except UserError as error:
        log.error("%s", error)
        return 2
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        log.error("There is not enough memory. Lower --batch_size, --image_size or --workers, or end other programs.")
        return 2
    except KeyboardInterrupt as stop:
        log.error("Stopped. What is done so far is kept: the same command goes on from there.")
        return stopping.exit_code(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
