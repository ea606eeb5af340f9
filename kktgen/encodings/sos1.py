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
from .parts.switches import switches


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
        switch, on = switches(model, pairs)
        by_leader = (switch >= 0) & (on == 0)  # mu = 0 where the binary is 1: {x, mu} is the set
        if by_leader.any():
            sets = _sets(switch[by_leader], pairs.take(by_leader))
            model = _with(model, sets)
            pairs = pairs.take(~by_leader)
        if not len(pairs):
            return model
        model, slack = slack_columns(model, pairs)
        return _with(model, _sets(slack, pairs))


def _sets(slack: np.ndarray, pairs: Pairs) -> Sos1:
    """Return the sets of pairs, given a column each that is zero where the slack is."""
    return Sos1(np.arange(0, 2 * len(pairs) + 1, 2), np.column_stack([slack, pairs.mu]).ravel(), renamed(pairs, "sos"))


def _with(model: Model, sets: Sos1) -> Model:
    """Return the model with more sets."""
    encoded = Encoded("SOS1", len(sets), "exact")
    return replace(model, sos1=join_sos1([model.sos1, sets]), encodings=(*model.encodings, encoded))
