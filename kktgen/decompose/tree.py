"""Best-first branch and bound over boxes of a few columns, whatever bounds a box.

A node is a box [lb, ub] of the columns with a proved lower bound on the (minimised) objective in it. The open node of
the least bound is taken, a job evaluates it, and where its bound stays below the best point's value it is halved across
its widest side, relative to the root's (Land and Doig 1960; Horst and Tuy, "Global Optimization", 1996)::

    optimum >= min over all boxes, open or given up, of their bounds

Several nodes may be evaluated at once by an executor; the next nodes are chosen only when all of them are back, so the
tree is the same on every run with as many jobs at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..executors import answer, handed
from .state import TreeState, read_state, write_state

NARROW = 1e-9
"""A box whose sides are all below this share of the root's is not split."""
POLL = 0.2
"""Seconds between two looks at the deadline while jobs of an executor work."""


@dataclass(frozen=True, eq=False)
class Node:
    """A box with what is known of it.

    Parameters
    ----------
    lb, ub : ndarray (k,)
    bound : float
        Proved lower bound on the minimised objective in the box.
    payload : dict of str to ndarray
        Whatever the evaluation of its parent handed on.
    depth : int
    how : str
        What the bound rests on, in a word or two.
    """

    lb: np.ndarray
    ub: np.ndarray
    bound: float = -np.inf
    payload: Mapping[str, np.ndarray] = field(default_factory=dict)
    depth: int = 0
    how: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the evaluation of a node found.

    Parameters
    ----------
    bound : float
        Proved lower bound in the box; inf where no point can be.
    payload : dict of str to ndarray
        For the children.
    points : tuple of (float, ndarray)
        Points of the problem that were found on the way, with their minimised values.
    closed : bool
        No child would have a better bound: the node is done with.
    how : str
        What the bound rests on, in a word or two; counted for the report.
    split : (int, float) or None
        Column and place to split at, in place of the middle of the widest side.
    """

    bound: float
    payload: Mapping[str, np.ndarray] = field(default_factory=dict)
    points: tuple[tuple[float, np.ndarray], ...] = ()
    closed: bool = False
    how: str = ""
    split: tuple[int, float] | None = None


Evaluate = Callable[[Node, float, Deadline], Evaluation]
"""Takes a node, the value a point must beat to count, and a deadline; picklable where an executor of processes works.
A call that finds the time over returns the node's own bound and payload."""


