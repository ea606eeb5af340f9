"""Drop complementarity: the convex relaxation whose optimum bounds the bilevel optimum, where it has one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .bounds.activity import tighten
from .convexity import is_psd
from .deadline import NEVER, Deadline
from .errors import expect
from .kernel import qp
from .model import Model
from .sparse import Csr, widen

FAR = 1e6
"""Where columns without bounds are cut off when only multipliers are asked for."""


def relax(model: Model) -> Model:
    """Return the model without its complementarity pairs (stationarity, feasibility and bounds stay).

    With the bilinear terms eliminated and convex weights this is a convex QP: the leader's true objective
    plus a nonnegative multiple of the complementarity gap (see :func:`kktgen.eliminate`).

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`.

    Returns
    -------
    Model
        Without pairs.

    Raises
    ------
    ProblemError
        The argument is no Model.
    """
    expect(model, Model, "relax", "make one with kg.kkt(m)")
    return replace(model, pairs=None, notes=(*model.notes, "complementarity relaxed"))


def prices_are_bounded(model: Model, deadline: Deadline = NEVER) -> bool:
    """Return whether multipliers cannot improve the objective without end while rows and column bounds hold.

    Pairs, sets, indicators, quadratic rows and integrality are left out and the other columns kept within ``FAR``, so
    the answer no leaves it open. Of an objective that is not convex, multipliers in products must have finite boxes
    (given, or implied by the rows), and the linear part a minimum.
    """
    space, rows = model.space, model.rows
    P, q, _ = model.matrices
    M = widen(rows.M, model.n)
    price = np.isin(space.role, ["lam", "mu"])
    if not is_psd(P):
        lb, ub = tighten(M, rows.lo, rows.hi, space.lb, space.ub)
        boxed = np.isfinite(lb) & np.isfinite(ub)
        if (price & (np.diff(P.indptr) > 0) & ~boxed).any():
            return False
        P = Csr(P.shape)
    lb = np.where(price, space.lb, np.maximum(space.lb, -FAR))
    ub = np.where(price, space.ub, np.minimum(space.ub, FAR))
    return qp(P, q, M, rows.lo, rows.hi, lb, ub, deadline).status == "optimal"
