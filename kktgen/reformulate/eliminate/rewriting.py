"""Rewrite the leader's objective and rows so that products of variables cancel, exactly at every KKT point.

At a KKT point three families of expressions vanish (stacked over all followers, see
:class:`kktgen.model.kkt_system.Kkt`)::

    y_j  (S z + s0)_j          stationarity          weight alpha_j
    lam_k (E z + e0)_k         equality rows         weight beta_k
    mu_i (C z + c0)_i          complementarity       weight gamma_i

A weighted sum of them is added to the objective, or to a row, with weights that cancel the leader's products, e.g.
price times quantity. This contains strong duality (all weights of a follower equal in size) and the linearisation of
the revenue of a strategic producer (Ruiz and Conejo 2009: alpha = 0 on the own offers, 1 on the others, beta = -1).
Away from complementarity ``new = old + sum_i gamma_i mu_i s_i``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...deadline import Deadline
from ...errors import expect
from ...model.constants import check_constants, folded
from ...model.fingerprint import equivalent
from ...model.model import Model
from ...problem.expressions import Quad
from ..vanishing import Conditions
from .expression import Rewriting
from .notes import describe
from .result import Monomials, Weights
from .rows import eliminate_rows, product_rows


def weights(model: Model, goal: Quad | None = None) -> Weights:
    """Return the weights that cancel the products of the leader's objective.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`.
    goal : Quad, optional
        Another expression that is to be small instead of the objective.

    Returns
    -------
    Weights
        All zero when the objective is convex already or there are no followers.

    Notes
    -----
    Blocks of the objective that are convex are left alone; products the leader did not write are never brought in;
    weights of followers whose products he does not use are zero. Exact weights that keep the objective convex are
    preferred; else the 1-norm of the remaining coefficients is minimised, with ``alpha >= 0`` wherever a follower's
    cost is curved and equal on columns its Hessian couples.
    """
    goal = model.objective if goal is None else goal
    if model.kkt is None or len(goal.v) == 0:
        return _unchanged(model, goal)
    return _weights(model, Conditions.of(model), goal)


def _weights(model: Model, conditions: Conditions, goal: Quad) -> Weights:
    kkt, found = model.kkt, Rewriting.of(conditions, goal.canonical())
    if found is None or kkt is None:
        return _unchanged(model, goal)
    w = np.zeros(model.n)
    w[found.products.columns] = found.w
    return Weights(w[kkt.y], w[kkt.lam], w[kkt.mu], found.quad(model.space), found.cancelled(), found.leftover())


def _unchanged(model: Model, goal: Quad) -> Weights:
    """Return zero weights."""
    kkt, column, value = model.kkt, np.empty(0, dtype=np.int64), np.empty(0)
    ny, me, mi = (0, 0, 0) if kkt is None else (len(kkt.y), len(kkt.lam), len(kkt.mu))
    nothing = Monomials(column, column, value, value.astype(object))
    return Weights(np.zeros(ny), np.zeros(me), np.zeros(mi), goal, nothing, nothing)


@equivalent
def eliminate(model: Model, *, time_limit: float | None = None) -> Model:
    """Return the model with the leader's products, such as price x quantity, replaced by expressions without them.

    What is added to the objective or a row vanishes at every point of the followers' KKT system.

    The objective and every rewritten row keep their value at every KKT point. Away from complementarity each is the
    old one plus ``sum_i gamma_i mu_i s_i``, so that gamma >= 0 makes the relaxation (:func:`kktgen.relax`) penalise
    the gap.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.kkt`; a model without followers is returned unchanged.
    time_limit : float, optional
        Seconds; products for which no weights were found by then stay.

    Returns
    -------
    Model
        With a new objective and new rows of the leader, and notes that say what was cancelled, what is kept, and why.
        What is convex already stays as it is. A row ``g <= hi`` is rewritten so that g becomes convex, a row
        ``lo <= g`` so that -g does. A row that becomes linear moves to ``model.rows`` under its name, at their end; one
        that becomes convex stays among ``model.quads``; any other keeps its products. An equation (or a row with two
        sides) becomes linear, or two rows ``name_lo`` and ``name_up`` of which at least one is convex. Leader's columns
        with equal bounds are constants: their products are linear terms.

    Raises
    ------
    ProblemError
        The argument is no Model, or constants of it have got other bounds since.

    See Also
    --------
    kktgen.relax : A convex relaxation once the products are gone.
    kktgen.bound : The next step.

    Notes
    -----
    *Multipliers that are not unique.* A rewritten row may hold multipliers where the leader wrote none. Its value is
    the original one at every KKT point, whatever multipliers go with x and y, so replacing them by others that are as
    good, for instance basic ones within the bounds D4 of :func:`kktgen.bound`, neither violates nor loosens the row:
    ``model.kkt.priced`` rightly speaks of the problem as it was written. For the same reason such a row may tighten
    boxes of x and y, through intervals of the multipliers that hold for all of them.

    *Encodings with a tolerance.* :class:`kktgen.Product` and :class:`kktgen.StrongDuality` leave ``mu_i s_i <= eps``
    or ``sum_i mu_i s_i <= eps``. The rewritten row then differs from the original one by ``sum_i gamma_i mu_i s_i``, up
    to eps times the sum, or the largest, of the ``|gamma_i|``. :func:`kktgen.verify` judges the original row.

    References
    ----------
    Ruiz, Conejo (2009), Pool strategy of a producer with endogenous formation of locational marginal prices,
    IEEE Trans. Power Systems 24(4).

    Examples
    --------
    The leader earns price x quantity; at every KKT point that is a linear expression.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("market")
    >>> offer = m.var("offer", lb=0, ub=60)
    >>> market = m.follower("market")
    >>> g = market.var("g", 2, lb=0, ub=[60, 80])
    >>> balance = market.add(g.sum() == 100, name="balance")
    >>> market.minimize(offer @ g[0] + 30 * g[1])
    >>> m.maximize(balance.dual @ g[0] - 10 * g[0])
    >>> mpec = kg.kkt(m)
    >>> linear = kg.eliminate(mpec)
    >>> mpec.objective, linear.objective
    (Quad(1 products, 1 linear terms), Quad(0 products, 4 linear terms))
    >>> print(linear.notes[0])
    eliminated exactly: 1 product g x lam(balance) (market)
    """
    expect(model, Model, "eliminate", "make one with kg.kkt(m)")
    check_constants(model)
    model = folded(model)
    at = product_rows(model)
    if model.kkt is None or (model.matrices[0].nnz == 0 and len(at) == 0):
        return model
    conditions = Conditions.of(model, Deadline(time_limit))
    if model.matrices[0].nnz:
        found = _weights(model, conditions, model.objective)
        same = found.objective is model.objective
        said = ("leader's objective already convex: no products eliminated",) if same else describe(model, found)
        model = replace(model, objective=found.objective, notes=(*model.notes, *said))
    return eliminate_rows(model, conditions, at)
