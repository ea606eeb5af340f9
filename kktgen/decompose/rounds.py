"""Smaller boxes and derived rows for a model of many followers, by rounds over its subproblems.

A round:

1. *rows*: the master's optimum gives a point and multipliers; rows of every subproblem that hold at all its points and
   cut the master's point off are derived (:mod:`kktgen.solvers.scip.root`), boxes with them;
2. *bound*: every subproblem is minimised at the multipliers; their sum is a Lagrangian bound
   (:mod:`~kktgen.decompose.lagrangian`), every minimum a Lagrangian cut;
3. *boxes*: how far the leader's columns that followers see can go without the convex relaxation becoming worse than
   the best point known (:mod:`~kktgen.decompose.level_set`).

What complementarity ties, and the relaxation loses, is price and quantity of one follower, and the more so the wider
the boxes of the prices are: therefore they are made smaller. A box of step 3 may lose points, but none that is better
than the best one known, so the optimum stays what it is. All steps are independent jobs but for the master.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..deadline import NEVER, Deadline
from ..model.tables import RowTable
from ..numerics.sparse import Csr, joined, take_rows, vstack
from ..reformulate.level import SLACK
from ..search.residual import FEASIBLE
from ..solvers.scip.root import Root
from .blocks import Blocks, Subproblem
from .follower_jobs import Change, derive, exact
from .jobs import Job, Shared, run
from .lagrangian import TOLERANCE, Minimum, admissible, leaders_part, priced, total
from .level_set import LevelSet, boxes_of
from .master import Master, MasterOptimum, Strengthened, intersect
from .proved import Box, Dual

INTEGRAL = 1e-4
"""A bound of an integer column this close to an integer is taken to be it."""
NARROWEST = 1e-4
"""A box of a continuous column is not made narrower than this, see :data:`kktgen.solvers.scip.root.TRAP`."""
CUT_OFF = 1e-5
"""By how much (in units of the row's length) a derived row must cut off the master's point to be kept."""
ROOM = 0.01
"""Share of the gap, over all subproblems, to which their minima are solved."""
NARROW = 1e-6
"""Boxes narrower than this, relative to 1 + |bound|, are not made smaller."""
OUT = 1e-5
"""Rounding outward of a box by cutoff, relative to the width of the box before."""
MOVED = 0.02
"""A round that narrows no box by this share of its width, and gains less than this share of the gap, is the last."""
REACHED = 0.01
"""A side of a box this close to the incumbent, as a share of the width, cannot move: the incumbent stays inside."""
CHUNK = 8
"""Sides of boxes that one job asks for at least; a job loads the whole relaxation first."""

Progress = Callable[[Mapping[str, Any]], Any]


@dataclass(eq=False)
class Rounds:
    """The rounds over the subproblems of a model, and what they have found so far.

    Parameters
    ----------
    blocks : Blocks
    incumbent : ndarray (n,)
        The best point known, in the model's own units.
    witnesses : sequence of ndarray (n,)
        Other points that satisfy the model, of any value: what is derived for a subproblem must hold at those of them
        that are in its boxes.
    executor : Executor or None
    deadline : Deadline
    progress : callable, optional
    solver : str
        For the subproblems.

    Attributes
    ----------
    state : Strengthened
    bound : float
        The best proved lower bound on the minimised objective.
    dual : Dual or None
        Of the best Lagrangian bound.
    boxes : list of Box
    levels : list of LevelSet
        They were proved over.
    copies : tuple of ndarray
        Of the last minima: linking column, value and multiplier of every copy.
    decisions : list of ndarray
        Values of the linking columns at the subproblems' minima: where to look for better points.
    cutoff : float
        The best value that boxes and rows rest on: that of the incumbent as the last round began.
    refused : int
        How often what was derived for a subproblem failed at a known point, and was not taken.
    fault : str
        Why boxes were given up: one would have lost the incumbent.
    """

    blocks: Blocks
    incumbent: np.ndarray
    witnesses: Sequence[np.ndarray] = ()
    executor: Executor | None = None
    deadline: Deadline = NEVER
    progress: Progress | None = None
    solver: str = "scip"
    state: Strengthened = field(init=False)
    bound: float = -np.inf
    dual: Dual | None = None
    boxes: list[Box] = field(default_factory=list)
    levels: list[LevelSet] = field(default_factory=list)
    copies: tuple[np.ndarray, np.ndarray, np.ndarray] = field(default_factory=lambda: (np.empty(0, int),) * 3)
    decisions: list[np.ndarray] = field(default_factory=list)
    fault: str = ""
    refused: int = 0
    round: int = 0

    def __post_init__(self) -> None:
        self.state = Strengthened.of(self.blocks)
        self.value = self.blocks.model.objective.value(self.incumbent)
        self.reach = self.value + SLACK * (1.0 + abs(self.value))
        self.cutoff = self.value
        self._shares = [Shared.of(part) for part in self.blocks.subproblems]
        self._seen: set[bytes] = set()
        self._duals: list[Dual] = []

    @property
    def gap(self) -> float:
        """Distance of bound and incumbent, relative to 1 + |value|."""
        return (self.value - self.bound) / (1.0 + abs(self.value))

    def better(self, z: np.ndarray) -> bool:
        """Take a better incumbent, and say whether it is: boxes that were proved with the old one stay valid."""
        value = self.blocks.model.objective.value(z)
        if value >= self.value:
            return False
        self.witnesses = (*self.witnesses, self.incumbent)
        self.incumbent, self.value, self.reach = z, value, value + SLACK * (1.0 + abs(value))
        return True

    def once(self, cuts: int = 2, boxes: bool = True) -> bool:
        """Do one round; return whether another may gain something."""
        self.round += 1
        self.cutoff = min(self.cutoff, self.value)
        before, widths = self.bound, self._widths()
        optimum = self._rows(cuts)
        if optimum is None or self.deadline.over:
            return False
        self._lagrangian(optimum.w, optimum.sigma, optimum.x)
        if self.gap <= 0 or self.deadline.over:
            return False
        if boxes:
            self._boxes()
        gained = (self.bound - before) / max(self.value - before, 1e-12) if np.isfinite(before) else 1.0
        after, wide = self._widths(), np.isinf(widths)  # of a width without end all is gained, or nothing
        share = np.isfinite(after[wide]), (widths[~wide] - after[~wide]) / np.maximum(widths[~wide], NARROW)
        narrowed = float(np.max(np.concatenate(share), initial=0.0))
        return not self.deadline.over and (gained > MOVED or narrowed > MOVED)

    @property
    def told_bound(self) -> tuple[float | None, str]:
        """The bound in the user's sense and units, and what it rests on; None where there is none."""
        if not np.isfinite(self.bound):
            return None, ""
        model, count = self.blocks.model, len(self.blocks.subproblems)
        boxes = f", in {len(self.boxes)} boxes proved for points of the cutoff or better" if self.boxes else ""
        said = (
            f"the bound is Lagrangian, over {count} subproblems that {self.solver} bounded, each less {TOLERANCE:.0e}"
            f"{boxes}"
        )
        return model.sense * self.blocks.view.objective * min(self.bound, self.value), said

    @property
    def targets(self) -> np.ndarray:
        """The leader's columns that followers see: whose boxes are made smaller."""
        model = self.blocks.model
        assert model.kkt is not None
        seen = model.kkt.seen
        return seen[model.space.role[seen] == "leader"]

    def _widths(self) -> np.ndarray:
        return (self.state.ub - self.state.lb)[self.targets]

    def _tell(self, step: str, left: int = 0) -> None:
        if self.progress is None:
            return
        sense, unit = self.blocks.model.sense, self.blocks.view.objective
        text = f"round {self.round}, {step}" + (f", {left} jobs left" if left else "")
        bound = sense * unit * self.bound if np.isfinite(self.bound) else None
        self.progress(
            {
                "stage": "tighten", "text": text, "seconds": self.deadline.spent,
                "incumbent": sense * unit * self.value, "bound": bound,
                "gap": None if bound is None else max(self.gap, 0.0), "round": self.round, "jobs": left,
            }
        )  # fmt: skip

    def _rows(self, cuts: int) -> MasterOptimum | None:
        """Derive rows at the master's optimum, again and again; return the last optimum."""
        for _ in range(cuts):
            optimum = self._master()
            if optimum is None:
                return None
            jobs = [
                Job(derive, share, (self._change(k), optimum.x[part.columns], *self._costs(k, optimum)))
                for k, (part, share) in enumerate(zip(self.blocks.subproblems, self._shares, strict=True))
            ]
            found = self._run(jobs, "rows")
            if self._take(list(found), optimum) == 0 or self.bound >= self.reach:
                break
        return self._master()

    def _costs(self, k: int, optimum: MasterOptimum) -> tuple[np.ndarray, np.ndarray, float]:
        """Return multipliers (w, sigma_k) for subproblem k, and what its priced objective is at most where it matters.

        With a Lagrangian bound ``L = leader's part + sum D_j``, a point of value V has in every subproblem a priced
        objective of ``D_k + V - L`` at most: no other part can be below its minimum.
        """
        dual = self.dual
        if dual is None or not np.isfinite(dual.bound):
            return admissible(self.blocks, optimum.w), optimum.sigma[k], np.inf
        room = max(self.reach - dual.bound, 0.0) + TOLERANCE * (1.0 + abs(self.reach))
        return dual.w, dual.sigma[k], dual.minima[k] + room + TOLERANCE * (1.0 + abs(dual.minima[k]))

    def _master(self) -> MasterOptimum | None:
        optimum = Master(self.state).solve(self.deadline)
        if optimum is not None:
            self._proved(optimum.bound)
            self._fix(*optimum.within(self.reach, self.state.lb, self.state.ub))
            self._tell("relaxation")
        return optimum

    def _fix(self, low: np.ndarray, high: np.ndarray) -> None:
        """Take boxes of points that are no worse than the incumbent; integer columns go to integers."""
        whole = self.blocks.model.space.kind != "C"
        low, high = np.where(whole, np.ceil(low - INTEGRAL), low), np.where(whole, np.floor(high + INTEGRAL), high)
        loses = (low > self.incumbent + FEASIBLE * (1.0 + np.abs(low))) | (
            high < self.incumbent - FEASIBLE * (1.0 + np.abs(high))
        )
        if loses.any() and self._inside(self.incumbent):
            label = self.blocks.model.space.label(int(np.flatnonzero(loses)[0]))
            self.fault = f"a box by reduced costs would lose the best point known, in {label}; it was not taken"
            return
        narrow = ~whole & (low < high) & (high - low < NARROWEST)
        low, high = np.where(narrow, low - NARROWEST, low), np.where(narrow, high + NARROWEST, high)
        self.state = self.state.boxed(np.arange(len(low)), low, high)

    def _proved(self, bound: float) -> bool:
        """Take a bound over the boxes, and say so; where the incumbent lies in them, one above its value is a fault."""
        if bound > self.value + 10.0 * FEASIBLE * (1.0 + abs(self.value)) and self._inside(self.incumbent):
            self.fault = "a bound over the subproblems is better than the best point known: it was not taken"
            return False
        self.bound = max(self.bound, min(bound, self.reach))
        return True

    def _inside(self, z: np.ndarray) -> bool:
        """Return whether a point lies in the boxes of what followers see: in a part of a tree it need not."""
        at = self.targets
        room = FEASIBLE * (1.0 + np.abs(z[at]))
        return bool(((z[at] >= self.state.lb[at] - room) & (z[at] <= self.state.ub[at] + room)).all())

    def _change(self, k: int) -> Change:
        return Change.of(self.state, k)

    def _run(self, jobs: list[Job], step: str) -> Iterator[Any]:
        return run(jobs, self.executor, self.deadline, lambda left: self._tell(step, left))

    def _take(self, found: list[tuple[Root, ...] | None], optimum: MasterOptimum) -> int:
        """Take over boxes, and rows that cut the master's point off; return how many rows."""
        count, tables, owner = 0, [], []
        low, high = self.state.lb.copy(), self.state.ub.copy()
        before = self.state
        for k, (part, roots) in enumerate(zip(self.blocks.subproblems, found, strict=True)):
            for root in roots or ():
                if root.empty:
                    self._emptied(part)
                    continue
                if not self._holds(part, root, before):
                    self.refused += 1
                    continue
                intersect(low, high, part.columns, root.lb, root.ub)
                keep = self._new(k, root, optimum.x[part.columns])
                if not len(keep):
                    continue
                M = take_rows(root.M, keep)
                wide = Csr((M.data, part.columns[M.indices], M.indptr), shape=(len(keep), self.blocks.model.n))
                wide.sort_indices()
                tables.append(RowTable(wide, root.lo[keep], root.hi[keep]))
                owner.append(np.full(len(keep), k))
                count += len(keep)
        self.state = replace(self.state, lb=low, ub=high)
        if tables:
            rows = RowTable(
                vstack([t.M for t in tables], self.blocks.model.n),
                np.concatenate([t.lo for t in tables]), np.concatenate([t.hi for t in tables]),
            )  # fmt: skip
            self.state = self.state.with_rows(rows, np.concatenate(owner))
        return count

    def _emptied(self, part: Subproblem) -> None:
        """Take it that a subproblem has no point within its limit: nothing here is as good as the reach."""
        if self._inside(self.incumbent):
            self.fault = f"{self.solver} finds no point of {part.name} where the best point known has one"
        else:
            self.bound = max(self.bound, self.reach)

    def _holds(self, part: Subproblem, root: Root, state: Strengthened) -> bool:
        """Return whether what was derived for a subproblem in some boxes holds at the known points where it must.

        Boxes by cutoff may have lost witnesses that are worse than the incumbent, and limits of priced objectives speak
        of no worse ones: nothing has to hold there any more. In a part of a tree the incumbent may be elsewhere, too.
        """
        worth = self.blocks.model.objective.value
        some = self.witnesses if self.dual is None else [z for z in self.witnesses if worth(z) <= self.reach]
        points = [z[part.columns] for z in (self.incumbent, *some) if self._inside(z)]
        if not points:
            return True
        known = np.array(points)
        room, lb, ub = FEASIBLE * (1.0 + np.abs(known)), state.lb[part.columns], state.ub[part.columns]
        kept = ((lb - known <= room) & (known - ub <= room)).all(axis=1)
        kept[0] |= self._inside(self.incumbent)
        known, room = known[kept], room[kept]
        inside = (root.lb - known <= room).all() and (known - root.ub <= room).all()
        value, room = root.M @ known.T, FEASIBLE * (1.0 + abs(root.M) @ np.abs(known.T))
        rows = (root.lo[:, None] - value <= room).all() and (value - root.hi[:, None] <= room).all()
        return bool(inside and rows)

    def _new(self, k: int, root: Root, x: np.ndarray) -> np.ndarray:
        """Return which rows cut x off and are new."""
        value = root.M @ x
        length = np.sqrt(np.maximum(root.M.multiply(root.M).sum(axis=1), 1e-18))
        off = np.flatnonzero(np.maximum(root.lo - value, value - root.hi) / length > CUT_OFF)
        out = []
        for i in off.tolist():
            a, b = root.M.indptr[i], root.M.indptr[i + 1]
            size = np.abs(root.M.data[a:b]).max()
            numbers = np.round(np.append(root.M.data[a:b], [root.lo[i], root.hi[i]]) / size, 7)
            key = np.int64(k).tobytes() + root.M.indices[a:b].tobytes() + (numbers + 0.0).tobytes()
            if key not in self._seen:
                self._seen.add(key)
                out.append(i)
        return np.array(out, dtype=np.int64)

    def again(self) -> None:
        """Bound the boxes as they are now by the best multipliers known."""
        if self.dual is not None:
            self._lagrangian(self.dual.w, self.dual.sigma, self.incumbent)

    def _lagrangian(self, w: np.ndarray, sigma: Sequence[np.ndarray], x: np.ndarray) -> None:
        """Minimise every subproblem at some multipliers; x is the point they belong to."""
        blocks, state = self.blocks, self.state
        w = admissible(blocks, w)
        room = max(ROOM * (self.value - self.bound), 1e-6 * (1.0 + abs(self.value)))
        room /= len(blocks.subproblems)
        jobs = [
            Job(exact, share, (self._change(k), w, sigma[k], room, self.solver)) for k, share in enumerate(self._shares)
        ]
        found: list[Minimum | None] = list(self._run(jobs, "bound"))
        minima = tuple(-np.inf if one is None else one.bound for one in found)
        keep = leaders_part(blocks, w, sigma, state.lb, state.ub, self.deadline)
        bound = total(keep, minima)
        dual = Dual(bound, w, tuple(sigma), minima, state.lb.copy(), state.ub.copy())
        if self._proved(bound):
            self._duals = [dual]
            if self.dual is None or bound > self.dual.bound:
                self.dual = dual
        self.copies = _copies(blocks.subproblems, found, sigma)
        self.decisions = [
            _with(x, part.columns, one.z)
            for part, one in zip(blocks.subproblems, found, strict=True)
            if one is not None and one.z is not None
        ]
        self.decisions.insert(0, x)
        self._tell("bound")

    def level_set(self) -> LevelSet:
        """Return the points of the strengthened relaxation that are no worse than the incumbent."""
        blocks, state, master = self.blocks, self.state, Master(self.state)
        group = np.full(blocks.model.n, -1)
        for k, part in enumerate(blocks.subproblems):
            group[part.columns[: part.own]] = k
        rows, sides, of = [Csr((0, blocks.model.n))], [], []
        for dual in self._duals:
            for k, (part, bound) in enumerate(zip(blocks.subproblems, dual.minima, strict=True)):
                if np.isfinite(bound):
                    q = priced(part, dual.w, dual.sigma[k]).matrices[1]
                    at = np.flatnonzero(q)
                    order = np.argsort(part.columns[at])
                    rows.append(Csr((q[at][order], part.columns[at][order], [0, len(at)]), shape=(1, blocks.model.n)))
                    sides.append(bound)
                    of.append(k)
        return LevelSet(
            master.P, master.q, master.r, self.reach, master.M, master.lo, master.hi, state.lb, state.ub, group,
            vstack(rows, blocks.model.n), np.array(sides), np.array(of, dtype=np.int64),
        )  # fmt: skip

    def _boxes(self) -> None:
        """Make the boxes of the leader's columns that followers see smaller, by the incumbent's value."""
        state, targets = self.state, self.targets
        wide = targets[(state.ub - state.lb)[targets] > NARROW * (1.0 + np.abs(state.ub[targets]))]
        asked = [
            (int(column), sign)
            for column in wide
            for sign, side in ((1.0, state.lb[column]), (-1.0, state.ub[column]))
            if abs(self.incumbent[column] - side) > REACHED * (state.ub[column] - state.lb[column])
        ]
        if not asked:
            return
        level = self.level_set()
        shared, chunks = Shared.of(level), self._chunks(asked)
        found = self._run([Job(boxes_of, shared, (chunk,)) for chunk in chunks], "boxes")
        low, high = state.lb.copy(), state.ub.copy()
        number, kept, inside = len(self.levels), [], self._inside(self.incumbent)
        for chunk, answers in zip(chunks, found, strict=True):
            for (column, sign), answer in zip(chunk, answers or [None] * len(chunk), strict=True):
                if answer is None or not np.isfinite(answer[0]):
                    continue
                out = OUT * (state.ub[column] - state.lb[column])
                value = answer[0] - out
                if sign * self.incumbent[column] < value - FEASIBLE * (1.0 + abs(value)) and inside:
                    label = self.blocks.model.space.label(column)
                    self.fault = f"a box by cutoff would lose the best point known, in {label}; boxes were given up"
                    return
                box = low if sign > 0 else high
                if sign * (sign * value - box[column]) > 0:
                    box[column] = sign * value
                    kept.append(Box(column, sign, value, number, answer[1]))
        self.levels.append(level)
        self.boxes += kept
        self.state = state.boxed(targets, low[targets], high[targets])
        self._tell("boxes")

    def _chunks(self, asked: list[tuple[int, float]]) -> list[list[tuple[int, float]]]:
        """Return the questions in as many parts as keep the workers busy, each worth loading the relaxation."""
        size = CHUNK if self.executor is not None else len(asked)
        return [asked[k : k + size] for k in range(0, len(asked), size)]


def _copies(
    parts: Sequence[Subproblem], found: Sequence[Minimum | None], sigma: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the linking column, the value and the multiplier of every copy in the points of the minima."""
    known = [(part.links, one.z[part.own :], prices) for part, one, prices in zip(parts, found, sigma, strict=True)
             if one is not None and one.z is not None]  # fmt: skip
    columns, values, prices = (joined((part[k] for part in known), int if k == 0 else float) for k in range(3))
    return columns, values, prices


def _with(x: np.ndarray, columns: np.ndarray, values: np.ndarray) -> np.ndarray:
    out = x.copy()
    out[columns] = values
    return out
