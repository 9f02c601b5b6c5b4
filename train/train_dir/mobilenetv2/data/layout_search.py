"""Finds out which folder of a data set is what. The layouts that are understood are those of docs/data.md.

Folders are known by their names and by what lies in them: a folder `train` with pictures is a class, one with class folders is
the training set.
"""

from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ..runtime.errors import UserError
from ..runtime.i18n import Bilingual
from . import label_table
from .folders import Folder, Tree, merge_names
from .label_table import Labels
from .layout import ALL_CLASSES, NEITHER, SPLITS, ClassChoice, Layout, Remark, count_of, some_names
from .split_names import role_of

DEPTH = 10  # levels of folders in which the photos are searched for
CROWD = 50  # folders beside each other, from which on none of them is taken for the one that has all photos
SHOWN = 8  # lines of an error that say what was found
EXPECTED = (
    "Expected: a folder for each class with its pictures in it, such as {path}/cat/1.jpg and {path}/dog/1.jpg; or train/ and "
    "val/ with such folders in both; or pictures in one folder, and a .csv file with two columns, file and class"
)


def find_layout(path: Path, skipped: Tuple[Path, ...] = (), choice: ClassChoice = ALL_CLASSES) -> Layout:
    """path: the folder of photos, or one above it. skipped: folders that are no part of it. choice: of its classes; that they
    are there is not checked.

    Raises UserError where a folder cannot be listed, or none of the layouts is there; the message says what is."""
    tree = Tree(path, skipped)
    search = _Search(choice)
    layout = search.below(tree.top, DEPTH)
    tree.raise_problems()
    if not layout:
        raise UserError(search.failure(tree.top))
    return layout


class _Part(NamedTuple):
    """A folder of class folders, or of pictures whose classes are in a table."""

    folder: Folder
    classes: Dict[str, List[Folder]]
    labels: Optional[Labels] = None

    def names(self) -> List[str]:
        """Of its classes."""
        return list(self.classes) if self.labels is None else sorted(set(self.labels.classes.values()))


