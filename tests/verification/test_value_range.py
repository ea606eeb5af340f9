"""The range of the leader's value over the followers' ties: known ones, brute force, and the shipped instances."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import orjson
import pytest
from click.testing import CliRunner
from scipy.optimize import linprog

import kktgen as kg
from kktgen.catalog import build, load_instance
from kktgen.cli import cli
from kktgen.deadline import Deadline
from kktgen.errors import UnsupportedError
from kktgen.numerics.sparse import Csr
from kktgen.search import Responder
from kktgen.search.recourse import Recourse
from kktgen.verification.report import Carrier
from kktgen.verification.ties.max_min import Polyhedron, max_min
from kktgen.verification.ties.value_range import span


def ranged(m, **options):
    """Return the solution and its report with a range."""
    result = kg.optimize(m, range=True, **options)
    assert result.report.claim == "optimal"
    return result.solution, result.report


# -- hand-made ties -----------------------------------------------------------------------------


def edge(c=1.0):
    """A follower splits 4 on two equal routes; the leader earns 3 on the first and 1 on the second: 12 down to 4."""
    m = kg.Bilevel("edge")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    f.add(y.sum() == 4, name="demand")
    f.minimize(y[0] + c * y[1] + x * y[1])
    m.maximize(3 * y[0] + y[1] + 0.1 * (1 - x))
    return m, x, y


def test_an_edge_of_optima():
    m, x, y = edge()
    solution, report = ranged(m)
    assert solution[x] == pytest.approx(0.0, abs=1e-9)
    found = report.range
    assert (found.best, found.worst) == pytest.approx((12.1, 4.1))
    assert found.best_point[y.cols] == pytest.approx([4, 0], abs=1e-7)
    assert found.worst_point[y.cols] == pytest.approx([0, 4], abs=1e-7)
    assert found.ties_feasible is True
    assert {c.name for c in found.carriers} == {"y(f,0)", "y(f,1)"}
    assert found.excess < 1e-9


def test_a_strict_preference_has_no_range():
    report = ranged(edge(c=1.01)[0])[1]
    assert report.range.width < 1e-9
    assert report.range.carriers == ()


def test_a_preference_above_the_tolerance_counts():
    m, x, y = edge(c=1.0 + 1e-6)
    assert ranged(m)[1].range.width < 1e-9


def test_a_leader_that_minimises():
    """min y over y in argmin { 0 : 1 <= y <= 3 }: best 1, worst 3."""
    m = kg.Bilevel("idle")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=1, ub=3)
    f.minimize(0 * y)
    m.minimize(y)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((1, 3))


def test_quadratic_costs_fix_what_they_curve():
    """(y1 + y2 - 2)^2 leaves y1 - y2 open: y1 in [0, 2], the sum is 2."""
    m = kg.Bilevel("singular")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=5)
    gap = y.sum() - 2
    f.minimize(gap @ gap)
    m.maximize(2 * y[0] + 5 * y[1])
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((10, 4), abs=1e-5)
    assert found.worst_point[y.cols].sum() == pytest.approx(2, abs=1e-5)


def test_recourse_is_chosen_after_the_followers():
    """A netting leader pays 5 for a shortage and gets 1 for a surplus: y in [-2, 3], value -5 (3) to +2 (-2).

    A leader that had to fix buying and selling beforehand could satisfy no two ties.
    """
    m = kg.Bilevel("netting")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=[3, 2])
    f.minimize(0 * y.sum())
    buy, sell = m.var("buy", lb=0, ub=10), m.var("sell", lb=0, ub=10)
    m.add(buy - sell == y[0] - y[1], name="net")
    m.maximize(sell - 5 * buy + 0.5 * y[0])
    solution, report = ranged(m)
    found = report.range
    assert found.best == pytest.approx(2.0)
    assert found.worst == pytest.approx(-13.5)
    assert found.ties_feasible is True
    assert found.worst_point[[*buy.cols.ravel(), *sell.cols.ravel()]] == pytest.approx([3, 0], abs=1e-6)


def test_the_worst_under_recourse_may_be_inside():
    """max over y in [0, 4] of min { |y - 2| <= v }: the leader earns |y - 2|, worst in the middle."""
    m = kg.Bilevel("kink")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=4)
    f.minimize(0 * y)
    up, down = m.var("up", lb=0, ub=9), m.var("down", lb=0, ub=9)
    m.add(up - down == y - 2, name="net")
    m.maximize(-up - down)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((0, -2), abs=1e-6)


def test_recourse_with_a_cap_that_some_tie_breaks():
    m = kg.Bilevel("short")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(0 * y)
    v = m.var("v", lb=0, ub=3)
    m.add(v >= y, name="cover")
    m.minimize(v - 2 * y)
    found = ranged(m)[1].range
    assert found.ties_feasible is False
    assert found.row == "cover"
    assert found.violation == pytest.approx(2)
    assert (found.best, found.worst) == pytest.approx((-3, 0), abs=1e-6)


def test_shared_recourse_that_some_tie_exhausts():
    """Two needs y1, y2 <= 3 share a store of 4: y = (3, 3) cannot be met."""
    m = kg.Bilevel("store")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=3)
    f.minimize(0 * y.sum())
    v = m.var("v", 2, lb=0)
    m.add(v >= y, name="need")
    m.add(v.sum() <= 4, name="store")
    m.minimize(v.sum() - y[0])
    found = ranged(m)[1].range
    assert found.ties_feasible is False
    assert found.violation == pytest.approx(2, abs=1e-5)
    assert (found.best, found.worst) == pytest.approx((0, 3), abs=1e-5)


def test_shared_recourse_that_lasts():
    m = kg.Bilevel("store")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=3)
    f.minimize(0 * y.sum())
    v = m.var("v", 2, lb=0, ub=9)
    m.add(v >= y, name="need")
    m.add(v.sum() <= 6, name="store")
    m.minimize(v.sum() - y[0])
    found = ranged(m)[1].range
    assert found.ties_feasible is True
    assert (found.best, found.worst) == pytest.approx((0, 3), abs=1e-5)


def test_a_coupling_row_that_a_tie_violates():
    m = kg.Bilevel("capped")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(0 * y)
    m.add(y <= 2, name="cap")
    m.maximize(y)
    report = ranged(m)[1]
    assert (report.range.best, report.range.worst) == pytest.approx((2, 0), abs=1e-7)
    assert report.range.ties_feasible is False
    assert report.range.row == "cap"
    assert report.range.violation == pytest.approx(1.5)  # 3 over max(1, 2)
    assert "a tie violates cap by 1.5" in str(report)


def market(offer):
    m = kg.Bilevel("market")
    p = m.var("offer", lb=offer, ub=offer)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 100, name="balance")
    f.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, g, balance


def test_prices_are_tied_too():
    """At offer 0 the dispatch is unique, the price anywhere in [28, 30]: profit 1080 to 1200."""
    m, g, balance = market(0.0)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((1200, 1080))
    assert found.best_point[balance.dual.cols] == pytest.approx(30)
    assert found.worst_point[balance.dual.cols] == pytest.approx(28)
    assert found.worst_point[g.cols.ravel()] == pytest.approx([60, 40, 0], abs=1e-6)
    assert found.carriers[0].name in (
        "lam(market,balance)",
        "mu_ub(market,g,0)",
        "mu_lb(market,g,2)",
        "mu_ub(market,g,1)",
    )


def test_a_row_on_prices_that_a_tie_violates():
    m, _, balance = market(0.0)
    m.add(balance.dual >= 29, name="floor")
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((1200, 1140))
    assert (found.ties_feasible, found.row) == (False, "floor")


def test_a_product_that_varies_in_both_factors_is_rewritten():
    """Twice the same row: (lam1 + lam2) y0 = y0 at every KKT point, though lam1, lam2 and y0 vary."""
    m = kg.Bilevel("twice")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0)
    rows = [f.add(y.sum() == 4) for _ in range(2)]
    f.minimize(y.sum())
    m.maximize(rows[0].dual @ y[0] + rows[1].dual @ y[0])
    z = np.zeros(len(m.space))
    z[y.cols] = [1, 3]
    z[[*rows[0].dual.cols.ravel(), *rows[1].dual.cols.ravel()]] = [0.3, 0.7]
    found = span(kg.kkt(m), z)
    assert (found.best, found.worst) == pytest.approx((4, 0))


def test_a_product_that_nothing_rewrites_is_refused():
    """The price of w is anywhere in [0, 1], y anywhere in [0, 4], and neither has to do with the other."""
    m = kg.Bilevel("apart")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y, w = f.var("y", lb=0, ub=4), f.var("w", 2, lb=0, ub=[2, 9])
    demand = f.add(w.sum() == 2, name="demand")
    f.minimize(0 * y + w[1])
    m.maximize(demand.dual @ y)
    z = np.zeros(len(m.space))
    z[w.cols], z[w.lower_dual.cols.ravel()[1]] = [2, 0], 1.0
    with pytest.raises(UnsupportedError, match=r"y.f. \* lam.f,demand. in the leader's problem varies"):
        span(kg.kkt(m), z)


def test_nash_followers_are_refused_in_words():
    m = kg.Bilevel("nash")
    t = m.var("t", lb=0, ub=10)
    firms = [m.follower("a"), m.follower("b")]
    q = [f.var("q", lb=0) for f in firms]
    for k, f in enumerate(firms):
        f.minimize(q[k] * q[k] + q[k] * q[1 - k] - 10 * q[k] + t * q[k])
    m.maximize(t * q[0] + t * q[1])
    report = kg.optimize(m, range=True).report
    assert report.range is None
    assert any("no range: follower 'a' sees q(b)" in reason for reason in report.reasons)
    with pytest.raises(UnsupportedError):
        span(kg.kkt(m), np.zeros(len(m.space)))


def netted(**options):
    """A follower that does not care, and a leader whose recourse v covers y."""
    m = kg.Bilevel("netted")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=2)
    f.minimize(0 * y)
    v = m.var("v", lb=0, ub=3, **options)
    m.add(v >= y - 0.5, name="cover")
    return m, y, v


def test_integer_recourse_is_a_worst_value_that_is_not_proved():
    m, y, v = netted(kind="I")
    m.minimize(2 * v - y)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((-0.5, 2))  # v = 2 above y = 1.5, so some tie is worse: near 2.5
    assert found.worst_point[[*y.cols.ravel(), *v.cols.ravel()]] == pytest.approx([2, 2])
    assert "other ties may be worse" in found.note and found.note in str(found)
    m, y, v = netted(kind="I")
    m.minimize(-y)
    found = ranged(m)[1].range
    assert (found.best, found.worst, found.ties_feasible) == (pytest.approx(-2), pytest.approx(0), True)
    assert found.note == ""


def test_integer_recourse_steps_over_values_and_ends_at_an_integer():
    def asked(most, top, make):
        m = kg.Bilevel("steps")
        m.var("x", lb=0, ub=1)
        f = m.follower("f")
        y = f.var("y", lb=0, ub=top)
        f.minimize(0 * y)
        v = m.var("v", lb=0, ub=most, kind="I")
        m.add(make(v - y), name="near")
        m.minimize(-y)
        return ranged(m)[1].range

    near = asked(3, 2, lambda off: kg.between(-0.3, off, 0.3))
    assert near.ties_feasible is None  # v = 0 and v = 1 are both too far from y = 0.5
    above = asked(1.5, 1.5, lambda off: off >= -0.2)
    assert (above.ties_feasible, above.violation) == (False, pytest.approx(0.3))  # v <= 1
    assert asked(2.5, 1.5, lambda off: off >= -0.2).ties_feasible is True


def test_a_netting_leader_with_binaries():
    """Buy or sell, never both: the range is that of the leader who need not choose."""
    m = kg.Bilevel("netting")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 2, lb=0, ub=[3, 2])
    f.minimize(0 * y.sum())
    buy, sell, either = m.var("buy", lb=0, ub=10), m.var("sell", lb=0, ub=10), m.var("either", kind="B")
    m.add(buy - sell == y[0] - y[1], name="net")
    m.add(buy <= 10 * either, sell <= 10 - 10 * either)
    m.maximize(sell - 5 * buy + 0.5 * y[0])
    found = ranged(m)[1].range
    assert (found.best, found.worst) == (pytest.approx(2.0), pytest.approx(-13.5))
    assert found.worst_point[either.cols.ravel()] == pytest.approx([1])
    assert found.ties_feasible is None and "other ties may be worse" in found.note


def test_a_curved_recourse_is_refused_in_words():
    m, y, v = netted()
    m.minimize(v * v - y)
    report = kg.optimize(m, range=True).report
    assert report.range is None
    assert "product v * v in the leader's problem varies" in report.reasons[-1]


def test_a_set_over_ties_is_refused_in_words():
    m, y, v = netted()
    m.sos1([y, v], name="one")
    m.minimize(v - y)
    report = kg.optimize(m, range=True).report
    assert report.range is None
    assert "SOS1 set 'one'" in report.reasons[-1]


def test_a_problem_without_followers():
    m = kg.Bilevel("plain")
    v = m.var("v", lb=0, ub=3)
    m.maximize(v)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((3, 3))


def test_a_value_without_limit():
    m = kg.Bilevel("open")
    m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(0 * y)
    m.add(y <= 5, name="cap")
    m.minimize(y)
    found = ranged(m)[1].range
    assert (found.best, found.worst) == pytest.approx((0, 5))
    assert (found.ties_feasible, found.violation) == (False, np.inf)
    assert orjson.dumps(found.to_dict())


def test_without_asking_there_is_no_range_and_a_failing_point_has_none():
    m, x, y = edge()
    solution = kg.optimize(m).solution
    assert kg.verify(m, solution).range is None
    z = solution.z.copy()
    z[y.cols] = [1, 1]
    report = kg.verify(m, z, range=True)
    assert report.claim == "unverified"
    assert report.range is None
    assert report.reasons[-1].startswith("no range")


def test_the_print_and_the_plain_data():
    report = ranged(edge()[0])[1]
    assert "  range      best 12.1, worst 4.1 as the followers break their ties\n" in str(report)
    assert "multipliers and slacks up to 1e-07" in str(report)
    data = orjson.loads(orjson.dumps(report.to_dict()["range"]))
    assert data["best"] == pytest.approx(12.1)
    assert data["ties_feasible"] is True
    assert len(data["carriers"]) == 2


def test_rounding_errors_are_printed_as_zero():
    assert str(Carrier("s(f,1)", 4.25, -4.4e-16)) == "s(f,1) 4.25 -> 0"
    assert str(Carrier("s(f,1)", -2.0, 3e-6)) == "s(f,1) -2 -> 3e-06"


TOLL = """
import kktgen as kg
def build():
    m = kg.Bilevel("toll")
    x = m.var("toll", lb=0, ub=3)
    f = m.follower("driver")
    y = f.var("road", lb=0, ub=1)
    f.minimize(x @ y - 2 * y)
    m.maximize(x @ y)
    return m
