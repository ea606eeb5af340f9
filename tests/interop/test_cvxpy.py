"""cvxpy problems as followers: cost, point and duals as cvxpy's own solve has them, refusals, and the way back."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import written

import kktgen as kg
from kktgen import guide

pytestmark = pytest.mark.filterwarnings("ignore:(Reading from|Accessing) a sparse CVXPY:RuntimeWarning")
cp = pytest.importorskip("cvxpy", reason="needs cvxpy: pip install 'kktgen[cvxpy]'")
EXACT = {"solver": "CLARABEL", "tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
"""cvxpy's solve, as exact as the comparisons below need it."""


def drawn(seed):
    """Return a problem of many atoms, its parameters with values, and its constraints."""
    rng = np.random.default_rng(seed)
    n = 5
    x, s = cp.Variable((n, 2), name="x", nonneg=bool(seed % 2)), cp.Variable(3, name="s")
    p, W, b = cp.Parameter(n, name="p"), cp.Parameter((n, 2), name="W"), cp.Parameter(name="b", nonneg=True)
    A = rng.normal(size=(3, n))
    rows = [
        A @ x[:, 0] + s == W[:3, 1] + p[0],
        x[:, 1] <= b + cp.multiply(np.arange(1, n + 1), p),
        cp.sum(x, axis=0) >= W[0, :] - 1,
        cp.abs(s) <= 4 + b,
        cp.reshape(x[:4, :], (2, 4), order="C") >= -9,
    ]
    cost = cp.sum_squares(x - 1) + cp.sum(cp.multiply(W, x)) + 2 * cp.norm1(s) + cp.max(x[:, 0])
    cost = cost + 0.5 * cp.sum_squares(s) + 3 * b + p @ x[:, 1] + b * cp.sum(cp.pos(x[:, 0] - 1))
    problem = cp.Problem(cp.Minimize(cost) if seed % 3 else cp.Maximize(-cost), rows)
    values = {p: rng.uniform(0, 2, n), W: rng.uniform(-1, 1, (n, 2)), b: np.asarray(rng.uniform(0, 2))}
    return problem, [x, s], rows, values


def attributed(seed):
    """Return a problem whose variables and parameters are symmetric, diagonal, sparse and bounded."""
    rng = np.random.default_rng(100 + seed)
    X, D = cp.Variable((3, 3), symmetric=True, name="X"), cp.Variable((3, 3), diag=True, name="D")
    S = cp.Variable((3, 2), sparsity=([0, 2], [1, 0]), name="S")
    y = cp.Variable(3, nonpos=True)
    z = cp.Variable((2, 3), bounds=[-1, 2], name="z")
    C, d = cp.Parameter((3, 3), symmetric=True, name="C"), cp.Parameter((3, 3), diag=True, name="d")
    t, n = cp.Parameter((3, 2), sparsity=([0, 2], [1, 0]), name="t"), cp.Parameter(nonneg=True)
    rows = [cp.sum(X) == 1, X + D >= C, t + 1 >= S, y[0] + cp.sum(z, axis=1) >= -1]
    cost = cp.sum_squares(X) + cp.trace(C @ X) + cp.sum(cp.multiply(d, D)) + cp.sum_squares(D) + cp.sum_squares(S - 1)
    cost = cost + n * cp.norm1(y - 1) + cp.sum_squares(y) + cp.sum_squares(z - rng.normal(size=(2, 3)))
    half = rng.normal(size=(3, 3))
    sparse = np.zeros((3, 2))
    sparse[[0, 2], [1, 0]] = rng.normal(size=2)
    values = {C: half + half.T, d: np.diag(rng.normal(size=3)), t: sparse, n: np.asarray(rng.uniform(0, 2))}
    return cp.Problem(cp.Minimize(cost), rows), [X, D, S, y, z], rows, values


def dense(value):
    """Return a value that cvxpy may hold as a sparse matrix."""
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value, dtype=float)


