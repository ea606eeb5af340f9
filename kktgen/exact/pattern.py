"""The rational response near a point: guess which pairs are tight, solve, correct the guess where a sign is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..deadline import NEVER, Deadline, OutOfTime
from ..model.kkt_system import Kkt
from ..model.model import Model
from ..numerics.sparse import Csr
from ..verification.residuals import row_scale
from .equations import DECISION, FIXED, FOLLOWER, KINK, RECOURSE, Equations, scaled_prices, scaled_slacks, seen

ROUNDS = 25
"""Most corrections of a pattern."""
PATIENCE = 5
"""Corrections without fewer failing conditions after which a pattern is given up."""
FAR = 1e-5
"""A point that moves by more than this, relative, is another one."""
ALWAYS, CLEAR, AT_KINK, LAST = -1000, 1, 2, 3
"""Ranks of equations: those of every response, of a pair with mu > 0, of a pair with s = mu = 0, of the leader."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """Which pairs have s = 0 (``tight``) and mu = 0 (``shut``), both at a kink, and the rank of their equations."""

    tight: np.ndarray
    shut: np.ndarray
    rank: np.ndarray

    def same(self, other: Pattern) -> bool:
        """Return whether two patterns are equal."""
        parts = ((self.tight, other.tight), (self.shut, other.shut), (self.rank, other.rank))
        return all(np.array_equal(a, b) for a, b in parts)

    @classmethod
    def of(cls, model: Model, z: np.ndarray, tolerance: float) -> Pattern:
        """Return the pattern of a point; slacks and prices up to the tolerance, scaled, count as zero."""
        kkt = model.kkt
        assert kkt is not None
        s, mu = scaled_slacks(kkt, z), scaled_prices(kkt, z)
        tight, shut = s <= tolerance, (mu <= tolerance) | _dead(model)[kkt.mu]
        neither = ~tight & ~shut
        tight, shut = tight | (neither & (s < mu)), shut | (neither & (s >= mu))
        return cls(tight, shut, np.where(tight & shut, AT_KINK, CLEAR))


@dataclass(frozen=True, eq=False)
class ExactPoint:
    """A rational point, for every follower how many of its conditions fail at it, and whether it is another point."""

    z: list[Fraction]
    failing: np.ndarray
    far: bool

    @property
    def ok(self) -> bool:
        """Whether every follower's response is optimal (but for the convexity of its cost)."""
        return not self.far and not self.failing.any()

    @property
    def rank(self) -> tuple[bool, int]:
        """What makes a point worse than another: that it is far from the one given, then failing conditions."""
        return self.far, int(self.failing.sum())


def search(model: Model, z: np.ndarray, move: bool, tolerance: float, deadline: Deadline = NEVER) -> ExactPoint:
    """Return the best rational point near z that was found.

    Parameters
    ----------
    model : Model
        The KKT model, with followers.
    z : ndarray (n,)
        A point of it with multipliers.
    move : bool
        Whether the leader's decisions may move, where the followers' conditions do not all hold otherwise.
    tolerance : float
        What counts as zero in the pattern of z.

    Raises
    ------
    OutOfTime
        The deadline has passed before anything was found.
    """
    assert model.kkt is not None
    pattern = Pattern.of(model, z, tolerance)
    task, best, since = _Task.of(model, model.kkt, z, pattern, move, tolerance, deadline), None, 0
    for turn in range(1, ROUNDS + 1):
        try:
            found, corrected = task.judged(pattern, turn, *task.solved(pattern))
        except OutOfTime:
            if best is None:
                raise
            break
        since = 0 if best is None or found.rank < best.rank else since + 1
        best = found if best is None or since == 0 else best
        if best.ok or since > PATIENCE or corrected.same(pattern):
            break
        pattern = corrected
    assert best is not None
    return best


def _with_terms(model: Model, z: list[Fraction]) -> list[Fraction]:
    """Return a rational point with the terms that stand for products of its leader's columns, exactly."""
    terms = model.terms
    table = terms.table
    for k in range(len(terms)):
        here, row = np.flatnonzero(table.row == k), Csr(table.linear.M[[k]])
        products = zip(table.v[here].tolist(), table.i[here].tolist(), table.j[here].tolist(), strict=True)
        total = Fraction(float(table.linear.lo[k])) - sum(
            (Fraction(v) * z[i] * z[j] for v, i, j in products), Fraction(0)
        )
        rest = zip(row.data.tolist(), row.indices.tolist(), strict=True)
        total -= sum((Fraction(v) * z[j] for v, j in rest if j != terms.columns[k]), Fraction(0))
        z[terms.columns[k]] = total / Fraction(float(terms.scale[k]))
    return z


