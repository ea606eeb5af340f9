"""Check a point of a problem with integer followers: rows, integers, and every follower's program solved again.

Lines are those of :mod:`kktgen.verification.residuals` but for the followers' KKT conditions, in whose place stands
``follower gap``: with f* the optimum of the follower's mixed-integer program at the point's decision (its rows elastic
by what the point violates them, at most the tolerance), ``(f(y) - f*) / max(1, |f(y)|, sum_j |q_j y_j|, 1/2 y'P y)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..errors import KktgenError
from ..model.fingerprint import other_problem
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.solution import Solution
from ..model.spread import SMALL
from ..model.units import spans
from ..problem.bilevel import Bilevel
from ..problem.columns import labels
from ..problem.points import declared_point
from ..reformulate.responses.assembled import STAGE
from ..reformulate.responses.parts import Part
from ..reformulate.responses.stated import Stated, stated
from ..reformulate.scale import scaled
from . import claims
from .mixed import continued, mixed, value
from .refutation import VerifiedPoint, gap, origin
from .report import INFIMUM, Line, Report, Tolerances
from .residuals import leader_lines, line, row_scale
from .solved_model import cuts, open_indicators

RESPONSES = "responses"
"""Key of ``Solution.raw`` for the sentences that say what the bound of an enumeration rests on."""
OPEN_RESPONSES = "open responses"
"""Key of ``Solution.raw`` for the sentences that say why the bound of an enumeration proves nothing."""
PLAIN = "a plain point brings no bound and no encoding: at most bilevel-feasible"
"""Why a plain point is not called optimal."""
MASTER = "the bound is that of a master over responses, a relaxation of the problem"
"""What the bound of a master that was solved by itself rests on."""


def verify_integers(
    bilevel: Bilevel, solution: Any, tolerances: Tolerances, evidence: Sequence[Solution], executor: Executor | None,
    deadline: Deadline,
) -> Report:  # fmt: skip
    """Return the report of a point of a problem with integer followers; arguments as of :func:`kktgen.verify`."""
    own = stated(bilevel)
    model = own.free
    known = solution if isinstance(solution, Solution) else None
    ignored = [
        f"evidence of {origin(one)} ignored: another problem; {why}"
        for one in evidence if one is not known and (why := other_problem(model, one.model))
    ]  # fmt: skip
    if known is not None and (why := other_problem(model, known.model)):
        said = f"another problem: the model {known.solver} solved is not known to be this one; {why}"
        if known.z is None:
            return Report(bilevel.name, (), "unverified", False, None, None, None, (said,), tolerances)
        report = verify_integers(bilevel, known.z, tolerances, (), executor, deadline)
        return replace(report, reasons=(said, *(reason for reason in report.reasons if reason != PLAIN)))
    if known is not None and known.z is None:
        report = _without_point(model, known, tolerances)
    else:
        given = known.z if known is not None else declared_point(bilevel, solution, "verify")
        report = _of_point(own, given, known, tolerances, executor, deadline)
    return replace(report, reasons=(*report.reasons, *ignored))


def point_of(model: Model, given: Any, tolerances: Tolerances) -> tuple[np.ndarray, list[Line]]:
    """Return a point over the problem's columns with its integers rounded, and the first lines."""
    z, space, lines = np.array(given, dtype=float).ravel()[: model.n], model.space, []
    z[space.is_price] = 0.0
    bad = np.flatnonzero(~np.isfinite(z))
    if len(bad):
        return z, [line("finite values", len(bad), 0.0, space.label(int(bad[0])))]
    whole = np.flatnonzero(space.kind != "C")
    off = np.abs(z[whole] - np.round(z[whole]))
    at = int(np.argmax(off)) if len(off) else 0
    if len(whole):
        name = labels(space.blocks, whole[[at]])[0] if off[at] > 0 else ""
        lines.append(line("integrality", off[at], tolerances.feasibility, name))
    near = whole[off <= tolerances.feasibility]
    z[near] = np.round(z[near])
    return z, lines


