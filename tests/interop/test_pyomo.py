"""Pyomo models as bilevel problems: cost, point and duals as HiGHS has them through Pyomo, refusals, the way back."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import written

import kktgen as kg
from kktgen import guide

pyo = pytest.importorskip("pyomo.environ", reason="needs Pyomo: pip install 'kktgen[pyomo]'")


def drawn(seed):
    """Return a model with a follower of ranges, equations and both senses, the leader's ``x``, and where x is."""
    rng = np.random.default_rng(seed)
    M = pyo.ConcreteModel(name="drawn")
    M.x = pyo.Var(range(3), bounds=(0, 1), domain=pyo.Binary if seed % 2 else pyo.Reals)
    B = M.low = pyo.Block()
    B.y = pyo.Var(range(4), ["a", "b"], bounds=(-2, 5))
    B.free = pyo.Var()
    B.held = pyo.Var(initialize=1.5)
    B.held.fix()
    C, D = rng.uniform(-3, 3, (4, 2)), rng.integers(-2, 3, (4, 3))

    def body(t):
        return sum(C[t, k] * B.y[t, key] for k, key in enumerate("ab")) + sum(D[t, i] * M.x[i] for i in range(3))

    B.range = pyo.Constraint(range(2), rule=lambda b, t: (-2 * b.held, body(t), float(rng.uniform(2, 4))))
    B.up = pyo.Constraint([2, 3], rule=lambda b, t: body(t) + b.held <= 4)
    B.low = pyo.Constraint(expr=sum(B.y[t, "a"] for t in range(4)) - B.free >= -3 + M.x[0])
    B.equal = pyo.Constraint(expr=B.free == B.y[0, "b"] + 2 * M.x[1] - 1)
    c = rng.normal(size=(4, 2))
    cost = sum(c[t, k] * B.y[t, key] for t in range(4) for k, key in enumerate("ab")) + 0.3 * B.free
    cost = cost + sum((D[0, i] + 0.5) * M.x[i] * B.y[i, "a"] for i in range(3)) + 2 * M.x[0] + 7
    if seed % 4 > 1:
        cost = cost + sum(v * v for v in B.y.values()) + B.free**2
    B.cost = pyo.Objective(expr=cost if seed % 3 else -cost, sense=pyo.minimize if seed % 3 else pyo.maximize)
    return M, rng.integers(0, 2, 3).astype(float)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(k, marks=pytest.mark.slow) for k in range(8, 40))])
def test_a_fixed_leader_gives_what_highs_gives(seed):
    M, at_x = drawn(seed)
    for i, value in enumerate(at_x):
        M.x[i].setlb(value)
        M.x[i].setub(value)
    m, at = kg.pyomo.read(M, followers=[M.low])
    m.minimize(0)
    M.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    try:
        solution = kg.optimize(m, time_limit=20).solution
        at.load(solution)
    except kg.NoSolutionError:
        assert highs(M, at_x) is None
        return
    rows = [*M.low.component_data_objects(pyo.Constraint)]
    mine = [pyo.value(M.low.cost), [v.value for v in M.low.y.values()], [M.dual.get(c) for c in rows]]
    own = highs(M, at_x)
    assert mine[0] == pytest.approx(own[0], abs=1e-5)
    assert mine[2] == pytest.approx(own[2], abs=1e-4)
    sign = 1 if M.low.cost.sense == pyo.minimize else -1
    duals = np.concatenate([np.ravel(solution[at.dual(c)]) for c in M.low.component_objects(pyo.Constraint)])
    assert sign * duals == pytest.approx(np.array(own[2]), abs=1e-4)
    if seed % 4 > 1:
        assert mine[1] == pytest.approx(own[1], abs=1e-4)


