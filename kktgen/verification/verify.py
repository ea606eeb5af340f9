"""Check a point against the bilevel problem itself, never trusting the solver that produced it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..errors import ProblemError, SolverError, UnsupportedError, expect
from ..model.fingerprint import other_problem
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.shared import shared_kkt
from ..model.solution import Solution
from ..model.units import spans
from ..problem.bilevel import Bilevel
from ..problem.columns import labels
from ..problem.complementarity import with_sides
from ..problem.every_response import decided_before
from ..problem.integers import has_integers
from ..problem.points import declared_point
from ..reformulate.scale import Scaled, scaled
from ..wording import first_names
from . import claims
from .attained import attained
from .followers import resolved, response_lines
from .integers import PLAIN, verify_integers
from .multipliers import with_prices
from .refutation import VerifiedPoint, gap, origin
from .report import EQUILIBRIUM, SHOWN, Line, Report, Tolerances
from .residuals import follower_lines, leader_lines, line
from .solved_model import AT_CONSTANT, at_constants, cutoff_faults, encoding_faults
from .ties.every_response import response_rows
from .ties.integer_range import with_integer_range
from .ties.value_range import span
from .worth import worth_lines

DEFAULT = Tolerances()
NOBODY = "nobody optimises the whole: the residuals of this point are all that an equilibrium asks for"
"""Why no bound stands behind an equilibrium."""
NO_EQUILIBRIUM = "no point satisfies all conditions: there is no equilibrium"
"""What ``infeasible`` means where nobody optimises the whole."""
NEEDS_MULTIPLIERS = ("stationarity", "dual", "complementarity")
"""Conditions that judge the multipliers of a point, not the response itself."""


def verify(
    bilevel: Bilevel,
    solution: Any,
    *,
    tolerances: Tolerances = DEFAULT,
    evidence: Sequence[Solution] = (),
    executor: Executor | None = None,
    range: bool = False,  # noqa: A002
    time_limit: float | None = None,
) -> Report:
    """Verify a point of a bilevel problem and say what may be claimed.

    Everything is computed from the problem, not from the model that was solved: the leader's rows, every
    follower's KKT conditions, and every follower's cost against its re-solved optimum at the point's parameters.
    Integer columns within tolerance are rounded first, so nothing hides behind a big constant times a binary that
    is almost zero.

    Parameters
    ----------
    bilevel : Bilevel
    solution : Solution, mapping, or numbers
        A solver's answer, whose model says how it was encoded; or a plain point, which is never called more than
        bilevel-feasible. So is the answer to another problem, for instance to this one before it was changed. A plain
        point is a mapping from variables, or their names (``"x"``, ``"market.g"``, or the label of a column), to
        values, by labels where both have some; the values of all variables in the order of declaration; or all columns
        z (what lies beyond them is ignored). NaN in multiplier columns means that the point has no multipliers: of
        followers whose multipliers somebody uses they are found by re-solving. Zeros in all of them mean the same, but
        not in what a solver found: that is a point of its model, or none.
    tolerances : Tolerances
        Scaled as stated in :mod:`kktgen.verification.residuals` and :mod:`kktgen.verification.followers`.
    evidence : sequence of Solution
        Further solutions of the same problem, by another encoding or another solver, that stand in for boxes on
        multipliers and slacks nobody could prove. Every bound, this solution's and theirs, is held against every
        point that verification accepts, theirs too: one that is beaten is reported, and what to do about it. A point
        refutes the word ``infeasible``. A heuristic's point is evidence of this kind alone. Solutions of another
        problem are left out, with a reason.
    executor : concurrent.futures.Executor, optional
        Re-solves the followers in parallel; serial by default.
    range : bool
        Also compute the leader's best and worst value at the same decision, as the followers break their ties
        (:class:`kktgen.verification.report.Range`, the report's ``range``); where that cannot be done a reason says
        why.
    time_limit : float, optional
        Seconds. A response that is not re-solved by then does not hold, and the claim is ``unverified``.

    Returns
    -------
    Report
        ``claim`` is

        * ``optimal``: verified, the solver's bound closes the gap against the original objective, every pair encoded
          exactly or with proved constants, every multiplier and slack between proved bounds (or agreeing evidence);
        * ``equilibrium verified``: nobody optimises the whole (:attr:`Bilevel.is_equilibrium`), all conditions hold;
        * ``bilevel-feasible``: all conditions hold. Where the leader uses no multipliers of a follower, the
          multipliers need not be in the point: feasibility and the re-solved optimum decide;
        * ``unverified``: some condition fails, or there is no point;
        * ``infeasible``: no point, and the solver proved infeasible a model that is the problem exactly.

    Raises
    ------
    ProblemError
        The point has fewer entries than the problem has columns, or is no array of numbers.
    SolverError
        The executor died.

    See Also
    --------
    kktgen.certify : The same in rational numbers, without tolerances.
    kktgen.robust : A decision nearby at which followers are not indifferent.

    Examples
    --------
    A point that no solver touched: toll 1 is bilevel-feasible, and 2.5 with the road still taken is not.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> print(kg.verify(m, kg.search.respond(m, [1.0])).claim)
    bilevel-feasible
    >>> z = kg.search.respond(m, [1.0])
    >>> z[toll.cols] = 2.5
    >>> report = kg.verify(m, z)
    >>> print(report.claim, sorted(line.name for line in report.failing))
    unverified ['follower gap(driver)', 'stationarity(driver)']

    The numbers a paper prints are enough.

    >>> print(kg.verify(m, {"toll": 1.5, "road": 1}).claim, kg.verify(m, [1.5, 0]).claim)
    bilevel-feasible unverified

    At the optimal toll 2 the driver is indifferent, which is worth 2 to the leader.

    >>> solution = kg.optimize(m).solution
    >>> ties = kg.verify(m, solution, range=True).range
    >>> print(f"{ties.best:.2f} {ties.worst:.2f}")
    2.00 0.00
    """
    expect(tolerances, Tolerances, "verify")
    deadline = Deadline(time_limit)
    if isinstance(bilevel, Bilevel) and has_integers(bilevel):
        report = verify_integers(bilevel, solution, tolerances, evidence, executor, deadline)
        return with_integer_range(bilevel, report, solution, deadline) if range and report.value is not None else report
    model = shared_kkt(bilevel)
    if not isinstance(solution, Solution):
        solution = declared_point(bilevel, solution, "verify")
    known = solution if isinstance(solution, Solution) else None
    mine, ignored = _sorted(model, known, evidence)
    why = "" if known is None else other_problem(model, known.model)
    if known is not None and why:
        report = _of_another(bilevel, known, why, tolerances, executor, deadline)
    elif known is not None and known.z is None:
        witnesses = _witnesses(bilevel, model, known, tolerances, mine, executor, deadline)
        report = _without_point(model, known, tolerances, mine, witnesses)
    else:
        report = _of_point(bilevel, model, solution, tolerances, mine, executor, deadline)
    report = replace(report, reasons=(*report.reasons, *ignored))
    return with_range(bilevel, report, solution, deadline) if range and report.value is not None else report


def _sorted(
    model: Model, known: Solution | None, evidence: Sequence[Solution]
) -> tuple[list[Solution], list[str]]:  # fmt: skip
    """Return the evidence that is of this problem, and why the rest is left out."""
    mine, ignored = [], []
    for other in evidence:
        why = "" if other is known else other_problem(model, other.model)
        if why:
            ignored.append(f"evidence of {origin(other)} ignored: another problem; {why}")
        else:
            mine.append(other)
    return mine, ignored


def _of_another(
    bilevel: Bilevel, solution: Solution, why: str, tolerances: Tolerances, executor: Executor | None,
    deadline: Deadline,
) -> Report:  # fmt: skip
    """Return the report of the answer to another problem: its point is judged as a plain one, nothing else counts."""
    said = f"another problem: the model {solution.solver} solved is not known to be this one; {why}"
    if solution.z is None:
        return Report(bilevel.name, (), "unverified", False, None, None, None, (said,), tolerances)
    report = verify(bilevel, solution.z, tolerances=tolerances, executor=executor, time_limit=deadline.left())
    return replace(report, reasons=(said, *(reason for reason in report.reasons if reason != PLAIN)))


def _of_point(
    bilevel: Bilevel, model: Model, solution: Any, tolerances: Tolerances, evidence: Sequence[Solution],
    executor: Executor | None, deadline: Deadline,
) -> Report:  # fmt: skip
    """Return the report of a point: a plain one, or a solution's of this problem."""
    known, view = solution if isinstance(solution, Solution) else None, scaled(model)
    z, absent, lines = _point(model, solution, tolerances)
    if known is None:
        absent &= ~_some_known(model, solution)
    found = _without_prices(model, solution) if known is None and model.kkt is not None else np.empty(0, dtype=int)
    z = _with_prices(view, z, found, deadline, solution)
    if known is None and model.kkt is not None:
        z = with_sides(bilevel, z)
    if not all(found.ok for found in lines if found.name == "finite values"):
        return Report(bilevel.name, tuple(lines), "unverified", False, None, None, None,
                      (f"the point is not finite at {lines[0].where}",), tolerances)  # fmt: skip
    lines += leader_lines(view, z, tolerances)
    notes: list[str] = []
    wrong: list[str] = []
    if model.kkt is not None:
        outcomes = resolved(view, z, executor, deadline)
        responses = response_lines(view, z, outcomes, tolerances.follower_gap)
        priced = model.kkt.priced
        for k, (conditions, response) in enumerate(zip(follower_lines(view, z, tolerances), responses, strict=True)):
            if model.kkt.conditions[k]:
                lines += conditions
                continue
            lines += _weighed(conditions, response, bool(absent[k]), bool(priced[k]), notes, wrong)
        lines += worth_lines(view, z, outcomes, tolerances, deadline)
        if not any(found.counts and not found.ok for found in lines):  # ties are those of a response
            lines += response_rows(bilevel, view, z, tolerances.feasibility, deadline)
    if known is not None:
        constants = at_constants(known.model, np.asarray(known.z), tolerances)
        lines += [replace(found, counts=False) for found in constants]
    witnesses = _witnesses(bilevel, model, known, tolerances, evidence, executor, deadline)
    report = _conclude(model, known, lines, z, tolerances, evidence, witnesses, notes, wrong, deadline)
    if not len(found) or model.kkt is None:
        return report
    names = first_names([model.kkt.followers[k] for k in found], SHOWN)
    said = f"the multipliers of {names}, which the point does not have, are those of the follower re-solved"
    return replace(report, reasons=(*report.reasons, said))


def with_range(bilevel: Bilevel, report: Report, point: Any, deadline: Deadline = NEVER) -> Report:
    """Return a report with the leader's range at the point it is about, or with the reason why there is none."""
    if not report.ok:
        return replace(report, reasons=(*report.reasons, "no range: only a point that holds has one"))
    model = shared_kkt(bilevel)
    if model.equilibrium:
        return replace(report, reasons=(*report.reasons, "no range: no leader has a value that could vary"))
    z = _point(model, point, report.tolerances)[0]
    try:
        return replace(report, range=span(model, z, deadline, decided_before(bilevel)))
    except (UnsupportedError, SolverError) as error:
        return replace(report, reasons=(*report.reasons, f"no range: {error}"))


def _point(model: Model, point: Any, tolerances: Tolerances) -> tuple[np.ndarray, np.ndarray, list[Line]]:
    """Return the point with integers rounded, which followers have no multipliers in it, and the first lines."""
    solved = isinstance(point, Solution) and point.status in ("optimal", "time_limit")
    try:
        z = np.array(point.z if isinstance(point, Solution) else point, dtype=float).ravel()
    except (TypeError, ValueError):
        raise ProblemError(f"verify: a Solution or an array of numbers is needed, got {type(point).__name__}") from None
    if len(z) < model.n:
        raise ProblemError(f"verify: the point has {len(z)} entries, problem {model.name!r} has {model.n} columns")
    z, space, lines = z[: model.n], model.space, []
    price = space.is_price
    count = 0 if model.kkt is None else len(model.kkt.followers)
    given = np.bincount(space.owner[price & (z != 0)], minlength=count) > 0
    holes = np.bincount(space.owner[price & ~np.isfinite(z)], minlength=count) > 0
    z[price & ~np.isfinite(z)] = 0.0
    z = model.terms.settled(z)
    bad = np.flatnonzero(~np.isfinite(z))
    if len(bad):
        return z, holes, [line("finite values", len(bad), 0.0, space.label(int(bad[0])))]
    whole = np.flatnonzero(space.kind != "C")
    if len(whole):
        off = np.abs(z[whole] - np.round(z[whole]))
        at = int(np.argmax(off))
        name = labels(space.blocks, whole[[at]])[0] if off[at] > 0 else ""
        lines.append(line("integrality", off[at], tolerances.feasibility, name))
        near = whole[off <= tolerances.feasibility]
        z[near] = np.round(z[near])
        z = model.terms.settled(z)
        z = z if model.kkt is None else model.kkt.with_products(z)
    return z, holes if solved else holes | ~given, lines


def _some_known(model: Model, point: np.ndarray) -> np.ndarray:
    """Return for every follower whether a point that lacks some of its multipliers has others (k,) bool."""
    space, hole = model.space, np.isnan(point[: model.n])
    count = 0 if model.kkt is None else len(model.kkt.followers)
    holes, some = (np.bincount(space.owner[space.is_price & side], minlength=count) > 0 for side in (hole, ~hole))
    return holes & some


def _without_prices(model: Model, point: np.ndarray) -> np.ndarray:
    """Return the followers whose multipliers a point does not all know, where somebody uses them or some are known."""
    assert model.kkt is not None
    space = model.space
    owner = space.owner[space.is_price & np.isnan(point[: model.n])]
    holes = np.bincount(owner, minlength=len(model.kkt.followers)) > 0
    return np.flatnonzero(holes & (model.kkt.priced | _some_known(model, point)))


def _with_prices(view: Scaled, z: np.ndarray, followers: np.ndarray, deadline: Deadline, given: Any) -> np.ndarray:
    """Return a point with the multipliers of some followers re-solved."""
    kkt = view.model.kkt
    if kkt is None or not len(followers):
        return z
    known = np.isfinite(given[: len(z)])
    return view.back(view.model.terms.settled(with_prices(kkt, view.point(z), followers, deadline, known)))


def _weighed(
    conditions: list[Line], response: Line, absent: bool, priced: bool, notes: list[str], wrong: list[str]
) -> list[Line]:
    """Return a follower's lines, those on its multipliers not counting where its response stands without them.

    That is where nobody uses the multipliers and the point has none, or has wrong ones beside a response that is
    feasible and, re-solved, optimal. Names are added to ``notes`` in the first case, to ``wrong`` in the second.
    """
    failing = [c for c in conditions if c.kind in NEEDS_MULTIPLIERS and not c.ok]
    stands = response.ok and all(c.ok for c in conditions if c.kind not in NEEDS_MULTIPLIERS)
    if not failing or priced or not (absent or stands):
        return [*conditions, response]
    if absent:
        notes.append(response.follower)
    else:
        wrong.append(f"{failing[0].name} at {failing[0].where}")
    for k, condition in enumerate(conditions):
        if condition in failing:
            where = "no multipliers in the point" if absent else condition.where
            conditions[k] = replace(condition, counts=False, where=where)
    return [*conditions, response]


def _conclude(
    model: Model, known: Solution | None, lines: list[Line], z: np.ndarray, tolerances: Tolerances,
    evidence: Sequence[Solution], witnesses: Sequence[VerifiedPoint], notes: list[str], wrong: list[str],
    deadline: Deadline,
) -> Report:  # fmt: skip
    """Return the report: the claim the lines and the solution support, and why not a higher one."""
    bound = claims.usable(known.bound) if known is not None else None
    value, size = model.value(z), objective_size(model, z)
    failing = sorted((c for c in lines if c.counts and not c.ok), key=lambda c: -c.excess)
    if failing:
        reasons = _why_it_fails(failing)
        if known is not None:
            reasons += claims.refuted(model, known, witnesses, tolerances)
        return Report(
            model.name,
            tuple(lines),
            "unverified",
            False,
            value,
            bound,
            None,
            tuple(reasons),
            tolerances,
            unit=model.unit,
        )
    if model.equilibrium:
        return _equilibrium(model, lines, tolerances, notes, wrong, bound)
    if known is None:
        found = claims.Grounds([PLAIN])
    else:
        found = claims.judge(model, known, value, tolerances, evidence, witnesses, deadline)
    found.against += _against(lines, wrong)
    found.rests += _prices_missing(notes)
    found.rests += [note for note in model.notes if note not in found.against]
    claim = "bilevel-feasible" if found.against else "optimal"
    reached = attained(model, known.model) if known is not None and not found.against else None
    return Report(
        model.name, tuple(lines), claim, True, value, bound, None if bound is None else gap(value, bound, size),
        found.sentences, tolerances, size=size, attained=reached, unit=model.unit,
    )  # fmt: skip


def _equilibrium(
    model: Model, lines: list[Line], tolerances: Tolerances, notes: list[str], wrong: list[str], bound: float | None
) -> Report:  # fmt: skip
    """Return the report of a point that holds where nobody optimises the whole: no bound is asked for."""
    reasons = (NOBODY, *_against(lines, wrong)[: len(wrong) > 0], *_prices_missing(notes), *model.notes)
    return Report(model.name, tuple(lines), EQUILIBRIUM, True, 0.0, bound, None, reasons, tolerances)


def _prices_missing(notes: list[str]) -> list[str]:
    """Return what is said of followers without multipliers in the point."""
    return [
        f"no multipliers in the point for {first_names(notes, SHOWN)}, and nobody uses them: "
        "feasibility and the re-solved optimum decide"
    ] if notes else []  # fmt: skip


def _why_it_fails(failing: list[Line]) -> list[str]:
    """Return the conditions that fail, the worst first, in words."""
    out = [f"{c.name}: {c.value:.1e} exceeds {c.tolerance:.0e} ({c.where})" for c in failing[:SHOWN]]
    return out + [f"{len(failing) - SHOWN} more conditions fail"] * (len(failing) > SHOWN)


def _against(lines: list[Line], wrong: list[str]) -> list[str]:
    """Return what stands against ``optimal`` in a point that holds: its own multipliers, or constants it sits at."""
    out = []
    if wrong:
        out.append(
            f"the point's multipliers break {first_names(wrong, SHOWN)}; the leader uses none of them, so the response "
            "stands, but the point violates the model it was found in"
        )
    for c in lines:
        if c.name == AT_CONSTANT and not c.ok:
            more = f" (and {c.value - 1:.0f} more)" if c.value > 1 else ""
            out.append(f"the point sits at a constant nobody proved: {c.where}{more}")
    return out


def _witnesses(
    bilevel: Bilevel, model: Model, solution: Solution | None, tolerances: Tolerances,
    evidence: Sequence[Solution], executor: Executor | None, deadline: Deadline,
) -> list[VerifiedPoint]:  # fmt: skip
    """Return the points of the evidence that verification accepts, as far as they refute some solution."""
    out: list[VerifiedPoint] = []
    fellows = [one for one in (solution, *evidence) if one is not None]
    for other in fellows:
        if other is solution or other.z is None or len(other.z) < model.n:
            continue
        z = other.z[: model.n]
        witness = VerifiedPoint(model.value(z), origin(other), objective_size(model, z))
        asked = any(claims.refuted(model, one, [witness], tolerances) for one in fellows)
        if asked and verify(bilevel, z, tolerances=tolerances, executor=executor, time_limit=deadline.left()).ok:
            out.append(witness)
    return out


def _without_point(
    model: Model, solution: Solution, tolerances: Tolerances, evidence: Sequence[Solution],
    witnesses: Sequence[VerifiedPoint],
) -> Report:  # fmt: skip
    """Return the report of a solution without a point: ``infeasible`` where that is proved, else ``unverified``."""
    claim, said = "unverified", f"no point to verify: {solution.solver} ended with status {solution.status!r}"
    reasons = [said]
    refuted = claims.refuted(model, solution, witnesses, tolerances)
    if solution.status == "infeasible":
        faults = refuted or claims.contradictions(model, solution, evidence)
        faults += encoding_faults(model, solution.model) + cutoff_faults(model, solution.model)
        faults += list(spans(model.units))
        if not faults:
            claim, reasons = "infeasible", [f"{solution.solver} proved the exactly encoded model infeasible"]
            reasons += [NO_EQUILIBRIUM] if model.equilibrium else []
        reasons += faults
    else:
        reasons += [*refuted, *(solution.raw or {}).get(claims.OPEN_PARTS, ())]
    return Report(model.name, (), claim, False, None, claims.usable(solution.bound), None, tuple(reasons), tolerances)
