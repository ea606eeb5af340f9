"""Every verb on every class of problems: it works, or it refuses in words."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import kktgen as kg
from kktgen.cli import cli

LIMIT = 30.0


def lifted():
    """A plant of a duopoly that may be opened, and pays for what it is asked; the leader earns the price."""
    m = kg.Bilevel("lifted")
    x, k = m.var("x", kind="B"), m.var("k", lb=0, ub=2, kind="I")
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[4, 5, 9])
    f.add(g[0] - x * g[1] <= 1, g[1] * k <= 6, name="rule")
    f.add(g[1] >= 1, when=x, name="least")
    f.add(g.sum() == 8, name="balance")
    f.minimize(np.array([1.0, 2, 5]) @ g + 0.1 * g @ g)
    m.minimize(3 * g[2] + g[0] + 0.5 * x - 0.4 * k)
    return m


def continuous():
    """The leader says how much of a scarce good a unit takes, and earns what is sold and what the good is worth."""
    m = kg.Bilevel("continuous")
    x = m.var("x", lb=1, ub=3)
    f = m.follower("f", products=True)
    y = f.var("y", 2, lb=0, ub=[4, 5])
    cap = f.add(x * (y[0] + 2 * y[1]) <= 6, name="cap")
    f.minimize(0.5 * y @ y - np.array([3.0, 4.0]) @ y)
    m.maximize(2 * x + y[0] - y[1] - cap.dual)
    return m


def aligned():
    """A planner pays for a line and for what the market pays."""
    m = kg.Bilevel("aligned")
    x = m.var("x", 2, kind="B")
    f = m.follower("market")
    g, flow = f.var("g", 2, lb=0, ub=[9, 5]), f.var("flow", 2, lb=0, ub=3)
    f.add(flow <= 3 * x)
    f.add(g[0] == flow.sum(), g[1] + flow.sum() == 5, name="balance")
    cost = np.array([1.0, 4]) @ g + 0.1 * g @ g
    f.minimize(cost)
    m.minimize(cost + np.array([4.0, 8.0]) @ x)
    return m


def opposed():
    """Who cuts a line raises what the market pays."""
    m = kg.Bilevel("opposed")
    x = m.var("x", 2, kind="B")
    m.add(x.sum() <= 1)
    f = m.follower("market")
    g, flow = f.var("g", 2, lb=0, ub=[9, 5]), f.var("flow", 2, lb=0, ub=3)
    f.add(flow <= 3 * (1 - x))
    f.add(g[0] == flow.sum(), g[1] + flow.sum() == 5, name="balance")
    f.minimize(np.array([1.0, 4]) @ g)
    m.maximize(np.array([1.0, 4]) @ g)
    return m


def parts():
    """Two tolls on two roads that have nothing to do with each other."""
    m = kg.Bilevel("parts")
    toll = m.var("toll", 2, lb=0, ub=[3, 5])
    income = []
    for k, free in enumerate((2.0, 3.0)):
        f = m.follower(f"driver{k}")
        road = f.var("road", lb=0, ub=1)
        f.minimize(toll[k] @ road - free * road)
        income.append(toll[k] @ road)
    m.maximize(income[0] + income[1])
    return m


def complements():
    """A tax on two firms and on a grid, whose price is held up by a reserve."""
    m = kg.Bilevel("complements")
    tax, q = m.var("tax", lb=0, ub=9), m.var("q", 2, lb=0, ub=20)
    reserve = m.var("reserve", lb=0, ub=5)
    f = m.follower("grid")
    g = f.var("g", 2, lb=0, ub=[4, 9])
    balance = f.add(g.sum() == 6 + reserve, name="balance")
    f.minimize(g[0] + 3 * g[1] + 0.1 * g @ g)
    m.complements([1, 4] + tax - (10 - q.sum()) + q, q, name="cournot")
    m.complements(balance.dual - 3.8, reserve, name="held")
    m.maximize(tax * q.sum() - 0.1 * tax**2 - reserve)
    return m


def squares():
    """A converter of a size that is paid for: 5 size - size^2."""
    m = kg.Bilevel("squares")
    size = m.var("size", lb=1, ub=5)
    f = m.follower("converter")
    power = f.var("power", 2, lb=0, ub=10)
    f.add(kg.norm(power) <= size, name="apparent")
    f.maximize(3 * power[0] + 4 * power[1])
    m.maximize(3 * power[0] + 4 * power[1] - size * size)
    return m


def norms():
    """Two ropes and the force it takes, load / sqrt(2): 2 load - load^2 / 2."""
    m = kg.Bilevel("norms")
    load = m.var("load", lb=1, ub=4)
    f = m.follower("crane")
    pull, force = f.var("pull", 2, lb=0, ub=10), f.var("force", lb=0, ub=20)
    f.add(kg.norm(pull) <= force, name="cone")
    f.add(pull[0] + pull[1] >= load)
    f.minimize(force)
    m.maximize(2 * load - force * force)
    return m


SOLVED = {"lifted": lifted, "aligned": aligned, "opposed": opposed, "parts": parts, "nonconvex rows": continuous,
          "complements": complements, "squares": squares, "norms": norms}  # fmt: skip
CLASSES = SOLVED
VALUES = {"parts": 5.0, "squares": 6.25, "norms": 2.0}
CURVED = ("squares", "norms")


def by_kkt(m, folder):
    model = kg.kkt(m)
    assert len(model.pairs) and model.kkt.S.shape[0] == len(model.kkt.y)


def by_bound(m, folder):
    model = kg.bound(kg.eliminate(kg.kkt(m)), time_limit=LIMIT)
    assert (model.pairs.slack_max.value >= 0).all()


def by_encode(m, folder):
    values = [
        kg.solve(kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), encoding), time_limit=LIMIT).objective
        for encoding in (kg.Auto(), kg.SOS1(), kg.Indicator())
    ]
    assert values == pytest.approx([kg.optimize(m, time_limit=LIMIT).solution.objective] * 3, abs=1e-4)


def by_write(m, folder):
    model = kg.encode(kg.bound(kg.eliminate(kg.kkt(m))), kg.SOS1())
    for suffix in ("lp", "mps", "cip"):
        assert kg.write(model, folder / f"m.{suffix}").stat().st_size > 100


def by_verify(m, folder):
    result = kg.optimize(m, time_limit=LIMIT)
    report = kg.verify(m, result.solution.z[: len(m.space)])
    assert report.ok and report.value == pytest.approx(result.solution.objective, abs=1e-6)


def by_range(m, folder):
    result = kg.optimize(m, time_limit=LIMIT, range=True)
    if m.space.conditions:
        assert "are nobody's response, so they break no ties" in str(result.report)
        return
    if m.name in CURVED:
        assert "its optimal responses are no polyhedron" in str(result.report)
        return
    assert result.report.range is not None
    low, high = sorted([result.report.range.best, result.report.range.worst])
    assert low - 1e-6 <= result.solution.objective <= high + 1e-6


def by_robust(m, folder):
    result = kg.optimize(m, time_limit=LIMIT)
    assert kg.robust(m, result.solution) is not None


def by_certify(m, folder):
    result = kg.optimize(m, time_limit=LIMIT)
    proof = kg.certify(m, result.solution)
    assert proof.ok and set(proof.followers.values()) == {"exact"}


def by_agree(m, folder):
    found = kg.agree(m, time_limit=4 * LIMIT)
    assert found.agreed, str(found)


def by_explain(m, folder):
    assert str(kg.explain(m, time_limit=LIMIT))


def by_search(m, folder):
    assert kg.verify(m, kg.search.respond(m, leader(m))).ok


def leader(m):
    """Return the leader's decision of the optimum."""
    z = kg.optimize(m, time_limit=LIMIT).solution.z
    return z[: len(m.space)][m.space.role == "leader"]