def highs(M, at_x):
    """Return what HiGHS says of the follower through Pyomo: cost, y, duals; None without a point."""
    for i, value in enumerate(at_x):
        M.x[i].domain = pyo.Reals
        M.x[i].fix(value)
    M.low.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    solver = pyo.SolverFactory("highs")
    found = solver.solve(M.low, load_solutions=False)
    if str(found.solver.termination_condition) != "optimal":
        return None
    solver.solve(M.low)
    rows = [*M.low.component_data_objects(pyo.Constraint)]
    return pyo.value(M.low.cost), [v.value for v in M.low.y.values()], [M.low.dual[c] for c in rows]


def market(hours=3):
    """Return a model of a market with an offer an hour, and its market block."""
    plants = {"own": 60, "rival": 50, "old": 60}
    M = pyo.ConcreteModel(name="bidding")
    M.offer = pyo.Var(range(hours), bounds=(0, 70))
    B = M.market = pyo.Block()
    B.g = pyo.Var(range(hours), list(plants), bounds=lambda b, t, plant: (0, plants[plant]))
    B.balance = pyo.Constraint(range(hours), rule=lambda b, t: sum(b.g[t, k] for k in plants) == 80 + 25 * t)
    B.cost = pyo.Objective(
        expr=sum(
            M.offer[t] * B.g[t, "own"] + 30 * B.g[t, "rival"] + 45 * B.g[t, "old"] + 0.05 * B.g[t, "old"] ** 2
            for t in range(hours)
        )
    )
    return M, B


def test_the_optimum_is_what_highs_earns_at_the_robust_decision():
    M, B = market()
    m, at = kg.pyomo.read(M, followers=[B])
    own = at[B.g].reshape(3, 3)[:, 0]
    m.maximize(at.dual(B.balance) @ own - 10 * own.sum())
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal"
    robust = kg.robust(m, result.solution, time_limit=30).solution
    at.load(robust)
    earned = profit(M, B, [v.value for v in M.offer.values()])
    assert earned == pytest.approx(robust.objective, rel=1e-5)
    assert robust.objective == pytest.approx(result.solution.objective, rel=1e-3)
    rng = np.random.default_rng(1)
    found = [profit(M, B, rng.choice([5.0, 29.9, 35, 44.9, 47, 50, 69], 3)) for _ in range(25)]
    assert max(found) <= result.solution.objective + 1e-6


def profit(M, B, offers):
    """Return what HiGHS's dispatch earns at some offers."""
    B.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    for t, offer in enumerate(offers):
        M.offer[t].fix(float(offer))
    pyo.SolverFactory("highs").solve(B)
    earned = sum((B.dual[B.balance[t]] - 10) * B.g[t, "own"].value for t in range(3))
    M.offer.unfix()
    B.del_component("dual")
    return earned


