"""The same problem by several encodings and solvers, to see whether they agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...encodings import encode, in_order, named
from ...errors import BoundError, ProblemError, SolverError, SolverNotFound, UnsupportedError, expect
from ...model.model import Model
from ...model.own_units import objective_size
from ...model.shared import shared_kkt
from ...problem.bilevel import Bilevel
from ...problem.every_response import refuse_every_response
from ...problem.integers import has_integers
from ...progress import ProgressOption, shown
from ...reformulate.bounds import bound
from ...reformulate.eliminate import eliminate
from ...search.start.pattern import polished
from ...search.start.start import pair_count, starts_within
from ...solvers import check_arguments, solve, solvers
from ...solvers.driving.checks import interrupted
from ...solvers.programs import PREFIX
from ...verification.refutation import VerifiedPoint
from ...verification.report import Tolerances
from ...verification.verify import verify
from .agreement import REFUSED, STOPPED, Agreement, Run, brief, compare
from .inner import has_curved, inner_runs
from .masters import of_masters

NONE = "no encoding"
"""Name of the encoding of a model that has nothing to encode."""


def agree(
    bilevel: Bilevel,
    encodings: Sequence[Any] | None = None,
    solvers: Sequence[str] | None = None,
    time_limit: float | None = None,
    *,
    tolerances: Tolerances | None = None,
    start: bool = True,
    isolate: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    executor: Executor | None = None,
    progress: ProgressOption = None,
    told: Callable[[str], Any] | None = None,
) -> Agreement:
    """Solve a problem by several encodings and solvers, and hold the answers against each other.

    Products are eliminated, boxes proved and start points looked for once; each run then encodes, solves, polishes and
    verifies by itself. With integer followers each solver enumerates responses by itself; encodings are those of the
    masters, the default one where none is named. With convex quadratic rows or norms of followers each solver bounds
    the inner copy (:func:`kktgen.inner_copy`), too: no point and no value, but a bound without multipliers of them.

    Parameters
    ----------
    bilevel : Bilevel
    encodings : sequence of encoding or str, optional
        All there are by default. One whose constants cannot be proved is a row of the table that says so.
    solvers : sequence of str, optional
        All whose libraries are installed by default; name the programs that read files, such as ``"files:cbc"``. One
        that cannot hold a model is a row of the table that says so.
    time_limit : float, optional
        Seconds for each run, and at most for the bounds, for the start points and for what the runs have in common.
    tolerances : Tolerances, optional
        Values and bounds agree up to ``tolerances.optimality``.
    start : bool
        Hand the runs the points of the start heuristics. They are held against every bound as well.
    isolate : bool
        Give each run a process of its own: a solver that dies costs its run alone.
    options : mapping, optional
        Solvers' own parameters by the name of the solver, e.g. ``{"scip": {"limits/nodes": 10}}``.
    executor : concurrent.futures.Executor, optional
        For the independent jobs of bounding.
    progress : bool or callable, optional
        As of :func:`kktgen.solve`.
    told : callable, optional
        Called with a line of text as each stage and each run begins and ends.

    Returns
    -------
    Agreement
        ``print`` shows the table. Ctrl-C ends the comparison with the runs that are done.

    Raises
    ------
    ProblemError
        Unknown encoding, or an empty list.
    SolverNotFound
        Unknown solver, or one that is not installed.

    See Also
    --------
    kktgen.optimize : One encoding and one solver.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("handbook")
    >>> x = m.var("x", lb=0, ub=8)
    >>> lower = m.follower("lower")
    >>> y = lower.var("y")
    >>> m.minimize(x + 3 * y)
    >>> _ = m.add(y <= 5)
    >>> lower.minimize(-y)
    >>> _ = lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    >>> agreement = kg.agree(m, ["sos1", "bigm"], ["scip", "highs"], time_limit=60)
    >>> for run in agreement.runs:
    ...     print(run.encoding, run.solver, run.verdict)
    sos1 scip agrees
    sos1 highs refused: HiGHS cannot solve SOS1 sets
    bigm scip agrees
    bigm highs agrees
    >>> agreement.agreed, agreement.report.claim
    (True, 'optimal')
    """
    expect(bilevel, Bilevel, "agree")
    refuse_every_response(bilevel, "agree")
    check_arguments(time_limit, None)
    asked, limits = _encodings(encodings), tolerances or Tolerances()
    able = _solvers(solvers)
    say = told or (lambda text: None)
    common = {"time_limit": time_limit, "progress": progress, "isolate": isolate}
    given = {solver: {**common, **(options or {}).get(solver, {})} for solver in able}
    if has_integers(bilevel):
        more = {name: {"start": start, "executor": executor, **own} for name, own in given.items()}
        return of_masters(bilevel, None if encodings is None else asked, able, limits, say, more)
    plain = shared_kkt(bilevel)
    deadline = Deadline(time_limit)
    model = eliminate(plain, time_limit=deadline.share("eliminate").left())
    model = bound(model, time_limit=deadline.left(), executor=executor, progress=progress)
    say(f"bounds: {deadline.spent:.1f} s")
    points: list[np.ndarray] = []
    if start and model.kkt is not None:
        deadline = Deadline(time_limit).part(NEVER.share("start", pair_count(model)).left())
        with shown(progress, "start") as shows:
            points = starts_within(bilevel, model, deadline, shows)
        best = f"objective {model.value(points[0]):.6g}" if points else "none found"
        say(f"start point: {best}, {deadline.spent:.1f} s")
        if deadline.stopped:
            raise KeyboardInterrupt
    if model.pairs is None or not len(model.pairs):
        asked = {NONE: "auto"}
    runs = []
    for run in _runs(bilevel, model, asked, points, limits, say, given):
        runs.append(run)
        if run.solution is not None and interrupted(run.solution):
            say(STOPPED)
            break
    else:
        runs += inner_runs(bilevel, runs, say, given) if has_curved(bilevel) else []
    starts = [
        VerifiedPoint(model.value(z), "the start heuristics", objective_size(model, z))
        for z in points[:1]
        if _holds(bilevel, z, limits, time_limit)
    ]
    return compare(bilevel, plain, runs, starts, limits, time_limit)


def _holds(bilevel: Bilevel, z: np.ndarray, tolerances: Tolerances, time_limit: float | None) -> bool:
    return verify(bilevel, z, tolerances=tolerances, time_limit=time_limit).ok


def _encodings(asked: Sequence[Any] | None) -> dict[str, Any]:
    """Return encodings by the name they are listed under."""
    if asked is None:
        return {name: name for name in in_order()}
    if isinstance(asked, str) or not asked:
        raise ProblemError(f"agree: a list of encodings such as ['sos1', 'bigm'] is needed, got {asked!r}")
    out: dict[str, Any] = {}
    for one in asked:
        name = one.lower() if isinstance(one, str) else str(named(one))
        out[name] = named(one)
    return out


def _solvers(asked: Sequence[str] | None) -> list[str]:
    """Return the names of the solvers to run."""
    ready = [name for name, about in solvers().items() if about.available]
    if asked is None:
        return sorted((name for name in ready if not name.startswith(PREFIX)), key=lambda name: (name != "scip", name))
    if isinstance(asked, str) or not asked:
        raise ProblemError(f"agree: a list of solvers such as ['scip'] is needed, got {asked!r}; installed: {ready}")
    for name in asked:
        if name not in ready and not (name.startswith(PREFIX) and "{" in name):
            raise SolverNotFound(f"agree: no solver {name!r}; installed: {', '.join(ready) or 'none'}")
    return list(dict.fromkeys(asked))


def _runs(
    bilevel: Bilevel, model: Model, asked: Mapping[str, Any], points: list[np.ndarray], tolerances: Tolerances,
    say: Callable[[str], Any], given: Mapping[str, Mapping[str, Any]],
) -> Iterator[Run]:  # fmt: skip
    """Yield a run for every encoding and every solver, ``given`` with its arguments."""
    count, k = len(asked) * len(given), 0
    for name, encoding in asked.items():
        ready, why = _encoded(model, encoding)
        for solver, options in given.items():
            k += 1
            say(f"run {k} of {count}: {name} by {solver}")
            if ready is None:
                run = Run(name, solver, 0.0, why=why)
            else:
                run = _run(bilevel, model, ready, name, solver, points, tolerances, options)
            outcome = run.why if run.solution is None else run.solution.headline
            say(f"run {k} of {count}: {name} by {solver}: {outcome}")
            yield run


def _encoded(model: Model, encoding: Any) -> tuple[Model | None, str]:
    """Return the encoded model, or why there is none."""
    try:
        return encode(model, encoding), ""
    except (BoundError, UnsupportedError) as error:
        return None, f"{REFUSED}: {brief(error)}"


def _run(
    bilevel: Bilevel, model: Model, ready: Model, name: str, solver: str, points: list[np.ndarray],
    tolerances: Tolerances, options: Mapping[str, Any],
) -> Run:  # fmt: skip
    """Return one encoded model solved, polished and verified."""
    deadline = Deadline(options["time_limit"])
    given = {**options, "time_limit": deadline.before("verify").left()}
    try:
        found = solve(ready, solver, start=[ready.complete(z) for z in points] or None, **given)
    except UnsupportedError as error:
        return Run(name, solver, deadline.spent, why=f"{REFUSED}: {brief(error)}")
    except SolverError as error:
        return Run(name, solver, deadline.spent, why=f"error: {error}")
    found, _ = polished(model, found, deadline.share("verify"))
    report = verify(bilevel, found, tolerances=tolerances, time_limit=deadline.last().left())
    return Run(name, solver, found.seconds, found, report)
