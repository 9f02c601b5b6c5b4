"""Answers for many picture files, as CSV or JSON lines on standard output.

    python inference/predict.py photos/ > answers.csv
    find . -name '*.jpg' | python inference/predict.py --format jsonl - > answers.jsonl

Exit code 0: every file has an answer; 1: some files have an error instead; 2: there is no usable checkpoint.
"""

import argparse
import glob
import logging
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Tuple, cast

from checkpoints import find_checkpoint
from records import record, write_csv, write_jsonl

from mobilenetv2.classifier import Classifier
from mobilenetv2.data.folders import SUFFIXES
from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.runtime import logs
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.progress import show_progress


def files(patterns: Iterable[str]) -> Iterator[Tuple[str, Path]]:
    """(name, path) of every file that is named, matches a glob pattern, or lies in a named folder or below.

    The pattern "-" reads such names from standard input, one per line. In folders, only files with the suffix of a picture
    count, and hidden files and folders do not.
    """
    for pattern in patterns:
        if pattern == "-":
            yield from files(line.rstrip("\r\n") for line in sys.stdin if line.strip())
        elif os.path.isdir(pattern):
            for folder, inside, names in os.walk(pattern):
                inside[:] = sorted(name for name in inside if not name.startswith("."))
                for name in sorted(names):
                    if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):
                        path = os.path.join(folder, name)
                        yield path, Path(path)
        elif glob.has_magic(pattern) and not os.path.exists(pattern):
            yield from ((path, Path(path)) for path in sorted(glob.glob(pattern, recursive=True)))
        else:
            yield pattern, Path(pattern)


def main(arguments: List[str]) -> int:
    """Answer the files of the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Answers for many picture files.")
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="file, folder, glob pattern, or - for a list of these on standard input",
    )
    parser.add_argument(
        "--checkpoint", help="checkpoint of train.py, or the folder that holds it (default: as README.md says)"
    )
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="threads that read pictures (default: processors)"
    )
    options = parser.parse_args(arguments)
    logs.log_to_stderr()
    cast(TextIOWrapper, sys.stdout).reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    try:
        classifier = Classifier(find_checkpoint(options.checkpoint))
        logging.info("Checkpoint: %s.", classifier.file)
    except UserError as error:
        logging.error("%s", error)
        return 2
    answers = show_progress(classifier.answers(files(options.paths), max(1, options.workers)), None, "Answering")
    errors = 0

    def records() -> Iterator[Dict[str, Any]]:
        nonlocal errors
        for name, result in answers:
            errors += isinstance(result, ImageError)
            yield {"file": name, **record(result)}

    try:
        if options.format == "jsonl":
            write_jsonl(records(), sys.stdout)
        else:
            write_csv(records(), classifier.description.classes, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has stopped, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if errors:
        print(f"{errors} files could not be answered; the column error says why.", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
