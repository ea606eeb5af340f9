"""A bilevel problem of few leader's columns solved by a tree over their boxes, and whether that is worth trying."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from ..deadline import Deadline
from ..errors import ProblemError
from ..model.model import Model
from ..model.own_units import LEAST, objective_size
from ..model.solution import Solution
from ..problem.columns import LEADER
from ..reformulate.binary_products import leaders_switches
from ..reformulate.scale import Scaled, scaled
from ..solvers.driving.checks import INTERRUPTED
from ..verification.claims import TREE
from .few_leaders import FewLeaders
from .tree import BoxTree

GAP = 1e-5
"""Relative gap at which boxes are given up when nobody names one: a tenth of what the claim asks for."""
FEW, MANY, LARGE = 3, 60, 400
"""A tree is tried by itself where so many columns at most meet so many pairs at least, in followers of at most so many
variables and rows."""
FEW_BINARIES, MANY_SWITCHED = 4, 100
"""Or where followers see so many binaries at most and nothing else, products of their own columns are left in the
leader's objective, and there are so many pairs at least: a solver bounds such products badly before they are fixed."""
OPEN = 0.01
"""And where the convex relaxation is so far (relative) from the best start point."""


def by_boxes(
    model: Model, points: Sequence[np.ndarray] = (), *, gap: float | None = None, deadline: Deadline | None = None,
    executor: Executor | None = None, at_once: int = 1,
    progress: Callable[[Mapping[str, Any]], Any] | None = None, file: Path | None = None,
) -> Solution:  # fmt: skip
    """Return the solution of a bounded KKT model by a tree over boxes of the columns that its followers see.

    Parameters
    ----------
    model : Model
        From :func:`kktgen.bound`, its products eliminated, with its pairs.
    points : sequence of ndarray (n,)
        Points of the model to begin with.
    gap : float, optional
        Relative gap at which a box is given up.
    deadline : Deadline, optional
    executor : concurrent.futures.Executor, optional
        Evaluates ``at_once`` boxes at the same time.
    progress : callable, optional
        Called after every round; bound and incumbent in the user's sense and units.
    file : Path, optional
        Holds the state of the tree, from which it goes on (:meth:`kktgen.decompose.tree.BoxTree.run`).

    Returns
    -------
    Solution
        Of the status ``optimal``, ``infeasible`` or ``time_limit``, over the columns of the model. Ctrl-C ends it as a
        time limit does.

    Raises
    ------
    ProblemError
        Followers see one another, or a column they see has no finite box.
    FormatError
        The file holds no state of this problem's tree.
    """
    deadline = Deadline() if deadline is None else deadline
    view = scaled(model)
    few = FewLeaders(view.model)
    root = few.root()
    few.check(root)
    size = objective_size(model, points[0]) / view.objective if len(points) else LEAST
    payload = {"lb": root.lb, "ub": root.ub, "s_lb": root.s_lb, "s_ub": root.s_ub}
    lb, ub = root.lb[few.linking], root.ub[few.linking]
    tree = BoxTree(lb, ub, few.whole, gap=GAP if gap is None else gap, size=size, problem=digest(model),
                   payload=payload)  # fmt: skip
    for z in points:
        tree.offer(view.model.objective.value(view.point(z)), view.point(z))
    told = None if progress is None else _told(progress, view)
    raw: dict[str, Any] = {}
    try:
        tree.run(few, executor=executor, at_once=at_once, deadline=deadline, progress=told, file=file)
    except KeyboardInterrupt:
        deadline.stop()
        raw["status"] = INTERRUPTED
    return _solution(model, view, tree, len(few.linking), deadline.spent, raw)


def worth_boxes(model: Model, points: Sequence[np.ndarray], bound: float | None) -> bool:
    """Return whether a tree over boxes is tried without being asked for.

    Parameters
    ----------
    model : Model
        Bounded, with its pairs.
    points : sequence of ndarray (n,)
        Known points, the best first.
    bound : float or None
        Of the convex relaxation, in the user's sense.
    """
    kkt, pairs, space = model.kkt, model.pairs, model.space
    if kkt is None or pairs is None or len(pairs) < MANY or not len(points) or bound is None:
        return False
    seen = kkt.seen
    if (space.owner[seen] != LEADER).any() or len(model.terms) or not 0 < len(seen) <= FEW:
        return False
    if not (np.isfinite(space.lb[seen]) & np.isfinite(space.ub[seen])).all():
        return False
    if max(len(s.y) + len(s.lam) + len(s.mu) for s in kkt.systems) > LARGE:
        return False
    curved = not len(model.quads) and "qobj" in model.features  # with linear objectives solvers are quick
    discrete = bool((space.kind != "C").any() or len(model.sos1))
    value = model.value(points[0])
    return curved and not discrete and abs(value - bound) > OPEN * max(objective_size(model, points[0]), abs(value))


