"""What is concave in the objective, and the chords that replace it.

``z'P z / 2 = z'(P + E) z / 2 - sum e_j z_j^2 / 2`` with ``P + E`` positive semidefinite; ``-e_j z_j^2 / 2`` is concave,
so it lies above its chord between the ends of the box of z_j. The smaller the box the nearer: such columns are branched
on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...numerics.sparse import components, coo
from ..optimum import Kkt, is_psd

MARGIN = 1e-7
"""Relative room of an eigenvalue in floating point."""
BETTER = 0.8
"""Weights by the least eigenvalue are taken where their sum is at most this much of those by dominance."""

Entries = Mapping[tuple[int, int], Fraction]


def chords(kkt: Kkt, products: Entries, problem: Mapping[str, Any]) -> dict[int, Fraction]:
    """Return the weight e of every column that needs one.

    Raises
    ------
    UnsupportedError
        Such a column has no declared bounds.
    """
    blocks = _blocks({at: v for at, v in products.items() if v})
    out: dict[int, Fraction] = {}
    for block in blocks:
        if is_psd(block):
            continue
        columns = sorted({j for at in block for j in at})
        width = {j: _width(kkt, j, problem) for j in columns}
        out |= _smallest(block, columns, width)
    return {j: e for j, e in out.items() if e}


def _blocks(products: Entries) -> list[dict[tuple[int, int], Fraction]]:
    if not products:
        return []
    i, j = (np.array(part) for part in zip(*products, strict=True))
    n = int(max(i.max(), j.max())) + 1
    _, label = components(coo(np.ones(len(i)), i, j, (n, n)))
    out: dict[int, dict[tuple[int, int], Fraction]] = defaultdict(dict)
    for at, v in products.items():
        out[int(label[at[0]])][at] = v
    return list(out.values())


def _width(kkt: Kkt, j: int, problem: Mapping[str, Any]) -> Fraction:
    low, high = kkt.box[j]
    if low is None or high is None:
        raise UnsupportedError(
            f"prove: the objective keeps products of {problem['names'][j]}, which are not convex and cannot be "
            "eliminated; give it finite bounds (lb=.., ub=..), where it is a variable"
        )
    return high - low or Fraction(1)


def _smallest(block: Entries, columns: list[int], width: Mapping[int, Fraction]) -> dict[int, Fraction]:
    """Return weights under which a block is semidefinite, with small chords over the boxes."""
    off: dict[int, Fraction] = defaultdict(Fraction)
    for (i, j), v in block.items():
        if i != j:
            off[i] += abs(v) * width[j] / width[i]
            off[j] += abs(v) * width[i] / width[j]
    first = {j: max(off[j] - block.get((j, j), Fraction(0)), Fraction(0)) for j in columns}
    size = np.array([float(width[j]) for j in columns])
    place = {j: k for k, j in enumerate(columns)}
    P = np.zeros((len(columns), len(columns)))
    for (i, j), v in block.items():
        P[place[i], place[j]] = P[place[j], place[i]] = float(v)
    P *= size[:, None] * size
    least = float(np.linalg.eigvalsh(P)[0])
    e = max(-least, 0.0) + MARGIN * float(np.abs(P).max())
    if e * len(columns) < BETTER * sum(float(v * width[j] ** 2) for j, v in first.items()):
        second = {j: Fraction(e / float(width[j]) ** 2) for j in columns}
        if is_psd({**block, **{(j, j): block.get((j, j), Fraction(0)) + v for j, v in second.items()}}):
            return second
    return first
