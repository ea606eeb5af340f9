"""A model as subproblems that meet only through the leader: found from its rows, without a hint of the user's.

Columns that are not the leader's are tied by every row, set or product of the objective that holds two of them; the
connected components are the subproblems. Rows of the leader tie nothing: those that hold columns of a subproblem are
*coupling rows*. Of the leader's columns, one that a single subproblem sees becomes that subproblem's own; one that
several see is a *linking column*, of which each has a copy. With own columns z_j, linking columns u and all other
columns of the leader v, x = (u, v), the model reads::

    min   1/2 x'P x + c'x + r + sum_j f_j(z_j)          f_j = 1/2 z_j'P_j z_j + q_j'z_j
    s.t.  (z_j, u) in X_j                               rows, boxes, integrality of subproblem j
          lo <= C x + sum_j R_j z_j <= hi               coupling rows
          rows and boxes of x alone
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from ..encodings import encode
from ..errors import ProblemError, expect
from ..model.model import Model
from ..model.tables import RowTable
from ..numerics.sparse import Csr, components, coo, csr, row_index, take_columns, take_rows, widen
from ..problem.expressions import Quad
from ..reformulate.scale import Scaled, scaled
from .parts import part_of, quads_of, rules_of, sets_of


@dataclass(frozen=True, eq=False)
class Subproblem:
    """One subproblem: the columns, rows and costs of the followers that rows tie together.

    Parameters
    ----------
    name : str
        Of its followers.
    columns : ndarray (k,)
        Columns of the model: its own, then the linking columns it has copies of.
    own : int
        How many are its own.
    model : Model
        ``min f_j(z_j)`` over X_j, the columns in that order.
    coupling : csr_array (m, own)
        R_j, its share in the coupling rows.
    """

    name: str
    columns: np.ndarray
    own: int
    model: Model
    coupling: Csr

    @property
    def links(self) -> np.ndarray:
        """The linking columns it has copies of."""
        return self.columns[self.own :]


@dataclass(frozen=True, eq=False)
class Blocks:
    """What :func:`decompose` finds.

    Parameters
    ----------
    view : Scaled
        The encoded model and its own units, in which all numbers below are.
    subproblems : tuple of Subproblem
    leader : ndarray (k,)
        The leader's columns that no subproblem owns, x.
    linking : ndarray
        Those of them of which some subproblem has a copy.
    coupling : RowTable
        Coupling rows over all columns of the model.
    rows : RowTable
        Rows of x alone, over the columns ``leader``.
    P, q, r : csr_array (k, k), ndarray (k,), float
        The leader's own part of the objective.
    coupling_at, rows_at : ndarray
        Which rows of the model the coupling rows and the leader's own rows are.
    rows_of : tuple of ndarray
        Which rows of the model are those of every subproblem.

    See Also
    --------
    kktgen.decompose : Makes it.

    Examples
    --------
    Two shops and one rent, which each of them has a copy of.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("rent")
    >>> rent = m.var("rent", lb=0, ub=1)
    >>> shops = [m.follower(name) for name in ("shop1", "shop2")]
    >>> space = [shop.var("space", lb=0, ub=1) for shop in shops]
    >>> for shop, area in zip(shops, space):
    ...     shop.minimize(rent @ area - area / 2)
    >>> m.maximize(rent @ space[0] + rent @ space[1])
    >>> blocks = kg.decompose(kg.bound(kg.eliminate(kg.kkt(m))))
    >>> [part.name for part in blocks.subproblems], blocks.linking.tolist()
    (['shop1', 'shop2'], [0])
    """

    view: Scaled
    subproblems: tuple[Subproblem, ...]
    leader: np.ndarray
    linking: np.ndarray
    coupling: RowTable
    rows: RowTable
    P: Csr
    q: np.ndarray
    r: float
    coupling_at: np.ndarray
    rows_at: np.ndarray
    rows_of: tuple[np.ndarray, ...]

    @property
    def model(self) -> Model:
        """The encoded model in its own units.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("rent")
        >>> rent = m.var("rent", lb=0, ub=1)
        >>> for name in ("shop1", "shop2"):
        ...     shop = m.follower(name)
        ...     area = shop.var("area", lb=0, ub=1)
        ...     shop.minimize(rent @ area - area / 2)
        >>> m.maximize(rent)
        >>> kg.decompose(kg.bound(kg.kkt(m))).model.pairs is None
        True
        """
        return self.view.model

    @cached_property
    def share(self) -> Csr:
        """C, the leader's share in the coupling rows (m, k).

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("rent")
        >>> rent, let = m.var("rent", lb=0, ub=1), m.var("let", lb=0, ub=2)
        >>> areas = []
        >>> for name in ("shop1", "shop2"):
        ...     shop = m.follower(name)
        ...     areas.append(shop.var("area", lb=0, ub=1))
        ...     shop.minimize(rent @ areas[-1] - areas[-1] / 2)
        >>> _ = m.add(let == areas[0] + areas[1], name="let")
        >>> m.maximize(let)
        >>> kg.decompose(kg.bound(kg.kkt(m))).share.toarray().tolist()
        [[0.0, 1.0]]
        """
        return take_columns(self.coupling.M, self.leader)

    def __str__(self) -> str:
        names = [part.name for part in self.subproblems]
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        sizes = [part.own for part in self.subproblems]
        return "\n".join(
            [
                f"{self.model.name}: {len(names)} subproblems ({shown})",
                f"  {'columns of each':<24} {min(sizes):>8} to {max(sizes)}",
                f"  {'linking columns':<24} {len(self.linking):>8} of the leader, seen by several",
                f"  {'other leader columns':<24} {len(self.leader) - len(self.linking):>8}",
                f"  {'coupling rows':<24} {len(self.coupling):>8} of the leader, with columns of subproblems",
                f"  {'rows of the leader':<24} {len(self.rows):>8}",
            ]
        )

    __repr__ = __str__


def decompose(model: Model) -> Blocks:
    """Find the subproblems of a model that meet only through the leader.

    Parameters
    ----------
    model : Model
        With its products eliminated; pairs that are still in it are encoded first (``kg.encode(model)``).

    Returns
    -------
    Blocks

    Raises
    ------
    ProblemError
        Fewer than two subproblems, with the row that ties the followers; or a product of the objective ties a linking
        column to a subproblem.
    BoundError
        A pair cannot be encoded, see :func:`kktgen.encode`.

    See Also
    --------
    kktgen.tighten : Uses them to shrink boxes.

    Examples
    --------
    Two consumers at one tariff: the tariff is what links them, and the purchase couples them.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("tariff")
    >>> tariff, bought = m.var("tariff", lb=1, ub=3), m.var("bought", lb=0, ub=20)
    >>> homes = [m.follower(name) for name in ("home1", "home2")]
    >>> used = [home.var("used", lb=0, ub=size) for home, size in zip(homes, (4, 6))]
    >>> for home, use in zip(homes, used):
    ...     home.minimize(tariff @ use + use @ use / 4 - 3 * use)
    >>> _ = m.add(bought == used[0] + used[1], name="purchase")
    >>> m.maximize(tariff @ used[0] + tariff @ used[1] - bought)
    >>> print(kg.decompose(kg.bound(kg.eliminate(kg.kkt(m)))))
    tariff: 2 subproblems (home1, home2)
      columns of each                 4 to 5
      linking columns                 1 of the leader, seen by several
      other leader columns            1
      coupling rows                   1 of the leader, with columns of subproblems
      rows of the leader              0
    """
    expect(model, Model, "decompose", "make one with kg.bound(kg.eliminate(kg.kkt(m)))")
    if model.kkt is not None and model.kkt.varies:
        raise ProblemError(
            "decompose: nonconvex rows of followers (products=True, squares or norms) stay in one model, "
            "solved as a whole"
        )
    if model.pairs is not None:
        model = encode(model)
    view = scaled(model)
    own = _Split(view.model)
    return own.blocks(view)


class _Split:
    """Which subproblem every column and row of a model belongs to."""

    def __init__(self, model: Model) -> None:
        self.model, n = model, model.n
        self.M = widen(model.rows.M, n)
        self.P, self.q, self.r = model.matrices
        self.is_leader = np.isin(model.space.role, ["leader", "term"])
        self.of_leader = model.rows.of_role("leader")
        self.label = self._labels()
        self.count = int(self.label.max(initial=-1)) + 1
        if self.count < 2:
            raise ProblemError(f"decompose: {self._tied()}")
        self._adopt()

    def _incidence(self) -> Csr:
        """Return which columns every row, set, indicator, product of the objective and follower ties (k, n)."""
        model, n = self.model, self.model.n
        parts = [Csr(self.M[~self.of_leader])]
        quads = model.quads
        of_leader = quads.linear.of_role("leader") | quads.linear.of_role("term")
        inside = ~of_leader[quads.row]
        ones = np.ones(2 * int(inside.sum()))
        where = np.concatenate([quads.row[inside]] * 2), np.concatenate([quads.i[inside], quads.j[inside]])
        parts += [coo(ones, *where, (len(quads), n)), Csr(widen(quads.linear.M, n)[~of_leader])]
        sets = model.sos1
        parts.append(csr(np.ones(len(sets.columns)), sets.columns, sets.start, (len(sets), n)))
        if model.indicators is not None:
            rules = model.indicators
            k = len(rules)
            parts.append(csr(np.ones(k), rules.binary, np.arange(k + 1), (k, n)) + abs(widen(rules.rows.M, n)))
        P = self.P.tocoo()
        cross = (P.row < P.col) & ~self.is_leader[P.row] & ~self.is_leader[P.col]
        k = int(cross.sum())
        row = np.arange(k)
        at = np.concatenate([row, row]), np.concatenate([P.row[cross], P.col[cross]])
        parts.append(coo(np.ones(2 * k), *at, (k, n)))
        owner = model.space.owner
        owned = np.flatnonzero((owner >= 0) & ~self.is_leader)
        parts.append(coo(np.ones(len(owned)), owner[owned], owned, (int(owner.max(initial=-1)) + 1, n)))
        return Csr(abs(sp.vstack(parts, format="csr")))

    def _labels(self) -> np.ndarray:
        """Return the number of the subproblem of every column that is no leader's; -1 of the leader's (n,)."""
        rows = self._incidence()
        own = np.flatnonzero(~self.is_leader)
        M = take_columns(rows, own)
        graph = sp.block_array([[None, M], [M.T, None]], format="csr")
        _, label = components(Csr(graph))
        label = label[M.shape[0] :]
        _, first, label = np.unique(label, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(first, kind="stable"), kind="stable")  # by their first column
        out = np.full(self.model.n, -1)
        out[own] = order[label]
        return out

    def _adopt(self) -> None:
        """Find the linking columns; give the leader's columns that one subproblem alone sees to that subproblem."""
        rows = self._incidence()
        row_label = self._row_labels(rows, self.label)
        M = take_columns(rows, np.flatnonzero(self.is_leader))
        leader = np.flatnonzero(self.is_leader)
        at, seen = row_index(M), leader[M.indices]
        known = row_label[at] >= 0
        pairs = np.unique(np.stack([seen[known], row_label[at][known]], axis=1), axis=0)
        self.links = pairs  # (column, subproblem)
        column, counts = np.unique(pairs[:, 0], return_counts=True)
        P = self.P.tocoo()
        bent = np.unique(np.concatenate([P.row[P.row != P.col], P.row]))
        alone = np.isin(pairs[:, 0], column[counts == 1]) & ~np.isin(pairs[:, 0], bent)
        self.label[pairs[alone, 0]] = pairs[alone, 1]
        self.links = pairs[~alone]

    @staticmethod
    def _row_labels(rows: Csr, label: np.ndarray) -> np.ndarray:
        """Return the subproblem of the columns of every row, -1 where it has none, -2 where there are several."""
        least, most = np.full(rows.shape[0], np.iinfo(np.int64).max), np.full(rows.shape[0], -1)
        at, of = row_index(rows), label[rows.indices]
        known = of >= 0
        np.minimum.at(least, at[known], of[known])
        np.maximum.at(most, at[known], of[known])
        return np.where(most < 0, -1, np.where(least == most, most, -2))

    def _tied(self) -> str:
        """Return in words why there are fewer than two subproblems."""
        model, owner = self.model, self.model.space.owner
        kkt = model.kkt
        names = () if kkt is None else kkt.followers
        if len(names) < 2:
            return (
                "the problem has one follower, so nothing falls apart; method='boxes' branches on the leader's columns"
            )
        rows = Csr(self.M[~self.of_leader])
        several = self._row_labels(rows, np.where(self.is_leader, -1, owner)) == -2
        if several.any():
            row = int(np.flatnonzero(~self.of_leader)[np.flatnonzero(several)[0]])
            used = self.M.indices[self.M.indptr[row] : self.M.indptr[row + 1]]
            tied = [names[k] for k in np.unique(owner[used]) if k >= 0][:2]
            return f"row {model.rows.label(row)!r} ties the followers {tied[0]!r} and {tied[1]!r} to one another"
        return "the followers are tied to one another by a quadratic row, a set or the leader's objective"

    def blocks(self, view: Scaled) -> Blocks:
        """Return the subproblems and what is left to the leader."""
        model, label, n = self.model, self.label, self.model.n
        rest = np.flatnonzero(label < 0)
        table, row_label = model.rows, self._row_labels(self.M, label)
        row_label = self._shared_rows(row_label)
        coupling = self.of_leader & (row_label == -2)
        P = self.P.tocoo()
        crossing = np.flatnonzero(label[P.row] != label[P.col])
        if len(crossing):
            a, b = sorted((int(P.row[crossing[0]]), int(P.col[crossing[0]])))
            raise ProblemError(
                f"decompose: the objective's product of {model.space.label(a)} and {model.space.label(b)} ties a "
                "subproblem to the leader's columns; kg.eliminate rids the objective of products of prices"
            )
        coupled = table.take(coupling)
        of_rest = (row_label == -1) & (np.diff(self.M.indptr) > 0)
        own_rows = table.take(of_rest)
        C = widen(coupled.M, n)
        rows_of = _groups(row_label, self.count)
        parts = tuple(self._part(k, rows_of[k], C) for k in range(self.count))
        linking = np.unique(self.links[:, 0])
        return Blocks(
            view, parts, rest, linking, RowTable(C, coupled.lo, coupled.hi, coupled.blocks),
            RowTable(take_columns(own_rows.M, rest), own_rows.lo, own_rows.hi, own_rows.blocks),
            Csr(self.P[rest][:, rest]), self.q[rest], self.r, np.flatnonzero(coupling), np.flatnonzero(of_rest),
            rows_of,
        )  # fmt: skip

    def _shared_rows(self, row_label: np.ndarray) -> np.ndarray:
        """Return the labels with -2 where a row of one subproblem holds a column of the leader it has no copy of."""
        at, column = row_index(self.M), self.M.indices
        of, n = row_label[at], self.model.n
        foreign = (of >= 0) & (self.label[column] < 0)
        known = self.links[:, 0] * self.count + self.links[:, 1]
        assert n * self.count < np.iinfo(np.int64).max
        lacking = foreign & ~np.isin(column.astype(np.int64) * self.count + of, known)
        out = row_label.copy()
        out[np.unique(at[lacking])] = -2
        return out

    def _part(self, k: int, own_rows: np.ndarray, coupling: Csr) -> Subproblem:
        """Return subproblem k."""
        model = self.model
        own = np.flatnonzero(self.label == k)
        links = self.links[self.links[:, 1] == k, 0]
        columns = np.concatenate([own, links])
        names = () if model.kkt is None else model.kkt.followers
        owners = [names[i] for i in np.unique(model.space.owner[own]) if 0 <= i < len(names)]
        name = " + ".join(owners) or f"part{k + 1}"
        shared = self._covered(links) if len(links) else np.empty(0, dtype=np.int64)
        rows = np.concatenate([own_rows, shared])
        table = RowTable(
            take_columns(take_rows(self.M, rows), columns), model.rows.lo[rows], model.rows.hi[rows]
        )  # fmt: skip
        space = part_of(model.space, columns)
        P = Csr(self.P[own][:, own])
        P = csr(P.data, P.indices, np.append(P.indptr, np.full(len(links), P.indptr[-1])), (len(columns),) * 2)
        goal = Quad.from_matrices(space, P, np.append(self.q[own], np.zeros(len(links))))
        sub = Model(
            f"{model.name}_{name}", space, goal, 1, table, quads_of(model.quads, columns),
            sos1=sets_of(model.sos1, columns), indicators=rules_of(model.indicators, columns),
        )  # fmt: skip
        return Subproblem(name, columns, len(own), sub, take_columns(coupling, own))

    def _covered(self, links: np.ndarray) -> np.ndarray:
        """Return the leader's rows whose columns are all among some linking columns: they hold for copies, too."""
        rows = np.flatnonzero(self.of_leader & (np.diff(self.M.indptr) > 0))
        M = take_rows(self.M, rows)
        inside = np.isin(M.indices, links)
        covered = np.bincount(row_index(M)[inside], minlength=len(rows)) == np.diff(M.indptr)
        return rows[covered]


def _groups(label: np.ndarray, count: int) -> tuple[np.ndarray, ...]:
    """Return for every label from 0 on where it stands."""
    order = np.argsort(label, kind="stable")
    start = np.searchsorted(label[order], np.arange(count + 1))
    return tuple(order[start[k] : start[k + 1]] for k in range(count))
