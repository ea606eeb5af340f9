"""Numbers of order one: units for the columns, rows and costs of a problem, and models stated in them.

Solvers, proofs of bounds and verification work to absolute tolerances, users in W, GW, EUR/Wh. Every stage that
compares a number with a constant works on :func:`scaled`, the same model in units in which its numbers are of order
one. All units are powers of two, so a number is scaled and scaled back without rounding.
"""

from __future__ import annotations

from ..units import Units, spans
from .equilibrate import equilibrate
from .scaled import (
    Scaled,
    as_it_stands,
    column_units,
    cost_units,
    objective_size,
    objective_unit,
    pair_units,
    scaled,
    without_void,
)

__all__ = [
    "Scaled",
    "Units",
    "spans",
    "as_it_stands",
    "column_units",
    "cost_units",
    "equilibrate",
    "objective_size",
    "objective_unit",
    "pair_units",
    "scaled",
    "without_void",
]
