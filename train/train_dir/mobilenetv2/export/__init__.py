"""Files for other runtimes: `export` writes them, and runs each one to see that it answers as this program does.

docs/export.md says what is in the files, and what is not."""

import json
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import List, NamedTuple, Sequence, Union

import numpy as np

from ..data.cache import FOLDER
from ..model import checkpoint
from ..report.model_card import read_licence
from ..runtime import device
from ..runtime.errors import UserError, collect_errors
from ..runtime.files import atomic, find_file, read_file, user_path
from ..runtime.own_files import LARGEST, MODEL_CARD, is_exported, record_of
from ..runtime.progress import shown
from ..runtime.text import table
from .examples import Examples, read_examples
from .formats import FORMATS, Run, read_formats
from .metadata import APP, APP_RECORD, IMAGENET_MEAN, IMAGENET_STD, SHAPES, app_record, describe
from .parity import Parity, compare, own_outputs

log = logging.getLogger(__name__)
BATCH = 8  # pictures
WARM, TIMED = 3, 20  # answers before and while the time is taken


class Exported(NamedTuple):
    """format: a key of FORMATS. file: what was written. size: in bytes. parity: how it answers the pictures that `what` names.
    milliseconds: for one picture, the median of TIMED answers in its own runtime, without reading and resizing the picture."""

    format: str
    file: Path
    size: int
    parity: Parity
    what: str
    milliseconds: float


def export(
    source: str,
    formats: Union[str, Sequence[str]] = "onnx",
    output: str = "output",
    given: str = "u8",
    data_url: str = "",
    cache_dir: str = FOLDER,
) -> List[Exported]:
    """Write a checkpoint in other formats, and compare each file's answers with the checkpoint's.

    source: the checkpoint, or the folder that holds it. formats: of `formats.FORMATS`, also as one text with commas. output: a
    folder, or the file, where there is one format. given: the file's input, "u8" or "f32", see `metadata.SHAPES`. data_url:
    folder of photos, as for a training; the validation photos are compared, 8 bits are calibrated on the training photos.
    Without it, drawings are compared. cache_dir: as in a training.

    Raises UserError where something is missing, and for a file that answers otherwise; that file is not written.
    """
    typed = formats if isinstance(formats, str) else ",".join(formats)
    names, file, _ = collect_errors(
        lambda: read_formats(typed, "--format"), lambda: find_file(source, (".ckpt",)), lambda: _check_input(given)
    )
    if not names:
        raise UserError(f"--format: expected one or more of {', '.join(FORMATS)}")
    files = _output_files(names, output)
    device.select_device("auto", seed=0)
    loaded = checkpoint.load(str(file))
    calibrate = any(FORMATS[name].calibrated for name in names)
    examples = read_examples(data_url, cache_dir, loaded.description, calibrate)
    return write_formats(names, files, loaded, examples, given, read_licence(file.parent / MODEL_CARD))


def write_formats(
    names: Sequence[str],
    files: Sequence[Path],
    loaded: checkpoint.Loaded,
    examples: Examples,
    given: str,
    licence: str,
) -> List[Exported]:
    """Write the file of each format. Raises UserError for the first one that answers otherwise than the network."""
    expected, found = own_outputs(loaded, examples.val), []
    for name, file in zip(names, files):
        format = FORMATS[name]
        taken = APP if name == "ms" else given
        with shown(f"Exporting {name}"), tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / format.file
            format.write(loaded, taken, licence, as_given(examples.train, taken), draft)
            run = format.run(draft)
            pictures = as_given(examples.val, taken)
            parts = [run(pictures[start : start + BATCH]) for start in range(0, len(pictures), BATCH)]
            outputs = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            parity = compare(file.name, examples, expected, outputs, format.exact)
            milliseconds = _milliseconds(run, pictures[:1])
            content = read_file(draft, LARGEST)
        if format.beside:
            with atomic(record_of(file)) as temporary:
                text = json.dumps(describe(loaded, taken, licence), ensure_ascii=False, indent=1)
                temporary.write_text(text, encoding="utf-8")
        if name == "ms":
            with atomic(file.with_name(APP_RECORD)) as temporary:
                temporary.write_text(app_record(loaded, file), encoding="utf-8")
        with atomic(file) as temporary:
            temporary.write_bytes(content)
        log.info("Wrote %s.", file)
        found.append(Exported(name, file, len(content), parity, examples.what, milliseconds))
    return found


def as_given(crops: np.ndarray, given: str) -> np.ndarray:
    """Pictures u8 [N, S, S, 3] as a file takes them whose input is `given`."""
    if given == "u8":
        return crops
    if given == APP:
        mean, std = np.array(IMAGENET_MEAN, np.float32), np.array(IMAGENET_STD, np.float32)
        return np.asarray((crops / np.float32(255) - mean) / std, np.float32)
    return np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def as_table(exported: Sequence[Exported]) -> str:
    """A row for each file."""
    rows = [["format", "kB", "logits differ by", "same answers", "right", "right before", "ms"]]
    for one in exported:
        parity = one.parity
        rows.append(
            [
                one.format,
                f"{one.size / 1000:,.0f}",
                f"{parity.difference:.1g}",
                f"{parity.same} of {parity.pictures}",
                *(f"{right} of {parity.known}" if parity.known else "–" for right in (parity.right, parity.expected)),
                f"{one.milliseconds:.1f}",
            ]
        )
    return table(rows)


def _check_input(given: str) -> None:
    if given not in SHAPES:
        raise UserError(f"--input={given}: expected one of {', '.join(SHAPES)}")


def _output_files(names: Sequence[str], output: str) -> List[Path]:
    """A file for each format. Raises UserError where one would replace a file of somebody else."""
    place = user_path(output)
    suffixes = {Path(FORMATS[name].file).suffix for name in names}
    single = place.suffix.lower() in suffixes and not place.is_dir()
    if place.exists() and not place.is_dir() and not single:
        raise UserError(
            f"--output={output}: a file; name a folder, or a file that ends in {' or '.join(sorted(suffixes))}"
        )
    if single and len(names) > 1:
        raise UserError(f"--output={output}: one file for {len(names)} formats; name a folder")
    files = [place] if single else [place / FORMATS[name].file for name in names]
    others = [str(file) for file in files if file.exists() and not is_exported(file)]
    for name, file in zip(names, files):
        record = record_of(file)
        if FORMATS[name].beside and record.exists() and not is_exported(file):
            others.append(str(record))
        record = file.with_name(APP_RECORD)
        if name == "ms" and record.exists() and not file.exists():
            others.append(str(record))
    if others:
        raise UserError(
            f"{', '.join(others)}: not written by this program, and would be overwritten; choose another place"
        )
    return files


def _milliseconds(run: Run, picture: np.ndarray) -> float:
    seconds: List[float] = []
    for number in range(WARM + TIMED):
        start = time.perf_counter()
        run(picture)
        if number >= WARM:
            seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)
