"""The recipe in one call: eliminate, bound, encode, cut, start from a heuristic point, solve, polish, verify."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .bilevel import Bilevel
from .bounds import bound
from .claims import CALLED
from .cuts import check_cuts, cut
from .eliminate import eliminate
from .encodings import encode, named
from .encodings.indicator import Indicator
from .encodings.sos1 import SOS1
from .errors import BoundError, SolverError, UnsupportedError
from .kkt import kkt
from .model import Model
from .search.given import given_point
from .search.pattern import polish
from .search.start import land_start, start_points
from .solution import Solution
from .solvers import check_arguments, check_solvable, solve
from .summary import bounds, changes
from .verify import Report, verify, with_range

BOUNDING_SHARE = 0.3
"""Share of a time limit that bounding may take."""
CUT_SHARE = 0.05
"""Share of a time limit that each relaxation of the cuts may take."""
START_SECONDS = 10.0
"""Seconds the start heuristics may take."""


@dataclass(frozen=True, eq=False)
class Result:
    """What :func:`optimize` returns.

    Parameters
    ----------
    bilevel : Bilevel
    model : Model
        The encoded model that was solved.
    solution : Solution
        The polished point.
    report : Report
        Verification and claim.
    bound : float or None
        The solver's bound on the leader's objective, in the user's sense; it holds as far as the encoding does: not
        under a user's own big-M that cuts off the optimum.
    start : float or None
        Objective of the heuristic start point, when there was one.
    polished : tuple of float or None
        Objective of the solver's point before and after the polish.
    seconds : dict of str to float
        Wall time per stage.
    """

    bilevel: Bilevel
    model: Model
    solution: Solution
    report: Report
    bound: float | None
    start: float | None = None
    polished: tuple[float, float] | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        times = ", ".join(f"{stage} {spent:.1f} s" for stage, spent in self.seconds.items())
        return "\n".join([f"{self.bilevel.name}: {self.solution}", str(self.report), f"time: {times}"])


class _Clock:
    """Wall time per stage, told to a callback as each stage ends."""

    def __init__(self, stages: Callable[[str, str], None] | None, time_limit: float | None) -> None:
        self._stages = stages
        self._limit = time_limit
        self._begun = self._last = time.monotonic()
        self.seconds: dict[str, float] = {}

    def done(self, stage: str, text: str) -> None:
        now = time.monotonic()
        self.seconds[stage] = now - self._last
        self._last = now
        if self._stages is not None:
            self._stages(stage, text)

    def left(self, share: float = 1.0) -> float | None:
        if self._limit is None:
            return None
        return max(share * (self._limit - (time.monotonic() - self._begun)), 0.1)


def optimize(
    bilevel: Bilevel,
    encoding: Any = "auto",
    solver: str = "scip",
    time_limit: float | None = None,
    *,
    gap: float | None = None,
    choices: Mapping[Any, Any] | None = None,
    cuts: bool | str = "auto",
    start: Any = True,
    evidence: bool = True,
    range: bool = False,  # noqa: A002
    executor: Executor | None = None,
    progress: Callable[[Mapping[str, Any]], Any] | None = None,
    stages: Callable[[str, str], None] | None = None,
    isolate: bool = False,
    memory_limit: float | None = None,
    **options: Any,
) -> Result:
    """Solve a bilevel problem and verify the answer.

    Parameters
    ----------
    bilevel : Bilevel
    encoding : encoding or str
        See :func:`kktgen.encode`; by default big-M where proved and safe, SOS1 elsewhere.
    solver : str
        ``"scip"``, ``"highs"``, ...
    time_limit : float, optional
        Seconds for everything.
    gap : float, optional
        Relative gap at which the solver may stop; the solver's default otherwise.
    choices : mapping, optional
        Other encodings for some followers or rows.
    cuts : bool or "auto"
        Valid inequalities from strong duality (:func:`kktgen.cut`): for all followers, for none, or where they raise
        the optimum of the encoded model's relaxation.
    start : bool, Solution or array
        Look for a start point (relax and respond, pattern search) first; or a point to begin with: the solution of a
        search or of an earlier solve, all columns, or the leader's alone. It is moved to the best point of its pattern
        and its neighbours; where none satisfies the model, a start point is looked for.
    evidence : bool
        Where a multiplier has no proved box, solve a second time in another encoding: agreement is the evidence the
        claim ``optimal`` then needs. So is a model that the solver calls infeasible. The second run gets ten times the
        first one's time at most.
    range : bool
        Also compute the leader's best and worst value as the followers break their ties, see :func:`kktgen.verify`.
    executor : concurrent.futures.Executor, optional
        For the independent jobs of bounding and verification.
    progress : callable, optional
        Called while the solver works with seconds, nodes, incumbent, bound and gap.
    stages : callable, optional
        Called as each stage ends with its name and a text to print.
    isolate, memory_limit
        Run the solver in a process of its own, see :func:`kktgen.solve`: where it crashes or runs out of memory, the
        best point it told, or the start point, is polished and verified like any other. Bounding, the search of a
        start point and verification stay in this process.
    **options
        Passed to the solver.

    Returns
    -------
    Result

    Raises
    ------
    KktgenError
        Whatever the stages refuse; a solver that ends without a point is no error but a status, and one that fails
        leaves the start point, when there is one, with status ``error``.
    """
    check_arguments(time_limit, gap, 1, isolate, memory_limit)
    options |= {"isolate": isolate, "memory_limit": memory_limit}
    check_cuts(cuts)
    clock = _Clock(stages, time_limit)
    model = kkt(bilevel)
    start = start if isinstance(start, bool) else given_point(bilevel.space, start)
    clock.done("kkt", str(model))
    before = len(model.notes)
    model = eliminate(model)
    clock.done("eliminate", "\n".join(model.notes[before:]))
    model = bound(model, time_limit=clock.left(BOUNDING_SHARE), executor=executor, progress=progress)
    clock.done("bound", bounds(model))
    ready = encode(model, encoding, choices)
    clock.done("encode", changes(ready, model))
    before = len(ready.notes)
    ready = cut(ready, cuts, time_limit=clock.left(CUT_SHARE))
    clock.done("cut", "\n".join(ready.notes[before:]))
    check_solvable(ready, solver)
    points = _starts(bilevel, model, start, clock.left(BOUNDING_SHARE), progress)
    lifted = [ready.complete(z) for z in points]
    begun_at = model.value(points[0]) if points else None
    clock.done("start", "no start point" if begun_at is None else f"start point: objective {begun_at:.6g}")
    found = _solved(ready, solver, lifted, time_limit=clock.left(), gap=gap, progress=progress, **options)
    clock.done("solve", str(found))
    found, polished = _polished(model, found)
    clock.done("polish", "" if polished is None else f"polish: objective {polished[0]:.9g} -> {polished[1]:.9g}")
    tried = _tried(model, points)
    report = verify(bilevel, found, evidence=tried, executor=executor)
    exact = all(encoded.trust != "user" for encoded in ready.encodings)
    open_ = report.claim == "bilevel-feasible" and found.status == "optimal" and exact and _unboxed(ready)
    if evidence and (open_ or report.claim == "infeasible"):
        again = _second(model, encoding, solver, found, clock.left(), progress, options)
        report = verify(bilevel, found, evidence=(*again, *tried), executor=executor)
    found, report = _standing(bilevel, found, report, lifted, tried, executor)
    if range:
        report = with_range(bilevel, report, found)
    clock.done("verify", str(report))
    return Result(bilevel, ready, found, report, found.bound, begun_at, polished, clock.seconds)


def _unboxed(model: Model) -> bool:
    """Return whether some multiplier or slack column has no finite box."""
    space = model.space
    columns = np.isin(space.role, ["lam", "mu", "slack"])
    return not (np.isfinite(space.lb[columns]) & np.isfinite(space.ub[columns])).all()


def _second(
    model: Model, encoding: Any, solver: str, found: Solution, left: float | None,
    progress: Callable[[Mapping[str, Any]], Any] | None, options: dict[str, Any],
) -> tuple[Solution, ...]:  # fmt: skip
    """Return the solution of the same problem in another encoding, when the solver takes it and finishes."""
    other = SOS1() if isinstance(named(encoding), Indicator) else Indicator()
    patience = 10.0 * found.seconds + 10.0
    limit = patience if left is None else min(patience, left)
    try:
        again = encode(model, other)
        start = None if found.z is None else again.complete(found.z[: model.n])
        return (solve(again, solver, start=start, time_limit=limit, progress=progress, **options),)
    except (UnsupportedError, BoundError, SolverError):
        return ()


def _starts(
    bilevel: Bilevel, model: Model, start: Any, seconds: float | None,
    progress: Callable[[Mapping[str, Any]], Any] | None,
) -> list[np.ndarray]:  # fmt: skip
    """Return bilevel-feasible points, the best first: the given one, else what the heuristics find."""
    if model.kkt is None or start is False:
        return []
    limit = START_SECONDS if seconds is None else min(START_SECONDS, seconds)
    given = None if start is True else land_start(bilevel, model, start, limit)
    if given is not None:
        return [given]
    return start_points(bilevel, model, seconds=limit, progress=progress)


def _tried(model: Model, points: list[np.ndarray]) -> tuple[Solution, ...]:
    """Return the best start point as evidence: verified, it is held against the solver's bound."""
    return tuple(Solution("heuristic", model.value(z), None, z, 0.0, "the start heuristics", model) for z in points[:1])


