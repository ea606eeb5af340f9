"""Sentences about cancelled and kept products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...model.model import Model
from ...problem.columns import Block
from ...wording import first_names
from .result import Monomials, RowOutcome, Weights

SHOWN = 4
"""Most kinds of products a sentence names one by one."""


def describe(model: Model, weights: Weights) -> tuple[str, ...]:
    """Return the notes on an elimination: what is gone, the range of the weights, what is kept and why."""
    out = []
    if len(weights.cancelled):
        out.append(f"eliminated exactly: {_kinds(model, weights.cancelled)}")
        ranges = (("alpha", weights.alpha), ("beta", weights.beta), ("gamma", weights.gamma))
        out.append("weights of elimination: " + ", ".join(f"{name} {_range(w)}" for name, w in ranges if len(w)))
        if (weights.gamma < 0).any():
            out.append("some gamma < 0: exact, but without complementarity the objective rewards the gap mu s")
    for reason in dict.fromkeys(weights.leftover.reason):
        at = weights.leftover.reason == reason
        out.append(f"kept: {_kinds(model, weights.leftover, at)}: {reason}")
    return tuple(out)


BECOMES = {
    "linear": "made linear: eliminated exactly",
    "convex": "made convex: eliminated exactly",
    "switched": "left with products of binaries alone: eliminated exactly",
    "split": "split in _lo and _up, at least one of them convex: eliminated exactly",
}
"""What is said of rows, by what became of them."""


def describe_rows(model: Model, rows: Sequence[RowOutcome]) -> tuple[str, ...]:
    """Return the notes on the leader's rows: what is gone from which, what is kept in which and why."""
    out = []
    for kind, text in BECOMES.items():
        here = [row for row in rows if row.kind == kind]
        if here:
            gone = Monomials.joined([row.cancelled for row in here])
            out.append(f"{_rows(here)} {text} {_kinds(model, gone) if len(gone) else 'no product'}")
    gap = [row for row in rows if row.rewards_gap and row.kind != "kept"]
    if gap:
        out.append(f"{_rows(gap)}: some gamma < 0: exact, but without complementarity the gap mu s loosens the row")
    kept: dict[str, list[RowOutcome]] = {}
    for row in rows:
        if row.kind == "kept":
            for reason in dict.fromkeys(row.obstacles.reason):
                kept.setdefault(reason, []).append(row)
    for reason, here in kept.items():
        left = Monomials.joined([row.obstacles for row in here])
        said = _kinds(model, left, left.reason == reason)
        out.append(f"kept in {_rows(here)}: {said}: {_of_row(reason)}")
    return tuple(out)


def _of_row(reason: str) -> str:
    """Return a reason as it stands for a row, which keeps all its products or none."""
    return reason.replace("the objective", "the row").replace("; the smallest remainder is kept", "")


def _rows(rows: Sequence[RowOutcome]) -> str:
    """Return e.g. ``row revenue``, ``rows b0, b1, b2, b3 and 20 more``."""
    return f"row{'s' if len(rows) > 1 else ''} {first_names([row.name for row in rows], SHOWN)}"


def _range(w: np.ndarray) -> str:
    low, high = float(w.min()), float(w.max())
    return f"{low:.6g}" if low == high else f"{low:.6g} .. {high:.6g}"


def _name(block: Block) -> str:
    return f"{block.word}({block.item})" if block.item else block.word


def _kinds(model: Model, monomials: Monomials, at: np.ndarray | None = None) -> str:
    """Return e.g. ``72 products lp x p (3 followers), 1 product x x y (lower)``."""
    blocks = model.space.blocks
    starts = np.array([block.start for block in blocks])
    at = np.arange(len(monomials)) if at is None else np.flatnonzero(at)
    left, right = (np.searchsorted(starts, c[at], side="right") - 1 for c in (monomials.i, monomials.j))
    both, counts = np.unique(left * len(blocks) + right, return_counts=True)
    total: dict[tuple[str, str], int] = {}
    followers: dict[tuple[str, str], dict[str, None]] = {}
    for key, count in zip(both.tolist(), counts.tolist(), strict=True):
        one, two = blocks[key // len(blocks)], blocks[key % len(blocks)]
        pair = (_name(one), _name(two))
        total[pair] = total.get(pair, 0) + count
        followers.setdefault(pair, {}).update(dict.fromkeys(b.follower for b in (one, two) if b.follower))
    parts = []
    for pair, count in list(total.items())[:SHOWN]:
        names = list(followers[pair])
        where = f" ({names[0] if len(names) == 1 else f'{len(names)} followers'})" if names else ""
        parts.append(f"{count} product{'s' if count > 1 else ''} {pair[0]} x {pair[1]}{where}")
    if len(total) > SHOWN:
        parts.append(f"{sum(list(total.values())[SHOWN:])} more of {len(total) - SHOWN} kinds")
    return ", ".join(parts)
