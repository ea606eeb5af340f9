"""Aligned, opposed and mixed leaders against enumeration: every decision, and every follower's cost at it."""

import itertools

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.one_level import ALIGNED, MIXED, NOTES, OPPOSED

CLAIMED = ("high-point relaxation of an aligned leader", "dual form of an opposed leader", "primal and dual forms")


class Follower:
    """Random data of ``min 1/2 y'Py + (q + Q x)'y, A y <= b + B x, sum(y) >= d'x, 0 <= y <= u``."""

    def __init__(self, rng, nx, quadratic, tight):
        n, rows = 3, 2
        whole = rng.integers(0, 2) == 0  # integers make ties and degenerate vertices
        draw = (
            (lambda *size: rng.integers(-3, 4, size).astype(float)) if whole else (lambda *size: rng.normal(size=size))
        )
        F = draw(n, n)
        self.P = (F @ F.T) * 0.3 if quadratic else np.zeros((n, n))
        self.q, self.Q = draw(n), draw(n, nx)
        self.A, self.b, self.B = np.abs(draw(rows, n)) + 0.5, 2.0 + np.abs(draw(rows)), draw(rows, nx)
        self.d = np.abs(draw(nx)) * (2.5 if tight else 0.3)
        self.u = np.full(n, 3.0)

    def add(self, owner, x, scale):
        y = owner.var("y", 3, lb=0, ub=self.u)
        owner.add(self.A @ y <= self.b + self.B @ x, name="limits")
        owner.add(y.sum() >= self.d @ x, name="demand")
        return scale * (0.5 * ((self.P @ y) @ y) + self.q @ y + (self.Q @ x) @ y)

    def value(self, x, scale):
        m = kg.Bilevel("fixed")
        y = m.var("y", 3, lb=0, ub=self.u)
        m.add(self.A @ y <= self.b + self.B @ x, y.sum() >= float(self.d @ x))
        m.minimize(0.5 * ((self.P @ y) @ y) + (self.q + self.Q @ x) @ y)
        value = kg.solve(m, "highs").objective
        return None if value is None else scale * value


def random_problem(seed, kinds, quadratic=False, tight=False, scale=1.0, nx=3):
    """Return a problem with a leader aligned (+) or opposed (-) to each follower, its value, and of how many decisions.

    The value is by enumeration, over the decisions at which all followers have a response.
    """
    rng = np.random.default_rng(seed)
    parts = [Follower(rng, nx, quadratic, tight) for _ in kinds]
    kappa = [sign * round(float(rng.uniform(0.5, 3)), 2) for sign in kinds]
    price = scale * rng.normal(size=nx)
    m = kg.Bilevel("random")
    x = m.var("x", nx, kind="B")
    goal = price @ x
    for k, (part, weight) in enumerate(zip(parts, kappa, strict=True)):
        follower = m.follower(f"f{k}")
        cost = part.add(follower, x, scale)
        follower.minimize(cost)
        goal = goal + weight * cost
    m.minimize(goal)
    m.add(x.sum() <= nx - 1)
    values = []
    for choice in itertools.product((0.0, 1.0), repeat=nx):
        if sum(choice) <= nx - 1:
            each = [part.value(np.array(choice), scale) for part in parts]
            if None not in each:
                values.append(float(price @ choice) + sum(w * v for w, v in zip(kappa, each, strict=True)))
    return m, min(values, default=None), len(values)


def held(result):
    """Return which note of a model without pairs stands in the result, and that its claim says so."""
    notes = [note for note in NOTES.values() if note in result.model.notes]
    said = any(part in reason for part in CLAIMED for reason in result.report.reasons)
    return notes, said


@pytest.mark.parametrize("kinds", [(1,), (-1,), (1, 1), (-1, -1), (1, -1), (-1, 1, -1)], ids=str)
@pytest.mark.parametrize("quadratic", [False, True], ids=["lp", "qp"])
@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_enumeration(kinds, quadratic, seed):
    m, value, _ = random_problem(seed, kinds, quadratic, tight=seed % 2 == 1)
    assert kg.alignment(m) == ("aligned" if min(kinds) > 0 else "opposed" if max(kinds) < 0 else "mixed")
    result = kg.optimize(m, time_limit=30)
    if value is None:
        assert result.report.claim == "infeasible"
        return
    assert result.report.claim == "optimal", result
    assert result.solution.objective == pytest.approx(value, rel=1e-5, abs=1e-5)
    notes, said = held(result)
    assert notes in ([ALIGNED], [OPPOSED], [MIXED])
    assert said
    assert result.model.pairs is None


