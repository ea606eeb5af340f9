"""A single-level model: columns, objective, rows, complementarity pairs, sets and indicators.

One type serves every stage from :func:`kktgen.kkt` to the written file; complementarity pairs are
a kind of row that :func:`kktgen.encode` replaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .convexity import is_psd, psd_rows
from .expr import Quad
from .qp import QP
from .space import Block, Space, find_label, select, shift
from .sparse import Csr, vstack, widen

FEATURES = {
    "int": "integer variables",
    "qobj": "a convex quadratic objective",
    "qobj_nonconvex": "a nonconvex quadratic objective",
    "qrow": "convex quadratic rows",
    "qrow_nonconvex": "nonconvex quadratic rows (products of variables)",
    "sos1": "SOS1 sets",
    "indicator": "indicator rows",
    "pairs": "complementarity pairs (encode the model first)",
}
"""What a model may need, and a format or solver may offer, in words."""


@dataclass(frozen=True, eq=False)
class RowTable:
    """The stacked rows ``lo <= M z <= hi`` of a model, with the blocks that name them.

    Parameters
    ----------
    M : csr_array (m, n)
    lo, hi : ndarray (m,)
    blocks : tuple of Block
    """

    M: Csr
    lo: np.ndarray
    hi: np.ndarray
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.lo)

    @classmethod
    def empty(cls, n: int) -> RowTable:
        """Return no rows over n columns."""
        return cls(Csr((0, n)), np.empty(0), np.empty(0))

    def widened(self, n: int) -> RowTable:
        """Return the rows over n columns."""
        return replace(self, M=widen(self.M, n))

    def take(self, keep: np.ndarray) -> RowTable:
        """Return the rows where the mask ``keep`` is true."""
        return RowTable(Csr(self.M[keep]), self.lo[keep], self.hi[keep], select(self.blocks, keep))

    def label(self, i: int) -> str:
        """Return the name of row i."""
        return find_label(self.blocks, i)

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (m,)."""
        value = self.M @ z[: self.M.shape[1]]
        return np.maximum(np.maximum(self.lo - value, value - self.hi), 0.0)


def join(tables: Sequence[RowTable], n: int) -> RowTable:
    """Return the tables stacked, over n columns."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    blocks = tuple(b for t, start in zip(tables, starts, strict=False) for b in shift(t.blocks, int(start)))
    return RowTable(
        vstack([t.M for t in tables], n),
        np.concatenate([np.empty(0), *(t.lo for t in tables)]),
        np.concatenate([np.empty(0), *(t.hi for t in tables)]),
        blocks,
    )


@dataclass(frozen=True, eq=False)
class QuadTable:
    """The quadratic rows ``lo_k <= sum_(row = k) v z_i z_j + M_k z <= hi_k``.

    Parameters
    ----------
    row, i, j, v : ndarray (p,)
        Monomials ``v z_i z_j`` (i <= j, plain coefficient) and the row each belongs to, sorted by row.
    linear : RowTable
        Linear part, sides and names.
    """

    row: np.ndarray
    i: np.ndarray
    j: np.ndarray
    v: np.ndarray
    linear: RowTable

    def __len__(self) -> int:
        return len(self.linear)

    @classmethod
    def empty(cls, n: int) -> QuadTable:
        """Return no rows over n columns."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, none, np.empty(0), RowTable.empty(n))

    @classmethod
    def of(cls, quads: Sequence[Quad], lo: np.ndarray, hi: np.ndarray, blocks: tuple[Block, ...], n: int) -> QuadTable:
        """Return the table of the rows ``lo_k <= quads_k <= hi_k``."""
        if not quads:
            return cls.empty(n)
        quads = [quad.canonical() for quad in quads]
        side = np.array([quad.r for quad in quads])
        linear = RowTable(vstack([quad.linear for quad in quads], n), lo - side, hi - side, blocks)
        row = np.repeat(np.arange(len(quads)), [len(quad.v) for quad in quads])
        return cls(
            row,
            np.concatenate([quad.i for quad in quads]),
            np.concatenate([quad.j for quad in quads]),
            np.concatenate([quad.v for quad in quads]),
            linear,
        )

    def quad(self, k: int, space: Space) -> Quad:
        """Return row k as an expression."""
        of_row = self.row == k
        return Quad(space, self.i[of_row], self.j[of_row], self.v[of_row], Csr(self.linear.M[[k]]), 0.0)

    def value(self, z: np.ndarray) -> np.ndarray:
        """Return the left-hand sides at z (k,)."""
        products = np.bincount(self.row, weights=self.v * z[self.i] * z[self.j], minlength=len(self))
        return products + self.linear.M @ z[: self.linear.M.shape[1]]

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each row is violated at z (k,)."""
        value = self.value(z)
        return np.maximum(np.maximum(self.linear.lo - value, value - self.linear.hi), 0.0)


def join_quads(tables: Sequence[QuadTable], n: int) -> QuadTable:
    """Return the quadratic rows stacked, over n columns."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    return QuadTable(
        np.concatenate([t.row + start for t, start in zip(tables, starts, strict=False)]),
        np.concatenate([t.i for t in tables]),
        np.concatenate([t.j for t in tables]),
        np.concatenate([t.v for t in tables]),
        join([t.linear for t in tables], n),
    )


