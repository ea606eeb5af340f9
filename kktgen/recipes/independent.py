"""Independent parts in :func:`kktgen.optimize`: each a problem of its own, solved apart; points and bounds are added.

The parts are those of :mod:`kktgen.reformulate.independent_parts`, small ones taken together. The point of the whole is
verified on the whole, and its bound is the sum of the parts' bounds. The relative gap holds for the sum, so where large
parts cancel those that leave most of the gap are solved again, more precisely.

A point of the whole is looked for first: parts that are not reached, because of the time limit or Ctrl-C, take theirs
from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deadline import Deadline
from ..decompose.jobs import Job, Shared
from ..decompose.jobs import run as run_jobs
from ..encodings import encode, named
from ..errors import ProblemError
from ..model.own_units import objective_size
from ..problem.bilevel import Bilevel
from ..problem.restricted import restricted
from ..reformulate.eliminate import eliminate
from ..reformulate.independent_parts import LEAST, MOST, groups_of, holding_pairs, parts_of
from ..search.start.start import pair_count, relax_and_respond
from ..verification.report import Tolerances
from .part_answer import Answer, Solve, answered, better
from .parts_report import slowest, told
from .parts_sum import assembled, encoded, summed

if TYPE_CHECKING:
    from .pipeline import Pipeline

PAIRS = 50
"""Pairs from which on a part is a group of its own where each solve starts a process."""
SECONDS = 1.0
"""Least seconds a group is given on average; where there are fewer, neighbours are taken together."""


@dataclass(frozen=True, eq=False)
class Split:
    """How a problem is taken apart: the group (n,) of every column, and how many independent parts there are."""

    group: np.ndarray
    parts: int


def check_parts(parts: Any) -> None:
    """Refuse what says nothing about parts."""
    if not isinstance(parts, bool) and parts != "auto":
        raise ProblemError(f"parts: True, False or 'auto', got {parts!r}")


def split(
    bilevel: Bilevel, parts: bool | str, encoding: Any, whole: Sequence[str], isolate: bool, limit: float | None
) -> Split | None:
    """Return which columns are solved together; None where the problem is to be solved as one.

    Parameters
    ----------
    bilevel : Bilevel
    parts : bool or "auto"
    encoding : encoding or str
    whole : sequence of str
        What was asked for that takes the problem as one.
    isolate : bool
        Every solve starts a process, which pays for parts of some size alone.
    limit : float or None
        Seconds for all parts.

    Raises
    ------
    ProblemError
        Parts are asked for together with what takes the problem as one.
    """
    if parts is False:
        return None
    asked = [*whole, *([] if _fits_parts(encoding) else ["an encoding that names rows or is not kktgen's"])]
    if asked and parts is True:
        raise ProblemError(
            f"parts=True does not go together with {asked[0]}, which takes the problem as one; leave one out"
        )
    if asked or not bilevel.followers:
        return None
    label = parts_of(bilevel)
    count = len(np.unique(label))
    if parts is True:
        return Split(groups_of(bilevel, label, 0), count) if count > 1 else None
    most = MOST if limit is None else int(min(MOST, limit / SECONDS))
    if most < 2:
        return None
    group = groups_of(bilevel, label, PAIRS if isolate else LEAST, most)
    return Split(group, count) if holding_pairs(bilevel, group) > 1 else None


def _fits_parts(encoding: Any) -> bool:
    """Return whether an encoding means the same for a part as for the whole: it holds no names, no arrays."""
    chosen = named(encoding)
    scalars = all(
        value is None or np.ndim(value) == 0 and not isinstance(value, Mapping) for value in vars(chosen).values()
    )
    return type(chosen).__module__.startswith(encode.__module__) and scalars


def solved_apart(
    run: Pipeline, split: Split, solve: Solve, encoding: Any, start: Any, gap: float | None, reserved: tuple[str, ...]
) -> None:
    """Solve the groups of a pipeline's problem, and leave their sum as what it found."""
    columns = [np.flatnonzero(split.group == k) for k in range(int(split.group.max()) + 1)]
    parts = [restricted(run.bilevel, at) for at in columns]
    own = run.deadline.before("verify", *reserved)
    starts = [start if isinstance(start, bool) else start[at] for at in columns]
    answers = [Answer() for _ in parts]
    first = start
    try:
        if start is True:
            first = _first_point(run)
        _solve_all(run, parts, answers, solve, starts, [gap] * len(parts), np.arange(len(parts)), own)
        again, gaps = _too_wide(run, columns, answers, gap)
        if len(again) and not own.over and not run.deadline.stopped:
            starts = [begin if answer.z is None else answer.z for begin, answer in zip(starts, answers, strict=True)]
            _solve_all(run, parts, answers, solve, starts, gaps, again, own)
    except KeyboardInterrupt:
        run.deadline.stop()
    run.clock.done("parts", lambda: f"{told(split.parts, answers)}\n\n{slowest(run.bilevel, columns, answers)}")
    run.ready = encoded(run, columns, answers, encoding)
    run.found = summed(run, split.parts, columns, answers, first)
    run.single = True
    run.clock.done("sum", run.found.__str__)


