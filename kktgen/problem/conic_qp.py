"""A follower with convex quadratic rows or norms in matrix form, at fixed parameters a second-order cone program.

::

    min_y  1/2 y'P y + (Q x + q)'y
    s.t.   A y + B x  = b                               lam  free
           G y + H x <= h                               mu >= 0
           1/2 y'R_i y + (G y + H x)_i <= h_i           of some of these rows
           |E_k y + e_k| + (G y + H x)_k <= h_k         of some others

Around a response y its squares may be taken for their tangents: the linear rows that touch them there hold wherever the
curved ones do, and have the same multipliers. A norm may be taken for the half-space ``u'(E_k y + e_k)`` of any u with
``|u| <= 1``, and of some u has the same multiplier (:mod:`kktgen.problem.cones`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import scipy.sparse as sp

from ..deadline import NEVER, Deadline
from ..numerics.conic import ConicProgram
from ..numerics.sparse import Csr, coo, row_index, take_columns
from .qp import QP


@dataclass(frozen=True, eq=False)
class Norm:
    """A norm ``|E y + e|`` in row ``row``, with the columns of its normal u in a model, and the values of these.

    Parameters
    ----------
    row : int
    E, e : csr_array (k, ny), ndarray (k,)
    columns : ndarray (k,) of int
    size : ndarray (k,)
        Normal over its columns.
    normal : ndarray (k,)
    """

    row: int
    E: Csr
    e: np.ndarray
    columns: np.ndarray
    size: np.ndarray
    normal: np.ndarray

    def value(self, y: np.ndarray) -> float:
        """Return ``|E y + e|``."""
        return float(np.linalg.norm(self.E @ y + self.e))


@dataclass(frozen=True, eq=False)
class ConicQP(QP):
    """A :class:`QP` with convex quadratic rows, and rows with norms.

    Parameters
    ----------
    squares : tuple of (int, csr_array (ny, ny))
        Pairs (row i of G, R_i), R_i (ny, ny) psd.
    norms : tuple of Norm
    """

    squares: tuple[tuple[int, Csr], ...] = ()
    norms: tuple[Norm, ...] = ()

    def curved(self, y: np.ndarray) -> np.ndarray:
        """Return ``1/2 y'R_i y`` or ``|E_i y + e_i|`` of every inequality (mi,)."""
        out = np.zeros(len(self.h))
        for i, R in self.squares:
            out[i] = 0.5 * float(y @ (R @ y))
        for norm in self.norms:
            out[norm.row] = norm.value(y)
        return out

    def slack(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the slack of every inequality (mi,)."""
        return super().slack(y, x) - self.curved(y)

    def tangent(self, y: np.ndarray) -> QP:
        """Return the QP whose squares are the tangents at y, and whose norms the half-spaces of their normals."""
        row = np.array([i for i, _ in self.squares] + [norm.row for norm in self.norms], dtype=np.int64)
        slope = [Csr((R @ y)[None, :]) for _, R in self.squares]
        slope += [Csr((norm.E.T @ norm.normal)[None, :]) for norm in self.norms]
        entries = [one.nnz for one in slope]
        more = coo(
            np.concatenate([one.data for one in slope]), np.repeat(row, entries),
            np.concatenate([one.indices for one in slope]), self.G.shape,
        )  # fmt: skip
        h = self.h.copy()
        for i, R in self.squares:
            h[i] += 0.5 * float(y @ (R @ y))
        for norm in self.norms:
            h[norm.row] -= float(norm.normal @ norm.e)
        own = {f.name: getattr(self, f.name) for f in fields(QP)}
        return QP(**own | {"G": Csr(self.G + more), "h": h})

    def with_normals(self, normals: tuple[np.ndarray, ...]) -> ConicQP:
        """Return it with other normals of its norms, in their order."""
        return replace(self, norms=tuple(replace(norm, normal=u) for norm, u in zip(self.norms, normals, strict=True)))

    def stationarity(self, y: np.ndarray, x: np.ndarray, lam: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """Return the gradient of the Lagrangian in y (ny,)."""
        return self.tangent(y).stationarity(y, x, lam, mu)

    def at(self, x: np.ndarray, elastic: np.ndarray | None = None) -> ConicProgram:
        """Return the cone program at parameters x; rows that ``elastic`` lies beyond are moved to it."""
        plain = super().at(x)
        lo, hi = plain.lo.copy(), plain.hi.copy()
        me = len(self.b)
        if elastic is not None:
            lo[:me] = hi[:me] = self.A @ elastic
            hi[me:] = np.maximum(hi[me:], self.G @ elastic + self.curved(elastic))
        squares = tuple((me + i, R) for i, R in self.squares)
        norms = tuple((me + norm.row, norm.E, norm.e) for norm in self.norms)
        return ConicProgram(plain.P, plain.q, plain.A, lo, hi, plain.lb, plain.ub, squares, norms)

    def multipliers(
        self, y: np.ndarray, x: np.ndarray, deadline: Deadline = NEVER
    ) -> tuple[np.ndarray, np.ndarray] | None:  # fmt: skip
        """Return basic multipliers of a response y, those of the tangents at it; None where they are not found."""
        return self.tangent(y).multipliers(y, x, deadline)


def with_squares(qp: QP, H: Csr, v: np.ndarray, x: np.ndarray, E: Csr) -> ConicQP:
    """Return a QP with the rows in which products ``v_k = y_x_k (E y)_k`` stand as curved ones.

    Parameters
    ----------
    qp : QP
        Without the products.
    H : csr_array (mi, k)
        Coefficients of the products in the inequalities.
    v : ndarray (k,) of int
        Their columns, in the order of H's.
    x : ndarray (k,) of int
        Positions in y of the first factors.
    E : csr_array (k, ny)
        The second factors.
    """
    squares, e_row = [], row_index(E)
    assert H.shape[1] == len(v)
    for i in np.unique(row_index(H)[H.data != 0]).tolist():
        weight = H[[i]].toarray().ravel()
        data = weight[e_row] * E.data
        half = coo(data, x[e_row], E.indices, (qp.ny, qp.ny))
        R = Csr(half + half.T)
        R.eliminate_zeros()
        squares.append((i, R))
    own = {f.name: getattr(qp, f.name) for f in fields(QP)}
    return ConicQP(**own, squares=tuple(squares))


def with_own_products(qp: QP, v: np.ndarray, x: np.ndarray, E: Csr) -> ConicQP:
    """Return the follower that takes its products for parameters with the squares in their place.

    Parameters
    ----------
    qp : QP
    v, x : ndarray (k,)
        Positions of the products' columns among the parameters, and of the first factors in y.
    E : csr_array (k, ny)
        The second factors.
    """
    keep = np.ones(qp.nx)
    keep[v] = 0.0
    plain = Csr(qp.H @ sp.diags_array(keep))
    plain.eliminate_zeros()
    return with_squares(replace(qp, H=plain), take_columns(qp.H, v), v, x, E)


def with_norms(qp: QP, still: np.ndarray, norms: tuple[Norm, ...]) -> ConicQP:
    """Return a QP with norms in some rows, in the place of the parameters ``still`` (positions), which are left out."""
    H = Csr(qp.H @ sp.diags_array(np.isin(np.arange(qp.nx), still, invert=True).astype(float)))
    H.eliminate_zeros()
    return ConicQP(**{f.name: getattr(qp, f.name) for f in fields(QP)} | {"H": H}, norms=norms)
