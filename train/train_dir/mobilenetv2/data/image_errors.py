"""Errors of image files, with their messages in English and Chinese."""

from typing import Any, Dict, Tuple

from ..runtime.errors import UserError
from ..runtime.i18n import Bilingual
from .picture_files import FORMATS, LEFT_OUT

_NAMES = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF", "BMP": "BMP", "TIFF": "TIFF", "AVIF": "AVIF"}
READABLE = [name for format_, name in {**_NAMES, "HEIF": "HEIC"}.items() if format_ in FORMATS]

IMAGE_ERRORS: Dict[str, Tuple[str, str]] = {
    **LEFT_OUT,  # what `decode` leaves out, too
    "empty": ("the file is empty", "文件是空的，请重新选择"),
    "big": (
        "the file has {size:.0f} MiB, more than the limit of {limit} MiB; make it smaller",
        "文件超过 {limit} MiB 的上限，请先缩小",
    ),
    "pixels": (
        "too many pixels to decode safely ({reason}); the limit is {jpeg} megapixels, of what is not JPEG {others}, and {side} "
        "pixels a side",
        "像素太多：上限为 {jpeg} 百万，JPEG 以外 {others} 百万，每边 {side}；请先缩小",
    ),
    "slow": (
        "it would take too long to read ({reason}); save it as JPEG or PNG",
        "读取这张图片会花太长时间，请另存为 JPEG 或 PNG",
    ),
    "broken": ("the picture is broken or cut off ({reason}); replace it", "图片已损坏或不完整，请换一份"),
    "unknown": (
        f"not a picture, or a broken one (readable: {', '.join(READABLE)})",
        f"这不是图片，或者已损坏（支持 {'、'.join(READABLE)}）",
    ),
    "lab": (
        "a picture in CIE LAB colours, which this program does not read; save it as RGB",
        "这是 CIE LAB 颜色的图片，本程序不支持，请另存为 RGB",
    ),
    "irregular": (
        "{reason}; put the picture itself in its place",
        "这不是普通文件，而是管道、套接字、设备或文件夹，请换成图片本身",
    ),
    "unreadable": ("cannot be read ({reason})", "无法读取（{reason}）"),
    "infinite": (
        "the checkpoint computes no finite numbers for this picture, so its weights make no sense",
        "检查点对这张图片算不出有限的数值，它的权重没有意义",
    ),
    "form": (
        "{reason}; expected a path, bytes, a Pillow image, or an array of uint8 [height, width, 3]",
        "{reason}；应为路径、字节、Pillow 图像或 uint8 数组 [高, 宽, 3]",
    ),
    "gone": ("the file is not on the server any more; upload it again", "文件已不在服务器上，请重新上传"),
}


class ImageError(UserError):
    """An image file that cannot be used. The message does not contain the file name, which the caller adds.

    kind: a key of IMAGE_ERRORS. values: for the placeholders of its messages. message: in both languages.
    """

    def __init__(self, kind: str, **values: Any):
        english, chinese = (text.format(**values) for text in IMAGE_ERRORS[kind])
        super().__init__(english)
        self.kind, self.message = kind, Bilingual(english, chinese)