def test_the_model_is_as_it_was_and_a_bundle_holds_the_problem(tmp_path):
    M, B = market()
    M.cap = pyo.Constraint(expr=sum(M.offer.values()) <= 100)
    M.goal = pyo.Objective(expr=B.g[0, "own"] - M.offer[0], sense=pyo.maximize)
    m, at = kg.pyomo.read(M, followers=B, name="bundle")
    assert (m.name, [f.name for f in m.followers], m.sense) == ("bundle", ["market"], -1)
    assert [row.name for row in m.rows] == ["cap"]
    assert B.active and B.cost.active and M.goal.active
    back = kg.read(kg.write(m, tmp_path / "market.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    qp = m.followers[0].qp()
    assert qp.A.toarray().tolist() == np.kron(np.eye(3), np.ones(3)).tolist()
    assert np.diag(qp.P.toarray()).tolist() == [0, 0, 0.1] * 3
    assert qp.q.tolist() == [0, 30, 45] * 3
    assert qp.Q.toarray().tolist() == np.kron(np.eye(3), [[1], [0], [0]]).tolist()


def test_entries_are_called_by_their_indices():
    M, B = market()
    m, _ = kg.pyomo.read(M, followers=[B])
    assert m.space.label(m.space.find("market.g", "market")[1]) == "market.g(market,0,rival)"
    assert m.space.label(m.followers[0].declared[-1].lam[2]) == "lam(market,market.balance,2)"


def test_two_followers_see_each_other():
    M = pyo.ConcreteModel(name="duopoly")
    M.tax = pyo.Var(bounds=(0, 3))
    for name in ("one", "two"):
        firm = pyo.Block()
        M.add_component(name, firm)
        firm.q = pyo.Var(bounds=(0, 50))
    for mine, other in ((M.one, M.two), (M.two, M.one)):
        mine.profit = pyo.Objective(expr=(60 - mine.q - other.q - M.tax) * mine.q, sense=pyo.maximize)
    M.goal = pyo.Objective(expr=M.one.q + M.two.q + 2 * M.tax)
    m, at = kg.pyomo.read(M, followers=[M.one, M.two])
    at.load(kg.optimize(m).solution)
    assert (M.one.q.value, M.two.q.value) == pytest.approx(((60 - M.tax.value) / 3,) * 2)  # Cournot
    assert pyo.value(M.goal) == pytest.approx(40)


def test_entries_are_taken_one_by_one_and_fixed_ones_are_numbers():
    M, B = market()
    B.g[0, "old"].fix(5)
    M.offer[1].fix(20)
    m, at = kg.pyomo.read(M, followers=[B])
    assert at[B.g].shape == (9,) and at[B.g[1, "own"]].shape == () and at.dual(B.balance[1]).shape == ()
    own = at[B.g[0, "own"]]
    m.maximize(own + at[M.offer[1]])
    solution = kg.optimize(m).solution
    at.load(solution)
    assert solution[at[M.offer]][1] == 20 and solution[at[B.g[0, "old"]]] == 5
    assert solution[at[B.g]].reshape(3, 3).sum(axis=1) == pytest.approx([80, 105, 130])
    assert solution[own] == pytest.approx(B.g[0, "own"].value)


def test_components_of_one_name_are_kept_apart_and_references_are_none_of_their_own():
    M, B = market()
    M.add_component("market.g", pyo.Var(bounds=(0, 1)))
    M.add_component("market.balance", pyo.Constraint(expr=M.component("market.g") <= 1))
    B.cost_of_late = pyo.Reference(B.g[:, "own"])
    M.add_component("seen", pyo.Reference(B.balance))
    B.add_component("in", pyo.Block())
    B.component("in").c = pyo.Constraint(expr=B.g[0, "own"] <= 50)
    B.add_component("in.c", pyo.Constraint(expr=B.g[0, "own"] <= 40))
    m, at = kg.pyomo.read(M, followers=[B])
    assert len(np.unique(np.concatenate([at[B.g].cols, [at[M.component("market.g")].cols], at[M.offer].cols]))) == 13
    assert at[B.cost_of_late].cols.tolist() == at[B.g].cols.reshape(3, 3)[:, 0].tolist()
    m.maximize(at[B.g[0, "own"]])
    assert kg.optimize(m).solution.objective == pytest.approx(40)
    assert len([d for d in m.followers[0].declared if not d.is_bound]) == 3


def test_the_extra_is_named_where_pyomo_is_missing(monkeypatch):
    M, B = market()
    monkeypatch.setitem(sys.modules, "pyomo.environ", None)
    with pytest.raises(kg.UnsupportedError, match=r"Pyomo is not installed: pip install 'kktgen\[pyomo\]'"):
        kg.pyomo.read(M, followers=[B])


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (lambda M, at: at[M.market], "takes a Var of the model, or an entry of one, got ScalarBlock"),
        (lambda M, at: at[pyo.ConcreteModel()], "takes a Var"),
        (lambda M, at: at[added(M)], "Var 'late' is not in model 'bidding', or was added after it was read"),
        (lambda M, at: at.dual(M.offer), "takes a Constraint of a follower, got IndexedVar"),
        (lambda M, at: at.dual(M.cap), "Constraint 'cap' is of no follower"),
    ],
)
def test_what_is_not_there_is_refused(take, words):
    M, B = market()
    M.cap = pyo.Constraint(expr=M.offer[0] <= 50)
    _, at = kg.pyomo.read(M, followers=[B])
    with pytest.raises(kg.ProblemError, match=words):
        take(M, at)


