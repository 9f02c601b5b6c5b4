"""Findings about what a data folder holds besides the photos that are used: counts and the first few names of each kind."""

import sys
import unicodedata
from typing import Dict, List, Tuple

from ..runtime.i18n import Bilingual
from ..runtime.text import printable
from .findings import Finding
from .layout import Layout, count_of, some_names
from .picture_files import LEFT_OUT

PLAIN = ("other", "special")  # kinds of files that are not meant to be photos


def unused_findings(layout: Layout) -> List[Finding]:
    """Notes about files of systems and of this program; warnings about folders and files that could be meant to be used."""
    found = [
        Finding("unused", name, Bilingual(f"not used: {reason}", f"未使用：{reason.zh}"))
        for name, reason in layout.unused
    ]
    found += [Finding("note", printable(remark.name), remark.text) for remark in layout.remarks]
    return [*_left_out(layout), *found, *_choice(layout), *_notes(layout)]


def is_bad_name(name: str) -> bool:
    """Whether a name has control characters, or bytes that are no text in the encoding of this system's names."""
    return any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name)


def bad_name() -> Bilingual:
    """What is wrong with such a name, and what to do."""
    encoding = sys.getfilesystemencoding()
    if encoding.lower().replace("-", "") != "utf8":
        return Bilingual(
            f"its name cannot be read: this system's locale is not UTF-8 but {encoding}; start again with PYTHONUTF8=1 or "
            "LC_ALL=C.UTF-8 in the environment",
            f"无法读取文件名：区域设置是 {encoding}，不是 UTF-8；请设置环境变量 PYTHONUTF8=1 或 LC_ALL=C.UTF-8 后重新运行",
        )
    return Bilingual(
        "its name is not valid UTF-8, or has control characters; rename it",
        "文件名不是有效的 UTF-8，或含有控制字符，请改名",
    )


def _left_out(layout: Layout) -> List[Finding]:
    """One warning with all files that are no pictures and lie where pictures do, or that other programs show as pictures."""
    names: Dict[str, List[str]] = {}
    for folder in dict.fromkeys(layout.seen):
        for kind, file in folder.entries.others:
            if kind not in PLAIN or (folder.pictures and file not in layout.tables):
                names.setdefault(kind, []).append(printable(folder.name_of(file)))
    if not names:
        return []
    count, first = sum(map(len, names.values())), next(iter(names.values()))[0]
    more = "" if count == 1 else f", and {count_of(count - 1, 'more file')}"
    kinds = [(len(files), *LEFT_OUT[kind], some_names(files)) for kind, files in sorted(names.items())]
    english = "".join(f". {number:,}: {words} ({few})" for number, words, _, few in kinds)
    chinese = "".join(f"。{number:,} 个：{words}（{few}）" for number, _, words, few in kinds)
    return [Finding("unused", first, Bilingual(f"left out{more}{english}", f"已略过，共 {count:,} 个文件{chinese}"))]


def _choice(layout: Layout) -> List[Finding]:
    """What --merge and --classes come to."""
    merged, others = layout.renamed(), layout.not_chosen()
    said = [
        (merged, "--merge", f"renamed: {some_names(merged)}", f"改名：{some_names(merged)}"),
        (others, "--classes", f"not chosen: {some_names(others)}", f"没有选用：{some_names(others)}"),
    ]
    return [Finding("note", name, Bilingual(english, chinese)) for names, name, english, chinese in said if names]


def _notes(layout: Layout) -> List[Finding]:
    kinds: Dict[Tuple[str, str], List[str]] = {}
    system = ("of the system or of another program, ignored", "属于操作系统或其他程序，已忽略")
    own = ("written by this program, ignored", "由本程序写出，已忽略")
    loops = ("a link to a folder above it, ignored", "指向上级文件夹的链接，已忽略")
    beside = ("beside the photos, ignored", "不是照片，已忽略")
    for folder in dict.fromkeys(layout.seen):
        entries = folder.entries
        for words, paths in ((system, entries.system), (own, entries.own), (loops, entries.loops)):
            kinds.setdefault(words, []).extend(printable(folder.name_of(path)) for path in paths)
        if not folder.pictures:
            others = [file for kind, file in entries.others if kind in PLAIN and file not in layout.tables]
            kinds.setdefault(beside, []).extend(printable(folder.name_of(path)) for path in others)
    findings = []
    for (english, chinese), names in kinds.items():
        if names:
            more = len(names) > 1
            text = Bilingual(
                english + f"; so {'is' if len(names) == 2 else 'are'} {some_names(names[1:])}" * more,
                chinese + f"；还有 {some_names(names[1:])}" * more,
            )
            findings.append(Finding("note", names[0], text))
    return findings
