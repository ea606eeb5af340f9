"""Population searches: the equations, the repair, the recourse, and that what they find is bilevel-feasible."""

from __future__ import annotations

import math
import pickle
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import kktgen as kg
from kktgen.catalog import build
from kktgen.problem.variables import unit_rows
from kktgen.search.given import given_decisions, given_point
from kktgen.search.population.compare import Comparison
from kktgen.search.population.fitness import Fitness, evaluate
from kktgen.search.population.hawks import HHO, NCHHO, SIGMA, Draws, Method, draw, move, sine_map
from kktgen.search.population.hunt import Hunt
from kktgen.search.population.repair import DecisionRepair
from kktgen.search.recourse import Worth

METHODS = [kg.search.hho, kg.search.nchho]


def shop(cap: float = np.inf, **row) -> kg.Bilevel:
    """Declare the sale of two goods at prices p to a customer who buys y = max(a - p, 0): revenue 13 at p = a/2.

    max p'y  s.t.  y in argmin { p'y - a'y + 1/2 y'y : y >= 0 },  a = (4, 6),  p in [0, 8]^2
    """
    m = kg.Bilevel("shop")
    p = m.var("p", 2, lb=0, ub=8)
    customer = m.follower("customer")
    y = customer.var("y", 2, lb=0)
    customer.minimize(p @ y - np.array([4.0, 6.0]) @ y + 0.5 * (y @ y))
    m.maximize(p @ y)
    if np.isfinite(cap):
        m.add(y.sum() <= cap, name="stock")
    return m


def delivery(carry: str = "C") -> kg.Bilevel:
    """Declare the shop with lorries: a variable v >= y / 2 no follower sees, at 3/4 each; ``carry`` is its kind."""
    m = kg.Bilevel("delivery")
    p = m.var("p", 2, lb=0, ub=8)
    v = m.var("v", lb=0, ub=9, kind=carry)
    customer = m.follower("customer")
    y = customer.var("y", 2, lb=0)
    customer.minimize(p @ y - np.array([4.0, 6.0]) @ y + 0.5 * (y @ y))
    m.add(2 * v >= y.sum(), name="load")
    m.maximize(p @ y - 0.75 * v)
    return m


def entry(m: kg.Bilevel, column: int) -> kg.Affine:
    """Return the variable in a column."""
    return kg.Affine(m.space, unit_rows(np.array([column]), len(m.space)), np.zeros(1), (1,))


def at(m: kg.Bilevel, x: list[float]):
    """Return violation, value and the point of one decision."""
    worth, z = Fitness(m, kg.kkt(m)).point(np.array(x, dtype=float))
    return worth.violation, worth.value, z


# the equations


@pytest.mark.parametrize(
    ("E0", "q", "r", "w", "goes", "dives"),
    [
        (0.6, 0.4, 0.9, 1.0, [1.75, 3.5], False),  # another hawk: A - c1 |A - 2 c2 X|
        (-0.6, 0.4, 0.1, 1.0, [1.75, 3.5], False),
        (0.6, 0.6, 0.1, 1.0, [-1.0, -2.5], False),  # a tree: (R - M) - c3 (c4 (ub - lb) + lb)
        (0.3, 0.4, 0.7, 1.0, [1.0, 0.7], False),  # soft besiege: (R - X) - E |J R - X|
        (-0.3, 0.4, 0.7, 1.0, [1.0, 1.3], False),
        (0.1, 0.4, 0.7, 1.0, [1.8, 2.8], False),  # hard besiege: R - E |R - X|
        (0.3, 0.4, 0.3, 1.0, [2.0, 2.7], True),  # soft dive: w R - E |J R - X|
        (0.3, 0.4, 0.3, 0.5, [1.0, 1.2], True),
        (0.1, 0.4, 0.3, 1.0, [1.8, 2.5], True),  # hard dive: w R - E |J R - M|
        (0.25, 0.4, 0.7, 1.0, [1.0, 0.75], False),  # |E| = 1/2 is soft
        (0.5, 0.4, 0.7, 1.0, [1.75, 3.5], False),  # |E| = 1 explores
    ],
)
def test_a_hawk_goes_where_the_formulas_say(E0, q, r, w, goes, dives):
    X, R = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([2.0, 3.0])  # M = (2, 4)
    lb, ub = np.array([0.0, 1.0]), np.array([4.0, 5.0])
    c = np.array([[0.5, 0.25, 0.5, 0.5]] * 2)
    one = np.ones((2, 1))
    draws = Draws(E0 * one, 0.5 * one, q * one, r * one, c, np.array([1, 0]), np.zeros((2, 2)))
    Y, diving = move(X, R, lb, ub, 2.0, w, c, draws)
    assert Y[0] == pytest.approx(goes, abs=1e-14)
    assert diving.tolist() == [dives] * 2