class BoxTree:
    """A best-first tree over boxes of some columns; :meth:`run` may be called again and goes on.

    Parameters
    ----------
    lb, ub : ndarray (k,)
        The root's box; finite.
    whole : ndarray (k,) bool
        Integer columns: their boxes are split between integers.
    gap : float
        Boxes whose bound is within ``gap max(size, |best|)`` of the best value are given up.
    size : float
        What counts as 1 in the objective.
    problem : str
        Digest of the problem, which stands in the file of the state.
    payload : dict of str to ndarray
        Of the root.

    Attributes
    ----------
    best : float
        Value of the best point; inf without one.
    point : ndarray or None
    open : list of Node
        The least bound first.
    done : float
        Least bound among the boxes that were given up or closed.
    closed : dict of str to int
        How many boxes were closed, by what their bounds rest on.
    nodes : int
        Evaluated so far.
    """

    def __init__(
        self, lb: np.ndarray, ub: np.ndarray, whole: np.ndarray, *, gap: float = 1e-5, size: float = 1.0,
        problem: str = "", payload: Mapping[str, np.ndarray] | None = None,
    ) -> None:  # fmt: skip
        self.root = Node(lb.astype(float), ub.astype(float), payload=payload or {})
        self.whole, self.gap, self.size, self.problem = whole, gap, size, problem
        self.width = np.where(ub > lb, ub - lb, 1.0)
        self.best = np.inf
        self.point: np.ndarray | None = None
        self.open: list[Node] = [self.root]
        self.done = np.inf
        self.closed: dict[str, int] = {}
        self.nodes = 0

    @property
    def bound(self) -> float:
        """Proved lower bound on the minimised objective; -inf before the root is evaluated."""
        return min(self.done, self.open[0].bound) if self.open else self.done

    @property
    def cutoff(self) -> float:
        """Boxes of this bound or more hold nothing better than the best point by more than the gap."""
        return self.best - self.gap * max(self.size, abs(self.best)) if np.isfinite(self.best) else np.inf

    @property
    def finished(self) -> bool:
        """Whether no box is open."""
        return not self.open

    def offer(self, value: float, point: np.ndarray) -> bool:
        """Take a point of a minimised value where it is the best so far; return whether it is."""
        if not value < self.best:
            return False
        self.best, self.point = float(value), point.copy()
        self._give_up()
        return True

    def run(
        self, evaluate: Evaluate, *, executor: Executor | None = None, at_once: int = 1, deadline: Deadline = NEVER,
        progress: Callable[[Mapping[str, Any]], Any] | None = None, file: Path | None = None,
    ) -> BoxTree:  # fmt: skip
        """Evaluate open nodes until none is left or time is up; Ctrl-C leaves the tree as the last round left it.

        Parameters
        ----------
        evaluate : callable
            See :data:`Evaluate`.
        executor : concurrent.futures.Executor, optional
        at_once : int
            Nodes of a round.
        deadline : Deadline
        progress : callable, optional
            Called after every round with ``text``, ``seconds``, ``nodes``, ``open``, ``bound``, ``incumbent`` (both
            minimised) and ``gap``.
        file : Path, optional
            The state is written there after every round (seldomer where writing takes a twentieth of the time), in
            place of what stood there; where it holds a state of the same problem already, the tree goes on from that.

        Raises
        ------
        FormatError
            The file is none of a tree, or of another problem.
        """
        if file is not None and file.exists():
            self.restore(read_state(file, self.problem))
        write = _Writer(file, self.state)
        while self.open and not deadline.over:
            taken, self.open = self.open[:at_once], self.open[at_once:]
            try:
                found = self._evaluated(evaluate, taken, executor, deadline)
            except BaseException:
                self.open = taken + self.open
                write(last=True)
                raise
            for node, one in zip(taken, found, strict=True):
                self._take(node, one)
            self._give_up()
            write()
            if progress is not None:
                progress(self.told(deadline))
        write(last=True)
        return self

    def state(self) -> TreeState:
        """Return all there is to go on from."""
        nodes = [(n.lb, n.ub, n.bound, n.depth, n.payload, n.how) for n in self.open]
        return TreeState(self.problem, nodes, self.best, self.point, self.done, self.closed, self.nodes)

    def restore(self, state: TreeState) -> None:
        """Go on from a state; a better point that is known already stays."""
        best, point = self.best, self.point
        self.open = [Node(lb, ub, bound, payload, depth, how) for lb, ub, bound, depth, payload, how in state.nodes]
        self.best, self.point, self.done = state.best, state.point, state.done
        self.closed, self.nodes = dict(state.closed), state.evaluated
        if point is not None:
            self.offer(best, point)

    def told(self, deadline: Deadline) -> dict[str, Any]:
        """Return what a progress line says."""
        best, bound = self.best, min(self.bound, self.best)
        gap = (best - bound) / max(self.size, abs(best)) if np.isfinite(best) and np.isfinite(bound) else None
        text = f"boxes: {self.nodes} nodes, {len(self.open)} open, bound {bound:.6g}, best {best:.6g}"
        text += f", gap {100 * gap:.3g} %" if gap is not None else ""
        return {
            "text": text, "seconds": deadline.spent, "nodes": self.nodes, "open": len(self.open),
            "bound": bound, "incumbent": best, "gap": gap,
        }  # fmt: skip

    def _evaluated(
        self, evaluate: Evaluate, nodes: list[Node], executor: Executor | None, deadline: Deadline
    ) -> list[Evaluation | None]:
        """Return what is found of some nodes, in their order; None of those that time ran out for."""
        if executor is None:
            return [None if deadline.over else evaluate(node, self.cutoff, deadline) for node in nodes]
        jobs = [handed(executor, evaluate, node, self.cutoff, deadline) for node in nodes]
        try:
            return [
                _awaited(job, deadline, partial(evaluate, node, self.cutoff, deadline))
                for job, node in zip(jobs, nodes, strict=True)
            ]
        finally:
            for job in jobs:
                job.cancel()

    def _take(self, node: Node, found: Evaluation | None) -> None:
        """Take what an evaluation found: points, and the node's children or its end."""
        if found is None:
            self.open.append(node)
            return
        self.nodes += 1
        for value, point in found.points:
            self.offer(value, point)
        bound = max(node.bound, found.bound)
        if found.closed or bound >= self.cutoff:
            self._close(bound, found.how)
            return
        parts = self.halves(node, found.split)
        if not parts:
            self._close(bound, found.how)
            return
        for lb, ub in parts:
            self.open.append(
                replace(node, lb=lb, ub=ub, bound=bound, payload=found.payload, depth=node.depth + 1, how=found.how)
            )

    def _close(self, bound: float, how: str) -> None:
        self.done = min(self.done, bound)
        self.closed[how] = self.closed.get(how, 0) + 1

    def _give_up(self) -> None:
        """Sort the open nodes, those that cannot hold a better point taken out."""
        cutoff = self.cutoff
        for node in self.open:
            if node.bound >= cutoff:
                self._close(node.bound, node.how)
        self.open = sorted((n for n in self.open if n.bound < cutoff), key=lambda n: (n.bound, -n.depth))

    def halves(self, node: Node, split: tuple[int, float] | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the two boxes a node's falls into, or none where it is too narrow.

        The widest side relative to the root's is halved; ``split`` names another column and place. Integer columns are
        split between integers.
        """
        share = (node.ub - node.lb) / self.width
        share[self.whole & (node.ub - node.lb < 1.0)] = 0.0
        column, at = split if split is not None else (int(np.argmax(share)), np.nan)
        if share[column] <= NARROW:
            return []
        low, high = node.lb[column], node.ub[column]
        at = at if low < at < high else 0.5 * (low + high)
        first, second = (np.floor(at), np.floor(at) + 1.0) if self.whole[column] else (at, at)
        out = []
        for side, place in (("ub", first), ("lb", second)):
            lb, ub = node.lb.copy(), node.ub.copy()
            (lb if side == "lb" else ub)[column] = place
            out.append((lb, ub))
        return out


class _Writer:
    """Writes states to a file, so seldom that it takes little of the time."""

    def __init__(self, file: Path | None, state: Callable[[], TreeState]) -> None:
        self._file, self._state = file, state
        self._rest = Deadline(0.0)

    def __call__(self, last: bool = False) -> None:
        if self._file is not None and (last or self._rest.over):
            begun = Deadline()
            write_state(self._file, self._state())
            self._rest = Deadline(20.0 * begun.spent)


def _awaited(job: Future[Evaluation], deadline: Deadline, here: Callable[[], Evaluation]) -> Evaluation | None:
    """Return what a job finds, None where time is up before; it is done here where its worker died."""
    while True:
        left = deadline.left(POLL)
        try:
            return answer(job, left, here)
        except Late:
            if deadline.over:
                return None
