"""What a checkpoint's knowledge of its classes is worth when another class is added and photos are few.

    python tests/continuing.py PHOTOS WEIGHTS FEW DRAWS

All classes of PHOTOS (train/ and val/) but the last train a checkpoint from WEIGHTS. Then FEW photos of every class, drawn DRAWS
times, train from this checkpoint, and from WEIGHTS. A line for each: right answers for the validation photos of the old classes
and of the new one."""

import csv
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from conftest import Run


class Right(NamedTuple):
    """Right answers for the photos of the old classes and of the new one, and their numbers."""

    old: int
    of_old: int
    new: int
    of_new: int


def train(photos: Path, start: Path, output: Path, cache: Path, new: str, *more: str) -> Right:
    """Train, and count the answers. new: the new class."""
    paths = [f"--data_url={photos}", f"--pretrain_url={start}", f"--output_path={output}", f"--cache_dir={cache}"]
    run = Run([*paths, "--leaks=allow", *more], photos)
    assert run.code == 0, run.out + run.err
    with open(output / "validation.csv", encoding="utf-8-sig") as stream:
        rows = [(row["class"] == new, row["class"] == row["answer"]) for row in csv.DictReader(stream)]
    old, others = ([right for is_new, right in rows if is_new == wanted] for wanted in (False, True))
    return Right(sum(old), len(old), sum(others), len(others))


def begin(photos: Path, weights: Path, folder: Path, cache: Path) -> Right:
    """Train the checkpoint of all classes but the last into `folder`/start."""
    classes = names(photos)
    return train(photos, weights, folder / "start", cache, classes[-1], "--classes", ",".join(classes[:-1]))


def go_on(photos: Path, weights: Path, folder: Path, cache: Path, few: int, draw: int) -> "tuple[Right, Right]":
    """Train on `few` photos of every class, from the checkpoint of `begin`, and from the weights."""
    classes, root = names(photos), folder / f"photos-{few}-{draw}"
    for name in classes:
        shutil.copytree(photos / "val" / name, root / "val" / name)
        (root / "train" / name).mkdir(parents=True)
        files = sorted((photos / "train" / name).iterdir())
        for file in random.Random(f"{draw}{name}").sample(files, min(few, len(files))):
            shutil.copy(file, root / "train" / name)
    starts = {"kept": folder / "start", "fresh": weights}
    kept, fresh = (train(root, start, folder / name, cache, classes[-1]) for name, start in starts.items())
    return kept, fresh


def names(photos: Path) -> "list[str]":
    """The classes, the last one being the new one."""
    return sorted(folder.name for folder in (photos / "train").iterdir())


def main(photos: str, weights: str, few: str, draws: str) -> None:
    """Print the lines."""
    with tempfile.TemporaryDirectory() as temporary:
        where = Path(photos).resolve(), Path(weights).resolve(), Path(temporary), Path(temporary, "cache")
        print("all photos of the old classes:", begin(*where), flush=True)
        for draw in range(int(draws)):
            kept, fresh = go_on(*where, int(few), draw)
            print(
                f"{few} photos of each class, draw {draw}: from the checkpoint {kept}, from the weights {fresh}",
                flush=True,
            )
    Run.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
