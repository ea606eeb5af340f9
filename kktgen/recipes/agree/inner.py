"""Inner copies beside the encodings: a bound that rests on no KKT conditions of followers' curved rows.

What such a run solves is another problem (:mod:`kktgen.recipes.inner_copy`). It has no point and no value of this one;
its bound holds for all of its points, and a verified one that beats it refutes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...deadline import LAST, Deadline
from ...encodings import encode
from ...errors import BoundError, SolverError, UnsupportedError
from ...model.kkt import kkt
from ...model.model import Model
from ...model.relaxations import relax
from ...model.tables import psd_rows
from ...problem.bilevel import Bilevel
from ...reformulate.bounds import bound
from ...reformulate.eliminate import eliminate
from ...solvers import solve
from ...verification.claims import usable
from ..inner_copy import inner_copy
from ..inner_copy.copies import COPY
from ..inner_copy.reading import is_curved
from .agreement import REFUSED, Run, brief

WAY = "inner copy"
"""How such a run is called in the table, with the number of its chords behind it."""
MANY, FEW = 128, 16
"""Chords where the values of the copies' dual problems make convex rows, so that no pair is encoded; and elsewhere."""
LEAST = 20.0
"""Seconds that such a run may take where the other runs together took less; more than all of them it never gets."""


def has_curved(bilevel: Bilevel) -> bool:
    """Return whether a follower has convex quadratic rows, or norms below a side of its own."""
    return any(map(is_curved, bilevel.followers))


def inner_runs(
    bilevel: Bilevel, runs: Sequence[Run], say: Callable[[str], Any], given: Mapping[str, Mapping[str, Any]]
) -> Iterator[Run]:
    """Yield a run of the inner copy for every solver, ``given`` with its arguments; ``runs`` are those before.

    The copy is made once, and its seconds count for every solver.
    """
    most = max(LEAST, sum(run.seconds for run in runs))
    limits = {solver: _least(options["time_limit"], most) for solver, options in given.items()}
    deadline = Deadline(max(limits.values()))
    try:
        model, pieces = _ready(bilevel, deadline)
    except (BoundError, UnsupportedError, SolverError) as error:
        why = f"error: {error}" if isinstance(error, SolverError) else f"{REFUSED}: {brief(error)}"
        yield from (Run(WAY, solver, deadline.spent, why=why) for solver in given)
        return
    ready = deadline.spent
    for solver, options in given.items():
        at = f"{WAY}, {pieces} chords by {solver}"
        say(at)
        left = max(limits[solver] - ready, LAST)
        run = _run(model, f"{WAY}, {pieces} chords", solver, {**options, "time_limit": left})
        say(f"{at}: {run.why or f'{run.outcome}, bound {run.proved}'}")
        yield run


def _least(given: float | None, most: float) -> float:
    """Return the smaller one of two time limits, the first of which may be none."""
    return most if given is None else min(given, most)


def _ready(bilevel: Bilevel, deadline: Deadline) -> tuple[Model, int]:
    """Return a model of the inner copy whose optimum is its bound, and the number of chords."""
    for pieces in (MANY, FEW):
        copy = inner_copy(bilevel, pieces)
        plain = kkt(copy)
        model = eliminate(plain, time_limit=deadline.share("eliminate").left())
        count = int(copy.about["parameters"]["pieces"])
        rows = {f"{follower.name}_{COPY}" for follower in bilevel.followers if is_curved(follower)}
        if rows <= _bent(plain) and not rows & _bent(model):
            return relax(bound(model, time_limit=deadline.share("bound").left())), count
    return encode(bound(model, time_limit=deadline.share("bound").left()), "auto"), count


def _bent(model: Model) -> set[str]:
    """Return the names of the quadratic rows that are not convex.

    Where those of the copies' costs are convex once products are eliminated, the values of the copies' dual problems
    stand in them: pairs say nothing more.
    """
    table = model.quads
    at = np.flatnonzero(~psd_rows(table, model.n)) if len(table) else np.empty(0, dtype=np.int64)
    return {table.linear.label(int(k)) for k in at}


def _run(model: Model, name: str, solver: str, options: Mapping[str, Any]) -> Run:
    """Return the solve of a model of the inner copy: its status and bound alone."""
    deadline = Deadline(options["time_limit"])
    try:
        found = solve(model, solver, **options)
    except UnsupportedError as error:
        return Run(name, solver, deadline.spent, why=f"{REFUSED}: {brief(error)}")
    except SolverError as error:
        return Run(name, solver, deadline.spent, why=f"error: {error}")
    return Run(name, solver, found.seconds, outcome=found.status, proved=usable(found.bound))
