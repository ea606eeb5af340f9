"""Problems with integer followers by several solvers: each enumerates responses by itself, with its own masters.

What they share is kktgen's own: the copies of responses, and the followers' programs solved at points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...deadline import Deadline
from ...errors import BoundError, SolverError, UnsupportedError
from ...problem.bilevel import Bilevel
from ...solvers.driving.checks import interrupted
from ...verification.refutation import VerifiedPoint, beats, best
from ...verification.report import Tolerances
from ..optimize import optimize
from .agreement import AGREES, REFUSED, STOPPED, Agreement, Run, brief, lowered

WAY = "responses"
"""How a run is called in the table where no encoding of the masters is asked for."""
OWN: dict[str, dict[str, Any]] = {"scip": {"limits/nodes": -1}}
"""Options that say nothing but that a solver is meant: without any, linear masters go to another one."""


def of_masters(
    bilevel: Bilevel, encodings: Mapping[str, Any] | None, solvers: Sequence[str], tolerances: Tolerances,
    say: Callable[[str], Any], given: Mapping[str, Mapping[str, Any]],
) -> Agreement:  # fmt: skip
    """Return the answers of several solvers, and of several encodings of their masters, held against each other.

    Parameters
    ----------
    bilevel : Bilevel
        With integer followers.
    encodings : mapping or None
        Those of the masters by name; None for the default one.
    solvers : sequence of str
    tolerances : Tolerances
    say : callable
        Called with a line as each run begins and ends.
    given : mapping
        Arguments of :func:`kktgen.optimize` by the solver's name.
    """
    ways: dict[str, Any] = {WAY: "auto"} if encodings is None else dict(encodings)
    runs: list[Run] = []
    count = len(ways) * len(solvers)
    for name, encoding in ways.items():
        for solver in solvers:
            at = f"run {len(runs) + 1} of {count}: {name} by {solver}"
            say(at)
            run = _run(bilevel, name, encoding, solver, {**OWN.get(solver, {}), **given[solver]})
            say(f"{at}: {run.why if run.solution is None else run.solution.headline}")
            runs.append(run)
            if run.solution is not None and interrupted(run.solution):
                say(STOPPED)
                return _held(bilevel, runs, tolerances)
    return _held(bilevel, runs, tolerances)


def _run(bilevel: Bilevel, name: str, encoding: Any, solver: str, options: Mapping[str, Any]) -> Run:
    """Return one enumeration."""
    deadline = Deadline(options["time_limit"])
    try:
        result = optimize(bilevel, encoding, solver, **options)
    except (UnsupportedError, BoundError) as error:
        return Run(name, solver, deadline.spent, why=f"{REFUSED}: {brief(error)}")
    except SolverError as error:
        return Run(name, solver, deadline.spent, why=f"error: {error}")
    return Run(name, solver, deadline.spent, result.solution, result.report)


def _held(bilevel: Bilevel, runs: Sequence[Run], tolerances: Tolerances) -> Agreement:
    """Return the runs with their verdicts, and the best answer that nothing refutes."""
    sense = bilevel.sense
    top = best(sense, [VerifiedPoint(run.value, run.origin, run.size) for run in runs if run.value is not None])
    judged = tuple(replace(run, verdict=_verdict(sense, run, top, tolerances.optimality)) for run in runs)
    able = [run for run in judged if run.solution is not None and not run.disagrees]
    held = [run for run in able if run.value is not None] or able
    if not held:
        return Agreement(bilevel.name, judged, None, None, tolerances.optimality)
    least = min(held, key=lambda run: (sense * (run.value or 0.0), -sense * (run.bound or 0.0)))
    report = least.report
    assert report is not None
    if report.ok and any(run.disagrees for run in judged):
        report = lowered(report)
    return Agreement(bilevel.name, judged, report, least.solution, tolerances.optimality)


def _verdict(sense: int, run: Run, top: VerifiedPoint | None, tolerance: float) -> str:
    """Return the verdict that the best verified point gives a run."""
    if run.solution is None:
        return run.why
    assert run.report is not None
    if run.status == "infeasible":
        return f"called infeasible, against the verified point of {top.origin}" if top else f"{AGREES}: infeasible"
    late = "" if run.status == "optimal" else f"{run.status.replace('_', ' ')}; "
    if top is None:
        return f"{late}no point"
    if run.bound is not None and beats(sense, top.value, run.bound, tolerance, top.size):
        return f"bound contradicts the verified point of {top.origin}"
    if run.value is not None and not run.report.ok:
        return f"its point fails {run.report.failing[0].name if run.report.failing else 'verification'}"
    if run.value is None or beats(sense, top.value, run.value, tolerance, top.size):
        return f"{late}better point elsewhere: {top.value:.8g} of {top.origin}"
    if run.gap is None or run.gap > tolerance:
        return f"{late}bound open"
    return AGREES
