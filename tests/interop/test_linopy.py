"""linopy models as followers: masks, labels and signs as linopy's own solve has them, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg

linopy = pytest.importorskip("linopy", reason="needs linopy: pip install 'kktgen[linopy]'")
pd = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")

T, K = pd.RangeIndex(4, name="t"), pd.Index(["a", "b", "c"], name="k")


@pytest.fixture(autouse=True)
def strict_semantics(monkeypatch):
    """Have linopy read what is absent as absent."""
    old = linopy.options["semantics"]
    linopy.options["semantics"] = "v1"
    yield
    linopy.options["semantics"] = old


def drawn(seed):
    """Return a model with a masked variable of the follower, rows of both signs, and the leader's ``x`` in both."""
    rng = np.random.default_rng(seed)
    model = linopy.Model()

    def over(values, *dims):
        return xr.DataArray(np.asarray(values, dtype=float), coords=[T, K] if len(dims) == 2 else dims)

    mask = xr.DataArray(rng.random((4, 3)) < 0.8, coords=[T, K])
    mask[:, 0] = True
    mask[0, :] = True  # x multiplies these
    y = model.add_variables(lower=-2, upper=5, coords=[T, K], name="y", mask=mask)
    x = model.add_variables(lower=0, upper=1, coords=[K], name="x")
    C = over(rng.uniform(1, 5, (4, 3)) * rng.choice([-1.0, 1.0], (4, 3)), T, K)
    D = over(rng.integers(-3, 4, 3), K)
    sign = xr.DataArray(rng.choice(["<=", ">="], 4), coords=[T])
    filled = y.fillna(0)
    model.add_constraints((C * filled).sum("k") + (D * x).sum("k"), sign, 0.0, name="mix")
    model.add_constraints(filled.sum("k") <= over(rng.uniform(1, 3, 4), T), name="total")
    cost = over(rng.normal(size=(4, 3)), T, K)
    objective = (cost * filled).sum() + (x * filled.isel(t=0, drop=True)).sum()
    if seed % 2:
        objective = objective + 1.5 * (y * y).sum()
    sense = "min" if seed % 3 else "max"
    model.add_objective(objective if sense == "min" else -1 * objective, sense=sense)
    return model, rng.integers(0, 2, 3).astype(float)


def values(model, kind):
    """Return the values of all variables, or of the multipliers of all constraints."""
    parts = model.variables if kind == "solution" else model.constraints
    return {key: np.array(getattr(parts[key], kind).values, dtype=float) for key in parts}


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(k, marks=pytest.mark.slow) for k in range(8, 40))])
def test_a_fixed_leader_gives_what_linopy_gives(seed):
    model, at = drawn(seed)
    model.variables["x"].lower.values[:] = at
    model.variables["x"].upper.values[:] = at
    m = kg.Bilevel("fixed")
    f = kg.linopy.follower(m, model, leader=["x"])
    m.minimize(0)
    try:
        solution = kg.optimize(m, time_limit=20).solution
        f.assign(solution)
    except kg.NoSolutionError:
        assert linopys_own(model, at)[1] != "optimal"
        return
    mine = [model.objective.value, values(model, "solution"), values(model, "dual")]
    assert linopys_own(model, at) == ("ok", "optimal")
    assert mine[0] == pytest.approx(model.objective.value, abs=1e-5)
    for key, found in values(model, "dual").items():
        assert mine[2][key] == pytest.approx(found, abs=1e-4)
    if seed % 2:
        assert mine[1]["y"] == pytest.approx(values(model, "solution")["y"], abs=1e-4, nan_ok=True)


def linopys_own(model, at):
    """Solve the model with linopy after its products are costs: HiGHS takes no indefinite Hessian."""
    y, M, sense = model.variables["y"], model.matrices, model.objective.sense
    sign = 1 if sense == "min" else -1
    flat = y.labels.values.ravel()
    cost = np.where(flat >= 0, M.c[np.searchsorted(M.vlabels, np.maximum(flat, 0))], 0.0)
    expression = (y.labels.copy(data=cost.reshape(y.shape)) * y.fillna(0)).sum()
    expression = expression + sign * (xr.DataArray(at, coords=[K]) * y.isel(t=0, drop=True)).sum()
    if M.Q.diagonal().any():
        expression = expression + sign * 1.5 * (y * y).sum()
    model.add_objective(expression, overwrite=True, sense=sense)
    return model.solve("highs", log_to_console=False, output_flag=False)


