"""Download of the tutorial's photos and of ImageNet weights from MindSpore's servers, for --download."""

import hashlib
import http.client
import io
import os
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..runtime.errors import UserError, reason
from ..runtime.files import file_size, make_folder, read_file, replace, unless_refused
from ..runtime.progress import show_progress

CHUNK = 2**20  # bytes that are read at a time
LARGEST = 2**30  # bytes of a download, and of the unpacked files
SECONDS = 30  # timeout of the connection, and of each read


@dataclass(frozen=True)
class Source:
    """A file to download. sha256: its first hexadecimal digits; empty if not published."""

    url: str
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file name at the end of the URL."""
        return self.url.rsplit("/", 1)[-1]


# Neither a hash nor a licence of the photos is published. The names of MindCV checkpoints end in 8 digits of their SHA-256.
PHOTOS = Source(
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/beginner/DogCroissants.zip"
)
WEIGHTS = Source(
    "https://download.mindspore.cn/toolkits/mindcv/mobilenet/mobilenetv2/mobilenet_v2_100-d5532038.ckpt", "d5532038"
)


def download_photos(folder: Path) -> Path:
    """The unpacked photos in `folder`, downloaded unless they are there already.

    Raises UserError as `fetch`, for a broken archive, and if the folder cannot be written to."""
    unpacked = folder / Path(PHOTOS.name).stem
    if os.path.isdir(unpacked):
        return unpacked
    archive = fetch(PHOTOS, folder)
    try:
        with zipfile.ZipFile(io.BytesIO(read_file(archive, LARGEST))) as content:
            if sum(entry.file_size for entry in content.infolist()) > LARGEST:
                raise UserError(f"{archive}: more than {LARGEST >> 30} GiB unpacked; this is not the photos")
            _unpack(content, unpacked)
    # A broken, truncated or encrypted archive, or an unsupported compression method.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        with suppress(OSError):
            archive.unlink()
        raise UserError(
            f"{archive}: not a sound .zip file ({error}), deleted; start again to download it anew"
        ) from None
    except OSError as error:
        raise UserError(
            f"{archive}: cannot be unpacked ({reason(error)}); free some space or choose another --cache_dir"
        ) from None
    return unpacked


def _unpack(content: zipfile.ZipFile, folder: Path) -> None:
    """Unpack into a new folder, which is there only when it is complete, or else where the disk refuses to rename folders."""
    partial = folder.with_name(f".{os.getpid()}-{folder.name}")
    try:
        content.extractall(partial)  # never outside this folder; verifies the checksums
        with unless_refused():
            os.replace(partial, folder)
            return
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    try:
        content.extractall(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def fetch(source: Source, folder: Path) -> Path:
    """The file in `folder`, downloaded unless it is there already. Resumes an interrupted download.

    Raises UserError if the connection fails, or if the size or the SHA-256 of the file is not the expected one.
    """
    file, part = folder / source.name, folder / f"{source.name}.part"
    if os.path.isfile(file):
        return file
    try:
        make_folder(folder)
        _download_rest(source, part)
        digest = hashlib.sha256(read_file(part, LARGEST)).hexdigest()
        if digest.startswith(source.sha256):
            replace(part, file)
            return file
        part.unlink()
    except (OSError, http.client.HTTPException) as error:  # of the network or of the disk
        kept = os.path.getsize(part) if os.path.exists(part) else 0
        raise UserError(
            f"{source.url}: cannot be downloaded to {folder} ({error}). {kept >> 20} MiB are there: the same command goes on "
            "after them. Behind a firewall, get the file in some other way and put it there"
        ) from None
    raise UserError(
        f"{source.url}: not the file that is expected: its SHA-256 is {digest}, not {source.sha256}...; deleted"
    )


def _download_rest(source: Source, part: Path) -> None:
    """Append the missing bytes to `part`. Raises OSError or HTTPException."""
    have = file_size(part) if os.path.exists(part) else 0
    headers = {"User-Agent": "mobilenetv2-photos", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        response = urllib.request.urlopen(urllib.request.Request(source.url, headers=headers), timeout=SECONDS)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") != f"bytes */{have}":  # 416: no bytes after this offset
            part.unlink()
            raise http.client.HTTPException("what was kept of it was longer than the file, deleted") from None
        return
    with response:
        # The server may ignore the range and send the whole file.
        if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            have = 0
        length = response.headers.get("Content-Length", "")
        total = have + (int(length) if length.isdecimal() else LARGEST + 1)
        if total > LARGEST:
            raise http.client.HTTPException(f"its size is not known, or more than {LARGEST >> 30} GiB")
        chunks = iter(lambda: response.read(CHUNK), b"")
        with open(part, "ab" if have else "wb") as stream:
            for chunk in show_progress(chunks, -(-(total - have) // CHUNK), f"Downloading {source.name} (MiB)"):
                have += stream.write(chunk)
    if have != total:
        raise http.client.HTTPException(f"the connection broke after {have} of {total} bytes")
