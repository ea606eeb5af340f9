"""FICO Xpress through its Python API: everything an encoded model may hold.

Nonconvex products go to the global solver of Xpress by themselves, except some rows with products of integers alone:
its mixed-integer solver takes those and stops, calling them not convex, which is the status ``error`` here.

Reference: FICO Xpress Optimizer reference manual, https://www.fico.com/fico-xpress-optimization/docs
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..model.model import FEATURES as ALL
from ..model.model import Model
from ..model.solution import Solution
from .driving.arrays import Arrays
from .driving.checks import INTEGRALITY, refused_value, unknown_option
from .driving.session import Incumbent, LibraryAnswer, drive, size_limited
from .driving.watch import Watch, finite

TITLE = "Xpress"
INSTALL = "pip install xpress"
FEATURES = frozenset(ALL) - {"pairs"}
TOL = 1e-6
INFINITY = 1e20
TOO_LARGE = "?120 "

SOLVED = {
    "OPTIMAL": "optimal",
    "FEASIBLE": "heuristic",
    "INFEASIBLE": "infeasible",
    "UNBOUNDED": "unbounded",
    "NOTFOUND": "infeasible_or_unbounded",
}
"""Xpress's word for what a completed solve found -> ours; one that ``LIMITS`` stopped is ``time_limit``."""
LIMITS = (
    "TIMELIMIT", "CTRLC", "NODELIMIT", "ITERLIMIT", "MIPGAP", "SOLLIMIT", "USER", "WORKLIMIT", "MEMORYERROR",
    "NEXTOBJECTIVE", "MIPSTAGE",
)  # fmt: skip


def available() -> bool:
    """Return whether the package xpress is installed."""
    return importlib.util.find_spec("xpress") is not None


