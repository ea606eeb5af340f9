"""Solvers: one module a solver, found by scanning this folder.

Takes: a Model without pairs.
Gives: a Solution.
Must not know: where the model comes from, what may be claimed of the answer.

A solver module declares ``TITLE``, ``INSTALL`` (the line that installs it), ``FEATURES`` (keys of
:data:`kktgen.model.model.FEATURES` it takes), ``TOL`` (its feasibility tolerance, relative to the size of a row's
side), ``available()``, ``version()`` and ``solve(model, *, time_limit, gap, threads, verbose, start, progress,
**options)``. It imports its library inside functions. Solvers that are programs are driven through files, see
:mod:`kktgen.solvers.programs`.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ..encodings import encodings
from ..errors import KktgenError, ProblemError, SolverError, SolverNotFound, UnsupportedError
from ..model.model import FEATURES, Model
from ..model.single_level import single_level
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..progress import ProgressOption, Told, shown
from ..reformulate.scale import Scaled, scaled
from ..wording import near
from .driving.checks import answer, check_data, contradiction, starting_points, unrun, violation
from .driving.settle import settled
from .driving.watch import Watch
from .isolation.parent import isolated
from .programs import PREFIX, External, external, ready

__all__ = ["SolverInfo", "solve", "solver_modules", "solvers"]


@dataclass(frozen=True)
class SolverInfo:
    """What is known of a solver.

    Parameters
    ----------
    available : bool
        Whether its library is installed.
    version : str
        Version of the solver itself; the line that installs it when it is not installed.
    features : frozenset of str
        Keys of :data:`kktgen.model.model.FEATURES` it takes.
    tol : float
        Feasibility tolerance it works to, relative to ``max(1, |side|)`` of a row in SCIP.
    """

    available: bool
    version: str
    features: frozenset[str]
    tol: float


def solver_modules() -> dict[str, Any]:
    """Return the solver modules by name, in alphabetical order."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "FEATURES")}


def solvers() -> dict[str, SolverInfo]:
    """Return every solver kktgen can drive, found by scanning their folder.

    Returns
    -------
    dict of str to SolverInfo
        By name: ``available``, ``version``, ``features``, ``tol``. Of the programs (``files:cbc`` and so on) those that
        are on this machine.

    Examples
    --------
    >>> import kktgen as kg
    >>> [name for name, info in kg.solvers().items() if info.available and name in ("highs", "scip")]
    ['highs', 'scip']
    >>> "sos1" in kg.solvers()["highs"].features, "sos1" in kg.solvers()["scip"].features
    (False, True)
    """
    return {
        name: SolverInfo(
            module.available(),
            module.version() if module.available() else f"not installed ({module.INSTALL})",
            module.FEATURES,
            module.TOL,
        )  # fmt: skip
        for name, module in {**solver_modules(), **ready()}.items()
    }


