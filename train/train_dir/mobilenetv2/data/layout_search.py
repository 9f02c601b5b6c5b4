"""Finds out which folder of a data set is what. The layouts that are understood are those of docs/data.md.

Folders are known by their names and by what lies in them: a folder `train` with pictures is a class, one with class folders is
the training set.
"""

import re
import unicodedata
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..runtime.errors import UserError
from . import label_table
from .folders import Folder, Tree, merge_names
from .layout import NEITHER, SPLITS, Layout, count_of, some_names

DEPTH = 5  # levels of folders that hold nothing but one folder, from the top
SHOWN = 8  # lines of an error that say what was found
BEFORE, AFTER = r"(?:seg|data|dataset|images?|photos?)?", r"(?:set|data|dataset|images?|imgs?|photos?|pictures?)?"
# Names of split folders, in lower case and without "-", "_", "." and spaces.
ROLES = {
    role: re.compile(rf"{BEFORE}(?:{words}){AFTER}|{chinese}集?")
    for role, words, chinese in (
        ("train", "train|training", "训练"),
        ("val", "val|valid|validation", "验证"),
        ("test", "test|testing", "测试"),
    )
}
EXPECTED = (
    "Expected: a folder for each class with its pictures in it, such as {path}/cat/1.jpg and {path}/dog/1.jpg; or train/ and "
    "val/ with such folders in both; or pictures in one folder, and a .csv file with two columns, file and class"
)


def find_layout(path: Path, skipped: Tuple[Path, ...] = ()) -> Layout:
    """path: the folder of photos, or one above it that holds nothing else. skipped: folders that are no part of it.

    Raises UserError where a folder cannot be listed, or none of the layouts is there; the message says what is."""
    tree = Tree(path, skipped)
    folder = tree.top
    for _ in range(DEPTH):
        found = _split_folders(folder) or _class_folders(folder) or _flat_folder(folder)
        if found or len(folder.folders) != 1:
            break
        folder = folder.folders[0]
    tree.raise_problems()
    if not found:
        raise UserError(f"{path}: no photos in class folders. {_describe(tree.top)}\n{EXPECTED.format(path=path)}")
    return found


def role_of(name: str) -> Optional[str]:
    """The split that a folder of this name usually is; None for any other name."""
    plain = re.sub(r"[-_. ]", "", unicodedata.normalize("NFC", name).lower())
    return next((role for role, pattern in ROLES.items() if pattern.fullmatch(plain)), None)


class _Part(NamedTuple):
    """A folder of class folders, or of pictures with a table."""

    folder: Folder
    classes: Dict[str, List[Folder]]
    labels: Optional[label_table.Labels]


def _open_part(folder: Folder) -> Optional[_Part]:
    """What a folder would be as a split; None if it has neither class folders nor pictures with a table."""
    folder = _descend(folder)
    classes = merge_names([sub for sub in folder.folders if _is_class(sub)])
    inside = sum(sub.inmost().count(0) for subs in classes.values() for sub in subs)
    if classes and inside >= len(folder.pictures):
        return _Part(folder, classes, None)
    labels = _find_labels(folder)
    return _Part(folder, {}, labels) if labels else None


def _descend(folder: Folder) -> Folder:
    """The folder itself, or the inmost below it that still holds folders: train/train/ is one folder too deep."""
    while len(folder.folders) == 1 and not folder.pictures and folder.folders[0].folders:
        if folder.folders[0].pictures:
            break
        folder = folder.folders[0]
    return folder


def _is_class(folder: Folder) -> bool:
    """Whether it has pictures, could have them (it is empty), or has what is left out of them. Not a folder of other things."""
    inner = folder.inmost()
    others = {kind for kind, _ in inner.entries.others}
    return bool(inner.pictures) or (not inner.folders and others != {"other"})


def _find_labels(folder: Folder) -> Optional[label_table.Labels]:
    """The classes of the pictures in the folder, from a table in it or in a folder above it within the data set."""
    if not folder.pictures:
        return None
    above: Optional[Folder] = folder
    while above:
        tables = [file for _, file in above.entries.others if file.suffix.lower() in label_table.SUFFIXES]
        labels = label_table.find_labels(folder.pictures, tables)
        if labels:
            return labels
        above = above.parent
    return None