def own(problem, variables, rows):
    """Return what cvxpy's solve has: objective, values, duals."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        problem.solve(**EXACT)
        return problem.value, [dense(v.value) for v in variables], [dense(c.dual_value) for c in rows]


@pytest.mark.parametrize(
    ("make", "seed"),
    [(drawn, k) for k in range(6)] + [(attributed, k) for k in range(2)]
    + [pytest.param(drawn, k, marks=pytest.mark.slow) for k in range(6, 40)]
    + [pytest.param(attributed, k, marks=pytest.mark.slow) for k in range(2, 12)],
)  # fmt: skip
def test_a_fixed_leader_gives_what_cvxpy_gives(make, seed):
    problem, variables, rows, values = make(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for parameter, value in values.items():
            parameter.save_value(parameter.project(value))
    value, point, duals = own(problem, variables, rows)
    m = kg.Bilevel("fixed")
    given = {q: m.var(f"x{k}", v.shape, lb=v, ub=v) for k, (q, v) in enumerate(values.items()) if make is drawn}
    if make is attributed:
        m, given = symmetric_leader(values)
    f = kg.cvxpy.follower(problem, m, given)
    m.minimize(0)
    solution = kg.optimize(m, time_limit=20).solution
    assert solution[f.objective] == pytest.approx(value, abs=1e-4, rel=1e-5)
    for variable, there in zip(variables, point, strict=True):
        assert f[variable].shape == variable.shape
        assert solution[f[variable]] == pytest.approx(there, abs=1e-3)
    for row, there in zip(rows, duals, strict=True):
        assert f.dual[row].shape == row.shape
        assert solution[f.dual[row]] == pytest.approx(there, abs=2e-3)
    f.assign(solution)
    assert problem.objective.value == pytest.approx(value, abs=1e-4, rel=1e-5)
    assert all(c.violation() is not None and np.max(c.violation()) < 1e-5 for c in rows)
    assert dense(rows[0].dual_value) == pytest.approx(duals[0], abs=2e-3)


def symmetric_leader(values):
    """Return a leader whose variables, fixed at the values, make symmetric, diagonal and sparse expressions."""
    m, given = kg.Bilevel("fixed"), {}
    for k, (parameter, value) in enumerate(values.items()):
        if parameter.name() == "C":
            U = np.triu(value)
            u = m.var("u", (3, 3), lb=U, ub=U)
            given[parameter] = u + u.T - np.eye(3) * np.diag(value)
        else:
            mask = (value != 0).astype(float)
            given[parameter] = mask * m.var(f"x{k}", value.shape, lb=value, ub=value)
    return m, given


def market():
    """Return a market of four hours in which the leader sets an offer price an hour, and its parts."""
    load = np.array([50.0, 90, 110, 118])  # the others can always serve it
    g = cp.Variable((4, 3), name="g", nonneg=True)
    price, cap = cp.Parameter(4, name="offer"), cp.Parameter(name="cap", nonneg=True)
    balance = cp.sum(g, axis=1) == load
    rows = [balance, g[:, 0] <= cap, g[:, 1] <= 60, g[:, 2] <= 60]
    cost = price @ g[:, 0] + 20 * cp.sum(g[:, 1]) + 30 * cp.sum(g[:, 2]) + 0.05 * cp.sum_squares(g[:, 1:])
    cost = cost + 2 * cp.sum(cp.pos(g[:, 1] - 35))
    return cp.Problem(cp.Minimize(cost), rows), g, price, cap, balance


def bidding():
    """Return the problem of a firm that offers into the market, and the follower."""
    problem, g, price, cap, balance = market()
    m = kg.Bilevel("bidding")
    offer, most = m.var("offer", 4, lb=0, ub=60), m.var("cap", lb=0, ub=60)
    m.add(most <= 50, name="budget")
    f = kg.cvxpy.follower(problem, m, {price: offer, cap: most}, name="market")
    m.maximize(-f.dual[balance] @ f[g][:, 0] - 10 * f[g][:, 0].sum() - 3 * most)
    return m, f


def test_the_optimum_is_what_cvxpy_earns_at_the_robust_decision():
    m, f = bidding()
    result = kg.optimize(m, time_limit=60)
    robust = kg.robust(m, result.solution, time_limit=60).solution
    f.assign(robust)
    problem, g, price, cap, balance = (f.problem, *list(f), *list(f.given), f.problem.constraints[0])
    problem.solve(**EXACT)
    earned = -balance.dual_value @ g.value[:, 0] - 10 * g.value[:, 0].sum() - 3 * cap.value
    assert earned == pytest.approx(robust.objective, rel=1e-4)
    assert robust.objective == pytest.approx(result.solution.objective, rel=1e-3)
    rng, best = np.random.default_rng(0), -np.inf
    for _ in range(40):
        price.value, cap.value = rng.choice([0.0, 19.9, 25, 29.9, 33, 36, 59], 4), rng.choice([10.0, 30, 50])
        problem.solve(**EXACT)
        best = max(best, -balance.dual_value @ g.value[:, 0] - 10 * g.value[:, 0].sum() - 3 * cap.value)
    assert best <= result.solution.objective + 1e-4


def test_a_bundle_holds_the_same_problem(tmp_path):
    m, _ = bidding()
    back = kg.read(kg.write(m, tmp_path / "bidding.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")


def test_the_follower_is_the_problem_written_by_hand():
    y, level, slope = cp.Variable(2, name="y"), cp.Parameter(2, name="level"), cp.Parameter(name="slope")
    problem = cp.Problem(cp.Minimize(slope * y[0] + cp.sum_squares(y) - 3 * y[1]), [2 * y[0] + y[1] == 4 + level[1]])
    m = kg.Bilevel("by hand")
    x = m.var("x", 3)
    f = kg.cvxpy.follower(problem, m, {level: x[:2] + 1, slope: 2 * x[2]})
    qp = f.follower.qp()
    at = np.searchsorted(f.follower.columns, f[y].cols)
    k = int(np.flatnonzero(np.abs(qp.A.toarray()[:, at]).sum(axis=1) == 3)[0])  # the others are those of the squares
    scale = qp.A.toarray()[k, at[1]]
    assert (qp.A.toarray()[k, at] / scale).tolist() == [2, 1]
    assert qp.b[k] / scale == 5
    assert (qp.B.toarray()[k] / scale).tolist() == [-1, 0]  # of x[1] and x[2], all that the follower sees
    assert qp.Q.toarray()[at].tolist() == [[0, 2], [0, 0]]
    assert qp.q[at].tolist() == [0, -3]


def test_variables_are_taken_by_name_and_parameters_too():
    m, f = bidding()
    assert f["g"].shape == (4, 3)
    assert f["offer"].cols.tolist() == m.space.find("offer").tolist()
    assert [one.name() for one in f] == ["g"]
    assert len(f.dual) == 4
    assert repr(f).startswith("CvxpyFollower('market': offer, cap, g")
    with pytest.raises(KeyError, match="no variables or parameters are named 'h'; there are g, offer, cap"):
        f["h"]
    with pytest.raises(KeyError, match="h is no variable or parameter of the problem"):
        f[cp.Variable(name="h")]
    with pytest.raises(KeyError, match="is no constraint of the problem, which has 4"):
        f.dual[cp.Variable() <= 1]


def test_numbers_stand_for_parameters():
    x, a, b = cp.Variable(2, name="x"), cp.Parameter((2, 2), name="a"), cp.Parameter(name="b", nonneg=True)
    row = a @ x >= [1, 2]
    problem = cp.Problem(cp.Minimize(b * cp.sum_squares(x)), [row])
    m = kg.Bilevel("numbers")
    f = kg.cvxpy.follower(problem, m, {a: [[1, 2], [3, 1]], b: 2})
    m.minimize(0)
    solution = kg.optimize(m).solution
    f.assign(solution)
    point = x.value.copy()
    problem.solve(**EXACT)
    assert a.value.tolist() == [[1, 2], [3, 1]]
    assert point == pytest.approx(x.value, abs=1e-5)
    assert solution[f.dual[row]] == pytest.approx(row.dual_value, abs=1e-4)
    assert solution[f[a]].tolist() == [[1, 2], [3, 1]]


def test_values_of_parameters_are_left_as_they_were():
    problem, _, price, cap, _ = market()
    cap.value = 7.0
    m = kg.Bilevel("left")
    kg.cvxpy.follower(problem, m, {price: m.var("p", 4), cap: m.var("c", lb=0)})
    assert price.value is None and cap.value == 7.0


def test_norms_become_rows_with_norms():
    """A problem of BilevelJuMP's tests (conic04), with the dual of a row."""
    y, x = cp.Variable(3, name="y"), cp.Parameter(name="x")
    least = x + 4 * y[0] >= 8
    rows = [x + y[0] <= 8, least, x + 2 * y[0] <= 12, cp.norm(y[1:]) <= y[0]]
    m = kg.Bilevel("conic04")
    decided = m.var("x", lb=2, ub=6)
    f = kg.cvxpy.follower(cp.Problem(cp.Minimize(-y[0]), rows), m, {x: decided})
    m.minimize(decided + 3 * f[y][0])
    result = kg.optimize(m, time_limit=30)
    assert result.report.claim == "optimal" and result.solution.objective == pytest.approx(12, abs=1e-4)
    f.assign(result.solution)
    assert y.value[0] == pytest.approx(2, abs=1e-5) and np.linalg.norm(y.value[1:]) <= 2 + 1e-6
    assert least.dual_value == pytest.approx(0, abs=1e-6)


