"""Products: complementarity as a bilinear inequality with a tolerance."""

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
from ..numerics.sparse import Csr, coo, row_index
from ..problem.columns import Block
from .parts.added_columns import renamed


@dataclass(frozen=True)
class Product:
    """``s_i mu_i <= eps`` for every pair, or ``sum_i s_i mu_i <= eps`` for every follower.

    Exact only as ``eps -> 0`` (with ``eps = 0`` it is exact, but solvers stumble); nonconvex.

    Parameters
    ----------
    eps : float
        Tolerance on the product, in units of the follower's cost: 1 in problems of ordinary numbers, else the unit that
        :mod:`kktgen.reformulate.scale` chooses for it.
    summed : bool
        One row a follower instead of one a pair.

    See Also
    --------
    StrongDuality : One such row a follower, without the pairs.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> mpec = kg.bound(kg.eliminate(kg.kkt(m)))
    >>> model = kg.encode(mpec, kg.Product(eps=1e-6))
    >>> len(model.quads), model.encodings[0].trust
    (2, 'eps')
    >>> print(f"{kg.solve(model).objective:.3f}")
    2.000
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"qrow_nonconvex"})
    RANK: ClassVar[int] = 5
    eps: float = 1e-7
    summed: bool = False

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with the product rows."""
        if not (isinstance(self.eps, int | float | np.number) and 0 <= self.eps < np.inf):
            raise ProblemError(f"Product: eps must be a number >= 0, got {self.eps!r}")
        n, k = model.n, len(pairs)
        group = np.unique(pairs.follower, return_inverse=True)[1] if self.summed else np.arange(k)
        count = int(group.max(initial=-1)) + 1
        entry = row_index(pairs.M)
        a, b = pairs.M.indices, pairs.mu[entry]
        order = np.argsort(group[entry], kind="stable")
        linear = coo(pairs.r, group, pairs.mu, (count, n))
        if self.summed:
            names = [model.kkt.followers[f] for f in np.unique(pairs.follower)] if model.kkt else []
            blocks = tuple(Block(i, i + 1, "comp", "encoding", name) for i, name in enumerate(names))
        else:
            blocks = renamed(pairs, "prod")
        side = np.zeros(count)
        side[group] = float(self.eps) * cost_units(model)[pairs.follower]
        rows = RowTable(Csr(linear), np.full(count, -np.inf), side, blocks)
        table = QuadTable(
            group[entry][order], np.minimum(a, b)[order], np.maximum(a, b)[order], pairs.M.data[order], rows
        )
        trust = "exact" if self.eps == 0 else "eps"
        return replace(
            model, quads=join_quads([model.quads, table], n), encodings=(*model.encodings, Encoded("Product", k, trust))
        )