@pytest.mark.parametrize("kinds", [(1,), (-1,), (1, -1)], ids=str)
@pytest.mark.parametrize("scale", [1e-7, 1e6])
@pytest.mark.parametrize("quadratic", [False, True], ids=["lp", "qp"])
def test_costs_of_any_unit(kinds, scale, quadratic):
    m, value, _ = random_problem(11, kinds, quadratic, tight=True, scale=scale)
    result = kg.optimize(m, time_limit=30)
    assert result.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-4 * scale)
    assert result.report.claim == "optimal"
    assert held(result)[1]


def test_some_decisions_of_these_problems_have_no_response():
    counts = [random_problem(seed, (1,), tight=True)[2] for seed in (1, 3)]
    assert max(counts) < 7


def solve(m, **options):
    return kg.optimize(m, time_limit=30, **options)


def test_a_nash_pair_is_no_planner():
    """Two firms sell into one market: together they would earn 25, against each other 22.22."""
    m = kg.Bilevel("duopoly")
    m.var("unused", lb=0, ub=1)
    firms = [m.follower(name) for name in "ab"]
    y = [firm.var("y", lb=0, ub=10) for firm in firms]
    costs = [(y[0] + y[1]) @ own - 10 * own for own in y]
    for firm, cost in zip(firms, costs, strict=True):
        firm.minimize(cost)
    m.minimize(costs[0] + costs[1])
    assert kg.alignment(m) is None
    assert solve(m).solution.objective == pytest.approx(-200 / 9, rel=1e-5)


def unbounded(sign):
    """At x = 1 the follower has no optimum, so only x = 0 is left, which costs the leader 3."""
    m = kg.Bilevel("unbounded")
    x = m.var("x", kind="B")
    follower = m.follower("f")
    y = follower.var("y", 2, lb=0)
    follower.add(y[0] - y[1] <= 1)
    cost = y[1] - 2 * (x @ y[0])
    follower.minimize(cost)
    m.minimize(sign * cost + 3 * (1 - x))
    return m