"""


def test_the_command_line(tmp_path):
    path = tmp_path / "toll.py"
    path.write_text(TOLL, encoding="utf-8")
    runner = CliRunner()
    out = runner.invoke(cli, ["solve", str(path), "--range", "-o", str(tmp_path)])
    assert out.exit_code == 0, out.output
    assert "range      best 2, worst 0 as" in out.stdout
    assert orjson.loads((tmp_path / "toll.json").read_bytes())["verification"]["range"]["worst"] == pytest.approx(0)
    out = runner.invoke(cli, ["verify", str(path), str(tmp_path / "toll.sol"), "--range"])
    assert "range      best 2, worst 0 as" in out.stdout
    out = runner.invoke(cli, ["verify", str(path), str(tmp_path / "toll.sol")])
    assert "range " not in out.stdout
    out = runner.invoke(cli, ["solve", str(path), "--method", "hho", "--iterations", "2", "--range"])
    assert "  range " in out.stdout


# -- brute force --------------------------------------------------------------------------------


def tied(rng, ny=4):
    """Return a random problem whose follower has many optima, with small integer data, at x = 0."""
    m = kg.Bilevel("random")
    x = m.var("x", lb=0, ub=0)
    f = m.follower("f")
    y = f.var("y", ny, lb=0, ub=2)
    A = rng.integers(0, 3, (2, ny)).astype(float)
    f.add(A @ y >= A.sum(axis=1) * 0.5, name="rows")
    cost = A.sum(axis=0) if rng.random() < 0.5 else rng.integers(0, 2, ny).astype(float)
    f.minimize(cost @ y + x * y[0])
    return m, f, y, A, cost


def optimal_value(A, cost):
    return linprog(cost, -A, -0.5 * A.sum(axis=1), bounds=(0, 2)).fun


@pytest.mark.parametrize("seed", range(8))
def test_linear_ranges_against_a_cost_row(seed):
    rng = np.random.default_rng(seed)
    m, f, y, A, cost = tied(rng)
    a = rng.integers(-3, 4, 4).astype(float)
    m.minimize(a @ y)
    found = ranged(m)[1].range
    rows = np.vstack([-A, cost])
    sides = np.append(-0.5 * A.sum(axis=1), optimal_value(A, cost))
    low, high = (s * linprog(s * a, rows, sides, bounds=(0, 2)).fun for s in (1, -1))
    assert (found.best, found.worst) == pytest.approx((low, high), abs=1e-6)


def vertices(A, b, ub):
    """Return the vertices of ``{y : A y <= b, 0 <= y <= ub}``."""
    n = A.shape[1]
    rows = np.vstack([A, np.eye(n), -np.eye(n)])
    sides = np.concatenate([b, np.full(n, ub), np.zeros(n)])
    out = []
    for pick in itertools.combinations(range(len(rows)), n):
        M = rows[list(pick)]
        if abs(np.linalg.det(M)) > 1e-9:
            y = np.linalg.solve(M, sides[list(pick)])
            if (rows @ y <= sides + 1e-9).all():
                out.append(y)
    return np.array(out)


@pytest.mark.parametrize("seed", range(6))
def test_recourse_against_vertices(seed):
    """min over v of a convex function of y is largest at a vertex of the face."""
    rng = np.random.default_rng(seed)
    m, f, y, A, cost = tied(rng, ny=3)
    B = rng.integers(-2, 3, (2, 3)).astype(float)
    price = rng.integers(1, 5, (2, 2)).astype(float)
    up, down = m.var("up", 2, lb=0, ub=50), m.var("down", 2, lb=0, ub=50)
    m.add(up - down == B @ y - 1, name="net")
    m.minimize(price[0] @ up + price[1] @ down)
    found = ranged(m)[1].range
    rows = np.vstack([-A, cost])
    sides = np.append(-0.5 * A.sum(axis=1), optimal_value(A, cost) + 1e-12)
    net = vertices(rows, sides, 2.0) @ B.T - 1
    worth = (price[0] * net.clip(0) + price[1] * (-net).clip(0)).sum(axis=1)
    assert found.worst == pytest.approx(worth.max(), abs=1e-5)
    assert found.best <= worth.min() + 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_max_min_against_samples(seed):
    rng = np.random.default_rng(seed)
    u = Polyhedron(Csr((0, 2)), np.empty(0), np.empty(0), np.zeros(2), np.ones(2))
    W = rng.integers(-2, 3, (4, 2)).astype(float)
    rows = Csr(np.hstack([W, np.ones((4, 1))]))
    v = Polyhedron(rows, rng.integers(-2, 3, 4).astype(float), np.full(4, np.inf), np.array([-9.0]), np.array([99.0]))
    found = max_min(u, v, np.array([0.3, -0.2, 1.0]), Deadline(30.0))
    grid = np.array(list(itertools.product((0.0, 1.0), repeat=2)))
    value = grid @ [0.3, -0.2] + (v.lo - grid @ W.T).max(axis=1).clip(-9.0)
    assert found.value == pytest.approx(value.max(), abs=1e-6)
    assert found.bound == pytest.approx(found.value, abs=1e-5)


# -- shipped instances --------------------------------------------------------------------------


def solved(name):
    case = load_instance(name)
    return ranged(build(case.model, case.parameters))[1].range


def test_the_short_flagship():
    """In hour 24 the sale price is 0: wind that VPP 3 sells at the optimum may as well be curtailed."""
    found = solved("dso_vpp/short")
    assert found.best == pytest.approx(1.331444, abs=1e-5)
    assert found.worst == pytest.approx(0.411444, abs=1e-5)
    assert found.ties_feasible is True
    assert {c.name for c in found.carriers} >= {"s(vpp3,5)", "w(vpp3,5)"}


def answered(responder, recourse, z, tilt):
    """Return the leader's value when followers break their ties by a small extra cost ``tilt`` (n,)."""
    qps = responder.qps
    responder.qps = [replace(qp, q=qp.q + 1e-5 * tilt[qp.y]) for qp in qps]
    worth, _ = recourse(responder(z))
    responder.qps = qps
    assert worth.violation == 0
    return -worth.value