class _Search:
    """Tries the layouts on one folder after the other. hints: why what looks like a layout is none."""

    def __init__(self, choice: ClassChoice) -> None:
        self._choice = choice
        self.hints: Dict[str, None] = {}
        self._rows: Dict[
            Path, Union[List[List[str]], str]
        ] = {}  # of each table: several folders may ask for one above them

    def below(self, folder: Folder, depth: int) -> Optional[Layout]:
        """The layout of a folder, or else of the only one in it that has one."""
        layout = self._split_folders(folder) or self._class_folders(folder) or self._flat_folder(folder)
        alone = any(role_of(sub.base) for sub in folder.folders)  # val/ without train/ is no data set of its own
        if layout or alone or not depth or len(folder.folders) > CROWD:
            return layout
        found = [inner for inner in (self.below(sub, depth - 1) for sub in folder.folders) if inner]
        if len(found) > 1:
            names = " and ".join(f"{layout.top.name}/" for layout in found)
            raise UserError(f"{folder.path}: {names} are data sets of their own; name one of them as --data_url")
        if not found:
            return None
        layout = found[0]
        layout.seen.append(folder)
        for sub in folder.folders:
            if sub.name != layout.top.name and not layout.top.name.startswith(f"{sub.name}/"):
                _explain_unused(layout, sub)
        return layout

    def failure(self, top: Folder) -> str:
        """What was found in place of a layout."""
        why = "; ".join(self.hints) or "no photos in class folders"
        return f"{top.path}: {why}. {_describe(top)}\n{EXPECTED.format(path=top.path)}"

    def _split_folders(self, folder: Folder) -> Optional[Layout]:
        """The layout with a folder of training photos, if this is one."""
        roles: Dict[str, List[_Part]] = {role: [] for role in SPLITS}
        rest, reasons = [], {}
        for sub in folder.folders:
            role = role_of(sub.base)
            part = self._open_part(sub, role) if role else None
            if role and part:
                roles[role].append(part)
            else:
                rest.append(sub)
        if not roles["train"]:
            others = [f"{part.folder.name}/" for parts in roles.values() for part in parts]
            if others:
                self.hints[f"{' and '.join(others)} but no folder of training photos"] = None
            return None
        train = roles["train"][0]
        known, taken = self._names(train), train.labels and train.labels.table
        for role in ("val", "test"):
            for part in roles[role]:
                # A table of the training pictures may name others that are called the same.
                if (part.labels and part.labels.table == taken) or not _share_classes(known, self._names(part)):
                    rest.append(part.folder)
                    reasons[part.folder.name] = f"none of its folders is a class of {train.folder.name}/"
            roles[role] = [part for part in roles[role] if part.folder not in rest]
        beside = [sub for sub in rest if role_of(sub.base) is None and sub.base != NEITHER and sub.pictures]
        if train.labels and beside:  # class folders, one of which is called train
            return None
        _check_ambiguous(folder, roles, beside)
        layout = Layout(folder, "table" if train.labels else "split folders", self._choice, seen=[folder])
        if not roles["val"]:
            roles["val"], roles["test"] = roles["test"], []
        for role, parts in roles.items():
            if parts:
                _take(layout, role, parts[0])
            for part in parts[1:]:
                text = f"another folder, {parts[0].folder.name}/, is taken for {role}"
                layout.leave_out(f"{part.folder.name}/", text, f"{role} 已取自 {parts[0].folder.name}/")
        for sub in rest:
            _explain_unused(layout, sub, reasons.get(sub.name, ""))
        _leave_out_other_classes(layout)
        return layout

    def _names(self, part: _Part) -> Set[str]:
        """The classes that a part has after the merging."""
        return set(map(self._choice.rename, part.names()))

    def _open_part(self, folder: Folder, role: Optional[str]) -> Optional[_Part]:
        """What a folder would be as a split; None if it has neither class folders nor pictures with a table."""
        folder = _descend(folder)
        classes = merge_names([sub for sub in folder.folders if _is_class(sub)])
        inside = sum(len(sub.inmost().pictures) for subs in classes.values() for sub in subs)
        if classes and inside >= len(folder.pictures):
            return _Part(folder, classes)
        labels = self._find_labels(folder, folder.pictures, role)
        return _Part(folder, {}, labels) if labels else None

    def _find_labels(self, folder: Folder, pictures: Sequence[Path], role: Optional[str] = None) -> Optional[Labels]:
        """The classes of these pictures, from a table in the folder or in one above it within the data set. Of tables that are
        named after a split, those of the role, if there is any."""
        above: Optional[Folder] = folder
        while above and pictures:
            tables = [file for _, file in above.entries.others if file.suffix.lower() in label_table.SUFFIXES]
            tables = [table for table in tables if role_of(table.stem) in (role, None)]
            tables.sort(key=lambda table: role_of(table.stem) != role)
            read = [self._read(table, folder.path, pictures) for table in tables]
            for table, labels in zip(tables, read):
                if isinstance(labels, str):
                    self.hints[f"{above.name_of(table)} {labels}"] = None
            found = [labels for labels in read if not isinstance(labels, str)]
            if len(found) > 1 and role_of(found[0].table.stem) == role_of(found[1].table.stem):
                names = " and ".join(labels.table.name for labels in found)
                raise UserError(f"{above.path}: {names} both say classes of the same pictures; keep one of them here")
            if found:
                return found[0]
            above = above.parent
        return None

    def _read(self, table: Path, root: Path, pictures: Sequence[Path]) -> Union[Labels, str]:
        """As `label_table.match_rows`, or why the table has no rows."""
        if table not in self._rows:
            self._rows[table] = label_table.read_rows(table)
        rows = self._rows[table]
        return rows if isinstance(rows, str) else label_table.match_rows(table, rows, root, pictures)

    def _class_folders(self, folder: Folder) -> Optional[Layout]:
        """The layout with class folders and without splits, if this is one."""
        classes = merge_names([sub for sub in folder.folders if _is_class(sub)])
        full = [name for name, subs in classes.items() if any(sub.inmost().pictures for sub in subs)]
        if not full or len(classes) < 2:
            if full:
                self.hints[f"one class folder only, {classes[full[0]][0].name}/, where two or more are needed"] = None
            return None
        pictures = [file for subs in classes.values() for sub in subs for file in sub.inmost().pictures]
        labels = self._find_labels(folder, pictures)
        layout = Layout(folder, "class folders", self._choice, seen=[folder])
        if labels and _contradicts(labels, classes):
            layout.form = "table"
            _take(layout, "train", _Part(folder, classes, labels))
            return layout
        roles = [f"{subs[0].name}/" for name, subs in classes.items() if role_of(name)]
        if len(roles) == len(classes):
            names = " and ".join(roles)
            self.hints[f"{names} have pictures in them and no class folders, so their classes are not known"] = None
            return None
        for name in roles:
            layout.remarks.append(
                Remark(name, Bilingual("taken for a class, as it has pictures", "里面是图片，当作类别"))
            )
        _take(layout, "train", _Part(folder, classes))
        return layout

    def _flat_folder(self, folder: Folder) -> Optional[Layout]:
        """The layout with pictures in one folder and a table, or a table for each split, if this is one."""
        labels = self._find_labels(folder, folder.pictures, "train")
        if not labels:
            return None
        layout = Layout(folder, "table", self._choice, seen=[folder])
        _take(layout, "train", _Part(folder, {}, labels))
        for role in ("val", "test"):
            more = self._find_labels(folder, folder.pictures, role)
            if more and role_of(more.table.stem) == role:
                _take(layout, role, _Part(folder, {}, more))
        return layout


def _share_classes(known: Set[str], names: Set[str]) -> bool:
    """Whether some are the same, or seem to be: a difference in capitals or spaces is then said."""
    plain = {name.strip().lower() for name in known}
    return any(name.strip().lower() in plain for name in names)


def _contradicts(labels: Labels, classes: Dict[str, List[Folder]]) -> bool:
    """Whether the table has other classes than the folders: pictures of one folder are in several."""
    folder_of = {sub.inmost().path: name for name, subs in classes.items() for sub in subs}
    seen: Dict[str, str] = {}
    return any(seen.setdefault(folder_of[file.parent], class_) != class_ for file, class_ in labels.classes.items())


