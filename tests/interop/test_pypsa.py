"""PyPSA networks with a strategic firm or a merchant, held against PyPSA's own solves."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

import kktgen as kg
from kktgen import guide

pypsa = pytest.importorskip("pypsa", reason="needs PyPSA: pip install 'kktgen[pypsa]'")
pd = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def quiet_logs():
    """Keep the logs of PyPSA and linopy away."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def network(hours=4, weight=1.0, storage=False):
    """Return three buses in a ring of three lines, with wind, four generators and two loads."""
    n = pypsa.Network()
    n.set_snapshots(pd.date_range("2026-01-01", periods=hours, freq="h"))
    n.snapshot_weightings.loc[:, :] = weight
    n.add("Bus", ["north", "mid", "south"])
    ends = {"bus0": ["north", "mid", "north"], "bus1": ["mid", "south", "south"]}
    n.add("Line", ["L1", "L2", "L3"], **ends, x=0.1, r=0.001, s_nom=[80, 120, 100])
    n.add("Generator", "strat", bus="north", p_nom=150, marginal_cost=10)
    n.add("Generator", "rival1", bus="mid", p_nom=120, marginal_cost=25)
    n.add("Generator", "rival2", bus="south", p_nom=150, marginal_cost=40)
    n.add("Generator", "peak", bus="south", p_nom=200, marginal_cost=80)
    n.add("Generator", "wind", bus="mid", p_nom=60, p_max_pu=np.resize([0.9, 0.3, 0.6, 0.1], hours))
    n.add("Load", "d1", bus="south", p_set=np.resize([120.0, 180, 240, 150], hours))
    n.add("Load", "d2", bus="mid", p_set=60)
    if storage:
        n.add("StorageUnit", "batt", bus="south", p_nom=40, max_hours=2, cyclic_state_of_charge=True,
              efficiency_store=0.95, efficiency_dispatch=0.95)  # fmt: skip
    return n


def earned(n, firm):
    """Return what a firm's generators earn in a network that was solved, at costs of 10 and 25."""
    weights = n.snapshot_weightings.objective
    cost = {"strat": 10.0, "rival1": 25.0}
    parts = [(n.buses_t.marginal_price[n.generators.bus[g]] - cost[g]) * n.generators_t.p[g] for g in firm]
    return float(sum((weights * part).sum() for part in parts))


def solved_at(n, firm, offers):
    """Let PyPSA solve a network with offers (t, g) in the place of the firm's costs."""
    for k, name in enumerate(firm):
        n.generators_t.marginal_cost[name] = pd.Series(offers[:, k], index=n.snapshots)
    n.optimize(solver_name="highs", log_to_console=False, output_flag=False)
    return n


@pytest.mark.parametrize(
    ("firm", "hours", "weight", "storage", "value"),
    [(["strat"], 4, 1.0, False, 10530),
     pytest.param(["strat", "rival1"], 4, 1.0, False, 22200, marks=pytest.mark.slow),
     pytest.param(["strat"], 6, 2.0, True, 29748, marks=pytest.mark.slow)],
)  # fmt: skip
def test_a_strategic_firm_earns_what_pypsa_says_at_its_robust_offers(firm, hours, weight, storage, value):
    m, market = kg.pypsa.strategic(network(hours, weight, storage), firm, cap=100)
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    assert result.solution.objective == pytest.approx(value, rel=1e-6)
    robust = kg.robust(m, result.solution)
    offers = robust.solution[market.offer]
    assert offers.shape == (hours, len(firm))
    own = solved_at(network(hours, weight, storage), firm, offers)
    assert earned(own, firm) == pytest.approx(robust.solution.objective, rel=1e-6)
    assert own.objective == pytest.approx(robust.solution[market.objective], rel=1e-6)
    assert earned(own, firm) <= value * (1 + 1e-6)


@pytest.mark.slow
def test_no_offer_of_a_grid_earns_more():
    m, _ = kg.pypsa.strategic(network(2), ["strat"], cap=100)
    best = kg.optimize(m, time_limit=60).solution.objective
    n = network(2)
    earnings = [earned(solved_at(n, ["strat"], np.full((2, 1), price)), ["strat"]) for price in (24.999, 39.999, 79.9)]
    assert max(earnings) <= best * (1 + 1e-6)
    assert best > 0


