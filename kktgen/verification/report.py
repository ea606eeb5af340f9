"""What a verification found: one line a condition, the claim it supports, and why not a higher one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .html import report_html

EQUILIBRIUM = "equilibrium verified"
"""The claim where nobody optimises the whole: all conditions hold, no bound is asked for."""
BRACKET, PESSIMISTIC = "pessimistic bracket", "pessimistic optimal"
"""The claims where followers break ties against the leader: a worst value and a bound, apart or within the gap."""
CLAIMS = ("infeasible", "unverified", "bilevel-feasible", EQUILIBRIUM, BRACKET, PESSIMISTIC, "optimal")
"""What may be claimed of a bilevel problem, see :func:`kktgen.verify`."""
TOP = (EQUILIBRIUM, "optimal")
"""Claims that no further work can raise: where nobody optimises the whole, and where the leader does."""
INFIMUM = "the leader moves rows of an integer follower continuously: the optimum may be an infimum that no point has"
"""What is said where a response may cease to be feasible between one decision and the next."""
SHOWN = 6
"""Most followers a printed report shows one by one."""


@dataclass(frozen=True)
class Tolerances:
    """Tolerances of a verification; all residuals are scaled, see :mod:`kktgen.verification.residuals`.

    Parameters
    ----------
    feasibility : float
        Rows, bounds, integrality, stationarity and signs of multipliers.
    complementarity : float
        Products of slack and multiplier.
    follower_gap : float
        Cost of a follower's response above its re-solved optimum.
    optimality : float
        Relative gap between the leader's objective and the solver's bound.

    Examples
    --------
    A point that violates a row by 5e-6, held against the usual 1e-6, and against more.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("row")
    >>> x = m.var("x", lb=0, ub=1)
    >>> half = m.add(x <= 0.5, name="half")
    >>> print(kg.verify(m, [0.500005]).claim)
    unverified
    >>> print(kg.verify(m, [0.500005], tolerances=kg.Tolerances(feasibility=1e-5)).claim)
    bilevel-feasible
    """

    feasibility: float = 1e-6
    complementarity: float = 1e-6
    follower_gap: float = 1e-6
    optimality: float = 1e-4


@dataclass(frozen=True)
class Line:
    """One checked condition.

    Parameters
    ----------
    name : str
        For example ``stationarity(vpp1)`` or ``leader rows``.
    value : float
        Largest scaled residual.
    tolerance : float
    where : str
        The row, column or pair it occurs at; empty when the residual is zero.
    ok : bool
        ``value <= tolerance``.
    follower : str
        The follower it is about; empty for the leader.
    amount : float
        The same in the units of the row or column: a violation, a product of slack and multiplier.
    counts : bool
        False when the condition is reported but the claim does not rest on it, for example multipliers that a point
        does not carry and the leader does not use.
    """

    name: str
    value: float
    tolerance: float
    where: str = ""
    ok: bool = True
    follower: str = ""
    counts: bool = True
    amount: float = math.nan

    @property
    def kind(self) -> str:
        """The name without the follower."""
        return self.name.removesuffix(f"({self.follower})") if self.follower else self.name

    @property
    def verdict(self) -> str:
        """``ok``, ``FAILS``, or ``no`` for a condition that fails without counting."""
        return "ok" if self.ok else "FAILS" if self.counts else "no"

    @property
    def place(self) -> str:
        """Where the residual stands, with the violation in the row's own units."""
        own = self.amount if self.value > 0 and math.isfinite(self.amount) else 0.0
        return f"{self.where}: {own:.1e} in its units" if own and self.where else self.where

    @property
    def excess(self) -> float:
        """Residual in units of the tolerance."""
        return self.value / self.tolerance if self.tolerance > 0 else math.inf if self.value > 0 else 0.0


