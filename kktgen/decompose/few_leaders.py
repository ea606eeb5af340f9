"""Few of the leader's columns, many pairs: what a box of those columns says of the optimum in it.

The columns that followers see are split into boxes (:mod:`kktgen.decompose.tree`). In a box

1. intervals of rows, and responses near that of its middle (:mod:`kktgen.decompose.near_response`) prove boxes of
   slacks and multipliers and settle most pairs;
2. a convex program over what is left bounds the objective (:mod:`kktgen.decompose.node_program`); where no pair is open
   it is the optimum in the box;
3. where few pairs are open, a mixed-integer program with big-M constants over the proved boxes is: the box is closed.

Everything is done in the model's own units.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from uuid import uuid4

import numpy as np

from ..deadline import Deadline
from ..errors import ProblemError
from ..model.model import Model
from ..model.terms import of_leader
from ..numerics.intervals import tighten
from ..numerics.sparse import Csr, coo, row_index, vstack, widen
from ..problem.columns import labels, on_integers
from ..reformulate.bounds.curved import tightened
from ..search.residual import FEASIBLE, violation
from ..search.start.moves import Moves
from ..wording import first_names
from .leaf import Boxes, leaf_model, solved_leaf
from .near_response import Parts, Ranges, Reference, narrowed
from .node_program import NodeProgram, Outcome, PairBoxes
from .responses import Responses
from .tree import Evaluation, Node

ZERO_SLACK, ZERO_DUAL = 1e-6, 1e-9
"""A slack, a multiplier proved below these is zero, as in :func:`kktgen.bound`."""
PASSES = 4
"""Most rounds of bounds near a response in one box."""
GAINED = 0.8
"""A round goes on where the open pairs became fewer, or their boxes smaller by this factor."""
LEAF = 80
"""Boxes with so many open pairs at most are closed by a mixed-integer program."""
EARLY = 4
"""Down to this depth the relaxed decisions of every box are tried."""
FAR_APART = 10.0
"""A box whose upper end is so many times its lower one is split at the geometric mean."""
CORNERS = 3
"""A follower of so many moving parameters at most is looked at from all corners of its box."""


class FewLeaders:
    """Evaluates boxes of the leader's columns that followers see.

    Parameters
    ----------
    model : Model
        In its own units, bounded, its products eliminated as far as that goes.

    Attributes
    ----------
    linking : ndarray (k,)
        The columns.
    """

    def __init__(self, model: Model) -> None:
        if model.kkt is None or model.pairs is None:
            raise ProblemError("boxes: the model has no followers; solve it by the solver")
        self.model, self.kkt = model, model.kkt
        self._name = uuid4().hex
        self.moves = Moves(model)
        self.linking = self.moves.responder.parameters
        self.whole = model.space.kind[self.linking] != "C"
        self.qps = self.moves.responder.qps
        self.responses = Responses(self.qps)
        self.dense = self.responses.dense
        self.program = NodeProgram(model)
        n, mi = model.n, len(self.kkt.mu)
        rows = model.rows
        slack = Csr(_beside(widen(self.kkt.C, n), mi))
        self.rows = vstack([widen(rows.M, n), slack], n + mi)
        self.lo, self.hi = np.concatenate([rows.lo, -self.kkt.c0]), np.concatenate([rows.hi, -self.kkt.c0])
        self.unencoded = model.indicators is not None and len(model.indicators) or len(model.sos1)
        self.discrete = bool(self.unencoded) or bool((model.space.kind != "C").any())
        self.pair_at = np.full(n, -1)
        self.pair_at[self.kkt.mu] = np.arange(mi)
        self.lone = np.diff(self.kkt.C.indptr) == 1

    def __reduce__(self) -> tuple[Callable[[Model, str], FewLeaders], tuple[Model, str]]:
        return _again, (self.model, self._name)

    def root(self) -> Boxes:
        """Return the boxes that hold everywhere."""
        model, pairs, mi = self.model, self.model.pairs, len(self.kkt.mu)
        assert pairs is not None
        lb, ub = tightened(model, model.space.lb, model.space.ub)
        lb, ub = on_integers(lb, ub, model.space.kind)
        top = np.full(mi, np.inf)
        at = self.pair_at[pairs.mu]
        settled = (np.isin(np.arange(mi), at, invert=True)) & (model.space.ub[self.kkt.mu] > 0)
        top[at], top[settled] = pairs.slack_max.value, 0.0  # pairs that bounding took out: their rows are equations
        ub[pairs.mu] = np.minimum(ub[pairs.mu], pairs.dual_max.value)
        return self._by_rows(Boxes(lb, ub, np.zeros(mi), top))

    def check(self, boxes: Boxes) -> None:
        """Refuse what cannot be split into boxes.

        Raises
        ------
        ProblemError
            A Nash game, no column that followers see, or one without a finite box.
        """
        space = self.model.space
        if self.moves.responder.nash:
            raise ProblemError("boxes: followers see one another's columns; a tree over the leader's columns needs "
                               "followers that see the leader's alone")  # fmt: skip
        if not len(self.linking):
            raise ProblemError("boxes: no follower sees a column of the leader")
        open_ = self.linking[~(np.isfinite(boxes.lb) & np.isfinite(boxes.ub))[self.linking]]
        if len(open_):
            names = first_names(labels(space.blocks, open_[:3]), count=len(open_))
            raise ProblemError(f"boxes: {names} without a finite box, which followers see; give it bounds")

    def __call__(self, node: Node, cutoff: float, deadline: Deadline) -> Evaluation:
        """Return the bound of a node's box, points found in it, and what its children may begin with."""
        boxes = self._by_rows(self._in(node))
        middle, parts = self._middle(boxes, deadline)
        boxes, edges = self._near(boxes, parts, deadline)
        boxes, active, open_ = self._settled(boxes)
        points = self._own_points(middle)
        out = self._bounded(boxes, active, open_, middle, cutoff, deadline)
        bound = out.bound
        payload = {"lb": boxes.lb, "ub": boxes.ub, "s_lb": boxes.s_lb, "s_ub": boxes.s_ub}
        if bound >= cutoff or deadline.over:
            return Evaluation(bound, payload, tuple(points), bound == np.inf, "row prices")
        count = int(open_.sum())
        if out.z is not None and not count and not self.discrete and self.program.exact:
            return Evaluation(bound, payload, (*points, *self._landed(out.z, deadline)), True, "row prices")
        if out.z is not None and (node.depth <= EARLY or count <= 2 * LEAF):
            points += self._responded(out.z, deadline)
        if count <= LEAF or not (boxes.lb[self.linking] < boxes.ub[self.linking]).any():
            more, z, ended = solved_leaf(leaf_model(self.model, boxes, active, open_), cutoff, self.moves, deadline)
            bound, points = max(bound, more), [*points, *z]
            how = "SCIP over proved M" if ended or more > out.bound else "row prices"
            return Evaluation(bound, payload, tuple(points), ended, how, self._split(node, edges))
        return Evaluation(bound, payload, tuple(points), how="row prices", split=self._split(node, edges))

    def _split(self, node: Node, edges: np.ndarray) -> tuple[int, float] | None:
        """Return the column whose ends differ most in what followers do, and its middle; None where they do not."""
        wide = (node.ub - node.lb) > np.where(self.whole, 0.5, 1e-7 * (1.0 + np.abs(node.lb)))
        edges = np.where(wide, edges, 0.0)
        if not edges.any():
            return None
        j = int(np.argmax(edges))
        low, high = node.lb[j], node.ub[j]
        far = low > 0 and high > FAR_APART * low
        return j, float(np.sqrt(low * high) if far else 0.5 * (low + high))

    def _in(self, node: Node) -> Boxes:
        """Return what the parent proved, cut to the node's box."""
        known: Mapping[str, np.ndarray] = node.payload
        lb, ub = known["lb"].copy(), known["ub"].copy()
        lb[self.linking] = np.maximum(lb[self.linking], node.lb)
        ub[self.linking] = np.minimum(ub[self.linking], node.ub)
        return Boxes(lb, ub, known["s_lb"].copy(), known["s_ub"].copy())

    def _by_rows(self, boxes: Boxes) -> Boxes:
        """Return the boxes tightened by the intervals of all rows."""
        n = self.model.n
        lb, ub = tighten(
            self.rows, self.lo, self.hi, np.concatenate([boxes.lb, boxes.s_lb]), np.concatenate([boxes.ub, boxes.s_ub])
        )
        if len(self.model.quads):
            lb[:n], ub[:n] = tightened(self.model, lb[:n], ub[:n])
        return Boxes(lb[:n], ub[:n], lb[n:], ub[n:])

    def _middle(self, boxes: Boxes, deadline: Deadline) -> tuple[np.ndarray | None, list[Parts | None]]:
        """Return the response at the middle of the box, as a point (None where it has none) and by followers."""
        z = np.zeros(self.model.n)
        seen = of_leader(self.model.space.role)
        finite = seen & np.isfinite(boxes.lb) & np.isfinite(boxes.ub)
        z[finite] = 0.5 * (boxes.lb[finite] + boxes.ub[finite])
        z = self.model.terms.settled(z)
        parts = []
        for k, qp in enumerate(self.qps):
            found = self.responses(k, z[qp.x], deadline)
            parts.append(found)
            if found is not None:
                z[qp.y], z[qp.lam], z[qp.mu] = found
        return (z if all(part is not None for part in parts) else None), parts

    def _near(self, boxes: Boxes, parts: list[Parts | None], deadline: Deadline) -> tuple[Boxes, np.ndarray]:
        """Return the boxes narrowed by what responses say, follower by follower, and what each column matters."""
        lb, ub, s_lb, s_ub = boxes.lb.copy(), boxes.ub.copy(), boxes.s_lb.copy(), boxes.s_ub.copy()
        edges = np.zeros(self.model.n)
        for k, (dense, found) in enumerate(zip(self.dense, parts, strict=True)):
            qp = dense.qp
            here = self.pair_at[qp.mu]
            idle = (s_ub[here] <= 0) | (ub[qp.mu] <= 0)
            if found is None or idle.all() or not np.isfinite(lb[qp.x] + ub[qp.x]).all():
                continue
            at = self._reference(k, found, lb[qp.x], ub[qp.x], deadline)
            if len(at.edges):
                edges[qp.x[lb[qp.x] < ub[qp.x]]] += at.edges
            known = Ranges((lb[qp.y], ub[qp.y]), (lb[qp.lam], ub[qp.lam]), (lb[qp.mu], ub[qp.mu]),
                           (s_lb[here], s_ub[here]))  # fmt: skip
            for _ in range(PASSES):
                before = _measure(known)
                known = _complementary(narrowed(dense, at, known))
                if _measure(known) > GAINED * before:
                    break
            lb[qp.y], ub[qp.y] = known.y
            lb[qp.lam], ub[qp.lam] = known.lam
            lb[qp.mu], ub[qp.mu] = known.mu
            s_lb[here], s_ub[here] = known.s
        return Boxes(lb, ub, s_lb, s_ub), edges[self.linking]

    def _reference(self, k: int, middle: Parts, low: np.ndarray, high: np.ndarray, deadline: Deadline) -> Reference:
        """Return the reference of follower k over a box of its parameters."""
        dense, moving = self.dense[k], np.flatnonzero(low < high)
        if len(moving) <= CORNERS:
            ends = itertools.product(*zip(low[moving], high[moving], strict=True))
            xs = []
            for end in ends:
                x = low.copy()
                x[moving] = end
                xs.append(x)
            corners = [self.responses(k, x, deadline) for x in xs]
            if all(parts is not None for parts in corners):
                return dense.interpolated([parts for parts in corners if parts is not None], xs)
        reach = 0.5 * (high - low)[moving] * (1.0 + 1e-12)
        return dense.carried(middle, moving, 0.5 * (low + high), reach)

    def _settled(self, boxes: Boxes) -> tuple[Boxes, np.ndarray, np.ndarray]:
        """Return the boxes with settled sides at zero, which slacks are zero (mi,) bool, and which pairs are open."""
        lb, ub, mu = boxes.lb.copy(), boxes.ub.copy(), self.kkt.mu
        s_ub = boxes.s_ub.copy()
        inactive = (ub[mu] <= ZERO_DUAL) | (boxes.s_lb > ZERO_DUAL)
        active = ~inactive & ((s_ub <= ZERO_SLACK) | (lb[mu] > ZERO_DUAL))
        lb[mu[inactive]] = ub[mu[inactive]] = 0.0
        s_ub[active] = 0.0
        fixed = active & self.lone  # the slack is a column's distance from its bound
        at = np.flatnonzero(fixed)
        C = self.kkt.C
        column, factor = C.indices[C.indptr[at]], C.data[C.indptr[at]]
        value = -self.kkt.c0[at] / factor
        lb[column] = ub[column] = value
        return Boxes(lb, ub, boxes.s_lb, s_ub), active, ~(inactive | active)

    def _bounded(
        self, boxes: Boxes, active: np.ndarray, open_: np.ndarray, middle: np.ndarray | None, cutoff: float,
        deadline: Deadline,
    ) -> Outcome:  # fmt: skip
        """Return the bound of the convex program, with a second tangent where the first one leaves much."""
        if (boxes.lb > boxes.ub).any():
            return Outcome(np.inf, None)
        pairs = self._pair_rows(boxes, active, open_)
        tangents = [] if middle is None else [middle]
        out = self.program.minimise(boxes.lb, boxes.ub, pairs, tangents, deadline)
        curved = any(self.program.gap_bent[f].nnz for f in pairs.open_followers)
        if out.z is None or not curved or out.bound >= cutoff:
            return out
        again = self.program.minimise(boxes.lb, boxes.ub, pairs, [*tangents, out.z], deadline)
        return again if again.bound > out.bound else out

    def _pair_rows(self, boxes: Boxes, active: np.ndarray, open_: np.ndarray) -> PairBoxes:
        """Return ``s = 0`` of the settled slacks, ``s/Ms + mu/Md <= 1`` of the open pairs."""
        kkt, n = self.kkt, self.model.n
        at = active & ~self.lone
        C = widen(kkt.C, n)
        rows = [(Csr(C[at]), -kkt.c0[at], -kkt.c0[at])] if at.any() else []
        top, price = boxes.s_ub, boxes.ub[kkt.mu]
        both = np.flatnonzero(open_ & np.isfinite(top) & np.isfinite(price))
        if len(both):
            slope = Csr(C[both])
            slope.data = slope.data / np.repeat(top[both], np.diff(slope.indptr))
            share = coo(1.0 / price[both], np.arange(len(both)), kkt.mu[both], slope.shape)
            rows.append((Csr(slope + share), np.full(len(both), -np.inf), 1.0 - kkt.c0[both] / top[both]))
        return PairBoxes(rows, np.unique(kkt.mu_of[open_]))

    def _own_points(self, z: np.ndarray | None) -> list[tuple[float, np.ndarray]]:
        """Return a response as a point where it satisfies the model as it stands."""
        if z is None or violation(self.model, z) > FEASIBLE:
            return []
        return [(self.model.objective.value(z), z)]

    def _landed(self, z: np.ndarray, deadline: Deadline) -> list[tuple[float, np.ndarray]]:
        """Return the relaxed point of a box without open pairs, moved onto its pattern where rounding left it off."""
        own = self._own_points(z)
        if own or deadline.over:
            return own
        found = self.moves.land(z, 1, deadline)
        return [] if found is None else [(self.model.objective.value(found), found)]

    def _responded(self, z: np.ndarray, deadline: Deadline) -> list[tuple[float, np.ndarray]]:
        """Return what the response to the relaxed decisions leads to."""
        if deadline.over:
            return []
        response = self.moves.respond(z, deadline)
        if response is None:
            return []
        found = self.moves.land(response, 3, deadline)
        return [] if found is None else [(self.model.objective.value(found), found)]


