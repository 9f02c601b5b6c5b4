"""Images without content, or too small to have any."""

from typing import List

from ..data.findings import Finding
from ..runtime.i18n import Bilingual
from .inspection import Inspection

TINY = 48  # pixels; images with a shorter side below it show hardly anything
ONE_COLOR = 3.0  # standard deviation of the channel with the most contrast, 0-255


def find_empty(inspection: Inspection) -> List[Finding]:
    """Images of one color."""
    text = Bilingual("a picture of one colour", "单色图片")
    return [
        Finding("empty", photo.name, text)
        for photo, stats in zip(inspection.data.photos, inspection.stats)
        if stats.color_contrast < ONE_COLOR
    ]


def find_tiny(inspection: Inspection) -> List[Finding]:
    """Images with a side below TINY."""
    return [
        Finding(
            "tiny",
            photo.name,
            Bilingual(
                f"tiny: {stats.width} x {stats.height} pixels; below {TINY} each way, little can be seen",
                f"太小：{stats.width} × {stats.height} 像素；任一边不到 {TINY} 像素时，很难看清",
            ),
        )
        for photo, stats in zip(inspection.data.photos, inspection.stats)
        if min(stats.width, stats.height) < TINY
    ]
