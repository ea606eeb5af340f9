"""The orders of the columns in kktgen's files, for solvers that number columns instead of naming them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..writing.plain import Plain


def orders(form: Plain) -> Iterator[np.ndarray]:
    """Return the columns (n,) in the order of the ``.mps`` file, then of the ``.lp`` file as its readers meet them."""
    n = len(form.columns)
    yield np.argsort(form.kind != "C", kind="stable")
    objective = np.flatnonzero((form.cost != 0) | ~form.used)
    met = np.concatenate([objective, form.linear.M.indices, form.indicators.M.indices, np.arange(n)])
    column, first = np.unique(met, return_index=True)
    yield column[np.argsort(first)]
