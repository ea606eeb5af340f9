"""Leader's columns with equal bounds are constants: products with them are linear terms.

They stay columns, so every index and ``sol[x]`` stays valid; what is folded is ``v z_i z_j`` with ``z_i = c``, which
becomes ``v c z_j``. Linear terms stay as they are: every reader of a model substitutes fixed columns itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo, row_index
from ..problem.columns import INTEGRALITY, Space, on_integers
from ..problem.expressions import Quad
from .model import Model
from .tables import QuadTable, join
from .terms import of_leader


def constants(space: Space) -> np.ndarray:
    """Return the value of every leader's column whose bounds leave only one, NaN for all other columns (n,)."""
    lb, ub = on_integers(space.lb, space.ub, space.kind)
    fixed = of_leader(space.role) & (lb == ub) & np.isfinite(lb)
    return np.where(fixed, lb, np.nan)


def folded(model: Model) -> Model:
    """Return the model with the products of constant columns in the objective and in quadratic rows made linear.

    A quadratic row of the leader without any product left moves to the end of ``model.rows``. The model remembers the
    constants, see :func:`check_constants`; it is returned as it is where there are no such products.
    """
    value = constants(model.space)
    goal, quads = model.objective, model.quads
    held = np.isfinite(value)
    used = [part[held[part]] for part in (goal.i, goal.j, quads.i, quads.j)]
    if not any(map(len, used)):
        return model
    known = np.full(model.n, np.nan)
    known[: len(model.constants)] = model.constants
    at = np.unique(np.concatenate(used))
    known[at] = value[at]
    space = model.space.copy()
    space.lb[at] = space.ub[at] = value[at]  # of integers the bounds themselves may be fractions
    rows, quads = model.rows, _fold_rows(quads, value, model.n)
    straight = np.bincount(quads.row, minlength=len(quads)) == 0
    if straight.any():
        rows, quads = join([rows, quads.linear.take(straight)], model.n), quads.take(~straight)
    return replace(model, space=space, objective=fold(goal, value), rows=rows, quads=quads, constants=known)


def fold(quad: Quad, value: np.ndarray) -> Quad:
    """Return an expression with products of constant columns made linear; ``value`` (n,) as of :func:`constants`."""
    n = len(value)
    row, column, linear, constant, keep = _split(np.zeros(len(quad.v), dtype=np.int64), quad.i, quad.j, quad.v, value)
    if keep.all():
        return quad
    at = np.concatenate([quad.linear.indices, column])
    M = coo(np.concatenate([quad.linear.data, linear]), np.zeros(len(at), dtype=np.int64), at, (1, n))
    return Quad(quad.space, quad.i[keep], quad.j[keep], quad.v[keep], M, quad.r + float(constant.sum()))


def fold_entries(M: Csr, value: np.ndarray) -> tuple[Csr, np.ndarray]:
    """Return the rows M without the entries of constant columns, and what those entries add to each row."""
    row, known = row_index(M), value[M.indices]
    fixed = np.isfinite(known)
    if not fixed.any():
        return M, np.zeros(M.shape[0])
    added = np.bincount(row[fixed], weights=M.data[fixed] * known[fixed], minlength=M.shape[0])
    return coo(M.data[~fixed], row[~fixed], M.indices[~fixed], M.shape), added


def check_constants(model: Model) -> None:
    """Refuse a model in which a column has got other bounds (by more than 1e-6) since products with it were folded.

    Raises
    ------
    ProblemError
        Names the column.
    """
    held, space = model.constants, model.space
    at = np.flatnonzero(np.isfinite(held))
    room = INTEGRALITY * (1.0 + np.abs(held[at]))
    moved = at[(np.abs(space.lb[at] - held[at]) > room) | (np.abs(space.ub[at] - held[at]) > room)]
    if len(moved):
        column = int(moved[0])
        raise ProblemError(
            f"model {model.name!r}: column {space.label(column)!r} was the constant {held[column]:.6g} when its "
            "products were made linear, and its bounds were changed since; change them in the problem and call kg.kkt "
            "again"
        )


def _fold_rows(quads: QuadTable, value: np.ndarray, n: int) -> QuadTable:
    row, column, linear, constant, keep = _split(quads.row, quads.i, quads.j, quads.v, value)
    if keep.all():
        return quads
    old, k = quads.linear, len(quads)
    M = coo(
        np.concatenate([old.M.data, linear]), np.concatenate([row_index(old.M), row]),
        np.concatenate([old.M.indices, column]), (k, n),
    )  # fmt: skip
    both = ~keep & np.isfinite(value[quads.i]) & np.isfinite(value[quads.j])
    shift = np.bincount(quads.row[both], weights=constant, minlength=k)
    table = replace(old, M=M, lo=old.lo - shift, hi=old.hi - shift)
    return QuadTable(quads.row[keep], quads.i[keep], quads.j[keep], quads.v[keep], table)


def _split(
    row: np.ndarray, i: np.ndarray, j: np.ndarray, v: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the linear terms (row, column, coefficient) and the constants folded products make, and which stay."""
    left, right = np.isfinite(value[i]), np.isfinite(value[j])
    by_left, by_right, both = left & ~right, right & ~left, left & right
    rows = np.concatenate([row[by_left], row[by_right]])
    columns = np.concatenate([j[by_left], i[by_right]])
    terms = np.concatenate([(v * value[i])[by_left], (v * value[j])[by_right]])
    return rows, columns, terms, (v * value[i] * value[j])[both], ~(left | right)
