"""Strong duality: one row a follower instead of its complementarity pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..errors import ProblemError
from ..model.appended_columns import Encoded
from ..model.model import Model
from ..model.own_units import cost_units
from ..model.pairs import Pairs
from ..model.tables import QuadTable, RowTable, join_quads
from ..numerics.sparse import coo, vstack
from ..problem.columns import Block
from ..problem.expressions import Quad
from ..reformulate.bounds.curved import boxes
from ..reformulate.cuts import DualityGap
from ..reformulate.identity import duality_gap
from ..reformulate.mccormick import with_products
from .parts.leaks import INTEGRALITY, PRODUCT_LEAK


@dataclass(frozen=True)
class StrongDuality:
    """``y'P y + (Q x + q)'y - lam'(b - B x) + mu'(h - H x) <= eps``, one row a follower.

    The left side is ``mu's`` at every primal-dual feasible point, so the row forces complementarity as
    ``eps -> 0``. It settles all pairs of a follower together. It holds the products (x, y), (x, lam), (x, mu).

    Where every such x is binary (or integer between two neighbours) and the other factor has proved bounds, each
    product is a column w between the McCormick rows, which are exact at both values of x: the row is linear for P = 0,
    stated with ``<= 0`` and exact, and convex quadratic else. Elsewhere the row is nonconvex; the model's notes say
    why.

    Parameters
    ----------
    eps : float
        Tolerance on the duality gap of rows that are not linear, in units of the follower's cost: 1 in problems of
        ordinary numbers, else the unit that :mod:`kktgen.reformulate.scale` chooses for it.

    See Also
    --------
    Product : One row a pair.
    kktgen.cut : The same row as a valid inequality.

    Examples
    --------
    A follower that sees binary decisions alone: the row becomes linear, and exact.

    >>> import kktgen as kg
    >>> m = kg.Bilevel("interdiction")
    >>> closed = m.var("closed", kind="B")
    >>> flow = m.follower("flow")
    >>> y = flow.var("y", 2, lb=0, ub=[4, 3])
    >>> row = flow.add(y[0] <= 4 - 3 * closed)
    >>> flow.maximize(y.sum())
    >>> m.minimize(y.sum() + 2 * closed)
    >>> model = kg.encode(kg.kkt(m), kg.StrongDuality())
    >>> sorted(model.features), len(model.quads), model.encodings[0].encoding
    (['int'], 0, 'StrongDuality')
    >>> print(f"{kg.solve(model).objective:.3f}")
    6.000
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"qrow", "qrow_nonconvex"})
    RANK: ClassVar[int] = 4
    eps: float = 1e-7

    def needs_boxes(self, model: Model) -> bool:
        """Return whether bounds on the multipliers would rid some follower's row of its products.

        Examples
        --------
        >>> import kktgen as kg
        >>> m = kg.Bilevel("interdiction")
        >>> closed = m.var("closed", kind="B")
        >>> flow = m.follower("flow")
        >>> y = flow.var("y", lb=0, ub=4)
        >>> row = flow.add(y <= 4 - 3 * closed)
        >>> flow.maximize(y)
        >>> kg.StrongDuality().needs_boxes(kg.kkt(m))      # closed * mu is a column once mu is bounded
        True
        """
        if model.kkt is None:
            return False
        lb, ub = boxes(model)
        gaps = [DualityGap.of(model, f, lb, ub) for f in range(len(model.kkt.followers))]
        return any(len(gap.left) and _switches(model, gap.left, lb, ub).all() for gap in gaps)

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one row for every follower of the pairs."""
        if not (isinstance(self.eps, int | float | np.number) and 0 <= self.eps < np.inf):
            raise ProblemError(f"StrongDuality: eps must be a number >= 0, got {self.eps!r}")
        assert model.kkt is not None
        lb, ub = boxes(model)
        followers, counts = np.unique(pairs.follower, return_counts=True)
        gaps = [DualityGap.of(model, int(f), lb, ub) for f in followers]
        faults = [_fault(model, gap, lb, ub) for gap in gaps]
        lifted, linear, curved = _stated(model, gaps, faults, lb, ub)
        trust = {gap.follower: _trust(model, gap) for gap, _ in linear}
        trust |= {gap.follower: "eps" if self.eps else _trust(model, gap) for gap, _ in curved}
        side = float(self.eps) * cost_units(model)[[gap.follower for gap, _ in curved]]
        blocks = _blocks(model, [gap for gap, _ in curved])
        table = QuadTable.of([quad for _, quad in curved], np.full(len(curved), -np.inf), side, blocks, lifted.n)
        words = np.array([trust[f] for f in followers])
        encoded = (
            Encoded("StrongDuality", int(counts[words == word].sum()), word) for word in dict.fromkeys(trust.values())
        )
        return replace(
            lifted.with_rows(_linear_rows(lifted, linear)),
            quads=join_quads([model.quads, table], lifted.n),
            encodings=(*model.encodings, *encoded),
            notes=(*model.notes, *_notes(model, gaps, faults)),
        )


def linear_followers(model: Model, pairs: Pairs) -> np.ndarray:
    """Return the followers whose row would be linear and exact, resting on proved boxes alone (k,) of int.

    Their cost is linear, and every product in their duality gap has a binary factor and one in a proved box. An
    integrality tolerance of d leaves of a product ``|weight| width d`` at most, which is held to the leak that
    :mod:`kktgen.encodings.parts.leaks` allows. The pairs hold all pairs of each of them, and none was settled as always
    active: such a slack is zero up to a tolerance, which a row ``gap <= 0`` does not forgive where a multiplier is
    large.
    """
    if model.kkt is None or model.pairs is None or not len(pairs):
        return np.empty(0, dtype=np.int64)
    lb, ub = boxes(model)
    count = len(model.kkt.followers)
    given = np.bincount(pairs.follower, minlength=count)
    live = np.bincount(model.kkt.mu_of[model.space.ub[model.kkt.mu] > 0], minlength=count)
    unit = cost_units(model)
    out = []
    for f in np.flatnonzero((given == live) & (given > 0)).tolist():
        if not _switches(model, model.kkt.systems[f].with_parameters().x, model.space.lb, model.space.ub).all():
            continue  # also where proved boxes leave the other factor one value, up to their tolerance
        gap = DualityGap.of(model, f, lb, ub)
        if len(gap.v) or _fault(model, gap, lb, ub) or _trust(model, gap) == "user":
            continue
        leak = float((np.abs(gap.weight) * (ub - lb)[gap.right]).max(initial=0.0)) * INTEGRALITY
        if leak <= PRODUCT_LEAK * unit[f]:
            out.append(f)
    return np.array(out, dtype=np.int64)


def _stated(
    model: Model, gaps: list[DualityGap], faults: list[str], lb: np.ndarray, ub: np.ndarray
) -> tuple[Model, list[tuple[DualityGap, np.ndarray]], list[tuple[DualityGap, Quad]]]:
    """Return the model with columns for products that are replaced exactly, the linear rows, and the quadratic ones."""
    held = [gap for gap, fault in zip(gaps, faults, strict=True) if not fault]
    lifted, columns = with_products(model, held, lb, ub, "w", "encoding")
    both = list(zip(held, columns, strict=True))
    curved = [(gap, _curved(lifted, gap, w)) for gap, w in both if len(gap.v)]
    curved += [(gap, duality_gap(lifted, gap.follower)) for gap, why in zip(gaps, faults, strict=True) if why]
    return lifted, [(gap, w) for gap, w in both if not len(gap.v)], curved


def _switches(model: Model, columns: np.ndarray, lb: np.ndarray, ub: np.ndarray) -> np.ndarray:
    """Return which columns are whole numbers that take two values at most (mask)."""
    return (model.space.kind[columns] != "C") & (ub[columns] - lb[columns] <= 1)


def _fault(model: Model, gap: DualityGap, lb: np.ndarray, ub: np.ndarray) -> str:
    """Return why the products of a follower's row cannot be replaced exactly; empty when they can."""
    more = gap.left[~_switches(model, gap.left, lb, ub)]
    if len(more):
        return f"{model.space.label(more[0])} is not binary"
    unboxed = gap.right[~(np.isfinite(lb[gap.right]) & np.isfinite(ub[gap.right]))]
    return f"{model.space.label(unboxed[0])} has no proved box" if len(unboxed) else ""


