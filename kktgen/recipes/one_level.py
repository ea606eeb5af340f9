"""Aligned and opposed leaders in :func:`kktgen.optimize`: one level without pairs, then the followers are asked again.

The point is the leader's decision in the model's optimum with the followers re-solved there, so that it is judged as
any other. Where that cannot be, the pairs are for the recipe to deal with: the model has products a solver cannot
branch on, the solver does not take it, it is unbounded (at some decision a follower has no optimum), or a follower has
no response at the decision found, or none that verification accepts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deadline import Deadline
from ..decompose.every_decision import try_every_decision
from ..encodings import encode
from ..errors import KktgenError, SolverError, UnsupportedError
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.solution import Solution
from ..reformulate.alignment import aligned_to
from ..reformulate.bounds import bound
from ..reformulate.one_level import MIXED, OPPOSED, asks_boxes, is_tractable, one_level
from ..reformulate.scale import scaled
from ..search.residual import FEASIBLE, violation
from ..search.respond import Responder
from ..search.start.start import land_start
from ..solvers import check_solvable, solve
from ..verification.claims import DECISIONS
from ..verification.verify import verify

if TYPE_CHECKING:
    from .pipeline import Pipeline

PART = 0.65
"""Share of the time for solving that the dual form of an opposed leader has; where it is not enough the pairs have the
rest."""
CLOSE = 1e-7
"""Relative difference of the solver's value and that of the re-solved point below which nothing is left to settle."""


def solved_without_pairs(run: Pipeline, solver: str, start: Any, gap: float | None, reserved: tuple[str, ...]) -> bool:
    """Solve the problem as one level where its leader is aligned or opposed; return whether that was done.

    Where it was not, the pipeline stands where it stood, less the time it took.
    """
    if aligned_to(run.model) is None:
        return False
    ready = _prepared(run, solver)
    if ready is None:
        return _by_every_decision(run)
    before = run.model
    run.ready, run.single = ready, True
    run.clock.done("one level", lambda: "\n".join(ready.notes[-1:]))
    given = None if isinstance(start, bool) else _given(run, start)
    if not isinstance(start, bool):
        run.points = [] if given is None else [given]
        said = "no start point" if given is None else f"start point: objective {before.value(given):.6g}"
        run.clock.done("start", lambda: said)
    try:
        run.by_solver(solver, gap, reserved, PART if _is_dual(ready) else 1.0)
    except SolverError:
        run.found = None
    found = run.found
    if found is not None:
        run.clock.done("solve", found.__str__)
        run.found = found = _answered(run, found, solver)
        run.clock.done("polish", lambda: _moved(run.polished))
    if found is None or (_is_dual(ready) and _is_open(found)):
        run.earlier = found
        run.model = run.ready = before
        run.single, run.polished, run.gap, run.found = False, None, None, None
        return False
    return True


def take_the_better(run: Pipeline) -> None:
    """Take the bound of an opposed leader's dual form, solved before in vain, where the pairs give no better one.

    The point is the better one of both.
    """
    first, second = run.earlier, run.found
    if first is None or second is None or first.bound is None or not _is_open(second):
        return
    sense = first.model.sense
    if second.bound is not None and sense * (second.bound - first.bound) >= 0:
        return
    if second.z is not None and second.objective is not None and run.model.kkt is not None:
        z = second.z[: run.model.n]
        first = replace(first, z=first.model.complete(z), objective=second.objective)
    run.back_to(first)


def _is_dual(ready: Model) -> bool:
    """Return whether followers' dual values stand in the objective."""
    return OPPOSED in ready.notes or MIXED in ready.notes


def _is_open(found: Solution) -> bool:
    """Return whether the time was over before a solver had proved its point."""
    return found.status == "time_limit"


def _prepared(run: Pipeline, solver: str) -> Model | None:
    """Return the model of one level, bounded where its products need boxes; None where the solver is not to have it.

    The pipeline's model is then bounded as well.
    """
    model, boxed = run.model, False
    if not asks_boxes(model):
        ready = one_level(model)
        boxed = is_tractable(ready)
    if not boxed:
        limit = run.deadline.share("bound").left()
        model = bound(model, time_limit=limit, executor=run.executor, progress=run.progress)
        run.clock.done("bound", lambda: "\n".join(note for note in model.notes if note.startswith("bounds")))
        run.model, ready = model, one_level(model)
        if not is_tractable(ready):
            return None
    try:
        check_solvable(ready, solver)
    except UnsupportedError:
        return None
    return ready


