"""No point of a problem in a box is better than the bound of the box, in any units, whatever the box."""

import pickle

import few_leader_problems as problems
import numpy as np
import pytest
from few_leader_problems import boxes_of, values_at

import kktgen as kg
from kktgen.deadline import NEVER
from kktgen.decompose.few_leaders import FewLeaders
from kktgen.decompose.tree import Node
from kktgen.errors import ProblemError
from kktgen.reformulate.scale import scaled

SMALL = {
    "contract": lambda: problems.contract(6, 2),
    "tariffs": lambda: problems.tariffs(3, 3),
    "lasso": lambda: problems.lasso(20, 3, 2),
    "svr": lambda: problems.svr(12, 2, 2),
    "kinked": lambda: problems.kinked(),
    "capacity": lambda: problems.capacity(),
}
"""Costs and right-hand sides that the leader moves, linear followers, products that nothing eliminates."""


def prepared(m):
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    view = scaled(model)
    few = FewLeaders(view.model)
    root = few.root()
    few.check(root)
    return view, few, root


QUICK = ("lasso", "kinked")
"""What the quick tests take; the others are alike."""


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SMALL])
def test_no_decision_in_a_box_is_better_than_its_bound(name):
    m = SMALL[name]()
    view, few, root = prepared(m)
    rng = np.random.default_rng(7)
    low, high = root.lb[few.linking], root.ub[few.linking]
    payload = {"lb": root.lb, "ub": root.ub, "s_lb": root.s_lb, "s_ub": root.s_ub}
    tight = checked = 0
    for _ in range(12):
        size = 10.0 ** rng.uniform(-3.0, 0.0)
        c = rng.uniform(low, high)
        lb, ub = np.maximum(low, c - 0.5 * size * (high - low)), np.minimum(high, c + 0.5 * size * (high - low))
        found = few(Node(lb, ub, payload=payload), np.inf, NEVER)
        bound = view.model.sense * view.objective * found.bound
        xs = view.columns[few.linking] * rng.uniform(lb, ub, (25, len(lb)))
        values = values_at(m, few.linking, xs)
        checked += int(np.isfinite(values).sum())
        room = 2e-6 * (1.0 + np.abs(bound))
        assert (m.sense * (values - bound) >= -room)[np.isfinite(values)].all()
        best = values[np.isfinite(values)].min(initial=np.inf) if m.sense > 0 else values[np.isfinite(values)].max()
        tight += bool(abs(best - bound) <= 0.02 * (1.0 + abs(best)))
        for value, z in found.points:
            assert kg.verify(m, view.back(z)).ok
            assert (
                value >= found.bound - 1e-6 * (1.0 + abs(value))
                or not ((lb <= z[few.linking]) & (z[few.linking] <= ub)).all()
            )
    assert checked >= 200 and tight >= 3


@pytest.mark.parametrize("name", [pytest.param("contract", marks=pytest.mark.slow), "svr"])
def test_what_a_box_proves_of_slacks_and_multipliers_holds_for_all_responses_in_it(name):
    view, few, root = prepared(SMALL[name]())
    rng, kkt = np.random.default_rng(3), few.kkt
    low, high = root.lb[few.linking], root.ub[few.linking]
    settled = 0
    for _ in range(8):
        c = rng.uniform(low, high)
        reach = 0.05 * (high - low)
        node = Node(np.maximum(low, c - reach), np.minimum(high, c + reach), payload=boxes_of(root))
        payload = few(node, np.inf, NEVER).payload
        settled += int((payload["ub"][kkt.mu] == 0).sum() + (payload["s_ub"] == 0).sum())
        for x in rng.uniform(node.lb, node.ub, (20, len(low))):
            z = np.zeros(view.model.n)
            z[few.linking] = x
            z = few.moves.responder(z)
            s = kkt.C @ z + kkt.c0
            assert (s <= payload["s_ub"] + 1e-6).all() and (s >= payload["s_lb"] - 1e-6).all()
            assert (z[kkt.mu] <= payload["ub"][kkt.mu] + 1e-6).all() and (
                z[kkt.mu] >= payload["lb"][kkt.mu] - 1e-6
            ).all()
            assert (z[kkt.y] <= payload["ub"][kkt.y] + 1e-6).all() and (z[kkt.y] >= payload["lb"][kkt.y] - 1e-6).all()
    assert settled > 50


def test_the_evaluator_travels_to_another_process():
    view, few, root = prepared(SMALL["contract"]())
    node = Node(root.lb[few.linking], root.ub[few.linking], payload=boxes_of(root))
    again = pickle.loads(pickle.dumps(few))
    assert again is not few and again(node, np.inf, NEVER).bound == pytest.approx(few(node, np.inf, NEVER).bound)


def test_followers_that_see_one_another_and_open_columns_are_refused():
    m = kg.Bilevel("nash")
    x = m.var("x", lb=0, ub=1)
    one, two = m.follower("one"), m.follower("two")
    a, b = one.var("a", lb=0, ub=2), two.var("b", lb=0, ub=2)
    one.minimize(a @ a + x * a - a * b)
    two.minimize(b @ b - b * a)
    m.minimize(a + b - x)
    with pytest.raises(ProblemError, match="one another"):
        prepared(m)
    m = kg.Bilevel("open")
    x = m.var("x", lb=0)
    one = m.follower("one")
    a = one.var("a", lb=0, ub=2)
    one.minimize(a @ a - x * a)
    m.minimize(x - a)
    with pytest.raises(ProblemError, match="x .*finite box"):
        prepared(m)
    m = kg.Bilevel("blind")
    x = m.var("x", lb=0, ub=1)
    a = m.follower("one").var("a", lb=0, ub=2)
    m.followers[0].minimize(a @ a - a)
    m.minimize(x - a)
    with pytest.raises(ProblemError, match="no follower sees"):
        prepared(m)
