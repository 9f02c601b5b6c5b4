"""On-disk cache of results for single photos. An entry with a wrong checksum counts as missing and is computed again."""

import hashlib
import json
import logging
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Optional

from ..runtime.errors import UserError, reason
from ..runtime.files import make_folder, read_file, replace, user_path

log = logging.getLogger(__name__)
FOLDER = "~/.cache/mobilenetv2-photos"  # unless another one is chosen
LARGEST = 2**26  # bytes of an entry; the features of many views have less than one MiB


class PhotoCache:
    """Maps keys to bytes. A key is a JSON value with all that the result depends on, such as the photo's SHA-256.

    folder: as typed; a temporary folder is used, with a warning, where it is no possible path."""

    def __init__(self, folder: str):
        self._writable = True
        try:
            self._folder = user_path(folder)
        except UserError as error:
            self._folder = Path(tempfile.gettempdir()) / "mobilenetv2-photos"
            log.warning("--cache_dir=%s; using %s.", error, self._folder)

    def get(self, key: Any) -> Optional[bytes]:
        """The value; None if it is missing or damaged."""
        try:
            entry = read_file(self._file(key), LARGEST)
        except OSError:
            return None
        checksum, value = entry[:32], entry[32:]
        return value if hashlib.sha256(value).digest() == checksum else None

    def put(self, key: Any, value: bytes) -> None:
        """Store a value. If that fails, warn once: the run is then only slower."""
        file = self._file(key)
        # Two threads write one entry at a time where two photos are the same file.
        temporary = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        try:
            make_folder(file.parent)
            temporary.write_bytes(hashlib.sha256(value).digest() + value)
            replace(temporary, file)
        except OSError as error:
            if self._writable:
                log.warning(
                    "The cache %s cannot be written to (%s): the next run will compute everything again.",
                    self._folder,
                    reason(error),
                )
            self._writable = False
            with suppress(OSError):
                temporary.unlink()

    def temporary_file(self) -> IO[bytes]:
        """A file without a name in the folder of the cache, which is gone when it is closed. Raises OSError."""
        make_folder(self._folder)
        return tempfile.TemporaryFile(dir=self._folder, buffering=0)

    def _file(self, key: Any) -> Path:
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self._folder / name[:2] / name[2:]
