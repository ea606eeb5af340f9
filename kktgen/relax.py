"""Drop complementarity: the convex relaxation whose optimum bounds the bilevel optimum, where it has one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .bounds.activity import tighten
from .convexity import is_psd
from .errors import expect
from .kernel import qp
from .model import Model
from .sparse import Csr


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


def is_bounded(model: Model) -> bool:
    """Return whether the objective has a minimum over rows and column bounds alone.

    Pairs, sets, indicators, quadratic rows and integrality are left out, so a model that is unbounded here may
    still have an optimum, not the other way round. Of an objective that is not convex, columns in products must have
    finite boxes (given, or implied by the rows), and the linear part a minimum.
    """
    space, rows = model.space, model.rows
    P, q, _ = model.matrices
    if not is_psd(P):
        lb, ub = tighten(rows.M, rows.lo, rows.hi, space.lb, space.ub)
        factors = np.flatnonzero(np.diff(P.indptr))
        if not (np.isfinite(lb[factors]) & np.isfinite(ub[factors])).all():
            return False
        P = Csr(P.shape)
    return qp(P, q, rows.M, rows.lo, rows.hi, space.lb, space.ub).status == "optimal"
