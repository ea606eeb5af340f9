"""Independent parts in :func:`kktgen.optimize`: each a problem of its own, solved apart; points and bounds are added.

The parts are those of :mod:`kktgen.reformulate.independent_parts`. The point of the whole is verified on the whole, and
its bound is the sum of the parts' bounds. The relative gap holds for the sum, so where large parts cancel those that
leave most of the gap are solved again, more precisely.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..deadline import Deadline
from ..decompose.jobs import Job, Shared
from ..decompose.jobs import run as run_jobs
from ..encodings import encode, named
from ..errors import BoundError, ProblemError, SolverError
from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.own_units import objective_size
from ..model.pairs import Bounds
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..problem.restricted import restricted
from ..reformulate.eliminate import eliminate
from ..reformulate.independent_parts import holding_pairs, parts_of
from ..reformulate.one_level import foundation
from ..solvers.driving.checks import INTERRUPTED, interrupted
from ..verification.claims import OPEN_PARTS, PARTS, usable
from ..verification.report import Report, Tolerances
from ..verification.verify import verify
from ..wording import first_names

if TYPE_CHECKING:
    from .pipeline import Pipeline, Result

Solve = Callable[[Bilevel, Any, float | None, float | None, Any], "tuple[Result, Model]"]
"""Solves a part: from its problem, a start, a gap, seconds and a callback to its result and its model with pairs."""
ANY_GAP = Tolerances(optimality=1.0)
"""With which a part is asked whether anything but its gap stands against its optimum: the gap is the sum's affair."""
SHOWN = 3
"""Parts that are named."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What came of a part.

    Parameters
    ----------
    status : str
        As of :class:`kktgen.Solution`.
    solver : str
    z : ndarray or None
        Over the columns of the part's problem.
    value, bound : float or None
    proved : bool
        Nothing but perhaps the gap stands against the part's optimum, or it is proved infeasible.
    why : str
        What stands against it.
    stopped : bool
        By Ctrl-C.
    nodes : int
    boxes : tuple of ndarray, or None
        ``lb``, ``ub`` and ``proof`` of the columns.
    slacks : tuple of ndarray, or None
        Multiplier columns of pairs, the bounds of their slacks and the proofs.
    """

    status: str = "time_limit"
    solver: str = "no solver was reached"
    z: np.ndarray | None = None
    value: float | None = None
    bound: float | None = None
    proved: bool = False
    why: str = "not reached within the time limit"
    stopped: bool = False
    nodes: int = 0
    boxes: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    slacks: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


def check_parts(parts: Any) -> None:
    """Refuse what says nothing about parts."""
    if not isinstance(parts, bool) and parts != "auto":
        raise ProblemError(f"parts: True, False or 'auto', got {parts!r}")


def part_labels(bilevel: Bilevel, parts: bool | str, encoding: Any, whole: Sequence[str]) -> np.ndarray | None:
    """Return the part of every column; None where the problem is to be solved as one.

    Parameters
    ----------
    bilevel : Bilevel
    parts : bool or "auto"
    encoding : encoding or str
    whole : sequence of str
        What was asked for that takes the problem as one.

    Raises
    ------
    ProblemError
        Parts are asked for together with what takes the problem as one.
    """
    if parts is False:
        return None
    asked = [*whole, *([] if _fits_parts(encoding) else ["an encoding that names rows or is not kktgen's"])]
    if asked:
        if parts is True:
            raise ProblemError(
                f"parts=True does not go together with {asked[0]}, which takes the problem as one; leave one out"
            )
        return None
    label = parts_of(bilevel)
    count = len(np.unique(label)) if parts is True else holding_pairs(bilevel, label)
    return label if count > 1 else None


def _fits_parts(encoding: Any) -> bool:
    """Return whether an encoding means the same for a part as for the whole: it holds no names, no arrays."""
    chosen = named(encoding)
    scalars = all(
        value is None or np.ndim(value) == 0 and not isinstance(value, Mapping) for value in vars(chosen).values()
    )
    return type(chosen).__module__.startswith(encode.__module__) and scalars


def solved_apart(
    run: Pipeline, label: np.ndarray, solve: Solve, encoding: Any, start: Any, gap: float | None,
    reserved: tuple[str, ...],
) -> None:  # fmt: skip
    """Solve the parts of a pipeline's problem, and leave their sum as what it found."""
    columns = [np.flatnonzero(label == part) for part in range(int(label.max()) + 1)]
    parts = [restricted(run.bilevel, at) for at in columns]
    own = run.deadline.before("verify", *reserved)
    starts = [start if isinstance(start, bool) else start[at] for at in columns]
    answers = [Answer() for _ in parts]
    try:
        _solve_all(run, parts, answers, solve, starts, [gap] * len(parts), np.arange(len(parts)), own)
        again, gaps = _too_wide(run, columns, answers, gap)
        if len(again) and not own.over and not run.deadline.stopped:
            starts = [begin if answer.z is None else answer.z for begin, answer in zip(starts, answers, strict=True)]
            _solve_all(run, parts, answers, solve, starts, gaps, again, own)
    except KeyboardInterrupt:
        run.deadline.stop()
    run.clock.done("parts", lambda: _told(answers))
    run.ready = _encoded(run, columns, answers, encoding)
    run.found = _sum(run, columns, answers, start)
    run.single = True
    run.clock.done("sum", run.found.__str__)