def _trust(model: Model, gap: DualityGap) -> str:
    """Return what an exact row of a follower rests on: the boxes of the factors it lifts."""
    if not len(gap.left):
        return "exact"
    given = np.isin(model.space.proof[gap.right], ["user", "heuristic"])
    return "user" if given.any() else "proved"


def _blocks(model: Model, gaps: list[DualityGap]) -> tuple[Block, ...]:
    names = model.kkt.followers if model.kkt is not None else ()
    return tuple(Block(k, k + 1, "duality", "encoding", names[gap.follower]) for k, gap in enumerate(gaps))


def _curved(model: Model, gap: DualityGap, w: np.ndarray) -> Quad:
    """Return the gap with its products replaced by columns."""
    column, value = np.concatenate([gap.columns, w]), np.concatenate([gap.linear, gap.weight])
    linear = coo(value, np.zeros(len(column), dtype=np.int64), column, (1, model.n))
    return Quad(model.space, gap.i, gap.j, gap.v, linear, gap.constant)


def _linear_rows(model: Model, parts: list[tuple[DualityGap, np.ndarray]]) -> RowTable:
    """Return the rows ``gap <= 0`` of followers with linear costs, their products replaced by columns."""
    gaps = [gap for gap, _ in parts]
    M = vstack([_curved(model, gap, w).linear for gap, w in parts], model.n)
    side = np.array([-gap.constant for gap in gaps])
    return RowTable(M, np.full(len(gaps), -np.inf), side, _blocks(model, gaps))


def _notes(model: Model, gaps: list[DualityGap], faults: list[str]) -> list[str]:
    """Return what became of the products, in one line."""
    names = model.kkt.followers if model.kkt is not None else ()
    lifted = sum(len(gap.left) for gap, why in zip(gaps, faults, strict=True) if not why)
    left = [f"{names[gap.follower]}: {why}" for gap, why in zip(gaps, faults, strict=True) if why]
    exact = [f"{lifted} products with binary columns replaced exactly"] if lifted else []
    kept = [f"rows that keep their products: {len(left)} ({left[0]})"] if left else []
    return [f"strong duality: {'; '.join(exact + kept)}"] if exact or kept else []
