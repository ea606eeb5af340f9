"""What a leader could still gain at a market outcome, by its best response to whatever is fixed in its problem.

Where several leaders meet in a market, each of their problems has the decisions of its rivals as numbers. Solving them
in turn may end where no one moves; that is an equilibrium only if no one gains at **one and the same** outcome of the
market. At its own optimistic tie every leader may be content although the ties contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..errors import ProblemError, expect
from ..model.shared import shared_kkt
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..problem.points import declared_point
from ..solvers import check_arguments
from ..verification.report import Report
from ..verification.verify import verify
from .optimize import optimize
from .part_answer import proved_bound
from .pipeline import Result

GAIN = 1e-6
"""A gain above this, over ``max(1, |value|)``, is told, and a regret below it is told as none."""


@dataclass(frozen=True, eq=False)
class Regret:
    """What :func:`regret` returns.

    Parameters
    ----------
    value : float
        The leader's value at the outcome, in the user's sense.
    bound : float or None
        A proved bound on its value whatever it decides, the followers' ties broken for it; None where none was proved.
    gain : float or None
        By how much the best decision found is better than the outcome; None where none was found.
    amount : float
        The regret: by how much the bound is better than the value, infinite where there is none. No decision gains
        more.
    report : Report
        Verification of the outcome.
    best : Result
        The best response.
    why : str
        Why no bound was proved; empty where one was.

    See Also
    --------
    kktgen.regret : Returns one.

    Examples
    --------
    A toll of 1 is worth 1 to the owner of the road, who could take 2.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> print(kg.regret(m, {toll: 1, road: 1}))
    toll: value 1, no decision is better than 2: regret 1 (proved), a decision that gains 1 is known
    """

    value: float
    bound: float | None
    gain: float | None
    amount: float
    report: Report
    best: Result
    why: str = ""

    def __str__(self) -> str:
        name = self.best.bilevel.name
        if self.bound is None:
            return f"{name}: value {self.value:.10g}; no bound of the best response was proved: {self.why}"
        shown = 0.0 if abs(self.amount) <= GAIN * max(1.0, abs(self.value)) else self.amount
        gains = self.gain is not None and self.gain > GAIN * max(1.0, abs(self.value))
        found = f", a decision that gains {self.gain:.6g} is known" if gains else ""
        return (
            f"{name}: value {self.value:.10g}, no decision is better than {self.bound:.10g}: regret {shown:.6g} "
            f"(proved){found}"
        )


def regret(bilevel: Bilevel, outcome: Any, *, time_limit: float | None = None, **options: Any) -> Regret:
    """Return how much a leader could gain at most by another decision, against its value at a market outcome.

    Parameters
    ----------
    bilevel : Bilevel
        One leader's problem, the decisions of others in it as numbers.
    outcome : Solution, mapping, or numbers
        Its decision and the market's response, as of :func:`kktgen.verify`: values of the leader's and the followers'
        variables, and of the multipliers that stand in its problem (``row.dual: value``). Of several leaders each is to
        be asked at the same outcome.
    time_limit : float, optional
        Seconds.
    **options
        Passed to :func:`kktgen.optimize`, which looks for the best response.

    Returns
    -------
    Regret
        ``amount`` is a proved bound of the best response less the value at the outcome. Where it is at most eps for
        every leader, the outcome is an equilibrium up to eps; where ``gain`` is large for one of them, it is none.

    Raises
    ------
    ProblemError
        The outcome is no response of the followers, breaks a row of the leader, or lacks multipliers that the leader
        uses: which of several prices holds is part of the outcome.

    See Also
    --------
    kktgen.verify : Is a point a response at all?
    kktgen.optimize : The best response.

    Examples
    --------
    Two firms sell at the price ``9 - q1 - q2``, at no cost; q2 is 3 here. Then q1 = 3 is a best response, 1 is not.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("first")
    >>> q = m.var("q", lb=0, ub=9)
    >>> market = m.follower("market")
    >>> demand = market.var("demand", lb=0, ub=20)
    >>> balance = market.add(q + 3 == demand, name="balance")
    >>> market.maximize(9 * demand - 0.5 * demand @ demand)
    >>> m.maximize(balance.dual @ q)
    >>> for mine in (3, 1):
    ...     price = 9 - mine - 3
    ...     found = kg.regret(m, {q: mine, demand: mine + 3, balance.dual: price})
    ...     print(f"{found.value:.2f} {found.amount:.2f}")
    9.00 0.00
    5.00 4.00
    """
    expect(bilevel, Bilevel, "regret", "give the problem of one leader")
    check_arguments(time_limit, None)
    deadline, model = Deadline(time_limit), shared_kkt(bilevel)
    if isinstance(outcome, Solution):
        if outcome.z is None:
            raise ProblemError(f"regret: the solution has no point (status {outcome.status!r})")
        z = np.array(outcome.z[: model.n], dtype=float)
    else:
        z = declared_point(bilevel, outcome, "regret")
    used = np.empty(0, dtype=int) if model.kkt is None else model.kkt.used
    missing = used[np.isnan(z[used])]
    if len(missing):
        raise ProblemError(
            f"regret: the outcome has no value for {model.space.label(int(missing[0]))}, which stands in the leader's "
            "problem; give it (row.dual: value): which of several prices holds is part of the outcome"
        )
    report = verify(bilevel, z, time_limit=deadline.last().left())
    if not report.ok or report.value is None:
        raise ProblemError(f"regret: this is no outcome of {bilevel.name!r}: {report.reasons[0]}")
    best = optimize(bilevel, time_limit=deadline.left(), **options)
    (bound, why), found, sense = proved_bound(best), best.solution.objective, model.sense
    gain = sense * (report.value - found) if found is not None and best.report.ok else None
    amount = np.inf if bound is None else sense * (report.value - bound)
    return Regret(report.value, bound, gain, float(amount), report, best, why)