@dataclass(frozen=True, eq=False)
class _Task:
    """What stays the same while the pattern is corrected.

    Parameters
    ----------
    start : list of Fraction
        The point the rational one shall be near.
    kind : ndarray (n,) of int
        Class of every column, see :mod:`kktgen.exact.equations`.
    bound : ndarray of int
        The leader's rows that hold with equality there.
    dead : ndarray (n,) of bool
        Multipliers of rows without own variables: always zero.
    """

    kkt: Kkt
    equations: Equations
    start: list[Fraction]
    kind: np.ndarray
    bound: np.ndarray
    dead: np.ndarray
    leader: np.ndarray
    move: bool
    deadline: Deadline

    @classmethod
    def of(
        cls, model: Model, kkt: Kkt, z: np.ndarray, pattern: Pattern, move: bool, tolerance: float, deadline: Deadline
    ) -> _Task:
        z = _landed(model, kkt, z, move, tolerance)
        z[kkt.mu[pattern.shut]] = 0.0
        equations = Equations.of(model, kkt, z)
        rows = np.arange(equations.leader.start, equations.leader.stop)
        M, c = equations.M[rows], equations.c[rows]
        bound = rows[np.abs(M @ z + c) <= tolerance * row_scale(M, z, c)]
        kind = _classes(model, kkt, z, move, tolerance)
        start = _with_terms(model, [Fraction(v) for v in z.tolist()])
        leader = np.flatnonzero(model.space.role == "leader")
        return cls(kkt, equations, start, kind, bound, _dead(model), leader, move, deadline)

    def solved(self, pattern: Pattern) -> tuple[list[Fraction], np.ndarray]:
        """Return the point near the start that satisfies a pattern, and the equations that were left out."""
        mu, first = self.kkt.mu, self.equations.pair.start
        always, tight = np.arange(first), np.flatnonzero(pattern.tight)
        shut = pattern.shut if self.move else pattern.shut & ~pattern.tight
        kind = self.kind.copy()
        kind[mu[tight]] = np.where(pattern.rank[tight] == AT_KINK, KINK, kind[mu[tight]])
        kind[mu[shut]] = FIXED
        kind[self.dead] = FIXED
        rows = np.concatenate([always, first + tight, self.bound])
        rank = np.concatenate([np.full(first, ALWAYS), pattern.rank[tight], np.full(len(self.bound), LAST)])
        point = list(self.start)
        for column in mu[shut].tolist():
            point[column] = Fraction(0)
        return self.equations.near(point, kind, rows, rank, self.deadline)

    def judged(
        self, pattern: Pattern, turn: int, point: list[Fraction], dropped: np.ndarray
    ) -> tuple[ExactPoint, Pattern]:  # fmt: skip
        """Count what fails at a point; return it, and the pattern with the pairs corrected whose signs are wrong."""
        kkt, first, count = self.kkt, self.equations.pair.start, len(self.kkt.systems)
        slack = self.equations.values(point, range(first, self.equations.pair.stop))
        s, mu = (_signs(part) for part in (slack, [point[c] for c in kkt.mu.tolist()]))
        below, negative, both = s < 0, mu < 0, (s > 0) & (mu > 0)
        lost = dropped[dropped < first]
        broken = lost[_signs(self.equations.values(point, lost.tolist())) != 0]
        owner = np.concatenate([kkt.y_of, kkt.lam_of])
        failing = np.bincount(np.concatenate([kkt.mu_of[below | negative | both], owner[broken]]), minlength=count)
        watched = np.concatenate([kkt.y, self.leader, kkt.lam[kkt.priced[kkt.lam_of]], kkt.mu[kkt.priced[kkt.mu_of]]])
        far = any(abs(point[j] - self.start[j]) > FAR * (1 + abs(self.start[j])) for j in watched.tolist())
        tight, shut = (pattern.tight | below) & ~both, pattern.shut | negative | both
        if not self.move:  # one of the two gives way; a decision that may move goes to the kink
            tight, shut = tight & ~negative, shut & (~below | negative | both)
        rank = np.where(below, -turn, pattern.rank)
        return ExactPoint(point, failing, far), Pattern(tight, shut, rank)


def _signs(values: list[Fraction]) -> np.ndarray:
    return np.array([(v > 0) - (v < 0) for v in values], dtype=int)


def _classes(model: Model, kkt: Kkt, z: np.ndarray, move: bool, tolerance: float) -> np.ndarray:
    """Return the class of every column; the leader's decisions that followers see are fixed unless they may move."""
    space = model.space
    kind = np.full(model.n, FOLLOWER)
    leader = space.role == "leader"
    kind[leader] = np.where(seen(kkt, model.n)[leader], DECISION if move else FIXED, RECOURSE)
    room = tolerance * np.maximum(1.0, np.abs(z))
    kind[np.concatenate([model.terms.columns, model.terms.factors])] = FIXED  # their products are exact as they stand
    kind[leader & ((space.kind != "C") | (z <= space.lb + room) | (z >= space.ub - room))] = FIXED
    kind[model.sos1.columns[np.abs(z[model.sos1.columns]) <= tolerance]] = FIXED
    kind[_dead(model)] = FIXED
    return kind


def _dead(model: Model) -> np.ndarray:
    """Return which columns are multipliers of rows without own variables: always zero (n,) bool."""
    return model.space.is_price & (model.space.lb == model.space.ub)


def _landed(model: Model, kkt: Kkt, z: np.ndarray, move: bool, tolerance: float) -> np.ndarray:
    """Return the point with integers rounded and the leader's columns inside their bounds, on them where near."""
    space = model.space
    leader = space.role == "leader"
    out = np.where(leader, np.clip(z, space.lb, space.ub), z)
    room = tolerance * np.maximum(1.0, np.abs(z))
    near = leader & (move | ~seen(kkt, model.n))
    out = np.where(near & (z <= space.lb + room), space.lb, out)
    out = np.where(near & (z >= space.ub - room), space.ub, out)
    whole = space.kind != "C"
    out[whole] = np.round(out[whole])
    out[_dead(model)] = 0.0
    small = np.abs(z[model.sos1.columns]) <= tolerance
    out[model.sos1.columns[small]] = 0.0
    return out
