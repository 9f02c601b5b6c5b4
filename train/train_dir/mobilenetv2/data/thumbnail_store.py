"""The thumbnails of all photos, while copies are searched for: of many photos in a file, as they would fill the memory."""

from contextlib import suppress
from threading import Lock
from typing import IO, Any, Optional, Sequence

import numpy as np

from .cache import PhotoCache
from .image_stats import SIDE

IN_MEMORY = 20_000  # thumbnails, 246 MB; those of 100,000 photos would take 1.2 GB
SIZE = 3 * SIDE**2  # bytes of one


class ThumbnailStore(Sequence[np.ndarray]):
    """Thumbnails u8 [SIDE, SIDE, 3], in the order in which they are added. Several threads may read.

    count: their number. cache: where the file may be, which goes with this object. Where it cannot be written, as on a full disk,
    the rest is in memory."""

    def __init__(self, count: int, cache: PhotoCache):
        self._count, self._lock = count, Lock()
        self._filed = self._kept = 0  # thumbnails in the file, and in the array
        self._file: Optional[IO[bytes]] = None
        self._array: Optional[np.ndarray] = None
        if count > IN_MEMORY:
            with suppress(OSError):
                self._file = cache.temporary_file()

    def append(self, thumbnail: np.ndarray) -> None:
        """Add one."""
        if self._file and self._array is None:
            with suppress(OSError):
                self._file.seek(self._filed * SIZE)
                if self._file.write(thumbnail.tobytes()) == SIZE:
                    self._filed += 1
                    return
        if self._array is None:  # one allocation, which is returned to the system as a whole
            self._array = np.empty((self._count - self._filed, SIDE, SIDE, 3), np.uint8)
        self._array[self._kept] = thumbnail
        self._kept += 1

    def __len__(self) -> int:
        return self._filed + self._kept

    def __getitem__(self, index: Any) -> Any:
        """index: 0 ... len - 1."""
        if self._array is not None and index >= self._filed:
            return self._array[: self._kept][index - self._filed]
        if self._file is None or index >= self._filed:
            raise IndexError(index)
        with self._lock:
            self._file.seek(index * SIZE)
            return np.frombuffer(self._file.read(SIZE), np.uint8).reshape(SIDE, SIDE, 3)
