"""An archive of the user -> its files in a folder of the cache, which is known by the content of the archive."""

import errno
import hashlib
import json
import logging
import os
import shutil
import unicodedata
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO, Dict, List, Optional, Sequence, Tuple

from ..runtime.errors import UserError, reason
from ..runtime.files import alone_in, open_file, read_file, unless_refused
from ..runtime.progress import show_progress
from ..runtime.text import printable
from .archive_entries import ENDINGS, HEAD, Damaged, Entry, archive_kind, damage_in_words, decode_names, read_entries
from .system_files import is_system_name

log = logging.getLogger(__name__)

CHUNK = 2**20  # bytes that are read at a time
PACKED = 2**33  # bytes of an archive
UNPACKED = 2**34  # bytes of all that is in it
ENTRIES = 200_000  # files and folders in it
# Bytes for each one of the archive, beyond ALLOWANCE: photos hardly get smaller, and what is packed to take all of a disk does.
RATIO, ALLOWANCE = 100, 2**28
PART, PATH = 255, 1000  # bytes of a name in UTF-8, which is what disks take, and of all names on the way to a file
SHOWN = 3  # names for each problem
RULES = b"1"  # another number where other files are made of the same archive
FILES, RECORD = (
    "files",
    "unpacked.json",
)  # what lies in the folder of an archive: what was in it, and that this is all of it

Target = Optional[Tuple[str, ...]]  # where an entry goes, from the folder; None: nowhere


class Refused(UserError):
    """It is the archive that is wrong, not the disk."""


def find_archive(path: Path, skipped: Sequence[Path], of_weights: bool = False) -> Optional[Path]:
    """The archive that this is, or that is alone in this folder but for `skipped`; None without one.

    Files of weights may be archives by their bytes, such as .npz and .pth, and are not meant to be unpacked."""
    try:
        alone = os.path.isdir(path)
        file = lone_file(path, skipped) if alone else path
        if file is None or not os.path.isfile(file):
            return None
        named = file.name.lower().endswith((*ENDINGS, ".rar", ".7z"))
        if not (named or (kind_of_archive(file) and not (of_weights and file.suffix))):
            return None
    except OSError:
        return None  # what is missing or out of order is said by who reads it
    if alone:
        log.info("%s holds nothing but the archive %s, which is taken.", path, file.name)
    return file


def kind_of_archive(file: Path) -> Optional[str]:
    """As `archive_kind`. Raises OSError for what is no regular file or cannot be read."""
    with open_file(file) as stream:
        return archive_kind(stream.read(HEAD))


def lone_file(folder: Path, skipped: Sequence[Path]) -> Optional[Path]:
    """The file in a folder that holds nothing else but `skipped`: platforms hand archives over like that. Raises OSError."""
    known = {os.path.realpath(path) for path in skipped}
    found = [folder / name for name in os.listdir(folder) if not is_system_name(name)]
    found = [path for path in found if os.path.realpath(path) not in known]
    return found[0] if len(found) == 1 and os.path.isfile(found[0]) else None


def unpack(archive: Path, cache: Path) -> Path:
    """The folder in `cache` with the files of the archive, which is unpacked unless it has been before.

    Raises UserError, of which Refused is one, that lists all that is wrong with the archive, and where the disk is full; nothing
    is then left behind."""
    try:
        stream = open_file(archive)
    except OSError as error:
        raise UserError(
            f"{archive}: cannot be read ({reason(error)}); copy it to another place, or name another"
        ) from None
    with stream:
        size = os.fstat(stream.fileno()).st_size
        kind = archive_kind(stream.read(HEAD))
        if kind is None:
            raise Refused(f"{archive}: not an archive, by its first bytes; copy or download it again")
        if kind in ("rar", "7z"):
            raise UserError(
                f"{archive}: a .{kind} archive; only .zip and .tar can be unpacked here: pack it anew as .zip"
            )
        if size > PACKED:
            raise UserError(f"{archive}: {size >> 20:,} MiB, more than {PACKED >> 20:,}; unpack it and name its folder")
        try:
            folder = cache / "unpacked" / _digest(stream, size, archive.name)[:32]
            with alone_in(folder.parent, _say_waiting) as alone:
                if _is_whole(folder):
                    log.info("%s was unpacked before, into %s.", archive, folder / FILES)
                else:
                    _unpack_anew(archive, stream, kind, size, folder, alone)
        except OSError as error:
            raise UserError(
                f"{archive}: cannot be unpacked into {cache} ({reason(error)}); free some space or choose another --cache_dir"
            ) from None
    return folder / FILES