def bidding():
    """Return a model of two plants whose market minimises the costs at the leader's offer."""
    model, plant = linopy.Model(), pd.Index(["own", "rival"], name="plant")
    offer = model.add_variables(lower=0, upper=60, name="offer")
    g = model.add_variables(lower=0, upper=pd.Series([60, 80], plant), coords=[plant], name="g")
    model.add_constraints(g.sum() == 100, name="balance")
    model.add_constraints(g <= pd.Series([60.0, 80.0], plant), name="limit")
    model.add_objective(offer * g.sel(plant="own", drop=True) + (pd.Series([0.0, 30.0], plant) * g).sum())
    return model


def test_variables_and_multipliers_are_taken_by_label():
    model, m = bidding(), kg.Bilevel("bidding")
    market = kg.linopy.follower(m, model, leader=["offer"], name="market")
    own = market["g"].sel(plant="own")
    assert own.cols == market["g"].cols[0]
    assert market["g"].sel(plant=["rival", "own"]).sel(plant="own").cols == own.cols
    assert market["g"].sel(plant=slice("rival", None)).shape == (1,)
    assert market.dual["limit"].sel(plant="rival").shape == ()
    assert market.upper_dual["g"].sel(plant="own").M.nnz == 1
    m.maximize(market.dual["balance"] @ own - 10 * own)
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(1200)
    market.assign(result.solution)
    assert model.status == "ok"
    assert float(model.dual["balance"]) == pytest.approx(30)
    assert model.solution["g"].sel(plant="own") == pytest.approx(60)
    assert float(model.solution["offer"]) == pytest.approx(result.solution[market["offer"]])
    assert model.objective.value == pytest.approx(result.solution[market.objective])
    assert repr(market).startswith("LinopyFollower('market': offer, g; rows balance, limit")


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (lambda f: f["g"].sel(plant="owm"), r"sel\(plant='owm'\): .*; dimensions of the expression: plant \(2\)"),
        (lambda f: f["g"].sel(bus="own"), "dimensions of the expression: plant"),
        (lambda f: f["offer"].sel(plant="own"), "dimensions of the expression: none"),
        (lambda f: (2 * f["g"]).sel(plant="owm"), "no such label; there are own"),
    ],
)
def test_labels_that_are_not_there_are_refused(take, words):
    market = kg.linopy.follower(kg.Bilevel("bidding"), bidding(), leader=["offer"])
    with pytest.raises(kg.ProblemError, match=words):
        take(market)


def test_some_entries_of_a_variable_are_the_leaders():
    model, m = bidding(), kg.Bilevel("some")
    f = kg.linopy.follower(m, model, leader={"offer": None, "g": {"plant": ["own"]}})
    assert m.space.owner[f["g"].cols].tolist() == [-1, 0]
    assert [row.name for row in m.rows] == ["limit"]
    m.maximize(f.dual["balance"] @ f["g"].sel(plant="own"))
    result = kg.optimize(m)
    f.assign(result.solution)
    dual = model.dual["limit"]
    assert np.isnan(dual.sel(plant="own"))  # the leader's row
    assert not np.isnan(dual.sel(plant="rival"))


def test_two_markets_share_an_offer_of_the_leader():
    m, models = kg.Bilevel("two"), [bidding(), bidding()]
    offer = m.var("offer", lb=0, ub=60)
    markets = [
        kg.linopy.follower(m, model, given={"offer": offer}, name=f"market{k}") for k, model in enumerate(models)
    ]
    own = [market["g"].sel(plant="own") for market in markets]
    m.maximize(markets[0].dual["balance"] @ own[0] + markets[1].dual["balance"] @ own[1] - 10 * own[0] - 10 * own[1])
    solution = kg.optimize(m).solution
    assert solution.objective == pytest.approx(2400)
    markets[1].assign(solution)
    assert float(models[1].solution["offer"]) == pytest.approx(solution[offer])


def test_rows_of_the_leader_by_label():
    m = kg.Bilevel("rows")
    kg.linopy.follower(m, bidding(), leader=["off*"], rows_of_leader={"limit": {"plant": ["rival"]}})
    assert [(row.name, len(row)) for row in m.rows] == [("limit", 1)]


