"""What is told of independent parts: how many were proved, what their claims rest on, which of them took longest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..problem.bilevel import Bilevel
from ..wording import Table
from .part_answer import Answer

SHOWN = 3
"""Parts that are named."""
SLOWEST = 5
"""Parts that the table shows."""


def noun(parts: int, groups: int) -> str:
    """Return what was solved apart: a part, or a group of them."""
    return "part" if parts == groups else "group"


def said(parts: int, answers: Sequence[Answer], decisive: Sequence[int]) -> str:
    """Return the sentence on how many independent parts there are, in how many groups, and how many were proved."""
    groups = len(answers)
    proved = groups - sum(not answers[k].proved for k in decisive)
    if parts == groups:
        return f"independent parts: {parts}, {'each' if proved == groups else proved} proved"
    how = "each group" if proved == groups else f"{proved} of the groups"
    return f"independent parts: {parts} in {groups} groups, {how} proved"


def kinds(parts: int, answers: Sequence[Answer]) -> tuple[str, ...]:
    """Return for each kind of claim, the commonest first, how many parts it is the claim of."""
    one = noun(parts, len(answers))
    counts = Counter(answer.kind for answer in answers if answer.proved and answer.kind).most_common()
    return tuple(f"{count} {one}{'s' if count > 1 else ''}: {kind}" for kind, count in counts)


def faults(
    bilevel: Bilevel, parts: int, columns: Sequence[np.ndarray], answers: Sequence[Answer], decisive: Sequence[int]
) -> list[str]:
    """Return what stands against the claim of parts, the first ones by name."""
    count, one = len(answers), noun(parts, len(answers))
    left = [k for k in decisive if not answers[k].proved]
    out = [f"{one} {k + 1} ({_first(bilevel, columns[k])} ..) of {count} is not proved: {answers[k].why}" for k in left]
    return out[:SHOWN] + [f"{len(left) - SHOWN} more {one}s are not proved"] * (len(left) > SHOWN)


def told(parts: int, answers: Sequence[Answer]) -> str:
    """Return how the parts ended, in words."""
    counts = Counter(answer.status for answer in answers)
    ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return f"independent parts: {parts}{'' if parts == len(answers) else f' in {len(answers)} groups'} ({ended})"


def slowest(bilevel: Bilevel, columns: Sequence[np.ndarray], answers: Sequence[Answer]) -> Table:
    """Return the table of the parts that took longest."""
    order = sorted(range(len(answers)), key=lambda k: -answers[k].seconds)[:SLOWEST]
    rows = [_row(bilevel, k, columns[k], answers[k]) for k in order]
    header = ("", "first column", "pairs", "seconds", "nodes", "status", "value", "bound")
    rest = len(answers) - len(rows)
    total = sum(answer.seconds for answer in answers)
    note = f"{rest} more; {total:.1f} s in all" if rest else f"{total:.1f} s in all"
    return Table("the slowest", header, tuple(rows), note)


def _row(bilevel: Bilevel, k: int, columns: np.ndarray, answer: Answer) -> tuple[str, ...]:
    space = bilevel.space
    pairs = int(((space.role[columns] == "mu") & (space.ub[columns] > 0)).sum())
    value, bound = ("-" if number is None else f"{number:.6g}" for number in (answer.value, answer.bound))
    return (
        str(k + 1), _first(bilevel, columns), str(pairs), f"{answer.seconds:.2f}", str(answer.nodes), answer.status,
        value, bound,
    )  # fmt: skip


def _first(bilevel: Bilevel, columns: np.ndarray) -> str:
    return bilevel.space.label(int(columns[0]))
