"""Drop complementarity: the convex relaxation whose optimum bounds the bilevel optimum, where it has one."""

from __future__ import annotations

from dataclasses import replace

from .errors import expect
from .fingerprint import equivalent
from .model import Model


@equivalent
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