def test_the_controls_of_both_methods():
    assert [HHO.energy(s) for s in (0.0, 0.25, 1.0)] == [2.0, 1.5, 0.0]
    assert [HHO.weight(s) for s in (0.0, 0.5)] == [1.0, 1.0]
    assert [NCHHO.energy(s) for s in (0.0, 0.25, 1.0)] == [0.0, 0.5, 2.0]
    assert NCHHO.weight(0.125) == pytest.approx(2 / math.e)
    assert (HHO.chaotic, HHO.first, NCHHO.chaotic, NCHHO.first) == (False, 0, True, 1)


def test_the_sine_map_runs_on_from_hawk_to_hawk():
    c = sine_map(2)
    assert c.shape == (2, 4)
    assert c[0, 0] == pytest.approx(0.8090169943749475)
    theta = c.ravel()
    assert theta[1:] == pytest.approx(np.abs(np.sin(np.pi * theta[:-1])))


def test_draws_are_uniform_and_levy_flights_scale_with_the_box():
    assert pytest.approx(0.6965745) == SIGMA
    one = draw(np.random.default_rng(5), 2000, np.array([1.0, 2.0]))
    two = draw(np.random.default_rng(5), 2000, np.array([1.0, 4.0]))
    assert np.array_equal(one.flight[:, 0], two.flight[:, 0])
    assert two.flight[:, 1] == pytest.approx(2 * one.flight[:, 1])
    for part, low, high in ((one.E0, -1, 1), (one.J, 0, 2), (one.q, 0, 1), (one.r, 0, 1), (one.c, 0, 1)):
        assert low <= part.min() < low + 0.01 and high - 0.01 < part.max() <= high
    assert 0 <= one.other.min() < 20 and 1980 <= one.other.max() < 2000
    rng = np.random.default_rng(5)  # the flights are S * 0.01 (ub - lb) u / |v|^(1/1.5), drawn last, in this order
    rng.random(2000 * 8)
    rng.integers(2000, size=2000)
    S = rng.random((2000, 2))
    u, v = SIGMA * rng.standard_normal((2000, 2)), rng.standard_normal((2000, 2))
    assert one.flight == pytest.approx(S * 0.01 * np.array([1.0, 2.0]) * u / np.abs(v) ** (2 / 3))


class Clip:
    """A repair that only clips."""

    lb, ub = np.array([-1.0, 0.0, 2.0]), np.array([3.0, 4.0, 3.0])

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return np.clip(X, self.lb, self.ub)


def valley(x: np.ndarray, deadline: object = None) -> Worth:
    """Return a value to be minimised under x1 + x2 >= 1."""
    return Worth(max(0.0, 1.0 - x[0] - x[1]), float((x[0] - 1) ** 2 + 2 * (x[1] - 0.5) ** 2 + np.cos(9 * x[2])))


