"""A follower from matrices: the same QP as written by hand, the neighbour's answer where the leader is fixed."""

from __future__ import annotations

import highspy
import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg
from kktgen.numerics.quiet_highs import quiet


def market(m, **changes):
    """Return the market in which a firm's offer of at most 60 meets a rival at 30."""
    data = {
        "P": [[0, 1, 0], [1, 0, 0], [0, 0, 0]], "q": [0, 0, 30], "A": [[0, 1, 1]], "lo": 100, "hi": 100, "lb": 0,
        "ub": [60, 60, 80], "leader": ["offer"], "names": ["offer", "own", "rival"], "rows": ["balance"],
        "name": "market",
    }  # fmt: skip
    return kg.matrices.follower(m, **(data | changes))


def drawn(seed, strict=True):
    """Return matrices of a feasible model of 3 leader and 5 follower columns, rows of every kind, scattered."""
    rng = np.random.default_rng(seed)
    n, k = 8, 6
    theirs = np.zeros(n, dtype=bool)
    theirs[rng.choice(n, 3, replace=False)] = True
    own = np.flatnonzero(~theirs)
    P = np.zeros((n, n))
    C = rng.normal(size=(5, 5))
    P[np.ix_(own, own)] = C @ C.T + np.eye(5) if strict else 0.0
    P[np.ix_(own, np.flatnonzero(theirs))] = rng.integers(-2, 3, (5, 3))
    P = np.triu(P + P.T, 1) + np.triu(P + P.T, 1).T + np.diag(P.diagonal())
    P[np.ix_(own, own)] = C @ C.T + np.eye(5) if strict else 0.0
    A = np.round(rng.normal(size=(k, n)), 2) * (rng.random((k, n)) < 0.7)
    z = rng.uniform(-1, 1, n)
    lo, hi = A @ z - rng.uniform(0, 1, k), A @ z + rng.uniform(0, 1, k)
    lo[0] = hi[0] = (A @ z)[0]
    lo[1], hi[2] = -np.inf, np.inf
    lb, ub = np.full(n, -3.0), np.full(n, 3.0)
    lb[theirs] = ub[theirs] = z[theirs]
    return {"P": P, "q": rng.normal(size=n), "A": A, "lo": lo, "hi": hi, "lb": lb, "ub": ub}, theirs


def solved(data):
    """Return objective, point, multipliers of rows and of bounds by HiGHS."""
    model, n, k = highspy.HighsModel(), len(data["q"]), len(data["lo"])
    lp, A = model.lp_, sp.csr_array(data["A"])
    lp.num_col_, lp.num_row_, lp.col_cost_ = n, k, data["q"]
    lp.col_lower_, lp.col_upper_, lp.row_lower_, lp.row_upper_ = data["lb"], data["ub"], data["lo"], data["hi"]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = A.indptr, A.indices, A.data
    if np.any(data["P"]):
        lower = sp.csc_array(np.tril(data["P"]))
        model.hessian_.dim_, model.hessian_.format_ = n, highspy.HessianFormat.kTriangular
        model.hessian_.start_, model.hessian_.index_, model.hessian_.value_ = lower.indptr, lower.indices, lower.data
    highs = quiet()
    highs.passModel(model)
    highs.run()
    found = highs.getSolution()
    value = highs.getInfo().objective_function_value
    return value, *(np.array(part) for part in (found.col_value, found.row_dual, found.col_dual))


def answered(m):
    """Return a point of a problem whose leader is fixed."""
    m.minimize(0)
    return kg.optimize(m, time_limit=20).solution


@pytest.mark.parametrize("seed", range(40))
def test_a_fixed_leader_gives_what_highs_gives(seed):
    strict = seed % 2 == 0
    data, theirs = drawn(seed, strict)
    m = kg.Bilevel("fixed")
    if not strict:  # HiGHS takes no indefinite Hessian: the products become costs at the leader's values
        fixed = dict(data, q=data["q"] + data["P"] @ np.where(theirs, data["lb"], 0.0), P=np.zeros((8, 8)))
    else:
        fixed = dict(data, P=data["P"] * np.outer(~theirs, ~theirs))
        fixed["q"] = data["q"] + (data["P"] * ~theirs[:, None]) @ np.where(theirs, data["lb"], 0.0)
    f = kg.matrices.follower(m, **data, leader=theirs)
    value, point, rows, bounds = solved(fixed)
    solution = answered(m)
    cost = solution[f.objective] - data["q"][theirs] @ data["lb"][theirs]
    assert cost == pytest.approx(value - data["q"][theirs] @ data["lb"][theirs], abs=1e-5)
    assert f.point(solution) == pytest.approx(point, abs=1e-4)
    assert f.dual.point(solution) == pytest.approx(rows, abs=1e-4)
    mine = (f.lower_dual.point(solution) + f.upper_dual.point(solution))[~theirs]
    assert mine == pytest.approx(bounds[~theirs], abs=1e-4)


