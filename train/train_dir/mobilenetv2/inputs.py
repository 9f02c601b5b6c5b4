"""Where photos and weights come from."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from .command_line import listed_paths
from .config import Settings
from .data import dataset, download, sample
from .data.class_choice import check_choice, read_choice
from .data.dataset import PhotoSet
from .model import checkpoint, pretrained
from .runtime import distributed
from .runtime.errors import UserError, collect_errors
from .runtime.files import user_path
from .runtime.progress import shown

log = logging.getLogger(__name__)


def read_inputs(settings: Settings, output: Path) -> Tuple[PhotoSet, Optional[pretrained.PretrainedWeights]]:
    """The photos as they are found, and the weights to begin with; None: random numbers. output: for the drawings.

    Raises UserError with all that is wrong with either."""
    with distributed.in_turn():
        if settings.download:
            settings = _with_downloads(settings)
        known: Dict[str, Any] = {}

        def read_photos() -> None:
            known["photos"] = _read_photos(settings, output)

        def read_weights() -> None:
            known["weights"] = _read_weights(settings)

        collect_errors(read_photos, read_weights, lambda: _check_choice(known))
    return known["photos"], known["weights"]


def _check_choice(known: Dict[str, Any]) -> None:
    """What is wrong with --classes and --merge, as far as photos and weights could be read."""
    if "photos" in known:
        photos, weights = known["photos"], known.get("weights")
        own = weights.classes if weights and weights.naming == pretrained.OWN else None
        of_weights = (own or ()) if "weights" in known else None
        check_choice(photos.layout.choice, photos.layout.classes, photos.classes, of_weights)


def _with_downloads(settings: Settings) -> Settings:
    """The settings with what they do not name, once it is on this disk."""
    place = user_path(settings.cache_dir) / "downloads"
    if not settings.data_url:
        settings = replace(settings, data_url=str(download.download_photos(place)))
    if not settings.pretrain_url and not settings.teacher_url:
        settings = replace(settings, pretrain_url=str(download.fetch(download.WEIGHTS, place)))
    return settings


def _read_photos(settings: Settings, output: Path) -> PhotoSet:
    if settings.data_url:
        found = _first_photos(listed_paths(settings.data_url), settings)
    else:
        log.info("No --data_url: using drawings of dogs and croissants, which are put into %s.", output / "sample")
        sample.write_sample(output / "sample")
        choice = read_choice(settings.classes, settings.merge)
        found = dataset.scan_folder(str(output / "sample"), choice=choice)
    return replace(found, kind=sample.kind_of(photo.file for photo in found.photos))


def _first_photos(paths: List[str], settings: Settings) -> PhotoSet:
    """Of the first data set with photos. Raises UserError with what is wrong with each."""
    problems = []
    for path in paths:
        try:
            with shown("Looking for photos"):
                skipped, choice = (user_path(settings.cache_dir),), read_choice(settings.classes, settings.merge)
                found = dataset.scan_folder(path, skipped, choice)
        except UserError as error:
            problems.append(str(error))
            continue
        if len(paths) > 1:
            log.warning("Of %d data sets, %s is used, the first with photos.", len(paths), path)
        return found
    raise UserError("\n".join(problems))


def _read_weights(settings: Settings) -> Optional[pretrained.PretrainedWeights]:
    if settings.teacher_url:
        if settings.pretrain_url or settings.unfreeze:
            raise UserError(
                "--teacher_url trains a network from random numbers: leave --pretrain_url and --unfreeze out"
            )
        return pretrained.read_pretrained(listed_paths(settings.teacher_url)[0])
    if settings.pretrain_url == "random":
        log.info("The network starts from random numbers.")
        return None
    if settings.pretrain_url:
        return pretrained.read_pretrained(listed_paths(settings.pretrain_url)[0], settings.width, settings.last)
    log.info("No --pretrain_url: starting from the built-in network, a small one.")
    return replace(
        pretrained.read_pretrained(str(checkpoint.EMBEDDED), settings.width, settings.last), naming=pretrained.BUILT_IN
    )
