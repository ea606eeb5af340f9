"""Followers from .lp and .mps files and from HiGHS objects."""

from __future__ import annotations

import gzip

import highspy
import numpy as np
import pytest

import kktgen as kg
from kktgen.numerics.quiet_highs import quiet

MARKET = """Minimize
 cost: 20 g1 + 30 g2 + [ 2 offer * g0 + 0.2 g1 ^ 2 ] / 2
Subject To
 bal: g0 + g1 + g2 = 100
 mixed: g0 - offer <= 1e30
Bounds
 0 <= offer <= 60
 g0 <= 60
 g1 <= 40
 g2 <= 50
End
"""
MPS = """NAME market
ROWS
 N cost
 E bal
COLUMNS
    offer  cost  0
    g0  bal  1
    g1  cost  20  bal  1
RHS
    RHS  bal  100
BOUNDS
 UP BND offer 60
 UP BND g0 60
 UP BND g1 80
QUADOBJ
    offer  g0  1
    g1  g1  0.1
ENDATA
"""


@pytest.fixture
def file(tmp_path):
    """Return what writes a file and returns its path."""

    def written(text, name="market.lp"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return written


@pytest.mark.parametrize("name", ["market.lp", "market.lp.gz"])
def test_a_market_from_an_lp_file(file, name):
    m = kg.Bilevel("market")
    f = kg.highs.follower(m, file(MARKET, name), leader=["off*"], name="market")
    m.maximize(f.dual["bal"] @ f["g0"] - 10 * f["g0"])
    result = kg.optimize(m)
    assert (result.solution.objective, result.solution[f.dual["bal"]]) == pytest.approx((1200, 30))
    assert result.report.claim == "optimal"
    assert np.isinf(m.followers[0].declared[-1].hi).all()


def test_the_products_of_an_mps_file(file):
    m = kg.Bilevel("market")
    f = kg.highs.follower(m, str(file(MPS, "market.mps")), leader=["offer"])
    qp = f.follower.qp()
    assert qp.P.toarray().tolist() == [[0, 0], [0, 0.1]]
    assert qp.Q.toarray().tolist() == [[1], [0]]
    assert qp.q.tolist() == [0, 20]
    assert qp.A.toarray().tolist() == [[1, 1]]


def held(text, file):
    """Return a HiGHS object that has read a file."""
    highs = quiet()
    highs.readModel(str(file(text)))
    return highs


@pytest.mark.parametrize("seed", range(40))
def test_a_fixed_leader_gives_what_highs_gives(file, seed):
    rng = np.random.default_rng(seed)
    offer, demand = rng.uniform(0, 60), rng.uniform(60, 140)
    text = MARKET.replace("= 100", f"= {demand}").replace("0 <= offer <= 60", f"offer = {offer}")
    m = kg.Bilevel("fixed")
    f = kg.highs.follower(m, file(text), leader=["offer"])
    m.minimize(0)
    solution = kg.optimize(m).solution
    highs = held(text.replace("2 offer * g0 + ", "").replace("20 g1", f"20 g1 + {offer} g0"), file)
    highs.run()
    found, names = highs.getSolution(), list(highs.getLp().col_names_)
    assert solution[f.objective] == pytest.approx(highs.getInfo().objective_function_value)
    assert [solution[f[name]] for name in names] == pytest.approx(list(found.col_value), abs=1e-4)
    assert solution[f.dual["bal"]] == pytest.approx(found.row_dual[0], abs=1e-4)


def test_a_highs_object_without_names_and_maximised():
    highs = quiet()
    highs.addVars(2, np.array([0.0, 0.0]), np.array([4.0, 1e30]))
    highs.changeColsCost(2, np.array([0, 1], dtype=np.int32), np.array([0.0, 3.0]))
    highs.addRow(-1e30, 1.0, 2, np.array([0, 1], dtype=np.int32), np.array([-1.0, 1.0]))
    highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
    highs.changeObjectiveOffset(5.0)
    m = kg.Bilevel("object")
    f = kg.highs.follower(m, highs, leader=["c0"])
    assert list(f.dual) == ["r0"]
    m.maximize(f["c0"] + 0 * f["c1"])
    solution = kg.optimize(m).solution
    assert (solution[f["c0"]], solution[f["c1"]]) == pytest.approx((4, 5))
    assert solution[f.objective] == pytest.approx(20)
    assert solution[f.dual["r0"]] == pytest.approx(-3)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (("End", "Semi-Continuous\n g1\nEnd"), kg.UnsupportedError, "1 semi-continuous variables"),
        (("End", "SOS\n s: S1:: g1:1 g2:2\nEnd"), kg.FormatError, "(?i)SOS .*not supported"),
        (("bal: g0", "ind: z = 1 -> g0 >= 1\n bal: g0"), kg.FormatError, "cannot read it; expected a linear .lp file"),
        (("bal: g0", "bal: [ g0 ^ 2 ]"), kg.FormatError, "(?i)quadratic constraints.* not supported"),
        (("0.2 g1", "-0.2 g1"), kg.ProblemError, "not convex in its own variables"),
    ],
)
def test_what_a_follower_cannot_be_is_refused(file, change, kind, words):
    with pytest.raises(kind, match=words):
        kg.highs.follower(kg.Bilevel("refused"), file(MARKET.replace(*change)), leader=["offer"])


def test_no_file_and_no_highs_object_are_refused(file):
    with pytest.raises(kg.FormatError, match="expected an .lp or .mps file"):
        kg.highs.follower(kg.Bilevel("refused"), "market.txt")
    with pytest.raises(kg.ProblemError, match="got list"):
        kg.highs.follower(kg.Bilevel("refused"), [])
    with pytest.raises(kg.ProblemError, match=r"no columns are named 'offr' \(did you mean offer\?\)"):
        kg.highs.follower(kg.Bilevel("refused"), file(MARKET), leader=["offr"])


def test_an_expression_of_the_leader_stands_for_a_column(file):
    m = kg.Bilevel("given")
    mark_up = m.var("mark_up", lb=0, ub=50)
    f = kg.highs.follower(m, file(MARKET), given={"offer": 10 + mark_up})
    m.maximize(mark_up @ f["g0"])
    assert kg.optimize(m).solution[f["offer"]] == pytest.approx(30)
