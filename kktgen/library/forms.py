"""The list of instances in other forms: CSV, a ``.solu`` file, a page in Markdown, rows of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue import COUNTED, SAID

Entry = Mapping[str, Any]
HEADER = ("instance", "n_x", "followers", "n_y", "pairs", "class", "grade", "value", "bound", "claim")
"""Columns of the printed table."""
UNKNOWN = "?"
"""What stands for a statistic that the catalogue does not hold yet."""


def row(name: str, one: Entry) -> tuple[str, ...]:
    """Return an entry as a row of the printed table."""
    numbers = (str(one.get(key, UNKNOWN)) for key in ("n_x", "followers", "n_y", "pairs", "class"))
    return (name, *numbers, one["grade"], _short(one["value"]), _short(one["bound"]), one["claim"])


def csv_text(named: Iterable[tuple[str, Entry]]) -> str:
    """Return entries as comma-separated values with a header."""
    out = io.StringIO()
    keys = ("instance", *SAID, *COUNTED)
    table = csv.DictWriter(out, keys, extrasaction="ignore", lineterminator="\n", restval="")
    table.writeheader()
    for name, one in named:
        plain = {key: "" if one.get(key) is None else one[key] for key in keys if key in one}
        table.writerow({"instance": name, **plain, "tags": " ".join(one["tags"])})
    return out.getvalue()


def solu_text(named: Iterable[tuple[str, Entry]]) -> str:
    """Return the known values in the form of MIPLIB's ``.solu`` files: ``=opt=``, ``=best=``, ``=inf=``, ``=unkn=``."""
    out = []
    for name, one in named:
        if one["claim"] == "infeasible":
            out.append(f"=inf=  {name}")
        elif one["value"] is None:
            out.append(f"=unkn= {name}")
        else:
            out.append(f"{'=opt=' if one['proved'] else '=best='}{' ' * one['proved']} {name} {one['value']!r}")
    return "".join(f"{line}\n" for line in out)


def page(named: Iterable[tuple[str, Entry]]) -> str:
    """Return the page of the guide that lists the library."""
    named = list(named)
    graded = {word: sum(one["grade"] == word for _, one in named) for word in ("trivial", "easy", "hard", "open")}
    families = len({one["family"] for _, one in named})
    counts = ", ".join(f"{count} {word}" for word, count in graded.items() if count) or "not graded yet"
    lines = [
        "# Instances", "",
        f"All {len(named)} instances of the library, in {families} families, with sizes, grade and best values.", "",
        f"Grades: {counts}.", "",
        "What grades and class codes mean, and how instances are solved, added and checked, is on the page",
        "[library](library.md). Value and bound are the best known ones.", "",
        "`kktgen instance list` prints this table and selects from it. The page is made by",
        "`kktgen instance list --refresh`.", "",
        "| " + " | ".join(HEADER) + " |", "|" + "---|" * len(HEADER),
    ]  # fmt: skip
    lines += ["| " + " | ".join(_cells(name, one)) + " |" for name, one in named]
    return "".join(f"{line}\n" for line in lines)


def _cells(name: str, one: Entry) -> list[str]:
    cells = list(row(name, one))
    cells[5] = f"`{cells[5]}`"
    return cells


def _short(value: Any) -> str:
    return "" if value is None else f"{value:.8g}"