def test_squares_in_constraints_and_cones_are_those_of_cvxpy():
    y, t, a = cp.Variable(2, name="y"), cp.Variable(2, name="t"), cp.Parameter(name="a", nonneg=True)
    cone = cp.SOC(t, cp.vstack([y - 1, cp.hstack([y[1], a])]), axis=0)
    ball = cp.sum_squares(y) <= 4 + a
    problem = cp.Problem(cp.Minimize(cp.sum(t) - y[0] + cp.square(y[1] - 1) + a * y[1]), [cone, ball])
    m = kg.Bilevel("cones")
    decided = m.var("a", lb=0, ub=2)
    f = kg.cvxpy.follower(problem, m, {a: decided})
    m.minimize(f[y][0] + f[t][1] + decided)
    assert len(f.follower.cones) == 3
    for at in (0.0, 0.7, 2.0):
        a.value = at
        problem.solve(solver=cp.CLARABEL)
        z = kg.search.respond(m, [at])
        assert z[f[y].cols] == pytest.approx(y.value, abs=1e-4)
        assert z[f[t].cols] == pytest.approx(t.value, abs=1e-4)
        assert kg.verify(m, z).ok
        assert z[f.dual[ball].M.indices] @ f.dual[ball].M.data == pytest.approx(ball.dual_value, abs=1e-4)
    with pytest.raises(KeyError, match="no constraint of the problem"):
        f.dual[cone]