def _solve_all(
    run: Pipeline, parts: list[Bilevel], answers: list[Answer], solve: Solve, starts: list[Any],
    gaps: list[float | None], at: np.ndarray, deadline: Deadline,
) -> None:  # fmt: skip
    """Solve some parts, and put what is better than before into ``answers``; end where one is infeasible."""
    order = at.tolist()
    if run.executor is not None:
        jobs = [Job(answered, Shared.of(parts[k]), (solve, starts[k], gaps[k])) for k in order]
        for k, answer in zip(order, run_jobs(jobs, run.executor, deadline), strict=True):
            answers[k] = _better(run.model.sense, answers[k], answer)
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
        answers[k] = _better(run.model.sense, answers[k], answer)
        if answer.stopped:
            run.deadline.stop()
        if answers[k].status == "infeasible":
            return


def _telling(run: Pipeline, text: str) -> Callable[[Mapping[str, Any]], Any] | None:
    """Return the callback of a part, which tells its number: its own value is not the problem's."""
    progress = run.progress
    return None if progress is None else lambda _: progress({"text": text, "seconds": run.deadline.spent})


def answered(
    part: Bilevel, solve: Solve, start: Any, gap: float | None, limit: float | None, progress: Any = None
) -> Answer:
    """Return what comes of a part; a solver that fails is an answer too."""
    try:
        result, model = solve(part, start, gap, limit, progress)
    except SolverError as error:
        return Answer("error", why=str(error))
    found, report, n = result.solution, result.report, len(part.space)
    proved, why = _standing(part, found, report)
    boxes = slacks = None
    if model.bounded and model.cutoff is None and not foundation(result.model):
        space = model.space
        boxes = space.lb[:n].copy(), space.ub[:n].copy(), space.proof[:n].copy()
        if model.pairs is not None:
            slacks = model.pairs.mu, model.pairs.slack_max.value, model.pairs.slack_max.proof
    return Answer(
        found.status, found.solver, None if found.z is None else found.z[:n], found.objective, usable(found.bound),
        proved, why, interrupted(found), found.nodes or 0, boxes, slacks,
    )  # fmt: skip


def _standing(part: Bilevel, found: Solution, report: Report) -> tuple[bool, str]:
    """Return whether nothing but the gap stands against a part's claim, and what does."""
    if report.claim in ("optimal", "infeasible"):
        return True, ""
    why = report.reasons[0] if report.reasons else f"status {found.status!r}"
    if not report.ok or report.gap is None or report.gap <= report.tolerances.optimality:
        return False, why
    behind = found.model.sense * ((report.value or 0.0) - (found.bound or 0.0)) >= 0
    return behind and verify(part, found, tolerances=ANY_GAP).claim == "optimal", why


def _better(sense: int, before: Answer, after: Answer | None) -> Answer:
    """Return the later answer unless it has no point, or is worse in value and bound."""
    if after is None:
        return before
    if before.z is None or before.value is None or before.bound is None:
        return after
    if after.z is None or after.value is None or after.bound is None or not after.proved:
        return before
    return after if abs(after.value - after.bound) < abs(before.value - before.bound) else before


def _too_wide(
    run: Pipeline, columns: list[np.ndarray], answers: list[Answer], gap: float | None
) -> tuple[np.ndarray, list[float | None]]:
    """Return the parts to be solved more precisely, with their gaps, where the sum's gap is wider than asked for."""
    z, value, bound = _assembled(run, columns, answers)
    gaps: list[float | None] = [gap] * len(answers)
    if z is None or bound is None or value is None:
        return np.empty(0, dtype=np.int64), gaps
    wanted = min(Tolerances().optimality, np.inf if gap is None else gap)
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