def solve(
    problem: Model | Bilevel,
    solver: str = "scip",
    *,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int = 1,
    verbose: bool = False,
    start: Any = None,
    progress: ProgressOption = None,
    isolate: bool = False,
    memory_limit: float | None = None,
    **options: Any,
) -> Solution:
    """Solve a single-level model.

    Parameters
    ----------
    problem : Model or Bilevel
        A Bilevel must be without followers; an MPEC must be encoded first.
    solver : str
        A name in :func:`solvers`; ``"files:cbc"``, ``"files:glpk"``, ``"files:scip"``, ``"files:highs"``,
        ``"files:gurobi"`` and ``"files:cplex"`` are programs, which get the model as a file. So does any other by its
        command: ``"files:mysolver {model} -o {solution}"``, see :mod:`kktgen.solvers.programs.template`.
    time_limit : float, optional
        Seconds of wall time, loading the model included; with 0 the best feasible start is all there is.
    gap : float, optional
        Relative gap at which the solver may stop and call its point optimal; the solver's own default otherwise
        (SCIP 0, HiGHS 1e-4).
    threads : int
        Threads the solver may use.
    verbose : bool
        Show the solver's log.
    start : Solution, array (k,), or a list of them, optional
        Points to begin with. Shorter arrays and NaN entries leave columns open, which solvers try to complete.
    progress : bool or callable, optional
        True: a live line in terminals and notebooks. A function is called at most four times a second, possibly from
        another thread, with a :class:`kktgen.Progress`; what it raises stops the solver and is raised again.
    isolate : bool
        Run the solver in a process of its own (about half a second more). It cannot take this one with it: where it
        crashes, runs out of memory or fails, that is the status ``error``; where it goes on beyond its time limit by
        more than half a second and a fortieth of it, it is stopped with status ``time_limit``. Both keep the
        best point and bound it told before; ``raw["error"]`` says why, ``raw["log"]`` holds the end of its log.
    memory_limit : float, optional
        MB that an isolated solver may take beyond the loaded model, measured in address space; Linux only.
    **options
        The solver's own parameters under its own names, e.g. ``**{"limits/nodes": 10}`` for SCIP.

    Returns
    -------
    Solution
        Objective recomputed from the point. Where the solver leaves open whether a model is infeasible or unbounded, it
        is asked again without the objective. ``raw["violation"]`` is the largest violation of the model at the point,
        ``raw["status"]`` the solver's own word. Ctrl-C ends the solve with status ``time_limit`` and the best point.

    Raises
    ------
    SolverNotFound
        Unknown solver, or its library is not installed.
    UnsupportedError
        The solver lacks a feature of the model, or there are followers or complementarity pairs.
    ProblemError
        Bad data, a bad argument, or an option the solver does not have.
    SolverError
        The solver failed, when it was not isolated.

    See Also
    --------
    kktgen.optimize : Solves a bilevel problem, start point, bounds and verification included.

    Examples
    --------
    An ordinary problem as it stands; a bilevel problem once its pairs are encoded.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("knapsack")
    >>> take = m.var("take", 3, kind="B")
    >>> m.maximize([5, 4, 3] @ take)
    >>> row = m.add([2, 3, 1] @ take <= 5)
    >>> solution = kg.solve(m, "highs", time_limit=60)
    >>> print(solution.status, solution[take].round(), f"{solution.objective:.2f}")
    optimal [1. 1. 0.] 9.00
    """
    started = time.perf_counter()
    module = _installed(solver)
    model = _solvable(problem, module)
    check_arguments(time_limit, gap, threads, isolate, memory_limit)
    check_data(model)
    points = starting_points(start, model)
    title = f"{module.TITLE} {module.version()}"
    reason = contradiction(model)
    if reason is not None:
        return answer(model, "infeasible", None, None, started, title, raw={"status": reason})
    view = scaled(model)
    if time_limit == 0:
        return _back(unrun(view.model, view.points(points), module.TOL, started, title), view)
    run = module.solve
    if isolate:
        alone = module.isolated if isinstance(module, External) else partial(isolated, module)
        run = partial(alone, memory_limit=memory_limit)
    given = {"gap": gap, "threads": int(threads), "verbose": verbose, **options}
    with shown(progress, "solve") as told:
        watch = Watch(_in_users_units(told, view), model.sense)
        try:
            found = run(view.model, time_limit=time_limit, start=view.points(points), progress=watch, **given)
            found = settled(found, view.model, run, time_limit, watch, **given)
        except KktgenError:
            raise
        except Exception as error:
            raise SolverError(f"{title} failed on model {model.name!r}: {error or type(error).__name__}") from error
        watch.close()
    return _back(found, view)


def _in_users_units(progress: Told | None, view: Scaled) -> Told | None:
    """Return what tells the user of the values of a scaled model."""
    if progress is None or not view.changes:
        return progress

    def tell(info: Mapping[str, Any]) -> Any:
        values = {key: None if info[key] is None else view.objective * info[key] for key in ("incumbent", "bound")}
        return progress({**info, **values})

    return tell


