"""A fingerprint of a problem: the same when rows or columns come in another order, or rows in another scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from ..model.shared import shared_kkt
from ..numerics.sparse import Csr, row_index
from ..problem.bilevel import Bilevel
from .findings import Checked

DIGITS = 6
"""Significant digits that count."""


def fingerprint(bilevel: Bilevel, counted: Mapping[str, Any], value: float | None) -> str:
    """Return the fingerprint of a problem: its statistics, its rows scaled and sorted, its best known value."""
    model = shared_kkt(bilevel)
    goal, space, kkt, out = model.objective, model.space, model.kkt, blake2b(digest_size=16)
    leader = np.zeros(len(model.rows), dtype=bool)
    for block in model.rows.blocks:
        leader[block.start : block.stop] = block.role in ("leader", "term")
    rows = model.rows.take(leader)
    parts = [
        _rows(rows.M, rows.lo, rows.hi),
        _sorted(np.stack([np.abs(goal.v), np.zeros(len(goal.v))])),
        _sorted(np.stack([np.abs(goal.linear.data), np.ones(goal.linear.nnz)])),
        _sorted(np.stack([_finite(space.lb), _finite(space.ub), (space.kind != "C").astype(float)])),
    ]
    if kkt is not None:
        own = Csr(kkt.S[:, np.flatnonzero(~space.is_price)])
        costs = np.abs(np.concatenate([own.data, kkt.s0]))
        none = np.full(len(kkt.c0), np.inf)
        parts += [_rows(kkt.E, kkt.e0, kkt.e0), _rows(kkt.C, none, kkt.c0), _sorted(costs[None, costs > 0])]
    if len(model.quads):
        parts.append(_sorted(np.stack([np.abs(model.quads.v)])))
    for part in parts:
        out.update(part.tobytes())
    said = {key: number for key, number in counted.items() if key != "alpha"}
    out.update(repr([sorted(said.items()), None if value is None else f"{value:.6g}"]).encode())
    return out.hexdigest()


def _rows(M: Csr, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return what every row is but for scale and the order of its entries, sorted."""
    row, size = row_index(M), np.abs(M.data)
    top = np.zeros(M.shape[0])
    np.maximum.at(top, row, size)
    top[top == 0] = 1.0
    part = size / top[row]
    sums = [np.bincount(row, weights=part**k, minlength=len(top)) for k in (0, 1, 2)]
    sides = np.sort(np.stack([np.abs(_finite(lo / top)), np.abs(_finite(hi / top))]), axis=0)
    return _sorted(np.stack([*sums, *sides]))


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.sign(values) * 1e30)


def _sorted(table: np.ndarray) -> np.ndarray:
    """Return a table (k, n) rounded to significant digits, its columns sorted."""
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.where(table == 0, 1.0, np.abs(table)))))
    table = np.round(table * scale) / scale + 0.0
    return np.ascontiguousarray(table[:, np.lexsort(table)])


def mark(checked: Iterable[Checked]) -> None:
    """Add a finding to every instance that is the same problem as an earlier one."""
    groups: dict[str, list[Checked]] = defaultdict(list)
    for one in checked:
        if one.fingerprint:
            groups[one.fingerprint].append(one)
    for first, *others in groups.values():
        for other in others:
            other.find("duplicate", f"the same problem as {first.name}", "remove one of them, or change its parameters")
