"""Problems stated in other units."""

from __future__ import annotations

import numpy as np

import kktgen as kg
from kktgen.model.units import Units
from kktgen.reformulate.scale.restated import restated


def in_units(m: kg.Bilevel, a: float, c: float) -> kg.Bilevel:
    """Return a problem with continuous quantities times a and costs times c; prices, duals among them, times c / a."""
    space = m.space
    columns = np.where(space.kind == "C", 1 / a, 1.0)
    price = np.isin(space.role, ["lam", "mu"])
    in_rows = np.zeros(len(space), dtype=bool)
    for table in [rows.M for rows in m.rows] + [d.M for f in m.followers for d in f.declared]:
        in_rows[table.indices] = True
    costs = [f.cost for f in m.followers if f.cost is not None]
    multiplied = np.zeros(len(space), dtype=bool)
    for cost in costs:
        multiplied[cost.i], multiplied[cost.j] = True, True
    price |= multiplied & (space.role == "leader") & (space.kind == "C") & ~in_rows
    columns[price] = a / c
    return restated(m, Units(columns, np.full(len(m.followers), 1 / c), 1 / c))
