"""Rounds of measurements -> a table and a drawing."""

import statistics
from dataclasses import dataclass, field
from html import escape
from typing import Dict, List, NamedTuple, Optional, Sequence

Values = Sequence[Optional[float]]  # one of every round; None: not reached


@dataclass(frozen=True)
class Part:
    """What is compared. rounds: by name, the one that all are compared with first. peaks: of memory, in MiB, by name. cpu: time
    that the processors worked, of all threads, in the unit of rounds, by name."""

    title: str
    unit: str
    rounds: Dict[str, Values]
    peaks: Dict[str, float]
    cpu: Dict[str, Values] = field(default_factory=dict)


class Row(NamedTuple):
    """median, cpu: of the rounds. ratio: median over the rounds of value / value of the first name in the same round; low and
    high: the smallest and the largest of these. None where no round has both."""

    name: str
    median: Optional[float]
    ratio: Optional[float]
    low: Optional[float]
    high: Optional[float]
    peak: Optional[float]
    cpu: Optional[float]


def rows(part: Part) -> List[Row]:
    first = next(iter(part.rounds.values()))
    result = []
    for name, values in part.rounds.items():
        ratios = [value / base for value, base in zip(values, first) if value is not None and base is not None]
        three = (statistics.median(ratios), min(ratios), max(ratios)) if ratios else (None, None, None)
        result.append(Row(name, _median(values), *three, part.peaks.get(name), _median(part.cpu.get(name, ()))))
    return result


def _median(values: Values) -> Optional[float]:
    reached = [value for value in values if value is not None]
    return statistics.median(reached) if reached else None


def _title(part: Part) -> str:
    count = len(next(iter(part.rounds.values())))
    return f"{part.title}, {part.unit}, {count} round{'s' if count > 1 else ''}"


def text(parts: Sequence[Part]) -> str:
    lines, titles = [], [_title(part) for part in parts]
    width = max(60, *map(len, titles), *(2 + len(name) for part in parts for name in part.rounds))
    for part, title in zip(parts, titles):
        lines += ["", f"{title:<{width}}{'median':>8}{'CPU':>8}{'ratio':>8}{'range':>16}{'peak MiB':>10}"]
        for row in rows(part):
            median = "never" if row.median is None else f"{row.median:.1f}"
            ratio, spread = ("", "") if row.ratio is None else (f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}")
            peak = "" if row.peak is None else f"{row.peak:.0f}"
            cpu = "" if row.cpu is None else f"{row.cpu:.1f}"
            lines.append(f"  {row.name:<{width - 2}}{median:>8}{cpu:>8}{ratio:>8}{spread:>16}{peak:>10}".rstrip())
    return "\n".join(lines[1:]) + "\n"


def svg(parts: Sequence[Part]) -> str:
    """A bar for every row, by median; within a part, the longest one fills the width."""
    y, shapes = 0, []
    for part in parts:
        y += 30
        shapes.append(f'<text x="10" y="{y}" font-weight="bold">{escape(f"{part.title}, {part.unit}")}</text>')
        found = [row for row in rows(part) if row.median is not None]
        for index, row in enumerate(found):
            y += 20
            width = 380 * row.median / max(other.median for other in found)
            colour = "#888" if index else "#d60"
            shapes.append(f'<text x="330" y="{y}" text-anchor="end">{escape(row.name)}</text>')
            shapes.append(f'<rect x="340" y="{y - 12}" width="{width:.1f}" height="15" fill="{colour}"/>')
            shapes.append(f'<text x="{345 + width:.1f}" y="{y}">{row.median:.1f}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="{y + 20}" font-family="sans-serif" font-size="13">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *shapes, "</svg>"]) + "\n"
