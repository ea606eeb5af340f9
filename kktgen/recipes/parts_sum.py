"""The answer to a problem of independent parts: points side by side, bounds added, one encoded model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..encodings import encode
from ..errors import BoundError
from ..model.fingerprint import equivalent
from ..model.model import Model
from ..model.pairs import Bounds
from ..model.solution import Solution
from ..reformulate.eliminate import eliminate
from ..solvers.driving.checks import INTERRUPTED
from ..verification.claims import KINDS, OPEN_PARTS, PARTS
from ..wording import first_names
from .part_answer import Answer
from .parts_report import SHOWN, faults, kinds, noun, said

if TYPE_CHECKING:
    from .pipeline import Pipeline


def assembled(
    run: Pipeline, columns: list[np.ndarray], answers: list[Answer], start: Any = True
) -> tuple[np.ndarray | None, float | None, float | None]:
    """Return the point over all columns, its value and the sum of the bounds; what is missing is None.

    Parts without a point take theirs from the start, where there is one.
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


def summed(run: Pipeline, parts: int, columns: list[np.ndarray], answers: list[Answer], start: Any) -> Solution:
    """Return the answer to the whole problem, which has so many independent parts, solved in groups."""
    count = len(answers)
    status, at = _status(answers)
    decisive = list(range(count)) if at is None else [at]
    raw: dict[str, Any] = {
        PARTS: said(parts, answers, decisive),
        KINDS: kinds(parts, answers),
        OPEN_PARTS: faults(run.bilevel, parts, columns, answers, decisive),
    }
    if run.deadline.stopped:
        raw["status"] = INTERRUPTED
    z, value, bound = (None, None, None) if status == "infeasible" else assembled(run, columns, answers, start)
    solvers = sorted({answer.solver for answer in answers if answer.z is not None}) or [answers[0].solver]
    solver = f"{answers[at].solver}, {noun(parts, count)} {at + 1} of {count}" if at is not None else (
        f"{first_names(solvers, SHOWN)}, {count} {noun(parts, count)}s"
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


def encoded(run: Pipeline, columns: list[np.ndarray], answers: list[Answer], encoding: Any) -> Model:
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