def plain_hunt(method: Method, N: int, T: int, seed: int) -> tuple[list[Worth], list[int], np.ndarray]:
    """Hunt hawk by hawk, as the formulas read; return the best and the evaluations per iteration, and the hawks."""
    rng, box, clip = np.random.default_rng(seed), Clip.ub - Clip.lb, Clip()
    X = [clip(x) for x in Clip.lb + rng.random((N, 3)) * box]
    F = [valley(x) for x in X]
    best, count = min(zip(F, map(tuple, X), strict=True)), N
    bests, counts = [best[0]], [count]
    for t in range(T):
        s = (t + method.first) / T
        drawn, M, R, old = draw(rng, N, box), np.mean(X, axis=0), np.array(best[1]), [x.copy() for x in X]
        theta, seen = 0.7, []
        for i in range(N):
            c = []
            for k in range(4):
                theta = abs(math.sin(math.pi * theta))
                c.append(theta if method.name == "nchho" else drawn.c[i, k])
            e = 2 * (1 - s) if method.name == "hho" else 2 * s
            w = 1.0 if method.name == "hho" else 2 * math.exp(-((8 * s) ** 2))
            E, J, q, r, x = e * drawn.E0[i, 0], drawn.J[i, 0], drawn.q[i, 0], drawn.r[i, 0], old[i]
            A = old[drawn.other[i]]
            if abs(E) < 1 and r < 0.5:
                Y = w * R - E * abs(J * R - (x if abs(E) >= 0.5 else M))
                for trial in (Y, Y + drawn.flight[i]):
                    trial = clip(trial)
                    seen.append((valley(trial), tuple(trial)))
                    if seen[-1][0] < F[i]:
                        X[i], F[i] = trial, seen[-1][0]
                        break
                continue
            if abs(E) >= 1:
                Y = A - c[0] * abs(A - 2 * c[1] * x) if q < 0.5 else (R - M) - c[2] * (c[3] * box + Clip.lb)
            else:
                Y = (R - x) - E * abs(J * R - x) if abs(E) >= 0.5 else R - E * abs(R - x)
            X[i] = clip(Y)
            F[i] = valley(X[i])
            seen.append((F[i], tuple(X[i])))
        best, count = min([best, *seen]), count + len(seen)
        bests.append(best[0])
        counts.append(count)
    return bests, counts, np.array(best[1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method", [HHO, NCHHO], ids=lambda method: method.name)
def test_a_hunt_is_the_one_of_the_formulas_hawk_by_hawk(method, seed):
    hunt = Hunt(valley, Clip(), method, seed, 1, None, None, None)
    hunt.run(9, 12, np.empty((0, 3)))
    bests, counts, x = plain_hunt(method, 9, 12, seed)
    assert [entry[2] for entry in hunt.record] == counts
    assert [entry[1] for entry in hunt.record] == pytest.approx([worth.violation for worth in bests])
    known = [(entry[0], worth.value) for entry, worth in zip(hunt.record, bests, strict=True) if not entry[1]]
    assert len(known) > 6 and all(one == pytest.approx(two, abs=1e-12) for one, two in known)
    assert hunt.best == pytest.approx(x, abs=1e-12)


# the repair


def repair_of(m: kg.Bilevel) -> DecisionRepair:
    model = kg.kkt(m)
    return DecisionRepair(model, Fitness(m, model).columns)


def ordered(*rows) -> tuple[kg.Bilevel, kg.Affine]:
    """Declare three decisions in [0, 3] that a follower sees."""
    m = kg.Bilevel("ordered")
    x = m.var("x", 3, lb=0, ub=3)
    lower = m.follower("lower")
    y = lower.var("y", 3, lb=0, ub=9)
    lower.minimize(0.5 * (y @ y) - x @ y)
    m.minimize(y.sum())
    return m, x


def test_prices_in_the_wrong_order_are_swapped():
    for row in (lambda x: x[0] <= x[2], lambda x: x[2] - x[0] >= 0, lambda x: 2 * x[0] - 2 * x[2] <= 0):
        m, x = ordered()
        m.add(row(x))
        X = repair_of(m)(np.array([[2.0, 9.0, 1.0], [1.0, -4.0, 2.0]]))
        assert X.tolist() == [[1.0, 3.0, 2.0], [1.0, 0.0, 2.0]]


def test_chains_margins_and_caps_are_projected():
    m, x = ordered()
    m.add(x[0] <= x[1], x[1] <= x[2])
    assert repair_of(m)(np.array([[2.0, 1.0, 3.0]]))[0] == pytest.approx([1.5, 1.5, 3.0], abs=1e-6)
    m, x = ordered()
    m.add(x[1] - x[0] >= 1)
    assert repair_of(m)(np.array([[2.0, 1.0, 0.5]]))[0] == pytest.approx([1.0, 2.0, 0.5], abs=1e-6)
    m, x = ordered()
    m.add(x.sum() <= 3)
    X = repair_of(m)(np.array([[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]]))
    assert X[0].tolist() == [1.0, 1.0, 1.0]
    assert X[1] == pytest.approx([2.0, 1.0, 0.0], abs=1e-6)


def test_rows_with_a_followers_variable_are_not_repaired():
    m = shop(cap=1.0)
    assert len(repair_of(m).lo) == 0


def test_decisions_without_a_repair_are_an_error_that_names_the_row():
    m, x = ordered()
    m.add(x.sum() >= 10, name="most")
    with pytest.raises(kg.ProblemError, match=r"most"):
        kg.search.hho(m, population=3, iterations=1)


# what a decision is worth


def test_a_decision_is_worth_the_leaders_objective_after_the_response():
    violation, value, z = at(shop(), [3.0, 7.0])
    assert (violation, value) == (0.0, pytest.approx(-3.0))
    assert z[2:4] == pytest.approx([1.0, 0.0], abs=1e-9)


@pytest.mark.parametrize(("kind", "cost"), [("C", 0.75 * 2.25), ("I", 0.75 * 3)])
def test_what_no_follower_sees_is_the_best_afterwards(kind, cost):
    violation, value, z = at(delivery(kind), [2.0, 3.5])  # y = (2, 2.5), v = 2.25 or 3
    assert (violation, value) == (0.0, pytest.approx(-(4.0 + 8.75 - cost), abs=1e-6))


def test_a_convex_quadratic_recourse_is_solved():
    m = shop()
    v, y = m.var("v", lb=-5, ub=5), entry(m, 2)
    m.minimize((v - 1) * (v - 1) + v @ y)
    violation, value, z = at(m, [1.0, 1.0])  # y1 = 3, v = 1 - 3/2
    assert z[v.cols] == pytest.approx(-0.5, abs=1e-7)
    assert (violation, value) == (0.0, pytest.approx(2.25 - 1.5, abs=1e-9))


def test_rows_that_fail_rank_a_decision_by_how_much():
    m = shop(cap=2.0)
    assert at(m, [3.0, 5.0])[0] == 0.0  # y = (1, 1)
    assert at(m, [3.0, 2.0])[0] == pytest.approx(3.0 / 2.0)  # y = (1, 4), scaled by the side
    m = delivery()
    m.add(entry(m, 2) <= 1, name="few")  # v <= 1 where 2.25 are needed
    violation, _, z = at(m, [2.0, 3.5])
    assert violation == pytest.approx(1.25, abs=1e-6)


def test_a_recourse_without_limit_is_refused():
    m = delivery()
    m.maximize(entry(m, 2).sum())
    m.space.ub[2] = np.inf
    with pytest.raises(kg.ProblemError, match="without limit"):
        kg.search.hho(m, population=3, iterations=1)


def test_published_netting_with_binaries_is_worth_what_convex_netting_is():
    worth = [at(build("dso_vpp", {"hours": 4, "vpps": 2, "netting": kind}), [0.5] * 8)
             for kind in ("convex", "published")]  # fmt: skip
    assert worth[0][0] == worth[1][0] == 0.0
    assert worth[0][1] == pytest.approx(worth[1][1], abs=1e-6)


# the searches


def test_hho_finds_the_interior_optimum_of_a_small_problem():
    found = kg.search.hho(shop(), population=12, iterations=25, seed=1)
    assert found.objective == pytest.approx(13.0, abs=1e-2)
    assert found.solution.z[:2] == pytest.approx([2.0, 3.0], abs=0.1)
    assert found.objective <= 13.0 + 1e-7


@pytest.mark.parametrize("search", METHODS)
def test_what_is_found_is_verified_and_recorded(search):
    m = delivery()
    found = search(m, population=6, iterations=7, seed=3)
    assert found.report.claim == "bilevel-feasible" and kg.verify(m, found.solution).claim == "bilevel-feasible"
    assert (found.solution.status, found.solution.bound, found.bound) == ("heuristic", None, None)
    record = found.record
    assert len(record) == 8 and found.stopped == "iterations"
    assert (np.diff(record.best) >= 0).all() and record.best[-1] > record.best[0]
    assert (np.diff(record.evaluations) >= 6).all() and (np.diff(record.evaluations) <= 12).all()
    assert (np.diff(record.seconds) >= 0).all() and (record.violation == 0).all()
    assert record.evaluations[0] == 6 and found.evaluations == record.evaluations[-1]
    assert record.best[-1] == pytest.approx(found.objective, abs=1e-9)
    text = str(found)
    assert "6 hawks, 7 iterations, seed 3" in text and f"{found.evaluations} evaluations" in text
    assert text.splitlines()[1].split() == ["iteration", "evaluations", "seconds", "best"]


@pytest.mark.parametrize("search", METHODS)
def test_a_seed_is_a_hunt_whatever_the_executor(search):
    m = shop(cap=3.0)
    one = search(m, population=7, iterations=5, seed=2)
    with ThreadPoolExecutor(2) as pool:
        two = search(m, population=7, iterations=5, seed=2, executor=pool)
    other = search(m, population=7, iterations=5, seed=3)
    assert np.array_equal(one.solution.z, two.solution.z)
    assert np.array_equal(one.record.best, two.record.best)
    assert np.array_equal(one.record.evaluations, two.record.evaluations)
    assert not np.array_equal(one.solution.z, other.solution.z)


def test_decisions_travel_to_another_process():
    m = delivery("I")
    fitness = pickle.loads(pickle.dumps(Fitness(m, kg.kkt(m))))
    X = np.array([[2.0, 3.5], [1.0, 1.0], [8.0, 8.0], [0.0, 0.0], [3.0, 3.0]])
    with ProcessPoolExecutor(1) as pool:
        assert np.array_equal(evaluate(fitness, X, pool), evaluate(fitness, X))


def test_where_an_executor_dies_decisions_are_worth_the_same():
    class Dead(Executor):
        def submit(self, *args, **kwargs):
            raise BrokenExecutor("a child process terminated abruptly")

    dead, alone = (kg.search.hho(shop(), population=3, iterations=1, executor=one) for one in (Dead(), None))
    assert np.array_equal(dead.solution.z, alone.solution.z)


def test_coupling_rows_hold_at_the_best_decision():
    found = kg.search.hho(shop(cap=2.0), population=12, iterations=20)
    assert found.report.ok
    assert found.solution.z[2:4].sum() <= 2.0 + 1e-6
    assert 7.5 < found.objective <= 8.5 + 1e-6  # the optimum is at p = (3.5, 4.5), y = (0.5, 1.5)


def test_where_nothing_is_feasible_the_nearest_is_returned_and_unverified():
    m = shop()
    y = m.followers[0].columns
    m.add(entry(m, int(y[0])) >= 100, name="crowd")
    found = kg.search.nchho(m, population=4, iterations=2)
    assert found.report.claim == "unverified" and "leader rows" in found.report.reasons[0]
    assert np.isnan(found.record.best).all() and (found.record.violation > 0).all()
    assert "infeasible by" in str(found)


def test_a_start_is_one_of_the_hawks_and_never_lost():
    for search in METHODS:
        found = search(shop(), population=3, iterations=2, start={"p": [2.0, 3.0]})
        assert found.record.best[0] == pytest.approx(13.0)
        assert found.objective == pytest.approx(13.0)
    many = kg.search.hho(shop(), population=3, iterations=0, start=[{"p": 1.0}, {"p": "ub"}, {"p": "lb"}])
    assert many.objective == pytest.approx(8.0) and len(many.record) == 1 and many.evaluations == 3


def test_starts_by_name_broadcast_over_units():
    m = build("carbon_vpp", {"hours": 3, "vpps": 2})
    columns = np.concatenate([m.lp.cols.ravel(), m.ls.cols.ravel()])
    rows = given_decisions(m.space, columns, [{"lp": m.case.buy, "ls": "lb"}, {"lp": "ub", "ls": m.case.sell}])
    assert rows.shape == (2, 12)
    assert np.array_equal(rows[0], rows[1])
    assert rows[0].tolist() == [*np.tile(m.case.buy, 2), *np.tile(m.case.sell, 2)]
    point = given_point(m.space, np.arange(18.0))
    assert given_decisions(m.space, columns, []).shape == given_decisions(m.space, columns, None).shape == (0, 12)
    assert len(point) == len(m.space) and point[17] == 17.0 and not point[18:].any()


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ({"q": 1.0}, "no variable 'q'"),
        ({}, "no value for 'p'"),
        ({"p": [1.0, 2.0, 3.0]}, "an array that fits"),
        ({"p": "middle"}, "an array that fits"),
        ({"p": [1.0, np.nan]}, "not finite"),
        (np.zeros(3), "3 entries; give all"),
        ("here", "a Solution or an array"),
        ([{"p": 1.0}] * 4, "4 starts for a population of 3"),
    ],
)
def test_starts_that_do_not_fit_are_refused(start, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.search.hho(shop(), population=3, iterations=1, start=start)


def test_a_time_limit_ends_the_hunt_with_what_is_there():
    found = kg.search.nchho(shop(), population=20, iterations=10_000, time_limit=1e-6)
    assert found.stopped == "time limit" and found.evaluations == 1 and found.report.ok
    assert "ended by time limit" in str(found)


def test_ctrl_c_ends_the_hunt_with_the_best_point():
    calls = []

    def press(info):
        calls.append(info)
        if len(calls) == 9:
            raise KeyboardInterrupt

    found = kg.search.hho(shop(), population=6, iterations=50, progress=press)
    assert found.stopped == "interrupted" and found.evaluations == 9 and found.report.ok
    assert found.objective == pytest.approx(max(info["incumbent"] for info in calls))
    assert calls[0]["stage"] == "search" and calls[8]["text"] == "iteration 1 of 50  9 evaluations"


# refusals


def sees(**how) -> kg.Bilevel:
    m = kg.Bilevel("sees")
    x = m.var("x", **how)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=1)
    lower.minimize(x @ y)
    m.minimize(y + 0.0)
    return m


