"""A folder that a host can serve: the page, a checkpoint, a model card and exact versions of the packages.

    python inference/publish.py output --to space --host spaces
    python inference/publish.py output --to project --host xihe --model owner/repository
    python inference/publish.py output --to image --host docker

Nothing is sent anywhere. The folder must be new or empty. Exit code 0: it is written. 2: an argument or the checkpoint cannot be
used, or the folder cannot be written. 130 and 143: stopped by Ctrl-C and by the system.
"""

import location  # noqa: F401 (puts the package on the path)

from mobilenetv2.runtime import starting

with starting.guarded():
    import argparse
    import errno
    import logging
    import os
    import re
    import shlex
    import shutil
    from contextlib import contextmanager, suppress
    from pathlib import Path
    from typing import Dict, Iterator, List, Optional, Tuple

    from hosts import CHECKPOINT, HOSTS, LARGEST, PYTHON, THUMBNAILS, Content
    from location import HERE
    from titles import title_of

    from mobilenetv2.argument_names import refuse_all
    from mobilenetv2.checkpoint_search import find_checkpoint
    from mobilenetv2.data import thumbnails
    from mobilenetv2.model import checkpoint
    from mobilenetv2.report.model_card import UNKNOWN, read_card
    from mobilenetv2.runtime import logs, own_files
    from mobilenetv2.runtime.commands import command, run
    from mobilenetv2.runtime.errors import UserError, collect_errors, reason
    from mobilenetv2.runtime.files import find_file, make_folder, read_file, user_path
    from mobilenetv2.runtime.text import printable

log = logging.getLogger(__name__)
ROOT = HERE.parent
VERSIONS = HERE / f"requirements-{PYTHON}.txt"
TRAIN = Path("train", "train_dir")
PACKAGE = TRAIN / "mobilenetv2"
# Of this folder: commands for whoever has the project, and what these alone need.
NOT_SERVED = ("__init__.py", "export.py", "web_page.py", "publish.py", "hosts.py")
MODEL = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
NEXT = {
    "spaces": "hf upload OWNER/SPACE {folder} . --repo-type space",
    "modelscope": "Upload the folder at https://modelscope.cn/studios/create?template=quick.",
    "xihe": "Push the folder as a project, and create an inference instance.",
    "docker": "docker build -t pictures {folder} && docker run --rm -p 7860:7860 pictures",
}


def program(host: str) -> Dict[str, Path]:
    """The files of the program that the page needs, by path in the folder."""
    files = [file for file in HERE.glob("*.py") if file.name not in NOT_SERVED]
    files += [ROOT / "LICENSE", ROOT / TRAIN / "train.py", ROOT / TRAIN / "pip-requirements.txt"]
    files += [file for file in (ROOT / PACKAGE).rglob("*") if file.is_file()]
    if host == "xihe":
        files.append(HERE / "requirements.txt")
    names = {file.relative_to(ROOT): file for file in files}
    return {
        name.as_posix(): file
        for name, file in names.items()
        if file.suffix != ".pyc" and not any(part.startswith((".", "__pycache__")) for part in name.parts)
    }


def versions() -> Tuple[List[str], List[str]]:
    """Lines `name==version` of the packages that the program names, and of all that are installed for it."""
    named, others = read_file(VERSIONS, 2**16).decode("utf-8").split("\n\n")
    first, rest = ([line for line in part.splitlines() if "==" in line] for part in (named, others))
    return first, first + rest


def find_target(text: str, output: str) -> Path:
    """The folder to write. Raises UserError unless it is new or empty, and outside of the output and of the program's code."""
    target = Path(os.path.realpath(user_path(text)))
    name = printable(text)
    for folder in (Path(os.path.realpath(output)), ROOT / TRAIN, HERE):
        if folder.is_dir() and (folder == target or folder in target.parents):
            raise UserError(
                f"--to={name}: it is in {printable(str(folder))}, from which files are taken; name another folder"
            )
    if target.is_dir():
        if os.listdir(target):
            raise UserError(
                f"--to={name}: this folder has files; name a new or an empty one, and copy its content to where you want it"
            )
    elif os.path.lexists(target):
        raise UserError(f"--to={name}: a file is in the place of the folder; name a new or an empty folder")
    return target


def check_model(host: str, model: Optional[str]) -> None:
    """Raises UserError unless it is the name of a repository, for a host that wants one."""
    if model is not None and host != "xihe":
        raise UserError("--model: only --host xihe takes it; leave it out")
    if model is not None and not MODEL.fullmatch(model):
        raise UserError(f"--model={printable(model)}: expected owner/repository")