def test_the_answer_goes_back_into_the_network():
    n = network(2, 2.0, True)
    m, market = kg.pypsa.strategic(n, ["strat"], cap=100)
    m.add(market.offer == np.array([[12.0], [41.0]]))  # no ties: PyPSA's point is the only one
    solution = kg.optimize(m, time_limit=60).solution
    market.assign(solution)
    own = solved_at(network(2, 2.0, True), ["strat"], np.array([[12.0], [41.0]]))
    assert n.objective == pytest.approx(own.objective)
    assert n.generators_t.p.to_numpy() == pytest.approx(own.generators_t.p.to_numpy(), abs=1e-4)
    assert n.buses_t.marginal_price.to_numpy() == pytest.approx(own.buses_t.marginal_price.to_numpy(), abs=1e-4)
    assert n.lines_t.p0.to_numpy() == pytest.approx(own.lines_t.p0.to_numpy(), abs=1e-4)
    assert n.storage_units_t.p.to_numpy() == pytest.approx(own.storage_units_t.p.to_numpy(), abs=1e-4)
    assert solution[market.price("south")] == pytest.approx(n.buses_t.marginal_price["south"].to_numpy(), abs=1e-6)
    assert solution.objective == pytest.approx(earned(n, ["strat"]))
    n.optimize.create_model()
    with pytest.raises(kg.ProblemError, match="has made another model"):
        market.assign(solution)


def drawn(seed):
    """Return a network of every kind of component, with prices of its own for lost load."""
    rng, n = np.random.default_rng(seed), pypsa.Network()
    hours, buses = int(rng.integers(2, 5)), [f"b{k}" for k in range(rng.integers(2, 5))]
    n.set_snapshots(pd.date_range("2026-01-01", periods=hours, freq="h"))
    n.snapshot_weightings.loc[:, :] = rng.choice([1.0, 2.0, 3.0], hours)[:, None]
    n.add("Bus", buses)
    for k, (start, end) in enumerate(zip(buses, np.roll(buses, -1), strict=True)):
        n.add("Line", f"L{k}", bus0=start, bus1=end, x=0.1 + rng.random(), r=0.01, s_nom=rng.uniform(40, 120))
    n.add("Link", "dc", bus0=buses[0], bus1=buses[-1], p_nom=30.0, efficiency=0.95, marginal_cost=0.5)
    for k, bus in enumerate(buses):
        n.add("Load", f"d{k}", bus=bus, p_set=rng.uniform(20, 80, hours))
        n.add("Generator", f"lost{k}", bus=bus, p_nom=500, marginal_cost=200 + rng.random())
        n.add("Generator", f"g{k}", bus=bus, p_nom=rng.uniform(40, 120), marginal_cost=rng.uniform(5, 80),
              ramp_limit_up=0.7 if rng.random() < 0.4 else np.nan)  # fmt: skip
        n.add("Generator", f"new{k}", bus=bus, p_nom_extendable=True, p_nom_max=60.0, capital_cost=20 * rng.random(),
              marginal_cost=rng.uniform(5, 40), p_max_pu=rng.random(hours))  # fmt: skip
    n.add("Store", "store", bus=buses[0], e_nom=50, e_cyclic=True)
    n.add("StorageUnit", "lake", bus=buses[-1], p_nom=20, max_hours=3, inflow=rng.uniform(0, 5, hours))
    return n


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_at_fixed_offers_a_market_of_every_component_costs_what_it_costs_in_pypsa(seed):
    n, firm = drawn(seed), ["g0", "g1"]
    offers = np.random.default_rng(1000 + seed).uniform(0, 90, (len(n.snapshots), 2)).round(3)
    m, market = kg.pypsa.strategic(n, firm, cap=100)
    m.add(market.offer == offers)
    market.assign(kg.optimize(m, time_limit=60).solution)
    own = solved_at(drawn(seed), firm, offers)
    assert n.objective == pytest.approx(own.objective, rel=1e-6)


def with_build(capacity=None):
    """Return the network whose strategic generator has a capacity to be chosen, or has it."""
    n = network(4)
    n.remove("Generator", "strat")
    options = {"p_nom_extendable": True, "p_nom_max": 150} if capacity is None else {"p_nom": capacity}
    n.add("Generator", "strat", bus="north", marginal_cost=10, capital_cost=20, **options)
    return n


@pytest.mark.slow
def test_a_merchant_builds_what_earns_most():
    m, market = kg.pypsa.merchant(with_build(), ["strat"])
    result = kg.optimize(m, time_limit=60)
    assert result.report.claim == "optimal"
    built = float(result.solution[market.capacity][0])
    worth = {}
    for capacity in (built - 0.01, *np.arange(10, 151, 20)):
        n = with_build(capacity)
        n.optimize(solver_name="highs", log_to_console=False, output_flag=False)
        worth[capacity] = earned(n, ["strat"]) - 20 * capacity
    assert worth[built - 0.01] == pytest.approx(result.solution.objective, abs=2)  # a hair less: the price is no tie
    assert max(worth.values()) <= result.solution.objective + 1e-4
    market.assign(result.solution)
    assert market.network.generators.p_nom_opt["strat"] == pytest.approx(built)


