"""Whether optimal responses satisfy the leader's rows, and whether its objective is bounded over them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...deadline import OutOfTime
from ...model.model import Model
from ...problem.columns import labels
from ...reformulate.bounds import bound
from ...reformulate.eliminate import eliminate
from ...verification import boundedness
from ...verification.verify import verify
from . import endless
from .attained import attainment
from .case import NAMED, Case
from .conflict import VIOLATED, linear_part
from .coupling import CLOSED, Elastic, alone, irreducible, least_violation
from .explanation import SHOWN, ConflictingRow, Explanation
from .parts import scope
from .rays import MissingResponse, gaps

TRY_SECONDS = 5.0
"""Seconds for a first look at the coupling rows, without heuristics for a start point."""
GAP_SECONDS, GAPS_SECONDS = 3.0, 10.0
"""Seconds for each search for a decision at which a follower has no response, and for all of them."""


def answers(case: Case) -> Explanation:
    """Return whether some optimal response satisfies the leader's coupling rows."""
    every = np.arange(len(case.coupling))
    out = least_violation(case.bilevel, case.coupling, every, case.solver, case.deadline.check().part(TRY_SECONDS))
    if out.status == "open":
        out = least_violation(case.bilevel, case.coupling, every, case.solver, case.deadline, start=True)
    if out.status == "none":
        return case.say(
            "no_response", "the followers have no joint response (equilibrium) at any decision of the leader",
            *out.why[:1], follower=", ".join(case.names),
        )  # fmt: skip
    if out.status == "breaks":
        return _breaks(case, out)
    if out.status == "meets" and out.z is not None:
        report = verify(case.bilevel, out.z, time_limit=case.deadline.last().left())
        if report.ok:
            return _feasible(case, out.z)
        return case.unknown(f"a point that meets the coupling rows fails verification: {report.reasons[0]}")
    between = f"the least violation of the coupling rows lies in [{out.bound:.6g}, {case.units.total(out.value)}]"
    return case.unknown(between if out.z is not None else f"no response was found; {' '.join(out.why[:1])}")


def _breaks(case: Case, out: Elastic) -> Explanation:
    kept, sure = irreducible(case.bilevel, case.coupling, case.solver, case.deadline)
    gives = np.full(len(case.coupling), np.nan) if out.z is None else out.gives
    broken = np.flatnonzero((np.nan_to_num(gives) > VIOLATED) & ~np.isin(np.arange(len(gives)), kept))
    order = np.concatenate([kept, broken])
    names, says, unit = case.units.describe(case.model, case.coupling.take(order))
    own = np.full(len(order), np.nan)
    own[: len(kept)] = alone(case.bilevel, case.coupling, kept, case.solver, case.deadline)
    witness = tuple(
        ConflictingRow(*one, in_conflict=j < len(kept))
        for j, one in enumerate(zip(names, says, (own * unit).tolist(), (gives[order] * unit).tolist(), strict=True))
    )
    least = out.bound
    sentences = ["followers respond, but every optimal response to every decision breaks a coupling row"]
    if out.z is not None:
        closed = out.value - out.bound <= CLOSED * max(1.0, out.value)
        least = out.value if closed else out.bound
        beaten = "is" if closed else f"is at least {out.bound:.6g} (proved) and at most"
        sentences.append(f"the least total violation of the coupling rows {beaten} {case.units.total(out.value)}")
        sentences.append(f"it occurs at {case.decision(out.z)}, where the response is {case.response(out.z)}")
    else:
        sentences.append(f"the least total violation is proved to be at least {case.units.total(out.bound)}")
    if not sure:
        sentences.append("the coupling rows shown may not all be needed")
    return case.say(
        "coupling_infeasible", *sentences, witness=witness, irreducible=sure, least=least,
        point=None if out.z is None else case.units.point(out.z),
        notes=tuple(_gaps(case)),
    )  # fmt: skip


def _feasible(case: Case, z: np.ndarray) -> Explanation:
    """Return that there is a point, with what is known of the leader's objective."""
    what = "an equilibrium" if case.mpec.equilibrium else "bilevel-feasible"
    where, point = f"{what}, verified: {case.decision(z)}", case.units.point(z)
    if case.mpec.equilibrium:
        return case.say("feasible", where, bounded=True, point=point)
    model = eliminate(case.mpec)
    try:
        goal = _goal(case, model, z)
    except OutOfTime:
        goal = _Goal(None, "the time limit is used up")
    if goal.direction is not None:
        return _endless(case, goal.direction)
    notes = tuple(_gaps(case))
    if not goal.bounded:
        how = f"whether the leader's objective is bounded is open: {goal.how}"
        return case.say("feasible", where, how, point=point, notes=notes)
    how = f"the leader's objective is bounded: {goal.how}"
    out = case.say("feasible", where, how, bounded=True, point=point, notes=notes)
    with contextlib.suppress(OutOfTime):
        attained = attainment(
            goal.model or model, z, case.deadline.check(), solver=case.solver, unit=case.units.objective
        )
        out = replace(out, attained=attained)
    return out