def test_masked_entries_are_zero_and_no_columns():
    model = linopy.Model()
    y = model.add_variables(lower=1, coords=[K], name="y", mask=xr.DataArray([True, False, True], coords=[K]))
    model.add_objective(2 * y.fillna(0).sum())
    m = kg.Bilevel("mask")
    f = kg.linopy.follower(m, model)
    assert (f["y"].shape, f["y"].M.nnz) == ((3,), 2)
    m.minimize(f["y"].sum())
    solution = kg.optimize(m).solution
    assert solution[f["y"]] == pytest.approx([1, 0, 1])
    f.assign(solution)
    assert np.isnan(model.solution["y"].sel(k="b"))
    assert solution[f.lower_dual["y"]] == pytest.approx([2, 0, 2])


def masked_product(semantics, cost):
    """Return a model with a cost of the leader's ``a`` and the follower's ``y``, whose second entry is masked."""
    linopy.options["semantics"] = semantics
    model, mask = linopy.Model(), xr.DataArray([True, False, True], coords=[K])
    y = model.add_variables(lower=1, upper=3, coords=[K], name="y", mask=mask)
    a = model.add_variables(lower=-5, upper=-5, coords=[K], name="a")
    model.add_objective(cost(a, y).sum())
    return model


@pytest.mark.parametrize("semantics", ["legacy", "v1"])
def test_the_leaders_product_with_a_masked_entry_is_no_cost_of_the_follower(semantics):
    m = kg.Bilevel("masked")
    f = kg.linopy.follower(m, masked_product(semantics, lambda a, y: a * y), leader=["a"])
    m.minimize(0)
    solution = kg.optimize(m).solution
    assert solution[f["y"]] == pytest.approx([3, 0, 3])
    assert solution[f.follower.cost] == pytest.approx(-30)


def test_costs_that_linopy_made_nan_are_refused_by_name():
    model = masked_product("v1", lambda a, y: a * y.fillna(0))
    with pytest.raises(kg.ProblemError, match=r"costs are NaN of a\[1\]. A product with masked entries is written"):
        kg.linopy.follower(kg.Bilevel("nan"), model, leader=["a"])


def test_rows_without_variables_are_the_leaders_where_it_has_a_column_in_them():
    model = linopy.Model()
    x = model.add_variables(lower=0, upper=9, name="x")
    y = model.add_variables(lower=0, coords=[K], name="y", mask=xr.DataArray([True, False, False], coords=[K]))
    model.add_constraints(y.fillna(0) + x >= pd.Series([5.0, 4.0, 3.0], K), name="row")
    model.add_objective(y.fillna(0).sum())
    m = kg.Bilevel("rows")
    f = kg.linopy.follower(m, model, leader=["x"])
    m.minimize(f["x"])
    assert kg.optimize(m).solution[f["x"]] == pytest.approx(4)


def test_scaling_for_solvers_is_taken_out_again():
    model, m = bidding(), kg.Bilevel("scaled")
    if not hasattr(model.variables["g"], "scaling"):
        pytest.skip("this linopy scales nothing")
    model.variables["g"].scaling = 4.0
    model.constraints["balance"].scaling = 0.5
    model.objective.scaling = 3.0
    market = kg.linopy.follower(m, model, leader=["offer"])
    own = market["g"].sel(plant="own")
    m.maximize(market.dual["balance"] @ own - 10 * own)
    solution = kg.optimize(m).solution
    assert solution.objective == pytest.approx(1200)
    market.assign(solution)
    assert float(model.dual["balance"]) == pytest.approx(30)
    assert float(model.solution["g"].sel(plant="own")) == pytest.approx(60)
    assert model.objective.value == pytest.approx(solution[market.objective])


def test_a_bundle_gives_the_linopy_problem_back(tmp_path):
    m = kg.Bilevel("bidding")
    market = kg.linopy.follower(m, bidding(), leader=["offer"], name="market")
    own = market["g"].sel(plant="own")
    m.maximize(market.dual["balance"] @ own - 10 * own)
    again = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(again, "bilevel.json") == kg.dumps(m, "bilevel.json")


def with_integers(model):
    model.add_variables(binary=True, name="on")


def with_sos(model):
    model.add_sos_constraints(model.add_variables(lower=0, upper=1, coords=[T], name="z"), sos_type=1, sos_dim="t")