def in_a_set() -> kg.Bilevel:
    m = shop()
    m.sos1(kg.concatenate([entry(m, 0), entry(m, 1)]))
    return m


def circling() -> kg.Bilevel:
    """Declare matching pennies: one follower wants u = v, the other v = 1 - u."""
    m = kg.Bilevel("pennies")
    x = m.var("x", lb=0, ub=1)
    one, two = m.follower("one"), m.follower("two")
    u, v = one.var("u", lb=0, ub=1), two.var("v", lb=0, ub=1)
    one.minimize(u * (1 - 2 * v) + 1e-3 * (x @ u))
    two.minimize(v * (2 * u - 1))
    m.minimize(x + 0.0)
    return m


def alone() -> kg.Bilevel:
    m = kg.Bilevel("alone")
    x = m.var("x", lb=0, ub=1)
    m.minimize(x + 0.0)
    return m


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (lambda: sees(lb=0, ub=1, kind="B"), "integer variable x"),
        (lambda: sees(lb=0), r"x lies in \[0, inf\]"),
        (in_a_set, "SOS1"),
        (alone, "no follower"),
        (circling, "Nash"),
        (lambda: 5, "expected Bilevel"),
    ],
)
def test_problems_a_population_cannot_search_are_refused(problem, words):
    with pytest.raises(kg.ProblemError, match=words):
        kg.search.nchho(problem(), population=3, iterations=1)