class _Goal(NamedTuple):
    """Whether the leader's objective is bounded (None: open), why, the direction when it is not, the model used."""

    bounded: bool | None
    how: str
    direction: endless.Direction | None = None
    model: Model | None = None


def _goal(case: Case, model: Model, z: np.ndarray) -> _Goal:
    """Return what is known of the objective over bilevel-feasible points, z being one of them."""
    bounded = boundedness.relaxation_is_bounded(case.model, case.deadline.check())
    if bounded:
        return _Goal(True, "that of the high-point relaxation is")
    loose = f"that of the high-point relaxation is {'unbounded' if bounded is False else 'not shown to be'}"
    if boundedness.relaxation_is_bounded(model, case.deadline.check()):
        return _Goal(True, f"{loose}; that of the relaxation of complementarity is bounded")
    found = endless.piece_direction(model, z, case.deadline.check())
    if found is not None and _holds(case, found):
        return _Goal(False, loose, found)
    model = bound(model, time_limit=case.deadline.check().left())
    done, step = boundedness.fall(model, case.solver, case.deadline)
    if done:
        how = f"{loose}; no piece of the points has a direction along which it falls (by {case.solver})"
        return _Goal(True, how, model=model)
    if step is not None:
        found = endless.confirmed(model, z, step) or endless.anchored(model, case.solver, case.deadline)
    found = found if found is not None and _holds(case, found) else None
    return _Goal(None if found is None else False, f"{loose}; no direction was found or excluded", found, model)


def _holds(case: Case, direction: endless.Direction) -> bool:
    """Return whether points along a direction are verified, followers re-solved."""
    n = case.mpec.n
    points = [direction.z[:n] + t * direction.d[:n] for t in (0.0, 1.0, 1e3)]
    return all(verify(case.bilevel, z, time_limit=case.deadline.check().left()).ok for z in points)


def _endless(case: Case, direction: endless.Direction) -> Explanation:
    space, d = case.model.space, direction.d[: case.model.n]
    at = np.flatnonzero(d)
    names = labels(space.blocks, at)
    words = ["the leader's objective improves without end over bilevel-feasible points"]
    grow = np.flatnonzero(space.is_price[at])
    if len(grow) == len(at):
        words.append(
            f"the leader's prices are unbounded: {', '.join(names[:NAMED])}; bound them by a row of the leader, or "
            "make the follower's active rows independent"
        )
    else:
        own = [name for name, c in zip(names, at, strict=True) if space.role[c] in ("leader", "follower")]
        words.append(f"variables that go to infinity: {', '.join(own[:SHOWN])}; bound them")
    step, slope = case.units.direction(at, d[at], direction.slope, case.units.objective)
    words.append(
        f"checked: from {case.decision(direction.z)} the points along the direction below satisfy every row and "
        f"condition, and the objective changes by {case.model.sense * slope:.6g} a unit"
    )
    return case.say(
        "leader_unbounded", *words, ray=tuple(zip(names, step.tolist(), strict=True)), slope=slope,
        bounded=False, point=case.units.point(direction.z[: case.model.n]),
    )  # fmt: skip


def _gaps(case: Case) -> list[str]:
    """Return notes on decisions at which some follower has no response, as far as they are found in time."""
    out: list[str] = []
    with contextlib.suppress(OutOfTime):
        deadline = case.deadline.check().part(GAPS_SECONDS)
        part = linear_part(scope(case.model, (), False))
        part.space.kind[:] = case.model.space.kind
        for k, name in enumerate(case.names):
            assert case.mpec.kkt is not None
            if case.mpec.kkt.conditions[k]:
                continue
            if case.mpec.kkt.systems[k].varying is not None:
                kind = "curved" if case.mpec.kkt.systems[k].curved else "nonconvex"
                out.append(f"follower {name!r} has {kind} rows: no decision without a response was looked for")
                continue
            qp = case.mpec.kkt.qp(k)
            if qp.nx:
                found = gaps(part, qp, case.solver, deadline.check().part(GAP_SECONDS))
                out += [_gap(case, name, qp.x, one) for one in found]
    return out


def _gap(case: Case, name: str, columns: np.ndarray, gap: MissingResponse) -> str:
    where = case.at(columns, gap.x)
    if gap.why == "infeasible":
        return f"follower {name!r} has no feasible point at {where}: its rows lack {case.units.total(gap.amount)} there"
    return f"the cost of follower {name!r} has a direction of fall at {where}"