@pytest.mark.slow
def test_responses_with_small_extra_costs_lie_in_the_range():
    """Followers re-solved by another method, with extra costs that only decide between ties."""
    case = load_instance("dso_vpp/short")
    m = build(case.model, case.parameters)
    solution, report = ranged(m)
    z, responder, rng = solution.z[: len(m.space)], Responder(m), np.random.default_rng(3)
    recourse = Recourse(kg.kkt(m), responder.parameters)
    best, worst = report.range.best, report.range.worst
    for _ in range(8):
        value = answered(responder, recourse, z, rng.uniform(-1, 1, len(z)))
        assert worst - 1e-3 <= value <= best + 1e-3
    wind = np.zeros(len(z))
    for plant in m.plants:
        wind[plant.w.cols] = 1.0
    assert answered(responder, recourse, z, wind) == pytest.approx(worst, abs=1e-3)
    assert answered(responder, recourse, z, -wind) == pytest.approx(best, abs=1e-3)


@pytest.mark.slow
def test_the_published_flagship():
    found = solved("dso_vpp/published")
    assert found.best == pytest.approx(11.3433, abs=1e-3)
    assert found.worst == pytest.approx(3.0631, abs=1e-3)
    assert found.ties_feasible is True
    assert found.excess < 1e-9


@pytest.mark.slow
def test_a_trade_cost_makes_the_response_of_the_carbon_game_unique():
    assert solved("carbon_vpp/short").width < 1e-5
    assert solved("carbon_vpp/short_linear").width > 0.1
