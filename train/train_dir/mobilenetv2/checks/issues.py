"""The table of all kinds of findings. To add one: a module with its `find_...` function, and a row here."""

from dataclasses import dataclass
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..data.findings import Finding
from ..runtime.i18n import Bilingual, in_language
from .duplicates import find_conflicts, find_copies, find_dropped, find_leaks
from .empty import find_empty, find_tiny
from .imbalance import find_imbalance
from .inspection import Inspection
from .shortcuts import find_shortcuts
from .too_few import find_too_few


@dataclass(frozen=True)
class Issue:
    """A kind of finding.

    severity: "error" stops the run, unless the setting named by `option` says otherwise; "warning" should be examined; "note"
    is harmless. order: place in the report, unique, the most harmful first. label: for the report, in English and Chinese.
    find: returns the findings; None if they come from the folder scan, from reading the files, from the search for copies, or
    from the network. option: a key of OPTIONS, or empty. whole: call `find` only if no finding of kind "error" has been made."""

    severity: str
    order: int
    label: Tuple[str, str]
    find: Optional[Callable[[Inspection], List[Finding]]] = None
    option: str = ""
    whole: bool = False


# In the order in which `find` is called. The keys are the kinds in check.json.
ISSUES: Dict[str, Issue] = {
    "note": Issue("note", 90, ("note", "提示")),
    "unused": Issue("warning", 87, ("not used", "未使用")),
    "bad": Issue("error", 10, ("unreadable", "无法读取"), option="bad_files"),
    "conflict": Issue("error", 20, ("two classes claim it", "两个类别都有"), find_conflicts, option="leaks"),
    "leak": Issue("error", 30, ("in two splits", "同时在两个部分"), find_leaks, option="leaks"),
    "dropped": Issue("note", 85, ("left out", "已排除"), find_dropped),
    "copy": Issue("warning", 70, ("copy", "重复"), find_copies),
    "error": Issue("error", 0, ("error", "错误"), find_too_few),
    "empty": Issue("warning", 80, ("nothing to see", "没有内容"), find_empty),
    "tiny": Issue("warning", 82, ("tiny", "太小"), find_tiny),
    "imbalance": Issue("warning", 60, ("few photos", "照片偏少"), find_imbalance, whole=True),
    "few": Issue("warning", 65, ("not tested", "未经检验")),
    "giveaway": Issue("warning", 50, ("gives the class away", "泄露类别"), find_shortcuts, whole=True),
    "label": Issue("warning", 40, ("label doubtful", "标签存疑")),
    "mirror": Issue("warning", 45, ("left and right matter", "左右有别")),
}


class Option(NamedTuple):
    """A setting that lets a run continue in spite of findings. advice: how to use it, for the error. handled: what has been
    done about a finding that does not stop the run, by value of the setting."""

    advice: str
    handled: Dict[str, Bilingual]


OPTIONS = {
    "bad_files": Option(
        "leave out what cannot be read with --bad_files skip", {"skip": Bilingual("; left out", "；已排除")}
    ),
    "leaks": Option("leave out copies with --leaks drop; or use them all the same with --leaks allow", {}),
    "mirror": Option("use --mirror no, if left and right tell the classes apart", {}),
}


def mark_handled(findings: Sequence[Finding], **options: str) -> List[Finding]:
    """The findings, those that the settings in OPTIONS take care of with what has been done. options: their values."""
    marked = []
    for finding in findings:
        option = ISSUES[finding.kind].option
        done = OPTIONS[option].handled.get(options[option]) if option in options else None
        if done:
            text = in_language(finding.text, "en") + done, in_language(finding.text, "zh") + done.zh
            finding = finding._replace(text=Bilingual(*text))
        marked.append(finding)
    return marked


def find_issues(inspection: Inspection) -> List[Finding]:
    """The findings of all `find` functions, in the order of ISSUES."""
    findings: List[Finding] = []
    for issue in ISSUES.values():
        stopped = any(finding.kind == "error" for finding in (*inspection.data.findings, *findings))
        if issue.find and not (issue.whole and stopped):
            findings += issue.find(inspection)
    return findings


def first_of_each(counts: Mapping[str, int], most: int) -> Dict[str, int]:
    """How many findings of each kind are shown where there is room for `most`: all of the rarest kinds, and of the others the
    same number. counts: by kind."""
    shown: Dict[str, int] = {}
    for done, kind in enumerate(sorted(counts, key=lambda kind: counts[kind])):
        shown[kind] = min(counts[kind], (most - sum(shown.values())) // (len(counts) - done))
    return shown


def sort_findings(findings: Sequence[Finding]) -> List[Finding]:
    """The findings by Issue.order, the most harmful first."""
    return sorted(findings, key=lambda finding: ISSUES[finding.kind].order)
