"""Rows of the leader with products that are convex, or become so by vanishing products: their tangents are rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ...deadline import NEVER, Deadline
from ...model.model import Model
from ...numerics.sparse import csr
from ...problem.expressions import Quad
from ..optimum import Curved, Kkt
from .weights import Weights, exact_weights


@dataclass(frozen=True, eq=False)
class CurvedRow:
    """A side of a row with products, ``sign * (function - end) <= 0`` convex.

    Parameters
    ----------
    exact : Curved
    number : int
        Of its rewriting, behind all rows.
    sign : int
        +1 for the upper side, -1 for the lower one.
    end : Fraction
    inward : Fraction
        How far inside a point is asked to stay.
    """

    exact: Curved
    number: int
    sign: int
    end: Fraction
    inward: Fraction = Fraction(0)

    def excess(self, z: np.ndarray) -> float:
        """Return by how much a point violates it, relative to the largest of its terms and 1."""
        f = self.exact.function
        parts = [float(v) * z[i] * z[j] * (0.5 if i == j else 1.0) for (i, j), v in f.P.items()]
        parts += [float(v) * z[j] for j, v in f.q.items()]
        over = self.sign * (sum(parts) + float(f.r) - float(self.end)) + float(self.inward)
        return over / max(1.0, abs(float(self.end)), *map(abs, parts))


def curved_rows(
    model: Model, kkt: Kkt, problem: Mapping[str, Any], deadline: Deadline = NEVER
) -> tuple[list[list[Any]], list[CurvedRow], list[str]]:
    """Return the rewritten rows as a file holds them, their sides, and the names of rows that do not become convex."""
    written: list[tuple[int, Weights]] = []
    rows: list[CurvedRow] = []
    left: list[str] = []
    for i, (name, terms, products, low, high, _) in enumerate(problem["rows"]):
        for sign, end in ((1, high), (-1, low)) if products else ():
            if end is None:
                continue
            weights = _weights(model, kkt, i, terms, sign, deadline)
            exact = Curved(kkt, i, weights.items())
            if not (exact.convex if sign > 0 else exact.concave):
                left.append(name)
                continue
            rows.append(CurvedRow(exact, len(kkt.rows) + len(written), sign, Fraction(end)))
            written.append((i, weights))
    kkt.curved = [row.exact for row in rows]
    return [[i, sorted(weights.items())] for i, weights in written], rows, left


def _weights(model: Model, kkt: Kkt, row: int, terms: Any, sign: int, deadline: Deadline) -> Weights:
    """Return the weights that make a row convex (sign 1) or concave; none where it is so as it stands."""
    as_it_stands, products = Curved(kkt, row, []), kkt.rows[row].products
    if as_it_stands.convex if sign > 0 else as_it_stands.concave:
        return {}
    i, j, v = (np.array(part) for part in zip(*products, strict=True))
    at, value = (np.array(part) for part in zip(*terms, strict=True)) if terms else (np.empty(0, int), np.empty(0))
    linear = csr(sign * value.astype(float), at.astype(np.int64), np.array([0, len(at)]), (1, model.n))
    wanted = Quad(model.space, i.astype(np.int64), j.astype(np.int64), sign * v.astype(float), linear, 0.0)
    signed = {"products": [[a, b, sign * c] for a, b, c in products]}
    return {k: sign * w for k, w in exact_weights(model, kkt, signed, deadline, wanted.canonical()).items()}
