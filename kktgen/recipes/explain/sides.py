"""What may be in conflict: sides of rows and bounds of columns, one by one, with the words that name them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...model.model import Model
from ...model.tables import Indicators, RowTable, Sos1
from ...model.terms import defining
from ...numerics.sparse import Csr, coo, row_index, vstack, widen
from ...problem.columns import Block, Space
from ...problem.expressions import Quad
from ...problem.leader_terms import ROLE as TERM
from ...problem.variables import unit_rows

ROW, BOUND, QUAD, SET, INDICATOR = range(5)
"""Families of members."""
TERMS = 5
"""Most terms of a row that are printed."""


@dataclass(frozen=True, eq=False)
class Members:
    """Sides of rows and bounds of a model that may be dropped.

    Parameters
    ----------
    family : ndarray (k,) of int
        ``ROW``, ``BOUND`` (of a column), ``QUAD`` (quadratic row), ``SET`` (SOS1), ``INDICATOR`` (implied row).
    index : ndarray (k,)
        Which row, column or set.
    side : ndarray (k,)
        -1 the lower side, +1 the upper one, 0 both (an equation, a fixed column, a set).
    """

    family: np.ndarray
    index: np.ndarray
    side: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def take(self, keep: np.ndarray) -> Members:
        """Return the members at the positions or mask ``keep``."""
        return Members(self.family[keep], self.index[keep], self.side[keep])

    def of(self, family: int, side: int) -> np.ndarray:
        """Return the indices of a family's members that have the lower (-1) or upper (+1) side."""
        return self.index[(self.family == family) & ((self.side == side) | (self.side == 0))]


def members(model: Model) -> Members:
    """Return every side of a row and every bound of a column that a row uses; a binary's 0 and 1 are no members."""
    space, used = model.space, np.zeros(model.n, dtype=bool)
    used[model.rows.M.indices] = True
    used[model.quads.linear.M.indices] = True
    used[np.concatenate([model.quads.i, model.quads.j]).astype(np.int64)] = True
    used[model.sos1.columns] = True
    bent, given = model.quads.linear, defining(model.quads.linear)  # what defines a term is no claim of anybody's
    low, high = np.where(given, -np.inf, bent.lo), np.where(given, np.inf, bent.hi)
    parts = [_sides(ROW, model.rows.lo, model.rows.hi), _sides(QUAD, low, high)]
    if model.indicators is not None:
        used[model.indicators.rows.M.indices] = True
        parts.append(_sides(INDICATOR, model.indicators.rows.lo, model.indicators.rows.hi))
    used &= (space.kind != "B") & (space.role != TERM)
    bounds = _sides(BOUND, np.where(used, space.lb, -np.inf), np.where(used, space.ub, np.inf))
    sets = Members(np.full(len(model.sos1), SET), np.arange(len(model.sos1)), np.zeros(len(model.sos1), dtype=int))
    return joined([*parts, bounds, sets])


def joined(parts: list[Members]) -> Members:
    """Return the members of several lists."""
    return Members(*(np.concatenate([getattr(p, word) for p in parts]) for word in ("family", "index", "side")))


def _sides(family: int, lo: np.ndarray, hi: np.ndarray) -> Members:
    both = np.flatnonzero(lo == hi)
    lower = np.flatnonzero(np.isfinite(lo) & (lo != hi))
    upper = np.flatnonzero(np.isfinite(hi) & (lo != hi))
    index = np.concatenate([both, lower, upper])
    side = np.repeat([0, -1, 1], [len(both), len(lower), len(upper)])
    return Members(np.full(len(index), family), index, side)


def without(model: Model, dropped: Members) -> Model:
    """Return the model with the sides of the members dropped."""
    space = model.space.copy()
    space.lb[dropped.of(BOUND, -1)] = -np.inf
    space.ub[dropped.of(BOUND, 1)] = np.inf
    sets = np.ones(len(model.sos1), dtype=bool)
    sets[dropped.of(SET, 0)] = False
    indicators = model.indicators
    if indicators is not None:
        indicators = replace(indicators, rows=_freed(indicators.rows, dropped, INDICATOR))
    return replace(
        model, space=space, rows=_freed(model.rows, dropped, ROW), indicators=indicators,
        quads=replace(model.quads, linear=_freed(model.quads.linear, dropped, QUAD)), sos1=take_sets(model.sos1, sets),
    )  # fmt: skip


