"""Where photos and weights come from."""

import logging
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .command_line import listed_paths
from .config import Settings
from .data import dataset, download, sample, unpacking
from .data.addresses import ADDRESS, fetch_address, is_address
from .data.class_choice import check_choice, read_choice
from .data.dataset import PhotoSet
from .data.transfer import shown_address
from .model import checkpoint, pretrained
from .runtime import distributed
from .runtime.errors import UserError, collect_errors
from .runtime.files import user_path
from .runtime.progress import shown

log = logging.getLogger(__name__)


def read_inputs(settings: Settings, output: Path) -> Tuple[PhotoSet, Optional[pretrained.PretrainedWeights]]:
    """The photos as they are found, and the weights to begin with; None: random numbers. output: for the drawings.

    Raises UserError with all that is wrong with either."""
    with distributed.in_turn():
        known: Dict[str, Any] = {}

        def read_photos() -> None:
            known["photos"] = _read_photos(settings, output)

        def read_weights() -> None:
            known["weights"] = _read_weights(settings)

        collect_errors(read_photos, read_weights, lambda: _check_choice(known))
    return known["photos"], known["weights"]


def _check_choice(known: Dict[str, Any]) -> None:
    """What is wrong with --classes and --merge, as far as photos and weights could be read."""
    if "photos" in known:
        photos, weights = known["photos"], known.get("weights")
        own = weights.classes if weights and weights.naming == pretrained.OWN else None
        of_weights = (own or ()) if "weights" in known else None
        check_choice(photos.layout.choice, photos.layout.classes, photos.classes, of_weights)


def _gets_by_itself(settings: Settings) -> bool:
    """Whether --download gets what is not named. With addresses it gets these, and nothing else."""
    named = (settings.data_url, settings.pretrain_url, settings.teacher_url)
    return settings.download and not any(ADDRESS.match(path) for text in named for path in listed_paths(text))


def _downloads(settings: Settings) -> Path:
    return user_path(settings.cache_dir) / "downloads"


@contextmanager
def _on_disk(value: str, settings: Settings, of_weights: bool = False) -> Iterator[str]:
    """The file or folder that a value names: what is an address is downloaded, and what is an archive is unpacked.

    Raises UserError, also in place of one in the block, which is about a place that the user has not named."""
    path = _local(value, settings, of_weights)
    try:
        yield path
    except UserError as error:
        raise UserError(str(error) if path == value else f"{shown_address(value)}: {error}") from None


def _local(value: str, settings: Settings, of_weights: bool) -> str:
    """A path. Raises UserError."""
    if is_address(value):
        if not settings.download:
            raise UserError(
                f"{shown_address(value)}: an address, which is downloaded only with --download; add it, or get the file in some "
                "other way and name it here"
            )
        value = str(fetch_address(value, _downloads(settings)))
    cache = user_path(settings.cache_dir)
    skipped = (cache, user_path(settings.output_path))
    archive = unpacking.find_archive(user_path(value), skipped, of_weights)
    return str(unpacking.unpack(archive, cache)) if archive else value


def _read_photos(settings: Settings, output: Path) -> PhotoSet:
    if not settings.data_url and _gets_by_itself(settings):
        found = _scan(str(_tutorials_photos(settings)), settings)
    elif settings.data_url:
        found = _first_photos(listed_paths(settings.data_url), settings)
    else:
        log.info("No --data_url: using drawings of dogs and croissants, which are put into %s.", output / "sample")
        sample.write_sample(output / "sample")
        choice = read_choice(settings.classes, settings.merge)
        found = dataset.scan_folder(str(output / "sample"), choice=choice)
    return replace(found, kind=sample.kind_of(photo.file for photo in found.photos))


def _first_photos(paths: List[str], settings: Settings) -> PhotoSet:
    """Of the first data set with photos. Raises UserError with what is wrong with each."""
    problems = []
    for path in paths:
        try:
            with _on_disk(path, settings) as folder:
                found = _scan(folder, settings)
        except UserError as error:
            problems.append(str(error))
            continue
        if len(paths) > 1:
            log.warning("Of %d data sets, %s is used, the first with photos.", len(paths), path)
        return found
    raise UserError("\n".join(problems))


def _tutorials_photos(settings: Settings) -> Path:
    """Their folder. Raises UserError."""
    archive = download.fetch(download.PHOTOS, _downloads(settings), "The tutorial's photos", "--data_url")
    try:
        return unpacking.unpack(archive, user_path(settings.cache_dir))
    except unpacking.Refused as error:
        with suppress(OSError):
            archive.unlink()  # no hash is published that would have told
        raise UserError(f"{error}\nIt is deleted: start again to download it anew") from None


def _scan(path: str, settings: Settings) -> PhotoSet:
    choice = read_choice(settings.classes, settings.merge)
    with shown("Looking for photos"):
        return dataset.scan_folder(path, (user_path(settings.cache_dir),), choice)


def _read_weights(settings: Settings) -> Optional[pretrained.PretrainedWeights]:
    if settings.teacher_url:
        if settings.pretrain_url or settings.unfreeze:
            raise UserError(
                "--teacher_url trains a network from random numbers: leave --pretrain_url and --unfreeze out"
            )
        with _on_disk(listed_paths(settings.teacher_url)[0], settings, of_weights=True) as path:
            return pretrained.read_pretrained(path)
    if settings.pretrain_url == "random":
        log.info("The network starts from random numbers.")
        return None
    if settings.pretrain_url:
        with _on_disk(listed_paths(settings.pretrain_url)[0], settings, of_weights=True) as path:
            return pretrained.read_pretrained(path, settings.width, settings.last)
    if _gets_by_itself(settings):
        file = download.fetch(download.WEIGHTS, _downloads(settings), "ImageNet weights", "--pretrain_url")
        return pretrained.read_pretrained(str(file), settings.width, settings.last)
    log.info("No --pretrain_url: starting from the built-in network, a small one.")
    return replace(
        pretrained.read_pretrained(str(checkpoint.EMBEDDED), settings.width, settings.last), naming=pretrained.BUILT_IN
    )
