"""Names of the folders of training, validation and test photos."""

import re
import unicodedata
from typing import Optional

_BEFORE, _AFTER = r"(?:seg|data|dataset|images?|photos?)?", r"(?:set|data|dataset|images?|imgs?|photos?|pictures?)?"
_CHINESE = r"(?:集|数据|图片|照片|数据集)?"
# In lower case and without "-", "_", "." and spaces; with a number behind.
_ROLES = {
    role: re.compile(rf"(?:{_BEFORE}(?:{words}){_AFTER}|{chinese}{_CHINESE})\d*")
    for role, words, chinese in (
        ("train", "train|training", "训练"),
        ("val", "val|valid|validation", "验证"),
        ("test", "test|testing", "测试"),
    )
}


def role_of(name: str) -> Optional[str]:
    """The split that a folder or table of this name usually is; None for any other name."""
    plain = re.sub(r"[-_. ]", "", unicodedata.normalize("NFC", name).lower())
    return next((role for role, pattern in _ROLES.items() if pattern.fullmatch(plain)), None)
