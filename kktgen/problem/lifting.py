"""Products of the leader's binaries with a follower's expressions in its rows: columns and rows of the follower.

Where a row of a follower holds ``x e``, with x a binary of the leader and e an expression of the follower's variables
that lies in [l, u] at every point of the follower's own rows, the follower gets a column w and four rows::

    l x <= w <= u x                        w = 0 where x = 0
    e - u (1 - x) <= w <= e - l (1 - x)    w = e where x = 1

x is a parameter to the follower, so these rows are linear for it, and w is ``x e`` for every x in {0, 1}: its responses
are the same, also where it has none. l and u are strictly below and above whatever e can be: then two of the four rows
have slack wherever the other two are equations, so they have no part of the prices, and the prices of the original
rows are what they would be at fixed x. An integer of the leader is written in bits.

Rows that hold if a binary says so, ``a'y <= b`` if x = 1, are ``a'y <= b + M (1 - x)`` with M above any violation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b

import numpy as np

from ..errors import BoundError
from ..numerics.sparse import Csr, add, coo, joined, row_index, scale_rows, vstack
from ..wording import first_names
from .columns import Space, labels
from .expression_boxes import expression_boxes, first_open
from .expressions import QuadArray
from .follower_rows import Declared
from .integer_bits import Bits
from .leader_terms import ROLE, Term
from .lifted_rows import WORDS, Conditional, Lifted, Natural
from .rows import Rows


@dataclass(eq=False)
class Products:
    """What the rows of one follower hold of products with the leader's binaries, and of conditions.

    Parameters
    ----------
    space : Space
    owner : int
        Index of the follower.
    follower : str
    bits : Bits
    variables : set of str
        Names of the follower's variables, those of product columns too.
    smooth : bool
        Whether products of the leader's continuous variables may stand in the rows, too
        (:mod:`kktgen.problem.varying_rows`).
    """

    space: Space
    owner: int
    follower: str
    bits: Bits
    variables: set[str]
    smooth: bool = False
    lifted: list[Lifted] = field(default_factory=list)
    conditional: list[Conditional] = field(default_factory=list)
    natural: list[Natural] = field(default_factory=list)
    _known: tuple[bytes, np.ndarray, np.ndarray] | None = None
    _marked: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.lifted) + len(self.conditional)

    @property
    def parts(self) -> list[Lifted | Conditional]:
        """The products and the conditional rows, in this order."""
        return [*self.lifted, *self.conditional]

    def takes(self, name: str) -> bool:
        """Return whether a row behind a product, or a conditional one, has a name."""
        stem = next((name.removesuffix(f"_{word}") for word in WORDS if name.endswith(f"_{word}")), "")
        return any(name in part.names for part in self.conditional) or any(part.name == stem for part in self.lifted)

    def uses(self, quads: QuadArray) -> bool:
        """Return whether some expressions hold products with own variables."""
        _, i, j, _ = quads.terms()
        return bool((self.sorted(i, j)[0] >= 0).any())

    def rows(self, declared: list[Declared], terms: Sequence[Term]) -> list[Declared]:
        """Return the rows behind products, and the conditional ones.

        Parameters
        ----------
        declared : list of Declared
            The follower's other rows, over which boxes are proved.
        terms : sequence of Term
            The follower's columns for products of the leader's alone.

        Raises
        ------
        BoundError
            An expression without a finite box.
        """
        if not len(self):
            return []
        low, high = self._boxes(declared, terms)
        out, at = [], 0
        for part in self.parts:
            stop = at + part.E.shape[0]
            out += part.rows(low[at:stop], high[at:stop])
            at = stop
        return out

    def _boxes(self, declared: list[Declared], terms: Sequence[Term]) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes of all expressions, proved once for the rows as they are."""
        space = self.space
        E = vstack([part.E for part in self.parts], len(space))
        arrays = [space.lb, space.ub, E.data, E.indices, E.indptr]
        arrays += [part for d in declared for part in (d.M.data, d.M.indices, d.M.indptr, d.lo, d.hi)]
        digest = blake2b(digest_size=16)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        if self._known is None or self._known[0] != digest.digest():
            columns = joined((part.columns for part in self.lifted), int)
            lb, ub = space.lb.copy(), space.ub.copy()
            for term in terms:
                lb[term.column], ub[term.column] = term.interval(space.lb, space.ub)
            low, high = expression_boxes(declared, E, columns, lb, ub)
            low, high = self._needed(low, high)
            self._refuse_open(E, low, high)
            self._known = digest.digest(), low, high
        return self._known[1:]

    def _needed(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return boxes with an end in the place of an infinite one that no row needs: of one-sided conditions."""
        at = sum(len(part.columns) for part in self.lifted)
        for part in self.conditional:
            own = slice(at, at + part.E.shape[0])
            at = own.stop
            end = np.abs(np.where(np.isfinite(high[own]), high[own], low[own]))
            room = np.where(end > 0, end, 1.0)
            low[own] = np.where((part.mu_lo < 0) & np.isinf(low[own]) & np.isfinite(end), high[own] - room, low[own])
            high[own] = np.where((part.mu_hi < 0) & np.isinf(high[own]) & np.isfinite(end), low[own] + room, high[own])
        return low, high

    def _refuse_open(self, E: Csr, low: np.ndarray, high: np.ndarray) -> None:
        """Refuse an expression without a finite box, by its columns."""
        found = first_open(E, low, high)
        if found is None:
            return
        k, columns = found
        names = np.repeat(
            [part.name for part in self.parts],
            [part.E.shape[0] for part in self.parts],
        )
        binary = np.concatenate([part.binary for part in self.parts])
        space = self.space
        free = [c for c in columns.tolist() if not (np.isfinite(space.lb[c]) and np.isfinite(space.ub[c]))]
        labels = ", ".join(space.label(c) for c in (free or columns.tolist())[:3])
        raise BoundError(
            f"follower {self.follower!r}, row {str(names[k])!r}: what {space.label(binary[k])} switches has no proved "
            f"bounds over the follower's own rows, because of {labels}. Give such a variable bounds (lb=.., ub=..), or "
            "the follower a row that bounds it; a row that no response leaves is enough"
        )

    def in_bits(self, quads: QuadArray, where: str) -> QuadArray:
        """Return the expressions with the leader's integers times own variables written in bits."""
        row, i, j, v = quads.terms()
        x, y = self.sorted(i, j)
        space = self.space
        plain = (space.kind[x] == "B") | ((space.lb[x] == 0) & (space.ub[x] == 1))
        at = np.flatnonzero((x >= 0) & (space.kind[x] != "C") & ~plain)
        if not len(at):
            return quads
        first, count, low = self.bits.of(x[at], where)
        keep = np.ones(len(v), dtype=bool)
        keep[at] = False
        bit = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        many = [np.repeat(part[at], count) for part in (row, y, v)]
        n, k = len(space), quads.size
        linear = add(quads.M, coo(v[at] * low, row[at], y[at], (k, n)))
        return QuadArray.of_terms(
            space, np.concatenate([row[keep], many[0]]),
            np.concatenate([i[keep], np.repeat(first, count) + bit]), np.concatenate([j[keep], many[1]]),
            np.concatenate([v[keep], many[2] * 2.0**bit]), linear, quads.c, quads.shape,
        )  # fmt: skip

    def sorted(self, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for products of a leader's column, or a term, with an own variable which is which; -1 for others."""
        space = self.space
        owned, led = (
            [(space.owner[at] == self.owner) & (space.role[at] == "follower") for at in (i, j)],
            [np.isin(space.role[at], ["leader", ROLE]) for at in (i, j)],
        )
        first, second = led[0] & owned[1], led[1] & owned[0]
        x = np.where(first, i, np.where(second, j, -1))
        return x, np.where(first, j, np.where(second, i, -1))

    def columns_for(self, quads: QuadArray, name: str) -> tuple[Csr, Lifted | None]:
        """Return the entries (k, n) of product columns in some rows, and the columns that are new.

        One column a row and binary of the leader, or one for all rows in which the product is the same up to sign.
        """
        space, n = self.space, np.int64(len(self.space))
        row, i, j, v = quads.terms()
        x, y = self.sorted(i, j)
        at = np.flatnonzero((x >= 0) & (space.kind[x] != "C"))
        if not len(at):
            return Csr((quads.size, int(n))), None
        known, group = np.unique(row[at] * n + x[at], return_inverse=True)
        E = coo(v[at], group, y[at], (len(known), int(n)))
        live = np.diff(E.indptr) > 0
        known, E = known[live], Csr(E[live])
        sign = np.sign(E.data[E.indptr[:-1]])
        E, x = scale_rows(sign, E), known % n
        same = self._same(E, x)
        new = np.flatnonzero(same == np.arange(len(x)) + sum(len(part.columns) for part in self.lifted))
        w = self._declared(name, len(new))
        columns = np.concatenate([*(part.columns for part in self.lifted), np.full(len(x), -1)]).astype(np.int64)
        columns[len(columns) - len(x) + new] = w
        entries = coo(sign, known // n, columns[same], (quads.size, len(space)))
        return entries, Lifted(w, x[new], Csr(E[new]), np.empty((4, 0)), name) if len(new) else None

    def _declared(self, name: str, count: int) -> np.ndarray:
        """Append product columns for rows of a name."""
        if not count:
            return np.empty(0, dtype=np.int64)
        word = self.space.made(f"{name}_product", self.follower, self.variables)
        return self.space.append(
            word, "follower", lb=-np.inf, ub=np.inf, owner=self.owner, follower=self.follower, shape=(count,)
        )

    def _same(self, E: Csr, x: np.ndarray) -> np.ndarray:
        """Return for every product which of all, the earlier ones first, is the first equal to it."""
        before = sum(len(part.columns) for part in self.lifted)
        if before and not np.isin(_marks(E, x), self._marked).any():
            return before + _first_equal(E, x)
        every = vstack([*(part.E for part in self.lifted), E], len(self.space))
        return _first_equal(every, np.concatenate([*(part.binary for part in self.lifted), x]))[before:]

    def with_multipliers(self, lifted: Lifted) -> None:
        """Give new product columns the multipliers of their rows, and keep them."""
        k = len(lifted.columns)
        mu = [
            self.space.append(
                "mu", "mu", lb=0.0, ub=np.inf, owner=self.owner, follower=self.follower, item=f"{lifted.name}_{word}",
                shape=(k,),
            )
            for word in WORDS
        ]  # fmt: skip
        self.lifted.append(replace(lifted, mu=np.array(mu)))
        self._marked = np.concatenate([self._marked, _marks(lifted.E, lifted.binary)])

    def condition(self, rows: Rows, binary: np.ndarray, value: np.ndarray, name: str) -> Conditional:
        """Declare rows that hold where binaries have a value."""
        two = np.isfinite(rows.lo).any() and np.isfinite(rows.hi).any()

        def multipliers(side: np.ndarray, word: str) -> np.ndarray:
            out, at = np.full(len(side), -1), np.flatnonzero(np.isfinite(side))
            if len(at):
                out[at] = self.space.append(
                    word if two else "mu", "mu", lb=0.0, ub=np.inf, owner=self.owner, follower=self.follower,
                    item=name, shape=rows.shape, index=None if len(at) == len(side) else at, coords=rows.coords,
                )  # fmt: skip
            return out

        mu_lo, mu_hi = multipliers(rows.lo, "mu_lo"), multipliers(rows.hi, "mu_up")
        made = Conditional(rows.M, rows.lo, rows.hi, binary, value, mu_lo, mu_hi, name, rows.shape, rows.coords)
        self.conditional.append(made)
        return made


def _marks(E: Csr, x: np.ndarray) -> np.ndarray:
    """Return a number for each product ``x_k E_k z``, the same for equal ones and hardly ever for others (k,)."""
    weight = 1.0 + (E.indices.astype(np.uint64) * np.uint64(2654435761) % np.uint64(2**32)) / 2.0**32
    return np.bincount(row_index(E), weights=E.data * weight, minlength=E.shape[0]) + np.pi * x


def _first_equal(E: Csr, x: np.ndarray) -> np.ndarray:
    """Return for each product the first that is equal to it (k,)."""
    key = np.column_stack([x, np.diff(E.indptr), _marks(E, x)])
    _, first, at = np.unique(key, axis=0, return_index=True, return_inverse=True)
    same = first[at.ravel()]
    difference = Csr(E - E[same])
    differs = np.unique(row_index(difference)[difference.data != 0])
    same[differs] = differs
    return same


def told(every: Sequence[Products]) -> list[str]:
    """Return what is to be told of the products and the conditional rows of all followers, in words."""
    out = []
    for what, parts in (
        ("lifted", [(one, one.lifted) for one in every]), ("conditional", [(one, one.conditional) for one in every]),
    ):  # fmt: skip
        used = [(one, part) for one, part in parts if part]
        if not used:
            continue
        count = sum(part.E.shape[0] for _, own in used for part in own)
        names = first_names([one.follower for one, _ in used[:3]], count=len(used))
        if what == "lifted":
            binary = np.unique(np.concatenate([one.bits.integers(part.binary) for one, own in used for part in own]))
            of = first_names(labels(used[0][0].space.blocks, binary[:3]), count=len(binary))
            size = f"{count} columns, {4 * count} rows"
            out.append(f"lifted: {count} products of {of} with expressions of {names} ({size}), exact")
        else:
            out.append(
                f"conditional: {count} rows of {names} hold where a binary of the leader says so, by proved constants"
            )
    return out
