"""How the house is built: which room may use which, what its rooms are called, and that every kind of finding has its row."""

import ast
from collections import Counter
from pathlib import Path
from typing import Iterator, Tuple

import numpy as np
import pytest
from conftest import ROOT, SLOW, TRAIN

from mobilenetv2.checks.issues import ISSUES
from mobilenetv2.report.content import Remark, Report
from mobilenetv2.report.render import render_page
from mobilenetv2.report.texts import LANGUAGES

PACKAGE, TESTS = TRAIN.parent / "mobilenetv2", ROOT / "tests"
# The lowest first: a module may use its own room and those before it. Modules that are in no room, and the stages, stand on all
# of them.
ROOMS = ("runtime", "data", "evaluation", "checks", "engine", "model", "training", "report", "export")
SOURCES = sorted((*PACKAGE.rglob("*.py"), *(ROOT / "inference").glob("*.py"), TRAIN))
# Names that things had once. folds is one of numbers, too.
FORMER = {
    *("glance", "Glance", "together", "lessons", "Lessons", "strangers", "usual", "giveaway", "giveaways"),
    *("assign", "answered", "of_first", "rates", "by_decay", "Position", "States", "conditions", "evidence"),
}
FORMER_MODULES = {"folds"}
DUPLICATES = {"conflict", "leak", "copy"}  # kinds that one function finds


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def height(file: Path) -> int:
    """Of the room that a module of the package is in."""
    parts = file.relative_to(PACKAGE).parts
    return ROOMS.index(parts[0]) if parts[0] in ROOMS else len(ROOMS)


def imported(file: Path) -> Iterator[Tuple[int, Path]]:
    """Line and file of each module of the package that a module of it imports, wherever that stands."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = file.parents[node.level - 1]
        elif isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == PACKAGE.name:
            base = PACKAGE.parent
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names if alias.name.split(".")[0] == PACKAGE.name]
            yield from ((node.lineno, PACKAGE.parent.joinpath(*parts).with_suffix(".py")) for parts in names)
            continue
        else:
            continue
        base = base.joinpath(*(node.module or "").split("."))
        for alias in node.names:
            one = base / f"{alias.name}.py"
            yield (
                node.lineno,
                one if one.is_file() else base / "__init__.py" if base.is_dir() else base.with_suffix(".py"),
            )


def test_no_module_imports_upwards():
    modules = [file for file in SOURCES if PACKAGE in file.parents]
    edges = [(file, line, other) for file in modules for line, other in imported(file)]
    assert len(edges) > 150 and all(other.is_file() for _, _, other in edges)
    assert {file.parent.name for file in modules} == {PACKAGE.name, *ROOMS, "stages"}
    upwards = [f"{place(file)}:{line} {place(other)}" for file, line, other in edges if height(other) > height(file)]
    assert upwards == []


READING = {
    *("open", "read_bytes", "read_text", "copyfile", "ZipFile", "safe_open", "load_checkpoint"),
    *("np.load", "np.loadtxt", "np.fromfile", "np.memmap", "safetensors.numpy.load"),
}
# Where files are opened without read_file, which takes regular files within a limit: of whom, and why that is right.
OPENED = {
    "data/addresses.py": {"open"},  # writes what it downloads
    "data/archive_entries.py": {"archive.open", "tarfile.open", "zipfile.ZipFile"},  # from what open_file has opened
    "data/augment.py": {"Image.open"},  # what it has just written, in memory
    "data/image.py": {"Image.open"},  # from memory
    "data/thumbnails.py": {"Image.open"},  # from memory
    "data/transfer.py": {"open", "opener.open"},  # writes what it downloads; an address
    "data/unpacking.py": {"open"},  # writes what it unpacks
    "model/tensor_files.py": {"np.load", "safetensors.numpy.load", "zipfile.ZipFile"},  # from memory
    "report/metrics_files.py": {"open"},  # writes
    "runtime/environment.py": {"file.read_bytes"},  # the program's own source
    "runtime/files.py": {"open", "os.open", "shutil.copyfile"},  # read_file; and files that were just written
    "runtime/logs.py": {"open"},  # the null device
    "runtime/streams.py": {"open", "os.open"},  # the null device
    "training/resume.py": {"np.load", "open"},  # from memory; writes
    "app.py": {"file.read_bytes"},  # drawings that it has just made
    "predict.py": {"open", "os.open"},  # writes; the null device
    "publish.py": {"shutil.copyfile"},  # the program's own files
    "page_folder.py": {"open"},  # the marker that it has made
    "web_page.py": {"tarfile.open"},  # what npm has packed
}


def test_users_files_are_read_in_one_way():
    for file in SOURCES:
        calls = [ast.unparse(node.func) for node in ast.walk(parsed(file)) if isinstance(node, ast.Call)]
        opened = {call for call in calls if READING & {call, call.split(".")[-1]}}
        name = file.relative_to(PACKAGE).as_posix() if PACKAGE in file.parents else file.name
        assert opened <= OPENED.get(name, set()), name


def test_no_two_modules_share_a_name():
    counts = Counter(file.name for file in SOURCES if file.name != "__init__.py")
    assert [name for name, count in counts.items() if count > 1] == []


def test_nothing_has_the_name_of_its_module():
    """Or `from . import distill` would be another thing than `from .distill import distill`."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    same = [
        f"{place(file)}:{node.lineno} {node.name}"
        for file in SOURCES
        for node in parsed(file).body
        if isinstance(node, kinds) and node.name == file.stem
    ]
    assert same == []


