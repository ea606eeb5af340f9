"""The convex program of a box: never above what a response in it is worth, and close to it in a small one."""

import few_leader_problems as problems
import numpy as np
import pytest

import kktgen as kg
from kktgen.deadline import NEVER
from kktgen.decompose.few_leaders import FewLeaders
from kktgen.decompose.node_program import NodeProgram, PairBoxes
from kktgen.reformulate.scale import scaled

CASES = {
    "contract": lambda: problems.contract(5, 2),
    "tariffs": lambda: problems.tariffs(3, 3),
    "lasso": lambda: problems.lasso(20, 3, 2),
    "capacity": lambda: problems.capacity(),
    "kinked": lambda: problems.kinked(),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "contract" else n for n in CASES])
def test_duality_gaps_alone_bound_a_small_box_tightly(name):
    """No pair is settled and no constant used: rows, products and strong duality are all that holds the multipliers."""
    m = CASES[name]()
    model = scaled(kg.bound(kg.eliminate(kg.kkt(m)))).model
    few = FewLeaders(model)
    root, rng = few.root(), np.random.default_rng(1)
    low, high = root.lb[few.linking], root.ub[few.linking]
    none_settled = PairBoxes([], np.arange(len(few.qps)))
    near = 0
    for _ in range(12):
        c = rng.uniform(low, high)
        reach = 10.0 ** rng.uniform(-5, -2) * (high - low)
        lb, ub = root.lb.copy(), root.ub.copy()
        lb[few.linking], ub[few.linking] = np.maximum(low, c - reach), np.minimum(high, c + reach)
        points = []
        for x in (c, *rng.uniform(lb[few.linking], ub[few.linking], (6, len(c)))):
            z = np.zeros(model.n)
            z[few.linking] = x
            points.append(few.moves.responder(z))
        values = np.array([model.objective.value(z) for z in points])
        found = few.program.minimise(lb, ub, none_settled, points[:2], NEVER)
        assert (values >= found.bound - 1e-6 * (1.0 + np.abs(values))).all()
        near += bool(values.min() - found.bound <= 0.1 * (1.0 + abs(values.min())))
    assert near >= 6


def test_an_empty_box_has_no_point():
    m = problems.contract(3, 2)
    model = scaled(kg.bound(kg.eliminate(kg.kkt(m)))).model
    few = FewLeaders(model)
    root = few.root()
    lb, ub = root.lb.copy(), root.ub.copy()
    y = few.kkt.y[0]
    row = model.rows.M[:, [y]].tocoo().row  # the balance y + g = demand: both at zero meet no demand
    columns = np.unique(model.rows.M[row].indices)
    own = np.intersect1d(columns, few.kkt.y)
    lb[own] = ub[own] = 0.0
    assert NodeProgram(model).minimise(lb, ub, PairBoxes([], np.empty(0, dtype=int)), [], NEVER).bound == np.inf