def _split_folders(folder: Folder) -> Optional[Layout]:
    """The layout with a folder of training photos, if this is one."""
    roles: Dict[str, List[_Part]] = {role: [] for role in SPLITS}
    rest = []
    for sub in folder.folders:
        role = role_of(sub.base)
        part = _open_part(sub) if role else None
        if role and part:
            roles[role].append(part)
        else:
            rest.append(sub)
    if not roles["train"]:
        return None
    taken = [part.labels.table for part in roles["train"] if part.labels]
    for role in ("val", "test"):  # a table of the training pictures may name others that are called the same
        doubtful = [part for part in roles[role] if part.labels and part.labels.table in taken]
        roles[role] = [part for part in roles[role] if part not in doubtful]
        rest += [part.folder for part in doubtful]
    _check_ambiguous(folder, roles, rest)
    layout = Layout(folder, "table" if roles["train"][0].labels else "split folders", seen=[folder])
    if not roles["val"]:
        roles["val"], roles["test"] = roles["test"], []
    for role, parts in roles.items():
        for number, part in enumerate(parts):
            if number:
                text = f"another folder, {parts[0].folder.name}/, is taken for {role}"
                layout.leave_out(f"{part.folder.name}/", text, f"{role} 已取自 {parts[0].folder.name}/")
            else:
                _take(layout, role, part)
    for sub in rest:
        _explain_unused(layout, sub)
    _check_test(layout)
    return layout


def _check_test(layout: Layout) -> None:
    """A test set cannot have classes that the network does not learn, and need not have all of those."""
    known = {*layout.files["train"], *layout.files.get("val", ())}
    for class_ in [class_ for class_ in layout.files.get("test", ()) if class_ not in known]:
        count = len(layout.files["test"].pop(class_))
        text = f"a class that is in no other folder, with {count_of(count, 'picture')}"
        layout.leave_out(f"{layout.place('test', class_)}/", text, f"其他文件夹里没有的类别，有 {count:,} 张图片")


def _check_ambiguous(folder: Folder, roles: Dict[str, List[_Part]], rest: List[Folder]) -> None:
    """Raises UserError where two folders claim to be the training photos, or the training folder may be a class."""
    train = roles["train"][0].folder
    if len(roles["train"]) > 1:
        names = " and ".join(f"{part.folder.name}/" for part in roles["train"])
        raise UserError(
            f"{folder.path}: {names} both look like the training photos; leave one, or name it as --data_url"
        )
    beside = [sub for sub in rest if sub.pictures and not role_of(sub.base) and sub.base != NEITHER]
    if len(beside) > 1 and not (roles["val"] or roles["test"]):
        names, inside = some_names([f"{sub.base}/" for sub in beside]), some_names(list(roles["train"][0].classes))
        raise UserError(
            f"{folder.path}: {train.name}/ may be the training photos, with the classes {inside}, or a class like {names} beside "
            f"it, which have pictures. If it holds the classes: --data_url={train.path}. If it is a class: put its pictures "
            "directly into it"
        )


def _class_folders(folder: Folder) -> Optional[Layout]:
    """The layout with class folders and without splits, if this is one."""
    classes = merge_names([sub for sub in folder.folders if _is_class(sub)])
    full = [name for name, subs in classes.items() if any(sub.inmost().pictures for sub in subs)]
    if not full or len(classes) < 2:
        return None
    if all(role_of(name) for name in classes):
        names = " and ".join(f"{name}/" for name in classes)
        raise UserError(
            f"{folder.path}: {names} have pictures in them, and no class folders, so the classes of these are not known. "
            f"{EXPECTED.format(path=folder.path)}. If {names} are classes: give one of them another name"
        )
    layout = Layout(folder, "class folders", seen=[folder])
    _take(layout, "train", _Part(folder, classes, None))
    return layout


def _flat_folder(folder: Folder) -> Optional[Layout]:
    """The layout with pictures in one folder and a table, if this is one."""
    labels = _find_labels(folder)
    if not labels:
        return None
    layout = Layout(folder, "table", seen=[folder])
    _take(layout, "train", _Part(folder, {}, labels))
    return layout


