"""What is wrong with a picture, for a visitor of the page: one sentence each, in English and Chinese.

Programs, and those who train, get the words of `IMAGE_ERRORS`: these say what a visitor cannot know or do.
"""

from typing import Dict, Tuple

from mobilenetv2.data.image import MAX_BYTES, MAX_DECODED, MAX_PIXELS, MAX_SIDE
from mobilenetv2.data.image_errors import READABLE, ImageError
from mobilenetv2.runtime.i18n import Bilingual, in_language


def _format(english: str, chinese: str) -> Tuple[str, str]:
    """The sentence for a kind of file that is not read."""
    return (
        f"This is {english}, which cannot be read here; please save it as JPEG.",
        f"这是{chinese}，这里无法读取，请另存为 JPEG。",
    )


SENTENCES: Dict[str, Tuple[str, str]] = {
    "empty": ("This file is empty; please choose another one.", "这个文件是空的，请选择另一个。"),
    "big": (
        f"This file is too large; please make it smaller than {MAX_BYTES // 2**20} MB.",
        f"这个文件太大，请缩小到 {MAX_BYTES // 2**20} MB 以下。",
    ),
    "pixels": (
        f"This picture is too large: at most {MAX_DECODED // 10**6} million pixels can be read, or {MAX_PIXELS // 10**6} million "
        f"as JPEG, and {MAX_SIDE} on each side.",
        f"这张图片太大：最多可读 {MAX_DECODED // 10**6} 百万像素，JPEG 为 {MAX_PIXELS // 10**6} 百万，每边最多 {MAX_SIDE} 像素。",
    ),
    "slow": (
        "This picture is stored in a way that takes too long to read; please save it again as JPEG or PNG.",
        "这张图片的存储方式使读取时间过长，请另存为 JPEG 或 PNG。",
    ),
    "broken": (
        "This picture is damaged or incomplete; please choose another copy of it.",
        "这张图片已损坏或不完整，请换一份。",
    ),
    "unknown": (
        f"This is not a picture, or a damaged one; these can be read: {', '.join(READABLE)}.",
        f"这不是图片，或者已损坏；可以读取的有：{'、'.join(READABLE)}。",
    ),
    "lab": (
        "This picture has CIE LAB colours, which cannot be read here; please save it with RGB colours.",
        "这张图片使用 CIE LAB 颜色，这里无法读取，请用 RGB 颜色另存。",
    ),
    "irregular": ("This is not a file; please choose the picture itself.", "这不是文件，请选择图片本身。"),
    "unreadable": ("The server cannot read this file; please upload it again.", "服务器无法读取这个文件，请重新上传。"),
    "infinite": (
        "The network of this page is damaged and has no answer; please tell those who run the page.",
        "本页的网络已损坏，没有回答，请告诉本页的管理者。",
    ),
    "form": ("This did not come as a file; please upload the picture itself.", "收到的不是文件，请上传图片本身。"),
    "gone": ("This file is not on the server any more; please upload it again.", "文件已不在服务器上，请重新上传。"),
    "heic": _format("a HEIC photo", " HEIC 照片"),
    "raw": _format("a raw photo of a camera", "相机的 RAW 照片"),
    "jpeg2000": _format("a JPEG 2000 picture", " JPEG 2000 图片"),
    "jpegxl": _format("a JPEG XL picture", " JPEG XL 图片"),
    "psd": _format("a Photoshop document", " Photoshop 文档"),
    "svg": _format("an SVG drawing", " SVG 矢量图"),
    "other_picture": _format("a picture of an unusual format", "少见格式的图片"),
    "pdf": (
        "This is a PDF document; please save the picture in it as JPEG.",
        "这是 PDF 文档，请把其中的图片另存为 JPEG。",
    ),
    "video": (
        "This is a video; please save a single picture of it as JPEG.",
        "这是视频，请把其中的一个画面另存为 JPEG。",
    ),
    "lfs": (
        "This file only says where the picture is; please choose the picture itself.",
        "这个文件只说明图片在哪里，请选择图片本身。",
    ),
    "other": ("This is not a picture; please choose another file.", "这不是图片，请选择另一个文件。"),
    "special": ("This is not a file; please choose the picture itself.", "这不是文件，请选择图片本身。"),
}


def sentence(error: ImageError, language: str) -> str:
    """What a visitor reads about it. language: "en" or "zh"."""
    return in_language(Bilingual(*SENTENCES[error.kind]), language)