def _first_point(run: Pipeline) -> Any:
    """Return a point of the whole problem that is found at once; True where there is none."""
    own = run.deadline.share("start", pair_count(run.model))
    z = relax_and_respond(run.bilevel, eliminate(run.model, time_limit=own.left()), own)
    run.clock.done(
        "start", lambda: "no start point" if z is None else f"start point: objective {run.model.value(z):.6g}"
    )
    run.points = [] if z is None else [z]
    return True if z is None else z


def _solve_all(
    run: Pipeline, parts: list[Bilevel], answers: list[Answer], solve: Solve, starts: list[Any],
    gaps: list[float | None], at: np.ndarray, deadline: Deadline,
) -> None:  # fmt: skip
    """Solve some parts, and put what is better than before into ``answers``; end where one is infeasible."""
    order = at.tolist()
    if run.executor is not None:
        jobs = [Job(answered, Shared.of(parts[k]), (solve, starts[k], gaps[k])) for k in order]
        for k, answer in zip(order, run_jobs(jobs, run.executor, deadline), strict=True):
            answers[k] = better(run.model.sense, answers[k], answer)
            if answers[k].status == "infeasible":
                return
        return
    sizes = np.array([len(parts[k].space) for k in order], dtype=float)
    shares = sizes / np.cumsum(sizes[::-1])[::-1]
    for place, k in enumerate(order):
        if deadline.over:
            return
        left = deadline.left()
        limit = None if left is None else left * float(shares[place])
        text = f"part {k + 1} of {len(parts)}"
        answer = answered(parts[k], solve, starts[k], gaps[k], limit, _telling(run, text))
        answers[k] = better(run.model.sense, answers[k], answer)
        if answer.stopped:
            run.deadline.stop()
        if answers[k].status == "infeasible":
            return


def _telling(run: Pipeline, text: str) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return the callback of a part, which tells its number: its own value is not the problem's."""
    progress = run.progress
    if progress is None:
        return None
    return lambda _: progress({"stage": "parts", "text": text, "seconds": run.deadline.spent})


def _too_wide(
    run: Pipeline, columns: list[np.ndarray], answers: list[Answer], gap: float | None
) -> tuple[np.ndarray, list[float | None]]:
    """Return the parts to be solved more precisely, with their gaps, where the sum's gap is wider than asked for."""
    z, value, bound = assembled(run, columns, answers)
    gaps: list[float | None] = [gap] * len(answers)
    if z is None or bound is None or value is None:
        return np.empty(0, dtype=np.int64), gaps
    wanted = Tolerances().optimality if gap is None else gap
    room = wanted * max(objective_size(run.model, z), abs(value))
    apart = np.array([abs((a.value or 0.0) - (a.bound or 0.0)) for a in answers])
    ended = np.array([a.status == "optimal" for a in answers])
    if apart.sum() <= room:
        return np.empty(0, dtype=np.int64), gaps
    each = 0.5 * room / len(answers)
    again = np.flatnonzero(ended & (apart > each))
    for k in again.tolist():
        size = max(abs(answers[k].value or 0.0), abs(answers[k].bound or 0.0))
        gaps[k] = min(each / size, 1.0)
    return again, gaps
