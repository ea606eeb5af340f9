"""Columns that encodings append follow from a point of the KKT model, in any units."""

from __future__ import annotations

import numpy as np
import pytest
from many_followers import random_prices, ready, tariff
from other_units import in_units

import kktgen as kg
from kktgen.reformulate.scale import scaled
from kktgen.search import Responder


@pytest.mark.parametrize(("a", "c"), [(1.0, 1.0), (1e5, 1e-4), (1e-6, 1e3), (1e4, 1e9)])
@pytest.mark.parametrize("encoding", [kg.BigM(), kg.Indicator(), kg.SOS1()])
def test_a_response_satisfies_the_rows_of_the_followers_once_completed(a, c, encoding):
    """A binary is 1 where the slack is zero: in small units a slack of zero must not look larger than a multiplier."""
    m = in_units(tariff(8, homes=2, hours=2), a, c) if (a, c) != (1.0, 1.0) else tariff(8, homes=2, hours=2)
    model = kg.encode(ready(m), encoding)
    view, respond = scaled(model), Responder(m)
    inside = ~model.rows.of_role("leader")
    for x in random_prices(m, 5, 10):
        z = view.point(model.complete(respond(x)))
        own = view.model
        assert (
            own.rows.residual(z)[inside] <= 1e-7 * (1.0 + abs(own.rows.M) @ np.abs(z[: own.rows.M.shape[1]]))[inside]
        ).all()
        if own.indicators is not None:
            assert (own.indicators.residual(z) <= 1e-7).all()
