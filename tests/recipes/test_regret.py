"""What one of several leaders could gain at a market outcome, against closed forms and a merit order."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

COSTS, CAPS, DEMAND = (10.0, 12.0), (40.0, 40.0), 60.0


def cournot(i, rival, a=40.0, cap=30.0, costs=(10.0, 14.0)):
    """Leader i offers a quantity; the market sells what is offered at the price ``a - demand``."""
    m = kg.Bilevel(f"cournot{i}")
    q = m.var("q", lb=0, ub=cap)
    market = m.follower("market")
    demand, g = market.var("demand", lb=0, ub=80), market.var("g", 2, lb=0, ub=cap)
    balance = market.add(g.sum() == demand, name="balance")
    own, other = market.add(g[i] <= q, name="own"), market.add(g[1 - i] <= rival, name="rival")
    market.maximize(a * demand - 0.5 * demand @ demand)
    m.maximize(balance.dual @ g[i] - costs[i] * g[i])
    return m, q, demand, g, balance, own, other


def outcome(i, q, a=40.0, costs=(10.0, 14.0)):
    m, own, demand, g, balance, mine, other = cournot(i, q[1 - i])
    price = a - sum(q)
    at = {own: q[i], demand: sum(q), g: np.array(q), balance.dual: price, mine.dual: -price, other.dual: -price}
    return m, at, (price - costs[i]) * q[i]


def best_reply(i, rival, a=40.0, costs=(10.0, 14.0)):
    """Return the largest profit against a rival's quantity: of ``(a - rival - q - c) q``."""
    return ((a - rival - costs[i]) / 2) ** 2


@pytest.mark.parametrize(("q", "still"), [((34 / 3, 22 / 3), True), ((10.0, 8.0), False), ((5.0, 5.0), False)])
def test_cournot_has_its_closed_form(q, still):
    for i in range(2):
        m, at, value = outcome(i, q)
        found = kg.regret(m, at, time_limit=60)
        gain = best_reply(i, q[1 - i]) - value
        assert found.value == pytest.approx(value, abs=1e-5)
        assert found.amount == pytest.approx(gain, abs=1e-3) and found.gain == pytest.approx(gain, abs=1e-3)
        assert found.amount >= gain - 1e-6 and found.report.ok and found.best.report.claim == "optimal"
        assert (found.amount < 1e-3) == (still or gain < 1e-3)


def plant(i, rival):
    m = kg.Bilevel(f"plant{i}")
    price = m.var("price", lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[*CAPS, 60])
    balance = market.add(g.sum() == DEMAND, name="balance")
    market.minimize(price * g[i] + rival * g[1 - i] + 25 * g[2] + 0.25 * g[2] ** 2)
    m.maximize(balance.dual * g[i] - COSTS[i] * g[i])
    return m, price, g, balance


def best_offer(i, rival):
    """Return the largest profit over a grid of offers, the plant called first in a tie: by merit order."""
    best = 0.0
    for offer in np.arange(0, 60.001, 0.25):
        for share in (CAPS[i], min(CAPS[i], DEMAND - CAPS[1 - i])) if offer == rival else (None,):
            first = share if share is not None else CAPS[i] if offer < rival else 0.0
            rest = DEMAND - first
            if offer < rival or share is not None:
                other = min(CAPS[1 - i], rest)
                price = rival if rest <= CAPS[1 - i] else 25 + 0.5 * (rest - other)
                best = max(best, (max(price, offer) - COSTS[i]) * first)
            else:
                left = DEMAND - CAPS[1 - i]
                fringe = min(max((offer - 25) / 0.5, 0.0), left)
                mine = min(left - fringe, CAPS[i])
                best = max(best, (offer - COSTS[i]) * mine)
    return best


@pytest.mark.parametrize("offer", [20.0, 24.0])
def test_a_loop_that_stands_still_is_no_equilibrium(offer):
    """Each plant solves its problem to optimality at the common offer, counting on being called first."""
    regrets = []
    for i in range(2):
        m, price, g, balance = plant(i, offer)
        alone = kg.optimize(m, time_limit=60)
        assert alone.report.claim == "optimal"
        assert alone.solution.objective == pytest.approx(best_offer(i, offer), rel=1e-4)
        found = kg.regret(m, {price: offer, g: [40, 20, 0], balance.dual: offer}, time_limit=60)
        assert found.value == pytest.approx((offer - COSTS[i]) * (40, 20)[i], abs=1e-6)
        assert found.amount == pytest.approx(best_offer(i, offer) - found.value, rel=1e-3, abs=1e-2)
        regrets.append(found.amount)
    assert max(regrets) > 100
    assert "(proved), a decision that gains" in str(found)


def test_an_outcome_is_a_response_with_its_prices():
    m, price, g, balance = plant(0, 20.0)
    with pytest.raises(kg.ProblemError, match=r"no value for lam\(market,balance\), which stands in the leader's"):
        kg.regret(m, {price: 20, g: [40, 20, 0]})
    with pytest.raises(kg.ProblemError, match="this is no outcome of 'plant0'"):
        kg.regret(m, {price: 21, g: [40, 20, 0], balance.dual: 21})
    with pytest.raises(kg.ProblemError, match="no value for g"):
        kg.regret(m, {price: 20})


def test_a_minimising_leader_and_a_solution():
    m = kg.Bilevel("cost")
    x = m.var("x", lb=0, ub=5)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=9)
    f.minimize((y - x) ** 2)
    m.minimize((y - 3) ** 2 + 1)
    solution = kg.optimize(m, time_limit=60).solution
    assert kg.regret(m, solution, time_limit=60).amount == pytest.approx(0, abs=1e-4)
    found = kg.regret(m, {x: 1, y: 1}, time_limit=60)
    assert (found.value, found.amount, found.gain) == pytest.approx((5, 4, 4), abs=1e-3)


def test_without_time_nothing_is_proved():
    m, at, _ = outcome(0, (10.0, 8.0))
    found = kg.regret(m, at, time_limit=1e-3)
    assert found.bound is None or found.amount >= 0
    assert ("no bound of the best response was proved" in str(found)) == (found.bound is None)