def _by_every_decision(run: Pipeline) -> bool:
    """Try every decision of the leader where there are few; return whether that was done."""
    own = run.deadline.before("start", "verify")
    tried = try_every_decision(run.model, own, run.progress)
    if tried is None:
        return False
    ready, x = encode(run.model), tried.x
    z = None if x is None else Responder(run.model)(x, run.executor, run.deadline.last())
    if x is not None and z is None:
        return False
    said = (
        f"the bound is the best value of all {tried.count} decisions of the leader, {tried.responses} of which leave "
        "every follower a response; it rests on no encoding"
    )
    status, value = ("infeasible", None) if z is None else ("optimal", run.model.value(z) + 0.0)
    bound = None if z is None else tried.value + 0.0
    point, seconds = None if z is None else ready.complete(z), run.deadline.spent
    run.ready, run.single = ready, True
    run.found = Solution(status, value, bound, point, seconds, "every decision", ready, raw={DECISIONS: said})
    run.clock.done("solve", run.found.__str__)
    return True


def _given(run: Pipeline, start: Any) -> np.ndarray | None:
    """Return the point that the followers' responses make of a given one, or one nearby."""
    own = run.deadline.share("start")
    z = Responder(run.model)(start, run.executor, own)
    view = scaled(run.model)
    if z is not None and violation(view.model, view.point(z)) <= FEASIBLE:
        return z
    return land_start(run.bilevel, run.model, start, own)


def _answered(run: Pipeline, found: Solution, solver: str) -> Solution | None:
    """Return the solver's answer with the followers re-solved at its decision; None where it says nothing here."""
    if found.status == "infeasible" or (found.z is None and found.status == "time_limit"):
        return found
    if found.z is None or found.objective is None:
        return None
    own, ready = run.deadline.last(), run.ready
    responder = Responder(run.model)
    z = _response(run, responder, found.z, own)
    if z is None:
        return None
    before, value = found.objective, run.model.value(z)
    size = objective_size(run.model, z)
    if abs(value - before) > CLOSE * max(size, abs(value)):
        again = _with_integers(ready, found.z, solver, own)
        other = None if again is None else _response(run, responder, again, own)
        view = scaled(run.model)
        if other is not None and violation(view.model, view.point(other)) <= FEASIBLE:
            z, value = other, run.model.value(other)
    if not run.deadline.over and not verify(run.bilevel, z, executor=run.executor, time_limit=own.left()).ok:
        return None
    run.polished = (before, value) if value != before else None
    return replace(found, z=ready.complete(z), objective=value + 0.0)  # no -0


def _response(run: Pipeline, responder: Responder, point: np.ndarray, deadline: Deadline) -> np.ndarray | None:
    """Return the followers' responses to the decisions in a point; those without a cost do as the point says."""
    found, kkt = aligned_to(run.model), run.model.kkt
    assert found is not None and kkt is not None
    z = responder(point[: run.model.n], run.executor, deadline)
    if z is not None and found.free.any():
        free = found.free
        own = kkt.y[free[kkt.y_of]]
        z[own] = point[own]
        z[np.concatenate([kkt.lam[free[kkt.lam_of]], kkt.mu[free[kkt.mu_of]]])] = 0.0
    return z


def _with_integers(ready: Model, z: np.ndarray, solver: str, deadline: Deadline) -> np.ndarray | None:
    """Return the optimum of the model with the integers of a point, exactly: without what their tolerance leaks."""
    space, whole = ready.space.copy(), ready.space.kind != "C"
    if not whole.any():
        return None
    space.lb[whole] = space.ub[whole] = np.round(z[whole])
    try:
        return solve(replace(ready, space=space), solver, time_limit=deadline.left()).z
    except KktgenError:
        return None


def _moved(polished: tuple[float, float] | None) -> str:
    return "" if polished is None else f"polish: objective {polished[0]:.9g} -> {polished[1]:.9g}"
