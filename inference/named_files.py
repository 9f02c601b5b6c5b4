"""The picture files that a command line names: files, folders, patterns, and lists of these."""

import codecs
import glob
import os
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple, Union

from mobilenetv2.data.image_errors import ImageError
from mobilenetv2.data.picture_files import SUFFIXES, kind_of_file
from mobilenetv2.data.system_files import is_system_name
from mobilenetv2.runtime.files import TEMPORARY
from mobilenetv2.runtime.text import printable

Named = Tuple[str, Union[Path, ImageError]]  # a name, and the file to read or why there is none
FIRST = 3  # names of each kind that are shown of what was left out
_Key = Union[Tuple[int, int], str]


class LeftOut:
    """What was left out in folders."""

    def __init__(self) -> None:
        self._names: Dict[str, List[str]] = {}
        self._counts: Dict[str, int] = {}

    def add(self, kind: str, path: str) -> None:
        """Count a file or folder. kind: of `kind_of_file`, or "hidden"."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        names = self._names.setdefault(kind, [])
        if len(names) < FIRST:
            names.append(printable(path))

    def __str__(self) -> str:
        """One line: count and first names of each kind. Empty if nothing was left out."""
        words = {"hidden": "hidden or of the system", "other": "no picture"}
        return "; ".join(
            f"{count} {words.get(kind, kind.replace('_', ' '))} ({', '.join(self._names[kind])}"
            f"{', ...' if count > FIRST else ''})"
            for kind, count in self._counts.items()
        )


def read_list(stream: BufferedReader, null: bool) -> Iterator[str]:
    """The names of a list, each as soon as it is read, as the system gives file names (`os.fsdecode`).

    null: a null character ends each name, as of `find -print0`; otherwise a line each, and blank lines are left out. A byte order
    mark is no part of a name; after one of UTF-16, the list is in UTF-16. Raises OSError."""
    start = stream.read(3)
    names: Iterable[str]
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = start + stream.read()
        # Bytes that are a file name may start as that mark does, but UTF-16 has null bytes where no such list has them.
        wide = (b"\0\0" if null else b"\0") in content
        text = content.decode("utf-16", "replace") if wide else os.fsdecode(content)
        names = text.split("\0" if null else "\n")
    else:
        start = b"" if start == codecs.BOM_UTF8 else start
        names = map(os.fsdecode, _split(stream, start, b"\0" if null else b"\n"))
    for name in names:
        name = name if null else name.rstrip("\r")
        if name if null else name.strip():
            yield name


def _split(stream: BufferedReader, start: bytes, end: bytes) -> Iterator[bytes]:
    """start and what the stream has, in pieces between the byte `end`."""
    pieces: List[bytes] = []  # of the one that has not ended
    for chunk in chain([start], iter(lambda: stream.read1(2**16), b"")):
        first, *others = chunk.split(end)
        pieces.append(first)
        for other in others:
            yield b"".join(pieces)
            pieces = [other]
    yield b"".join(pieces)


def find_files(name: str, left_out: LeftOut) -> Iterator[Named]:
    """What a name stands for: a file, the pictures in a folder and below, or those of a glob pattern, whose folders count as
    named. At least one result; whatever cannot be used has an error.

    In folders, linked ones are followed, each folder is read once, and hidden files and files of the system are left out. What is
    a picture there is known by its bytes; a file that has the suffix of a picture is one, too, so that it gets its error."""
    reason = _unusable(name)
    if reason:
        yield name, _error(reason)
        return
    pattern = glob.has_magic(name) and not os.path.lexists(name)
    seen: Set[_Key] = set()
    count = 0
    for match in _matches(name) if pattern else [name]:
        if os.path.isdir(match):
            for named in _pictures(match, seen, left_out):
                count += 1
                yield named
        # Unless it was listed with its folder, as of "a/**/*".
        elif not (seen and _key(os.path.dirname(match) or os.curdir) in seen):
            count += 1
            yield match, Path(match)
    if not count:
        yield name, _error(f"no picture {'matches this pattern' if pattern else 'is in this folder'}")


def _unusable(name: str) -> Optional[str]:
    """Why no file can have this name; None if one can."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return "this system's encoding of file names lacks a character of it"
    return "a null character in the name; a list of find -print0 needs --null" if "\0" in name else None


def _error(reason: str) -> ImageError:
    return ImageError("unreadable", reason=reason)


def _matches(pattern: str) -> List[str]:
    """As `glob.glob(pattern, recursive=True)`, sorted; but links that lead back up have an end, and a pattern that ends in `**`
    gives the folder itself."""
    head, any_depth, tail = _partition(pattern)
    if not any_depth:
        return sorted(glob.glob(pattern))
    found: Dict[str, None] = {}
    for base in sorted(glob.glob(head)) if head else [""]:
        if not tail:
            found[base or os.curdir] = None
        elif os.path.isdir(base or os.curdir):
            for folder, _ in _folders(base, set(), None):
                found.update(dict.fromkeys(_matches(os.path.join(glob.escape(folder), tail))))
    return sorted(found)


def _partition(pattern: str) -> Tuple[str, bool, str]:
    """The pattern before and behind its first part `**`, and whether there is one."""
    drive, path = os.path.splitdrive(pattern)
    parts = path.replace(os.sep, "/").split("/")
    if "**" not in parts:
        return pattern, False, ""
    place = parts.index("**")
    return drive + "".join(f"{part}/" for part in parts[:place]), True, "/".join(parts[place + 1 :])


def _pictures(root: str, seen: Set[_Key], left_out: LeftOut) -> Iterator[Named]:
    """The picture files in a folder and below; errors of folders that cannot be listed."""
    for folder, listed in _folders(root, seen, left_out):
        if isinstance(listed, ImageError):
            yield folder, listed
            continue
        for name in listed:
            path = os.path.join(folder, name)
            kind = "picture" if os.path.splitext(name)[1].lower() in SUFFIXES else kind_of_file(Path(path))
            if kind in ("picture", "unreadable"):  # reading the latter says why
                yield path, Path(path)
            else:
                left_out.add(kind, path)


def _folders(
    root: str, seen: Set[_Key], left_out: Optional[LeftOut]
) -> Iterator[Tuple[str, Union[List[str], ImageError]]]:
    """(path, sorted names of its files, or an error) of a folder and of those below that are not in `seen`, which it adds to."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            key = _key(folder or os.curdir)
            if key in seen:
                continue
            seen.add(key)
            with os.scandir(folder or os.curdir) as entries:
                found = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError as error:
            yield folder, _error(error.strerror or str(error))
            continue
        usable = []
        for name, is_folder in found:
            if not is_system_name(name):
                usable.append((name, is_folder))
            elif left_out and not TEMPORARY.match(name):  # that is a file which this program is writing
                left_out.add("hidden", os.path.join(folder, name))
        yield folder, [name for name, is_folder in usable if not is_folder]
        waiting += [os.path.join(folder, name) for name, is_folder in reversed(usable) if is_folder]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _key(folder: str) -> _Key:
    """The same for one folder by whatever path. Some network file systems have no inode numbers."""
    status = os.stat(folder)
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(folder)
