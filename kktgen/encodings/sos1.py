"""SOS1 sets: at most one of slack and multiplier is nonzero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..model.appended_columns import Encoded
from ..model.model import Model
from ..model.pairs import Pairs
from ..model.tables import Sos1, join_sos1
from .parts.added_columns import renamed, slack_columns


@dataclass(frozen=True)
class SOS1:
    """``SOS1{s_i, mu_i}`` with the slack as a column.

    Exact without any constant; no bound is needed (Siddiqui & Gabriel 2013). Bounds that were proved
    (:func:`kktgen.bound`) stand on the columns and help the solver.

    See Also
    --------
    BigM : Binaries instead of sets, for solvers without SOS1.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), kg.SOS1())
    >>> len(model.sos1), sorted(model.features)
    (2, ['sos1'])
    >>> print(f"{kg.solve(model).objective:.3f}")
    2.000
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"sos1"})
    EXACT: ClassVar[bool] = True
    RANK: ClassVar[int] = 1

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the model with one set a pair."""
        model, slack = slack_columns(model, pairs)
        k = len(pairs)
        sets = Sos1(np.arange(0, 2 * k + 1, 2), np.column_stack([slack, pairs.mu]).ravel(), renamed(pairs, "sos"))
        return replace(
            model, sos1=join_sos1([model.sos1, sets]), encodings=(*model.encodings, Encoded("SOS1", k, "exact"))
        )
