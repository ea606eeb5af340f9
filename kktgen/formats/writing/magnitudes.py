"""How small and how large the numbers of a file are: readers drop the former and refuse the latter."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from ...reformulate.scale import Scaled

SMALLEST, LARGEST = 1e-9, 1e15
"""Coefficients outside are dropped or refused by some readers."""


class Magnitudes(NamedTuple):
    """The smallest and largest absolute values that are not zero (inf and 0 where there are none).

    Entries are the coefficients of the rows and of all products, sides the right-hand sides and finite bounds.
    """

    least_entry: float
    largest_entry: float
    least_cost: float
    largest_cost: float
    largest_side: float

    @property
    def safe(self) -> bool:
        """Whether all readers take the numbers as they are."""
        large = max(self.largest_entry, self.largest_cost, self.largest_side)
        return self.least_entry > SMALLEST and large < LARGEST

    @classmethod
    def of(cls, entries: list[np.ndarray], costs: np.ndarray, sides: list[np.ndarray]) -> Magnitudes:
        """Return those of some numbers."""
        low, high = zip(*map(extremes, entries), strict=True)
        return cls(min(low), max(high), *extremes(costs), max(extremes(values)[1] for values in sides))


FINEST = 1e-5
"""Units finer than this leave no more than a digit above the readers' absolute tolerances."""
NONE = Magnitudes(float("inf"), 0.0, float("inf"), 0.0, 0.0)
"""Those of no number."""


def warn_of_units(view: Scaled) -> None:
    """Warn of a file in the user's units whose small rows, columns or costs readers take for nearly zero."""
    finest = float(np.concatenate([view.columns, view.rows, view.quads, [view.objective]]).min())
    if view.changes and finest < FINEST:
        warnings.warn(
            f"model {view.original.name!r} is in units in which {finest:.0e} counts as 1; readers of the file work to "
            "absolute tolerances of about 1e-6 and may get it wrong: write it with scaled=True",
            UserWarning,
            stacklevel=4,
        )


def extremes(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest absolute value of the finite numbers that are not zero."""
    size = np.abs(values)
    return float(size.min(where=size > 0, initial=np.inf)), float(size.max(where=size < np.inf, initial=0.0))


def warn(name: str, found: Magnitudes) -> None:
    """Warn of numbers that some readers drop or refuse."""
    small = found.least_entry
    large = max(found.largest_entry, found.largest_cost, found.largest_side)
    for bad, value, fate in (
        (small <= SMALLEST, small, "drop it"),
        (large >= LARGEST, large, "refuse it or read infinity"),
    ):
        if bad:
            warnings.warn(
                f"model {name!r} holds the number {value:g}: HiGHS or SCIP would {fate} "
                f"(safe are {SMALLEST:g} < |a| < {LARGEST:g}); rescale rows and units",
                UserWarning,
                stacklevel=3,
            )
