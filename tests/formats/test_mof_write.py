"""Problems as MathOptFormat files: the way there and back, what they cannot hold."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kktgen as kg


def drawn(seed):
    """Return a problem with ranges, prices, integers, a quadratic row of the leader and two followers."""
    rng = np.random.default_rng(seed)
    m = kg.Bilevel(f"drawn {seed}")
    x = m.var("x", 2, lb=-1, ub=[2, 3])
    n = m.var("n", lb=0, ub=3, kind="I")
    on = m.var("on", kind="B")
    goal = x.sum() + 0.5 * n - on
    for k in range(2):
        f = m.follower(f"f/{k}")
        y = f.var("y", (2, 2), lb=0, ub=4)
        e = y.ravel()
        total = f.add(e.sum() == 3 + x[0] + on, name="total")
        band = f.add(kg.between(-2, rng.integers(-2, 3, (2, 4)) @ e - n, 5), name="band")
        side = f.add(e[0] - e[1] <= 2 + x[1], name="side")
        cost = rng.uniform(-2, 2, 4) @ e + x @ e[:2] + 3 * x[0] + 1
        cost = cost + (e @ e if k else 0)
        (f.minimize if k == seed % 2 else f.maximize)(cost if k == seed % 2 else -1 * cost)
        goal = goal + 0.1 * (total.dual + band.dual.sum() - side.dual) + rng.uniform(0, 1, 4) @ e
        if k:
            goal = goal + 0.05 * y.lower_dual.sum() - 0.05 * y.upper_dual[0, 0] + 0.3 * e[0] @ total.dual
            m.add(kg.between(-4, total.dual + x[0], 6), name="price")
    m.add(x[0] + x[1] <= 4, name="limit")
    m.add(x @ x + n <= 7, name="ball")
    (m.maximize if seed % 3 else m.minimize)(goal if seed % 3 == 0 else -1 * goal)
    return m


def lines(*parts):
    """Return rows of matrices side by side, in one order."""
    return sorted(np.column_stack([one.toarray() if hasattr(one, "toarray") else one for one in parts]).tolist())


def sorted_lists(value):
    """Return a document with its lists in one order."""
    if isinstance(value, dict):
        return {key: sorted_lists(one) for key, one in value.items()}
    return sorted(map(sorted_lists, value), key=str) if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_back_is_the_same_problem(seed, tmp_path):
    m = drawn(seed)
    path = kg.write(m, tmp_path / "one.mof.json")
    back, at = kg.mof.read(path)
    (tmp_path / "again").mkdir()
    kg.write(back, tmp_path / "again" / "one.mof.json")
    names = ("one.mof.json", "one.link.json", "one.f_0.mof.json", "one.f_1.mof.json")
    for name in names:
        first, second = (
            sorted_lists(json.loads((folder / name).read_text())) for folder in (tmp_path, tmp_path / "again")
        )
        if "f_" in name:  # what is constant to a follower is not read
            first.pop("objective"), second.pop("objective")
        assert first == second
    assert kg.dumps(back, "bilevel.json") == kg.dumps(kg.read(path), "bilevel.json")
    for mine, theirs in zip(m.followers, back.followers, strict=True):
        a, b = mine.qp(), theirs.qp()
        assert (a.ny, len(a.b), len(a.h), mine.sense) == (b.ny, len(b.b), len(b.h), theirs.sense)
        assert np.array_equal(a.P.toarray(), b.P.toarray()) and np.array_equal(a.q, b.q)
        assert lines(a.A, a.B, a.b) == lines(b.A, b.B, b.b)
        assert lines(a.G, a.H, a.h) == lines(b.G, b.H, b.h)
    assert at["x[0]"].shape == ()


def test_the_optimum_and_the_prices_are_the_same(tmp_path):
    m = kg.Bilevel("market")
    p, block = m.var("offer", lb=0, ub=60), m.var("block", lb=0, ub=3, kind="I")
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = market.add(g.sum() == 100, name="balance")
    cap = market.add(kg.between(0, g[0] - 18 * block, 5), name="cap")
    market.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0] - block + 0.01 * cap.dual - 0.02 * g.upper_dual[1])
    back, at = kg.mof.read(kg.write(m, tmp_path / "market.mof.json"))
    first, second = kg.optimize(m, time_limit=20), kg.optimize(back, time_limit=20)
    assert first.report.claim == second.report.claim
    assert second.solution.objective == pytest.approx(first.solution.objective)
    assert second.solution[at.dual("balance")] == pytest.approx(first.solution[balance.dual])
    assert second.solution[at["g[0]"]] == pytest.approx(first.solution[g[0]])


def test_a_square_has_twice_its_coefficient(tmp_path):
    m = kg.Bilevel("square")
    x = m.var("x", 2)
    m.minimize(3 * x[0] ** 2 + 5 * x[0] * x[1] - x[1] + 4)
    kg.write(m, tmp_path / "square.mof.json")
    function = json.loads((tmp_path / "square.mof.json").read_text())["objective"]["function"]
    assert function == {
        "type": "ScalarQuadraticFunction",
        "affine_terms": [{"coefficient": -1.0, "variable": "x[1]"}],
        "quadratic_terms": [
            {"coefficient": 6.0, "variable_1": "x[0]", "variable_2": "x[0]"},
            {"coefficient": 5.0, "variable_1": "x[0]", "variable_2": "x[1]"},
        ],
        "constant": 4.0,
    }


def test_labels_and_names_of_files_are_the_names(tmp_path):
    m = kg.Bilevel("labelled")
    g = m.var("g", lb=0, ub=1, coords={"hour": ["07:00", "08:00"], "bus": ["north", "south"]})
    m.add(g.sum(axis=1) <= 1, name="limit", coords={"hour": ["07:00", "08:00"]})
    m.maximize(g.sum())
    root = json.loads(kg.write(m, tmp_path / "labelled.mof.json").read_text())
    assert [one["name"] for one in root["variables"]] == [
        "g[07:00,north]", "g[07:00,south]", "g[08:00,north]", "g[08:00,south]"
    ]  # fmt: skip
    assert [one["name"] for one in root["constraints"] if "name" in one] == ["limit[07:00]", "limit[08:00]"]
    (tmp_path / "one.lp").write_text("Minimize\n c: cost + 2 tax\nSubject To\n low: cost + tax >= 3\nEnd\n")
    root = json.loads(kg.write(kg.read(tmp_path / "one.lp"), tmp_path / "one.mof.json").read_text())
    assert [one["name"] for one in root["variables"]] == ["cost", "tax"]
    assert root["constraints"][-1]["name"] == "low"


def sets(m, x, f, y):
    m.sos1(x)


def indicators(m, x, f, y):
    m.indicator(m.var("b", kind="B"), 1, x[0] <= 1)


def products(m, x, f, y):
    f.add(m.var("b", kind="B") @ y <= 3)


def priced(m, x, f, y):
    row = f.add(y <= 3, name="row")
    g = m.follower("g")
    z = g.var("z", lb=0)
    g.minimize(z + row.dual * z)


def nothing(m, x, f, y):
    m.follower("g").var("z")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (sets, "the leader of 'no' has 1 SOS1 sets; MathOptFormat files hold"),
        (indicators, "the leader of 'no' has 1 indicator rows"),
        (products, "rows of follower 'f' hold products"),
        (priced, "follower 'g' 1 uses the price mu"),
        (nothing, "follower 'g' has no objective yet"),
    ],
)
def test_what_the_files_cannot_hold_is_refused(change, words, tmp_path):
    m = kg.Bilevel("no")
    x, f = m.var("x", 2, lb=0, ub=1), m.follower("f")
    y = f.var("y", lb=0, ub=5)
    f.minimize(y)
    change(m, x, f, y)
    with pytest.raises(kg.UnsupportedError, match=words):
        kg.write(m, tmp_path / "no.mof.json")
    assert not [*tmp_path.iterdir()]


def test_mof_files_are_not_packed_and_hold_problems(tmp_path):
    with pytest.raises(kg.UnsupportedError, match="not packed"):
        kg.write(kg.Bilevel("x"), tmp_path / "x.mof.json.gz")
    with pytest.raises(kg.KktgenError, match="give the bilevel problem"):
        kg.write(kg.kkt(drawn(0)), tmp_path / "x.mof.json")
    with pytest.raises(kg.ProblemError, match="names=, .*belong to"):
        kg.write(drawn(0), tmp_path / "x.mof.json", names="short")
