"""Rows and boxes that SCIP derives at the root of a model's tree, valid for every point of the model.

SCIP's presolve and separators (c-MIR, flow cover, Gomory and others) strengthen a relaxation well. What they find is
read here for use outside SCIP. Everything that would use a known point, or that keeps one of several optima alone, is
off: heuristics, dual reductions, symmetry, restarts, conflicts. So the rows and boxes hold for all points, up to SCIP's
usual tolerance of 1e-6, by which they are loosened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from ...deadline import Deadline, OutOfTime
from ...model.model import Model
from ...model.tables import QuadTable, join_quads
from ...numerics.quiet_scip import heard
from ...numerics.sparse import Csr
from ...problem.columns import Space
from ...problem.expressions import Quad
from ..driving.watch import finite
from .load import INFINITY, Loaded, load

PLAIN = {
    "presolving/donotaggr": True,
    "presolving/donotmultaggr": True,
    "presolving/maxrestarts": 0,
    "misc/allowstrongdualreds": False,
    "misc/allowweakdualreds": False,
    "misc/usesymmetry": 0,
    "propagating/pseudoobj/freq": -1,
    "propagating/redcost/freq": -1,
    "propagating/rootredcost/freq": -1,
    "propagating/dualfix/freq": -1,
    "propagating/dualfix/maxprerounds": 0,
    "propagating/genvbounds/freq": -1,
    "propagating/probing/maxuseless": 0,
    "propagating/probing/maxtotaluseless": 0,
    "propagating/probing/maxsumuseless": 0,
    "propagating/probing/maxfixings": 0,
    "conflict/enable": False,
    "limits/nodes": 1,
    "lp/presolving": False,
    "separating/gomory/freq": -1,
    "numerics/feastol": 1e-7,
}
"""SCIP's parameters without whatever rests on a point or on the objective.

Probing looks at every binary. Strong branching at the root settles binaries of which one side is infeasible; with
Gomory cuts and a tolerance of 1e-6 it settled some on the wrong side. SoPlex's presolve prints to the terminal."""
OF_OBJECTIVE = {
    "propagating/pseudoobj/freq": 1,
    "propagating/redcost/freq": 1,
    "propagating/rootredcost/freq": 1,
}
"""Parameters where the objective has a limit: what needs more is left out."""
LOOSE = 1e-6
"""How much rows (of their largest entry) and boxes (relative to 1 + |bound|) are loosened: SCIP's tolerance."""
TRAP = 1e-4
"""A box is not made narrower than this, unless to a single value: SCIP may take its column for one that cannot move."""
AT_BOUND = 1e-6
"""A point this close to a bound, relative to the box, is at it."""


@dataclass(frozen=True, eq=False)
class Root:
    """What SCIP knows at its root.

    Parameters
    ----------
    M, lo, hi : csr_array (m, n), ndarray (m,)
        Valid rows ``lo <= M z <= hi``.
    lb, ub : ndarray (n,)
        Valid boxes.
    bound : float
        Lower bound on the minimised objective that was given; -inf where there is none.
    empty : bool
        Whether SCIP says that there is no point, within the limit.
    """

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    ub: np.ndarray
    bound: float
    empty: bool = False


@cache
def heuristics_off() -> dict[str, int]:
    """Return SCIP's parameters that turn all its heuristics off."""
    from pyscipopt import Model as Scip

    return {name: -1 for name in Scip().getParams() if name.startswith("heuristics/") and name.endswith("/freq")}


def root_rows(
    model: Model, point: np.ndarray | None = None, limit: float = np.inf, rounds: int = 10,
    time_limit: float | None = None,
) -> Root:  # fmt: skip
    """Return the rows and boxes that SCIP derives at the root of a model.

    Parameters
    ----------
    model : Model
        In its own units.
    point : ndarray (n,), optional
        Where SCIP separates: its root relaxation is that of the scaled distance ``sum |z - point| / width``, whose
        optimum is the point as long as no row cuts it off. By default at the optima of the model's own objective.
    limit : float
        Rows and boxes need to hold for points whose (minimised) objective is not above it alone.
    rounds : int
        Of separation.
    time_limit : float, optional
        Seconds.

    Returns
    -------
    Root
        The boxes of the model and no rows where the root is not reached in time, or solves the model.
    """
    from pyscipopt import Model as Scip

    deadline, scip = Deadline(time_limit), Scip(model.name)
    asked = model if point is None else _without_objective(model, limit)
    with heard():
        try:
            scip.hideOutput()
            own = OF_OBJECTIVE if point is None and np.isfinite(limit) else {}
            for name, value in {**heuristics_off(), **PLAIN, "separating/maxroundsroot": rounds, **own}.items():
                scip.setParam(name, value)
            if not len(model.quads):
                scip.setParam("nlp/disable", True)
            loaded = load(asked, scip, deadline)
            if point is not None:
                _toward(loaded, model, point)
            elif np.isfinite(limit):
                scip.setObjlimit(limit)
            scip.setParam("limits/time", deadline.left(INFINITY))
            reader = _reader()
            scip.includeBranchrule(reader, "read_root", "reads the root relaxation", 10**6, -1, 1.0)
            scip.optimizeNogil()
            return _root(loaded, model, reader, point is None)
        except OutOfTime:
            return _nothing(model)
        finally:
            if hasattr(scip, "free"):
                scip.free()


