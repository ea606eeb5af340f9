"""Twelve small models with known optima, one reader's trap each.

Provenance: "cases with known optima", a set of files on which SCIP, HiGHS, Gurobi, CPLEX, Xpress, COPT, CBC and
GLPK returned the stated objective wherever they support the feature. Each is rebuilt here with kktgen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import kktgen as kg
from kktgen.problem.rows import QuadRow

LONG = "a.very_long(name)" + "v" * 83  # 100 characters, the longest name every reader takes


@dataclass(frozen=True)
class Case:
    build: Callable[[], kg.Bilevel]
    optimum: float
    tolerance: float
    note: str


def bounds() -> kg.Bilevel:
    m = kg.Bilevel("01_bounds")
    a, b, c = m.var("a"), m.var("b", ub=-2), m.var("c", lb=-4, ub=-1)
    d, u, f, g = m.var("d", lb=0), m.var("u", lb=3.25, ub=3.25), m.var("f", ub=0), m.var("g", lb=0, ub=0)
    m.minimize(a + 2 * b + 3 * c + d + u + f - 5 * g)
    m.add(a + b + c + d + u + f + g >= -9, name="r1")
    m.add(a >= -5, name="r2")
    m.add(b + f >= -7, name="r3")
    return m


def integers() -> kg.Bilevel:
    m = kg.Bilevel("02_integers")
    i, j = m.var("i", lb=0, kind="I"), m.var("j", lb=-5, ub=5, kind="I")
    k, n = m.var("k", ub=3, kind="I"), m.var("l", lb=2, kind="I")
    b, bf = m.var("b", kind="B"), m.var("bf", lb=1, kind="B")
    m.minimize(-3 * i - j + k - n - b - bf)
    m.add(2 * i + j + n <= 17.5, name="r1")
    m.add(k - j >= -3.5, name="r2")
    m.add(b + bf <= 1.5, name="r3")
    return m


def objective_constant() -> kg.Bilevel:
    m = kg.Bilevel("03_objconst")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.minimize(x + y - 10.5)
    m.add(x + y >= 1, name="r1")
    return m


def ranges() -> kg.Bilevel:
    m = kg.Bilevel("04_ranges")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=-10, ub=10)
    m.minimize(-x - 2 * y)
    m.add(kg.between(1, x + y, 3.3), name="r1")
    m.add(kg.between(-5, -x + y, -0.1), name="r2")
    return m


def precision() -> kg.Bilevel:
    m = kg.Bilevel("05_precision")
    x, y = m.var("x"), m.var("y", lb=0)
    m.minimize(1e6 * x + y - 123456789000000.0)
    m.add(x == 123456789.12345679, name="r1")
    m.add(y + x >= 123456789.12345679, name="r2")
    return m


def qp() -> kg.Bilevel:
    m = kg.Bilevel("06_qp")
    x, y = m.var("x", lb=0), m.var("y", lb=0)
    m.minimize(x @ x + x @ y + y @ y - 4 * x - 2 * y)
    m.add(x + y <= 10, name="r1")
    return m


def miqp() -> kg.Bilevel:
    m = kg.Bilevel("07_miqp")
    x, y = m.var("x", lb=0, ub=10, kind="I"), m.var("y", lb=0, ub=10)
    m.minimize(x @ x - 2.8 * x)
    m.add(x + y >= 1, name="r1")
    return m


def quadratic_row() -> kg.Bilevel:
    m = kg.Bilevel("08_qrow")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=0, ub=10)
    m.minimize(-x - y)
    m.add(x + y <= 10, name="r1")
    m.add(x - y == 0, name="r2")
    m.add(x @ x + x @ y + y @ y + 0.5 * x <= 3.5, name="q1")
    return m


def bilinear() -> kg.Bilevel:
    m = kg.Bilevel("09_bilinear_compl")
    x, y, z = m.var("x", lb=0, ub=3), m.var("y", lb=0, ub=2), m.var("z", lb=0, ub=10)
    m.minimize(-x - y - 0.0625 * z)
    m.add(x + y <= 100, name="r1")
    m.add(x @ y == 0, name="q1")
    m.add(z + x @ z <= 3, name="q2")
    return m


def sos1() -> kg.Bilevel:
    m = kg.Bilevel("10_sos1")
    x, y, z = m.var("x", lb=0, ub=3), m.var("y", lb=0, ub=2), m.var("z", lb=0, ub=0.5)
    m.minimize(-x - 2 * y - 4 * z)
    m.add(x + y + z <= 100, name="r1")
    m.sos1([x, y], name="s1")
    m.sos1([y, z], name="s2")
    return m


def indicator() -> kg.Bilevel:
    m = kg.Bilevel("11_indicator")
    x, y = m.var("x", lb=0, ub=10), m.var("y", lb=0, ub=4)
    b, d = m.var("b", kind="B"), m.var("d", kind="B")
    m.minimize(-x + y - 9.5 * b + d)
    m.add(x + y + b + d <= 100, name="r1")
    m.indicator(b, 1, x <= 1, name="i1")
    m.indicator(d, 0, x + y >= 6, name="i2")
    m.indicator(d, 1, x - y == 0, name="i3")
    return m


def everything() -> kg.Bilevel:
    m = kg.Bilevel("12_everything")
    x, y, z = m.var(LONG, lb=0, ub=10), m.var("y", lb=0, ub=4), m.var("z", lb=0, ub=0.5)
    b, w = m.var("b", kind="B"), m.var("w(1,2)", lb=-3)
    m.minimize(x @ x - 4 * x - y - z - 0.1 * b + w)
    m.add(x + y + z + b <= 100, name="c.1")
    m.add(w >= -1.5, name="c.2")
    m.indicator(b, 1, x <= 1, name="i1")
    row = x @ x + y @ y + 0.125 * w <= 3
    assert isinstance(row, QuadRow)
    m.add(row, name="q1")
    m.sos1([y, z], name="s1")
    return m


CASES = {
    "01_bounds": Case(bounds, -24.0, 1e-5, "free, MI + negative UP, negative box, fixed, UP = 0 with MI, FX 0"),
    "02_integers": Case(integers, -36.0, 1e-5, "integers without upper bound need PL (default 1); LO 0; fixed binary"),
    "03_objconst": Case(objective_constant, -9.5, 1e-5, "constant through the fixed column ONE"),
    "04_ranges": Case(ranges, -4.9, 1e-5, "double-sided rows split in two one-sided rows"),
    "05_precision": Case(precision, 123456.79, 0.05, "a writer with 15 digits gives 123457.0"),
    "06_qp": Case(qp, -4.0, 1e-5, "catches errors of 1/2 and of triangles"),
    "07_miqp": Case(miqp, -1.8, 1e-5, "integer column after the continuous one in MPS"),
    "08_qrow": Case(quadratic_row, -2.0, 1e-5, "QCMATRIX symmetric, full, no 1/2"),
    "09_bilinear_compl": Case(bilinear, -3.046875, 1e-5, "x y = 0 with no linear part; z + x z <= 3"),
    "10_sos1": Case(sos1, -5.0, 1e-5, "overlapping SOS1; ignoring them gives -9"),
    "11_indicator": Case(indicator, -10.0, 1e-5, "<=, >=, = indicators, both values of the binary"),
    "12_everything": Case(everything, -6.2483969, 1e-5, "SOS, QUADOBJ, QCMATRIX, INDICATORS in that order"),
}
