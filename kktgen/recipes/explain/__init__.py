"""Why a bilevel problem is infeasible or unbounded, with the rows, the decision or the direction that shows it."""

from __future__ import annotations

from dataclasses import replace

from ...deadline import Deadline, OutOfTime
from ...errors import expect
from ...problem.bilevel import Bilevel
from ...problem.integers import refuse_integers
from ...solvers import check_arguments
from .attained import Attainment, attainment
from .case import Case
from .explanation import KINDS, ConflictingRow, Explanation
from .responses import answers
from .rows import responses, rows

__all__ = ["KINDS", "Attainment", "Explanation", "ConflictingRow", "attainment", "explain"]


def explain(bilevel: Bilevel, *, time_limit: float | None = None, solver: str = "scip") -> Explanation:
    """Say why a bilevel problem is infeasible or unbounded, or find a point of it.

    Parts of the problem are looked at in this order, each only when those before have points::

        high-point relaxation      leader's and followers' rows, nobody optimal     high_point_infeasible,
                                                                                    follower_infeasible
        stationarity               of each follower, then of all                    follower_unbounded, no_response
        elastic coupling rows      least violation over all optimal responses       coupling_infeasible
        directions                 of the polyhedra the points consist of           leader_unbounded

    Parameters
    ----------
    bilevel : Bilevel
    time_limit : float, optional
        Seconds for everything; what could not be decided by then is ``unknown``, and the sentences say what is
        excluded.
    solver : str
        For everything that is no linear program; ``"scip"`` takes all problems.

    Returns
    -------
    Explanation
        ``kind`` is a key of :data:`KINDS`. Linear programs are proved by their row multipliers (Farkas) or by a
        direction that is checked entry by entry; what rests on a solver's tree says so.

    Raises
    ------
    ProblemError
        The argument is no Bilevel, or a limit that means nothing.
    SolverNotFound, UnsupportedError
        The solver is not installed, or does not take the problem's rows.

    See Also
    --------
    kktgen.optimize : Where the problem has an optimum.

    Examples
    --------
    The follower goes up to ``8 - x``, the leader wants it below ``7 - x``: there are points, but no response.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("coupled")
    >>> x = m.var("x", lb=0, ub=4)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y", lb=0)
    >>> row = lower.add(x + y <= 8)
    >>> lower.maximize(y)
    >>> m.minimize(x)
    >>> cap = m.add(x + y <= 7, name="cap")
    >>> found = kg.explain(m)
    >>> found.kind, found.rows
    ('coupling_infeasible', ("coupling row 'cap'",))
    >>> print(found.sentences[0])
    followers respond, but every optimal response to every decision breaks a coupling row
    """
    expect(bilevel, Bilevel, "explain", "give the problem itself, not its model")
    refuse_integers(bilevel, "explain")
    check_arguments(time_limit, None)
    deadline = Deadline(time_limit)
    case = Case(bilevel, solver, deadline)
    try:
        found = rows(case) or responses(case) or answers(case)
    except OutOfTime:
        found = case.unknown(f"the time limit of {time_limit:g} s is used up")
    return replace(found, seconds=deadline.spent)
