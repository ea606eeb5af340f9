"""A tree over the boxes of what many followers share, each node bounded by rounds over the followers.

Branching on a pair of one follower moves one part of the objective in many; a box of a price moves all of them. So a
box of the leader's columns that followers see is split, and the children begin with the rows and boxes that were
derived for their parent (:mod:`kktgen.decompose.rounds`). A node is bounded by the Lagrangian bound within it.

That bound is met where all subproblems choose the same values for their copies of a column. So the column is split of
which the copies u_j differ the most, priced, at their mean::

    sum_j |sigma_jt| |u_jt - mean_j u_jt|

(Guignard and Kim, "Lagrangean decomposition", 1987; Caroe and Schultz, "Dual decomposition in stochastic integer
programming", 1999, branch on the dispersion of copies alike.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.model import Model
from ..model.tables import RowTable
from ..numerics.sparse import Csr, joined, position
from ..search.residual import FEASIBLE, violation
from ..search.start.start import land_all
from .blocks import Blocks
from .master import Strengthened
from .proved import Dual
from .rounds import Rounds
from .tree import BoxTree, Evaluation, Node

INNER = 0.1
"""A box is split this far from its sides at least, as a share of its width."""
SECONDS = 0.1
"""Seconds a subproblem that a node's look for a better point may take."""
HOW = "a Lagrangian bound"
"""What the bound of a node rests on."""


@dataclass(frozen=True, eq=False)
class SharedBoxes:
    """Evaluates boxes of the linking columns; travels to another process.

    Parameters
    ----------
    blocks : Blocks
    incumbent : ndarray (n,)
        In the model's own units.
    targets : ndarray (k,)
        The columns whose boxes are split.
    solver : str
        For the subproblems.
    model : Model, optional
        The KKT model: the followers then respond to every node's decisions, in search of better points.
    """

    blocks: Blocks
    incumbent: np.ndarray
    targets: np.ndarray
    solver: str = "scip"
    model: Model | None = None

    def __call__(self, node: Node, cutoff: float, deadline: Deadline) -> Evaluation:
        """Return the bound of a node: one round within its box."""
        state = unpacked(self.blocks, node.payload).boxed(self.targets, node.lb, node.ub)
        rounds = Rounds(self.blocks, self.incumbent, deadline=deadline, solver=self.solver)
        rounds.state, rounds.reach, rounds.dual = state, min(rounds.reach, cutoff), dual_of(self.blocks, node.payload)
        rounds.once(1, boxes=False)
        if rounds.bound < rounds.reach and not len(rounds.copies[0]):
            rounds.again()  # the relaxation had no optimum: its boxes and rows may leave no point
        bound = max(node.bound, min(rounds.bound, rounds.reach))
        points = () if bound >= cutoff else self._points(rounds, deadline)
        return Evaluation(bound, packed(rounds), points, how=HOW, split=_parting(rounds, node, self.targets))

    def _points(self, rounds: Rounds, deadline: Deadline) -> tuple[tuple[float, np.ndarray], ...]:
        """Return a point that the node's own decisions lead to, where it satisfies the model."""
        if self.model is None or not rounds.decisions:
            return ()
        view = self.blocks.view
        candidates = [view.back(z)[: self.model.n] for z in rounds.decisions[:1]]
        found = land_all(self.model, candidates, deadline.part(SECONDS * len(self.blocks.subproblems)))
        lifted = [view.point(view.original.complete(z)) for z in found[:1]]
        return tuple(
            (self.blocks.model.objective.value(z), z) for z in lifted if violation(self.blocks.model, z) <= FEASIBLE
        )


def _parting(rounds: Rounds, node: Node, targets: np.ndarray) -> tuple[int, float] | None:
    """Return the target whose copies differ the most, priced, and where to split its box; None where all agree."""
    lb, ub = rounds.state.lb[targets], rounds.state.ub[targets]
    at, value, price = rounds.copies
    here = position(targets, at)
    here, value, price = here[here >= 0], value[here >= 0], np.abs(price[here >= 0])
    counts = np.maximum(np.bincount(here, minlength=len(targets)), 1)
    mean = np.bincount(here, weights=value, minlength=len(targets)) / counts
    apart = np.bincount(here, weights=price * np.abs(value - mean[here]), minlength=len(targets))
    column = int(np.argmax(apart))
    if apart[column] <= 0.0 or ub[column] <= lb[column]:
        return None
    room = INNER * (ub[column] - lb[column])
    place = float(np.clip(mean[column], lb[column] + room, ub[column] - room))
    return (column, place) if node.lb[column] < place < node.ub[column] else None


def packed(rounds: Rounds) -> dict[str, np.ndarray]:
    """Return boxes, derived rows, and the multipliers of the best Lagrangian bound as arrays.

    A part of a box is a part of all that the bounds D_j were proved for, so they hold for the children as well.
    """
    state, rows, dual = rounds.state, rounds.state.rows, rounds.dual
    out = {
        "lb": state.lb, "ub": state.ub, "lo": rows.lo, "hi": rows.hi, "owner": state.owner, "data": rows.M.data,
        "indices": rows.M.indices, "indptr": rows.M.indptr,
    }  # fmt: skip
    if dual is not None:
        out |= {
            "w": dual.w,
            "sigma": joined(dual.sigma),
            "minima": np.array(dual.minima),
            "dual": np.array([dual.bound]),
        }
    return out