def test_a_cap_bounds_what_a_merchant_builds():
    m, market = kg.pypsa.merchant(with_build(), ["strat"], cap=40)
    solution = kg.optimize(m, time_limit=60).solution
    assert solution[market.capacity] <= 40 + 1e-6
    assert [row.name for row in m.rows][-1] == "cap"


def test_quadratic_costs_stay_with_the_market_and_with_the_profit():
    n = pypsa.Network()
    n.add("Bus", "north")
    n.add("Load", "town", bus="north", p_set=100)
    n.add("Generator", "own", bus="north", p_nom=90, marginal_cost=10, marginal_cost_quadratic=0.1)
    n.add("Generator", "rival", bus="north", p_nom=90, marginal_cost=30)
    m, market = kg.pypsa.strategic(n, ["own"], cap=60)
    m.add(market.offer == 16)
    solution = kg.optimize(m).solution
    assert solution[market["Generator-p"].sel(name="own")] == pytest.approx([70])  # 16 + 0.2 p = 30
    assert solution.objective == pytest.approx(20 * 70 - 0.1 * 70**2)
    assert solution[market.objective] == pytest.approx(16 * 70 + 0.1 * 70**2 + 30 * 30)


def test_some_snapshots_alone():
    n = network(4, 3.0)
    m, market = kg.pypsa.strategic(n, ["strat"], cap=100, snapshots=n.snapshots[1:3])
    assert market.offer.shape == (2, 1)
    assert market.offer.sel(name="strat", snapshot=n.snapshots[2]).shape == ()
    assert market.weights.tolist() == [3, 3]
    assert kg.optimize(m, time_limit=60).solution.objective == pytest.approx(3 * 2 * 30 * 102, rel=1e-6)


def test_a_model_with_variables_of_ones_own():
    n = network(2)
    model = n.optimize.create_model()
    p = model.variables["Generator-p"].sel(name="strat", drop=True)
    offer = model.add_variables(lower=0, upper=100, coords=[n.snapshots], name="offer")
    model.objective = model.objective.expression + (offer * p).sum() - (10 * p).sum()
    m = kg.Bilevel("own")
    market = kg.pypsa.follower(m, n, model=model, leader=["offer"])
    power = market["Generator-p"].sel(name="strat")
    m.maximize(market.balance("north") @ power - 10 * power.sum())
    solution = kg.optimize(m, time_limit=60).solution
    same, _ = kg.pypsa.strategic(network(2), ["strat"], cap=100)
    assert solution.objective == pytest.approx(kg.optimize(same, time_limit=60).solution.objective)
    market.assign(solution)
    assert n.generators_t.p["strat"].to_numpy() == pytest.approx(solution[power])


def test_any_variable_of_a_network_may_be_the_leaders():
    n = network(2)
    n.add("Link", "cable", bus0="north", bus1="south", p_nom_extendable=True, p_nom_max=50, capital_cost=5)
    m = kg.Bilevel("planner")
    market = kg.pypsa.follower(m, n, leader={"Link-p_nom": {"name": ["cable"]}})
    assert (m.space.owner[market["Link-p_nom"].cols] == -1).all()
    m.minimize(market.objective)
    planned = kg.optimize(m, time_limit=60).solution
    own = n.copy()
    own.optimize(solver_name="highs", log_to_console=False, output_flag=False)
    assert planned.objective == pytest.approx(own.objective, rel=1e-6)


def committable(n):
    n.generators.loc["rival1", "committable"] = True


def extendable(n):
    n.generators.loc["strat", "p_nom_extendable"] = True


def by_periods(n):
    n.set_investment_periods([2030, 2040])


def nothing(n):
    pass


@pytest.mark.parametrize(
    ("change", "call", "kind", "words"),
    [
        (committable, lambda n: kg.pypsa.strategic(n, ["strat"], cap=9), kg.ProblemError, "^rival1: committable"),
        (extendable, lambda n: kg.pypsa.strategic(n, ["strat"], cap=9), kg.ProblemError, "merchant is for capacities"),
        (nothing, lambda n: kg.pypsa.merchant(n, ["strat"]), kg.ProblemError, "strat: not extendable"),
        (nothing, lambda n: kg.pypsa.strategic(n, ["start"], cap=9), kg.ProblemError,
         r"no generator 'start' \(did you mean strat\?\)"),
        (nothing, lambda n: kg.pypsa.strategic(n, [], cap=9), kg.ProblemError, "no generators of the firm"),
        (by_periods, lambda n: kg.pypsa.strategic(n, ["strat"], cap=9), kg.UnsupportedError, "investment periods"),
        (nothing, lambda n: kg.pypsa.follower(kg.Bilevel("m"), n).price("nroth"), kg.ProblemError,
         r"no bus 'nroth' has a balance \(did you mean north\?\)"),
        (nothing, lambda n: kg.pypsa.follower(kg.Bilevel("m"), []), kg.ProblemError,
         r"a pypsa.Network is expected, got list; pip install 'kktgen\[pypsa\]'"),
    ],
)  # fmt: skip
def test_what_is_no_market_of_a_firm_is_refused(change, call, kind, words):
    n = network(2)
    change(n)
    with pytest.raises(kind, match=words):
        call(n)


