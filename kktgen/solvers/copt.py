"""COPT through coptpy: linear and convex quadratic models with integers, SOS1 sets and indicators.

Products that are not convex COPT solves only locally, so they are refused.

Reference: Ge, Huangqi, Wang, Wu, Ye, Cardinal Optimizer (COPT) user guide, 2022, arXiv:2208.14314
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..model.model import Model
from ..model.solution import Solution
from .driving.arrays import Arrays, spans
from .driving.checks import refused_value, unknown_option
from .driving.session import Incumbent, LibraryAnswer, drive, size_limited
from .driving.watch import Watch, finite

TITLE = "COPT"
INSTALL = "pip install coptpy"
FEATURES = frozenset({"int", "qobj", "qrow", "sos1", "indicator"})
TOL = 1e-6
INFINITY = 1e30

STATUS = {
    "OPTIMAL": "optimal",
    "INFEASIBLE": "infeasible",
    "UNBOUNDED": "unbounded",
    "INF_OR_UNB": "infeasible_or_unbounded",
    "NODELIMIT": "time_limit",
    "TIMEOUT": "time_limit",
    "INTERRUPTED": "time_limit",
    "ITERLIMIT": "time_limit",
    "IMPRECISE": "heuristic",
    "LOCAL_OPTIMAL": "heuristic",
}
"""COPT's own word -> ours; anything else is an error."""
TOO_LARGE = 4


def available() -> bool:
    """Return whether coptpy is installed."""
    return importlib.util.find_spec("coptpy") is not None


def version() -> str:
    """Return the version of COPT, e.g. ``8.0.7``."""
    from coptpy import COPT

    return f"{COPT.VERSION_MAJOR}.{COPT.VERSION_MINOR}.{COPT.VERSION_TECHNICAL}"


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
    Options are COPT parameters under their own names, e.g. ``NodeLimit``. No default is changed.
    """
    import coptpy

    try:
        return drive(
            f"{TITLE} {version()}", lambda: CoptSession(gap, threads, verbose), model, tol=TOL, time_limit=time_limit,
            own_limit="timelimit", start=start, progress=progress, options=options,
        )  # fmt: skip
    except coptpy.CoptError as error:
        if error.retcode == TOO_LARGE:
            raise size_limited(TITLE, str(error)) from error
        raise


@cache
def _environment() -> Any:
    """Return COPT's environment; without a licence file making one prints lines that no option silences."""
    import coptpy

    config = coptpy.EnvrConfig()
    config.set("nobanner", "1")
    with _silence():
        return coptpy.Envr(config)


