"""Archives for tests, honest and hostile."""

import io
import tarfile
import zipfile
from typing import Any, Dict, Optional


def zip_bytes(names: Dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as content:
        for name, data in names.items():
            content.writestr(name, data)
    return buffer.getvalue()


def zip_of_raw_names(names: Dict[bytes, bytes], extra: bytes = b"") -> bytes:
    """A .zip file as Windows and others write it: names in any encoding, without the flag of UTF-8."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for number, data in enumerate(names.values()):
            info = zipfile.ZipInfo("x" * len(list(names)[number]))
            info.filename = info.filename[:-3] + f"{number:03d}" if len(info.filename) > 3 else info.filename
            info.extra = extra
            content.writestr(info, data)
    data = buffer.getvalue()
    for number, name in enumerate(names):
        stand_in = ("x" * (len(name) - 3) + f"{number:03d}").encode() if len(name) > 3 else b"x" * len(name)
        assert data.count(stand_in) == 2
        data = data.replace(stand_in, name)
    return data


def tar_bytes(
    names: Dict[str, Optional[bytes]], mode: str = "w", form: int = tarfile.PAX_FORMAT, **fields: Any
) -> bytes:
    """None makes a folder. fields: of every entry, such as type and linkname."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:
        for name, data in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(data or b"")
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(data or b""))
    return buffer.getvalue()