def test_the_bidder_asks_the_price_of_its_rival():
    m = kg.Bilevel("bidding")
    f = market(m)
    m.maximize(f.dual["balance"] @ f["own"] - 10 * f["own"])
    result = kg.optimize(m)
    assert result.solution.objective == pytest.approx(1200)
    assert result.solution[f.dual["balance"]] == pytest.approx(30)
    assert result.report.claim == "optimal"


def test_the_qp_is_the_one_written_by_hand():
    m, by_hand = kg.Bilevel("names"), kg.Bilevel("names")
    f = market(m)
    offer = by_hand.var("offer", lb=0, ub=60)
    lower = by_hand.follower("market")
    own, rival = lower.var("own", lb=0, ub=60), lower.var("rival", lb=0, ub=80)
    lower.add(own + rival == 100, name="balance")
    lower.minimize(offer @ own + 30 * rival)
    for problem in (m, by_hand):
        problem.minimize(0)
    assert kg.dumps(m, "bilevel.json") == kg.dumps(by_hand, "bilevel.json")
    assert f["own"].cols == own.cols


def test_a_bundle_gives_the_same_problem_back(tmp_path):
    m = kg.Bilevel("bidding")
    f = market(m)
    m.maximize(f.dual["balance"] @ f["own"] - 10 * f["own"])
    again = kg.read(kg.write(m, tmp_path / "m.bilevel.json"))
    assert kg.dumps(again, "bilevel.json") == kg.dumps(m, "bilevel.json")
    assert kg.optimize(again).solution.objective == pytest.approx(1200)


def test_arrays_of_names_keep_their_shapes_and_absent_entries_are_zero():
    m = kg.Bilevel("arrays")
    names = {"x": [[0, 1], [-1, 2]], "y": [3, 4]}
    f = kg.matrices.follower(
        m, None, [1, 1, 1, 1, 1], np.eye(5), 1, np.inf, leader=[False, True, False, False, False], names=names,
        rows={"r": [[4, -1], [0, 1], [2, 3]]},
    )  # fmt: skip
    assert (f["x"].shape, f["y"].shape, f.dual["r"].shape) == ((2, 2), (2,), (3, 2))
    m.minimize(f["x"].sum() + f["y"].sum())
    solution = kg.optimize(m).solution
    assert solution[f["x"]] == pytest.approx(np.array([[1, 1], [0, 1]]))
    assert solution[f.dual["r"]] == pytest.approx(np.array([[1, 0], [1, 0], [1, 1]]))  # column 1 is the leader's
    assert [len(row) for row in m.rows] == [1]
    assert solution[f["y"].lower_dual] == pytest.approx([0, 0])


def test_rows_of_the_leader_are_kept_by_the_leader_alone():
    m = kg.Bilevel("rows")
    f = kg.matrices.follower(
        m, None, [0, -1], [[1, 0], [0, 1], [1, 1]], -np.inf, [4, 5, 6], lb=0, leader=["x"], names=["x", "y"],
        rows=["own", "limit", "shared"], rows_of_leader=["sh*"],
    )  # fmt: skip
    assert [row.name for row in m.rows] == ["own", "shared"]
    m.maximize(f["x"])
    solution = kg.optimize(m).solution
    assert (solution[f["y"]], solution[f["x"]]) == pytest.approx((5, 1))  # the follower does not look at x + y <= 6
    assert solution[f.dual["shared"]] == 0


def test_terms_of_the_leader_alone_are_no_cost_of_the_follower_but_of_its_objective():
    m = kg.Bilevel("terms")
    f = kg.matrices.follower(
        m, [[2, 0], [0, 0]], [5, 1], np.zeros((0, 2)), [], [], lb=[3, 2], ub=[3, 9], leader=["x"], names=["x", "y"],
        offset=7,
    )  # fmt: skip
    solution = answered(m)
    assert solution[f.objective] == pytest.approx(9 + 15 + 2 + 7)
    assert solution[m.followers[0].cost] == pytest.approx(2)


def test_a_maximised_objective_has_the_multipliers_of_the_minimised_one():
    m = kg.Bilevel("sense")
    f = kg.matrices.follower(m, None, [3], [[1]], -np.inf, 4, lb=0, names=["y"], rows=["limit"], sense="max")
    solution = answered(m)
    assert solution[f["y"]] == pytest.approx(4)
    assert solution[f.dual["limit"]] == pytest.approx(-3)


def test_expressions_of_the_leader_stand_for_columns():
    m = kg.Bilevel("given")
    mean, spread = m.var("mean", lb=10, ub=10), m.var("spread", lb=4, ub=4)
    f = kg.matrices.follower(
        m, [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]], [0, 0, 0, -12], [[1, 0, 1, 0], [0, 0, 1, 1]],
        [15, -np.inf], [np.inf, 8], lb=0, names={"price": [0, 1], "y": [2, 3]}, rows=["need", "limit"],
        given={"price": kg.stack([mean, mean + spread - 5])},
    )  # fmt: skip
    assert [block.word for block in m.space.blocks if block.role == "leader"] == ["mean", "spread"]
    solution = answered(m)
    assert f.point(solution) == pytest.approx([10, 9, 5, 3])
    assert f.dual.point(solution) == pytest.approx([13, -3])
    assert solution[f.objective] == pytest.approx(50 + 27 - 36)