@pytest.mark.parametrize("part", ["linopy", "PyPSA"])
def test_the_listings_of_the_guide_run(part):
    text = guide.page("neighbours").text.partition(f"\n## {part}\n")[2]
    names = {"kg": kg}
    exec(text.partition("```py\n")[2].partition("```")[0], names)
    assert names["result"].solution.objective == pytest.approx(1200)
    assert names["result"].report.claim == "optimal"


@pytest.mark.slow
def test_a_week_of_ten_buses_is_imported_in_less_than_two_seconds():
    n, rng = pypsa.Network(), np.random.default_rng(0)
    n.set_snapshots(pd.date_range("2026-01-01", periods=168, freq="h"))
    buses = [f"b{k}" for k in range(10)]
    n.add("Bus", buses)
    n.add("Line", [f"L{k}" for k in range(10)], bus0=buses, bus1=np.roll(buses, 1), x=0.1, r=0.001, s_nom=300)
    for k, bus in enumerate(buses):
        n.add("Generator", [f"{bus}g{j}" for j in range(3)], bus=bus, p_nom=120, marginal_cost=rng.uniform(10, 90, 3))
        n.add("Load", f"d{k}", bus=bus, p_set=rng.uniform(100, 250, 168))
    model = n.optimize.create_model()
    start = time.perf_counter()
    market = kg.linopy.follower(kg.Bilevel("week"), model)
    assert time.perf_counter() - start < 2
    assert market["Generator-p"].shape == (168, 30)


def _hours(**own):
    """Two hours, a firm's generator and two rivals at one bus."""
    n = pypsa.Network(snapshots=pd.date_range("2030-01-01", periods=2, freq="h"))
    n.add("Bus", "b")
    n.add("Load", "d", bus="b", p_set=60)
    n.add("Generator", "own", bus="b", p_nom=30, marginal_cost=10, **own)
    n.add("Generator", ["rival", "peak"], bus="b", p_nom=[50, 200], marginal_cost=[20, 70])
    return n


def test_costs_of_the_firm_may_differ_from_hour_to_hour():
    """The firm sells 10 at its cap 50 and at what its slope adds, or 30 at 20."""
    n = _hours()
    n.c.generators.dynamic["marginal_cost"] = pd.DataFrame({"own": [5.0, 15.0]}, n.snapshots)
    n.c.generators.dynamic["marginal_cost_quadratic"] = pd.DataFrame({"own": [0.5, 1.0]}, n.snapshots)
    m, market = kg.pypsa.strategic(n, ["own"], cap=50)
    result = kg.optimize(m, time_limit=60)
    market.assign(result.solution)
    p, price = n.generators_t.p["own"], n.buses_t.marginal_price["b"]
    earned = ((price - [5.0, 15.0]) * p - [0.5, 1.0] * p**2).sum()
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(earned)
    assert earned == pytest.approx((60 - 5) * 10 - 0.5 * 100 + (70 - 15) * 10 - 100)


def test_caps_of_offers_and_capacities_are_read_by_their_labels():
    n = _hours()
    n.add("Generator", "own 2", bus="b", p_nom=5, marginal_cost=12)
    caps = pd.DataFrame({"own": [50.0, 40.0], "own 2": [45.0, 44.0]}, n.snapshots)
    for given in (caps, caps[["own 2", "own"]], caps.iloc[::-1], caps.T):
        m, market = kg.pypsa.strategic(n, ["own 2", "own"], cap=given)
        assert m.space.ub[market.offer.cols].tolist() == [[45, 50], [44, 40]]
    m, market = kg.pypsa.strategic(n, ["own 2", "own"], cap=caps.iloc[0])
    assert m.space.ub[market.offer.cols].tolist() == [[45, 50], [45, 50]]
    n.generators.loc[["own", "own 2"], "p_nom_extendable"] = True
    m, market = kg.pypsa.merchant(n, ["own 2", "own"], cap=pd.Series({"own": 7.0, "own 2": 3.0}))
    m.maximize(market.capacity @ [1, 1])
    assert kg.optimize(m, time_limit=60).solution[market.capacity].round(6).tolist() == [3, 7]


def test_a_generator_that_is_not_active_is_none_of_the_firm():
    with pytest.raises(kg.ProblemError, match="'own', it is not active; the network has rival, peak"):
        kg.pypsa.strategic(_hours(active=False), ["own"], cap=50)