def identifiers(file: Path) -> Iterator[Tuple[int, str]]:
    """Names of variables, attributes, arguments, functions, classes and modules, with their lines; not those of MindSpore's
    operators."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("ops", "ms.ops"):
            continue
        for name in ("id", "attr", "arg", "name", "asname"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                yield getattr(node, "lineno", 0), value


def test_former_names_are_gone():
    found = [f"{place(file)}:{line} {name}" for file in SOURCES for line, name in identifiers(file) if name in FORMER]
    found += [place(file) for file in SOURCES if file.stem in FORMER | FORMER_MODULES]
    assert found == []


def test_every_kind_of_finding_has_a_row():
    calls = [node for file in SOURCES for node in ast.walk(parsed(file)) if isinstance(node, ast.Call)]
    kinds = [call.args[0] for call in calls if ast.unparse(call.func).split(".")[-1] == "Finding"]
    assert {kind.value for kind in kinds if isinstance(kind, ast.Constant)} | DUPLICATES == set(ISSUES)
    assert [ast.unparse(kind) for kind in kinds if not isinstance(kind, ast.Constant)] == ["kind"]  # one of duplicates
    assert all(len(issue.label) == 2 and all(issue.label) for issue in ISSUES.values())
    assert len({issue.order for issue in ISSUES.values()}) == len(ISSUES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_finding_is_in_the_report(language):
    remarks = tuple(Remark(kind, (f"train/{kind}.jpg",), f"about {kind}", ()) for kind in ISSUES)
    page = render_page(Report(("a", "b"), np.diag([3, 3]), findings=remarks), language)
    for kind, issue in ISSUES.items():
        assert f"about {kind}" in page and issue.label[LANGUAGES.index(language)] in page
    table = page.split('<table class="list findings">')[1].split("</table>")[0]
    assert table.count('<span class="badge') == len(ISSUES)


def test_tests_lie_as_the_modules_do():
    """But for those of the page through HTTP and in a browser."""
    tests = {file.relative_to(TESTS).as_posix() for file in TESTS.glob("*/test_*.py")}
    places = {f"{file.parent.name}/test_{file.name}" for file in SOURCES}
    assert tests - places == {"inference/test_http.py", "inference/test_browser.py"}


def test_slow_names_tests_that_are_there():
    for beginning in SLOW:
        name, _, test = beginning.partition("::")
        texts = [
            file.read_text(encoding="utf-8") for file in TESTS.rglob("*.py") if place(file).startswith(f"tests/{name}")
        ]
        assert texts and all(f"def {test.partition('[')[0]}" in text for text in texts), beginning


def test_durations_do_not_depend_on_the_clock():
    """It may be set while a run goes on."""
    for file in TRAIN.parent.rglob("*.py"):
        assert "time.time(" not in file.read_text(encoding="utf-8") and "datetime" not in file.read_text(
            encoding="utf-8"
        )
