"""Levels of several files over the columns of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import FormatError
from ...numerics.sparse import Csr, coo
from ...problem.columns import LEADER
from ...problem.coords import names_of
from ...problem.from_levels import PRICE, Columns, Level
from ...wording import first_names
from .level_body import Body

ONE_BY_ONE = 500
"""Up to so many columns of a level are declared one by one, so that reports show their names."""


def columns_of(
    every: np.ndarray, owner: np.ndarray, bodies: Sequence[Body], at: Sequence[np.ndarray], path: Path
) -> Columns:
    """Return the columns of all files, bounds and kinds from the owner's."""
    n = len(every)
    lb, ub, kind, known = np.full(n, -np.inf), np.full(n, np.inf), np.full(n, "C"), np.zeros(n, dtype=bool)
    for k, (body, here) in enumerate(zip(bodies, at, strict=True)):
        first = ~known[here] & ((owner[here] == k - 1) | ((owner[here] == LEADER) & (k > 0)))
        lb[here[first]], ub[here[first]] = body.lb[first], body.ub[first]
        kind[here[first]] = body.kind[first]
        known[here[first]] = True
    for body, here in zip(bodies, at, strict=True):
        wrong = (body.kind != "C") & (kind[here] == "C")
        if wrong.any():
            raise FormatError(
                f"{path}: {first_names(body.columns[wrong].tolist())}: integer in one file, continuous in its owner's"
            )
    names: dict[str, np.ndarray] = {}
    for k in np.unique(owner):
        mine = np.flatnonzero(owner == k)
        if len(mine) > ONE_BY_ONE and k != PRICE:
            names["x" if k == LEADER else f"y{k}"] = mine
        else:
            names |= {str(every[j]): np.asarray(j) for j in mine}
    labels = {name: names_of(every[at].tolist(), "column") for name, at in names.items() if at.ndim}
    return Columns(names, owner, lb, ub, kind, labels)


def level_of(body: Body, here: np.ndarray, columns: Columns, k: int, n: int) -> Level:
    """Return a level over the columns of all files; its tighter bounds of others' columns are rows."""
    lo, hi = columns.lb[here], columns.ub[here]
    default = (body.lb == 0) & (not body.zero_is_said)
    low, up = np.where((body.lb > lo) & ~default, body.lb, -np.inf), np.where(body.ub < hi, body.ub, np.inf)
    theirs = (columns.owner[here] != k) & ((low > -np.inf) | (up < np.inf))
    bounds = np.flatnonzero(theirs)
    rows = coo(np.ones(len(bounds)), np.arange(len(bounds)), bounds, (len(bounds), len(here)))
    A = _over(sp.vstack([body.M, rows]), here, n, False)
    names = [*body.rows.tolist(), *(f"bound of {name}" for name in body.columns[bounds].tolist())]
    cost = np.zeros(n)
    cost[here] = body.cost
    quads = [(q.name, _over(q.P, here, n, True), _wide(q.q, here, n), q.lo, q.hi) for q in body.quads]
    blocks: dict[str, np.ndarray] = (
        {name: np.asarray(i) for i, name in enumerate(names)} if len(names) <= ONE_BY_ONE
        else {"rows": np.arange(len(names))}
    )  # fmt: skip
    return Level(
        _over(body.P, here, n, True), cost, float(body.offset), A, np.append(body.lo, low[bounds]),
        np.append(body.hi, up[bounds]), blocks, {1: "min", -1: "max", 0: None}[body.sense], quads,
        {name: names_of(names, "row") for name, at in blocks.items() if at.ndim},
    )  # fmt: skip


def _over(M: Any, here: np.ndarray, n: int, both: bool) -> Csr:
    """Return a matrix over the columns of all files."""
    t = sp.coo_array(M)
    return coo(t.data, here[t.row] if both else t.row, here[t.col], (n if both else t.shape[0], n))


def _wide(q: np.ndarray, here: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[here] = q
    return out