def _without_objective(model: Model, limit: float) -> Model:
    """Return the model without its objective, which is a row where it has a limit."""
    bare = replace(model, objective=Quad.of(Space(model.name), 0.0), origin=None)
    if not np.isfinite(limit):
        return bare
    row = QuadTable.of([model.objective], np.array([-np.inf]), np.array([limit]), (), model.n)
    return replace(bare, quads=join_quads([model.quads, row], model.n))


def _nothing(model: Model) -> Root:
    none = np.empty(0)
    return Root(Csr((0, model.n)), none, none, model.space.lb.copy(), model.space.ub.copy(), -np.inf)


def _reader() -> Any:
    """Return a branching rule that does not branch, but copies the rows of the root relaxation."""
    from pyscipopt import SCIP_RESULT, Branchrule

    class Reader(Branchrule):
        rows: list[tuple[list[str], list[float], float, float]] | None = None

        def branchexeclp(self, allowaddcons: bool) -> dict[str, Any]:
            if self.rows is None:
                self.rows = [
                    (
                        [column.getVar().name for column in row.getCols()], list(row.getVals()),
                        row.getLhs() - row.getConstant(), row.getRhs() - row.getConstant(),
                    )
                    for row in self.model.getLPRowsData()
                    if not row.isLocal()
                ]  # fmt: skip
            return {"result": SCIP_RESULT.DIDNOTRUN}

        def branchexecext(self, allowaddcons: bool) -> dict[str, Any]:
            return {"result": SCIP_RESULT.DIDNOTRUN}

        def branchexecps(self, allowaddcons: bool) -> dict[str, Any]:
            return {"result": SCIP_RESULT.DIDNOTRUN}

    return Reader()


def _toward(loaded: Loaded, model: Model, point: np.ndarray) -> None:
    """Set the objective to the scaled distance from a point; columns in between get ``d >= |z - point|``."""
    from pyscipopt.scip import Expr, ExprCons

    scip, lb, ub = loaded.scip, model.space.lb, model.space.ub
    width = ub - lb
    goal: dict[Any, float] = {}
    for k in np.flatnonzero(np.isfinite(width) & (width > AT_BOUND)).tolist():
        term, scale, at = next(iter(loaded.columns[k])), 1.0 / width[k], float(np.clip(point[k], lb[k], ub[k]))
        if at - lb[k] <= AT_BOUND * width[k]:
            goal[term] = scale
        elif ub[k] - at <= AT_BOUND * width[k]:
            goal[term] = -scale
        else:
            far = next(iter(scip.addVar(f"d{k}", "C", 0.0, None, 0.0)))
            goal[far] = scale
            scip.addCons(ExprCons(Expr({term: 1.0, far: -1.0}), None, at))
            scip.addCons(ExprCons(Expr({term: 1.0, far: 1.0}), at, None))
    scip.setObjective(Expr(goal), "minimize")


def _root(loaded: Loaded, model: Model, reader: Any, own_objective: bool) -> Root:
    """Return what the reader saw; columns of the model are named z0, z1, ... in SCIP, t_z0, ... once transformed."""
    scip, nothing = loaded.scip, _nothing(model)
    bound = finite(scip.getDualbound()) if own_objective else None
    bound = -np.inf if bound is None else bound
    if scip.getStatus() == "infeasible":
        return replace(nothing, bound=bound, empty=True)
    if scip.getNSols():  # a point was found after all: what SCIP derived since may rest on it
        return replace(nothing, bound=bound)
    known = {f"t_z{k}": k for k in range(model.n)}
    row: list[int] = []
    column: list[int] = []
    value: list[float] = []
    lo: list[float] = []
    hi: list[float] = []
    for names, values, low, high in reader.rows or ():
        at = [known.get(name, -1) for name in names]
        if len(at) < 2 or min(at) < 0:
            continue
        room = LOOSE * max(1.0, max(abs(v) for v in values))
        row += [len(lo)] * len(at)
        column += at
        value += values
        lo.append(low - room if low > -INFINITY else -np.inf)
        hi.append(high + room if high < INFINITY else np.inf)
    M = Csr((value, (row, column)), shape=(len(lo), model.n)) if lo else Csr((0, model.n))
    lb, ub = _boxes(loaded, model)
    return Root(M, np.array(lo), np.array(hi), lb, ub, bound)


def _boxes(loaded: Loaded, model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes SCIP has at its root, loosened, and none wider than the model's own."""
    scip, space = loaded.scip, model.space
    inside = [scip.getTransformedVar(column) for column in loaded.columns]
    lb, ub = (np.array([getattr(v, f"get{word}Global")() for v in inside]) for word in ("Lb", "Ub"))
    whole = space.kind != "C"
    lb[whole], ub[whole] = np.round(lb[whole]), np.round(ub[whole])
    lb, ub = np.where(lb > -INFINITY, lb, -np.inf), np.where(ub < INFINITY, ub, np.inf)
    size = np.maximum(*(np.where(np.isfinite(side), np.abs(side), 0.0) for side in (lb, ub)))
    room = np.where(~whole & (lb < ub), np.maximum(LOOSE * (1.0 + size), TRAP - (ub - lb)), 0.0)
    lb, ub = np.maximum(lb - room, space.lb), np.minimum(ub + room, space.ub)
    empty = lb > ub
    return np.where(empty, space.lb, lb), np.where(empty, space.ub, ub)
