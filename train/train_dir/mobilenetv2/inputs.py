"""Where photos and weights come from."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Optional, Tuple

from . import checkpoint, distributed, download, drawings, folder, weights
from .config import Settings
from .errors import UserError, together
from .files import user_path
from .folder import PhotoSet

log = logging.getLogger(__name__)
BUILT_IN = "the built-in network"


def read_inputs(settings: Settings, output: Path) -> Tuple[PhotoSet, Optional[weights.Weights]]:
    """The photos as they are found, and the weights to begin with; None: random numbers. output: for the drawings.

    Raises UserError with all that is wrong with either."""
    with distributed.in_turn():
        if settings.download:
            settings = _with_downloads(settings)
        photos, start = together(lambda: _read_photos(settings, output), lambda: _read_weights(settings))
    return photos, start


def _with_downloads(settings: Settings) -> Settings:
    """The settings with what they do not name, once it is on this disk."""
    place = user_path(settings.cache_dir) / "downloads"
    if not settings.data_url:
        settings = replace(settings, data_url=str(download.photos(place)))
    if not settings.pretrain_url and not settings.teacher_url:
        settings = replace(settings, pretrain_url=str(download.fetch(download.WEIGHTS, place)))
    return settings


def _read_photos(settings: Settings, output: Path) -> PhotoSet:
    if settings.data_url:
        return folder.scan(settings.data_url, settings.seed)
    log.info("No --data_url: training on drawings of dogs and croissants, which are put into %s.", output / "sample")
    drawings.write_drawings(output / "sample")
    return folder.scan(str(output / "sample"), settings.seed)


def _read_weights(settings: Settings) -> Optional[weights.Weights]:
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
