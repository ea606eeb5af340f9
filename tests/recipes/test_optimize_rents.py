"""Rents and revenues of what a leader's binaries open: products of binaries with prices, against every plan.

The market has one balance, plants ``g_i <= base_i + more_i z_i`` that may be enlarged, rivals h and shedding s. At a
plan z the oracle finds its price by bisection (squares in all costs) or in merit order, and all multipliers from it.
"""

import itertools

import numpy as np
import pytest

import kktgen as kg

SHED = 90.0
PLANS = np.array(list(itertools.product((0.0, 1.0), repeat=3)))


def data(seed, quad):
    r = np.random.default_rng(seed)
    draw = lambda low, high, n: np.round(r.uniform(low, high, n), 2)  # noqa: E731
    return {
        "base": draw(1, 3, 3), "more": draw(2, 5, 3), "cost": np.concatenate([draw(5, 30, 3), draw(20, 60, 2), [SHED]]),
        "bend": draw(0.2, 1.5, 6) if quad else np.zeros(6), "rival": draw(4, 9, 2),
        "load": float(draw(12, 18, 1)[0]) + 0.0037,
        "paid": draw(2, 30, 3), "share": draw(0.3, 1.0, 3),
    }  # fmt: skip


def cleared(k, plan):
    """Return outputs (6,), price and multipliers of the outputs' limits (6,) at a plan."""
    top = np.concatenate([k["base"] + k["more"] * plan, k["rival"], [k["load"]]])
    if k["bend"].any():
        low, high = 0.0, 1000.0
        for _ in range(200):
            price = 0.5 * (low + high)
            out = np.clip((price - k["cost"]) / (2 * k["bend"]), 0, top)
            low, high = (price, high) if out.sum() < k["load"] else (low, price)
    else:
        order = np.argsort(k["cost"])
        before = np.concatenate([[0.0], np.cumsum(top[order])[:-1]])
        out = np.empty(6)
        out[order] = np.clip(k["load"] - before, 0, top[order])
        price = k["cost"][order[np.flatnonzero(before < k["load"])[-1]]]
    return out, price, np.maximum(price - k["cost"] - 2 * k["bend"] * out, 0.0) * (out >= top - 1e-9)


def market(k, kind, money=1.0, size=1.0):
    """Return the leader's problem: ``money`` scales all costs, ``size`` all quantities."""
    m = kg.Bilevel(kind)
    z = m.var("z", 3, kind="B")
    f = m.follower("market")
    g = f.var("g", 3, lb=0)
    h = f.var("h", 2, lb=0, ub=size * k["rival"])
    s = f.var("s", lb=0, ub=size * k["load"])
    limit = f.add(g <= size * (k["base"] + k["more"] * z), name="limit")
    balance = f.add(g.sum() + h.sum() + s == size * k["load"], name="balance")
    c, a = k["cost"], k["bend"] / size
    cost = c[:3] @ g + c[3:5] @ h + c[5] * s
    if a.any():
        cost = cost + (a[:3] * g) @ g + (a[3:5] * h) @ h + a[5] * s * s
    f.minimize(money * cost)
    paid = money * size * (k["paid"] @ z)
    rent = kg.sum(-size * k["share"][i] * k["more"][i] * limit.dual[i] * z[i] for i in range(3))
    if kind == "rent":
        m.maximize(rent - paid)
    elif kind == "revenue":
        m.maximize(balance.dual * h[0] - money * c[3] * h[0] + 0.3 * rent - paid)
    else:
        m.minimize(paid + money * c[5] * s)
        m.add(rent >= money * size * asked(k), name="earns")
    return m, z


def rent_of(k, plan):
    """Return the rent of what a plan adds."""
    return (k["share"] * k["more"] * cleared(k, plan)[2][:3]) @ plan


def asked(k):
    """Return what the leader's row asks for: half of the largest rent."""
    return 0.5 * max(rent_of(k, plan) for plan in PLANS)


def value(k, kind, plan):
    """Return what a plan is worth to the leader, nan where it breaks his row."""
    out, price, _ = cleared(k, plan)
    rent, paid = rent_of(k, plan), k["paid"] @ plan
    if kind == "rent":
        return rent - paid
    if kind == "revenue":
        return (price - k["cost"][3]) * out[3] + 0.3 * rent - paid
    return paid + SHED * out[5] if rent >= asked(k) else np.nan


def best(k, kind):
    values = [value(k, kind, plan) for plan in PLANS]
    return np.nanmin(values) if kind == "row" else np.nanmax(values)


@pytest.mark.parametrize("kind", ["rent", "revenue", "row"])
@pytest.mark.parametrize("quad", [False, True])
@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
def test_rents_are_those_of_the_best_plan(kind, quad, seed):
    k = data(seed, quad)
    m, _ = market(k, kind)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal", str(result.report)
    assert result.solution.objective == pytest.approx(best(k, kind), rel=2e-4, abs=1e-4)
    assert result.report.value == pytest.approx(result.model.value(result.solution.z), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("quad", [False, True])
@pytest.mark.parametrize(("money", "size"), [(1e6, 1.0), (1e-6, 1.0), (1.0, 1e6), (1.0, 1e-6)])
def test_in_any_units(money, size, quad):
    k = data(1, quad)
    m, _ = market(k, "rent", money, size)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal", str(result.report)
    assert result.solution.objective == pytest.approx(money * size * best(k, "rent"), rel=2e-4)


@pytest.mark.parametrize("encoding", ["sos1", "indicator", "bigm"])
def test_step_by_step_in_other_encodings(encoding):
    k = data(2, False)
    m, _ = market(k, "rent")
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), encoding)
    assert len(model.objective.v) == 0
    assert any(note.startswith("linearised:") for note in model.notes)
    found = kg.solve(model, time_limit=60)
    assert found.objective == pytest.approx(best(k, "rent"), rel=1e-4)
    assert kg.verify(m, found).claim == "optimal"