@dataclass(frozen=True)
class Carrier:
    """A variable that differs between the best and the worst tie: its name and its two values."""

    name: str
    best: float
    worst: float

    def __str__(self) -> str:
        best, worst = (round(value, 9) + 0.0 for value in (self.best, self.worst))  # no -4e-16
        return f"{self.name} {best:.4g} -> {worst:.4g}"


@dataclass(frozen=True, eq=False)
class Range:
    """The leader's value at one decision, as the followers break their ties for it or against it.

    Parameters
    ----------
    best, worst : float
        In the user's sense, the leader's recourse (its columns no follower sees) chosen after the followers. The worst
        is among the ties that satisfy the leader's rows. Infinite where there is no limit.
    best_point, worst_point : ndarray (n,) or None
        Points of the problem with these values; None where the value is infinite.
    ties_feasible : bool or None
        Whether every tie satisfies the leader's rows, with some recourse; None where that is not known.
    row : str
        A leader's row that a tie violates, empty where none is known.
    violation : float
        By how much, over ``max(1, |side|)``.
    carriers : tuple of Carrier
        Followers' variables and prices that differ most between the two points.
    tolerance : float
        Multipliers and slacks up to this (scaled, see :mod:`kktgen.verification.ties.face`) count as zero.
    excess : float
        Largest cost of a follower at the two points above its cost at the verified point, relative.
    note : str
        What is not exact about the range; empty otherwise.
    """

    best: float
    worst: float
    best_point: np.ndarray | None
    worst_point: np.ndarray | None
    ties_feasible: bool | None
    row: str
    violation: float
    carriers: tuple[Carrier, ...]
    tolerance: float
    excess: float
    note: str = ""

    @property
    def width(self) -> float:
        """Distance between best and worst value."""
        return abs(self.best - self.worst)

    def to_dict(self) -> dict[str, Any]:
        """Return the range as plain data, the points left out."""
        return {
            "best": _plain(self.best), "worst": _plain(self.worst), "ties_feasible": self.ties_feasible,
            "row": self.row, "violation": _plain(self.violation), "carriers": [asdict(c) for c in self.carriers],
            "tolerance": self.tolerance, "excess": _plain(self.excess), "note": self.note,
        }  # fmt: skip

    def __str__(self) -> str:
        rows = {True: "every tie satisfies the leader's rows", None: "not known whether every tie satisfies the rows"}
        broken = f"a tie violates {self.row or 'the rows'} by {self.violation:.3g}"
        out = [
            f"best {self.best:.10g}, worst {self.worst:.10g} as the followers break their ties",
            rows.get(self.ties_feasible, broken),
        ]
        if self.carriers:
            out.append("carried by " + ", ".join(map(str, self.carriers)))
        out.append(f"ties: multipliers and slacks up to {self.tolerance:.0e}; follower costs within {self.excess:.1e}")
        return "\n".join([*out, *([self.note] if self.note else [])])


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of :func:`kktgen.verify`.

    Parameters
    ----------
    name : str
        Name of the problem.
    lines : tuple of Line
        Every condition, for every follower.
    claim : str
        One of ``CLAIMS``.
    ok : bool
        Whether the point is bilevel-feasible within the tolerances.
    value : float or None
        The leader's original objective at the point, in the user's sense; 0 where nobody optimises the whole.
    bound, gap : float or None
        The solver's bound in the same sense, and ``|bound - value| / max(size, |value|)``.
    reasons : tuple of str
        Why not a higher claim, what the claim rests on, the evidence used.
    tolerances : Tolerances
    range : Range or None
        Best and worst value at the same decision of the leader, where it was asked for and could be computed.
    size : float
        What counts as 1 in the objective: its unit (1 in problems of ordinary numbers), at most the sum of the sizes of
        its terms at the point.
    attained : bool or None
        With the claims ``optimal`` and ``pessimistic optimal``: True where the problem has a point of exactly the
        optimal value, None where that is not known and there may be an infimum alone
        (:func:`kktgen.verification.attained.attained`).
    unit : str
        What the objective is counted in; empty where nobody said.

    See Also
    --------
    kktgen.verify : Returns one.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> report = kg.optimize(m).report
    >>> print(report.claim, report.ok, f"{report.value:.2f} {report.bound:.2f} {report.gap:.4f}")
    optimal True 2.00 2.00 0.0000
    >>> for reason in report.reasons:
    ...     print(reason)
    pairs encoded: BigM (2, proved)
    every multiplier and slack lies in a proved box
    >>> report.failing
    ()
    >>> report.figures[0], len(report.shown[0])
    ('objective  2', 6)
    """

    name: str
    lines: tuple[Line, ...]
    claim: str
    ok: bool
    value: float | None
    bound: float | None
    gap: float | None
    reasons: tuple[str, ...]
    tolerances: Tolerances
    range: Range | None = None
    attained: bool | None = None
    size: float = 1.0
    unit: str = ""

    def __getitem__(self, name: str) -> Line:
        """Return the line of a name, e.g. ``report["stationarity(vpp1)"]``."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(f"no line {name!r}; there are {', '.join(line.name for line in self.lines[:20])}")

    @property
    def failing(self) -> tuple[Line, ...]:
        """The lines that are not ok, worst first."""
        return tuple(sorted((line for line in self.lines if not line.ok), key=lambda line: -line.excess))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data that JSON can hold (numbers that are not finite become None).

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> data = kg.verify(m, kg.search.respond(m, [1.0])).to_dict()
        >>> data["claim"], data["ok"], [line["name"] for line in data["lines"]][:2]
        ('bilevel-feasible', True, ['leader bounds', 'stationarity(driver)'])
        """
        return {
            "name": self.name, "claim": self.claim, "ok": self.ok, "value": _plain(self.value),
            "bound": _plain(self.bound), "gap": _plain(self.gap), "size": _plain(self.size), "attained": self.attained,
            "unit": self.unit,
            "range": None if self.range is None else self.range.to_dict(),
            "tolerances": asdict(self.tolerances), "reasons": list(self.reasons),
            "lines": [{**vars(c), "value": _plain(c.value), "amount": _plain(c.amount)} for c in self.lines],
        }  # fmt: skip

    @property
    def _unit(self) -> str:
        return f" ({self.unit})" if self.unit else ""

    def __repr__(self) -> str:
        return f"Report({self.name!r}, {self.claim}, {len(self.lines)} conditions, {len(self.failing)} failing)"

    def _repr_html_(self) -> str:
        return report_html(self)

    @property
    def bracket(self) -> tuple[float, float] | None:
        """Between which values the pessimistic optimum lies, where the report says: a worst value and a bound.

        The worst value at a decision where every tie satisfies the leader's rows, and a bound that was proved: that of
        an optimum, which no pessimistic value beats, or the one of a pessimistic problem.

        Examples
        --------
        At a toll of 2 the driver may as well take the detour; tolls below 2 are worth almost 2 for sure.

        >>> import kktgen as kg
        >>> m = kg.Bilevel("toll")
        >>> toll = m.var("toll", lb=0, ub=3)
        >>> driver = m.follower("driver")
        >>> road = driver.var("road", lb=0, ub=1)
        >>> driver.minimize(toll @ road - 2 * road)
        >>> m.maximize(toll @ road)
        >>> print(kg.optimize(m, range=True).report.bracket)
        (0.0, 2.0)
        """
        ties, told = self.range, self.claim in ("optimal", BRACKET, PESSIMISTIC)
        if ties is None or self.bound is None or not told or ties.note or ties.ties_feasible is not True:
            return None
        if not math.isfinite(ties.worst):
            return None
        return min(ties.worst, self.bound), max(ties.worst, self.bound)

    @property
    def shown(self) -> tuple[list[Line], int]:
        """The lines that are printed, and how many are not."""
        return _shown(self.lines)

    @property
    def figures(self) -> list[str]:
        """Objective, bound and gap in words, as far as they are known."""
        whole = self.size if self.value is None else max(self.size, abs(self.value))
        of = f" of {whole:.2g}" if whole < 1 else ""
        told = self.claim != EQUILIBRIUM  # nobody has an objective there
        parts = [
            f"objective  {self.value:.10g}{self._unit}" if told and self.value is not None else None,
            f"bound      {self.bound:.10g}{self._unit}" if told and self.bound is not None else None,
            None if self.gap is None else f"gap        {self.gap:.1e}{of}  tolerance {self.tolerances.optimality:.0e}",
        ]
        return [part for part in parts if part is not None]

    def __str__(self) -> str:
        shown, left = self.shown
        table = [("condition", "residual", "tolerance", "", "where")]
        table += [(c.name, f"{c.value:.1e}", f"{c.tolerance:.0e}", c.verdict, c.place) for c in shown]
        widths = [max(len(row[k]) for row in table) for k in range(4)]
        out = [f"{self.name}: {self.claim}"]
        a, b, c, d = widths
        out += [f"  {r[0]:<{a}}  {r[1]:>{b}}  {r[2]:>{c}}  {r[3]:<{d}}  {r[4]}".rstrip() for r in table]
        if left:
            out.append(f"  ... {left} more lines")
        out += [f"  {line}" for line in self.figures]
        if self.range is not None:
            first, *more = str(self.range).splitlines()
            out += [f"  range      {first}{self._unit}", *(f"             {text}" for text in more)]
        if implied(self):
            out.append(f"             {implied(self)}")
        out.append(f"  claim      {self.claim}{_interval(self) if self.claim == BRACKET else ''}")
        if unattained(self):
            out.append(f"  attained   {unattained(self)}")
        return "\n".join(out + [f"    - {reason}" for reason in self.reasons])


def _interval(report: Report) -> str:
    """Return the bracket of a report in words."""
    if report.bracket is None:
        return ""
    low, high = report.bracket
    return f" [{low:.10g}, {high:.10g}]"


def implied(report: Report) -> str:
    """Return what an optimistic report says of the pessimistic optimum, in words; empty where it says nothing."""
    if report.bracket is None or report.claim != "optimal":
        return ""
    return f"so the pessimistic optimum lies in{_interval(report)}"


def unattained(report: Report) -> str:
    """Return what is known of whether a decision has the optimal value, in words; empty where one has."""
    moved = INFIMUM in report.reasons
    if moved and report.claim == "bilevel-feasible" and report.value is not None and report.bound is not None:
        low, high = sorted((report.bound, report.value))
        return f"not known: the infimum or supremum lies in [{low:.10g}, {high:.10g}]"
    if report.attained or report.claim not in ("optimal", PESSIMISTIC):
        return ""
    if report.claim == PESSIMISTIC:
        return "not known: decisions near this one may have better worst values, and perhaps none has the best"
    why = "an integer follower's rows are moved" if moved else "columns have no bounds"
    return f"not known, as {why}: the optimum may be an infimum"


def _shown(lines: Iterable[Line]) -> tuple[list[Line], int]:
    """Return the lines to print and the number left out.

    With many followers: the leader's lines, of every kind the worst follower, and the worst failing ones.
    """
    lines = list(lines)
    followers = {line.follower for line in lines if line.follower}
    if len(followers) <= SHOWN:
        return lines, 0
    worst: dict[str, Line] = {}
    for line in lines:
        if line.follower and (line.kind not in worst or line.excess > worst[line.kind].excess):
            worst[line.kind] = line
    chosen = {id(line) for line in worst.values()}
    failing = sorted((line for line in lines if line.follower and not line.ok), key=lambda line: -line.excess)
    chosen |= {id(line) for line in failing[:SHOWN]}
    shown = [line for line in lines if not line.follower or id(line) in chosen]
    return shown, len(lines) - len(shown)


def _plain(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
