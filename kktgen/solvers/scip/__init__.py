"""SCIP through PySCIPOpt: everything an encoded model may hold.

Reference: Bolusani et al., The SCIP Optimization Suite 9.0, 2024, https://www.scipopt.org
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ...deadline import Deadline, OutOfTime
from ...errors import KktgenError
from ...model.model import FEATURES as ALL
from ...model.model import Model
from ...model.solution import Solution
from ...numerics.quiet_scip import Said, heard
from ..driving.checks import answer, refused_value, unknown_option, unrun
from ..driving.watch import Watch, finite
from .load import Loaded, add_starts, load

TITLE = "SCIP"
INSTALL = "pip install pyscipopt"
FEATURES = frozenset(ALL) - {"pairs"}
TOL = 1e-6
WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"lp/resolvealgorithm": "p"},
    {"separating/maxrounds": 0, "separating/maxroundsroot": 0},
    {"randomization/randomseedshift": 1},
)
"""Options of the attempts at a model, one after the other, while LPs of the tree fail for numerical troubles."""
NEAR_ZERO = 1e-9
"""Distance of value and bound at which a search with a relative gap ends as well: at zero there is no relative one."""
DENSE = 2e7
"""Entries of rows times columns in SOS1 sets above which SCIP does not tighten bounds set by set in its presolve."""
LEVELS = 2e6
"""Entries of rows times levels of the search for symmetries, which never looks at the clock: about two seconds of it.
Beyond that SCIP goes on without symmetries."""
CONVEX: dict[str, Any] = {"presolving/maxrestarts": 0, "separating/maxroundsroot": 10}
"""Options where a convex objective is all the nonlinearity there is: rounds and restarts beyond that cost most of the
time at the root, for bounds that a few nodes of the tree give as well."""
AT_APEX = 1e-7
"""SCIP's tolerance where followers have cones: at an apex an error in ``e'e <= t^2`` is that of e squared.

With less SoPlex says, on the terminal, that its own is too small; so it does where SCIP makes its own smaller."""
LP_FAILED = "error in LP solver"
MEMORY = "limits/memory"
"""The option that limits its memory, in MB."""

STATUS = {
    "optimal": "optimal",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "inforunbd": "infeasible_or_unbounded",
    "timelimit": "time_limit",
    "nodelimit": "time_limit",
    "totalnodelimit": "time_limit",
    "stallnodelimit": "time_limit",
    "gaplimit": "time_limit",
    "memlimit": "time_limit",
    "sollimit": "time_limit",
    "bestsollimit": "time_limit",
    "restartlimit": "time_limit",
    "primallimit": "time_limit",
    "duallimit": "time_limit",
    "userinterrupt": "time_limit",
    "terminate": "time_limit",
}
"""SCIP's own word -> ours; anything else is an error."""


def available() -> bool:
    """Return whether PySCIPOpt is installed."""
    return importlib.util.find_spec("pyscipopt") is not None


