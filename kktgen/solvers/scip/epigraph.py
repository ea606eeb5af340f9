"""The products of a quadratic objective, in rows: SCIP minimises a linear objective.

A sum of squares in one row has one gradient cut for all of them, and is looked at as a whole whenever a bound of any
column moves. A convex objective goes over in parts, each of whole blocks of its Hessian::

    min  (t_1 + .. + t_K) / K + q'z + r    s.t.  K sum of part k of  v z_i z_j  <= t_k

With the factor K the tolerances of the K rows together allow the objective no more than that of one row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model.model import Model
from ...numerics.sparse import components

PARTS = 8
"""Most parts of a convex objective."""
MARGIN = 1e-9
"""Relative amount by which t is above the products in a start point, so that rounding leaves it feasible."""


@dataclass(frozen=True, eq=False)
class Epigraph:
    """The columns t of an objective's products.

    Parameters
    ----------
    columns : list of pyscipopt.Variable
        One for each part.
    i, j, v : ndarray (m,)
        The products ``v z_i z_j``.
    part : ndarray (m,)
        The part each belongs to.
    """

    columns: list[Any]
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    part: np.ndarray

    def values(self, z: np.ndarray) -> list[float]:
        """Return what the columns are at a point (n,)."""
        count = len(self.columns)
        t = np.bincount(self.part, count * self.v * z[self.i] * z[self.j], minlength=count)
        return (t + MARGIN * np.maximum(1.0, np.abs(t))).tolist()


def products(columns: list[Any], i: np.ndarray, j: np.ndarray, v: np.ndarray) -> Iterator[tuple[Any, float]]:
    """Yield the products ``v z_i z_j`` as PySCIPOpt's expressions are made of them."""
    from pyscipopt.scip import Term

    for a, b, value in zip(i.tolist(), j.tolist(), v.tolist(), strict=True):
        yield Term(columns[a], columns[b]), value


def parts(model: Model, most: int = PARTS) -> np.ndarray:
    """Return the part that every product of the objective belongs to (m,): about as many products in each."""
    goal = model.objective.canonical()
    if "qobj" not in model.features:
        return np.zeros(len(goal.v), dtype=np.int64)
    _, label = components(model.matrices[0])
    sizes = np.bincount(label[goal.i])
    middle = np.cumsum(sizes) - 0.5 * sizes
    part = np.floor(most * middle / max(len(goal.v), 1)).astype(np.int64)
    return np.unique(part[label[goal.i]], return_inverse=True)[1]


def add_epigraph(scip: Any, columns: list[Any], model: Model) -> Epigraph | None:
    """Add the columns t and their rows to SCIP; return None where the objective is linear."""
    from pyscipopt.scip import Expr, ExprCons

    goal, part = model.objective.canonical(), parts(model)
    if not len(goal.v):
        return None
    count, added = int(part.max()) + 1, []
    for k in range(count):
        here = part == k
        t = scip.addVar(f"t{k}", "C", 0.0 if "qobj" in model.features else None, None, 1.0 / count)
        row = dict(products(columns, goal.i[here], goal.j[here], count * goal.v[here]))
        row[next(iter(t))] = -1.0
        scip.addCons(ExprCons(Expr(row), None, 0.0))
        added.append(t)
    return Epigraph(added, goal.i, goal.j, goal.v, part)