@pytest.mark.parametrize(
    "options", [{"population": 1}, {"population": 2.5}, {"iterations": -1}, {"seed": -1}, {"time_limit": -1}]
)
def test_numbers_that_mean_nothing_are_refused(options):
    with pytest.raises(kg.ProblemError, match=next(iter(options))):
        kg.search.hho(shop(), **options)


# what a search is good for


def test_a_search_starts_the_exact_solve():
    m = shop()
    found = kg.search.hho(m, population=5, iterations=3)
    for start in (found, found.solution, found.solution.z, found.solution.z[:2]):
        result = kg.optimize(m, start=start, encoding="sos1", time_limit=20)
        assert result.start >= found.objective - 1e-6
        assert result.solution.objective == pytest.approx(13.0, abs=1e-5)


def test_a_start_from_which_nothing_is_feasible_gives_way_to_the_heuristics():
    m = shop(cap=2.0)
    result = kg.optimize(m, start=np.zeros(len(m.space)), encoding="sos1", time_limit=20)
    assert result.start is not None and result.solution.objective == pytest.approx(8.5, abs=1e-4)
    with pytest.raises(kg.ProblemError, match="3 entries"):
        kg.optimize(m, start=np.zeros(3))
    empty = kg.Solution("time_limit", None, None, None, 0.0, "none", kg.kkt(m))
    with pytest.raises(kg.NoSolutionError, match="no point"):
        kg.optimize(m, start=empty)


def comparison() -> Comparison:
    m = shop()
    runs = {"hho": [kg.search.hho(m, population=4, iterations=3, seed=seed) for seed in range(3)]}
    return Comparison(13.0, m.sense, "by hand", runs, "a note")


def test_a_comparison_ranks_the_seeds_against_the_optimum():
    found = comparison()
    values = found.values("hho")
    assert (np.diff(values) <= 0).all()
    assert values[::-1] == pytest.approx(sorted(search.objective for search in found.runs["hho"]))
    assert found.gap(11.7) == pytest.approx(10.0)
    row = found.rows()[0]
    assert row[:2] == ("hho", "3") and row[3] == f"{values[1]:.5g}" and row[4] == f"{values[2]:.5g}"
    assert str(found).splitlines()[-2:] == ["optimum 13: by hand", "a note"]


def test_a_comparison_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    found = comparison()
    for suffix in (".png", ".svg"):
        assert found.plot(tmp_path / f"hunt{suffix}").stat().st_size > 5000
    with pytest.raises(kg.UnsupportedError, match="not drawn"):
        found.plot(tmp_path / "hunt.docx")
