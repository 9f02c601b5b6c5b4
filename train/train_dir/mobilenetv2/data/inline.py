"""Files as data: URLs, for self-contained HTML pages."""

import base64
from io import BytesIO
from typing import Any

from PIL import Image


def data_url(kind: str, data: bytes) -> str:
    """data: URL of a file, base64-encoded. kind: media type, such as "text/csv;charset=utf-8"."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def jpeg_url(picture: Image.Image, **options: Any) -> str:
    """data: URL of an image, encoded as JPEG. options: of Pillow's JPEG writer, such as quality."""
    buffer = BytesIO()
    picture.save(buffer, "JPEG", **options)
    return data_url("image/jpeg", buffer.getvalue())