def _solved(model: Model, solver: str, points: list[np.ndarray], **options: Any) -> Solution:
    """Return the solver's solution, or the start point where it is better or the solver fails."""
    try:
        found = solve(model, solver, start=points or None, **options)
    except SolverError as error:
        if not points:
            raise
        found = Solution("error", None, None, None, 0.0, solver, model, raw={"error": str(error)})
    return _with_start(found, points)


def _with_start(found: Solution, points: list[np.ndarray]) -> Solution:
    """Return the solution with the start point in place of a worse one, or of none: it was feasible before.

    A solver that calls the model infeasible although a feasible point was handed to it ends with status ``error``;
    what it called the model stays in ``raw``.
    """
    if not points:
        return found
    value = found.model.value(points[0])
    if found.objective is not None and found.model.sense * (found.objective - value) <= 0:
        return found
    status = found.status if found.status in ("optimal", "time_limit", "unbounded") else "error"
    raw = found.raw if status == found.status else {**(found.raw or {}), CALLED: found.status}
    return replace(found, status=status, objective=value, z=points[0], raw=raw)


def _standing(
    bilevel: Bilevel, found: Solution, report: Report, points: list[np.ndarray], tried: tuple[Solution, ...],
    executor: Executor | None,
) -> tuple[Solution, Report]:  # fmt: skip
    """Return the solution with its report, or the start point with its own where only that one holds."""
    if report.ok or found.z is None or not points:
        return found, report
    start = replace(found, objective=found.model.value(points[0]), z=points[0])
    other = verify(bilevel, start, evidence=tried, executor=executor)
    if not other.ok:
        return found, report
    why = f"the solver's point of value {found.objective:.10g} fails ({report.reasons[0]}); this is the start point"
    return start, replace(other, reasons=(why, *other.reasons))


def _polished(model: Model, found: Solution) -> tuple[Solution, tuple[float, float] | None]:
    """Return the solution with its complementarity pattern fixed and the continuous problem solved again."""
    if found.z is None or found.objective is None or model.pairs is None:
        return found, None
    z = polish(model, found.z[: model.n])
    after = model.value(z)
    return replace(found, z=found.model.complete(z), objective=after), (found.objective, after)