def _freed(table: RowTable, dropped: Members, family: int) -> RowTable:
    lo, hi = table.lo.copy(), table.hi.copy()
    lo[dropped.of(family, -1)] = -np.inf
    hi[dropped.of(family, 1)] = np.inf
    return replace(table, lo=lo, hi=hi)


def take_sets(table: Sos1, keep: np.ndarray) -> Sos1:
    """Return the SOS1 sets where the mask ``keep`` is true."""
    if keep.all():
        return table
    sizes = np.diff(table.start)
    blocks = tuple(replace(b, start=k, stop=k + 1) for k, b in enumerate(np.array(table.blocks, dtype=object)[keep]))
    return Sos1(np.cumsum([0, *sizes[keep]]), table.columns[np.repeat(keep, sizes)], blocks)


def take_indicators(table: Indicators | None, keep: np.ndarray) -> Indicators | None:
    """Return the indicator rows where the mask ``keep`` is true."""
    return None if table is None else Indicators(table.binary[keep], table.value[keep], table.rows.take(keep))


@dataclass(frozen=True, eq=False)
class Elastic:
    """A model whose members may be violated at a cost of 1 a unit.

    Parameters
    ----------
    model : Model
        Its objective is the total violation; bounds that are members have become rows, behind the others.
    columns : ndarray
        Columns of the violations.
    of : ndarray
        The member each violation belongs to.
    row : ndarray (k,)
        For every member the row of ``model.rows`` it stands in, -1 for those that are no linear row.
    """

    model: Model
    columns: np.ndarray
    of: np.ndarray
    row: np.ndarray

    def gives(self, z: np.ndarray, count: int) -> np.ndarray:
        """Return by how much each of ``count`` members gives at a point (k,)."""
        return np.bincount(self.of, weights=np.maximum(z[self.columns], 0.0), minlength=count)


def elastic(model: Model, loose: Members) -> Elastic:
    """Return the model with a violation column for every side of the members; SOS1 sets stay as they are."""
    space, family = model.space.copy(), loose.family
    bound = np.flatnonzero(family == BOUND)
    columns = loose.index[bound]
    row = np.where(family == ROW, loose.index, -1)
    row[bound] = len(model.rows) + np.arange(len(bound))
    lo = np.where(loose.side[bound] <= 0, space.lb[columns], -np.inf)
    hi = np.where(loose.side[bound] >= 0, space.ub[columns], np.inf)
    space.lb[loose.of(BOUND, -1)] = -np.inf
    space.ub[loose.of(BOUND, 1)] = np.inf
    above, below = (np.flatnonzero((loose.side != -sign) & (family != SET)) for sign in (1, -1))
    of = np.concatenate([below, above])
    sign = np.repeat([1.0, -1.0], [len(below), len(above)])
    extra = space.append("violation", "leader", lb=0.0, ub=np.inf, shape=(len(of),))
    n = len(space)
    bounds = RowTable(unit_rows(columns, n), lo, hi, (Block(0, len(bound), "bound", "leader", shape=(len(bound),)),))
    table = RowTable(
        vstack([model.rows.M, bounds.M], n), np.concatenate([model.rows.lo, lo]), np.concatenate([model.rows.hi, hi]),
        (*model.rows.blocks, *(b.moved(len(model.rows)) for b in bounds.blocks if len(bound))),
    )  # fmt: skip

    def loosened(rows: RowTable, mine: np.ndarray, at: np.ndarray) -> RowTable:
        here = mine[of]
        more = coo(sign[here], at[of[here]], extra[here], (len(rows), n))
        return replace(rows, M=Csr(widen(rows.M, n) + more))

    index = loose.index
    indicators = model.indicators
    if indicators is not None:
        indicators = replace(indicators, rows=loosened(indicators.rows, family == INDICATOR, index))
    quads = replace(model.quads, linear=loosened(model.quads.linear, family == QUAD, index))
    goal = Quad.from_matrices(space, None, np.bincount(extra, minlength=n).astype(float))
    out = replace(
        model, space=space, objective=goal, sense=1, rows=loosened(table, row >= 0, row), quads=quads,
        indicators=indicators,
    )  # fmt: skip
    return Elastic(out, extra, of, row)


