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
from .parts.switches import switches


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
        switch, on = switches(model, pairs)
        if (switch >= 0).any():
            own, rest = pairs.take(switch >= 0), pairs.take(switch < 0)
            model = _with(model, own, [_zero(own, switch[switch >= 0], 1 - on[switch >= 0], model.n)])
            return self(model, rest) if len(rest) else model
        model, binary = binaries(model, pairs)
        n, k = model.n, len(pairs)
        none = np.full(k, -np.inf)
        slack = RowTable(widen(pairs.M, n), none, -pairs.r, renamed(pairs, "off"))
        off = Indicators(binary, np.ones(k, dtype=np.int64), slack)
        return _with(model, pairs, [off, _zero(pairs, binary, np.zeros(k, dtype=np.int64), n)])


def _zero(pairs: Pairs, binary: np.ndarray, value: np.ndarray, n: int) -> Indicators:
    """Return the rows ``mu <= 0`` where binaries have a value."""
    k = len(pairs)
    return Indicators(
        binary, value, RowTable(mu_rows(pairs, n), np.full(k, -np.inf), np.zeros(k), renamed(pairs, "zero"))
    )


def _with(model: Model, pairs: Pairs, tables: list[Indicators]) -> Model:
    """Return the model with more indicator rows, for some pairs."""
    known = [model.indicators] if model.indicators is not None else []
    return replace(
        model, indicators=join_indicators([*known, *tables], model.n),
        encodings=(*model.encodings, Encoded("Indicator", len(pairs), "exact")),
    )  # fmt: skip