def version() -> str:
    """Return the version of SCIP, e.g. ``10.0.0``."""
    from pyscipopt import Model as Scip

    scip = Scip()
    return f"{scip.getMajorVersion()}.{scip.getMinorVersion()}.{scip.getTechVersion()}"


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
    SCIP's tree search is sequential; ``threads`` goes to the LP solver (``lp/threads``). Options are SCIP parameters
    under their own names; they count for more than those of :data:`CONVEX`. Ctrl-C is caught by SCIP, which returns its
    incumbent. Where an LP of the tree fails for numerical troubles the search begins anew with the primal simplex
    method, then without cuts. What SCIP says of errors on the way stands in ``raw["log"]``; with ``verbose`` it is
    printed.
    """
    started, deadline = time.perf_counter(), Deadline(time_limit)
    with nullcontext(Said()) if verbose else heard() as said:
        try:
            found = _attempts(model, started, deadline, gap, threads, verbose, start, progress, options)
        except OutOfTime:
            raise
        except Exception as error:  # PySCIPOpt has no class of its own
            if isinstance(error, KktgenError) or not said.cause:
                raise
            raise RuntimeError(f"{error} ({said.cause})") from error
    return replace(found, raw={**(found.raw or {}), "log": said.text}) if said.text else found


def _attempts(
    model: Model, started: float, deadline: Deadline, gap: float | None, threads: int, verbose: bool,
    start: Sequence[np.ndarray], progress: Watch | None, options: dict[str, Any],
) -> Solution:  # fmt: skip
    """Solve a model in the first of the ways in which the LPs of the tree can be solved."""
    for way in WAYS[:-1]:
        try:
            return attempt(model, started, deadline, gap, threads, verbose, start, progress,
                            {**way, **options})  # fmt: skip
        except Exception as error:
            if LP_FAILED not in str(error):
                raise
    return attempt(model, started, deadline, gap, threads, verbose, start, progress,
                    {**WAYS[-1], **options})  # fmt: skip


def attempt(
    model: Model, started: float, deadline: Deadline, gap: float | None, threads: int, verbose: bool,
    start: Sequence[np.ndarray], progress: Watch | None, options: dict[str, Any],
) -> Solution:  # fmt: skip
    """Solve a model once."""
    from pyscipopt import Model as Scip

    scip = Scip(model.name)
    try:
        if not verbose:
            scip.hideOutput()
        if gap is not None:
            scip.setParam("limits/gap", float(gap))
            scip.setParam("limits/absgap", min(float(gap), NEAR_ZERO))
        scip.setParam("lp/threads", min(threads, 64))
        if not len(model.quads) and "qobj" in model.features:
            # An objective that is all the nonlinearity there is, and convex, needs no NLP solver: gradient cuts settle
            # it. Ipopt in the wheels of PySCIPOpt 6.3 can abort the whole process ("free(): invalid pointer").
            scip.setParam("nlp/disable", True)
            if not len(model.sos1):
                scip.setParams(CONVEX)
        if len(model.sos1):
            # The bound cuts x / ux + y / uy <= 1 of SCIP 10's SOS1 handler are wrong once a bound was tightened while
            # one was made: sets {x, y} in [0, 7.21] x [0, 7.30] got 7.30 x + 0.741 y <= 5.41, and the model was called
            # infeasible. Without them the trees are of the same size.
            scip.setParam("constraints/SOS1/boundcutsfreq", -1)
            if model.rows.M.nnz * len(model.sos1.columns) > DENSE:
                scip.setParam("constraints/SOS1/maxtightenbds", 0)  # it never looks at the clock meanwhile
        if model.kkt is not None and any(system.cones for system in model.kkt.systems):
            scip.setParam("numerics/feastol", AT_APEX)
            scip.setParam("constraints/nonlinear/tightenlpfeastol", False)
        with suppress(KeyError):  # SCIP built without nauty
            scip.setParam("propagating/symmetry/nautymaxlevel", int(min(LEVELS / max(model.rows.M.nnz, 1), 10_000)))
        _set_options(scip, options)
        try:
            loaded = load(model, scip, deadline)
        except OutOfTime:
            return unrun(model, start, TOL, started, f"{TITLE} {version()}")
        feasible = add_starts(loaded, model, start, TOL)
        if progress is not None and (progress.active or progress.keep is not None):
            _report(loaded, progress)
        if "limits/time" not in options:
            scip.setParam("limits/time", deadline.left(1e20))
        scip.optimizeNogil()
        return _answer(model, loaded, started, {"starts": (feasible, len(start))})
    finally:
        if hasattr(scip, "free"):  # releases the memory now, not when the garbage collector comes by
            scip.free()


def _set_options(scip: Any, options: dict[str, Any]) -> None:
    known = scip.getParams() if options else {}
    for name, value in options.items():
        if name not in known:
            raise unknown_option(TITLE, name, known)
        try:
            with heard() as said:
                scip.setParam(name, value)
        except (ValueError, TypeError, LookupError) as error:
            raise refused_value(TITLE, name, value, said.cause or str(error)) from error


def _report(loaded: Loaded, watch: Watch) -> None:
    """Have SCIP tell of its progress and of its best points."""
    from pyscipopt import SCIP_EVENTTYPE as EVENT
    from pyscipopt import Eventhdlr

    events = (EVENT.BESTSOLFOUND, EVENT.NODESOLVED, EVENT.LPSOLVED, EVENT.PRESOLVEROUND)

    class Reporter(Eventhdlr):
        def eventinit(self) -> None:
            for event in events:
                self.model.catchEvent(event, self)

        def eventexit(self) -> None:
            for event in events:
                self.model.dropEvent(event, self)

        def eventexec(self, event: Any) -> None:
            state = self.model
            watch.found(event.getType() == EVENT.BESTSOLFOUND, lambda: _values(loaded, state.getBestSol()))
            if watch.due() and not watch.tell(state.getNTotalNodes(), state.getPrimalbound(), state.getDualbound()):
                state.interruptSolve()

    loaded.scip.includeEventhdlr(Reporter(), "progress", "tells the caller how far the solve is")


def _values(loaded: Loaded, point: Any) -> np.ndarray:
    """Return the columns (n,) of a point of SCIP's."""
    return np.array([point[column] for column in loaded.columns])


def _answer(model: Model, loaded: Loaded, started: float, raw: dict[str, Any]) -> Solution:
    """Return what SCIP found."""
    scip = loaded.scip
    word = scip.getStatus()
    status = STATUS.get(word, "error")
    apart = abs(scip.getPrimalbound() - scip.getDualbound())
    if word == "gaplimit" and (scip.getGap() <= scip.getParam("limits/gap") or apart <= scip.getParam("limits/absgap")):
        status = "optimal"
    if status == "optimal" and scip.getNSols() and abs(scip.getPrimalbound()) > 0.9 * scip.infinity():
        status = "unbounded"  # SCIP calls a point near -1e20, its infinity, optimal
    z = _values(loaded, scip.getBestSol()) if scip.getNSols() else None
    release = f"{TITLE} {scip.getMajorVersion()}.{scip.getMinorVersion()}.{scip.getTechVersion()}"
    return answer(
        model, status, z, finite(scip.getDualbound()), started, release, int(scip.getNTotalNodes()),
        {"status": word, **raw},
    )  # fmt: skip
