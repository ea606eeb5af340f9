"""One solve with a solver library: load, set, run, ask; what differs from library to library is a ``Session``.

The solver works in a thread of its own, so that Ctrl-C reaches Python at once and stops it from outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ...deadline import Deadline
from ...errors import SolverError
from ...model.model import Model
from ...model.solution import Solution
from ...numerics.background import in_background
from .arrays import Arrays, arrays
from .checks import INTERRUPTED, answer, violation
from .watch import Watch, finite

BOX = 1e6
"""Size of the bounds within which a point is sought of a model whose relaxation alone may be unbounded."""
OPEN = ("unbounded", "infeasible_or_unbounded")


@dataclass(frozen=True, eq=False)
class LibraryAnswer:
    """What a solver says after its run.

    Parameters
    ----------
    word : str
        Its own word.
    status : str
        Ours for it, of :data:`kktgen.model.solution.STATUSES`.
    z : ndarray (n,) or None
    bound : float or None
        On the minimised objective.
    nodes : int or None
    interrupted : bool
        Whether the solver itself caught Ctrl-C.
    """

    word: str
    status: str
    z: np.ndarray | None = None
    bound: float | None = None
    nodes: int | None = None
    interrupted: bool = False


class Session(Protocol):
    """A solver library with one model in it."""

    def set_option(self, name: str, value: Any) -> None:
        """Set an option under the solver's own name."""

    def load(self, parts: Arrays) -> None:
        """Take over the model."""

    def start(self, points: Sequence[np.ndarray]) -> None:
        """Take over starting points (n,), NaN where they say nothing."""

    def limit(self, seconds: float) -> None:
        """Set the time limit."""

    def run(self, watch: Watch) -> None:
        """Solve, telling ``watch`` of the progress and of the best points; in a thread of its own."""

    def stop(self) -> None:
        """Ask the run to end, from another thread."""

    def found(self) -> LibraryAnswer:
        """Return what the run found."""

    def close(self) -> None:
        """Give back memory and licence."""


class Incumbent:
    """The best point of a run, for a watch that keeps it.

    Solvers also report points that are no better than an earlier one, and some show a point only while they report it.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._value = np.inf
        self._z = np.empty(0)

    def hear(self, value: float = np.inf, point: Callable[[], Any] | None = None) -> None:
        """Take the point (n,) if it is the best so far: ``value`` is its minimised objective; infinite means none."""
        new = self._watch.keep is not None and finite(value) is not None and value < self._value
        if new and point is not None:
            self._value, self._z = value, np.array(point(), dtype=float)
        self._watch.found(new, lambda: self._z)


def drive(
    title: str, make: Callable[[], Session], model: Model, *, tol: float, time_limit: float | None, own_limit: str,
    start: Sequence[np.ndarray], progress: Watch | None, options: dict[str, Any],
) -> Solution:  # fmt: skip
    """Solve a model in sessions that ``make`` opens.

    Parameters
    ----------
    title : str
        Name and version of the solver.
    make : callable
    model : Model
    tol : float
        Feasibility tolerance of the solver.
    time_limit : float or None
    own_limit : str
        The solver's own option of a time limit, which overrides ``time_limit``.
    start : sequence of ndarray (n,)
    progress : Watch or None
    options : dict

    Notes
    -----
    Solvers call a model unbounded when they find a ray, whether or not there is a point, and also where only the
    relaxation is unbounded that ignores sets and indicators. Then the model is solved without its objective: where that
    is infeasible so is the model, where it has a point a linear mixed-integer model is unbounded. Any other model is
    solved within bounds of ``BOX``: what is found inside them is feasible, but no more is known of it (``heuristic``).
    Where the limit is reached without a point, the best feasible starting point is one.
    """
    began = time.perf_counter()
    deadline = Deadline(None if own_limit in {name.lower() for name in options} else time_limit)
    feasible = [z for z in start if not np.isnan(z).any() and violation(model, z) <= tol]
    raw: dict[str, Any] = {"starts": (len(feasible), len(start))}
    parts = arrays(model)
    found, stopped = _run(make, parts, start, deadline, progress or Watch(None), options)
    if found.status in OPEN and not stopped:
        found, stopped = _second_opinion(
            found, parts, lambda other: _run(make, other, (), deadline, Watch(None), options)
        )
    word, z = found.word, found.z
    if z is None and found.status == "time_limit" and feasible:
        z = min(feasible, key=model.objective.value)
    if stopped:
        raw["stopped"] = word
        word = INTERRUPTED
    return answer(model, found.status, z, found.bound, began, title, found.nodes, {"status": word, **raw})


def _second_opinion(
    first: LibraryAnswer, parts: Arrays, solve: Callable[[Arrays], tuple[LibraryAnswer, bool]]
) -> tuple[LibraryAnswer, bool]:  # fmt: skip
    """Return what else can be found out of a model that a solver called unbounded, as :func:`drive` says."""
    bare, stopped = solve(parts.without_objective())
    word = f"{first.word}; without the objective: {bare.word}"
    if stopped or bare.status not in ("optimal", "heuristic"):
        return LibraryAnswer(word, first.status if bare.status in OPEN else bare.status), stopped
    if parts.linear:
        return LibraryAnswer(word, "unbounded"), False
    boxed = parts.boxed(BOX)
    inside, stopped = solve(boxed)
    word += f"; within {BOX:g}: {inside.word}"
    if inside.status == "optimal" and inside.z is not None:
        free = (boxed.lb != parts.lb) | (boxed.ub != parts.ub)
        if (np.abs(inside.z[free]) < BOX / 2).all():
            return LibraryAnswer(word, "heuristic", inside.z, None, inside.nodes), stopped
    return LibraryAnswer(word, "infeasible_or_unbounded"), stopped


def _run(
    make: Callable[[], Session], parts: Arrays, start: Sequence[np.ndarray], deadline: Deadline, watch: Watch,
    options: dict[str, Any],
) -> tuple[LibraryAnswer, bool]:  # fmt: skip
    """Return what one run found, and whether Ctrl-C ended it."""
    session = make()
    try:
        for name, value in options.items():
            session.set_option(name, value)
        session.load(parts)
        if len(start):
            session.start(start)
        left = deadline.left()
        if left == 0.0:
            return LibraryAnswer("no time left", "time_limit"), False
        if left is not None:
            session.limit(left)
        stopped = in_background(lambda: session.run(watch), session.stop)
        found = session.found()
        return found, stopped or found.interrupted
    finally:
        session.close()


def size_limited(title: str, message: str) -> SolverError:
    """Return the error for a model that a licence does not admit."""
    return SolverError(
        f"{title}: size-limited licence: the model is larger than the installed licence admits ({message}); "
        "use another solver or a full licence"
    )
