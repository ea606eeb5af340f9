"""A bilevel problem from its matrices, without expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError
from ..numerics.sparse import Csr, coo
from .expressions import Quad, numbers
from .qp import QP
from .rows import Rows
from .variables import bounds_of

if TYPE_CHECKING:
    from .bilevel import Bilevel


def declare_followers(m: Bilevel, qps: Mapping[str, QP], lb: Any, ub: Any, kind: Any) -> np.ndarray:
    """Declare leader variable ``x`` and every follower's ``y``, rows and cost; return the columns of (x, y...)."""
    widths = {qp.nx for qp in qps.values()}
    if len(widths) > 1:
        raise ProblemError(f"from_matrices: followers see different numbers of parameters {sorted(widths)}")
    nx = widths.pop() if widths else 0
    kinds = np.asarray(list(kind))
    if kinds.shape not in ((1,), (nx,)) or not np.isin(kinds, ["C", "B", "I"]).all():
        raise ProblemError(f"from_matrices: kind is 'C', 'B' or 'I', once or for each of the {nx} x, got {kind!r}")
    kinds = np.broadcast_to(kinds, (nx,))
    binary = kinds == "B"
    lower, upper = bounds_of(lb, (nx,), "x", "lb"), bounds_of(ub, (nx,), "x", "ub")
    x = m.var("x", nx, lb=np.where(binary, np.maximum(lower, 0.0), lower),
              ub=np.where(binary, np.minimum(upper, 1.0), upper))  # fmt: skip
    m.space.kind[x.cols] = kinds
    parts = [x.cols]
    for label, qp in qps.items():
        f = m.follower(label)
        y = f.var("y", qp.ny)
        if len(qp.b):
            f.add(qp.A @ y + qp.B @ x == qp.b, name="eq")
        if len(qp.h):
            f.add(qp.G @ y + qp.H @ x <= qp.h, name="in")
        n = len(m.space)
        cost = Quad.from_matrices(m.space, _spread(qp.P, y.cols, y.cols, (n, n)), _spread_vector(qp.q, y.cols, n))
        f.minimize(cost + y @ (qp.Q @ x) if qp.Q.nnz else cost)
        parts.append(y.cols)
    return np.concatenate(parts)


def declare_leader(m: Bilevel, z: np.ndarray, P: Any, q: Any, r: float, rows: Any, sense: str) -> None:
    """Set the leader's objective and rows over the columns z."""
    n = len(m.space)
    linear = numbers(q).ravel()
    if len(linear) != len(z):
        raise ProblemError(f"from_matrices: q has {len(linear)} entries, (x, y...) has {len(z)}")
    if sense not in ("min", "max"):
        raise ProblemError(f"from_matrices: sense is 'min' or 'max', got {sense!r}")
    hessian = _spread(_matrix(P, len(z), len(z), "P"), z, z, (n, n)) if P is not None else None
    goal = Quad.from_matrices(m.space, hessian, _spread_vector(linear, z, n), r)
    (m.minimize if sense == "min" else m.maximize)(goal)
    if rows is None:
        return
    if not isinstance(rows, tuple | list) or len(rows) != 3:
        raise ProblemError("from_matrices: rows is (M, lo, hi)")
    M = _matrix(rows[0], None, len(z), "M of rows")
    try:
        lo, hi = (np.broadcast_to(numbers(side).ravel(), (M.shape[0],)) for side in rows[1:])
    except ValueError as error:
        if isinstance(error, ProblemError):
            raise
        raise ProblemError(f"from_matrices: lo and hi of rows need {M.shape[0]} entries each") from None
    wide = _spread(M, np.arange(M.shape[0]), z, (M.shape[0], n))
    m.add(Rows(m.space, wide, lo, hi, (M.shape[0],)), name="rows")


def _matrix(value: Any, height: int | None, width: int, name: str) -> Csr:
    """Return a matrix of numbers with the given number of rows (any when None) and columns."""
    out = Csr(value) if sp.issparse(value) else numbers(value)
    if out.ndim != 2 or out.shape[1] != width or (height is not None and out.shape[0] != height):
        raise ProblemError(f"from_matrices: {name} has shape {out.shape}; (x, y...) has {width} entries")
    return Csr(out)


def _spread(M: Csr, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Csr:
    """Return M with its rows and columns moved to the given positions of a larger matrix."""
    entries = M.tocoo()
    return coo(entries.data, rows[entries.row], columns[entries.col], shape)


def _spread_vector(v: np.ndarray, columns: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[columns] = v
    return out