def _say_waiting() -> None:
    log.info("Another run unpacks an archive; waiting until it has.")


def _digest(stream: BinaryIO, size: int, name: str) -> str:
    """SHA-256 of the archive's bytes and of the rules of unpacking, in hexadecimal."""
    stream.seek(0)
    found = hashlib.sha256(RULES)
    chunks = iter(lambda: stream.read(CHUNK), b"")
    for chunk in show_progress(chunks, -(-size // CHUNK), f"Reading {printable(name)} (MiB)"):
        found.update(chunk)
    return found.hexdigest()


def _is_whole(folder: Path) -> bool:
    """Whether all files of an archive are there, as they were unpacked."""
    try:
        record = json.loads(read_file(folder / RECORD, 2**16))
        return bool(record == _counts(folder / FILES))
    except (OSError, ValueError):
        return False


def _counts(folder: Path) -> Dict[str, int]:
    """How many files are in the folder, and their bytes."""
    sizes = [os.lstat(os.path.join(parent, name)).st_size for parent, _, names in os.walk(folder) for name in names]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _unpack_anew(archive: Path, stream: BinaryIO, kind: str, size: int, folder: Path, alone: bool) -> None:
    """alone: whether no other process is unpacking into the same cache; what it has left there can then be deleted."""
    limit = min(UNPACKED, RATIO * size + ALLOWANCE)
    plan, found = _Plan(limit), []
    try:
        for entry, _ in read_entries(stream, kind, limit):
            found.append(entry)
            if len(found) > ENTRIES:
                plan.note(f"more than {ENTRIES:,} files and folders")
                break
    except Damaged as error:
        plan.note(_damage(error))
    for entry, name in zip(found, decode_names([entry.name for entry in found])):
        plan.add(name, entry)
    plan.finish(archive)
    free = shutil.disk_usage(folder.parent).free
    if plan.size > free:
        raise UserError(
            f"{archive}: {plan.size / 2**20:,.0f} MiB unpacked, and {folder.parent} has {free / 2**20:,.0f} MiB left; free "
            "some space or choose another --cache_dir"
        )
    if alone:
        for left in folder.parent.glob(".*.part"):
            shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    partial = folder.with_name(f".{os.getpid()}-{folder.name}.part")
    before = os.fstat(stream.fileno())
    try:
        _write(archive, stream, kind, limit, plan.targets, partial)
        after = os.fstat(stream.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UserError(f"{archive}: it was changed while it was read; wait until it is complete, and start again")
        renamed = _rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if not renamed:
        try:
            _write(archive, stream, kind, limit, plan.targets, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    left_out = f" {plan.skipped:,} of systems and other programs were left out." if plan.skipped else ""
    log.info("%s: %s unpacked into %s.%s", archive, _count(plan.files, "file"), folder / FILES, left_out)


def _rename(partial: Path, folder: Path) -> bool:
    """Whether the files are now in `folder`: not on a disk that refuses to rename folders."""
    try:
        with unless_refused():
            os.rename(partial, folder)
            return True
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    return _is_whole(folder)  # another run may have unpacked it meanwhile, on a disk without locks


def _write(archive: Path, stream: BinaryIO, kind: str, limit: int, targets: List[Target], folder: Path) -> None:
    files = folder / FILES
    os.makedirs(files)
    entries = zip_longest(read_entries(stream, kind, limit), targets)
    try:
        for (entry, opened), target in show_progress(entries, len(targets), f"Unpacking {printable(archive.name)}"):
            if target is None:
                continue
            place = files.joinpath(*target)
            if entry.kind == "folder":
                os.makedirs(place, exist_ok=True)
                continue
            os.makedirs(place.parent, exist_ok=True)
            # A file is never written over: on some disks, other names than expected are the same.
            with damage_in_words(), opened() as source, open(place, "xb") as file:
                shutil.copyfileobj(source, file, CHUNK)
            if os.path.getsize(place) != entry.size:
                raise Damaged(f"{'/'.join(target)} has another size than is said")
        (folder / RECORD).write_text(json.dumps(_counts(files)), encoding="utf-8")
    except FileExistsError as error:
        name = printable(os.path.relpath(os.fsdecode(error.filename), files))
        raise UserError(f"{archive}: {name} has the name of another file on this disk; rename one of them") from None
    except Damaged as error:
        raise Refused(f"{archive}: cannot be unpacked: {_damage(error)}") from None


class _Plan:
    """Which entry goes where, and all that is wrong with them. limit: bytes of all files.

    targets: by entry. size: bytes of the files so far. skipped: files of systems and other programs."""

    def __init__(self, limit: int):
        self.targets: List[Target] = []
        self.files = self.size = self.skipped = 0
        self._limit = limit
        self._problems: Dict[str, List[str]] = {}  # words -> names of entries
        self._names: Dict[Tuple[str, ...], Tuple[str, ...]] = {}  # each path, in lower case -> as it is written
        self._is_file: Dict[Tuple[str, ...], bool] = {}
        self._last = ""

    def add(self, name: str, entry: Entry) -> None:
        """Decide where an entry goes, or note what is wrong with it."""
        path = unicodedata.normalize("NFC", name).replace("\\", "/")
        parts = [part for part in path.split("/") if part not in ("", ".")]
        wrong = _wrong_name(path, parts)
        target: Target = None
        if wrong:
            self.note(wrong, name)
        elif any(is_system_name(part) for part in parts):
            self.skipped += entry.kind != "folder"
        elif entry.kind not in ("file", "folder"):
            self.note(f"{entry.kind}: {_advice(entry.kind)}", name)
        elif not parts:
            if entry.kind == "file":
                self.note("names that no file can have", name or '""')
        elif self._is_free(tuple(parts), name, entry.kind):
            target = tuple(parts)
        self.targets.append(target)
        if target and entry.kind == "file":
            self.files, self.size, self._last = self.files + 1, self.size + entry.size, name

    def note(self, words: str, name: str = "") -> None:
        """Something is wrong, with this entry or with the archive."""
        self._problems.setdefault(words, []).append(name)

    def finish(self, archive: Path) -> None:
        """Raises UserError if anything is wrong with the archive."""
        if self.size > self._limit:
            self.note(f"more than {self._limit >> 20:,} MiB unpacked, the limit for an archive of its size")
        if not self._problems and not self.files:
            self.note("there are no files in it, hidden ones and those of systems left out")
        if self.files == 1 and self._last.lower().endswith(ENDINGS):
            self.note(
                "it holds nothing but another archive: unpack that one first, and name it or its folder", self._last
            )
        if self._problems:
            lines = [_line(words, names) for words, names in self._problems.items()]
            raise Refused(
                "\n  ".join(
                    [f"{archive}: cannot be unpacked. Pack it anew, or unpack it yourself and name its folder:", *lines]
                )
            )

    def _is_free(self, parts: Tuple[str, ...], name: str, kind: str) -> bool:
        """Whether no other entry has the place of this one. Disks of Windows and macOS do not tell capital letters."""
        for length in range(1, len(parts) + 1):
            path, key = parts[:length], tuple(part.lower() for part in parts[:length])
            known = self._names.setdefault(key, path)
            if known != path:
                self.note(
                    "names that differ in capital letters only: rename one", f"{'/'.join(path)} and {'/'.join(known)}"
                )
                return False
            is_file = length == len(parts) and kind == "file"
            if is_file and path in self._is_file:
                self.note("twice in it: leave one out", name)
                return False
            if self._is_file.setdefault(path, is_file) != is_file:
                self.note("both a file and a folder: rename one", name)
                return False
        return True


def _wrong_name(path: str, parts: List[str]) -> str:
    """What is wrong with a name, in words; "" for a good one. parts: of the path."""
    if path.startswith("/") or path[1:2] == ":":
        return "absolute paths: pack the folder itself, not its path"
    if ".." in parts:
        return "paths that lead out of the folder"
    lengths = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if max(lengths, default=0) > PART or sum(lengths) + len(lengths) > PATH:
        return f"names of more than {PART} bytes, or paths of more than {PATH}: shorten them"
    return "names that no file can have" if any("\0" in part for part in parts) else ""


def _advice(kind: str) -> str:
    return {
        "a link": "pack the files themselves in place of links, as 'zip -r' and 'tar -h --hard-dereference' do",
        "encrypted": "it needs a password, which cannot be given here",
        "a device or pipe": "leave it out",
    }.get(kind, "pack it with another program, as .zip")


def _damage(error: Damaged) -> str:
    return f"it is not complete, or damaged ({printable(str(error))[:200]}); copy or download it again"


def _line(words: str, names: List[str]) -> str:
    found = [printable(name[:200]) for name in names if name]
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"{words} ({', '.join(found[:SHOWN])}{more})" if found else words


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
