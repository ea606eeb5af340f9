"""Gurobi through gurobipy: everything an encoded model may hold.

Reference: Gurobi Optimizer Reference Manual, https://docs.gurobi.com
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import SolverError
from ..model.model import FEATURES as ALL
from ..model.model import Model
from ..model.solution import Solution
from .driving.arrays import Arrays, Sided, spans
from .driving.checks import INTEGRALITY, refused_value, unknown_option
from .driving.session import Incumbent, LibraryAnswer, drive, size_limited
from .driving.watch import Watch, finite

TITLE = "Gurobi"
INSTALL = "pip install gurobipy"
FEATURES = frozenset(ALL) - {"pairs"}
TOL = 1e-6

STATUS = {
    "OPTIMAL": "optimal",
    "INFEASIBLE": "infeasible",
    "INF_OR_UNBD": "infeasible_or_unbounded",
    "UNBOUNDED": "unbounded",
    "CUTOFF": "time_limit",
    "ITERATION_LIMIT": "time_limit",
    "NODE_LIMIT": "time_limit",
    "TIME_LIMIT": "time_limit",
    "SOLUTION_LIMIT": "time_limit",
    "INTERRUPTED": "time_limit",
    "USER_OBJ_LIMIT": "time_limit",
    "WORK_LIMIT": "time_limit",
    "MEM_LIMIT": "time_limit",
    "SUBOPTIMAL": "heuristic",
    "LOCALLY_OPTIMAL": "heuristic",
}
"""Gurobi's own word -> ours; anything else is an error."""
SENSE = {"L": "<", "G": ">", "E": "="}
TOO_LARGE, NO_LICENCE = 10010, 10009


def available() -> bool:
    """Return whether gurobipy is installed."""
    return importlib.util.find_spec("gurobipy") is not None