@dataclass(frozen=True, eq=False)
class Sos1:
    """SOS1 sets: of the columns ``columns[start_k : start_(k+1)]`` at most one is nonzero.

    Parameters
    ----------
    start : ndarray (k + 1,)
    columns : ndarray
        In order; the weights are 1, 2, ... within each set.
    blocks : tuple of Block
    """

    start: np.ndarray
    columns: np.ndarray
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.start) - 1

    @classmethod
    def empty(cls) -> Sos1:
        """Return no sets."""
        return cls(np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64))


def join_sos1(tables: Sequence[Sos1]) -> Sos1:
    """Return the sets of several tables."""
    starts = np.cumsum([0, *(len(t) for t in tables)])
    entries = np.cumsum([0, *(len(t.columns) for t in tables)])
    return Sos1(
        np.concatenate([[0], *(t.start[1:] + e for t, e in zip(tables, entries, strict=False))]).astype(np.int64),
        np.concatenate([t.columns for t in tables]).astype(np.int64),
        tuple(b for t, start in zip(tables, starts, strict=False) for b in shift(t.blocks, int(start))),
    )


@dataclass(frozen=True, eq=False)
class Indicators:
    """The rows ``z[binary] == value  ->  lo <= M z <= hi``.

    Parameters
    ----------
    binary : ndarray (k,)
        Columns of kind 'B'.
    value : ndarray (k,)
        0 or 1.
    rows : RowTable
        The implied rows.
    """

    binary: np.ndarray
    value: np.ndarray
    rows: RowTable

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def empty(cls, n: int) -> Indicators:
        """Return no indicators over n columns."""
        none = np.empty(0, dtype=np.int64)
        return cls(none, none, RowTable.empty(n))

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return by how much each implied row is violated at z where its binary has the value (k,)."""
        on = np.abs(z[self.binary] - self.value) < 0.5
        return np.where(on, self.rows.residual(z), 0.0)


def join_indicators(tables: Sequence[Indicators], n: int) -> Indicators:
    """Return the indicators of several tables, over n columns."""
    return Indicators(
        np.concatenate([t.binary for t in tables]),
        np.concatenate([t.value for t in tables]),
        join([t.rows for t in tables], n),
    )


@dataclass(frozen=True, eq=False)
class Bounds:
    """Upper bounds with their provenance.

    Parameters
    ----------
    value : ndarray (k,)
        inf where nothing is known.
    proof : ndarray (k,) of str
        ``proved(..)``, ``user``, ``heuristic``; empty where nothing is known.
    """

    value: np.ndarray
    proof: np.ndarray

    @classmethod
    def unknown(cls, size: int) -> Bounds:
        """Return no bound for ``size`` quantities."""
        return cls(np.full(size, np.inf), np.full(size, "", dtype="U24"))

    def take(self, keep: np.ndarray) -> Bounds:
        """Return the bounds at the positions or mask ``keep``."""
        return Bounds(self.value[keep], self.proof[keep])

    def tightened(self, value: np.ndarray, proof: str, at: np.ndarray | None = None) -> Bounds:
        """Return the bounds with ``value`` (at the positions ``at``) wherever it is smaller."""
        new, tags = self.value.copy(), self.proof.copy()
        at = np.arange(len(new)) if at is None else at
        better = np.flatnonzero(value < new[at])
        new[at[better]] = value[better]
        tags[at[better]] = proof
        return Bounds(new, tags)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Complementarity pairs ``0 <= s = M z + r  _|_  z[mu] >= 0``.

    Parameters
    ----------
    M : csr_array (mi, n)
        Slack coefficients.
    r : ndarray (mi,)
        Slack constants.
    mu : ndarray (mi,)
        Columns of the multipliers.
    follower : ndarray (mi,)
        Index of the follower each pair belongs to.
    row : ndarray (mi,)
        Model row that states ``s >= 0``, or -1 when a column bound does.
    side : ndarray (mi,)
        +1 when that row or bound is an upper side (``s = hi - ..``), -1 when a lower side.
    slack_max, dual_max : Bounds
        Upper bounds on s and on mu.
    blocks : tuple of Block
    """

    M: Csr
    r: np.ndarray
    mu: np.ndarray
    follower: np.ndarray
    row: np.ndarray
    side: np.ndarray
    slack_max: Bounds
    dual_max: Bounds
    blocks: tuple[Block, ...] = ()

    def __len__(self) -> int:
        return len(self.r)

    def slack(self, z: np.ndarray) -> np.ndarray:
        """Return s at z (mi,)."""
        return self.M @ z[: self.M.shape[1]] + self.r

    def label(self, i: int) -> str:
        """Return the name of pair i."""
        return find_label(self.blocks, i)

    def take(self, keep: np.ndarray) -> Pairs:
        """Return the pairs where the mask ``keep`` is true."""
        return Pairs(
            Csr(self.M[keep]), self.r[keep], self.mu[keep], self.follower[keep], self.row[keep], self.side[keep],
            self.slack_max.take(keep), self.dual_max.take(keep), select(self.blocks, keep),
        )  # fmt: skip

    def column(self) -> np.ndarray:
        """Return the column that IS the slack up to sign and scale (single entry, no constant), or -1 (mi,)."""
        counts = np.diff(self.M.indptr)
        single = (counts == 1) & (self.r == 0)
        out = np.full(len(self), -1)
        out[single] = self.M.indices[self.M.indptr[:-1][single]]
        return out