@pytest.mark.parametrize(("sign", "word"), [(1, "aligned"), (-1, "opposed")])
def test_decisions_at_which_the_follower_is_unbounded_are_no_answers(sign, word):
    m = unbounded(sign)
    assert kg.alignment(m) == word
    result = solve(m)
    assert result.solution.objective == pytest.approx(3)
    assert result.report.claim == "optimal"
    assert (ALIGNED in result.model.notes) is False
    assert (OPPOSED in result.model.notes) is (sign < 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_follower_that_never_has_an_optimum_makes_the_problem_infeasible(sign):
    m = kg.Bilevel("never")
    x = m.var("x", kind="B")
    follower = m.follower("f")
    y = follower.var("y", lb=0)
    follower.add(y >= x)
    follower.minimize(-y)
    m.minimize(sign * -y + x)
    assert solve(m).report.claim == "infeasible"


def test_a_decision_without_response_is_worth_nothing():
    """max over binary x of min y, 1 <= y <= 1.5 - x: at x = 1 nothing is left of y."""
    m = kg.Bilevel("empty")
    x = m.var("x", kind="B")
    follower = m.follower("f")
    y = follower.var("y")
    follower.add(y >= 1, y <= 1.5 - x)
    follower.minimize(y)
    m.maximize(y)
    result = solve(m)
    assert result.solution.objective == pytest.approx(1)
    assert result.report.claim == "optimal"


def test_the_leader_decides_about_costs_of_an_opposed_follower_in_whole_ranges():
    """max over 0 <= x <= 3, sum x <= 4 of the shortest of two paths (2 + x_0, 3 + x_1): both 4.5."""
    m = kg.Bilevel("delays")
    x = m.var("x", 2, lb=0, ub=3)
    user = m.follower("user")
    y = user.var("y", 2, lb=0, ub=1)
    user.add(y.sum() == 1)
    cost = np.array([2.0, 3.0]) @ y + x @ y
    user.minimize(cost)
    m.maximize(cost)
    m.add(x.sum() <= 4)
    result = solve(m)
    assert result.solution.objective == pytest.approx(4.5)
    assert held(result) == ([OPPOSED], True)
    assert not result.model.features & {"int", "qobj_nonconvex"}


def test_whole_ranges_in_rows_of_an_opposed_follower_keep_the_pairs():
    m = kg.Bilevel("rows")
    x = m.var("x", lb=0, ub=2)
    user = m.follower("user")
    y = user.var("y", 2, lb=0)
    user.add(y.sum() >= 1 + x, y[0] <= 2 - x)
    user.minimize(y[0] + 2 * y[1])
    m.maximize(y[0] + 2 * y[1] - 1.5 * x)
    assert kg.alignment(m) == "opposed"
    result = solve(m)
    assert held(result)[0] == []
    assert result.solution.objective == pytest.approx(max(1 + 0.0, (2 * 3 - 3.0), 1.5 - 0.75))


def closed_by(where):
    m = kg.Bilevel("closed")
    x = m.var("x", kind="B")
    user = m.follower("user")
    y = user.var("y", lb=0, ub=2)
    row = user.add(y >= x, name="row")
    user.minimize(y)
    m.minimize(y - 0.5 * x + (0.1 * row.dual if where == "price" else 0))
    if where == "row":
        m.add(y <= 1.5)
    if where == "set":
        m.sos1([x, y])
    if where == "indicator":
        m.indicator(x, 1, y <= 0.5)
    if where == "quadratic":
        m.add(y @ y <= 2)
    if where == "price row":
        m.add(row.dual <= 3)
    return m


@pytest.mark.parametrize("where", ["price", "row", "set", "indicator", "quadratic", "price row"])
def test_what_the_leader_does_to_followers_columns_elsewhere_closes_the_way(where):
    assert kg.alignment(closed_by("nothing")) == "aligned"
    assert kg.alignment(closed_by(where)) is None


@pytest.mark.parametrize("how", ["more of one", "a product with another's", "an own term", "another sign"])
def test_objectives_that_are_no_sums_of_costs(how):
    m = kg.Bilevel("sums")
    x = m.var("x", kind="B")
    users = [m.follower(name) for name in "ab"]
    y = [user.var("y", 2, lb=0, ub=2) for user in users]
    costs = [y[k][0] + 2 * y[k][1] + x @ y[k][0] for k in range(2)]
    for k, user in enumerate(users):
        user.add(y[k].sum() >= 1)
        user.minimize(costs[k])
    goal = costs[0] + 2 * costs[1] + x
    m.minimize(goal)
    assert kg.alignment(m) == "aligned"
    extra = {
        "more of one": 1e-9 * y[0][0], "a product with another's": y[0][0] @ y[1][0], "an own term": x @ y[0][1],
        "another sign": -2 * y[1][1],
    }  # fmt: skip
    m.minimize(goal + extra[how])
    assert kg.alignment(m) is None


def test_followers_the_leader_does_not_mind_and_followers_without_cost():
    """One follower's cost is nobody's business, but it has to have a response; one lets the leader choose."""
    m = kg.Bilevel("indifferent")
    x = m.var("x", kind="B")
    other, idle = m.follower("other"), m.follower("idle")
    y, w = other.var("y", lb=0, ub=2), other.var("w", lb=0)
    other.minimize(y - 3 * (x @ y) - x @ w)
    free = idle.var("free", lb=0, ub=4)
    idle.add(free <= 2 + x)
    idle.minimize(0 * free)
    m.minimize(-free - 5 * x)
    assert kg.alignment(m) == "aligned"
    result = solve(m)
    assert result.solution.objective == pytest.approx(-2)  # at x = 1 the other follower's w has no end
    assert result.report.claim == "optimal"
