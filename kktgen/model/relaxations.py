"""Relaxations that bound the bilevel optimum: complementarity dropped, or the followers merely feasible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import expect
from ..problem.bilevel import Bilevel
from .declared import declared_quads, leader_indicators, leader_rows, leader_sets, primal_rows
from .fingerprint import equivalent
from .model import Model
from .tables import join, join_quads
from .terms import box_terms


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

    See Also
    --------
    kktgen.high_point : Leaves out stationarity as well.

    Examples
    --------
    Once the product ``toll @ road`` is eliminated the relaxation shows that no toll earns more than 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> relaxed = kg.relax(kg.eliminate(kg.kkt(m)))
    >>> relaxed.pairs is None
    True
    >>> print(f"{kg.solve(relaxed).objective:.4f}")
    2.0000
    """
    expect(model, Model, "relax", "make one with kg.kkt(m)")
    return replace(model, pairs=None, notes=(*model.notes, "complementarity relaxed"))


def high_point(bilevel: Bilevel) -> Model:
    """Return the high-point relaxation: the leader's problem with the followers merely feasible.

    Stationarity, complementarity and the multipliers are dropped (their columns stay, fixed at zero, unless
    the leader's objective or rows use them); its optimum bounds the bilevel optimum from the optimistic side.

    Parameters
    ----------
    bilevel : Bilevel

    Returns
    -------
    Model

    Raises
    ------
    ProblemError
        The argument is no Bilevel, or a follower has no objective.

    See Also
    --------
    relax : The KKT model without complementarity, which is tighter.

    Examples
    --------
    If the driver did as the leader likes, the toll could be 3; the driver's own choice leaves 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> print(f"{kg.solve(kg.high_point(m)).objective:.4f} {kg.optimize(m).solution.objective:.4f}")
    3.0000 2.0000
    """
    expect(bilevel, Bilevel, "high_point")
    space, (own_quads, terms) = bilevel.space.copy(), declared_quads(bilevel)
    box_terms(space, terms)
    systems = tuple(follower.system() for follower in bilevel.followers)
    primal, _ = primal_rows(systems, len(space), 0)
    leader, quads = leader_rows(bilevel), join_quads([own_quads, terms], len(space))
    goal = bilevel.objective
    used = np.concatenate(
        [leader.M.indices, quads.i, quads.j, quads.linear.M.indices, goal.i, goal.j, goal.linear.indices]
    )
    unused = space.is_price
    unused[used.astype(np.int64)] = False
    space.lb[unused] = 0.0
    space.ub[unused] = 0.0
    return Model(
        bilevel.name, space, goal, bilevel.sense, join([leader, primal], len(space)), quads,
        sos1=leader_sets(bilevel), indicators=leader_indicators(bilevel), notes=("high-point relaxation",),
    )  # fmt: skip