def _of_point(
    own: Stated, given: Any, known: Solution | None, tolerances: Tolerances, executor: Executor | None,
    deadline: Deadline,
) -> Report:  # fmt: skip
    model, parts = own.free, own.parts
    z, lines = point_of(model, given, tolerances)
    if not all(found.ok for found in lines if found.name == "finite values"):
        said = f"the point is not finite at {lines[0].where}"
        return Report(model.name, tuple(lines), "unverified", False, None, None, None, (said,), tolerances)
    lines += leader_lines(scaled(model), z, tolerances)
    at, costs = own.point(z), [own.cost(part) for part in parts]
    lines += [_feasible(own, part, at, tolerances) for part in parts]
    run = map if executor is None else executor.map
    jobs = [(part.name, part.qp, part.whole, at, tolerances, deadline) for part in parts]
    lines += [_times(found, cost) for found, cost in zip(run(_gap, jobs), costs, strict=True)]
    value, size = model.value(z), objective_size(model, z)
    lines += [found for part in parts if (found := _worth(own, part, at, tolerances, deadline)) is not None]
    bound = None if known is None else claims.usable(known.bound)
    failing = sorted((c for c in lines if not c.ok), key=lambda c: -c.excess)
    if failing:
        why = tuple(f"{c.name}: {c.value:.1e} exceeds {c.tolerance:.0e} ({c.where})" for c in failing[:6])
        return Report(model.name, tuple(lines), "unverified", False, value, bound, None, why, tolerances,
                      unit=model.unit)  # fmt: skip
    against: list[str] = [PLAIN]
    rests: list[str] = []
    if known is not None:
        small = [(part, cost) for part, cost in zip(parts, costs, strict=True) if 0 < part.spread < SMALL]
        against, rests = _judged(model, known, value, size, tolerances)
        against = [*against, *spans(model.units), *(_small(part, cost) for part, cost in small)]
    moves = any(part.is_moved and not part.is_lattice for part in parts)
    claim = "bilevel-feasible" if against else "optimal"
    if moves and known is not None:
        rests.append(INFIMUM)
    reached = True if claim == "optimal" and not moves else None
    return Report(
        model.name, tuple(lines), claim, True, value, bound, None if bound is None else gap(value, bound, size),
        (*against, *rests), tolerances, size=size, attained=reached, unit=model.unit,
    )  # fmt: skip


def _times(found: Line, cost: float) -> Line:
    """Return a line about a cost with its amount in the user's units."""
    return replace(found, amount=found.amount * cost)


def _feasible(own: Stated, part: Part, z: np.ndarray, tolerances: Tolerances) -> Line:
    """Return the line of the largest violation of a follower's rows at a point in own units."""
    rows = own.model.rows.take(_rows_of(own.model, part.name))
    value = rows.M @ z[: rows.M.shape[1]]
    scale = row_scale(rows.M, z[: rows.M.shape[1]])
    with np.errstate(invalid="ignore"):
        off = np.maximum(
            np.where(np.isfinite(rows.lo), (rows.lo - value) / np.maximum(scale, np.abs(rows.lo)), 0.0),
            np.where(np.isfinite(rows.hi), (value - rows.hi) / np.maximum(scale, np.abs(rows.hi)), 0.0),
        ).clip(0.0)  # fmt: skip
    at = int(np.argmax(off)) if len(off) else -1
    worst = float(off[at]) if len(off) else 0.0
    where = rows.label(at) if worst > 0 else ""
    theirs = own.free.rows.take(_rows_of(own.free, part.name))
    amount = float(theirs.residual(own.back(z))[at]) if len(off) else np.nan
    return line("primal", worst, tolerances.feasibility, where, part.name, amount=amount)


def _rows_of(model: Model, name: str) -> np.ndarray:
    out = np.zeros(len(model.rows), dtype=bool)
    for block in model.rows.blocks:
        out[block.start : block.stop] = block.role == "primal" and block.follower == name
    return out


