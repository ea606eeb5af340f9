"""CPLEX through its Python API: all but nonconvex quadratic rows.

A nonconvex objective together with quadratic rows is refused, too, as CPLEX does, and together with SOS1 sets: there
CPLEX 22.2 calls wrong points optimal. With bounds of 1e4 on the columns of two sets it found 0 instead of -12.04, bound
and all, from the plain LP file; with bounds of 1e3 it was right.

Reference: IBM ILOG CPLEX Optimization Studio, https://www.ibm.com/docs/en/icos
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import UnsupportedError
from ..model.model import FEATURES as ALL
from ..model.model import Model
from ..model.solution import Solution
from .driving.arrays import Arrays, spans
from .driving.checks import INTEGRALITY, refused_value, unknown_option
from .driving.session import Incumbent, LibraryAnswer, drive, size_limited
from .driving.watch import Watch, finite

TITLE = "CPLEX"
INSTALL = "pip install cplex"
FEATURES = frozenset({"int", "qobj", "qobj_nonconvex", "qrow", "sos1", "indicator"})
TOL = 1e-6
INFINITY = 1e20
TOO_LARGE = 1016
BESIDE = ("qrow", "sos1")
"""Features that exclude a nonconvex objective."""
GLOBAL = 3
"""``optimalitytarget``: a global optimum, the objective need not be convex."""

STATUS = {
    "optimal": "optimal",
    "optimal_infeasible": "heuristic",
    "optimal_face_unbounded": "error",
    "unbounded": "unbounded",
    "infeasible": "infeasible",
    "infeasible_or_unbounded": "infeasible_or_unbounded",
    "num_best": "heuristic",
    "feasible": "heuristic",
    "first_order": "heuristic",
    "relaxation_unbounded": "infeasible_or_unbounded",
    "abort_iteration_limit": "time_limit",
    "abort_time_limit": "time_limit",
    "abort_dettime_limit": "time_limit",
    "abort_obj_limit": "time_limit",
    "abort_primal_obj_limit": "time_limit",
    "abort_dual_obj_limit": "time_limit",
    "abort_user": "time_limit",
    "MIP_optimal": "optimal",
    "optimal_tolerance": "optimal",
    "MIP_optimal_infeasible": "heuristic",
    "MIP_infeasible": "infeasible",
    "MIP_unbounded": "unbounded",
    "MIP_infeasible_or_unbounded": "infeasible_or_unbounded",
    "MIP_feasible": "heuristic",
    "MIP_time_limit_feasible": "time_limit",
    "MIP_time_limit_infeasible": "time_limit",
    "MIP_dettime_limit_feasible": "time_limit",
    "MIP_dettime_limit_infeasible": "time_limit",
    "MIP_abort_feasible": "time_limit",
    "MIP_abort_infeasible": "time_limit",
    "node_limit_feasible": "time_limit",
    "node_limit_infeasible": "time_limit",
    "solution_limit": "time_limit",
    "mem_limit_feasible": "time_limit",
    "mem_limit_infeasible": "time_limit",
}
"""CPLEX's own word -> ours; anything else is an error."""


def available() -> bool:
    """Return whether the package cplex is installed."""
    return importlib.util.find_spec("cplex") is not None