def dual_of(blocks: Blocks, payload: Mapping[str, np.ndarray]) -> Dual | None:
    """Return the multipliers with their bound from such arrays."""
    if "dual" not in payload:
        return None
    ends = np.cumsum([len(part.links) for part in blocks.subproblems])
    sigma = tuple(np.split(np.asarray(payload["sigma"]), ends[:-1]))
    minima = tuple(np.asarray(payload["minima"]).tolist())
    lb, ub = np.asarray(payload["lb"]), np.asarray(payload["ub"])
    return Dual(float(np.asarray(payload["dual"])[0]), np.asarray(payload["w"]), sigma, minima, lb, ub)


def unpacked(blocks: Blocks, payload: Mapping[str, np.ndarray]) -> Strengthened:
    """Return blocks with boxes and derived rows from arrays."""
    part = {word: np.asarray(payload[word]) for word in ("lb", "ub", "lo", "hi", "owner", "data", "indices", "indptr")}
    M = Csr((part["data"], part["indices"], part["indptr"]), shape=(len(part["lo"]), blocks.model.n))
    rows = RowTable(M, part["lo"], part["hi"])
    return Strengthened(blocks, part["lb"].copy(), part["ub"].copy(), rows, part["owner"])


def branch(
    rounds: Rounds, *, model: Model | None = None, gap: float = 1e-5, executor: Executor | None = None,
    at_once: int = 1, deadline: Deadline = NEVER, progress: Callable[[Mapping[str, Any]], Any] | None = None,
    file: Path | None = None,
) -> BoxTree:  # fmt: skip
    """Go on from rounds by a tree over the boxes of what followers share.

    Parameters
    ----------
    rounds : Rounds
        At least one was made. They take over the better bound, and the best point.
    model : Model, optional
        The KKT model, see :class:`SharedBoxes`.
    gap : float
        Relative gap at which a box is given up.
    executor : Executor, optional
        Evaluates ``at_once`` nodes at the same time, each of them a job.
    at_once : int
    deadline : Deadline
    progress : callable, optional
        Bound and incumbent in the user's sense and units.
    file : Path, optional
        The state of the tree is written there after every round of nodes, and it goes on from it
        (:meth:`kktgen.decompose.tree.BoxTree.run`).

    Returns
    -------
    BoxTree
        Its bound is the minimised one.

    Raises
    ------
    FormatError
        The file holds no state of this problem's tree.
    """
    blocks, targets = rounds.blocks, rounds.targets
    space, state = blocks.model.space, rounds.state
    tree = BoxTree(
        state.lb[targets], state.ub[targets], space.kind[targets] != "C", gap=gap, size=1.0 + abs(rounds.value),
        problem=digest(blocks), payload=packed(rounds),
    )  # fmt: skip
    tree.root = replace(tree.root, bound=rounds.bound)
    tree.open = [tree.root]
    tree.offer(rounds.value, rounds.incumbent)
    told = None if progress is None else _told(progress, rounds)
    evaluate = SharedBoxes(blocks, rounds.incumbent, targets, rounds.solver, model)
    tree.run(evaluate, executor=executor, at_once=at_once, deadline=deadline, progress=told, file=file)
    if tree.point is not None:
        rounds.better(tree.point)
    rounds.bound = max(rounds.bound, min(tree.bound, rounds.value))
    return tree


def _told(progress: Callable[[Mapping[str, Any]], Any], rounds: Rounds) -> Callable[[Mapping[str, Any]], Any]:
    unit = rounds.blocks.model.sense * rounds.blocks.view.objective

    def told(info: Mapping[str, Any]) -> None:
        numbers = {key: unit * info[key] for key in ("bound", "incumbent")}
        progress({**info, **numbers, "text": f"boxes of shared columns: {info['nodes']} nodes, {info['open']} open"})

    return told


def digest(blocks: Blocks) -> str:
    """Return the digest of the problem the tree is of, and of which pairs were encoded how.

    Boxes and constants do not count: the state has boxes of its own, which hold for the problem.
    """
    out, whole, rows = blake2b(digest_size=16), blocks.view.original, blocks.model.rows
    P, q, r = whole.matrices
    parts: list[Any] = [[whole.n], rows.M.indices, rows.M.indptr]
    if whole.origin is not None:
        out.update(repr(whole.origin.problem).encode())
    else:
        parts += [rows.M.data, rows.lo, rows.hi, P.data, P.indices, q, [r], whole.space.lb, whole.space.ub]
    for part in parts:
        flat = np.ascontiguousarray(part, dtype=float)
        out.update(f"{flat.size};".encode() + flat.tobytes())
    return out.hexdigest()