def refused(make, error, words):
    """Expect that making a follower is refused."""
    m = kg.Bilevel("refused")
    y, a, b = cp.Variable(2, name="y"), cp.Parameter(name="a"), cp.Parameter(name="b", nonneg=True)
    problem, given = make(m, y, a, b)
    with pytest.raises(error, match=words):
        kg.cvxpy.follower(problem, m, given)
    assert "follower" not in [f.name for f in m.followers]


ROWS = {
    "a parameter in a row": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y)), [a * y[0] >= 1]), {a: m.var("x")}),
        kg.UnsupportedError, "follower 'follower': parameter a multiplies a variable in a row; what the leader",
    ),
    "a parameter before a square": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(b * cp.sum_squares(y))), {b: m.var("x", lb=0)}),
        kg.UnsupportedError, "parameter b multiplies a square of variables",
    ),
    "another cone": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.exp(y[0]) + a)), {a: m.var("x")}),
        kg.UnsupportedError, "cones other than rows and norms: exponential",
    ),
    "integers": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(y[0] + cp.Variable(integer=True, name="n"))), {}),
        kg.ProblemError, "integer variables n; cvxpy's problems come as convex ones",
    ),
    "complex variables": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.real(cp.Variable(complex=True, name="c")))), {}),
        kg.UnsupportedError, "complex c; take real and imaginary parts",
    ),
    "an unknown parameter": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {a: m.var("x"), b: m.var("z")}),
        kg.ProblemError, "b is no parameter of the problem; there are: a",
    ),
    "no expression": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {}),
        kg.ProblemError, "no expression for parameter a; give",
    ),
    "no rules for parameters": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(a * b * y[0]), [y >= 0]), {a: m.var("x"), b: m.var("z")}),
        kg.UnsupportedError, "not DPP",
    ),
    "not convex": (
        lambda m, y, a, b: (cp.Problem(cp.Maximize(cp.sum_squares(y - a))), {a: m.var("x")}),
        kg.ProblemError, "not convex by cvxpy's rules",
    ),
    "a shape": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {a: m.var("x", 2)}),
        kg.ProblemError, r"parameter 'a' has shape \(\), what is given for it \(2,\)",
    ),
    "a sign": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(b * cp.sum(cp.abs(y)))), {b: m.var("x", lb=-1, ub=2)}),
        kg.ProblemError, "parameter 'b' is nonneg, and what is given for it may lie between -1 and 2",
    ),
    "an expression of a follower": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {a: other(m)}),
        kg.ProblemError, "holds a follower's column",
    ),
    "an expression of another problem": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {a: kg.Bilevel("other").var("x")}),
        kg.ProblemError, "other",
    ),
    "text": (
        lambda m, y, a, b: (cp.Problem(cp.Minimize(cp.sum_squares(y - a))), {a: "x"}),
        kg.ProblemError, "parameter 'a': cannot use a str",
    ),
    "no problem": (lambda m, y, a, b: (m, {}), kg.ProblemError, "a cvxpy.Problem and the Bilevel are expected"),
}  # fmt: skip