def added(M):
    M.late = pyo.Var()
    return M.late


def integer(M, B):
    B.on = pyo.Var(domain=pyo.Binary)


def nonlinear(M, B):
    B.bad = pyo.Constraint(expr=B.g[0, "own"] * M.offer[0] <= 3)


def leaders(M, B):
    M.bad = pyo.Constraint(expr=M.offer[0] ** 2 <= 3)


def sine(M, B):
    B.cost.deactivate()
    B.other = pyo.Objective(expr=pyo.sin(B.g[0, "own"]))


def two_objectives(M, B):
    B.other = pyo.Objective(expr=B.g[0, "own"])


def no_objective(M, B):
    B.cost.deactivate()


def two_of_the_leader(M, B):
    M.one = pyo.Objective(expr=M.offer[0])
    M.two = pyo.Objective(expr=M.offer[1])


def sets(M, B):
    M.sos = pyo.SOSConstraint(var=M.offer, sos=1)


def disjunction(M, B):
    import pyomo.gdp as gdp

    M.choice = gdp.Disjunction(expr=[[M.offer[0] <= 1], [M.offer[0] >= 5]])


def concave(M, B):
    B.cost.deactivate()
    B.other = pyo.Objective(expr=-(B.g[0, "own"] ** 2))


def elsewhere():
    """Return a model of its own."""
    other = pyo.ConcreteModel()
    other.v = pyo.Var()
    return other


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            integer,
            kg.ProblemError,
            "1 of its variables are integer: market.on; answers to Pyomo have duals",
        ),
        (nonlinear, kg.UnsupportedError, r"follower 'market': Model constraint \(market.bad\) contains nonlinear"),
        (leaders, kg.UnsupportedError, r"model 'bidding': Model constraint \(bad\) contains nonlinear"),
        (sine, kg.UnsupportedError, "objective 'market.other' is not quadratic in the Vars"),
        (two_objectives, kg.ProblemError, "follower 'market': 2 active objectives: market.cost, market.other; a fo"),
        (no_objective, kg.ProblemError, "follower 'market': no objective; a follower has one"),
        (two_of_the_leader, kg.ProblemError, "the leader has 2 active objectives: one, two; deactivate all but one"),
        (sets, kg.UnsupportedError, r"SOS sets sos, which are not read. Cure: m.sos1\(at\[var\]\)"),
        (disjunction, kg.UnsupportedError, "model 'bidding': .*Disjunct"),
        (concave, kg.ProblemError, "not convex"),
    ],
)
def test_what_a_model_cannot_be_is_refused(change, error, words):
    M, B = market()
    change(M, B)
    with pytest.raises(error, match=words):
        kg.pyomo.read(M, followers=[B])
    assert B.active


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        (lambda M, B: [], "followers are blocks of the model, .* got none"),
        (lambda M, B: [M.offer], "got IndexedVar"),
        (lambda M, B: [elsewhere()], "block 'unknown' is no active block of model 'bidding'"),
        (lambda M, B: [B, nested(B)], "follower 'market': block 'market.inner', another follower, is in it"),
    ],
)
def test_followers_are_blocks_of_the_model(blocks, words):
    M, B = market()
    with pytest.raises(kg.ProblemError, match=words):
        kg.pyomo.read(M, followers=blocks(M, B))
    with pytest.raises(kg.ProblemError, match="a Pyomo model is expected, got str"):
        kg.pyomo.read("model", followers=[B])


def nested(B):
    B.inner = pyo.Block()
    return B.inner


def test_the_listing_of_the_guide_is_true():
    """It is no block that the guide's own test runs, because pyomo may be missing there."""
    (code,) = (one.body for one in written.blocks(guide.page("levels").text) if "import pyomo" in one.body)
    names = {}
    exec(compile(code, "the guide", "exec"), names)
    assert names["result"].solution.objective == pytest.approx(92 / 15)
    assert names["result"].report.claim == "optimal"
    assert (names["model"].x.value, names["lower"].y.value) == pytest.approx((8 / 15, 28 / 15))
