"""Branch on pairs and integers until every part of the problem is shown empty or no better than a value.

Strong branching: the children of several candidates are bounded. A candidate of which one child is done is settled at
once, all of them at a node, for each leaves one child; else the one whose children rise most is branched on.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ...deadline import Deadline, OutOfTime
from ..optimum import Box
from .curved import CurvedRow
from .leaf import leaf
from .program import Program
from .quick import Quick
from .relaxation import Node, Relaxation, Relaxed

CANDIDATES = 8
"""So many candidates are tried at a node."""
ZERO = 1e-9
"""A pair whose smaller side is up to this is satisfied; so is an integer this near to one."""
LOWEST = -1e30
"""The rank of a node of which nothing is known."""
LEAST = 1e-7
"""The least rise that counts in a score."""
MARGIN = 1e-7
"""A node counts as done when its bound, in floats, exceeds the value by this much of it."""

CHECKING = 0.4
"""What is left of the limit for the check, of the seconds the leaves took so far: it evaluates them once more."""
BENT, MIDDLE = 4, 0.2
"""So many boxes of chords are tried, and split at least this far from their ends."""
ROOM = 0.05
"""... and by no more than this of what lies between the value and the one that is known."""

Telling = Callable[[dict[str, Any]], None]


@dataclass(eq=False)
class Part:
    """A node of the tree.

    Parameters
    ----------
    node : Node
        In floats.
    box, tight
        Exactly.
    found : Relaxed
        Of its relaxation.
    said : list
        What the file says of it: a branching or a leaf; empty while it is open.
    children : tuple of Part
    """

    node: Node
    box: Box
    tight: frozenset[int]
    found: Relaxed
    said: list[Any] = field(default_factory=list)
    children: tuple[Part, ...] = ()


class Search:
    """The search for a tree that proves that nothing is below ``cut``.

    Parameters
    ----------
    program : Program
    cut, room : Fraction
        What is to be proved, and how far the value lies above it.
    deadline : Deadline
    tell : callable, optional
        Hears how far it is, as a record of progress.
    curved : sequence of CurvedRow

    Attributes
    ----------
    bound : float
        What is proved so far, up to rounding, in the units of the program; ``cut`` where the tree is complete.
    open, leaves : int
    least : Fraction or None
        The least bound of a leaf, so what the whole tree proves; None where all parts are empty.
    exact : float
        Seconds in rational numbers.
    stuck : bool
        Whether a part that is no leaf satisfies all pairs and integers.
    lowest : float
        The bound of that part, in floats: where it is below ``aim``, the value is not the optimum.
    """

    def __init__(
        self,
        program: Program,
        cut: Fraction,
        room: Fraction,
        deadline: Deadline,
        tell: Telling | None = None,
        curved: Sequence[CurvedRow] = (),
    ) -> None:
        self.program, self.cut, self.deadline, self.tell = program, cut, deadline, tell
        self.known = cut + room
        self.relaxation = Relaxation(program, deadline, curved)
        self.quick = None if self.relaxation.linear else Quick(self.relaxation, deadline)
        self.aim, room_ = float(cut) / program.unit, ROOM * float(room) / program.unit
        self.aim += min(MARGIN * max(1.0, abs(self.aim)), room_)
        self.bound, self.open, self.leaves, self.nodes, self.stuck = -np.inf, 1, 0, 1, False
        self.exact, self.lowest = 0.0, -np.inf
        self.least: Fraction | None = None
        self.root: Part | None = None

    def run(self) -> Search:
        """Search until the tree is complete, the time is over, or a part can be branched on no more."""
        p, count = self.program, itertools.count()
        node = self._switched(Node(p.lb, p.ub, p.lo, p.hi), p.kkt.box)
        heap: list[tuple[float, int, Part]] = []
        try:
            self.root = Part(node, p.kkt.box, frozenset(), self._bounded(node))
            heap = [(self.root.found.rank, next(count), self.root)]
            while heap and not self.stuck:
                self._note(heap)
                part = heap[0][2]
                todo = self._settled(part)
                heapq.heappop(heap)
                for child in todo:
                    heapq.heappush(heap, (child.found.rank, next(count), child))
        except OutOfTime:
            pass
        self._note(heap)
        return self

    def _note(self, heap: list[Any]) -> None:
        self.open, self.bound = len(heap), min((entry[2].found.value for entry in heap), default=self.aim)
        if self.tell is not None:
            self.tell({"nodes": self.nodes, "open": self.open, "bound": self.bound * self.program.unit})

    def _close(self, part: Part) -> bool:
        """Make a part a leaf where it is one, exactly."""
        if part.found.value < self.aim:
            return False
        begun = self.deadline.spent
        said = leaf(self.relaxation, part.found, part.box, part.tight, self.cut, self.known, self.deadline)
        self.exact += self.deadline.spent - begun
        left = self.deadline.left()
        if left is not None and left < CHECKING * self.exact:
            raise OutOfTime
        if said is None:
            return False
        part.said, value = said
        self.leaves += 1
        if part.said[0] == "bound" and value is not None:
            self.least = value if self.least is None else min(self.least, value)
        return True

    def _settled(self, part: Part) -> list[Part]:
        """Work on a part until it is a leaf or branched on; return the parts left open."""
        while not self._close(part):
            if part.found.rough:
                part.found = self._bounded(part.node)
                continue
            candidates = self._candidates(part)
            if not candidates:
                self.stuck, self.lowest = True, part.found.value
                return [part]
            settled, best, score = [], None, -1.0
            for candidate in candidates:
                found = [self._tried(node) for node in self._nodes(part, candidate)]
                rise = [min(one.rank, self.aim) - max(part.found.rank, LOWEST) for one in found]
                done = [one.value >= self.aim for one in found]
                if any(done):
                    settled.append((candidate, found))
                    if all(done):
                        settled = settled[-1:]
                        break
                value = max(rise[0], LEAST) * max(rise[1], LEAST)
                if value > score:
                    best, score = (candidate, found), value
            if not settled:
                assert best is not None
                return self._branch(part, *best)
            for candidate, found in settled:
                left = self._branch(part, candidate, found)
                if len(left) != 1:
                    return left
                part = left[0]
            if len(settled) > 1:
                part.found = self._bounded(part.node)
        return []

    def _bounded(self, node: Node) -> Relaxed:
        """Return a node's relaxation; the quick ones learn from it."""
        found = self.relaxation.solve(node)
        if self.quick is not None and found.x is not None:
            self.quick.learn(found.x)
        return found

    def _tried(self, node: Node) -> Relaxed:
        """Return what is quickly known of a candidate's child."""
        if self.quick is None or not self.quick.points:
            return self.relaxation.solve(node)
        found = self.quick.solve(node)
        return found if found.rank > -np.inf else self.relaxation.solve(node)

    def _branch(self, part: Part, candidate: list[Any], found: list[Relaxed]) -> list[Part]:
        """Branch on a candidate; return the children that are no leaves."""
        exact = self.program.kkt.children(candidate, part.box, part.tight)
        nodes = self._nodes(part, candidate)
        part.said = candidate
        part.children = tuple(
            self._child(node, box, tight, one) for node, (box, tight), one in zip(nodes, exact, found, strict=True)
        )
        self.nodes += 2
        return [child for child in part.children if not self._close(child)]

    def _child(self, node: Node, box: Box, tight: frozenset[int], found: Relaxed) -> Part:
        """Return a child, bounded once more where its box switches rows on."""
        switched = self._switched(node, box)
        again = switched is not node and found.value < self.aim
        return Part(switched, box, tight, self._bounded(switched) if again else found)

    def _switched(self, node: Node, box: Box) -> Node:
        """Return a node with the sides of the rows its box switches on."""
        on = self.program.switched(box)
        if not on:
            return node
        lo, hi = node.lo.copy(), node.hi.copy()
        for k in on:
            lo[k], hi[k] = self.program.sides(k)
        same = np.array_equal(lo, node.lo) and np.array_equal(hi, node.hi)
        return node if same else Node(node.lb, node.ub, lo, hi)

    def _nodes(self, part: Part, candidate: list[Any]) -> list[Node]:
        """Return both children in floats."""
        p, node = self.program, part.node
        first, second = (Node(node.lb.copy(), node.ub.copy(), node.lo, node.hi) for _ in range(2))
        if candidate[0] == "pair":
            at = int(np.flatnonzero(p.pairs.mu == candidate[1])[0])
            j, row = p.pairs.alone[at], p.pairs.row[at]
            if j >= 0:
                _, low, _ = p.kkt.alone(int(row), tight=True)
                assert low is not None
                end = float(low) / p.columns[j]
                first.lb[j], first.ub[j] = max(first.lb[j], end), min(first.ub[j], end)
            else:
                lo = node.lo.copy()
                lo[p.place[row]] = node.hi[p.place[row]]
                first = Node(first.lb, first.ub, lo, node.hi)
            second.ub[candidate[1]] = 0.0
        elif candidate[0] == "set":
            columns = p.kkt.sets[candidate[1]]
            for one, part_ in ((first, columns[: candidate[2]]), (second, columns[candidate[2] :])):
                one.lb[part_], one.ub[part_] = np.maximum(one.lb[part_], 0.0), np.minimum(one.ub[part_], 0.0)
        else:
            j, split = candidate[1], float(candidate[2])
            first.ub[j] = min(first.ub[j], split / p.columns[j])
            second.lb[j] = max(second.lb[j], (split + (j in p.kkt.integers)) / p.columns[j])
        return [first, second]

    def _candidates(self, part: Part) -> list[list[Any]]:
        """Return what to branch on, the most violated first."""
        p, node, x = self.program, part.node, part.found.x
        if x is None:
            x = self._somewhere(node)
        out: list[list[Any]] = []
        for j in sorted(p.kkt.integers):
            if abs(x[j] - np.round(x[j])) > ZERO and node.lb[j] < node.ub[j]:
                out.append(["column", j, int(np.floor(x[j]))])
        for j in p.undecided(x, part.box, ZERO):
            out.append(["column", j, int(np.round(min(x[j], node.ub[j] - 1 / p.columns[j]) * p.columns[j]))])
        out += self._bent(node, x)
        for k, columns in enumerate(p.kkt.sets):
            used = np.flatnonzero(np.abs(x[columns]) > ZERO)
            if len(used) > 1:
                out.append(["set", k, int(used[0]) + 1])
        pairs = p.pairs
        if len(pairs.mu):
            s, mu = np.maximum(pairs.slack(x), 0.0), np.maximum(x[pairs.mu], 0.0)
            live = (node.ub[pairs.mu] > 0) & ~np.isin(pairs.row, list(part.tight))
            score = np.where(live, np.minimum(s, mu), -1.0)
            order = np.argsort(-score, kind="stable")[:CANDIDATES]
            blind = part.found.value >= self.aim or part.found.value == -np.inf
            least = -0.5 if blind and not out else ZERO  # split in any case
            out += [["pair", int(pairs.mu[k])] for k in order if score[k] > least]
        return out[: 2 * CANDIDATES]

    def _bent(self, node: Node, x: np.ndarray) -> list[list[Any]]:
        """Return the columns whose chords miss most, and where to split their boxes."""
        (columns, e), p = self.program.chords, self.program
        low, high = node.lb[columns], node.ub[columns]
        miss = 0.5 * e * (x[columns] - low) * (high - x[columns])
        out: list[list[Any]] = []
        for k in np.argsort(-miss, kind="stable")[:BENT]:
            j, width = int(columns[k]), high[k] - low[k]
            if miss[k] > ZERO and j not in p.kkt.integers:
                at = min(max(float(x[j]), low[k] + MIDDLE * width), high[k] - MIDDLE * width)
                out.append(["column", j, float(np.float32(at * p.columns[j]))])
            elif miss[k] > ZERO:
                out.append(["column", j, int(min(np.floor(x[j]), high[k] - 1))])
        return out

    def _somewhere(self, node: Node) -> np.ndarray:
        """Return a point inside the boxes where the relaxation has none."""
        x = np.clip(np.zeros(self.program.n), node.lb, node.ub)
        mu = self.program.pairs.mu
        x[mu] = np.minimum(node.ub[mu], 1.0)
        return x

    def written(self) -> list[Any]:
        """Return the tree as a file holds it: every node before its first child, that before the second."""
        out: list[Any] = []
        stack = [self.root] if self.root is not None else []
        while stack:
            part = stack.pop()
            out.append(part.said)
            stack += reversed(part.children)
        return out
