"""Every kind of finding about a data set, in one table. To add one: a file with its `find_...` beside this one, and a row
here."""

from dataclasses import dataclass
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..data.dataset import Finding
from .duplicates import find_conflicts, find_copies, find_leaks
from .empty import find_empty
from .imbalance import find_imbalance
from .inspection import Inspection
from .shortcuts import find_shortcuts
from .too_few import find_too_few


@dataclass(frozen=True)
class Issue:
    """A kind of finding.

    severity: "error" stops the run, unless the setting named by `option` says otherwise; "warning" is worth a look; "note" is
    harmless. order: place in the report, what harms most first. label: in the report, in English and Chinese. find: looks for
    it; None where it is found on the way: while the folders are searched, the files read or the network asked. whole: look only
    where every class has enough photos."""

    severity: str
    order: int
    label: Tuple[str, str]
    find: Optional[Callable[[Inspection], List[Finding]]] = None
    option: str = ""
    whole: bool = False


# In the order in which they are looked for. The keys are what check.json calls them.
ISSUES: Dict[str, Issue] = {
    "note": Issue("note", 9, ("note", "提示")),
    "bad": Issue("error", 1, ("unreadable", "无法读取"), option="bad_files"),
    "conflict": Issue("error", 2, ("two classes claim it", "两个类别都有"), find_conflicts, option="leaks"),
    "leak": Issue("error", 3, ("in train and in val", "训练和验证都有"), find_leaks, option="leaks"),
    "copy": Issue("warning", 7, ("copy", "重复"), find_copies),
    "error": Issue("error", 0, ("error", "错误"), find_too_few),
    "empty": Issue("warning", 8, ("nothing to see", "没有内容"), find_empty),
    "imbalance": Issue("warning", 6, ("few photos", "照片偏少"), find_imbalance, whole=True),
    "giveaway": Issue("warning", 5, ("gives the class away", "泄露类别"), find_shortcuts, whole=True),
    "label": Issue("warning", 4, ("label doubtful", "标签存疑")),
}


class Option(NamedTuple):
    """A setting that lets a run go on in spite of findings. advice: how to say so in an error. handled: what was done about a
    finding, by the setting's value."""

    advice: str
    handled: Dict[str, str]


OPTIONS = {
    "bad_files": Option("what cannot be read with --bad_files skip", {"skip": "; left out"}),
    "leaks": Option("copies with --leaks drop", {"drop": "; left out of training"}),
}


def find_issues(inspection: Inspection) -> List[Finding]:
    """All findings of the table's `find` functions, in its order."""
    findings: List[Finding] = []
    for issue in ISSUES.values():
        stopped = any(finding.kind == "error" for finding in (*inspection.data.findings, *findings))
        if issue.find and not (issue.whole and stopped):
            findings += issue.find(inspection)
    return findings


def sort_findings(findings: Sequence[Finding]) -> List[Finding]:
    """What harms most first."""
    return sorted(findings, key=lambda finding: ISSUES[finding.kind].order)
