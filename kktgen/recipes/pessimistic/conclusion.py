"""What may be claimed of a worst value, a bound and what they rest on, as a report and a result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ...model.shared import shared_kkt
from ...model.solution import Solution
from ...problem.bilevel import Bilevel
from ...problem.every_response import names_of
from ...verification.claims import usable
from ...verification.refutation import beats, gap
from ...verification.report import BRACKET, PESSIMISTIC, SHOWN, Report
from ...wording import first_names
from ..pipeline import Result

if TYPE_CHECKING:
    from .answer import Hunt

EXACTLY = 1e-9
"""Relative gap at which a decision is said to have the optimal value itself."""
NO_POINT = "no decision was found at which every response satisfies the leader's rows"
NONE_AT_ALL = (
    "no decision leaves responses that all satisfy the leader's rows at a finite worst value: a relaxation has no point"
)


@dataclass(frozen=True, eq=False)
class Pessimistic:
    """The pessimistic side of a :class:`kktgen.Result`.

    Parameters
    ----------
    value : float or None
        The worst value at the decision found, re-solved over all ties, in the user's sense.
    bound : float or None
        No decision has a worst value better than this.
    attained : bool or None
        True where some decision has the optimal value itself; None where that is not known: decisions near the one
        found may have better worst values, and perhaps none has the best.
    exact : bool
        Whether there is a problem whose optimum is the pessimistic one.
    problem : Bilevel or None
        The one whose optimum the bound is, as :func:`kktgen.pessimistic` returns it; None for the optimistic problem.
    solved, optimistic : Result or None
        Of that problem, and of the optimistic one.
    """

    value: float | None
    bound: float | None
    attained: bool | None
    exact: bool
    problem: Bilevel | None
    solved: Result | None
    optimistic: Result | None


def concluded(hunt: Hunt) -> Result:
    """Return what was found, and what may be claimed of it."""
    source = hunt.solved or hunt.optimistic
    assert source is not None
    none = next((one for one in (hunt.solved, hunt.optimistic) if one and one.report.claim == "infeasible"), None)
    if none is None:
        report = _report(hunt, source)
    else:
        report = replace(none.report, name=hunt.bilevel.name, reasons=(NONE_AT_ALL, *none.report.reasons))
    point = hunt.point if none is None else None
    bound = report.bound if none is None else None
    value, z = (None, None) if point is None else (point.value, point.z)
    found = source.solution
    raw = {"status": (found.raw or {}).get("status")}
    own = None if hunt.objective else bound  # a bound on worst values is none on the problem's own, optimistic ones
    solution = Solution(
        _status(hunt, report, source), value, own, z, hunt.deadline.spent, found.solver, shared_kkt(hunt.bilevel),
        nodes=found.nodes, raw=raw,
    )  # fmt: skip
    told = Pessimistic(
        value if hunt.objective else None, bound if hunt.objective else None, report.attained, hunt.exact,
        hunt.problem, hunt.solved, hunt.optimistic,
    )  # fmt: skip
    return Result(hunt.bilevel, source.model, solution, report, bound, seconds=hunt.seconds, pessimistic=told)


def _status(hunt: Hunt, report: Report, source: Result) -> str:
    """Return how the search ended, in the words of a solution."""
    if report.claim == "infeasible":
        return "infeasible"
    if report.claim in (PESSIMISTIC, "optimal"):
        return "optimal"
    known = source.solution.status
    if known == "time_limit" or hunt.deadline.over:
        return "time_limit"
    return known if hunt.point is None and known not in ("optimal", "infeasible") else "heuristic"


def _report(hunt: Hunt, source: Result) -> Report:
    """Return the report of the point found."""
    reasons, point, bound, tolerances = _reading(hunt), hunt.point, hunt.bound, source.report.tolerances
    if point is None:
        why = (NO_POINT, *hunt.against, *reasons)
        return Report(
            hunt.bilevel.name, (), "unverified", False, None, usable(bound), None, why, tolerances,
            unit=hunt.model.unit,
        )  # fmt: skip
    size = hunt.size(point)
    first = [f"the point is {point.origin}" + ("; its worst value is re-solved over all ties" * hunt.objective)]
    if bound is not None and beats(hunt.sense, point.value, bound, tolerances.optimality, size):
        first.insert(0, f"solver fault: a verified worst value, {point.value:.10g}, beats the bound {bound:.10g}")
        bound = None
    claim, distance, attained = "bilevel-feasible", None, None
    if bound is None:
        first.append(f"no bound was proved: {hunt.refused or 'the bound is beaten'}")
    else:
        distance = gap(point.value, bound, size)
        met = distance <= tolerances.optimality
        claim = (PESSIMISTIC if met else BRACKET) if hunt.objective else "optimal" if met else "bilevel-feasible"
        first += hunt.rests
        if not met and not hunt.objective:
            first.append(f"the gap {distance:.2e} between bound and value exceeds {tolerances.optimality:.0e}")
        if met:
            attained = True if distance <= EXACTLY or (hunt.exact and source.report.attained) else None
    return replace(
        point.report, claim=claim, value=point.value, bound=bound, gap=distance, reasons=(*first, *reasons),
        attained=attained, size=size,
    )  # fmt: skip


def _reading(hunt: Hunt) -> list[str]:
    """Return how the problem was read, in words."""
    m, out, loose = hunt.reading.bilevel, [], hunt.reading.loose
    if hunt.objective:
        names = [row.name for row in m.rows if hunt.reading.touched(row.M).any()]
        used = [(q.name, np.concatenate([q.quad.i, q.quad.j, q.quad.linear.indices])) for q in m.quads]
        names += [name for name, columns in used if loose[columns].any()]
    else:
        names = names_of(hunt.bilevel)
    if names:
        out.append(f"rows read for every response: {first_names(names, SHOWN)}")
    if hunt.reading.trouble:
        out.append(f"no exact form of the worst response: {hunt.reading.trouble}")
    elif hunt.reading.price:
        out.append(f"no exact form of the worst response: {hunt.reading.price} is a continuous price")
    return out