def _back(found: Solution, view: Scaled) -> Solution:
    """Return the solution of a scaled model as one of the model itself: its objective is that of its point."""
    if not view.changes:
        return found
    model, z = view.original, None if found.z is None else view.back(found.z)
    bound = None if found.bound is None else view.objective * found.bound
    if z is None:
        return replace(found, model=model, bound=bound)
    said = {**(found.raw or {}), "violation": violation(model, z)}
    return replace(found, model=model, z=z, bound=bound, objective=model.value(z), raw=said)


def check_solvable(problem: Model | Bilevel, solver: str) -> None:
    """Refuse what a solver does not take, as :func:`solve` does, before any work is done for it."""
    module = _installed(solver)
    model = _solvable(problem, module)
    if isinstance(module, External):
        module.check(model)


def check_arguments(
    time_limit: float | None, gap: float | None, threads: int = 1, isolate: bool = False,
    memory_limit: float | None = None,
) -> None:  # fmt: skip
    """Refuse limits that mean nothing."""
    for word, value in (("time_limit", time_limit), ("gap", gap), ("memory_limit", memory_limit)):
        if value is not None and not (isinstance(value, int | float | np.number) and float(value) >= 0):
            raise ProblemError(f"solve: {word} must be a number >= 0 or None, got {value!r}")
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
        raise ProblemError(f"solve: threads must be a whole number >= 1, got {threads!r}")
    if memory_limit is not None and not isolate:
        raise ProblemError("solve: a memory_limit holds for a process of the solver's own; add isolate=True")


def _installed(name: str) -> Any:
    """Return the module of an installed solver."""
    if str(name).strip().lower().startswith(PREFIX):
        return external(str(name))
    modules = solver_modules()
    if name in modules and modules[name].available():
        return modules[name]
    ready = ", ".join(other for other, module in modules.items() if module.available()) or "none"
    if name in modules:
        raise SolverNotFound(f"{modules[name].TITLE} is not installed ({modules[name].INSTALL}); installed: {ready}")
    lines = ", ".join(f"{other}: {module.INSTALL}" for other, module in modules.items())
    raise SolverNotFound(
        f"no solver {name!r}{near(str(name), modules, 1)}; installed: {ready}. To install one: {lines}"
    )


def _solvable(problem: Any, module: Any) -> Model:
    """Return the problem as a model the solver takes."""
    model = single_level(problem, "solve", f"{module.TITLE} cannot solve", ", or let kg.optimize(m) do all of it")
    if not (set(FEATURES) - {"pairs"} <= module.FEATURES):  # else it is not worth finding out
        words = _lacking(module, model.features)
        if words:
            able = {name: other for name, other in solver_modules().items() if not _lacking(other, model.features)}
            here = [name for name, other in able.items() if other.available()] or [*able]
            others = {name: other for name, other in ready().items() if name.removeprefix(PREFIX) not in here}
            here += [name for name, other in others.items() if not _lacking(other, model.features)]
            cure = f"solvers that can: {', '.join(here)}" if here else "no solver here can"
            cure += _others(module) if model.encodings else ""
            raise UnsupportedError(f"{module.TITLE} cannot solve {words} (model {model.name!r}); {cure}")
    return model


def _others(module: Any) -> str:
    """Return which exact encodings a solver takes, as the cure of a model it does not take."""
    known: dict[str, Any] = dict(encodings())
    exact = {name: kind.FEATURES for name, kind in known.items() if getattr(kind, "EXACT", False)}
    taken = [name for name, features in exact.items() if not _lacking(module, features)]
    return f"; or take another encoding, such as {' or '.join(taken)} (kktgen info MODEL)" if taken else ""


def _lacking(module: Any, features: frozenset[str]) -> str:
    """Return in words what the solver cannot take of these features; empty when it takes them all."""
    return ", ".join(FEATURES[key] for key in sorted(features - module.FEATURES))
