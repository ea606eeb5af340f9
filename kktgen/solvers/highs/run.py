"""Hand a model to a HiGHS object and run it: what every way of solving with HiGHS shares."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import scipy.sparse as sp

from ...errors import SolverError
from ...model.model import Model
from ...numerics.quiet_highs import logged, pass_model
from ...numerics.warm_lp import as_lp
from ..driving.checks import canonical, column_bounds, sides

TITLE = "HiGHS"
TOL = 1e-6

STATUS = {
    "kOptimal": "optimal",
    "kModelEmpty": "optimal",
    "kInfeasible": "infeasible",
    "kUnbounded": "unbounded",
    "kUnboundedOrInfeasible": "infeasible_or_unbounded",
    "kTimeLimit": "time_limit",
    "kIterationLimit": "time_limit",
    "kSolutionLimit": "time_limit",
    "kObjectiveBound": "time_limit",
    "kObjectiveTarget": "time_limit",
    "kInterrupt": "time_limit",
    "kHighsInterrupt": "time_limit",
    "kMemoryLimit": "time_limit",
}
"""HiGHS's own word -> ours; anything else is an error."""


def load(model: Model, highs: Any, quadratic: bool = True) -> None:
    """Hand the model over in one call, with or without the quadratic part of its objective."""
    import highspy

    P, q, r = model.matrices
    program = highspy.HighsModel()
    program.lp_ = as_lp(q, canonical(model.rows.M, model.n), *sides(model.rows), *column_bounds(model))
    program.lp_.offset_ = r
    whole = model.space.kind != "C"
    if whole.any():
        kinds = np.array([highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger], dtype=object)
        program.lp_.integrality_ = kinds[whole.astype(int)].tolist()
    if P.nnz and quadratic:
        lower = sp.csc_array(sp.tril(P))
        lower.sort_indices()
        program.hessian_.dim_, program.hessian_.format_ = model.n, highspy.HessianFormat.kTriangular
        program.hessian_.start_ = lower.indptr.astype(np.int32)
        program.hessian_.index_ = lower.indices.astype(np.int32)
        program.hessian_.value_ = lower.data
    words = pass_model(highs, program)
    if words:
        raise SolverError(
            f"{TITLE} refused model {model.name!r}: a coefficient is beyond what it takes (1e15); rescale the model "
            f"({TITLE}: {words})"
        )


def run_from_start(highs: Any, watch: Any, left: float | None = None) -> bool:
    """Run HiGHS from the point it was given, and without it where it then calls a point optimal that is not.

    Presolve may improve a starting point where columns are fixed at their better ends; HiGHS 1.16 then compares the
    improved one with the bound, and returns the other. Its word for that is optimal.

    Parameters
    ----------
    highs, watch : object
    left : float, optional
        Seconds for both runs.
    """
    until = None if left is None else time.perf_counter() + left
    stopped = run(highs, watch)
    if stopped or highs.getModelStatus().name != "kOptimal" or not _astray(highs):
        return stopped
    highs.clearSolver()  # forgets the point
    if until is not None:
        highs.setOptionValue("time_limit", highs.getRunTime() + max(0.0, until - time.perf_counter()))
    return run(highs, watch)


def _astray(highs: Any) -> bool:
    """Return whether the point of an optimum is worse than its bound by clearly more than the gap asked for."""
    program, bound = highs.getLp(), highs.getInfo().mip_dual_bound
    value = float(np.dot(program.col_cost_, highs.getSolution().col_value)) + program.offset_
    relative, absolute = (highs.getOptionValue(name)[1] for name in ("mip_rel_gap", "mip_abs_gap"))
    return bool(value - bound > max(relative * abs(value), absolute) + 10 * TOL * (1.0 + abs(value)))


def run(highs: Any, watch: Any) -> bool:
    """Run HiGHS in a thread of its own, and return whether Ctrl-C was pressed.

    There Ctrl-C never hits a callback (it stops the solve from here), and the number of threads can differ from
    that of earlier solves, those of other code included: HiGHS keeps one scheduler per calling thread.

    Raises
    ------
    SolverError
        HiGHS failed; its own words are the cause.
    """
    import highspy

    stop, done = threading.Event(), threading.Event()
    failure: list[BaseException] = []
    best = np.empty(0)

    def improved(event: Any) -> None:
        nonlocal best
        best = np.array(event.data_out.mip_solution)
        watch.found(True, lambda: best)

    def heard(event: Any) -> None:
        state = event.data_out
        watch.found(False, lambda: best)
        if watch.due() and event.callback_type == highspy.cb.HighsCallbackType.kCallbackMipInterrupt:
            watch.tell(int(state.mip_node_count), state.mip_primal_bound, state.mip_dual_bound)
        if stop.is_set() or watch.error is not None:
            event.interrupt()

    def work() -> None:
        try:
            with logged(highs) as said:
                if highs.run() == highspy.HighsStatus.kError:
                    word = highs.modelStatusToString(highs.getModelStatus())
                    raise SolverError(f"{TITLE} failed: {said() or word}")
        except BaseException as error:  # raised again by the caller's thread
            failure.append(error)
        finally:
            done.set()

    calls = {highs.cbMipInterrupt: heard, highs.cbSimplexInterrupt: heard, highs.cbIpmInterrupt: heard}
    if watch.keep is not None:
        calls[highs.cbMipImprovingSolution] = improved
    for event, call in calls.items():
        event.clear()  # of an earlier run
        event.subscribe(call)
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    while not done.is_set():
        try:
            done.wait(1.0)
        except KeyboardInterrupt:
            if stop.is_set():  # pressed twice: do not wait for the solver
                raise
            stop.set()
    worker.join()
    if failure:
        raise failure[0]
    return stop.is_set()