@dataclass(frozen=True, eq=False)
class Kkt:
    """The followers' KKT system behind a model, stacked over all followers.

    Every row of ``S z + s0 = 0`` is the stationarity of the column ``y`` beside it, every row of
    ``E z + e0 = 0`` the equality with multiplier ``lam``, every row of ``C z + c0 >= 0`` the inequality with
    multiplier ``mu``.

    Parameters
    ----------
    S, s0, y : csr_array (ny, n), ndarray (ny,), columns (ny,)
    E, e0, lam : csr_array (me, n), ndarray (me,), columns (me,)
    C, c0, mu : csr_array (mi, n), ndarray (mi,), columns (mi,)
    y_of, lam_of, mu_of : ndarray
        Follower index of each.
    followers : tuple of str
        Names.
    systems : tuple of System
        Rows and cost per follower over all columns; ``qp(k)`` is the matrix form.
    """

    S: Csr
    s0: np.ndarray
    y: np.ndarray
    E: Csr
    e0: np.ndarray
    lam: np.ndarray
    C: Csr
    c0: np.ndarray
    mu: np.ndarray
    y_of: np.ndarray
    lam_of: np.ndarray
    mu_of: np.ndarray
    followers: tuple[str, ...] = ()
    systems: tuple[Any, ...] = ()

    def qp(self, k: int) -> QP:
        """Return the matrix form of follower k, with its columns."""
        return self.systems[k].qp()


@dataclass(frozen=True)
class Encoded:
    """How some complementarity pairs were encoded.

    Parameters
    ----------
    encoding : str
        Name of the encoding.
    pairs : int
        Number of pairs.
    trust : str
        ``exact`` (no constant involved), ``proved`` (every constant is a proved bound), ``user`` or ``heuristic`` (some
        constant is not proved), ``eps`` (a tolerance on the product stays in the model).
    """

    encoding: str
    pairs: int
    trust: str


@dataclass(frozen=True, eq=False)
class Lift:
    """Columns an encoding appended, as functions of the KKT point: how a point of the KKT model is completed.

    Parameters
    ----------
    columns : ndarray (k,)
    M, r, mu
        Slack ``M z + r`` and multiplier column of the pair behind each column.
    binary : bool
        The columns are 1 where the slack is not above the multiplier (the row is active), else they are the slack.
    """

    columns: np.ndarray
    M: Csr
    r: np.ndarray
    mu: np.ndarray
    binary: bool