@contextmanager
def _silence() -> Iterator[None]:
    """Swallow what a library written in C prints meanwhile."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(sink, number)
        yield
    finally:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
        os.close(sink)


class CoptSession:
    """One COPT problem."""

    def __init__(self, gap: float | None, threads: int, verbose: bool) -> None:
        self.model = _environment().createModel("kktgen")
        self.model.setParam("Logging", int(verbose))
        self.model.setParam("Threads", threads)
        if gap is not None:
            self.model.setParam("RelGap", float(gap))

    def set_option(self, name: str, value: Any) -> None:
        """Set a COPT parameter."""
        import coptpy

        known = [word for word in dir(coptpy.COPT.Param) if not word.startswith("_")]
        if name.lower() not in {word.lower() for word in known}:
            raise unknown_option(TITLE, name, known)
        try:
            self.model.setParam(name, value)
        except (coptpy.CoptError, TypeError, ValueError, AttributeError) as error:
            raise refused_value(TITLE, name, value, str(error)) from error

    def load(self, parts: Arrays) -> None:
        """Take over the model: columns, linear rows, objective in bulk, indicators together, the rest one by one."""
        from coptpy import COPT, GenConstrBuilder, LinExpr, MVar

        model, rows = self.model, parts.rows
        self.discrete = parts.discrete
        lb, ub = parts.box(INFINITY)
        model.loadMatrix(
            parts.q, sp.csc_matrix(rows.M), np.where(rows.sense == "L", -INFINITY, rows.rhs),
            np.where(rows.sense == "G", INFINITY, rows.rhs), lb, ub, parts.kind,
        )  # fmt: skip
        model.setObjConst(parts.r)
        if parts.P.nnz:
            model.loadQ(sp.coo_matrix(parts.P / 2.0))
        columns = self.columns = model.getVars().tolist()
        for members in parts.sets():
            model.addSOS(COPT.SOS_TYPE1, [columns[k] for k in members], list(range(1, len(members) + 1)))
        builders = []
        for (at, values), sense, side, binary, value in zip(
            spans(parts.implied.M), parts.implied.sense.tolist(), parts.implied.rhs.tolist(),
            parts.binary.tolist(), parts.value.tolist(), strict=True,
        ):  # fmt: skip
            left = LinExpr(-side)
            left.addTerms([columns[k] for k in at], values)
            builders.append(GenConstrBuilder())
            builders[-1].setBuilder(columns[binary], int(value), left, sense)
        if builders:
            model.addGenConstrIndicators(builders)
        if len(parts.quads):
            x = MVar.fromlist(columns)
            for k, (sense, side) in enumerate(zip(parts.quads.sense.tolist(), parts.quads.rhs.tolist(), strict=True)):
                a, b = parts.quad_start[k : k + 2]
                Q = sp.csr_matrix((parts.v[a:b], (parts.i[a:b], parts.j[a:b])), shape=(parts.n, parts.n))
                model.addMQConstr(Q, parts.quads.M[[k]].toarray().ravel(), sense, side, x, x, x)

    def start(self, points: Sequence[np.ndarray]) -> None:
        """Take over starting points; COPT completes partial ones. A continuous model takes none."""
        if not self.discrete:
            return
        for z in points:
            said = np.flatnonzero(~np.isnan(z)).tolist()
            if said:
                self.model.setMipStart([self.columns[k] for k in said], z[said].tolist())
                self.model.loadMipStart()

    def limit(self, seconds: float) -> None:
        """Set the time limit."""
        self.model.setParam("TimeLimit", seconds)

    def run(self, watch: Watch) -> None:
        """Solve."""
        from coptpy import COPT, CallbackBase

        incumbent = Incumbent(watch)

        class Heard(CallbackBase):
            nodes = 0

            def callback(self) -> None:
                self.nodes += self.where() == COPT.CBCONTEXT_MIPNODE
                best = self.getInfo("BestObj") if self.getInfo("HasIncumbent") else np.inf
                incumbent.hear(best, self.getIncumbent)
                if watch.due():
                    watch.tell(self.nodes, best, self.getInfo("BestBnd"))
                if watch.error is not None:
                    self.interrupt()

        if (watch.active or watch.keep is not None) and self.discrete:
            heard = Heard()  # must outlive the solve
            self.model.setCallback(heard, COPT.CBCONTEXT_MIPRELAX | COPT.CBCONTEXT_INCUMBENT | COPT.CBCONTEXT_MIPNODE)
        self.model.solve()

    def stop(self) -> None:
        """Ask the run to end."""
        self.model.interrupt()

    def found(self) -> LibraryAnswer:
        """Return what the run found."""
        from coptpy import COPT

        model = self.model
        words = {getattr(COPT, word): word for word in (*STATUS, "UNSTARTED", "NUMERICAL", "UNFINISHED", "INFEASIBLE")}
        word = words.get(model.status, str(model.status))
        status = STATUS.get(word, "error")
        mixed = bool(model.getAttr("IsMIP"))
        z = np.array(model.getValues()) if model.getAttr("HasMipSol" if mixed else "HasLpSol") else None
        bound = finite(model.getAttr("BestBnd")) if mixed else None
        if status == "optimal" and not mixed:
            bound = float(model.getAttr("LpObjVal"))
        nodes = int(model.getAttr("NodeCnt")) if mixed else None
        return LibraryAnswer(word, status, z, bound, nodes, word == "INTERRUPTED")

    def close(self) -> None:
        """Give back memory."""
        self.model.dispose()