def version() -> str:
    """Return the version of CPLEX, e.g. ``22.2.0.0``."""
    import cplex

    with cplex.Cplex() as empty:
        return str(empty.get_version())


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
    Options are CPLEX parameters under the names of the Python API, e.g. ``mip.limits.nodes``. Two defaults
    are changed: ``optimalitytarget`` is 3 where the objective is not convex, which CPLEX would refuse otherwise, and
    integers are integer within 1e-6 (``mip.tolerances.integrality``), as everywhere in kktgen; with a large M the 1e-5
    of CPLEX lets slacks through.
    """
    import cplex

    nonconvex = "qobj_nonconvex" in model.features
    beside = [ALL[key] for key in BESIDE if key in model.features]
    if nonconvex and beside:
        raise UnsupportedError(
            f"{TITLE} cannot solve {ALL['qobj_nonconvex']} together with {' or '.join(beside)} (model {model.name!r}); "
            "use another solver, e.g. scip"
        )
    try:
        return drive(
            f"{TITLE} {version()}", lambda: CplexSession(nonconvex, gap, threads, verbose), model,
            tol=TOL, time_limit=time_limit, own_limit="timelimit", start=start, progress=progress,
            options=options,
        )  # fmt: skip
    except cplex.exceptions.CplexSolverError as error:
        if error.args[2:] == (TOO_LARGE,):
            raise size_limited(TITLE, str(error)) from error
        raise


class CplexSession:
    """One CPLEX problem."""

    def __init__(self, nonconvex: bool, gap: float | None, threads: int, verbose: bool) -> None:
        import cplex

        self.nonconvex = nonconvex
        self.cplex = cplex.Cplex()
        if not verbose:
            for stream in ("log", "results", "warning", "error"):
                getattr(self.cplex, f"set_{stream}_stream")(None)
        self.aborter = self.cplex.use_aborter(cplex.Aborter())
        self.cplex.parameters.threads.set(threads)
        self.cplex.parameters.mip.tolerances.integrality.set(INTEGRALITY)
        if gap is not None:
            self.cplex.parameters.mip.tolerances.mipgap.set(float(gap))
        if nonconvex:
            self.cplex.parameters.optimalitytarget.set(GLOBAL)

    def set_option(self, name: str, value: Any) -> None:
        """Set a CPLEX parameter."""
        import cplex

        every = {str(parameter).removeprefix("parameters."): parameter for parameter, _ in _parameters(self.cplex)}
        if name not in every:
            raise unknown_option(TITLE, name, sorted(every))
        try:
            every[name].set(value)
        except (cplex.exceptions.CplexError, TypeError, ValueError) as error:
            raise refused_value(TITLE, name, value, str(error)) from error

    def load(self, parts: Arrays) -> None:
        """Take over the model: columns, linear rows, indicators in bulk, sets and quadratic rows one by one."""
        from cplex import SparsePair, SparseTriple

        problem = self.cplex
        self.n, self.discrete = parts.n, parts.discrete
        lb, ub = parts.box(INFINITY)
        kinds = (
            "".join(parts.kind.tolist()) if (parts.kind != "C").any() else ""
        )  # kinds make it a mixed-integer problem
        problem.variables.add(obj=parts.q.tolist(), lb=lb.tolist(), ub=ub.tolist(), types=kinds)
        problem.objective.set_offset(parts.r)
        problem.linear_constraints.add(rhs=parts.rows.rhs.tolist(), senses="".join(parts.rows.sense.tolist()))
        entries = parts.rows.M.tocoo()
        if entries.nnz:
            problem.linear_constraints.set_coefficients(
                list(zip(entries.row.tolist(), entries.col.tolist(), entries.data.tolist(), strict=True))
            )
        if parts.P.nnz:
            problem.objective.set_quadratic([list(row) for row in spans(parts.P)])
        for members in parts.sets():
            problem.SOS.add(
                type=problem.SOS.type.SOS1, SOS=SparsePair(members, list(map(float, range(1, len(members) + 1))))
            )
        if len(parts.implied):
            problem.indicator_constraints.add_batch(
                lin_expr=[list(row) for row in spans(parts.implied.M)], sense="".join(parts.implied.sense.tolist()),
                rhs=parts.implied.rhs.tolist(), indvar=parts.binary.tolist(),
                complemented=(1 - parts.value).astype(int).tolist(),
            )  # fmt: skip
        starts = parts.quad_start.tolist()
        linear = zip(spans(parts.quads.M), parts.quads.sense.tolist(), parts.quads.rhs.tolist(), strict=True)
        for (row, sense, rhs), a, b in zip(linear, starts, starts[1:], strict=False):
            triple = SparseTriple(parts.i[a:b].tolist(), parts.j[a:b].tolist(), parts.v[a:b].tolist())
            problem.quadratic_constraints.add(SparsePair(*row), triple, sense, rhs)

    def start(self, points: Sequence[np.ndarray]) -> None:
        """Take over starting points; CPLEX completes partial ones. A continuous model takes none."""
        from cplex import SparsePair

        if not self.discrete:
            return
        starts = self.cplex.MIP_starts
        for z in points:
            said = np.flatnonzero(~np.isnan(z))
            if len(said):
                starts.add(SparsePair(said.tolist(), z[said].tolist()), starts.effort_level.auto)

    def limit(self, seconds: float) -> None:
        """Set the time limit."""
        self.cplex.parameters.timelimit.set(seconds)

    def run(self, watch: Watch) -> None:
        """Solve."""
        from cplex.callbacks import Context

        aborter, incumbent = self.aborter, Incumbent(watch)

        class Heard:
            def invoke(self, context: Any) -> None:
                best = context.get_double_info(Context.info.best_solution)
                incumbent.hear(best, context.get_incumbent)
                if watch.due():
                    nodes = context.get_long_info(Context.info.node_count)
                    watch.tell(int(nodes), best, context.get_double_info(Context.info.best_bound))
                if watch.error is not None:
                    aborter.abort()

        if (watch.active or watch.keep is not None) and (self.discrete or self.nonconvex):
            self.cplex.set_callback(Heard(), Context.id.global_progress)
        self.cplex.solve()

    def stop(self) -> None:
        """Ask the run to end."""
        self.aborter.abort()

    def found(self) -> LibraryAnswer:
        """Return what the run found."""
        solution = self.cplex.solution
        number = solution.get_status()
        word = solution.status[number]
        status = STATUS.get(word, "error")
        mixed = solution.get_method() == solution.method.MIP
        z = np.array(solution.get_values()) if solution.is_primal_feasible() and self.n else None
        if status == "optimal" and not self.n:
            z = np.empty(0)
        bound = None
        if mixed and status in ("optimal", "time_limit", "heuristic"):
            bound = finite(solution.MIP.get_best_objective())
        elif status == "optimal":
            bound = float(solution.get_objective_value())
        nodes = int(solution.progress.get_num_nodes_processed()) if mixed else None
        caught = word in ("abort_user", "MIP_abort_feasible", "MIP_abort_infeasible")
        return LibraryAnswer(word, status, z, bound, nodes, caught)

    def close(self) -> None:
        """Give back memory and licence."""
        self.cplex.end()
        self.aborter.end()


def _parameters(group: Any) -> list[Any]:
    """Return all parameters of CPLEX."""
    return group.parameters.get_all()
