"""Pictures that exported files are tried with, and that 8-bit files are calibrated on, as the network is given them."""

import logging
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from ..checks.data_check import check_photos
from ..data import sample
from ..data.cache import PhotoCache
from ..data.class_choice import recorded_choice
from ..data.dataset import IN_TURN, Photo, PhotoSet, scan_folder
from ..data.image import Preprocessing, center_crop, decode
from ..data.kind import DRAWINGS
from ..data.unpacking import find_archive, unpack
from ..model.checkpoint import Description
from ..runtime.environment import usable_cpus
from ..runtime.errors import UserError
from ..runtime.files import user_path
from ..runtime.progress import parallel_map, show_progress

log = logging.getLogger(__name__)
TRIED, CALIBRATED = 1000, 200  # validation and training photos that are used, at most
NEEDS_TRAINING = (
    "onnx-8bit needs --data_url, the folder of training photos: the range of every value in the network is measured on "
    "them"
)


class Examples(NamedTuple):
    """val: u8 [N, S, S, 3], RGB. labels: i64 [N], -1 for a class that the network does not know. train: u8 [M, S, S, 3]; empty
    where nothing is calibrated. what: the validation pictures in words, such as "validation photos"."""

    val: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    what: str


def read_examples(data_url: str, cache_dir: str, description: Description, calibrate: bool) -> Examples:
    """Of a folder or an archive of photos as for a training, or where none is named, of the program's own drawings.

    cache_dir: as in a training. calibrate: whether training pictures are needed. Raises UserError for a folder without photos,
    and where the drawings cannot calibrate this network."""
    if not data_url:
        return _draw(description, calibrate)
    cache = user_path(cache_dir)
    archive = find_archive(user_path(data_url), (cache,))
    folder = str(unpack(archive, cache)) if archive else data_url
    # As in the training of this checkpoint: else, photos that it was trained on would be compared as validation photos.
    trained = description.settings if isinstance(description.settings, dict) else {}
    seed = trained.get("seed")
    found = scan_folder(folder, (cache,), recorded_choice(trained))
    checked = check_photos(
        found,
        description.preprocessing,
        PhotoCache(cache_dir),
        usable_cpus(),
        drop_leaks=trained.get("leaks") == "drop",
        mirror=str(trained.get("mirror", "auto")),
        seed=seed if isinstance(seed, int) and seed >= 0 else 0,
        in_turn=description.data.get("validation") == IN_TURN,
    )
    return take_examples(checked.data, description, calibrate)


def take_examples(data: PhotoSet, description: Description, calibrate: bool) -> Examples:
    """Of photos that were read and checked. Raises UserError for one that cannot be read any more, and for photos of which none
    can be used."""
    photos = _spread(data.split("val"), TRIED)
    train = _spread(data.split("train"), CALIBRATED) if calibrate else []
    if not photos or (calibrate and not train):
        raise UserError("--data_url: there is no photo that can be used; 'train.py --check' lists what is wrong")
    known = {name: number for number, name in enumerate(description.classes)}
    labels = np.array([known.get(data.classes[photo.label], -1) for photo in photos])
    if labels.max() < 0:
        log.warning(
            "No photo is of a class that the network knows: only its numbers are compared, not how many are right."
        )
    crops = _crops([*photos, *train], description.preprocessing)
    return Examples(crops[: len(photos)], labels, crops[len(photos) :], f"validation {data.kind}")


def _spread(photos: Sequence[Photo], most: int) -> List[Photo]:
    """So many of them at most, from all over the list."""
    return list(photos[:: max(1, -(-len(photos) // most))])


def _crops(photos: Sequence[Photo], preprocessing: Preprocessing) -> np.ndarray:
    """u8 [N, size, size, 3]"""

    def crop(photo: Photo) -> np.ndarray:
        return np.asarray(center_crop(decode(photo.read(), preprocessing.size), preprocessing))

    found = parallel_map(crop, photos, usable_cpus())
    return np.stack(list(show_progress(found, len(photos), "Reading photos")))


def _draw(description: Description, calibrate: bool) -> Examples:
    if calibrate and description.kind != DRAWINGS:
        raise UserError(NEEDS_TRAINING)
    preprocessing = description.preprocessing

    def drawn(split: str) -> Tuple[List[np.ndarray], List[str]]:
        named = [(class_, number) for class_ in sample.CLASSES for number in range(sample.COUNTS[split])]
        pictures = parallel_map(lambda one: sample.draw(one[0], [split == "val", one[1]]), named, usable_cpus())
        crops = [np.asarray(center_crop(picture, preprocessing)) for picture in pictures]
        return crops, [class_ for class_, _ in named]

    val, classes = drawn("val")
    known = {name: number for number, name in enumerate(description.classes)}
    labels = np.array([known.get(name, -1) for name in classes])
    train = drawn("train")[0] if calibrate else []
    return Examples(np.stack(val), labels, _stack(train, preprocessing.size), "of this program's drawings")


def _stack(crops: Sequence[np.ndarray], size: int) -> np.ndarray:
    """u8 [N, size, size, 3], where N may be 0."""
    return np.array(crops, np.uint8).reshape(-1, size, size, 3)
