"""What a leader's decision is worth: the followers respond, the leader does its best with what no follower sees.

::

    x  ->  y_j(x), lam_j(x), mu_j(x)  of every follower j  ->  v(x, y, lam, mu)  ->  (violation, f(x, y, lam, mu, v))

A decision after which the leader's rows do not hold is not priced by a penalty, whose weight nobody knows: it ranks
behind every one after which they hold, and among its kind by the violation (Deb, "An efficient constraint handling
method for genetic algorithms", 2000). A decision some follower has no response to ranks last.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as Late
from functools import partial

import numpy as np

from ...deadline import NEVER, Deadline
from ...errors import ProblemError, UnsupportedError
from ...executors import answer, handed
from ...model.model import Model
from ...problem.bilevel import Bilevel
from ..recourse import Recourse, Worth
from ..respond import Responder, conditional_words

CHUNK = 4
"""Decisions a worker gets at a time."""
NO_RESPONSE = Worth(np.inf, np.inf)


class Fitness:
    """The leader's problem as a function of the decisions its followers see.

    Parameters
    ----------
    bilevel : Bilevel
        Its followers see only continuous variables of the leader, each with finite bounds.
    model : Model
        Its KKT model.

    Attributes
    ----------
    columns : ndarray (d,)
        The decisions: leader's columns that some follower sees.
    lb, ub : ndarray (d,)
        Their bounds.
    responder : Responder
    recourse : Recourse

    Raises
    ------
    ProblemError
        No follower, or none that sees the leader; an integer decision, one without finite bounds, or in a SOS1 set.
    """

    def __init__(self, bilevel: Bilevel, model: Model) -> None:
        self.responder = Responder(bilevel)
        if self.responder.conditional:
            raise UnsupportedError(f"search: {conditional_words(bilevel.name)}")
        self.columns = x = self.responder.parameters
        space = model.space
        if not len(x):
            raise ProblemError(f"search: no follower of {bilevel.name!r} sees a leader's variable; solve it exactly")
        self.lb, self.ub = space.lb[x], space.ub[x]
        whole = x[space.kind[x] != "C"]
        if len(whole):
            raise ProblemError(
                f"search: followers see the integer variable {space.label(whole[0])} ({len(whole)} in all); "
                "a population of points moves continuous decisions only. Fix them, take kind='C', or solve it exactly"
            )
        open_ = x[~(np.isfinite(self.lb) & np.isfinite(self.ub))]
        if len(open_):
            at = open_[0]
            raise ProblemError(
                f"search: {space.label(at)} lies in [{space.lb[at]:g}, {space.ub[at]:g}] ({len(open_)} such); "
                "a population is drawn from a finite box: declare lb= and ub= of every variable that followers see"
            )
        chosen = np.intersect1d(x, model.sos1.columns)
        if len(chosen):
            raise ProblemError(
                f"search: followers see {space.label(chosen[0])}, which stands in a SOS1 set; a population of points "
                "moves continuous decisions only. Solve it exactly"
            )
        self.recourse = Recourse(model, x)

    def __call__(self, x: np.ndarray, deadline: Deadline = NEVER) -> Worth:
        """Return what the decision x (d,) is worth."""
        return self.point(x, deadline)[0]

    def point(self, x: np.ndarray, deadline: Deadline = NEVER) -> tuple[Worth, np.ndarray | None]:
        """Return what the decision x (d,) is worth and the point z (n,) behind it; None without a response by then."""
        z = np.zeros(self.responder.n)
        z[self.columns] = x
        response = self.responder(z, deadline=deadline)
        return (NO_RESPONSE, None) if response is None else self.recourse(response, deadline)


def _job(fitness: Fitness, X: np.ndarray, deadline: Deadline) -> list[Worth]:
    return [fitness(x, deadline) for x in X]


def evaluate(
    fitness: Fitness, X: np.ndarray, executor: Executor | None = None, deadline: Deadline = NEVER,
    told: Callable[[int, list[Worth]], None] | None = None,
) -> np.ndarray:  # fmt: skip
    """Return what decisions are worth.

    Parameters
    ----------
    fitness : Fitness
    X : ndarray (N, d)
    executor : concurrent.futures.Executor, optional
        Shares the decisions out; one after the other without it. The result is the same.
    deadline : Deadline
        When to stop; the first decisions have a second in any case (:meth:`Deadline.last`).
    told : callable, optional
        Called in order with the position of the first decision of a lot and what the lot is worth.

    Returns
    -------
    ndarray (N, 2)
        Violation and value of each; inf where time ran out before.

    Raises
    ------
    ProblemError
        The executor takes no work.
    """
    worth, first = np.full((len(X), 2), np.inf), deadline.last()
    size = 1 if executor is None else CHUNK
    starts = range(0, len(X), size)
    jobs: list[Future[list[Worth]]] = []
    try:
        if executor is not None:
            jobs = [handed(executor, _job, fitness, X[k : k + size], deadline if k else first) for k in starts]
        for k in starts:
            if k and deadline.over:
                break
            own = deadline if k else first
            here = partial(_job, fitness, X[k : k + size], own)
            found = answer(jobs[k // size], own.left(), here) if jobs else here()
            worth[k : k + len(found)] = found
            if told is not None:
                told(k, found)
    except Late:
        pass
    finally:
        for job in jobs:
            job.cancel()
    return worth