def by_bundle(m, folder):
    text = kg.dumps(m, "bilevel.json")
    back = kg.read(kg.write(m, folder / "m.bilevel.json"))
    assert kg.dumps(back, "bilevel.json") == text
    values = [kg.optimize(one, time_limit=LIMIT).solution.objective for one in (m, back)]
    assert values[0] == pytest.approx(values[1], abs=1e-6)


def by_info(m, folder):
    path = kg.write(m, folder / "m.bilevel.json")
    out = CliRunner().invoke(cli, ["info", str(path)])
    assert out.exit_code == 0, out.output
    assert "n_x" in out.output


VERBS = {name.removeprefix("by_"): verb for name, verb in globals().items() if name.startswith("by_")}
REFUSED = {
    ("nonconvex rows", "certify"): (kg.UnsupportedError, "'f' has nonconvex rows, .*row 'cap'"),
    ("complements", "robust"): (kg.UnsupportedError, "are nobody's response, so they break no ties"),
    ("complements", "search"): (kg.UnsupportedError, "holds complementarity conditions"),
    **{(name, verb): (kg.UnsupportedError, "squares or norms") for name in CURVED for verb in ("robust", "certify")},
}
"""What a cell refuses, with the words; all others work."""


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", CLASSES)
def test_a_cell_works_or_refuses_in_words(name, verb, tmp_path):
    if (name, verb) not in REFUSED:
        VERBS[verb](CLASSES[name](), tmp_path)
        return
    kind, words = REFUSED[name, verb]
    with pytest.raises(kind, match=words):
        VERBS[verb](CLASSES[name](), tmp_path)


@pytest.mark.parametrize("name", SOLVED)
def test_every_class_is_solved_to_the_claim_optimal(name):
    result = kg.optimize(CLASSES[name](), time_limit=LIMIT)
    assert result.report.claim == "optimal", str(result.report)
    if name in VALUES:
        assert result.solution.objective == pytest.approx(VALUES[name], abs=1e-5)