def _descend(folder: Folder) -> Folder:
    """The folder itself, or the inmost below it that still holds folders: train/train/ is one folder too deep."""
    while len(folder.folders) == 1 and not folder.pictures:
        inner = folder.folders[0]
        if inner.pictures or not inner.folders:
            break
        folder = inner
    return folder


def _is_class(folder: Folder) -> bool:
    """Whether it has pictures, could have them (it is empty), or has what is left out of them. Not a folder of other things."""
    inner = folder.inmost()
    others = {kind for kind, _ in inner.entries.others}
    return bool(inner.pictures) or (not inner.folders and others != {"other"})


def _check_ambiguous(folder: Folder, roles: Dict[str, List[_Part]], beside: List[Folder]) -> None:
    """Raises UserError where two folders claim to be the training photos, or the training folder may be a class.

    beside: folders with pictures that are no splits."""
    train = roles["train"][0]
    if len(roles["train"]) > 1:
        names = " and ".join(f"{part.folder.name}/" for part in roles["train"])
        raise UserError(
            f"{folder.path}: {names} both look like the training photos; leave one, or name it as --data_url"
        )
    if len(beside) > 1 and not (roles["val"] or roles["test"]):
        names, inside = some_names([f"{sub.base}/" for sub in beside]), some_names(train.names())
        raise UserError(
            f"{folder.path}: {train.folder.name}/ may be the training photos, with the classes {inside}, or a class like {names} "
            f"beside it, which have pictures. If it holds the classes: --data_url={train.folder.path}. If it is a class: put its "
            "pictures directly into it"
        )


def _leave_out_other_classes(layout: Layout) -> None:
    """A test set cannot have classes that the network does not learn, and need not have all of those."""
    known = {*layout.files["train"], *layout.files.get("val", ())}
    for class_ in [class_ for class_ in layout.files.get("test", ()) if class_ not in known]:
        count = len(layout.files["test"].pop(class_))
        text = f"a class that is in no other folder, with {count_of(count, 'picture')}"
        layout.leave_out(f"{layout.place('test', class_)}/", text, f"其他文件夹里没有的类别，有 {count:,} 张图片")


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
    for name, subs in part.classes.items():
        class_ = layout.class_of(name)
        if not layout.choice.takes(class_):
            continue
        inmost = [sub.inmost() for sub in subs]
        layout.seen += inmost
        files.setdefault(class_, []).extend(file for folder in inmost for file in folder.pictures)
        for folder in inmost:
            layout.name_files(folder, folder.pictures)
            for below in folder.folders:
                count = below.count()
                text = f"a folder inside a class folder, with {count_of(count, 'picture')}"
                layout.leave_out(f"{below.name}/", text, f"类别文件夹里的文件夹，有 {count:,} 张图片")
    return files


def _table_files(layout: Layout, part: _Part, labels: Labels) -> Dict[str, List[Path]]:
    """Pictures by class; says which pictures and rows have no counterpart."""
    files: Dict[str, List[Path]] = {}
    for file, name in labels.classes.items():
        class_ = layout.class_of(name)
        if layout.choice.takes(class_):
            files.setdefault(class_, []).append(file)
    places = [part.folder, *(sub.inmost() for subs in part.classes.values() for sub in subs)]
    without: List[str] = []
    for folder in places:
        layout.name_files(folder, folder.pictures)
        without += [folder.name_of(file) for file in folder.pictures if file not in labels.classes]
    layout.seen += [folder for folder in places if folder not in layout.seen]
    layout.tables.append(labels.table)
    table = labels.table.name
    if without and not layout.files:  # of the pictures of a second table, those of the first have no row
        text = f"{count_of(len(without), 'picture')} without a row in {table}: {some_names(without)}"
        layout.leave_out(without[0], text, f"{len(without):,} 张图片在 {table} 里没有对应的行：{some_names(without)}")
    if labels.unknown:
        text = f"{count_of(len(labels.unknown), 'row')} of files that are not there: {some_names(labels.unknown)}"
        layout.leave_out(table, text, f"{len(labels.unknown):,} 行所写的文件不存在：{some_names(labels.unknown)}")
    return files


def _explain_unused(layout: Layout, folder: Folder, reason: str = "") -> None:
    if folder.is_left_alone():
        layout.leave_out(f"{folder.name}/", "a folder that cannot be listed", "无法列出的文件夹")
        return
    count, role = folder.count(), role_of(folder.base)
    english, chinese = f"a folder with {count_of(count, 'picture')}", f"有 {count:,} 张图片的文件夹"
    if reason:
        english, chinese = f"{english}; {reason}", f"{chinese}；里面没有训练集的类别"
    elif role and count:
        english, chinese = f"{english}, but no class folders", f"{chinese}，但没有类别文件夹"
    elif folder.base == NEITHER:
        english += "; pictures of no class belong into train/"
        chinese += "；不属于任何类别的图片应放在 train/ 里"
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
