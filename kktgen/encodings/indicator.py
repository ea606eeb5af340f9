"""Indicator rows: a binary switches either the slack or the multiplier off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..model.appended_columns import Encoded
from ..model.model import Model
from ..model.pairs import Pairs
from ..model.tables import Indicators, RowTable, join_indicators
from ..numerics.sparse import widen
from .parts.added_columns import binaries, mu_rows, renamed


@dataclass(frozen=True)
class Indicator:
    """``z_i = 1 -> s_i <= 0``, ``z_i = 0 -> mu_i <= 0`` with a binary z_i (1: the row is active).

    Exact; but solvers have returned false optima when a column in an indicator row has no finite bounds, so the
    claim ``optimal`` needs proved ones (:func:`kktgen.bound`, see :func:`kktgen.verify`).

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), kg.Indicator())
    >>> sorted(model.features), len(model.indicators)
    (['indicator', 'int'], 4)
    >>> print(f"{kg.solve(model).objective:.3f}")
    2.000
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"int", "indicator"})
    EXACT: ClassVar[bool] = True
    RANK: ClassVar[int] = 2

    def needs_boxes(self, model: Model) -> bool:
        """Return that it does: solvers err over indicator rows of columns without bounds.

        See Also
        --------
        SOS1 : An encoding that needs none.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Indicator().needs_boxes(kg.kkt(kg.Bilevel("any")))
        True
        """
        return True

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one binary and two indicator rows a pair."""
        model, binary = binaries(model, pairs)
        n, k = model.n, len(pairs)
        none = np.full(k, -np.inf)
        slack = RowTable(widen(pairs.M, n), none, -pairs.r, renamed(pairs, "off"))
        dual = RowTable(mu_rows(pairs, n), none, np.zeros(k), renamed(pairs, "zero"))
        tables = [
            *([model.indicators] if model.indicators is not None else []),
            Indicators(binary, np.ones(k, dtype=np.int64), slack),
            Indicators(binary, np.zeros(k, dtype=np.int64), dual),
        ]
        return replace(
            model,
            indicators=join_indicators(tables, n),
            encodings=(*model.encodings, Encoded("Indicator", k, "exact")),
        )
