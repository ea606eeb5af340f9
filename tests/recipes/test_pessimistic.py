"""Pessimistic problems: closed forms, grids of worst responses, what is exact, what is a bracket, what is refused."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from found import instance_answer
from worst_responses import Known, Part, random_problem

import kktgen as kg
from kktgen.recipes.pessimistic.reading import read


def part(q, d, ub, *, G=None, h=(), H=None, Q=None, W=None, nx=1):
    """One follower by its arrays, zero where nothing is said."""
    n = len(q)
    G, h = np.zeros((0, n)) if G is None else np.array(G, float), np.array(h, float)
    zero = np.zeros((n, nx))
    return Part(
        np.array(q, float), G, h, np.zeros((len(h), nx)) if H is None else np.array(H, float), np.array(d, float),
        zero if Q is None else np.array(Q, float), zero if W is None else np.array(W, float), np.zeros((0, n)),
        np.array(ub, float),
    )  # fmt: skip


def known(name, a, lb, ub, one, kind="C"):
    a = np.array(a, float)
    return Known(name, a, np.array(lb, float), np.array(ub, float), kind, [one], np.zeros((0, len(a))), np.zeros(0))


def tolls(seed):
    """Two priced goods, four free ones that tie."""
    rng, n = np.random.default_rng(seed), 6
    Q = np.zeros((n, 2))
    Q[0, 0] = Q[1, 1] = 1
    G = np.vstack([np.ones(n), np.round(rng.uniform(-0.2, 1, (2, n)), 1)])
    d = np.concatenate([[0, 0], np.round(rng.uniform(-1, 1, 4), 1)])
    one = part([-1, -1.5, 0, 0, 1, 1], d, np.ones(n), G=G, h=[3, 2, 2.5], Q=Q, W=-Q, nx=2)
    return known(f"tolls_{seed}", [0, 0], [0, 0], [2, 2], one)


def scarce(seed):
    """The leader decides what is scarce; all four goods cost their follower the same."""
    rng, n = np.random.default_rng(seed), 4
    G = np.round(rng.uniform(0, 1, (3, n)), 1)
    G[0] = 1
    h, H = np.round(rng.uniform(1.5, 3, 3), 1), np.round(rng.uniform(-1, 1, (3, 2)), 1)
    a, d = np.round(rng.uniform(-1, 1, 2), 1), np.round(rng.uniform(-2, 2, n), 1)
    return known(f"scarce_{seed}", a, [0, 0], [1, 1], part(-np.ones(n), d, np.ones(n), G=G, h=h, H=H, nx=2))


TOLL = known("toll", [0], [0], [3], part([-2], [0], [1], Q=[[1]], W=[[-1]]))
OPEN = known("toll_from_2", [0], [2], [3], part([-2], [0], [1], Q=[[1]], W=[[-1]]))
TIES = known("ties", [1], [0], [1], part([1, 1], [1, -1], [1, 1], G=[[-1, -1]], h=[-1]))
FREE = known("one_priced", [-0.5], [-1], [1], part([0, 0], [-1, -2], [1, 1], Q=[[1], [0]]))
SIDES = known("sides", [0.3, -0.6], [0, 0], [1, 1], part(
    [-1, -1, 0], [1, -2, 0.5], [2, 2, 1], G=[[1, 1, 0], [1, 0, 1], [0, 1, -1]], h=[2, 2.5, 1.5],
    H=[[-1, 0], [0, -1], [1, -0.5]], nx=2,
))  # fmt: skip
BINARY = known("binary_tolls", np.zeros(4), np.zeros(4), np.ones(4), part(
    [1, 1, 2, 2], [0, 0, 0.1, -0.2], np.full(4, 2.0), G=[[-1, -1, -1, -1]], h=[-3], Q=np.eye(4), W=-np.eye(4), nx=4,
), "B")  # fmt: skip

EXACT = [(TIES, 1.0), (SIDES, 0.2), (scarce(0), 0.85), (scarce(1), 3.39), (scarce(2), 2.33), (BINARY, -3.0)]
"""Problems with an exact form, and their pessimistic optima."""
PRICED = [(TOLL, -2.0), (FREE, -1.0), (tolls(0), -1.8), (tolls(2), -2.2)]
"""Problems with continuous prices, whose optima are infima."""


@pytest.mark.parametrize(("p", "value"), EXACT, ids=lambda p: getattr(p, "name", ""))
def test_exact_problems_have_their_optimum(p, value):
    m, x = p.build()
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    told, at = found.pessimistic, np.atleast_1d(found.solution[x])
    assert found.report.claim == "pessimistic optimal" and told.exact and told.attained
    assert (told.value, told.bound) == pytest.approx((value, value), abs=1e-5)
    assert p.value(np.round(at) if p.kind == "B" else at) == pytest.approx(value, abs=1e-5)
    assert kg.verify(m, found.solution.z).ok
    assert kg.plots.claim(found).startswith("proved pessimistic optimum (gap")
    assert found.solution.objective == found.report.value == told.value


@pytest.mark.parametrize(("p", "value"), PRICED, ids=lambda p: getattr(p, "name", ""))
def test_continuous_prices_leave_an_infimum_between_value_and_bound(p, value):
    m, x = p.build()
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    told = found.pessimistic
    assert found.report.claim == "pessimistic optimal" and not told.exact and told.attained is None
    assert told.bound <= value + 1e-6 and told.value == pytest.approx(value, abs=1e-4)
    assert p.value(np.atleast_1d(found.solution[x])) == pytest.approx(told.value, abs=1e-5)
    assert "attained   not known: decisions near this one" in str(found.report)
    assert "is a continuous price" in found.report.reasons[-1]


def test_a_tie_that_no_decision_settles_stays_a_bracket():
    m, x = OPEN.build()
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    assert found.report.claim == "pessimistic bracket"
    assert found.report.bracket == pytest.approx((-2, 0), abs=1e-6)
    assert "claim      pessimistic bracket [-2, 0]" in str(found.report)
    assert found.solution.status != "optimal"
    assert kg.plots.claim(found).startswith("pessimistic bracket (gap")
    assert OPEN.value(np.atleast_1d(found.solution[x])) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("p", [TOLL, FREE, OPEN, tolls(1)], ids=lambda p: p.name)
def test_the_relaxation_bounds_every_decision(p):
    m, _ = p.build()
    with pytest.raises(kg.UnsupportedError, match="continuous variable x.* in the cost of follower 'f0'"):
        kg.pessimistic(m)
    bound = kg.optimize(kg.pessimistic(m, relax=True), time_limit=60)
    assert bound.report.claim == "optimal"
    assert bound.bound <= min(value for value, _ in p.grid(31 if len(p.a) == 1 else 7)) + 1e-6


def bent(coupled):
    """Of ``y1 + y2 = 1 + x`` any split costs the follower the same."""
    m = kg.Bilevel("bent")
    x = m.var("x", lb=-1, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=1)
    f.minimize(0.5 * (y.sum() - x - 1) ** 2)
    if coupled:
        m.add(y[0] + 2 * y[1] <= 1.2, name="cap")
    m.minimize(y[0] - y[1] + (-0.9 if coupled else 0.3) * x)
    return m, x


@pytest.mark.parametrize(("coupled", "value"), [(False, -0.3), (True, 0.9)])
def test_a_singular_quadratic_cost(coupled, value):
    m, x = bent(coupled)
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    assert found.report.claim == "pessimistic optimal" and found.pessimistic.exact
    assert found.pessimistic.value == pytest.approx(value, abs=1e-5)
    assert found.solution[x] == pytest.approx(-1, abs=1e-5)
    assert ("rows read for every response: cap" in found.report.reasons) == coupled


@pytest.mark.parametrize(("family", "seed"), [
    ("rows", 0), ("rows", 3), ("binary", 1), ("integer", 2), ("two", 0), ("priced", 3), ("priced", 5),
])  # fmt: skip
def test_random_problems_against_a_grid_of_worst_responses(family, seed):
    against_the_grid(family, seed)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["rows", "binary", "integer", "two", "priced", "bent"])
@pytest.mark.parametrize("seed", range(20, 24))
def test_more_random_problems_against_a_grid_of_worst_responses(family, seed):
    against_the_grid(family, seed)


def against_the_grid(family, seed):
    """The value is that of the decision, no grid point is better than the bound, none than a claimed optimum."""
    p = random_problem(seed, family)
    values = [value for value, _ in p.grid(3 if family == "bent" else 13 if len(p.a) == 1 else 6) if np.isfinite(value)]
    m, x = p.build()
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    told = found.pessimistic
    if found.report.claim == "infeasible":
        assert not values
        return
    if told.value is None:  # no decision was found; then the grid has none
        assert found.report.claim == "unverified" and not values
        return
    assert told.bound is not None
    value, bound, at = p.sense * told.value, p.sense * told.bound, np.atleast_1d(found.solution[x])
    assert p.value(at if p.kind == "C" else np.round(at)) == pytest.approx(value, abs=1e-4 * max(1, abs(value)))
    assert bound <= min([*values, value]) + 1e-5
    if found.report.claim == "pessimistic optimal":
        assert value <= min([value, *values]) + 2e-4 * max(1, abs(value))
    assert not told.exact or found.report.claim == "pessimistic optimal"


def test_switched_rows_of_the_follower_are_copied():
    """Two works share a demand at one cost; the leader may shut the first one, which is the one it likes."""
    m = kg.Bilevel("works")
    shut = m.var("shut", kind="B")
    size = m.var("size", lb=0, ub=3, kind="I")
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=6)
    f.add(y[0] <= 0, when=shut, name="shut")
    f.add(y[1] <= size * 2 - shut * y[0], name="second")
    f.add(y.sum() >= 4, name="demand")
    f.minimize(y.sum())
    m.minimize(2 * y[1] - y[0] + size + 0.5 * shut)

    def worst(shut, size):
        splits = [b for b in np.linspace(0, 4, 401) if b <= 2 * size - shut * (4 - b) and not (shut and b < 4)]
        return max((2 * b - (4 - b) + size + 0.5 * shut for b in splits), default=np.inf)

    best = min(worst(a, b) for a in (0, 1) for b in range(4))
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    assert found.pessimistic.value == pytest.approx(best, abs=1e-5)
    assert found.report.claim == "pessimistic optimal" and found.pessimistic.exact
    assert {"shut", "second"} <= {rows.word for rows in kg.pessimistic(m).followers[1].rows()} | {
        row.name for row in kg.pessimistic(m).followers[1].products.natural
    }


def split(every=False):
    m = kg.Bilevel("split")
    x = m.var("x", lb=0, ub=8)
    f = m.follower("lower")
    y = f.var("y", 2, lb=0)
    f.add(y.sum() >= x)
    f.minimize(y.sum())
    m.maximize(x + 0.1 * y[1])
    m.add(y[0] <= 3, name="limit", every_response=every)
    return m, x, y


def test_rows_for_every_response_under_an_optimistic_objective():
    plain, x, y = split()
    assert kg.optimize(plain, time_limit=60).solution.objective == pytest.approx(8.8, abs=1e-5)
    m, x, y = split(every=True)
    found = kg.optimize(m, time_limit=60)
    assert found.report.claim == "optimal" and found.pessimistic.value is None
    assert (found.solution[x], found.solution[y[1]]) == pytest.approx((3, 3), abs=1e-5)
    assert found.report["every response(limit)"].ok
    assert kg.optimize(m, pessimistic=True, time_limit=60).pessimistic.value == pytest.approx(3, abs=1e-5)


def test_columns_in_rows_for_every_response_are_decided_before():
    for every in (False, True):
        m = kg.Bilevel("reserve")
        x, v = m.var("x", lb=0, ub=8), m.var("v", lb=0, ub=10)
        f = m.follower("lower")
        y = f.var("y", 2, lb=0)
        f.add(y.sum() >= x)
        f.minimize(y.sum())
        m.maximize(2 * x - v - 0.375 * y[1] * (not every))
        m.add(v >= y[0], name="reserve", every_response=every)
        found = kg.optimize(m, pessimistic=True, time_limit=60)
        assert found.report.claim.startswith("pessimistic"), found.report
        if every:
            assert found.pessimistic.exact and found.pessimistic.value == pytest.approx(8, abs=1e-5)
            assert found.solution[v] == pytest.approx(8, abs=1e-5)
        else:  # v follows y: at worst y is the first good alone
            assert not found.pessimistic.exact and "is decided by the leader after" in found.report.reasons[-1]
            assert found.pessimistic.value == pytest.approx(8, abs=1e-5)


def test_the_pessimistic_problem_is_one_like_any_other():
    """Its columns are those of the first problem, which stays as it is."""
    m, x, _ = split()
    worst = kg.pessimistic(m)
    assert worst.name == "split_pessimistic" and [f.name for f in worst.followers] == [
        "lower", "lower_worst", "lower_limit",
    ]  # fmt: skip
    assert len(m.space) < len(worst.space) and len(m.followers) == 1 and m.rows[-1].name == "limit"
    solved = kg.optimize(worst, time_limit=60)
    assert solved.solution[x] == pytest.approx(3, abs=1e-6)


def test_a_pessimistic_problem_travels(tmp_path):
    m, x, _ = split()
    worst = kg.pessimistic(m)
    kg.write(worst, tmp_path / "worst.bilevel.json")
    again = kg.read(tmp_path / "worst.bilevel.json")
    assert kg.optimize(again, time_limit=60).solution.objective == pytest.approx(3, abs=1e-6)
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(worst))))
    kg.write(model, tmp_path / "worst.cip")
    assert (tmp_path / "worst.cip").stat().st_size > 500


def test_a_variable_in_a_definite_block_has_no_twin():
    m = kg.Bilevel("definite")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y, free = f.var("y", 2, lb=0, ub=9), f.var("free", lb=0, ub=1)
    f.minimize((y[0] - x) ** 2 + (y[0] + y[1] - 5) ** 2 + x * y[0])
    m.minimize(y[0] - free)
    worst = kg.pessimistic(m)
    assert [len(one.columns) for one in worst.followers] == [3, 1]
    assert not read(m).loose[y.cols].any() and read(m).loose[free.cols].all()
    assert kg.optimize(m, pessimistic=True, time_limit=60).pessimistic.exact


def market():
    m = kg.Bilevel("market")
    p = m.var("p", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 2, lb=0, ub=[60, 80])
    balance = f.add(g.sum() == 100, name="balance")
    f.minimize(p @ g[0] + 30 * g[1])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, p


def test_a_leader_who_uses_prices_gets_a_bracket():
    m, p = market()
    with pytest.raises(kg.UnsupportedError, match=r"the leader uses the multiplier lam\(market,balance\)"):
        kg.pessimistic(m)
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    assert found.report.claim == "pessimistic optimal" and not found.pessimistic.exact
    assert found.pessimistic.problem is None and found.pessimistic.value == pytest.approx(1200, rel=1e-4)


@pytest.mark.parametrize(("change", "words"), [
    ("nash", "follower 'g' sees y(f,0), which is not the leader's"),
    ("product", "holds the product y(f,0) * y(f,1) of followers' variables"),
    ("late", "v, by row 'net', is decided by the leader after the followers"),
    ("set", "the leader's SOS1 set 'one' holds y(f,0) of a follower"),
    ("conditions", "has the conditions 'band'"),
    ("varying", "holds products with continuous ones"),
])  # fmt: skip
def test_what_has_no_worst_response_is_refused_by_name(change, words):
    m = kg.Bilevel("refused")
    x, v = m.var("x", lb=0, ub=1), m.var("v", lb=0, ub=9)
    f = m.follower("f", products=change == "varying")
    y = f.var("y", 2, lb=0, ub=1)
    f.add(y.sum() >= x)
    f.minimize(y.sum())
    m.minimize(x - y[0] + (y[0] * y[1] if change == "product" else 0))
    if change == "nash":
        g = m.follower("g")
        w = g.var("w", lb=0, ub=1)
        g.minimize(w * y[0])
    elif change == "late":
        m.add(v == y[0] + x, name="net")
    elif change == "set":
        m.sos1(y, name="one")
    elif change == "conditions":
        m.complements(v - 1, v, name="band")
    elif change == "varying":
        f.add(x * y[0] <= 1)
    with pytest.raises(kg.UnsupportedError, match=re.escape(words)):
        kg.pessimistic(m)


@pytest.mark.parametrize("given", [{"choices": {"f": "sos1"}}, {"state": "tree.npz"}])
def test_what_belongs_to_one_model_is_refused(given):
    m, _, _ = split()
    with pytest.raises(kg.ProblemError, match="belong to one model"):
        kg.optimize(m, pessimistic=True, **given)


@pytest.mark.parametrize("verb", [kg.kkt, kg.agree, kg.explain])
def test_verbs_of_one_model_name_a_row_for_every_response(verb):
    m, _, _ = split(every=True)
    with pytest.raises(kg.ProblemError, match="row 'limit' of 'split' is to hold for every response"):
        verb(m)


def test_no_decision_satisfies_a_row_for_every_response():
    m = kg.Bilevel("never")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(0 * y)
    m.minimize(x)
    m.add(y <= 0.5, every_response=True)
    found = kg.optimize(m, time_limit=60)
    assert found.report.claim == "infeasible" and found.solution.z is None
    assert found.report.reasons[0].startswith("no decision leaves responses that all satisfy")


def test_a_problem_without_ties_needs_one_solve():
    m = kg.Bilevel("settled")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=9)
    f.minimize((y - x) ** 2)
    m.minimize((y - 3) ** 2 + 0.1 * x)
    found = kg.optimize(m, pessimistic=True, time_limit=60)
    assert found.report.claim == "pessimistic optimal" and found.pessimistic.solved is None
    assert found.pessimistic.value == pytest.approx(kg.optimize(m).solution.objective, abs=1e-6)


def test_reports_with_a_range_tell_the_bracket():
    m, _ = TOLL.build()
    plain, ranged = (kg.optimize(m, range=ask, time_limit=60) for ask in (False, True))
    assert plain.report.bracket is None and ranged.report.bracket == pytest.approx((-2, 0), abs=1e-6)
    assert "so the pessimistic optimum lies in [-2, 0]" in str(ranged.report)
    near = kg.robust(m, ranged.solution)
    assert near.bracket == pytest.approx((-2, -1.999999), abs=1e-6)
    assert "the pessimistic optimum lies in [-2, -1.999999]" in str(near)


@pytest.mark.parametrize("limit", [2.0, 6.0])
def test_time_limits_are_kept(limit):
    p = random_problem(5, "integer")
    m, _ = p.build()
    begun = time.monotonic()
    found = kg.optimize(m, pessimistic=True, time_limit=limit)
    assert time.monotonic() - begun <= 1.05 * limit + 2
    assert found.report.claim in ("pessimistic optimal", "pessimistic bracket", "bilevel-feasible", "unverified")


@pytest.mark.slow
def test_the_flagship_is_settled_within_the_gap():
    m, result = instance_answer("dso_vpp")
    near = kg.robust(m, result.solution)
    low, high = near.bracket
    assert low == pytest.approx(11.3433, abs=3e-4) and high == pytest.approx(11.3433, abs=1e-4)
    assert high - low <= 1e-4 * high


def test_a_bound_on_worst_values_refutes_no_optimistic_point():
    m, _ = TIES.build()
    worst, best = kg.optimize(m, pessimistic=True, time_limit=60), kg.optimize(m, time_limit=60)
    assert worst.bound == pytest.approx(1, abs=1e-6) and worst.solution.bound is None
    assert best.solution.objective == pytest.approx(-1, abs=1e-6)
    again = kg.verify(m, best.solution, evidence=[worst.solution])
    assert again.claim == "optimal" and not any("fault" in reason for reason in again.reasons)
    assert kg.verify(m, worst.solution).claim == "bilevel-feasible"