def worth_plans(model: Model, points: Sequence[np.ndarray]) -> bool:
    """Return whether a tree over the few binaries that followers see is tried without being asked for.

    The leader has no other integers, and his objective keeps products of followers' columns, such as a price with a
    flow: at a plan most of these columns have one value, which boxes find and the tree of a solver finds late.

    Parameters
    ----------
    model : Model
        Bounded, with its pairs.
    points : sequence of ndarray (n,)
        Known points.
    """
    kkt, pairs, space, goal = model.kkt, model.pairs, model.space, model.objective
    if kkt is None or pairs is None or len(pairs) < MANY_SWITCHED or not len(points):
        return False
    seen = kkt.seen
    two = leaders_switches(model)
    if not 0 < len(seen) <= FEW_BINARIES or not two[seen].all() or (space.kind != "C").sum() > len(seen):
        return False
    if len(model.terms) or len(model.quads) or len(model.sos1):
        return False
    theirs = (space.owner[goal.i] != LEADER) & (space.owner[goal.j] != LEADER)
    return bool(theirs.any()) and "qobj_nonconvex" in model.features


def digest(model: Model) -> str:
    """Return the digest of the problem that a tree over boxes is of.

    How far its boxes were proved before the tree began does not count: the state has boxes of its own, which hold for
    the problem. Of a model that was changed by hand it is the digest of its rows, objective and followers.
    """
    out = blake2b(digest_size=16)
    rows, goal, kkt = model.rows, model.objective, model.kkt
    assert kkt is not None
    parts = [rows.M.data, rows.M.indices, rows.lo, rows.hi, goal.i, goal.j, goal.v, goal.linear.data,
             goal.linear.indices, np.array([goal.r]), model.quads.v, kkt.C.data, kkt.C.indices, kkt.c0, kkt.mu,
             model.space.lb, model.space.ub]  # fmt: skip
    if model.origin is not None:
        out.update(repr(model.origin.problem).encode())
        parts = [np.array([model.n])]
    for part in parts:
        flat = np.ascontiguousarray(part, dtype=float)
        out.update(f"{flat.size};".encode() + flat.tobytes())
    return out.hexdigest()


def _told(progress: Callable[[Mapping[str, Any]], Any], view: Scaled) -> Callable[[Mapping[str, Any]], Any]:
    """Return a progress callback that is told bound and incumbent in the user's sense and units."""
    unit = view.model.sense * view.objective

    def told(info: Mapping[str, Any]) -> None:
        numbers = {key: unit * info[key] for key in ("bound", "incumbent")}
        progress({**info, **numbers, "text": f"boxes: {info['open']} open"})

    return told


def _solution(model: Model, view: Scaled, tree: BoxTree, columns: int, seconds: float, raw: dict[str, Any]) -> Solution:
    """Return what a tree found, in the user's sense and units."""
    unit = view.model.sense * view.objective
    bound = min(tree.bound, tree.best)
    known = float(unit * bound) if np.isfinite(bound) else None
    if tree.point is None:
        status = "infeasible" if tree.finished and tree.done == np.inf else "time_limit"
        z, value = None, None
    else:
        status = "optimal" if tree.finished else "time_limit"
        z = view.back(tree.point)
        value = model.value(z)
    if known is not None:
        raw = {**raw, TREE: grounds(tree, columns)}
    return Solution(status, value, known, z, seconds, "tree over boxes", model, nodes=tree.nodes, raw=raw)


def grounds(tree: BoxTree, columns: int) -> str:
    """Return the sentence that says what a tree's bound rests on."""
    rests = dict(tree.closed)
    for node in tree.open:
        rests[node.how] = rests.get(node.how, 0) + 1
    total, many = sum(rests.values()), "column" if columns == 1 else "columns"
    parts = sorted((how, count) for how, count in rests.items() if how)
    by = " and ".join(f"by {how}" + (f" ({count})" if len(parts) > 1 else "") for how, count in parts)
    whose = "a box" if total == 1 else "a tree over boxes"
    leaves = f"; {total} boxes," if total > 1 else ","
    return (
        f"the bound is that of {whose} of {columns} {many} of the leader{leaves} bounded {by}; "
        "it rests on proved boxes of multipliers and slacks, and on no encoding of the whole model"
    )


def over(found: Solution, model: Model) -> Solution:
    """Return a solution of a KKT model as one over an encoded model of it.

    Raises
    ------
    ProblemError
        The encoded model has fewer columns.
    """
    if model.n < found.model.n:
        raise ProblemError("by_boxes: the encoded model is not one of the solution's")
    return replace(found, model=model, z=None if found.z is None else model.complete(found.z))
