"""What --download gets into the cache by itself, the tutorial's photos and ImageNet weights, and the places that have them."""

import http.client
import logging
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, NoReturn, Sequence, Tuple

from ..runtime.errors import UserError, is_disk_full, reason
from ..runtime.files import alone_in, replace
from .transfer import append_rest, in_words, say_waiting, sha256_of

log = logging.getLogger(__name__)

LARGEST = 2**30  # bytes of a file


@dataclass(frozen=True)
class Source:
    """A file at one place. sha256: in hexadecimal, or its first digits where more are not published, or empty. saved_as: its
    name in the cache; empty for the one at the end of the URL."""

    url: str
    sha256: str = ""
    saved_as: str = ""

    @property
    def name(self) -> str:
        """Its file name in the cache."""
        return self.saved_as or self.url.rsplit("/", 1)[-1]

    def expected(self) -> str:
        """The hash, for messages."""
        if not self.sha256:
            return "SHA-256 not published"
        return f"SHA-256 {self.sha256}" if len(self.sha256) == 64 else f"SHA-256 begins with {self.sha256}"


# Neither a hash nor a licence of the photos is published, and no other place that has the same file.
PHOTOS: Tuple[Source, ...] = (
    Source("https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/beginner/DogCroissants.zip"),
)
# MobileNetV2 1.0 for 224 x 224 pixels, trained on ImageNet, in the order in which the places are asked. These are three files,
# with three sets of weights: no place is known that has MindSpore's files a second time. The names of MindCV's checkpoints end in
# 8 digits of their SHA-256. The hash of timm's file is the one that Hugging Face shows for it. hf-mirror.com copies Hugging Face,
# and "timm" on ModelScope copies "timm" there: of both, only a file with that hash is taken.
_TIMM = "timm/mobilenetv2_100.ra_in1k"
_TIMM_FILE = (
    "55ea4fb3a96010b933710ebf44fc965b070d5cd054d3f35e44f2d1320b4a714e",
    "timm-mobilenetv2_100.ra_in1k.safetensors",
)
_COMMIT = "f3ff81ba89de0bc46b546568ebeab2edef6b9d49"
WEIGHTS: Tuple[Source, ...] = (
    Source(
        "https://download.mindspore.cn/toolkits/mindcv/mobilenet/mobilenetv2/mobilenet_v2_100-d5532038.ckpt", "d5532038"
    ),
    Source(f"https://huggingface.co/{_TIMM}/resolve/{_COMMIT}/model.safetensors", *_TIMM_FILE),
    Source(f"https://hf-mirror.com/{_TIMM}/resolve/{_COMMIT}/model.safetensors", *_TIMM_FILE),
    Source(f"https://modelscope.cn/models/{_TIMM}/resolve/master/model.safetensors", *_TIMM_FILE),
    Source(
        "https://download.mindspore.cn/vision/classification/mobilenet_v2_1.0_224.ckpt",
        "d9968c240e50348ef0e95823e09ad22e77e005145b5b93aaf00eb50614ca2974",
    ),
)


def fetch(sources: Sequence[Source], folder: Path, what: str, argument: str) -> Path:
    """One of the files in `folder`, downloaded from the first place that has it unless one is there.

    What was interrupted is resumed. what: of the files, for messages. argument: the one that names such a file. Raises UserError
    with what is wrong with each place, and what to do by hand."""
    problems: Dict[str, str] = {}
    try:
        with alone_in(folder, say_waiting):
            for source in sources:
                if os.path.isfile(folder / source.name) and _is_right(source, folder / source.name, problems):
                    return folder / source.name
            for source in sources:
                try:
                    return _fetch_from(source, folder)
                except (OSError, http.client.HTTPException) as error:  # of the network or of the disk
                    if isinstance(error, OSError) and is_disk_full(error):
                        raise
                    problems[source.url] = in_words(error)
                    if source != sources[-1]:
                        log.warning("%s: %s. The next place is asked.", source.url, problems[source.url])
    except OSError as error:
        raise UserError(
            f"{what}: cannot be downloaded to {folder} ({reason(error)}); free some space or choose another --cache_dir"
        ) from None
    _give_up(sources, folder, what, argument, problems)


def _fetch_from(source: Source, folder: Path) -> Path:
    """Raises OSError or HTTPException."""
    file, part = folder / source.name, folder / f"{source.name}.part"
    append_rest(source.url, part, LARGEST)
    digest = sha256_of(part)
    if not digest.startswith(source.sha256):
        part.unlink()
        raise http.client.HTTPException(
            f"not the file that is expected: its SHA-256 is {digest}, not {source.sha256}{'...' * (len(source.sha256) < 64)}"
        )
    replace(part, file)
    log.info("Downloaded %s from %s, SHA-256 %s.", file, source.url, digest)
    return file


def _is_right(source: Source, file: Path, problems: Dict[str, str]) -> bool:
    """Whether a file in the cache, which the user may have put there, is the one that is expected; else a problem more."""
    digest = sha256_of(file)
    if digest.startswith(source.sha256):
        return True
    problems[str(file)] = f"not used, its SHA-256 is {digest}"
    log.warning("%s: %s.", file, problems[str(file)])
    return False


def _give_up(sources: Sequence[Source], folder: Path, what: str, argument: str, problems: Dict[str, str]) -> NoReturn:
    """Raises UserError that says what to do by hand."""
    lines = [f"{what}: cannot be downloaded, from none of the places that are known."]
    lines += [f"  {place}: {words}" for place, words in problems.items()]
    lines.append("Start the same command again, which goes on where a download broke. Or, behind a firewall, get")
    lines.append(f"{'one of these files' if len(sources) > 1 else 'this file'} with a browser or on another machine:")
    for number, name in enumerate(dict.fromkeys(source.name for source in sources), 1):
        copies = [source for source in sources if source.name == name]
        lines.append(f"  {number}. to be saved as {folder / name}, {copies[0].expected()}, from")
        lines += [f"     {'or ' * (source != copies[0])}{source.url}" for source in copies]
    command = shlex.join(["python", *sys.argv])
    again = f":\n  {command}\n" if os.path.basename(sys.argv[0]) == "train.py" else ", "
    lines.append(
        f"and start the same command again{again}or write {argument}=FILE with its path in place of --download."
    )
    raise UserError("\n".join(lines))