def with_semi_continuous(model):
    model.add_variables(lower=1, upper=2, semi_continuous=True, name="s")


def with_indicators(model):
    on = model.add_variables(binary=True, name="on")
    model.add_indicator_constraints(on, 1, model.variables["offer"] >= 3, name="if")


@pytest.mark.parametrize(
    ("change", "options", "kind", "words"),
    [
        (with_integers, {}, kg.ProblemError, "1 of its variables are integer: on.*; answers to linopy have duals"),
        (with_sos, {}, kg.UnsupportedError, "SOS sets over variables z"),
        (with_semi_continuous, {}, kg.UnsupportedError, "semi-continuous variables s"),
        (with_indicators, {"leader": ["on", "offer"]}, kg.UnsupportedError, "indicator constraints if"),
        (None, {"leader": ["offers"]}, kg.ProblemError, r"no variables are named 'offers' \(did you mean offer\?\)"),
        (None, {"rows_of_leader": ["flow"]}, kg.ProblemError, "no constraints are named 'flow'"),
        (None, {"leader": {"g": {"plant": ["x"]}}}, kg.ProblemError, "labels of 'g': .*; its dimensions are plant"),
        (None, {"leader": {"g": {"bus": ["x"]}}}, kg.ProblemError, "labels of 'g': .*; its dimensions are plant"),
    ],
)
def test_what_kktgen_does_not_hold_is_refused(change, options, kind, words):
    model = bidding()
    if change is not None:
        change(model)
    with pytest.raises(kind, match=words):
        kg.linopy.follower(kg.Bilevel("refused"), model, **({"leader": ["offer"]} | options))


def test_something_else_than_a_linopy_model_is_refused():
    with pytest.raises(kg.ProblemError, match=r"a linopy.Model is expected, got dict; pip install 'kktgen\[linopy\]'"):
        kg.linopy.follower(kg.Bilevel("refused"), {})


def test_entries_are_called_by_linopys_labels():
    model, plant = linopy.Model(), pd.Index(["own", "rival"], name="plant")
    hour = pd.date_range("2030-01-01", periods=2, freq="h", name="snapshot")
    absent = pd.DataFrame([[True, True], [True, False]], hour, plant)
    offer = model.add_variables(lower=0, upper=60, coords=[hour], name="offer")
    g = model.add_variables(lower=0, upper=80, coords=[hour, plant], name="g", mask=absent)
    model.add_constraints(g.sum("plant") >= 50, name="balance")
    model.add_objective((offer * g.sel(plant="own", drop=True)).sum() + 2 * g.sum())
    m = kg.Bilevel("labels")
    f = kg.linopy.follower(m, model, leader=["offer"], name="market")
    names = [m.space.label(k) for k in range(len(m.space))]
    assert names[:5] == ["offer(00:00)", "offer(01:00)"] + [f"g(market,{k})" for k in _entries(hour, plant, absent)]
    assert "mu(market,balance,01:00)" in names
    m.maximize(f.dual["balance"].sum())
    assert kg.optimize(m).solution.frame(f.dual["balance"]).index.equals(hour)


def _entries(hour, plant, there):
    """Return the labels of entries that are not masked, as they are printed beside one another."""
    return [f"0{h}:00/{p}" for h in range(2) for k, p in enumerate(plant) if there.iloc[h, k]]


def test_values_of_masked_variables_keep_their_labels():
    model, hour = linopy.Model(), pd.Index([7, 8], name="hour")
    plant, mask = pd.Index(["own", "rival"], name="plant"), pd.DataFrame([[True, True], [True, False]])
    mask.index, mask.columns = hour, plant
    g = model.add_variables(lower=0, upper=9, coords=[hour, plant], name="g", mask=mask)
    model.add_constraints(g.sum("plant") == pd.Series([12, 5], hour), name="balance")
    model.add_objective((pd.Series([1, 2], plant) * g).sum())
    m = kg.Bilevel("masked")
    market = kg.linopy.follower(m, model)
    m.minimize(0)
    frame = kg.optimize(m).solution.frame(market["g"])
    assert frame.index.equals(hour) and frame.columns.equals(plant)
    assert frame.to_numpy().round(6).tolist() == [[9, 3], [5, 0]]
