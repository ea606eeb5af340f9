"""A bilevel problem as plain data, every number a float: what a certificate holds of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..model.model import Model
from ..model.tables import RowTable
from ..numerics.sparse import Csr, joined
from ..problem.columns import labels
from ..problem.expressions import Quad
from ..verification.residuals import _row_name as row_name


def terms(M: Csr) -> list[list[list[Any]]]:
    """Return the rows of M, each as a list of [column, coefficient]."""
    columns, values, ends = M.indices.tolist(), M.data.tolist(), M.indptr.tolist()
    return [
        [[c, v] for c, v in zip(columns[a:b], values[a:b], strict=True)]
        for a, b in zip(ends, ends[1:], strict=False)
    ]  # fmt: skip


def plain(model: Model) -> dict[str, Any]:
    """Return the problem behind a KKT model as plain data.

    Parameters
    ----------
    model : Model
        As :func:`kktgen.kkt` returns it.

    Returns
    -------
    dict
        ``names`` of all columns; ``leader`` and ``integers``, columns; ``bounds`` [column, low, high]; ``objective``
        (minimised) and ``sense``; ``rows`` [name, terms, products, low, high, switch], which count where the column
        ``switch[0]`` is ``switch[1]``; ``sets`` of columns of which one is nonzero at most; ``followers``.
    """
    space = model.space
    own = np.flatnonzero((space.role == "leader") | ((space.lb == space.ub) & (space.role != "follower")))
    own = own[np.isfinite(space.lb[own]) | np.isfinite(space.ub[own])]
    starts, columns = model.sos1.start.tolist(), model.sos1.columns.tolist()
    set_names = labels(model.sos1.blocks, np.arange(len(model.sos1)))
    return {
        "name": model.name,
        "sense": model.sense,
        "names": labels(space.blocks, np.arange(model.n)),
        "leader": np.flatnonzero(space.role == "leader").tolist(),
        "integers": np.flatnonzero(space.kind != "C").tolist(),
        "bounds": [
            [j, low, high]
            for j, low, high in zip(own.tolist(), _sides(space.lb[own]), _sides(space.ub[own]), strict=True)
        ],
        "objective": {**_function(model.objective), "constant": float(model.objective.r)},
        "rows": _rows(model),
        "sets": [[name, columns[a:b]] for name, a, b in zip(set_names, starts, starts[1:], strict=False)],
        "followers": _followers(model),
    }


def _sides(values: np.ndarray) -> list[float | None]:
    return [v if finite else None for v, finite in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)]


def _function(cost: Quad) -> dict[str, Any]:
    cost = cost.canonical()
    products = zip(cost.i.tolist(), cost.j.tolist(), cost.v.tolist(), strict=True)
    return {"linear": terms(cost.linear)[0], "products": [list(entry) for entry in products]}


def leader_rows(model: Model) -> np.ndarray:
    """Return which of the model's rows are the leader's own (k,)."""
    spans = [np.arange(b.start, b.stop) for b in model.rows.blocks if b.role == "leader"]
    return joined(spans, int)


def _rows(model: Model) -> list[list[Any]]:
    """Return the leader's linear, quadratic and conditional rows."""
    own = model.rows.take(np.isin(np.arange(len(model.rows)), leader_rows(model)))
    tables: list[tuple[RowTable, list[Any]]] = [(own, [None] * len(own))]
    if model.indicators is not None:
        on = zip(model.indicators.binary.tolist(), model.indicators.value.tolist(), strict=True)
        tables.append((model.indicators.rows, [list(pair) for pair in on]))
    out = []
    for table, switch in tables:
        names = labels(table.blocks, np.arange(len(table)))
        parts = zip(names, terms(table.M), _sides(table.lo), _sides(table.hi), switch, strict=True)
        out += [[name, row, [], low, high, on] for name, row, low, high, on in parts]
    quads = model.quads
    names, linear = labels(quads.linear.blocks, np.arange(len(quads))), terms(quads.linear.M)
    ends = np.searchsorted(quads.row, np.arange(len(quads) + 1)).tolist()
    products = [list(entry) for entry in zip(quads.i.tolist(), quads.j.tolist(), quads.v.tolist(), strict=True)]
    low, high = _sides(quads.linear.lo), _sides(quads.linear.hi)
    return out + [
        [names[k], linear[k], products[ends[k] : ends[k + 1]], low[k], high[k], None] for k in range(len(quads))
    ]


def _followers(model: Model) -> list[dict[str, Any]]:
    out = []
    for system in model.kkt.systems if model.kkt is not None else ():
        equal = [row_name(system, i, True) for i in range(len(system.lam))]
        unequal = [row_name(system, i, False) for i in range(len(system.mu))]
        out.append({
            "name": system.name,
            "y": system.y.tolist(),
            **_function(system.cost),
            "equations": [list(p) for p in zip(
                system.lam.tolist(), terms(system.E), system.e.tolist(), equal, strict=True)],
            "inequalities": [list(p) for p in zip(
                system.mu.tolist(), terms(system.C), system.c.tolist(), unequal, strict=True)],
        })  # fmt: skip
    return out
