"""README and docs/: short, whole, in step with the code and with each other."""

import re
import sys
from pathlib import Path

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "docs"))
from make_arguments import pages

from mobilenetv2.stages import MODES

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda file: file.relative_to(ROOT).as_posix())
BOTH = ("data", "training", "trust", "serving", "platform", "distributed", "troubleshooting", "arguments")


def anchors(file: Path) -> set:
    """Of the headings of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_arguments_are_those_of_the_settings():
    for file, text in pages().items():
        assert file.read_text(encoding="utf-8") == text, "python docs/make_arguments.py"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(file):
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8"))
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_what_a_user_needs_is_in_both_languages():
    assert {file.stem for file in (ROOT / "docs" / "zh").glob("*.md")} == set(BOTH)
    pairs = [(ROOT / "README.md", ROOT / "README.zh-CN.md")]
    pairs += [(ROOT / "docs" / f"{name}.md", ROOT / "docs" / "zh" / f"{name}.md") for name in BOTH]
    for pair in pairs:
        english, chinese = (file.read_text(encoding="utf-8") for file in pair)
        for what in (r"^#+ ", r"^\|", r"^    "):  # headings, rows of tables, lines of examples
            counts = [len(re.findall(what, text, re.MULTILINE)) for text in (english, chinese)]
            assert counts[0] == counts[1], (pair[1].name, what)
        examples = [re.findall(r"^    .*$", text, re.MULTILINE) for text in (english, chinese)]
        assert examples[0] == examples[1]


def test_readme_is_one_look():
    for name in ("README.md", "README.zh-CN.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 140


def test_architecture_names_files_and_modes_as_they_are():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w/]+\.py)` \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) == 14
    for name, about in rows:
        file = ROOT / "train" / "train_dir" / name if name.startswith("mobilenetv2/") else ROOT / name
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert abs(lines - int(about)) <= 0.15 * lines, (name, lines)
    stages = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\w, ]+) \|$", page, re.MULTILINE))
    assert stages == {mode: ", ".join(stage.__name__ for stage in row) for mode, row in MODES.items()}