_MADE: dict[str, FewLeaders] = {}


def _again(model: Model, name: str) -> FewLeaders:
    """Return the evaluator of a model in another process, made once."""
    if name not in _MADE:
        _MADE.clear()
        _MADE[name] = FewLeaders(model)
    return _MADE[name]


def _beside(C: Csr, mi: int) -> Csr:
    """Return ``[C, -I]``."""
    row = np.concatenate([row_index(C), np.arange(mi)])
    column = np.concatenate([C.indices, C.shape[1] + np.arange(mi)])
    return coo(np.concatenate([C.data, -np.ones(mi)]), row, column, (mi, C.shape[1] + mi))


def _complementary(known: Ranges) -> Ranges:
    """Return the ranges with the other side of every settled pair at zero."""
    mu_lb, mu_ub, s_lb, s_ub = *known.mu, *known.s
    inactive = (mu_ub <= ZERO_DUAL) | (s_lb > ZERO_DUAL)
    active = ~inactive & ((s_ub <= ZERO_SLACK) | (mu_lb > ZERO_DUAL))
    return Ranges(
        known.y, known.lam,
        (np.where(inactive, 0.0, mu_lb), np.where(inactive, 0.0, mu_ub)),
        (s_lb, np.where(active, 0.0, s_ub)),
    )  # fmt: skip


def _measure(known: Ranges) -> float:
    """Return how much of a follower's pairs is open: one each, less for small boxes."""
    (_, mu), (_, s) = known.mu, known.s
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.where((mu > 0) & (s > 0), 1.0 + np.minimum(mu, 1e3) * np.minimum(s, 1e3), 0.0)
    return float(size.sum())


__all__ = ["Boxes", "FewLeaders"]
