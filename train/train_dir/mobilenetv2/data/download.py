"""The tutorial's photos and ImageNet weights from MindSpore's servers, for those who ask for them with --download."""

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..runtime.errors import UserError
from ..runtime.progress import show_progress

PIECE = 2**20  # bytes
LARGEST = 2**30  # bytes of a download, and of what is unpacked from it
SECONDS = 30  # without a byte, and the connection counts as broken


@dataclass(frozen=True)
class Source:
    """sha256: how it begins, in hexadecimal digits; empty where it is not known."""

    url: str
    sha256: str = ""

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


# Neither a hash nor a licence of the photos is published. A checkpoint's name at MindCV ends in the first 8 digits of its hash.
PHOTOS = Source(
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/beginner/DogCroissants.zip"
)
WEIGHTS = Source(
    "https://download.mindspore.cn/toolkits/mindcv/mobilenet/mobilenetv2/mobilenet_v2_100-d5532038.ckpt", "d5532038"
)


def download_photos(folder: Path) -> Path:
    """The folder of photos below `folder`, downloaded and unpacked where it is not there yet. Raises UserError."""
    unpacked = folder / Path(PHOTOS.name).stem
    if unpacked.is_dir():
        return unpacked
    archive, partial = fetch(PHOTOS, folder), folder / f".{os.getpid()}-{unpacked.name}"
    try:
        with zipfile.ZipFile(archive) as content:
            if sum(entry.file_size for entry in content.infolist()) > LARGEST:
                raise UserError(f"{archive}: more than {LARGEST >> 30} GiB unpacked; this is not the photos")
            content.extractall(partial)  # below this folder, whatever the names inside say; it checks their sums
        os.replace(partial, unpacked)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        RuntimeError,
    ) as error:  # broken, cut off, encrypted, of another kind
        archive.unlink()
        raise UserError(
            f"{archive}: not a sound .zip file ({error}), deleted; start again to download it anew"
        ) from None
    except OSError as error:
        raise UserError(f"{unpacked}: cannot be written ({error.strerror or error}); free some space") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return unpacked


def fetch(source: Source, folder: Path) -> Path:
    """The file, downloaded into `folder` where it is not there yet; goes on where an earlier try was stopped.

    Raises UserError for a connection that cannot be made or breaks, and for a file of another size or hash than it should have.
    """
    file, part = folder / source.name, folder / f"{source.name}.part"
    if file.is_file():
        return file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _complete(source, part)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        if digest.startswith(source.sha256):
            os.replace(part, file)
            return file
        part.unlink()
    except (OSError, http.client.HTTPException) as error:  # of the network and of the disk
        kept = part.stat().st_size if part.exists() else 0
        raise UserError(
            f"{source.url}: cannot be downloaded to {folder} ({error}). {kept >> 20} MiB are there: the same command goes on "
            "after them. Behind a firewall, get the file in some other way and put it there"
        ) from None
    raise UserError(
        f"{source.url}: not the file that is expected: its SHA-256 is {digest}, not {source.sha256}...; deleted"
    )


def _complete(source: Source, part: Path) -> None:
    """Append to `part` what it lacks."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "mobilenetv2-photos", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        response = urllib.request.urlopen(urllib.request.Request(source.url, headers=headers), timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") != f"bytes */{have}":  # 416: nothing comes after what is there
            part.unlink()
            raise http.client.HTTPException("what was kept of it was longer than the file, deleted") from None
        return
    with response:
        if not response.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        ):  # the server begins at the beginning
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + (int(length) if length.isdecimal() else LARGEST + 1)
        if total > LARGEST:
            raise http.client.HTTPException(f"its size is not known, or more than {LARGEST >> 30} GiB")
        pieces = iter(lambda: response.read(PIECE), b"")
        with open(part, "ab" if have else "wb") as stream:
            for piece in show_progress(pieces, -(-(total - have) // PIECE), f"Downloading {source.name} (MiB)"):
                have += stream.write(piece)
    if have != total:
        raise http.client.HTTPException(f"the connection broke after {have} of {total} bytes")
