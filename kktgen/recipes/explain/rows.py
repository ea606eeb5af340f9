"""Contradictions of the rows alone, and followers without any optimal response."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...errors import SolverError
from ...model.model import Model
from .case import Case
from .conflict import Conflict, conflict, is_linear, point_of
from .explanation import ConflictingRow, Explanation
from .parts import followers_in, scope, with_conditions
from .rays import Ray, ray_at, uniform_ray
from .sides import BOUND, ROW


def rows(case: Case) -> Explanation | None:
    """Return the contradiction of the rows alone, when there is one."""
    feasible, _ = point_of(case.model, case.solver, case.deadline.check())
    if feasible:
        case.excluded.append("the rows of the leader and the followers contradict one another")
        return None
    if feasible is None:
        return case.unknown(f"{case.solver} found no point of the high-point relaxation, and no proof against it")
    case.excluded.append("feasible: the rows of the leader and the followers have no point")
    parts = [("leader", "", scope(case.model, (), False))]
    parts += [("one", name, scope(case.model, (name,), False)) for name in case.names]
    parts += [("followers", "", scope(case.model, case.names, False)), ("all", "", case.model)]
    for whose, name, part in parts:
        try:
            found = conflict(part, case.solver, case.deadline)
        except SolverError:
            found = None
        if found is not None:
            return _contradiction(case, whose, name, part, found)
    return case.unknown("the high-point relaxation is infeasible, but no contradiction of its rows was found")


def _contradiction(case: Case, whose: str, name: str, part: Model, found: Conflict) -> Explanation:
    """Return the contradiction of a part: of the leader, of one follower, of the followers, or of all."""
    who = name
    if whose == "followers":
        owners = part.space.owner[found.members.index[found.members.family == BOUND]]
        held = {*followers_in(part, found.members.index[found.members.family == ROW])}
        held |= {case.names[k] for k in np.unique(owners[owners >= 0])}
        who = ", ".join(one for one in case.names if one in held)
    sentences = [_whose(whose, who)]
    if not found.linear:
        sentences.append(_discrete(part))
    if not np.isnan(found.least):
        sentences.append(
            f"the least total violation of the rows and bounds looked at is {case.units.total(found.least)}"
        )
    sentences.append(
        f"proved by {found.proof}" + ("" if found.irreducible else "; the rows shown may not all be needed")
    )
    return case.say(
        "follower_infeasible" if whose in ("one", "followers") else "high_point_infeasible", *sentences, follower=who,
        witness=_witness(case, part, found), irreducible=found.irreducible,
        least=None if np.isnan(found.least) else found.least,
    )  # fmt: skip


def _whose(whose: str, who: str) -> str:
    return {
        "leader": "the leader's own rows and bounds contradict one another, whatever the followers do",
        "one": f"follower {who!r} has no feasible point at any decision the leader may take",
        "followers": f"at no decision of the leader do all followers have a feasible point: those of {who} contradict",
        "all": "the leader's and the followers' rows contradict one another before anybody is optimal: the followers "
        "have points at some decision, none of them satisfies the leader's coupling rows",
    }[whose]


def _discrete(part: Model) -> str:
    words = {"int": "integrality", "sos1": "sets", "indicator": "indicators", "qrow": "quadratic rows",
             "qrow_nonconvex": "quadratic rows"}  # fmt: skip
    there = dict.fromkeys(words[key] for key in sorted(part.features) if key in words)
    return f"without {' and '.join(there)} these rows have a point"


def responses(case: Case) -> Explanation | None:
    """Return the follower that is unbounded wherever it is feasible, or followers that never respond together."""
    for k, name in enumerate(case.names):
        found = _unbounded(case, k, name)
        if found is not None:
            return found
    if not case.names:
        return None
    part = with_conditions(scope(case.model, case.names, False), case.mpec, case.names)
    feasible, _ = point_of(part, case.solver, case.deadline.check())
    if feasible:
        case.excluded.append("followers without an optimal response at every decision, one by one")
    return _no_response(case, part) if feasible is False else None


def _unbounded(case: Case, k: int, name: str) -> Explanation | None:
    assert case.mpec.kkt is not None
    if case.mpec.kkt.conditions[k]:
        return None  # nobody responds
    if case.mpec.kkt.systems[k].varying is not None:
        return None  # its directions of fall depend on the decision
    qp, part = case.mpec.kkt.qp(k), scope(case.model, (name,), False)
    ray = uniform_ray(part, qp, case.deadline)
    if ray is not None:
        where = "at every decision at which it has a feasible point"
        how = "exactly" if ray.residual == 0 else f"within {ray.residual:.0e}"
        return _falls(case, name, ray, where, f"checked: P d = 0, A d = 0, G d <= 0 {how}, (q + Q x)'d < 0 for all x")
    if is_linear(part):
        return None
    whole = with_conditions(part, case.mpec, (name,))
    if point_of(whole, case.solver, case.deadline.check())[0] is not False:
        return None
    _, z = point_of(part, case.solver, case.deadline.check())
    ray = None if z is None else ray_at(part, qp, z[qp.x], case.deadline)
    if ray is None or z is None:
        return None
    where = "at every decision at which it has a feasible point, in a direction that depends on the decision"
    return _falls(case, name, ray, where, f"by {case.solver}; shown for {case.at(qp.x, z[qp.x])}")


def _falls(case: Case, name: str, ray: Ray, where: str, how: str) -> Explanation:
    values, slope = case.units.direction(ray.columns, ray.values, ray.slope, case.units.cost(case.names.index(name)))
    return case.say(
        "follower_unbounded", f"the cost of follower {name!r} falls without end {where}",
        f"along the direction below it changes by {slope:.6g} a unit or less; bound these variables, or give "
        "them a cost", f"proved {how}" if how.startswith("by") else how,
        follower=name, ray=replace(ray, values=values).named(case.model), slope=slope,
    )  # fmt: skip


def _no_response(case: Case, part: Model) -> Explanation:
    found = conflict(part, case.solver, case.deadline)
    head = "at no decision do all followers have a solution of their optimality conditions together"
    if case.mpec.space.conditions:
        head = "no point satisfies all complementarity conditions and followers' optimality conditions together"
    if found is None:
        return case.say("no_response", head, f"proved by {case.solver}", follower=", ".join(case.names))
    names = followers_in(part, found.members.index[found.members.family == ROW])
    return case.say(
        "no_response", head, "complementarity is not even needed for the contradiction", follower=", ".join(names),
        witness=_witness(case, part, found), irreducible=found.irreducible,
    )  # fmt: skip


def _witness(case: Case, part: Model, found: Conflict) -> tuple[ConflictingRow, ...]:
    names, says, unit = case.units.describe(part, found.members)
    inside = zip(names, says, (found.alone * unit).tolist(), (found.gives * unit).tolist(), strict=True)
    names, says, unit = case.units.describe(part, found.others)
    alone = [np.nan] * len(names)
    outside = zip(names, says, alone, (found.other_gives * unit).tolist(), strict=True)
    return (*(ConflictingRow(*one) for one in inside), *(ConflictingRow(*one, in_conflict=False) for one in outside))
