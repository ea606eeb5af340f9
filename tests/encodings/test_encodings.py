"""Encodings on small models: what they append, which slacks they reuse, how choices are made."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.encodings.auto import safe


def market() -> tuple[kg.Bilevel, dict]:
    """min_g  p g0 + 20 g1 + 30 g2 + 0.1 g1^2 + 0.05 g2^2  s.t.  sum g = 100, 0 <= g <= (60, 40, 50)."""
    m = kg.Bilevel("market")
    p = m.var("offer", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 100, name="balance")
    f.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, {"p": p, "g": g, "balance": balance, "f": f}


def box(low: float) -> kg.Bilevel:
    """min_y  (x - 1) y  s.t.  low <= y <= low + 1."""
    m = kg.Bilevel("box")
    x = m.var("x", lb=0, ub=2)
    f = m.follower("f")
    y = f.var("y", lb=low, ub=low + 1)
    f.minimize(x * y - y)
    m.minimize(x + y)
    return m


def test_a_slack_reuses_a_column_only_when_it_is_that_column():
    zero = kg.encode(kg.kkt(box(0.0)), kg.SOS1())
    one = kg.encode(kg.kkt(box(1.0)), kg.SOS1())
    assert (zero.space.role == "slack").sum() == 1  # y itself is the slack of y >= 0
    assert (one.space.role == "slack").sum() == 2  # y - 1 is not y: SOS1{y, mu} would force mu = 0
    y = zero.space.find("y", "f")[0]
    assert y in zero.sos1.columns and y not in one.sos1.columns
    for low in (0.0, 1.0):
        solution = kg.solve(kg.encode(kg.kkt(box(low)), kg.SOS1()), "scip")
        assert solution.objective == pytest.approx(
            low + 1
        )  # x = 0: y = low + 1; x = 1: y = low, the leader picks either


def test_primal_rows_are_never_written_twice():
    m, parts = market()
    parts["f"].add(kg.between(-5, parts["g"][0] - parts["g"][1], 30), name="spread")
    model = kg.kkt(m)
    encoded = kg.encode(model, kg.SOS1())
    labels = [encoded.rows.label(i) for i in range(len(encoded.rows))]
    assert "spread(market)" not in labels
    assert {"slack_lo(market,spread)", "slack_up(market,spread)"} <= set(labels)
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("encoding", [kg.SOS1(), kg.BigM(), kg.Indicator(), kg.Auto()])
def test_a_kkt_point_is_completed_to_a_feasible_point_of_the_encoding(encoding):
    m, parts = market()
    model = kg.bound(kg.kkt(m))
    encoded = kg.encode(model, encoding)
    z = np.zeros(len(m.space))
    z[parts["g"].cols], z[parts["balance"].dual.cols] = [60, 40, 0], 30.0
    z[m.space.find("offer")] = 10.0
    duals = {"mu_ub(market,g,0)": 20.0, "mu_ub(market,g,1)": 2.0}
    for column in range(len(m.space)):
        z[column] = duals.get(m.space.label(column), z[column])
    whole = encoded.complete(z)
    assert encoded.rows.residual(whole).max() < 1e-9
    assert (whole >= encoded.space.lb - 1e-9).all() and (whole <= encoded.space.ub + 1e-9).all()
    if encoded.indicators is not None and len(encoded.indicators):
        assert encoded.indicators.residual(whole).max() < 1e-9
    for a, b in encoded.sos1.columns.reshape(-1, 2):
        assert abs(whole[a]) < 1e-9 or abs(whole[b]) < 1e-9
    binary = encoded.space.role == "binary"
    names = [encoded.space.label(c) for c in np.flatnonzero(binary)]
    values = dict(zip(names, whole[binary], strict=True))
    if "z_ub(market,g,0)" in values:
        assert values["z_ub(market,g,0)"] == 1 and values["z_ub(market,g,2)"] == 0  # 1: the row is active


def test_choices_by_follower_name_and_rows():
    m, parts = market()
    limit = parts["f"].add(parts["g"] <= 70, name="limit")
    model = kg.bound(kg.kkt(m))
    total = len(model.pairs)
    encoded = kg.encode(model, kg.SOS1(), {limit: kg.Product(), "market": kg.Indicator()})
    assert [e.encoding for e in encoded.encodings] == ["Indicator"]  # the later key wins
    encoded = kg.encode(model, kg.SOS1(), {parts["f"]: kg.Indicator(), limit: kg.Product()})
    assert sum(e.pairs for e in encoded.encodings) == total
    with pytest.raises(kg.ProblemError, match="no follower 'nobody'"):
        kg.encode(model, kg.SOS1(), {"nobody": kg.BigM()})
    with pytest.raises(kg.ProblemError, match="unknown encoding 'bigN'; there are auto, bigm"):
        kg.encode(model, "bigN")


def test_user_constants_are_marked_and_bad_ones_refused():
    m, _ = market()
    model = kg.kkt(m)
    encoded = kg.encode(model, kg.BigM(slack=100, dual=100))
    assert [e.trust for e in encoded.encodings] == ["user"]
    proved = kg.encode(kg.bound(model), kg.BigM())
    assert [e.trust for e in proved.encodings] == ["proved"]
    with pytest.raises(kg.ProblemError, match="nonnegative"):
        kg.encode(model, kg.BigM(slack=-1, dual=1))
    with pytest.raises(kg.ProblemError, match="shape"):
        kg.encode(model, kg.BigM(slack=[1, 2], dual=1))


def test_auto_takes_big_m_only_where_it_is_proved_and_safe():
    m, parts = market()
    model = kg.bound(kg.kkt(m))
    good = safe(model, model.pairs)
    slack, dual = model.pairs.slack_max.value, model.pairs.dual_max.value
    np.testing.assert_array_equal(good, (slack <= 100) & (dual <= 100) & (slack * dual <= 1000))
    assert good.any() and not good.all()
    encoded = kg.encode(model)
    assert {e.encoding: e.pairs for e in encoded.encodings} == {"BigM": good.sum(), "SOS1": (~good).sum()}


def test_encoding_states_its_bounds_when_it_needs_them():
    m, _ = market()
    encoded = kg.encode(kg.kkt(m), kg.BigM())  # bounds are proved on the way
    assert np.isfinite(encoded.space.ub[encoded.space.role == "mu"]).all()
