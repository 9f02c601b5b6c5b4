"""What comes before the stages: photos, weights and settings become a run."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

from .. import messages
from ..checks.data_check import Checked, check_photos
from ..checks.issues import mark_handled
from ..config import Config, Settings, resolve
from ..data.cache import PhotoCache
from ..data.dataset import PhotoSet
from ..evaluation.cross_validation import Known
from ..export.formats import read_formats
from ..inputs import read_inputs
from ..model import pretrained
from ..model.mobilenet_v2 import MobileNetV2
from ..model.state import fingerprint
from ..results import write_findings
from ..run import Run
from ..runtime import device, distributed
from ..runtime.own_files import TRACKING
from ..runtime.progress import Stopwatch
from ..training import resume
from ..training.tracking import Tracker, read_trackers

log = logging.getLogger(__name__)


def prepare(settings: Settings, output: Path) -> Run:
    """Needs the command line. Leaves the photos, read and checked, and the network with its weights.

    Raises UserError that lists everything that is wrong with photos and weights. The findings are then in check.json, too.
    """
    watch = Stopwatch("read", "features", "head", "finetune", "distill", "evidence")
    device.select_device(settings.device_target, settings.seed)
    trackers = [] if settings.check else read_trackers(settings.track)
    formats = [] if settings.check else read_formats(settings.export, "--export")
    with watch("read"):
        found, start = read_inputs(settings, output)
        config = resolve(settings, start)
        log.info("%s", messages.plan(config, found.kind))
        cache = PhotoCache(config.cache_dir)
        log.info("In the data folder: %s.", found.layout)
        checked = check_data(found, config, cache, config.mirror)
        data = checked.data
        run = Run(
            config=config,
            output=output,
            watch=watch,
            cache=cache,
            found=found,
            data=data,
            groups=checked.groups,
            decoded=checked.decoded,
            findings=list(data.findings),
            given_classifier=start.head if start else None,
            independent=start is not None and start.naming not in (pretrained.OWN, pretrained.BUILT_IN),
            mirror=checked.mirror,
            formats=formats,
        )
        run.origin = _origin(run, {"weights": start.naming if start else "random numbers"})
        write_findings(run, run.findings, wait=config.mirror == "auto" and start is not None)
        run.views = config.views_of_each(len(data.split("train")))
    log.info("%s", data.describe())
    tracked = distributed.is_main() and not settings.check
    run.tracker = Tracker(
        trackers if tracked else [], output / TRACKING, run.recorded(), settings.aim_repo if tracked else ""
    )
    run.network = MobileNetV2(config.architecture, len(data.classes))
    run.preprocessing = config.preprocessing
    if start:
        start, classes = pretrained.align_classes(start, data.classes, data.layout.choice.new_names)
        taken = pretrained.load_pretrained(run.network, start, data.classes)
        facts = {"weights": start.naming, "backbone": fingerprint(run.network.features), "head": taken}
        changed = classes is not None and not classes.same
        run.origin = _origin(run, {**facts, **({"classes": classes.to_json()} if classes and changed else {})})
        if taken and start.head:
            same_size = start.size == config.preprocessing.size  # with another, the features are others
            detector, rows = start.neither if same_size else None, classes.rows if classes else None
            run.known, run.independent = Known(start.head, detector, rows), False
        weights = "a checkpoint of this program" if start.naming == pretrained.OWN else start.naming
        log.info("Weights to start from: %s, %s.", weights, messages.classifier_at_start(taken, classes))
        if start.naming == pretrained.OWN and not start.whole:
            log.info("%s", messages.SMALL_ARE_CUT)
    else:
        run.decoded.clear()
    run.fingerprint = {**training_fingerprint(run), "language": config.language}
    return run


def check_data(found: PhotoSet, config: Config, cache: PhotoCache, mirror: str) -> Checked:
    """The photos, read and checked, with what the settings do about the findings."""
    drop_leaks = config.leaks == "drop"
    in_turn = config.training == "head"
    checked = check_photos(found, config.preprocessing, cache, config.workers, drop_leaks, mirror, config.seed, in_turn)
    findings = tuple(mark_handled(checked.data.findings, bad_files=config.bad_files))
    return checked._replace(data=replace(checked.data, findings=findings))


def _origin(run: Run, start: Dict[str, Any]) -> Dict[str, Any]:
    """What the checkpoint says of where its weights come from. start: the same of those that the run starts with."""
    return {"weights": "random numbers", "teacher": start} if run.config.mode == "distill" else start


def training_fingerprint(run: Run) -> Dict[str, Any]:
    """Everything that determines a training from here on."""
    return resume.run_fingerprint(run.config.mode, run.recorded(), run.data, run.network)
