"""Linear programs below quadratic relaxations: never above them, and equal where a tangent was taken."""

from __future__ import annotations

import enumerated
import numpy as np
import pytest

import kktgen as kg
from kktgen.deadline import Deadline
from kktgen.exact.optimum import Goal, Kkt
from kktgen.exact.problem import plain
from kktgen.exact.tree.program import Program
from kktgen.exact.tree.quick import Quick
from kktgen.exact.tree.relaxation import Node, Relaxation
from kktgen.reformulate.scale import scaled

CURVED = [seed for seed in range(60) if enumerated.KINDS[seed % 6] == "curved"][:6]


@pytest.mark.parametrize("seed", CURVED)
def test_the_linear_bound_is_below_the_quadratic_one_and_meets_it_where_it_learned(seed):
    model = kg.kkt(enumerated.small(seed, rows=6))
    problem = plain(model)
    kkt = Kkt(problem)
    p = Program.of(kkt, Goal(kkt, problem["objective"], [], []), scaled(model))
    relaxation = Relaxation(p, Deadline(20))
    quick, rng = Quick(relaxation, Deadline(20)), np.random.default_rng(seed)
    root = Node(p.lb, p.ub, p.lo, p.hi)
    quick.learn(relaxation.solve(root).x)
    assert quick.solve(root).value <= relaxation.solve(root).value + 1e-6
    for _ in range(10):
        ub = p.ub.copy()
        ub[rng.choice(p.pairs.mu, 3)] = 0.0
        node = Node(p.lb, ub, p.lo, p.hi)
        full = relaxation.solve(node)
        assert quick.solve(node).value <= full.value + 1e-6 * max(1, abs(full.value)) or full.empty
        if full.x is not None:
            quick.learn(full.x)
            assert abs(quick.solve(node).value - full.value) <= 1e-5 * max(1, abs(full.value))