@dataclass(frozen=True, eq=False)
class Model:
    """A single-level model.

    Parameters
    ----------
    name : str
    space : Space
        Columns with bounds and kinds.
    objective : Quad
        Minimised.
    sense : int
        +1 when the user minimises, -1 when the user maximises (the objective is then the negated one).
    rows, quads, pairs, sos1, indicators
        What constrains z.
    kkt : Kkt or None
        The followers' KKT system, when there are followers.
    notes : tuple of str
        What was done to the model (eliminated products, encodings), in words; printed.
    encodings : tuple of Encoded
        How the pairs were encoded, for the printed summary and the claim.
    lifts : tuple of Lift
        Columns the encodings appended, in terms of the KKT point.
    """

    name: str
    space: Space
    objective: Quad
    sense: int
    rows: RowTable
    quads: QuadTable
    pairs: Pairs | None = None
    sos1: Sos1 = field(default_factory=Sos1.empty)
    indicators: Indicators | None = None
    kkt: Kkt | None = None
    notes: tuple[str, ...] = ()
    encodings: tuple[Encoded, ...] = ()
    lifts: tuple[Lift, ...] = ()

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self.space)

    @cached_property
    def matrices(self) -> tuple[Csr, np.ndarray, float]:
        """The minimised objective ``1/2 z'Pz + q'z + r`` as (P, q, r) over the columns."""
        return self.objective.matrices(self.n)

    def value(self, z: np.ndarray) -> float:
        """Return the objective at z in the user's own sense."""
        return self.sense * self.objective.value(z)

    def complete(self, z: np.ndarray) -> np.ndarray:
        """Return a point over all columns from a point of the KKT model (its columns come first)."""
        out = np.zeros(self.n)
        out[: len(z)] = z[: self.n]
        for lift in self.lifts:
            slack = lift.M @ out[: lift.M.shape[1]] + lift.r
            out[lift.columns] = slack <= out[lift.mu] if lift.binary else np.maximum(slack, 0.0)
        return out

    def with_rows(self, *tables: RowTable) -> Model:
        """Return the model with more rows."""
        return replace(self, rows=join([self.rows, *tables], self.n))

    @cached_property
    def features(self) -> frozenset[str]:
        """What a format or solver must offer to take this model (keys of ``FEATURES``)."""
        out: set[str] = set()
        if (self.space.kind != "C").any():
            out.add("int")
        P = self.matrices[0]
        if P.nnz:
            out.add("qobj" if is_psd(P) else "qobj_nonconvex")
        if len(self.quads):
            out |= {"qrow" if ok else "qrow_nonconvex" for ok in psd_rows(self.quads, self.n)}
        if len(self.sos1):
            out.add("sos1")
        if self.indicators is not None and len(self.indicators):
            out.add("indicator")
        if self.pairs is not None and len(self.pairs):
            out.add("pairs")
        return frozenset(out)

    def __str__(self) -> str:
        return summary(self)

    __repr__ = __str__


_MEANING = {
    "stationarity": "P y + Q x + q - A'lam + G'mu = 0",
    "equality": "A y + B x = b",
    "inequality": "G y + H x <= h",
    "complementarity": "0 <= h - G y - H x  _|_  mu >= 0",
}


def summary(model: Model, followers: int = 6) -> str:
    """Return a table of the model's blocks: sizes and meaning, the first few followers one by one."""
    lines = [f"{model.name}: {model.n} columns, {len(model.rows)} rows, {model.rows.M.nnz} entries"]

    def line(what: str, size: int, unit: str, meaning: str) -> None:
        lines.append(f"  {what:<28} {size:>8} {unit:<8} {meaning}".rstrip())

    roles, counts = np.unique(model.space.role, return_counts=True)
    words = {
        "leader": "leader variables",
        "follower": "follower variables",
        "lam": "prices lam",
        "mu": "multipliers mu >= 0",
    }
    for role in ("leader", "follower", "lam", "mu", "slack", "binary"):
        if role in roles:
            line(words.get(role, f"{role} columns"), int(counts[roles == role][0]), "columns", "")
    leader = sum(b.stop - b.start for b in model.rows.blocks if b.role == "leader")
    if leader:
        line("leader", leader, "rows", "")
    kkt = model.kkt
    if kkt is not None:
        pairs = model.pairs
        for k, name in enumerate(kkt.followers[:followers]):
            line(f"stationarity({name})", int((kkt.y_of == k).sum()), "rows", _MEANING["stationarity"])
            line(f"primal({name})", int((kkt.lam_of == k).sum()), "rows", _MEANING["equality"])
            line(
                f"primal({name})",
                int((kkt.mu_of == k).sum()),
                "rows",
                _MEANING["inequality"] + " (bounds as column bounds)",
            )
            if pairs is not None and (pairs.follower == k).any():
                line(f"complementarity({name})", int((pairs.follower == k).sum()), "pairs", _MEANING["complementarity"])
        if len(kkt.followers) > followers:
            rest = len(kkt.followers) - followers
            left = 0 if pairs is None else int((pairs.follower >= followers).sum())
            line(f"{rest} more followers", left, "pairs", f"{int((kkt.y_of >= followers).sum())} variables")
    added = sum(b.stop - b.start for b in model.rows.blocks if b.role in ("encoding", "cut"))
    for what, size, unit in (
        ("encoding", added, "rows"),
        ("SOS1", len(model.sos1), "sets"),
        ("indicator", 0 if model.indicators is None else len(model.indicators), "rows"),
        ("quadratic", len(model.quads), "rows"),
    ):
        if size:
            line(what, size, unit, "")
    products = len(model.objective.canonical().v)
    line(
        "objective",
        products,
        "products",
        "minimised" if model.sense > 0 else "maximised (the negated one is minimised)",
    )
    return "\n".join(lines + [f"  {note}" for note in model.notes])