def other(m):
    """Return a column that is not the leader's."""
    return m.follower("another").var("y")


@pytest.mark.parametrize("name", ROWS)
def test_what_a_follower_cannot_be_is_refused(name):
    refused(*ROWS[name])


def test_expressions_keep_to_the_form_of_their_parameter():
    m = kg.Bilevel("form")
    x = m.var("x", (2, 2))
    X = cp.Variable((2, 2), name="X")
    forms = {"symmetric": x, "diag": x}
    for word, value in forms.items():
        p = cp.Parameter((2, 2), name="p", **{word: True})
        with pytest.raises(kg.ProblemError, match=f"parameter 'p' is {word}, and what is given for it is not"):
            kg.cvxpy.follower(cp.Problem(cp.Minimize(cp.sum_squares(X - p))), m, {p: value})
    p = cp.Parameter((2, 2), name="p", PSD=True)
    with pytest.raises(kg.UnsupportedError, match="attribute PSD"):
        kg.cvxpy.follower(cp.Problem(cp.Minimize(cp.sum_squares(X - p))), m, {p: x})


def test_the_listing_of_the_guide_is_true():
    """It is no block that the guide's own test runs, because cvxpy may be missing there."""
    (code,) = (one.body for one in written.blocks(guide.page("levels").text) if "import cvxpy" in one.body)
    names = {}
    exec(compile(code, "the guide", "exec"), names)
    assert names["result"].solution.objective == pytest.approx(1200)
    assert names["result"].report.claim == "optimal"
    assert names["balance"].dual_value == pytest.approx(-30)
    assert names["g"].value == pytest.approx([60, 40, 0], abs=1e-6)
