"""A model as the flat arrays that solver libraries take: rows with one side each, products by row, nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from ...model.model import Model
from ...model.tables import RowTable
from ...numerics.sparse import Csr
from .checks import canonical, column_bounds, sides


@dataclass(frozen=True, eq=False)
class Sided:
    """Rows ``M z <= rhs``, ``>= rhs`` or ``== rhs``.

    Parameters
    ----------
    M : csr_array (m, n)
    sense : ndarray (m,) of 'L', 'G' or 'E'
    rhs : ndarray (m,)
    source : ndarray (m,)
        Row of the table each stems from; a row with two sides is there twice.
    """

    M: Csr
    sense: np.ndarray
    rhs: np.ndarray
    source: np.ndarray

    def __len__(self) -> int:
        return len(self.rhs)


@dataclass(frozen=True, eq=False)
class Arrays:
    """The model ``min 1/2 z'P z + q'z + r`` over bounds, rows, sets, indicators.

    Parameters
    ----------
    P, q, r : csr_array (n, n), ndarray (n,), float
        P symmetric.
    lb, ub : ndarray (n,)
        Infinite where there is none.
    kind : ndarray (n,) of 'C', 'B' or 'I'
    rows : Sided
    implied : Sided
        The rows of the indicators ``z[binary] == value -> row``.
    binary, value : ndarray
    quads : Sided
        Linear parts of the quadratic rows.
    quad_start : ndarray (len(quads) + 1,)
        Products ``v z_i z_j`` of row k are those from ``quad_start[k]`` to ``quad_start[k + 1]``.
    i, j, v : ndarray
        Each pair of columns once in a row, ``i <= j``.
    set_start, set_columns : ndarray
        SOS1 sets of at least two columns.
    """

    P: Csr
    q: np.ndarray
    r: float
    lb: np.ndarray
    ub: np.ndarray
    kind: np.ndarray
    rows: Sided
    implied: Sided
    binary: np.ndarray
    value: np.ndarray
    quads: Sided
    quad_start: np.ndarray
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    set_start: np.ndarray
    set_columns: np.ndarray

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.q)

    @property
    def discrete(self) -> bool:
        """Whether there is anything to branch on: integers, sets, indicators."""
        return bool((self.kind != "C").any()) or len(self.set_start) > 1 or len(self.implied) > 0

    @property
    def linear(self) -> bool:
        """Whether all is linear but integrality: then a ray of the relaxation and a point make it unbounded."""
        return not (self.P.nnz or len(self.quads) or len(self.implied) or len(self.set_start) > 1)

    def without_objective(self) -> Arrays:
        """Return the same with the objective 0, to see whether there is a point at all."""
        return replace(self, P=Csr((self.n, self.n)), q=np.zeros(self.n), r=0.0)

    def boxed(self, size: float) -> Arrays:
        """Return the same with the bound ``size`` where a column has none."""
        return replace(self, lb=np.where(self.lb == -np.inf, np.minimum(-size, self.ub), self.lb),
                       ub=np.where(self.ub == np.inf, np.maximum(size, self.lb), self.ub))  # fmt: skip

    def box(self, infinity: float) -> tuple[np.ndarray, np.ndarray]:
        """Return lb, ub with the solver's own number for infinity."""
        return np.clip(self.lb, -infinity, infinity), np.clip(self.ub, -infinity, infinity)

    def sets(self) -> list[list[int]]:
        """Return the columns of every SOS1 set."""
        start, columns = self.set_start.tolist(), self.set_columns.tolist()
        return [columns[a:b] for a, b in zip(start, start[1:], strict=False)]


def arrays(model: Model) -> Arrays:
    """Return the arrays of a model without complementarity pairs."""
    n = model.n
    P, q, r = model.matrices
    P = canonical(P, n)
    lb, ub = column_bounds(model)
    table = model.indicators
    implied = one_sided(table.rows if table is not None else RowTable.empty(n), n)
    none = np.empty(0, dtype=np.int64)
    quads = one_sided(model.quads.linear, n)
    start, i, j, v = _products(model, quads.source)
    sizes = np.diff(model.sos1.start)
    kept = sizes > 1
    return Arrays(
        P, q, float(r), lb, ub, model.space.kind, one_sided(model.rows, n), implied,
        table.binary[implied.source] if table is not None else none,
        table.value[implied.source] if table is not None else none,
        quads, start, i, j, v,
        np.concatenate([[0], np.cumsum(sizes[kept])]), model.sos1.columns[np.repeat(kept, sizes)],
    )  # fmt: skip


def one_sided(table: RowTable, n: int) -> Sided:
    """Return the rows of a table with one side each; those without a side are dropped."""
    lo, hi = sides(table)
    equal = lo == hi
    has = np.stack([np.isfinite(lo), np.isfinite(hi) & ~equal], axis=1)
    source, side = np.nonzero(has)
    sense = np.where(equal[source], "E", np.where(side == 0, "G", "L"))
    return Sided(Csr(canonical(table.M, n)[source]), sense, np.where(side == 0, lo[source], hi[source]), source)


def spans(M: Csr) -> list[tuple[list[int], list[float]]]:
    """Return columns and values of every row, for libraries that take rows as lists."""
    starts, columns, values = M.indptr.tolist(), M.indices.tolist(), M.data.tolist()
    return [(columns[a:b], values[a:b]) for a, b in zip(starts, starts[1:], strict=False)]


def _products(model: Model, source: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return start, i, j, v of the products of the one-sided quadratic rows."""
    quads, n = model.quads, model.n
    low, high = np.minimum(quads.i, quads.j), np.maximum(quads.i, quads.j)
    pairs, place = np.unique(low * n + high, return_inverse=True)
    shape = (len(quads), len(pairs))
    table = canonical(Csr(sp.coo_array((quads.v, (quads.row, place.ravel())), shape=shape)), len(pairs))
    spread = Csr(table[source])
    return spread.indptr, pairs[spread.indices] // n, pairs[spread.indices] % n, spread.data
