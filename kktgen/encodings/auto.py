"""The default: strong duality where it is linear and exact, big-M where proved and numerically safe, SOS1 elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..model.model import Model
from ..model.own_units import pair_units
from ..model.pairs import Pairs
from .big_m import BigM
from .parts.leaks import INTEGRALITY, PRODUCT_LEAK, SINGLE_LEAK
from .parts.switches import switches
from .sos1 import SOS1
from .strong_duality import StrongDuality, linear_followers


def safe(model: Model, pairs: Pairs) -> np.ndarray:
    """Return which pairs may take a big-M (mi,) bool: both constants proved, and small enough.

    With integrality tolerance d a big-M pair can leak s up to ``Ms d``, mu up to ``Md d`` and their product up to
    ``Ms Md d``; accepted when the single leaks stay below 1e-4 and the product below 1e-3, all in the model's own
    units. Where a binary of the leader decides about a pair, Ms is that binary's: 1.
    """
    slack, dual = pairs.slack_max, pairs.dual_max
    s, mu = (bounds.value / unit for bounds, unit in zip((slack, dual), pair_units(model, pairs), strict=True))
    proved = np.char.startswith(slack.proof, "proved") & np.char.startswith(dual.proof, "proved")
    by_leader = switches(model, pairs)[0] >= 0
    s, proved = np.where(by_leader, 1.0, s), np.where(by_leader, np.char.startswith(dual.proof, "proved"), proved)
    with np.errstate(invalid="ignore"):
        small = (np.maximum(s, mu) * INTEGRALITY <= SINGLE_LEAK) & (s * mu * INTEGRALITY <= PRODUCT_LEAK)
    return proved & small


@dataclass(frozen=True)
class Auto:
    """Row by row: :class:`BigM` with proved, numerically safe constants, else :class:`SOS1`; never an unproved M.

    Followers with a linear cost that see binary (or two-valued integer) columns alone, in products with multipliers and
    variables in proved boxes, take :class:`StrongDuality`: one linear, exact row each, and no binaries beside the
    leader's.

    Safe are constants with ``max(Ms, Md) <= 100`` and ``Ms Md <= 1000``, in the model's own units: at an integrality
    tolerance of 1e-6 a pair can then leak 1e-4 of slack or multiplier, and 1e-3 of their product. With a solver that
    takes no SOS1 sets ask for ``"bigm"``.

    Examples
    --------
    >>> import kktgen as kg
    >>> m = kg.Bilevel("toll")
    >>> toll = m.var("toll", lb=0, ub=3)
    >>> driver = m.follower("driver")
    >>> road = driver.var("road", lb=0, ub=1)
    >>> driver.minimize(toll @ road - 2 * road)
    >>> m.maximize(toll @ road)
    >>> model = kg.encode(kg.kkt(m), kg.Auto())                 # the default
    >>> [(part.encoding, part.pairs, part.trust) for part in model.encodings]
    [('BigM', 2, 'proved')]

    A follower that sees a binary decision alone:

    >>> m = kg.Bilevel("closure")
    >>> closed = m.var("closed", kind="B")
    >>> flow = m.follower("flow")
    >>> y = flow.var("y", lb=0, ub=4)
    >>> row = flow.add(y <= 3 - 2 * closed)
    >>> flow.maximize(y)
    >>> m.minimize(3 * closed - y * closed)
    >>> model = kg.encode(kg.kkt(m), kg.Auto())
    >>> [(part.encoding, part.pairs, part.trust) for part in model.encodings]
    [('StrongDuality', 2, 'proved')]
    """

    FEATURES: ClassVar[frozenset[str]] = frozenset({"int", "sos1"})
    RANK: ClassVar[int] = 0

    def needs_boxes(self, model: Model) -> bool:
        """Return that it does: a constant is proved or not used.

        See Also
        --------
        BigM.needs_boxes : Does not, where the user gives all constants.

        Examples
        --------
        >>> import kktgen as kg
        >>> kg.Auto().needs_boxes(kg.kkt(kg.Bilevel("any")))
        True
        """
        return True

    def __call__(self, model: Model, pairs: Pairs) -> Model:
        """Return the encoded model."""
        linear = linear_followers(model, pairs)
        if len(linear):
            by_row = np.isin(pairs.follower, linear)
            model = StrongDuality()(model, pairs.take(by_row) if not by_row.all() else pairs)
            if by_row.all():
                return model
            pairs = pairs.take(~by_row)
        good = safe(model, pairs)
        if good.any():
            model = BigM()(model, pairs.take(good) if not good.all() else pairs)
        return model if good.all() else SOS1()(model, pairs.take(~good) if good.any() else pairs)