def version() -> str:
    """Return the version of the Xpress optimizer, e.g. ``47.01.02``."""
    import xpress

    return str(xpress.getVersion())


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
    Options are Xpress controls under their own names, e.g. ``maxnode``. Two defaults are changed: integers are integer
    within 1e-6 (``miptol``), as everywhere in kktgen; with a large M the 5e-6 of Xpress lets slacks through. Products
    hold within 1e-6 (``nlpvalidationtol_a``, ``_k``, ``_r``); with its 1e-5 ``min x^2 + y^2, x y >= 4`` is 7.99994.
    Nonconvex models get one thread, whatever is asked for: with two, 9.9.1 calls points optimal that break rows by 0.7.
    """
    if model.features & {"qobj_nonconvex", "qrow_nonconvex"}:
        threads = 1
    try:
        return drive(
            f"{TITLE} {version()}", lambda: XpressSession(gap, threads, verbose), model, tol=TOL,
            time_limit=time_limit, own_limit="timelimit", start=start, progress=progress, options=options,
        )  # fmt: skip
    except Exception as error:  # Xpress has several classes of its own; the number is in the text
        if str(error).startswith(TOO_LARGE):
            raise size_limited(TITLE, str(error)) from error
        raise


class XpressSession:
    """One Xpress problem."""

    def __init__(self, gap: float | None, threads: int, verbose: bool) -> None:
        import xpress

        with warnings.catch_warnings():  # it tells whoever has the community licence how not to be told
            warnings.simplefilter("ignore")
            self.problem = xpress.problem()
        self.problem.setOutputEnabled(bool(verbose))
        self.problem.controls.threads = threads
        self.problem.controls.miptol = INTEGRALITY
        for name in ("nlpvalidationtol_a", "nlpvalidationtol_k", "nlpvalidationtol_r"):
            self.problem.setControl(name, TOL)
        if gap is not None:
            self.problem.controls.miprelstop = float(gap)

    def set_option(self, name: str, value: Any) -> None:
        """Set an Xpress control."""
        known = [word for word in dir(self.problem.controls) if not word.startswith("_")]
        if name.lower() not in known:
            raise unknown_option(TITLE, name, known)
        try:
            self.problem.setControl(name.lower(), value)
        except Exception as error:  # classes of its own for every kind of failure
            raise refused_value(TITLE, name, value, str(error)) from error

    def load(self, parts: Arrays) -> None:
        """Take over the model in one call, and the indicators in another."""
        lb, ub = parts.box(INFINITY)
        tables = (parts.rows, parts.implied, parts.quads)
        A = sp.csc_array(sp.vstack([table.M for table in tables], format="csc"))
        P = sp.coo_array(sp.triu(parts.P))
        first = len(parts.rows) + len(parts.implied)
        half = np.where(parts.i == parts.j, parts.v, parts.v / 2.0)  # one triangle of a symmetric matrix
        whole = np.flatnonzero(parts.kind != "C")
        self.n, self.discrete = parts.n, parts.discrete
        self.problem.loadMIQCQP(
            "kktgen", np.concatenate([table.sense for table in tables]).tolist(),
            np.concatenate([table.rhs for table in tables]), None, parts.q, A.indptr, None, A.indices, A.data, lb, ub,
            P.row, P.col, P.data, first + np.arange(len(parts.quads)), np.diff(parts.quad_start), parts.i, parts.j,
            half, parts.kind[whole].tolist(), whole, None, ["1"] * (len(parts.set_start) - 1), parts.set_start,
            parts.set_columns, _weights(parts.set_start),
        )  # fmt: skip
        self.problem.chgObj([-1], [-parts.r])
        if len(parts.implied):
            rows = len(parts.rows) + np.arange(len(parts.implied))
            self.problem.setIndicators(rows, parts.binary, np.where(parts.value == 1, 1, -1))

    def start(self, points: Sequence[np.ndarray]) -> None:
        """Take over starting points; Xpress completes partial ones. A continuous model takes none."""
        for z in points if self.discrete else ():
            said = np.flatnonzero(~np.isnan(z))
            if len(said):
                self.problem.addMipSol(z[said], said)

    def limit(self, seconds: float) -> None:
        """Set the time limit."""
        self.problem.controls.timelimit = seconds

    def run(self, watch: Watch) -> None:
        """Solve."""
        incumbent = Incumbent(watch)

        def improved(problem: Any, _: Any) -> None:
            incumbent.hear(problem.attributes.mipbestobjval, lambda: _incumbent(problem))

        def heard(problem: Any, _: Any) -> None:
            incumbent.hear()
            if watch.due():
                found = problem.attributes
                best = found.mipbestobjval if found.mipsols else np.inf
                watch.tell(int(found.nodes), best, found.bestbound)
            if watch.error is not None:
                problem.interrupt()

        if (watch.active or watch.keep is not None) and self.discrete:
            self.problem.addCheckTimeCallback(heard, None, 0)
        if watch.keep is not None:
            self.problem.addIntsolCallback(improved, None, 0)
        self.problem.optimize()

    def stop(self) -> None:
        """Ask the run to end."""
        self.problem.interrupt()

    def found(self) -> LibraryAnswer:
        """Return what the run found."""
        import xpress

        said = self.problem.attributes
        solved, solution = xpress.SolveStatus(said.solvestatus).name, xpress.SolStatus(said.solstatus).name
        stop = xpress.StopType(said.stopstatus).name
        status = "time_limit" if solved == "STOPPED" and stop in LIMITS else "error"
        status = SOLVED[solution] if solved == "COMPLETED" else status
        z = None
        if solution in ("OPTIMAL", "FEASIBLE"):
            z = np.array(self.problem.getSolution()) if self.n else np.empty(0)
        mixed = self.discrete
        bound = finite(said.bestbound) if mixed or status != "optimal" else float(said.objval)
        if status == "heuristic":  # columns without bounds got some, and the bound holds within them alone
            bound = None
        word = f"{solved} {solution}" + (f" ({stop})" if solved == "STOPPED" else "")
        return LibraryAnswer(word, status, z, bound, int(said.nodes) if mixed else None, stop == "CTRLC")

    def close(self) -> None:
        """Give back memory."""
        self.problem.reset()


def _incumbent(problem: Any) -> Any:
    """Return the columns of the new incumbent, within the callback that tells of it.

    Only ``getSolution`` knows the incumbents of the global solver: there ``getCallbackSolution`` returns points of a
    relaxation that break the products. Where the presolver has removed all products it is the other way round: the
    first has nothing, the second is right.
    """
    import xpress

    try:
        return problem.getSolution()
    except xpress.ModelError:
        return problem.getCallbackSolution()


def _weights(start: np.ndarray) -> np.ndarray:
    """Return the weights 1, 2, .. of every set."""
    return np.arange(1.0, start[-1] + 1) - np.repeat(start[:-1], np.diff(start))
