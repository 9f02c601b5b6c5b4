"""Answers for many picture files, as CSV or JSON lines on standard output or in a file.

    python inference/predict.py photos/ > answers.csv
    python inference/predict.py photos/ --output answers.csv
    find . -name '*.jpg' -print0 | python inference/predict.py --null --format jsonl - > answers.jsonl

Exit code 0: every file has an answer. 1: some names have an error instead, such as a broken file, or a folder or pattern without
any picture. 2: there is no usable checkpoint, or the answers or the list of names cannot be written or read, or there is too
little memory. 130 and 143: stopped by Ctrl-C and by the system.
"""

import location  # noqa: F401 (puts the package on the path)

from mobilenetv2.runtime import starting

with starting.guarded():
    import argparse
    import codecs
    import logging
    import os
    import sys
    from contextlib import contextmanager
    from io import BufferedReader, TextIOWrapper
    from pathlib import Path
    from typing import Any, Dict, Iterable, Iterator, List, Optional, TextIO, cast

    from named_files import LeftOut, Named, find_files, read_list
    from records import record, write_csv, write_jsonl

    from mobilenetv2 import load
    from mobilenetv2.argument_names import refuse_all
    from mobilenetv2.checkpoint_search import CHECKPOINT_HELP
    from mobilenetv2.data.image_errors import ImageError
    from mobilenetv2.runtime import logs
    from mobilenetv2.runtime.commands import command, run
    from mobilenetv2.runtime.errors import UserError, os_error_words
    from mobilenetv2.runtime.files import atomic, open_file, user_path
    from mobilenetv2.runtime.progress import show_progress
    from mobilenetv2.runtime.streams import open_standard_streams
    from mobilenetv2.runtime.text import printable


def find_named(arguments: Iterable[str], null: bool, left_out: LeftOut) -> Iterator[Named]:
    """What each name on the command line stands for, and for "-", each of those that standard input lists.

    null, left_out: as in `read_list` and `find_files`. Raises UserError if standard input cannot be read."""
    for argument in arguments:
        listed = None
        for listed in _names_on_stdin(null) if argument == "-" else [argument]:
            yield from find_files(listed, left_out)
        if listed is None:
            yield argument, ImageError("unreadable", reason="the list on standard input has no names")


def _names_on_stdin(null: bool) -> Iterator[str]:
    if sys.stdin is None:  # closed
        return
    try:
        yield from read_list(cast(BufferedReader, sys.stdin.buffer), null)
    except OSError as error:
        raise UserError(
            f"standard input: cannot be read ({error.strerror}); a list of files is expected there because of the argument -"
        ) from None


def is_table(file: Path) -> bool:
    """Whether this program has written the file, which may then be replaced; or it is empty. Raises OSError."""
    with open_file(file) as stream:
        start = stream.read(16)
    return not start or start.removeprefix(codecs.BOM_UTF8).startswith((b"file,label", b'{"file"'))


@contextmanager
def opened(output: Optional[str], format: str) -> Iterator[TextIO]:
    """Standard output, or a file, which is there when all answers are. Raises UserError where that cannot be written.

    A CSV file begins with a byte order mark: spreadsheets show Chinese by it. Standard output has none: programs read that."""
    if output is None:
        cast(TextIOWrapper, sys.stdout).reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
        yield sys.stdout
        sys.stdout.flush()
        return
    file = user_path(output)
    if file.is_dir():
        raise UserError(f"--output={output}: a folder; name a file in it")
    if file.exists() and not is_table(file):
        raise UserError(f"--output={output}: there is a file that this program has not written; name another")
    encoding = "utf-8-sig" if format == "csv" else "utf-8"
    with atomic(file) as temporary, open(temporary, "w", encoding=encoding, newline="") as stream:
        yield stream


@command()
def main(arguments: List[str]) -> int:
    """Answer the files of the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Answers for many picture files.", allow_abbrev=False)
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="file, folder, glob pattern, or - for a list of these on standard input",
    )
    parser.add_argument("--checkpoint", metavar="PATH", help=CHECKPOINT_HELP)
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="default: csv")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write the answers into this file; as CSV it opens right in Excel (default: standard output, without the "
        "byte order mark that Excel needs)",
    )
    parser.add_argument(
        "-0", "--null", action="store_true", help="a null character ends each name of the list, as of find -print0"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="threads that read pictures (default: processors)"
    )
    options, rest = parser.parse_known_intermixed_args(arguments)
    open_standard_streams()
    logs.log_to_stderr()
    refuse_all(rest, dict.fromkeys(vars(options), False), folder="")
    left_out, count, failed = LeftOut(), 0, 0
    first = ""  # error

    def records() -> Iterator[Dict[str, Any]]:
        nonlocal count, failed, first
        for name, result in found:
            count += 1
            if isinstance(result, ImageError):
                failed += 1
                first = first or printable(f"{name}: {result}")
            yield {"file": name, **record(result)}

    try:
        classifier = load(options.checkpoint)
        logging.info("Checkpoint: %s.", classifier.file)
        named = find_named(options.paths, options.null, left_out)
        found = show_progress(classifier.answers(named, max(1, options.workers)), None, "Answering")
        with opened(options.output, options.format) as stream:
            if options.format == "jsonl":
                write_jsonl(records(), stream)
            else:
                write_csv(records(), classifier.description.classes, stream)
    except OSError as error:
        if os_error_words(error):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in its buffer
        if not isinstance(error, BrokenPipeError):  # the reader has stopped, as in "| head"
            logging.error("standard output: cannot be written (%s); free some space", error.strerror)
            return 2
    if str(left_out):
        logging.info("Left out in folders: %s.", left_out)
    if failed:
        logging.warning("%d of %d have an error instead of an answer. The first is %s.", failed, count, first)
    return 1 if failed else 0


if __name__ == "__main__":
    run(main)
