"""Weights in rational numbers: where floats leave 5e-17 of a product, nothing is left."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import kktgen as kg
from kktgen.exact.optimum import Function, Kkt, is_psd
from kktgen.exact.problem import plain
from kktgen.exact.tree.weights import exact_weights
from kktgen.reformulate.eliminate import weights


def test_products_cancel_to_the_last_digit():
    m = kg.Bilevel("thirds")
    x = m.var("x", lb=0, ub=4)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(3 * x @ y + y @ y - 9 * y)  # the weight of y is 1/3, which is no float
    m.maximize(x @ y)
    model = kg.kkt(m)
    problem = plain(model)
    kkt, goal, found = Kkt(problem), problem["objective"], weights(model)
    columns = np.concatenate([model.kkt.y, model.kkt.lam, model.kkt.mu])
    floats = np.concatenate([found.alpha, found.beta, found.gamma])
    near = {int(j): Fraction(float(v)) for j, v in zip(columns, floats, strict=True) if v}
    exact = exact_weights(model, kkt, goal)
    assert all(abs(float(exact[j] - near.get(j, 0))) < 1e-12 for j in exact)

    def rewritten(w: dict[int, Fraction]) -> Function:
        return Function.of(kkt, goal["linear"], goal["products"], Fraction(0), w.items())

    assert not is_psd(rewritten(near).P)  # a product of 5e-17
    assert is_psd(rewritten(exact).P)
    assert exact[int(model.kkt.y[0])] == Fraction(1, 3)
    proof = kg.prove(m, kg.optimize(m).solution)
    assert proof.ok and abs(float(proof.value) - 27 / 24 * 3) < 1e-6


def test_a_rewritten_objective_keeps_its_value_at_a_kkt_point():
    m = kg.Bilevel("market")
    offer = m.var("offer", lb=0, ub=60)
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = market.add(g.sum() == 100)
    market.minimize(offer * g[0] + 20 * g[1] + 30 * g[2])
    m.maximize(balance.dual * g[0] - 10 * g[0])
    model = kg.kkt(m)
    problem = plain(model)
    kkt, goal = Kkt(problem), problem["objective"]
    f = Function.of(kkt, goal["linear"], goal["products"], Fraction(0), exact_weights(model, kkt, goal).items())
    z = kg.certify(m, kg.search.respond(m, [25.0])).z
    slope, constant = f.tangent(list(enumerate(z)))
    value = constant + sum(v * z[j] for j, v in slope.items())
    assert value == sum(Fraction(v) * z[j] for j, v in goal["linear"]) + sum(
        Fraction(v) * z[i] * z[j] for i, j, v in goal["products"]
    )