def describe(model: Model, some: Members) -> tuple[list[str], list[str]]:
    """Return for every member what it is, and what it says, in words; meant for a handful of members."""
    named = [_names(model, *one) for one in zip(some.family, some.index, some.side, strict=True)]
    return [one for one, _ in named], [says for _, says in named]


def _names(model: Model, family: int, index: int, side: int) -> tuple[str, str]:
    space, index = model.space, int(index)
    if family == BOUND:
        name = space.label(index)
        lo, hi = (space.lb[index] if side <= 0 else -np.inf), (space.ub[index] if side >= 0 else np.inf)
        return f"bound of {name!r}", _between(name, lo, hi)
    if family == SET:
        start = model.sos1.start
        inside = [space.label(c) for c in model.sos1.columns[start[index] : start[index + 1]][:TERMS]]
        return f"set {model.sos1.blocks[index].word!r}", f"at most one of {', '.join(inside)} is nonzero"
    table = {ROW: model.rows, QUAD: model.quads.linear}.get(family)
    if table is None:
        assert model.indicators is not None
        table = model.indicators.rows
    lo, hi = (table.lo[index] if side <= 0 else -np.inf), (table.hi[index] if side >= 0 else np.inf)
    text = _terms(model, Csr(table.M[[index]]))
    if family == QUAD:
        here = np.flatnonzero(model.quads.row == index)
        words = [_coefficient(model.quads.v[k]) + _product(space, model.quads.i[k], model.quads.j[k])
                 for k in here[:TERMS]]  # fmt: skip
        text = _sum([*words, *(["..."] if len(here) > TERMS else []), *([text] if text else [])])
    what = {QUAD: "quadratic row", INDICATOR: "indicator row"}.get(family, "")
    return _title(model, table, index, what), _between(text, lo, hi)


def _title(model: Model, table: RowTable, index: int, what: str) -> str:
    block = next(b for b in table.blocks if b.start <= index < b.stop)
    name = block.label(index - block.start)
    if block.role == "primal":
        return f"row {name!r} of {model.space.whose(block.follower)}"
    if block.role == "stationarity":
        return f"stationarity {name!r} of {model.space.whose(block.follower)}"
    if what:
        return f"{what} {name!r}"
    coupling = (model.space.role[table.M.indices[table.M.indptr[index] : table.M.indptr[index + 1]]] != "leader").any()
    return f"{'coupling' if coupling else 'leader'} row {name!r}"


def _product(space: Space, i: int, j: int) -> str:
    return f"{space.label(i)}^2" if i == j else f"{space.label(i)} {space.label(j)}"


def _coefficient(value: float) -> str:
    return "" if value == 1 else "-" if value == -1 else f"{value:.6g} "


def _terms(model: Model, M: Csr) -> str:
    entries = zip(M.data[:TERMS].tolist(), M.indices[:TERMS].tolist(), strict=True)
    words = [f"{_coefficient(v)}{_word(model, c)}" for v, c in entries]
    return _sum([*words, *(["..."] if M.nnz > TERMS else [])])


def _word(model: Model, column: int) -> str:
    """Return the name of a column; of a term its products."""
    space, terms = model.space, model.terms
    if space.role[column] != TERM:
        return space.label(column)
    table = terms.table
    here = np.flatnonzero(table.row == int(np.flatnonzero(terms.columns == column)[0]))[:TERMS]
    products = [_coefficient(table.v[k]) + _product(space, table.i[k], table.j[k]) for k in here]
    return f"({_sum(products)})" if products else space.label(column)


def _sum(words: list[str]) -> str:
    return " + ".join(words).replace("+ -", "- ").replace("-  ", "- ")


def _between(text: str, lo: float, hi: float) -> str:
    lo, hi = lo + 0.0, hi + 0.0  # no -0
    if lo == hi:
        return f"{text} = {lo:.6g}"
    if np.isfinite(lo) and np.isfinite(hi):
        return f"{lo:.6g} <= {text} <= {hi:.6g}"
    return f"{text} >= {lo:.6g}" if np.isfinite(lo) else f"{text} <= {hi:.6g}"


def entries_outside(M: Csr, inside: np.ndarray) -> np.ndarray:
    """Return which rows of M have an entry in a column where the mask ``inside`` is false (m,) bool."""
    out = np.zeros(M.shape[0], dtype=bool)
    out[row_index(M)[~inside[M.indices]]] = True
    return out