def _take(layout: Layout, split: str, part: _Part) -> None:
    """Make a part the split of a layout."""
    layout.folders[split] = part.folder
    layout.seen += [] if part.folder is layout.top else [part.folder]
    files = _table_files(layout, part, part.labels) if part.labels else _class_files(layout, part)
    outliers = files.pop(NEITHER, [])
    layout.files[split] = files
    if split == "train":
        layout.outliers = outliers
    elif outliers:
        name = f"{part.folder.name}/{NEITHER}/"
        layout.leave_out(name, "pictures of no class are used in train/ only", "不属于任何类别的图片只在 train/ 中使用")


def _class_files(layout: Layout, part: _Part) -> Dict[str, List[Path]]:
    """Pictures by class; says what lies beside the class folders and inside them."""
    pictures = [part.folder.name_of(file) for file in part.folder.pictures]
    if pictures:
        text = f"{count_of(len(pictures), 'picture')} beside the class folders: {some_names(pictures)}"
        layout.leave_out(pictures[0], text, f"{len(pictures):,} 张图片在类别文件夹之外：{some_names(pictures)}")
    for sub in part.folder.folders:
        if sub.base not in part.classes:
            _explain_unused(layout, sub)
    files: Dict[str, List[Path]] = {}
    for class_, subs in part.classes.items():
        inmost = [sub.inmost() for sub in subs]
        layout.seen += inmost
        files[class_] = [file for folder in inmost for file in folder.pictures]
        layout.names.update({file: folder.name_of(file) for folder in inmost for file in folder.pictures})
        for below in (below for folder in inmost for below in folder.folders):
            count = below.count()
            text = f"a folder inside a class folder, with {count_of(count, 'picture')}"
            layout.leave_out(f"{below.name}/", text, f"类别文件夹里的文件夹，有 {count:,} 张图片")
    return files


def _table_files(layout: Layout, part: _Part, labels: label_table.Labels) -> Dict[str, List[Path]]:
    """Pictures by class; says which pictures and rows have no counterpart."""
    files: Dict[str, List[Path]] = {}
    for file, class_ in labels.classes.items():
        files.setdefault(class_, []).append(file)
        layout.names[file] = part.folder.name_of(file)
    table = labels.table.name
    layout.tables.append(table)
    without = [part.folder.name_of(file) for file in part.folder.pictures if file not in labels.classes]
    if without:
        text = f"{count_of(len(without), 'picture')} without a row in {table}: {some_names(without)}"
        layout.leave_out(without[0], text, f"{len(without):,} 张图片在 {table} 里没有对应的行：{some_names(without)}")
    if labels.unknown:
        text = f"{count_of(len(labels.unknown), 'row')} of files that are not there: {some_names(labels.unknown)}"
        layout.leave_out(table, text, f"{len(labels.unknown):,} 行所写的文件不存在：{some_names(labels.unknown)}")
    return files


def _explain_unused(layout: Layout, folder: Folder) -> None:
    count, role = folder.count(), role_of(folder.base)
    english, chinese = f"a folder with {count_of(count, 'picture')}", f"有 {count:,} 张图片的文件夹"
    if role and count:
        english, chinese = f"{english}, but no class folders", f"{chinese}，但没有类别文件夹"
    elif folder.base == NEITHER:
        english, chinese = (
            f"{english}; pictures of no class belong into train/",
            f"{chinese}；不属于任何类别的图片应放在 train/ 里",
        )
    layout.leave_out(f"{folder.name}/", english, chinese)


def _describe(folder: Folder) -> str:
    """What is there, in a few lines, two levels deep."""
    lines: List[str] = []
    for sub in (folder, *folder.folders, *(inner for outer in folder.folders for inner in outer.folders)):
        others = len(sub.entries.others)
        lines.append(
            f"{sub.name or '.'}/: {count_of(len(sub.pictures), 'picture')}, {count_of(others, 'other file')}, "
            f"{count_of(len(sub.folders), 'folder')}"
        )
    more = [f"... and {len(lines) - SHOWN:,} folders more"] if len(lines) > SHOWN else []
    return "\n  ".join(["Found:", *lines[:SHOWN], *more])