def version() -> str:
    """Return the version of Gurobi, e.g. ``13.0.3``."""
    import gurobipy

    return ".".join(map(str, gurobipy.gurobi.version()))


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
    Options are Gurobi parameters under their own names, e.g. ``NodeLimit``. One default is changed: integers are
    integer within 1e-6 (``IntFeasTol``), as everywhere in kktgen; with a large M Gurobi's 1e-5 lets slacks through.
    """
    import gurobipy

    try:
        return drive(
            f"{TITLE} {version()}", lambda: GurobiSession(gap, threads, verbose), model, tol=TOL,
            time_limit=time_limit, own_limit="timelimit", start=start, progress=progress, options=options,
        )  # fmt: skip
    except gurobipy.GurobiError as error:
        if error.errno == TOO_LARGE:
            raise size_limited(TITLE, str(error)) from error
        if error.errno == NO_LICENCE:
            raise SolverError(f"{TITLE} has no licence here ({error}); use another solver") from error
        raise


class GurobiSession:
    """One Gurobi model in an environment of its own."""

    def __init__(self, gap: float | None, threads: int, verbose: bool) -> None:
        import gurobipy as gp

        self.env = gp.Env(empty=True)
        self.env.setParam("OutputFlag", int(verbose))
        self.env.start()
        self.model = gp.Model(env=self.env)
        self.model.Params.Threads = threads
        self.model.Params.IntFeasTol = INTEGRALITY
        if gap is not None:
            self.model.Params.MIPGap = gap

    def set_option(self, name: str, value: Any) -> None:
        """Set a Gurobi parameter."""
        import gurobipy as gp

        known = [word for word in dir(gp.GRB.Param) if not word.startswith("_")]
        if name.lower() not in {word.lower() for word in known}:
            raise unknown_option(TITLE, name, known)
        try:
            self.model.setParam(name, value)
        except (gp.GurobiError, TypeError, ValueError) as error:
            raise refused_value(TITLE, name, value, str(error)) from error

    def load(self, parts: Arrays) -> None:
        """Take over the model: columns, linear rows, indicators in bulk, sets and quadratic rows one by one."""
        from gurobipy import GRB

        model = self.model
        lb, ub = parts.box(GRB.INFINITY)
        x = self.x = model.addMVar(parts.n, lb, ub, 0.0, parts.kind)
        self.discrete = parts.discrete
        if len(parts.rows):
            model.addMConstr(parts.rows.M, x, _senses(parts.rows), parts.rows.rhs)
        columns = x.tolist()
        for members in parts.sets():
            model.addSOS(GRB.SOS_TYPE1, [columns[k] for k in members], list(range(1, len(members) + 1)))
        for sense, at in _by_sense(parts.implied):
            left = parts.implied.M[at] @ x
            model.addGenConstrIndicator(
                x[parts.binary[at]], parts.value[at].astype(bool), left, SENSE[sense], parts.implied.rhs[at]
            )
        _add_quadratic_rows(model, columns, parts)
        if parts.P.nnz:
            model.setMObjective(parts.P / 2.0, parts.q, parts.r, x, x, x, GRB.MINIMIZE)
        else:
            model.setObjective(parts.q @ x + parts.r, GRB.MINIMIZE)

    def start(self, points: Sequence[np.ndarray]) -> None:
        """Take over starting points; Gurobi completes partial ones. A continuous model takes none."""
        if not self.discrete:
            return
        self.model.NumStart = len(points)
        self.model.update()
        for k, z in enumerate(points):
            self.model.Params.StartNumber = k
            said = ~np.isnan(z)
            self.x[said].Start = z[said]

    def limit(self, seconds: float) -> None:
        """Set the time limit."""
        self.model.Params.TimeLimit = seconds

    def run(self, watch: Watch) -> None:
        """Solve."""
        from gurobipy import GRB

        incumbent = Incumbent(watch)

        def heard(model: Any, where: int) -> None:
            if where == GRB.Callback.MIPSOL:
                incumbent.hear(model.cbGet(GRB.Callback.MIPSOL_OBJ), lambda: model.cbGetSolution(self.x))
            else:
                incumbent.hear()
            if watch.due() and where == GRB.Callback.MIP:
                state = (GRB.Callback.MIP_NODCNT, GRB.Callback.MIP_OBJBST, GRB.Callback.MIP_OBJBND)
                nodes, best, bound = (model.cbGet(what) for what in state)
                watch.tell(int(nodes), best, bound)
            if watch.error is not None:
                model.terminate()

        self.model.optimize(heard if watch.active or watch.keep is not None else None)

    def stop(self) -> None:
        """Ask the run to end."""
        self.model.terminate()

    def found(self) -> LibraryAnswer:
        """Return what the run found."""
        from gurobipy import GRB

        model = self.model
        word = {getattr(GRB.Status, name): name for name in dir(GRB.Status) if name.isupper()}[model.Status]
        z = self.x.X if model.SolCount else None
        bound = finite(model.ObjBound) if model.IsMIP else None
        if word == "OPTIMAL" and not model.IsMIP:
            bound = float(model.ObjVal)
        nodes = int(model.NodeCount) if model.IsMIP else None
        return LibraryAnswer(word, STATUS.get(word, "error"), z, bound, nodes, word == "INTERRUPTED")

    def close(self) -> None:
        """Give back memory and licence."""
        self.model.dispose()
        self.env.dispose()


def _add_quadratic_rows(model: Any, columns: list[Any], parts: Arrays) -> None:
    """Add the quadratic rows one by one: expressions of matrices are two hundred times slower there."""
    from gurobipy import LinExpr, QuadExpr

    i, j, v, starts = parts.i.tolist(), parts.j.tolist(), parts.v.tolist(), parts.quad_start.tolist()
    rows = zip(spans(parts.quads.M), parts.quads.sense.tolist(), parts.quads.rhs.tolist(), strict=True)
    for ((at, values), sense, side), a, b in zip(rows, starts, starts[1:], strict=False):
        left = QuadExpr(LinExpr(values, [columns[k] for k in at]))
        left.addTerms(v[a:b], [columns[k] for k in i[a:b]], [columns[k] for k in j[a:b]])
        model.addQConstr(left, SENSE[sense], side)


def _senses(rows: Sided) -> np.ndarray:
    """Return the senses as Gurobi spells them."""
    return np.select([rows.sense == sense for sense in SENSE], list(SENSE.values()), "=")


def _by_sense(rows: Sided) -> list[tuple[str, np.ndarray]]:
    """Return for every sense that occurs the rows of that sense."""
    every = [(sense, np.flatnonzero(rows.sense == sense)) for sense in SENSE]
    return [(sense, at) for sense, at in every if len(at)]
