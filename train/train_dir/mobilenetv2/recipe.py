"""What "auto" comes to."""

import logging
from dataclasses import replace
from typing import Any, Dict, Optional, Tuple

from .device import processors
from .network import STAGES, Architecture
from .pixels import Preprocessing
from .settings import DISTIL, FINETUNE, HEAD, SCRATCH, Settings
from .weights import Weights

log = logging.getLogger(__name__)
PICTURES = 1000  # views in all that the classifier needs: few photos are seen more often than many


def resolve(settings: Settings, start: Optional[Weights]) -> Tuple[Settings, Architecture, Preprocessing]:
    """Settings without "auto" (but for views), and the network and preprocessing that go with the weights to start from.

    With a teacher, these are the teacher's, and the settings those of the small network.
    """
    if settings.teacher_url:
        defaults = {**DISTIL, "workers": processors()}
        settings = replace(settings, **_missing(settings, defaults))
        return settings, start.architecture, Preprocessing(start.size or Preprocessing.size, start.mean, start.std)
    if start is None:
        defaults = SCRATCH
        if settings.unfreeze not in (0, STAGES):
            log.warning("--unfreeze=%d needs weights: from random numbers, all blocks are trained.", settings.unfreeze)
        settings = replace(settings, unfreeze=STAGES)
    else:
        defaults = FINETUNE if settings.unfreeze else HEAD
        defaults = {**defaults, "image_size": start.size or Preprocessing.size, "width": start.architecture.width}
    last = start.architecture.last if start else Architecture.last
    settings = replace(settings, **_missing(settings, {**defaults, "last": last, "workers": processors()}))
    if start is None:
        return settings, Architecture(settings.width, last=settings.last), Preprocessing(settings.image_size)
    return settings, start.architecture, Preprocessing(settings.image_size, start.mean, start.std)


def _missing(settings: Settings, defaults: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in defaults.items() if getattr(settings, name) is None}


def views_for(photos: int) -> int:
    """How many views of each of so many training photos."""
    return min(10, max(1, PICTURES // photos))
