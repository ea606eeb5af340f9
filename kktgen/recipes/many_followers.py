"""Rounds over the followers, with a look for better points after each: what :func:`kktgen.optimize` does with many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..decompose.blocks import decompose
from ..decompose.rounds import Rounds
from ..decompose.shared_boxes import branch
from ..decompose.tighten import CUTS
from ..errors import BoundError, ProblemError
from ..model.model import Model
from ..model.solution import Solution
from ..search.residual import FEASIBLE, violation
from ..search.start.start import land_all
from ..verification.claims import LAGRANGIAN

FEW_COLUMNS = 6
"""Columns up to which a tree over boxes bounds a node by boxes of multipliers, not by a round over the followers."""
SEVERAL = 8
"""Subproblems from which on rounds are made without being asked for: below, the solver's tree is as fast."""
PAIRS = 40
"""Integer columns of a subproblem, on the average, from which on they are."""
ROUNDS = 3
"""Most rounds before the solver's tree, or the tree over boxes."""
GAP = 5e-5
"""Relative gap at which boxes are given up when nobody names one: half of what the claim asks for. What is taken off
every subproblem's bound for the solver's tolerance leaves a part of the gap open."""
TRIED = 3
"""Decisions of the subproblems that are tried as points after each round, besides the master's."""
SECONDS = 0.2
"""Seconds a subproblem that a look for better points may take."""


def check_decompose(value: bool | str) -> None:
    """Refuse what is no answer to whether to decompose."""
    if value not in (True, False, "auto"):
        raise ProblemError(f"decompose must be True, False or 'auto', got {value!r}")


def by_shared_boxes(
    rounds: Rounds, model: Model, encoded: Model, *, gap: float | None, executor: Executor | None,
    deadline: Deadline, progress: Callable[[Mapping[str, Any]], Any] | None, file: Path | None, at_once: int,
) -> Solution:  # fmt: skip
    """Return what a tree over the boxes of what the followers share finds, as a solution of the encoded model.

    Parameters
    ----------
    rounds : Rounds
        Made before; their bound becomes that of the tree.
    model, encoded : Model
        The KKT model, and the encoded one as the rounds have left it.
    gap, executor, deadline, progress, file, at_once
        As of :func:`kktgen.decompose.shared_boxes.branch`.
    """
    tree = branch(
        rounds, model=model, gap=GAP if gap is None else gap, executor=executor, at_once=at_once, deadline=deadline,
        progress=progress, file=file,
    )  # fmt: skip
    bound, said = rounds.told_bound
    said = f"{said}; the least of a tree over boxes of what they share, {tree.nodes} nodes"
    z = rounds.blocks.view.back(rounds.incumbent)
    status = "optimal" if tree.finished else "time_limit"
    raw = {LAGRANGIAN: said}
    spent = deadline.spent
    return Solution(status, encoded.value(z), bound, z, spent, "tree over shared boxes", encoded, tree.nodes, raw)


def pays(model: Model, asked: bool | str) -> bool:
    """Return whether rounds over the followers of an encoded model are asked for, or worth it.

    Raises
    ------
    ProblemError
        Somebody insists, and the leader's objective is not convex.
    """
    if asked is False or model.kkt is None:
        return False
    if model.space.conditions:
        if asked is True:
            raise ProblemError(
                "decompose=True: complementarity conditions (m.complements) tie the leader's variables to one another; "
                "decompose='auto' leaves the rounds out"
            )
        return False
    if "qobj_nonconvex" in model.features:
        if asked is True:
            raise ProblemError(
                "decompose=True: the leader's objective is not convex, so that no relaxation bounds the rounds; "
                "decompose='auto' leaves them out"
            )
        return False
    if asked in (True, "boxes"):
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
    if asked == "auto" and len(blocks.subproblems) < SEVERAL:
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
    own = rounds.deadline = deadline.share("tighten")
    for _ in range(ROUNDS):
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
