"""Prove the leader's optimum in rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..deadline import Deadline, OutOfTime
from ..errors import UnsupportedError, expect
from ..model.own_units import objective_size
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..reformulate.scale import scaled
from . import optimum
from .certificate import number
from .certify import certify
from .optimum import Goal, Kkt
from .problem import plain
from .proof import Proof, sealed
from .tree.program import Program
from .tree.search import Search
from .tree.weights import exact_weights

GAP = 1e-4
LIMIT = 60.0
CERTIFYING = 0.25
"""The part of the limit that the certificate of the point may take."""


def prove(bilevel: Bilevel, solution: Any, *, limit: float | None = LIMIT, gap: float = GAP) -> Proof:
    """Prove it."""
    expect(bilevel, Bilevel, "prove")
    deadline = Deadline(limit)
    model = shared_kkt(bilevel)
    certificate = certify(bilevel, solution, seconds=None if limit is None else CERTIFYING * limit)
    data = plain(model)
    kkt = Kkt(data)
    z = certificate.z
    value = optimum.check_point(kkt, data, z)
    size = max(abs(value), Fraction(objective_size(model, np.array([float(v) for v in z]))))
    cut = value - Fraction(gap) * size
    weights = exact_weights(model, kkt, data["objective"], deadline)
    goal = Goal(kkt, data["objective"], weights.items(), [])
    search = Search(Program.of(kkt, goal, scaled(model)), cut, deadline).run()
    return search, data, cut, weights, z
