"""Rounds over the followers, with a look for better points after each: what :func:`kktgen.optimize` does with many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..decompose.blocks import decompose
from ..decompose.rounds import Rounds
from ..decompose.tighten import CUTS
from ..errors import BoundError, ProblemError
from ..model.model import Model
from ..search.residual import FEASIBLE, violation
from ..search.start.start import land_all

SEVERAL = 8
"""Subproblems from which on rounds are made without being asked for: below, the solver's tree is as fast."""
PAIRS = 40
"""Integer columns of a subproblem, on the average, from which on they are."""
FEW = 15
"""Subproblems up to which the solver's tree is to finish what some rounds have begun; of more it is the rounds."""
ROUNDS = 4
"""Rounds before the tree of few subproblems."""
MOST = 20
"""Rounds of many."""
TRIED = 3
"""Decisions of the subproblems that are tried as points after each round, besides the master's."""
SECONDS = 0.2
"""Seconds a subproblem that a look for better points may take."""


def check_decompose(value: bool | str) -> None:
    """Refuse what is no answer to whether to decompose."""
    if value not in (True, False, "auto"):
        raise ProblemError(f"decompose must be True, False or 'auto', got {value!r}")


def pays(model: Model, asked: bool | str) -> bool:
    """Return whether rounds over the followers of an encoded model are asked for, or worth it."""
    if asked is False or model.kkt is None or "qobj_nonconvex" in model.features:
        return False
    if asked is True:
        return True
    count = len(model.kkt.followers)
    choices = int(((model.space.kind != "C") & (model.space.lb < model.space.ub)).sum())
    return count >= SEVERAL and choices >= PAIRS * count


def begun(
    model: Model, points: list[np.ndarray], executor: Executor | None,
    progress: Callable[[Mapping[str, Any]], Any] | None, asked: bool | str = "auto",
) -> Rounds | None:  # fmt: skip
    """Return rounds over the followers of an encoded model; None where it does not fall apart and nobody insists.

    Raises
    ------
    ProblemError
        The model does not fall apart, and somebody insists.
    """
    try:
        blocks = decompose(model)
    except (ProblemError, BoundError):
        if asked is True:
            raise
        return None
    if asked is not True and len(blocks.subproblems) < SEVERAL:
        return None
    known = [
        z for z in (blocks.view.point(model.complete(z)) for z in points) if violation(blocks.model, z) <= FEASIBLE
    ]
    return Rounds(blocks, known[0], known[1:], executor, progress=progress) if known else None


def worked(
    rounds: Rounds, model: Model, points: list[np.ndarray], deadline: Deadline, gap: float = 1e-4
) -> list[np.ndarray]:
    """Do rounds, with a look for better points after each; return all points, the best first.

    Parameters
    ----------
    rounds : Rounds
    model : Model
        The KKT model behind the encoded one.
    points : list of ndarray (n,)
        Of it, the best first.
    deadline : Deadline
        Of all stages.
    gap : float
        At which no more are made.
    """
    many = len(rounds.blocks.subproblems) > FEW
    own = deadline.before("verify", "evidence").part(None) if many else deadline.share("tighten")
    rounds.deadline = own
    for _ in range(MOST if many else ROUNDS):
        again = rounds.once(CUTS)
        points = [*improved(rounds, model, own), *points]
        if not again or rounds.gap <= gap or own.over:
            break
    return points


def improved(rounds: Rounds, model: Model, deadline: Deadline) -> list[np.ndarray]:
    """Return points better than the incumbent that the decisions of the last round lead to, the best first.

    Parameters
    ----------
    rounds : Rounds
        Takes the best of them as its incumbent.
    model : Model
        The KKT model.
    deadline : Deadline
    """
    view, whole = rounds.blocks.view, rounds.blocks.model
    candidates = [view.back(z)[: model.n] for z in rounds.decisions[: 1 + TRIED]]
    found = land_all(model, candidates, deadline.part(SECONDS * len(rounds.blocks.subproblems)))
    out: list[np.ndarray] = []
    for z in found:
        lifted = view.point(view.original.complete(z))
        if violation(whole, lifted) <= FEASIBLE and (rounds.better(lifted) or out):
            out.append(z)
    return out