def test_many_names_are_declared_at_once_and_found_one_by_one():
    m, n = kg.Bilevel("many"), 600
    f = kg.matrices.follower(
        m, None, np.ones(n), sp.eye_array(n), np.arange(n), np.inf, names=[f"g{k}" for k in range(n)],
        rows=[f"r{k}" for k in range(n)],
    )  # fmt: skip
    assert [block.word for block in m.space.blocks] == ["columns", "mu"]
    assert f["g17"].cols == 17
    solution = answered(m)
    assert solution[f["g599"]] == pytest.approx(599)
    assert solution[f.dual["r599"]] == pytest.approx(1)


def test_integer_columns_are_the_leaders():
    m = kg.Bilevel("kinds")
    f = kg.matrices.follower(
        m, None, [0, 0, -1], [[-4, -1, 1]], -np.inf, 0, lb=0, ub=[9, 3.5, 20], leader=["built", "units"],
        names=["built", "units", "y"], kinds=["B", "I", "C"],
    )  # fmt: skip
    assert m.space.kind[:3].tolist() == ["B", "I", "C"]
    assert m.space.ub[0] == 1
    m.maximize(f["y"])
    assert kg.optimize(m).solution.objective == pytest.approx(7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"q": [0, np.nan, 1]}, "follower 'market': q: NaN"),
        ({"q": [0, np.inf, 1]}, "inf in q"),
        ({"q": [0, 1]}, r"A has shape \(1, 3\); q has 2 entries"),
        ({"P": [[1, 0], [0, 1]]}, r"P has shape \(2, 2\)"),
        ({"P": [[0, np.inf, 0], [0, 0, 0], [0, 0, 0]]}, "NaN or inf in P"),
        ({"A": sp.csr_array([[0, np.nan, 1]])}, "NaN or inf in A"),
        ({"lo": [1, 2]}, r"lo has shape \(2,\); expected one number or 1"),
        ({"lb": [0, 70, 0]}, "sides 70 and 60 leave no value to columns own"),
        ({"lo": 101}, "sides 101 and 100 leave no value to rows balance"),
        ({"leader": ["offre"]}, r"no columns are named 'offre' \(did you mean offer\?\)"),
        ({"leader": [True, False]}, "a mask of 3 booleans"),
        ({"rows_of_leader": ["flow*"]}, r"no rows are named 'flow\*'"),
        ({"names": ["a", "a", "b"]}, "names of columns are there twice: a"),
        ({"names": ["a", "b"]}, "2 names for 3 columns"),
        ({"names": {"x": [0, 1, 1]}}, "hold every position 0 .. 2 once"),
        ({"rows": {"x": [0.5]}}, "names of rows map to arrays of positions"),
        ({"kinds": "X"}, "kinds are 'C', 'B' or 'I'"),
        ({"sense": "least"}, "sense is 'min' or 'max'"),
        ({"P": np.diag([0, -1, 0])}, "not convex in its own variables"),
        ({"leader": ["*"]}, "every column is the leader's"),
        ({"given": {"own": 3}}, "'own': a linear expression of shape .* got int"),
    ],
)
def test_what_cannot_be_a_follower_is_refused(changes, words):
    with pytest.raises(kg.ProblemError, match=words):
        market(kg.Bilevel("refused"), **changes)


def test_a_followers_column_does_not_stand_for_the_leaders():
    m = kg.Bilevel("given")
    y = m.follower("other").var("y")
    with pytest.raises(kg.ProblemError, match="it is the leader's"):
        market(m, given={"offer": y}, leader=[])


@pytest.mark.parametrize(
    "changes", [{"lo": 101}, {"P": np.diag([0, -1, 0])}, {"P": np.diag([0, 1, 0]), "sense": "max"}]
)
def test_what_is_refused_leaves_no_columns(changes):
    m = kg.Bilevel("refused")
    with pytest.raises(kg.ProblemError):
        market(m, **changes)
    assert (len(m.space), m.followers) == (0, ())


def test_two_followers_share_a_variable_of_the_leader():
    m = kg.Bilevel("shared")
    first = market(m)
    with pytest.raises(kg.ProblemError, match="the leader has a variable 'offer' already; .*given={'offer': ..}"):
        market(m, name="again")
    assert [f.name for f in m.followers] == ["market"]
    second = market(m, name="again", given={"offer": first["offer"]}, leader=[])
    assert second["offer"].cols == first["offer"].cols
    assert [len(f.columns) for f in m.followers] == [2, 2]
