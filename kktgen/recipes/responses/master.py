"""One master as a model, for files and for solvers of one's own."""

from __future__ import annotations

from typing import Any

from ...deadline import Deadline
from ...encodings import encode
from ...errors import ProblemError, expect
from ...model.model import Model
from ...problem.bilevel import Bilevel
from ...problem.integers import has_integers
from ...reformulate.responses.assembled import assembled, distinct, told
from ...reformulate.responses.base import base
from .record import responses_of


def master(
    bilevel: Bilevel, responses: Any = None, *, encoding: Any = "auto", time_limit: float | None = None
) -> Model:  # fmt: skip
    """Return the relaxation of a problem with integer followers that some of their responses make.

    No follower may do worse than any of the responses that is feasible for it. So the optimum bounds that of the
    problem, whatever the responses are, and more of them bound it better; it is the problem's own where the point it is
    found at is one at which the followers respond.

    Parameters
    ----------
    bilevel : Bilevel
        Some follower has integer variables.
    responses : sequence of Response, or path, optional
        ``result.responses`` of :func:`kktgen.optimize`, or the ``.responses.json`` they were written to; none gives the
        problem in which followers are feasible, and optimal only in continuous variables that the leader prices.
    encoding : encoding or str
        Of the complementarity pairs of these continuous variables, see :func:`kktgen.encode`.
    time_limit : float, optional
        Seconds for the boxes of their multipliers.

    Returns
    -------
    Model
        An ordinary model, which every format and solver takes that has its features.

    Raises
    ------
    ProblemError
        No follower has integer variables, or a response is none of this problem.
    UnsupportedError, BoundError
        What a problem with integer followers cannot have.

    See Also
    --------
    kktgen.optimize : Adds responses until bound and value meet.

    Examples
    --------
    A plant runs where the price pays for its start; the leader sells at 8 what it buys.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("start")
    >>> price = m.var("price", lb=0, ub=9)
    >>> plant = m.follower("plant")
    >>> on = plant.var("on", kind="B")
    >>> plant.minimize(5 * on - price * on)
    >>> m.maximize(8 * on - price * on)
    >>> result = kg.optimize(m)
    >>> print(f"{kg.solve(kg.master(m)).objective:.2f} {kg.solve(kg.master(m, result.responses)).objective:.2f}")
    8.00 3.00
    """
    expect(bilevel, Bilevel, "master")
    if not has_integers(bilevel):
        raise ProblemError(
            f"master: no follower of {bilevel.name!r} has integer variables; kg.kkt(m) is its single-level model"
        )
    found = responses_of(bilevel, responses)
    common = base(bilevel, Deadline(time_limit))
    known = distinct(common.stated.responses(found), common)
    return encode(told(common, assembled(common, known)), encoding)