@contextmanager
def written_at_once(target: Path) -> Iterator[Path]:
    """Yields a folder whose content is the target's at the end of the block. After an exception the target is as before.

    Raises UserError where it cannot be written."""
    there = target.is_dir()
    # In an empty folder, because that may be a disk of its own; beside a new one.
    stage = (target if there else target.parent) / f".{os.getpid()}.part-publish"
    moved: List[Path] = []
    try:
        make_folder(stage)
        yield stage
        if there:
            for entry in sorted(stage.iterdir()):
                place = target / entry.name
                if os.path.lexists(place):  # it was empty when the command began
                    raise FileExistsError(errno.EEXIST, f"there is a new {entry.name} in it", str(place))
                moved.append(place)
                entry.rename(place)
            moved.clear()
        else:
            stage.rename(target)
    except OSError as error:
        raise UserError(
            f"--to={printable(str(target))}: cannot be written ({reason(error)}); free some space or choose another folder"
        ) from None
    finally:
        for entry in (*moved, stage):
            with suppress(OSError):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def write(target: Path, texts: Dict[str, str], copies: Dict[str, Path], contents: Dict[str, bytes]) -> None:
    """Write the folder. texts, copies, contents: by path in it."""
    with written_at_once(target) as stage:
        for name in (*texts, *copies, *contents):
            make_folder((stage / name).parent)
        for name, file in copies.items():
            shutil.copyfile(file, stage / name)
        for name, content in contents.items():
            (stage / name).write_bytes(content)
        for name, text in texts.items():
            (stage / name).write_bytes(text.encode("utf-8"))  # with these line ends on any system


def write_folder(options: argparse.Namespace) -> None:
    """Write the folder, and say what to do with it. Raises UserError."""
    output = find_checkpoint(options.output)
    target, loaded, _ = collect_errors(
        lambda: find_target(options.to, output),
        lambda: checkpoint.load(output),
        lambda: check_model(options.host, options.model),
    )
    file, description = find_file(output, (".ckpt",)), loaded.description
    contents = {CHECKPOINT: read_file(file, own_files.LARGEST)}
    sheet = file.with_suffix(thumbnails.SUFFIX)
    known = description.data["thumbnails"]
    if options.thumbnails:
        if not (known and thumbnails.read_sheet(sheet, known)):
            raise UserError(
                f"--thumbnails: {printable(str(sheet))} is not there, or not that of this checkpoint; leave it out"
            )
        contents[THUMBNAILS] = read_file(sheet, own_files.LARGEST)
    large = [name for name, content in contents.items() if len(content) > LARGEST]
    if options.host == "xihe" and large and not options.model:
        raise UserError(
            f"--host xihe: {', '.join(name.rpartition('/')[2] for name in large)}: a project there takes no file over "
            f"{LARGEST // 1000} KB; put it into a model repository there, and name that with --model owner/repository"
        )
    front, card = read_card(file, description, loaded.neither is not None)
    found = re.search(r"^license: *(\S.*)$", front, re.MULTILINE)
    content = Content(
        title=title_of(description.classes, "en", options.title),
        given=options.title,
        front=re.sub("^#.*\n", "", front, flags=re.MULTILINE),  # what a comment says is of the output folder
        card=card.replace(f'"{own_files.CHECKPOINT}"', f'"{CHECKPOINT}"'),
        licence=found[1] if found else UNKNOWN,
        versions=versions(),
        files=tuple(contents),
        model=options.model or "",
    )
    elsewhere = options.host == "xihe" and options.model
    write(target, HOSTS[options.host](content), program(options.host), {} if elsewhere else contents)
    log.info("Wrote %s: the page with %s.", printable(str(target)), printable(str(file)))
    if known and not options.thumbnails:
        log.info("The small training photos that the page can show are left out; --thumbnails publishes them, too.")
    if content.licence == UNKNOWN:
        log.warning("Its README.md says 'license: %s'. Fill in the licence of your model.", UNKNOWN)
    if elsewhere:
        files = zip((file, sheet), contents)
        names = " and ".join(f"{shlex.quote(str(one))} as {name.rpartition('/')[2]}" for one, name in files)
        log.info("Put %s into the model repository %s.", names, options.model)
    log.info("Next: %s", NEXT[options.host].format(folder=shlex.quote(str(target))))


@command()
def main(arguments: List[str]) -> int:
    """Write the folder of the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description="A folder that a host can serve: the page, a checkpoint, a model card, exact versions.",
        allow_abbrev=False,
    )
    parser.add_argument("output", metavar="OUTPUT", help="output folder of train.py, or a checkpoint of it")
    parser.add_argument("--to", required=True, metavar="FOLDER", help="the folder to write, new or empty")
    parser.add_argument("--host", required=True, choices=HOSTS, help="who serves it")
    parser.add_argument("--title", help="title of the page (default: from the classes)")
    parser.add_argument(
        "--thumbnails",
        action="store_true",
        help="publish the small training photos, too, which the page shows as most similar",
    )
    parser.add_argument("--model", metavar="OWNER/REPOSITORY", help="on Xihe: the model repository with the checkpoint")
    options, rest = parser.parse_known_intermixed_args(arguments)
    logs.log_to_stderr()
    refuse_all(rest, {name: name == "thumbnails" for name in vars(options)}, folder="to")
    write_folder(options)
    return 0


if __name__ == "__main__":
    run(main)
