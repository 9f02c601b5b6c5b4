"""Pictures with nothing in them."""

from typing import List

from ..data.dataset import Finding
from ..runtime.i18n import Bilingual
from .inspection import Inspection

TINY = 48  # shorter side, in pixels, below which a photo shows hardly anything
ONE_COLOUR = 3.0  # standard deviation of the strongest channel, 0-255


def find_empty(inspection: Inspection) -> List[Finding]:
    """Tiny and one-colour pictures, by file name."""
    findings = []
    for photo, look in zip(inspection.data.photos, inspection.stats):
        if look.colour < ONE_COLOUR:
            findings.append(Finding("empty", photo.name, Bilingual("a picture of one colour", "单色图片")))
        if min(look.width, look.height) < TINY:
            text = Bilingual(
                f"tiny: {look.width} x {look.height} pixels, at least {TINY} each way are needed to see anything",
                f"太小：{look.width} × {look.height} 像素，两边至少要 {TINY} 像素才看得清",
            )
            findings.append(Finding("empty", photo.name, text))
    return findings