def _gap(job: tuple[Any, ...]) -> Line:
    """Return the line ``follower gap`` of one follower."""
    name, qp, whole, z, tolerances, deadline = job
    y = z[qp.y]
    program = qp.at(z[qp.x], elastic=y)
    if not len(y):
        return line("follower gap", 0.0, tolerances.follower_gap, "", name)
    try:
        best = mixed(program, whole, deadline)
    except KktgenError as error:
        return line("follower gap", np.inf, tolerances.follower_gap, f"not re-solved: {error}", name)
    square, terms = 0.5 * float(y @ (program.P @ y)), program.q * y
    cost = value(program, y)
    size = max(1.0, abs(cost), float(np.abs(terms).sum()), abs(square))
    if best.status != "optimal":
        least = max(best.bound, -np.inf)
        proved = (cost - least) / size if np.isfinite(least) else np.inf
        if proved <= tolerances.follower_gap:
            return line("follower gap", max(proved, 0.0), tolerances.follower_gap, "", name)
        late = best.status == "time_limit"
        why = "not re-solved: the time was over before" if late else f"the follower is {best.status}"
        return line("follower gap", np.inf, tolerances.follower_gap, why, name)
    off = (cost - min(best.value, best.bound if np.isfinite(best.bound) else best.value)) / size
    where = "a better response is known" if off > 0 else ""
    return line("follower gap", max(off, 0.0), tolerances.follower_gap, where, name, amount=max(off, 0.0) * size)


def _small(part: Part, unit: float) -> str:
    """Return that a follower's costs are so small that tolerances hide what it prefers."""
    return (
        f"the cost of follower {part.name!r} varies by {part.spread * unit:.1e} at most, which tolerances of 1e-6 do "
        "not tell apart: state it in smaller units"
    )


def _worth(own: Stated, part: Part, z: np.ndarray, tolerances: Tolerances, deadline: Deadline) -> Line | None:
    """Return the line ``worth`` where the leader gains more than the gap by what a curved response is off.

    The continuous variables of the quadratic cost are put where the response with the same integers has them: near its
    lowest point a curved cost hardly tells a response from another that is worth more to the leader.
    """
    if not part.curved.any() or deadline.over:
        return None
    model = own.model
    y = z[part.qp.y]
    exact = continued(part.qp, part.whole, y, z[part.qp.x], deadline, elastic=True)
    if exact is None:
        return None
    other, at = z.copy(), part.qp.y[part.curved]
    other[at] = exact[part.curved]
    value = model.value(z)
    gain = -model.sense * (value - model.value(other))
    whole = max(1.0, abs(value))
    if gain <= tolerances.optimality * whole:
        return None
    most = int(at[np.argmax(np.abs(other[at] - z[at]))])
    here, there = own.back(z)[most], own.back(other)[most] + 0.0
    where = f"{model.space.label(most)}: {here:.6g}, re-solved {there:.6g}"
    return line("worth", gain / whole, tolerances.optimality, where, part.name, gain * own.objective)


def _judged(
    model: Model, known: Solution, value: float, size: float, tolerances: Tolerances
) -> tuple[list[str], list[str]]:
    """Return what speaks against ``optimal`` and what the claim rests on."""
    raw = known.raw or {}
    against = claims.refuted(model, known, [VerifiedPoint(value, size=size)], tolerances)
    against = against or claims.bound_faults(known, value, size, tolerances)
    if RESPONSES in raw:
        return [*against, *raw.get(OPEN_RESPONSES, ())], [*raw[RESPONSES]]
    if known.model.origin is not None and STAGE in known.model.origin.stages:
        against += [] if against else [*cuts(known.model), *open_indicators(known.model)]
        return against, [MASTER, *known.model.notes]
    if known.model.origin is not None:
        return against, ["the bound is that of the problem without its followers' optimality"]
    return [*against, PLAIN], []


def _without_point(model: Model, known: Solution, tolerances: Tolerances) -> Report:
    """Return the report of a solution without a point."""
    claim = "unverified"
    reasons = [f"no point to verify: {known.solver} ended with status {known.status!r}"]
    raw = known.raw or {}
    if known.status == "infeasible" and not raw.get(OPEN_RESPONSES):
        claim, reasons = "infeasible", [f"{known.solver} proved a master infeasible, which is a relaxation"]
    reasons += [*raw.get(OPEN_RESPONSES, ()), *raw.get(RESPONSES, ())]
    return Report(
        model.name, (), claim, False, None, claims.usable(known.bound), None, tuple(reasons), tolerances
    )  # fmt: skip