def _assembled(
    run: Pipeline, columns: list[np.ndarray], answers: list[Answer], start: Any = True
) -> tuple[np.ndarray | None, float | None, float | None]:
    """Return the point over all columns, its value and the sum of the bounds; what is missing is None.

    Parts without a point take theirs from the user's start, where there is one.
    """
    bounds = [answer.bound for answer in answers if answer.bound is not None]
    model, bound = run.model, None
    if len(bounds) == len(answers):
        bound = float(np.sum(bounds)) + model.sense * run.bilevel.objective.r + 0.0
    if isinstance(start, bool):
        if any(answer.z is None for answer in answers):
            return None, None, bound
        z = np.zeros(len(run.bilevel.space))
    else:
        z = model.complete(start)
    for at, answer in zip(columns, answers, strict=True):
        if answer.z is not None:
            z[at] = answer.z
    z = model.terms.settled(z)
    return z, model.value(z) + 0.0, bound


def _sum(run: Pipeline, columns: list[np.ndarray], answers: list[Answer], start: Any) -> Solution:
    """Return the answer to the whole problem."""
    count, space = len(answers), run.bilevel.space
    status, at = _status(answers)
    names = [f"part {k + 1} ({space.label(int(columns[k][0]))} ..)" for k in range(count)]
    open_parts = [k for k in range(count) if not answers[k].proved] if at is None else [at][: not answers[at].proved]
    faults = [f"{names[k]} of {count} is not proved: {answers[k].why}" for k in open_parts[:SHOWN]]
    if len(open_parts) > SHOWN:
        faults.append(f"{len(open_parts) - SHOWN} more parts are not proved")
    said = f"independent parts: {count}, {'each' if not open_parts else str(count - len(open_parts))} proved"
    raw: dict[str, Any] = {PARTS: said, OPEN_PARTS: faults}
    if run.deadline.stopped:
        raw["status"] = INTERRUPTED
    z, value, bound = (None, None, None) if status == "infeasible" else _assembled(run, columns, answers, start)
    solvers = sorted({answer.solver for answer in answers if answer.z is not None}) or [answers[0].solver]
    solver = f"{answers[at].solver}, part {at + 1} of {count}" if at is not None else (
        f"{first_names(solvers, SHOWN)}, {count} parts"
    )  # fmt: skip
    full = None if z is None else run.ready.complete(z)
    nodes = sum(answer.nodes for answer in answers)
    return Solution(status, value, bound, full, run.deadline.spent, solver, run.ready, nodes, raw)


def _status(answers: list[Answer]) -> tuple[str, int | None]:
    """Return the status of the sum, and the one part that decides it."""
    status = [answer.status for answer in answers]
    if "infeasible" in status:
        return "infeasible", status.index("infeasible")
    for word in ("unbounded", "infeasible_or_unbounded"):
        if word in status:
            at = status.index(word)
            others = all(answer.z is not None or answer.status == "unbounded" for answer in answers)
            return ("unbounded" if word == "unbounded" and others else "infeasible_or_unbounded"), at
    if "error" in status:
        return "error", status.index("error")
    return ("optimal" if all(word == "optimal" for word in status) else "time_limit"), None


def _encoded(run: Pipeline, columns: list[np.ndarray], answers: list[Answer], encoding: Any) -> Model:
    """Return the encoded model of the whole problem, with the boxes proved of its parts."""
    model = eliminate(run.model, time_limit=run.deadline.share("eliminate").left())
    boxed = boxed_by_parts(model, columns, answers)
    try:
        return encode(boxed, encoding)
    except BoundError:  # of pairs that a part's own model had settled
        return encode(boxed, "sos1")


@equivalent
def boxed_by_parts(model: Model, columns: list[np.ndarray], answers: list[Answer]) -> Model:
    """Return a KKT model with the boxes that were proved of its parts.

    Parameters
    ----------
    model : Model
    columns : list of ndarray
        Of each part.
    answers : list of Answer
    """
    if model.pairs is None:
        return model
    pairs, space = model.pairs, model.space.copy()
    slack = Bounds(pairs.slack_max.value.copy(), pairs.slack_max.proof.copy())
    at_pair = np.full(model.n, -1)
    at_pair[pairs.mu] = np.arange(len(pairs))
    for at, answer in zip(columns, answers, strict=True):
        if answer.boxes is not None:
            price = at[space.is_price[at]]
            own = np.searchsorted(at, price)
            space.lb[price], space.ub[price], space.proof[price] = (part[own] for part in answer.boxes)
        if answer.slacks is not None:
            mu, value, proof = answer.slacks
            here = at_pair[at[mu]]
            slack.value[here], slack.proof[here] = value, proof
    dual = Bounds(space.ub[pairs.mu].copy(), space.proof[pairs.mu].copy())
    bounded = replace(model, space=space, pairs=replace(pairs, slack_max=slack, dual_max=dual), bounded=True)
    return bounded


def _told(answers: list[Answer]) -> str:
    """Return how the parts ended, in words."""
    words = [answer.status for answer in answers]
    counts = ", ".join(f"{words.count(word)} {word}" for word in sorted(set(words)))
    return f"independent parts: {len(answers)} ({counts})"
