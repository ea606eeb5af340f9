"""HiGHS through highspy: LPs, mixed-integer LPs, convex QPs whose optimum is checked, mixed-integer ones by tangents.

HiGHS itself takes no integers together with a quadratic objective: :mod:`kktgen.solvers.highs.rounds` has it solve
mixed-integer LPs instead, whose tangents to the objective are refined until the gap closes.

Reference: Huangfu & Hall, Parallelizing the dual revised simplex method, Math. Prog. Comp. 10 (2018),
https://highs.dev
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...deadline import Deadline
from ...errors import SolverError
from ...model.model import Model
from ...model.solution import Solution
from ...numerics.quiet_highs import quiet
from ..driving.checks import answer, canonical, column_bounds, refused_value, sides, unknown_option, violation
from ..driving.watch import Watch, finite
from .rounds import solve_rounds
from .run import STATUS, TITLE, TOL, load, run, run_from_start

INSTALL = "pip install highspy"
FEATURES = frozenset({"int", "qobj"})
QP_GAP = 1e-4
"""Largest relative duality gap at which the optimum of a QP is believed."""


def available() -> bool:
    """Return whether highspy is installed."""
    return importlib.util.find_spec("highspy") is not None


def version() -> str:
    """Return the version of HiGHS, e.g. ``1.15.1``."""
    return str(quiet().version())


def solve(
    model: Model,
    *,
    time_limit: float | None = None,
    gap: float | None = None,
    threads: int = 1,
    verbose: bool = False,
    start: Sequence[np.ndarray] = (),
    progress: Watch | None = None,
    **options: Any,
) -> Solution:
    """Solve a model; see :func:`kktgen.solve`.

    Notes
    -----
    Options are HiGHS options under their own names. HiGHS takes one starting point, and only for a mixed-integer
    problem: the best feasible one is handed over. Its QP method may return a point that is not optimal, so the duality
    gap of every QP optimum is computed here. With integers and a convex quadratic objective ``raw`` says how many
    ``rounds`` and ``tangents`` it took, limits on nodes and the like hold for each round, and a gap of ``gap`` means
    what it means to HiGHS: relative to the objective, or 1e-6 (``mip_abs_gap``) where that is more.
    """
    import highspy

    started, deadline = time.perf_counter(), Deadline(time_limit)
    highs = quiet()
    highs.setOptionValue("output_flag", bool(verbose))
    highs.setOptionValue("threads", threads)  # it runs on a thread of its own, which no other HiGHS has run on
    if gap is not None:
        highs.setOptionValue("mip_rel_gap", float(gap))
    _set_options(highs, options)
    watch = progress or Watch(None)
    if {"int", "qobj"} <= model.features:
        return solve_rounds(
            model,
            highs,
            started,
            Deadline(options["time_limit"]) if "time_limit" in options else deadline,
            start,
            watch,
        )
    load(model, highs)
    begins = "int" in model.features and len(start) > 0
    if begins:
        _set_start(highs, model, start)
    left = deadline.left()
    if left is not None and "time_limit" not in options:
        highs.setOptionValue("time_limit", left)
    if begins:
        run_from_start(highs, watch, highs.getOptionValue("time_limit")[1])
    else:
        run(highs, watch)
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible and _has_point(model, highs):
        return answer(
            model, "unbounded", None, None, started, f"{TITLE} {highs.version()}", None,
            {"status": "Infeasible, but feasible without the objective"},
        )  # fmt: skip
    return _answer(model, highs, started)


def _has_point(model: Model, highs: Any) -> bool:
    """Return whether a model that HiGHS called infeasible has a point: its presolve also says so of unbounded ones.

    Without a linear objective there is nothing to be unbounded. Boxed models cannot be, and are not asked again.
    """
    lb, ub = column_bounds(model)
    if np.isfinite(lb).all() and np.isfinite(ub).all():
        return False
    highs.changeColsCost(model.n, np.arange(model.n, dtype=np.int32), np.zeros(model.n))
    run(highs, Watch(None))
    return bool(highs.getModelStatus().name in ("kOptimal", "kModelEmpty"))


def _set_options(highs: Any, options: dict[str, Any]) -> None:
    import highspy

    known = {name for name in dir(highs.getOptions()) if not name.startswith("_")} if options else set()
    for name, value in options.items():
        if name not in known:
            raise unknown_option(TITLE, name, sorted(known))
        kind = type(highs.getOptionValue(name)[1])
        try:
            status = highs.setOptionValue(name, kind(value) if kind in (int, float) else value)
        except (ValueError, TypeError) as error:
            raise refused_value(TITLE, name, value, str(error).splitlines()[0]) from error
        if status != highspy.HighsStatus.kOk:
            raise refused_value(TITLE, name, value)


def _set_start(highs: Any, model: Model, points: Sequence[np.ndarray]) -> None:
    """Hand over the best point that is complete and feasible, else the first."""
    feasible = [z for z in points if not np.isnan(z).any() and violation(model, z) <= TOL]
    z = min(feasible, key=model.objective.value) if feasible else points[0]
    said = np.flatnonzero(~np.isnan(z))
    highs.setSolution(len(said), said.astype(np.int32), z[said])


def _answer(model: Model, highs: Any, started: float) -> Solution:
    """Return what HiGHS found."""
    import highspy

    info, word = highs.getInfo(), highs.getModelStatus().name
    status = STATUS.get(word, "error")
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    whole, P = "int" in model.features, model.matrices[0]
    z = bound = None
    if status == "optimal" or (status == "time_limit" and feasible):
        z = np.asarray(highs.getSolution().col_value, dtype=float)
    if whole:
        bound = finite(info.mip_dual_bound)
    elif status == "optimal":
        bound = float(info.objective_function_value) if P.nnz == 0 else dual_value(model, highs.getSolution())
    return answer(
        model, status, z, bound, started, f"{TITLE} {highs.version()}", int(info.mip_node_count) if whole else None,
        {"status": highs.modelStatusToString(highs.getModelStatus()), "iterations": int(info.simplex_iteration_count)},
    )  # fmt: skip


def dual_value(model: Model, point: Any) -> float:
    """Return the dual objective of a QP's optimum, a proof of it.

    With y, d the multipliers of rows and bounds (>= 0 where a lower side holds, <= 0 where an upper one does)::

        P x + q = A'y + d,    value = -1/2 x'P x + r + sum(y side) + sum(d side)

    Raises
    ------
    SolverError
        When the multipliers do not fit, or the gap to the primal objective exceeds ``QP_GAP``.
    """
    P, q, r = model.matrices
    A, (lo, hi), (lb, ub) = canonical(model.rows.M, model.n), sides(model.rows), column_bounds(model)
    x, y, d = (np.asarray(part, dtype=float) for part in (point.col_value, point.row_dual, point.col_dual))
    scale = 1.0 + max(np.abs(q).max(initial=0.0), np.abs(P @ x).max(initial=0.0))
    wrong = np.abs(P @ x + q - A.T @ y - d).max(initial=0.0)
    value = -0.5 * float(x @ (P @ x)) + r
    for multiplier, low, high in ((y, lo, hi), (d, lb, ub)):
        side = np.where(multiplier > 0, low, high)
        held = np.isfinite(side)
        wrong = max(wrong, np.abs(multiplier[~held]).max(initial=0.0))
        value += float(multiplier[held] @ side[held])
    primal = model.objective.value(x)
    if wrong > QP_GAP * scale or abs(primal - value) > QP_GAP * max(1.0, abs(primal)):
        raise SolverError(
            f"{TITLE} called a point of the convex QP {model.name!r} optimal that is not: duality gap "
            f"{primal - value:.2g}, dual residual {wrong:.2g}; use another solver, e.g. scip"
        )
    return value
