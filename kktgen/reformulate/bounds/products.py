"""Multipliers of the four rows that define a product column ``w = x e`` (:mod:`kktgen.problem.lifting`).

The stationarity of w is ``g + mu_1 - mu_2 + mu_3 - mu_4 = 0``, g the part of all other multipliers. Where x = 0 the
first two rows are equations and the others have slack, where x = 1 it is the other way round: two of the four are zero.
The two that remain meet in one equation each way, so all but their difference can be taken off both, and one of them is
zero, too; no other multiplier changes, and no expression of a user holds these. So each is at most ``max(0, -g)`` or
``max(0, g)``: a box that costs no multiplier of another row.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ...numerics.intervals import interval
from ...numerics.sparse import Csr, coo, row_index
from ...problem.qp import QP
from .relaxation import Boxes, Layout


def product_bounds(qp: QP, product: np.ndarray, boxes: Boxes) -> np.ndarray:
    """Return upper bounds on the multipliers of rows that define product columns, inf elsewhere (mi,).

    Parameters
    ----------
    qp : QP
    product : ndarray (mi,)
        Position in y of the product column of each inequality, -1 elsewhere.
    boxes : Boxes
        Of (x, y, lam, mu).
    """
    out = np.full(len(product), np.inf)
    at = np.flatnonzero(product >= 0)
    if not len(at):
        return out
    w, of = np.unique(product[at], return_inverse=True)
    layout = Layout.of(qp)
    rows = Csr(sp.hstack([qp.Q[w], qp.P[w], -qp.A.T.tocsr()[w], qp.G.T.tocsr()[w]], format="csr"))
    row = row_index(rows)
    defining = np.full(rows.shape[1], -1)
    defining[layout.mu + at] = of
    keep = defining[rows.indices] != row
    others = coo(rows.data[keep], row[keep], rows.indices[keep], rows.shape)
    low, high = interval(others, boxes.lb, boxes.ub)
    low, high = low + qp.q[w], high + qp.q[w]
    own = np.asarray(qp.G.tocsr()[at, product[at]]).ravel()
    out[at] = np.where(own > 0, np.maximum(-low[of], 0.0), np.maximum(high[of], 0.0)) / np.abs(own)
    return out
