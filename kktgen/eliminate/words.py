"""Sentences about cancelled and kept products."""

from __future__ import annotations

import numpy as np

from ..model import Model
from ..space import Block
from .outcome import Monomials, Weights

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
