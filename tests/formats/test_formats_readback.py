"""What SCIP and HiGHS read is the model, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highspy
import numpy as np
import pytest
from format_models import digits, model, random_bilevel, rich_bilevel

import kktgen as kg
from kktgen import formats
from kktgen.model.model import Model

SEEDS = [1, 2, 3]
Rows = dict[str, tuple[dict[str, float], float, float]]


def expected_rows(m: Model) -> Rows:
    """Return the linear rows as the files name them: coefficients by column, lower side, upper side."""
    out: Rows = {}
    for i in range(len(m.rows)):
        at = slice(m.rows.M.indptr[i], m.rows.M.indptr[i + 1])
        entries = {m.space.label(c): v for c, v in zip(m.rows.M.indices[at], m.rows.M.data[at], strict=True)}
        lo, hi, name = float(m.rows.lo[i]), float(m.rows.hi[i]), m.rows.label(i)
        if lo < hi and np.isfinite([lo, hi]).all():
            out[f"{name}_lo"], out[f"{name}_up"] = (entries, lo, np.inf), (entries, -np.inf, hi)
        else:
            out[name] = (entries, lo, hi)
    return out


def expected_columns(m: Model) -> dict[str, tuple[float, float, float, bool]]:
    cost = m.matrices[1]
    out = {
        m.space.label(j): (float(m.space.lb[j]), float(m.space.ub[j]), float(cost[j]), bool(m.space.kind[j] != "C"))
        for j in range(m.n)
    }
    return out | {"ONE": (1.0, 1.0, float(m.objective.r), False)}


def highs_reads(path: Path) -> Any:
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    return highs.getModel()


@pytest.mark.parametrize("suffix", ["lp", "mps"])
@pytest.mark.parametrize("seed", SEEDS)
def test_highs_reads_the_same_bits(seed: int, suffix: str, tmp_path: Path) -> None:
    m = model(random_bilevel(seed))
    lp = highs_reads(formats.write(m, tmp_path / f"a.{suffix}")).lp_
    names, rows = list(lp.col_names_), list(lp.row_names_)
    integer = [kind == highspy.HighsVarType.kInteger for kind in lp.integrality_]
    columns = zip(lp.col_lower_, lp.col_upper_, lp.col_cost_, integer, strict=True)
    assert dict(zip(names, columns, strict=True)) == expected_columns(m)
    start, index, value = lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_
    assert lp.a_matrix_.format_ == highspy.MatrixFormat.kColwise
    found: Rows = {r: ({}, lo, hi) for r, lo, hi in zip(rows, lp.row_lower_, lp.row_upper_, strict=True)}
    for j, name in enumerate(names):
        for k in range(start[j], start[j + 1]):
            found[rows[index[k]]][0][name] = value[k]
    assert found == expected_rows(m)


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_highs_reads_the_same_hessian(suffix: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    p = kg.Bilevel("hessian")
    x = p.var("x", 6, lb=-1, ub=1)
    v = digits(rng, 6)
    p.minimize(kg.sum([float(v[k]) * x[k] @ x[(2 * k) % 6] for k in range(6)]) + float(v[0]) * x[5])
    m = model(p)
    read = highs_reads(formats.write(m, tmp_path / f"a.{suffix}"))
    at = [int(name[2:-1]) for name in read.lp_.col_names_]
    found = np.zeros((6, 6))
    for j in range(read.hessian_.dim_):
        for k in range(read.hessian_.start_[j], read.hessian_.start_[j + 1]):
            i = read.hessian_.index_[k]
            found[at[i], at[j]] = found[at[j], at[i]] = read.hessian_.value_[k]
    assert (found == m.matrices[0].toarray()).all() and found.any()


def scip_reads(path: Path) -> Any:
    pyscipopt = pytest.importorskip("pyscipopt")
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    return scip


def side(value: float) -> float:
    return float(np.sign(value) * np.inf) if abs(value) >= 1e20 else value


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
@pytest.mark.parametrize("seed", SEEDS)
def test_scip_reads_the_same_bits(seed: int, suffix: str, tmp_path: Path) -> None:
    m = model(random_bilevel(seed))
    scip = scip_reads(formats.write(m, tmp_path / f"a.{suffix}"))
    columns = {
        v.name: (side(v.getLbOriginal()), side(v.getUbOriginal()), v.getObj(), v.vtype() != "CONTINUOUS")
        for v in scip.getVars()
    }
    assert columns == expected_columns(m)
    found = {c.name: (scip.getValsLinear(c), side(scip.getLhs(c)), side(scip.getRhs(c))) for c in scip.getConss()}
    assert found == expected_rows(m)


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
def test_scip_reads_the_same_sets_indicators_and_products(suffix: str, tmp_path: Path) -> None:
    m = model(rich_bilevel(7))
    scip = scip_reads(formats.write(m, tmp_path / f"a.{suffix}"))
    sorts: dict[str, list[str]] = {}
    for c in scip.getConss():
        sorts.setdefault(c.getConshdlrName(), []).append(c.name)
    assert sorted(sorts["SOS1"]) == ["five", "pair"]
    indicators = {"on(0)_lo", "on(0)_up", "on(1)_lo", "on(1)_up", "low"}
    assert indicators <= {name.removeprefix("ind_") for name in sorts["indicator"]}  # its MPS reader adds the prefix
    assert len(sorts["indicator"]) == 7  # the equation takes two
    assert {"bil", "ball", "comp"} <= set(sorts["nonlinear"])
    rows = {c.name: c for c in scip.getConss()}
    assert scip.getRhs(rows["bil"]) == 1.1 and scip.getLhs(rows["comp"]) == scip.getRhs(rows["comp"]) == 0.0
    if suffix == "cip":
        return  # SCIP takes the products of a CIP file as quadratic only when it presolves
    products, squares, linear = scip.getTermsQuadratic(rows["bil"])
    v = m.quads.v[m.quads.row == 0]
    assert {frozenset((x.name, y.name)) for x, y, _ in products} == {frozenset(("q(0)", "q(1)"))}
    assert sum(a for _, _, a in products) == v[0]  # MPS has both triangles, halved
    assert all(square == 0 and slope == 0 for _, square, slope in squares)
    assert [(x.name, a) for x, a in linear] == [("q(2)", m.quads.linear.M[[0]].data[0])]
    products, squares, linear = scip.getTermsQuadratic(rows["ball"])
    found = {x.name: square for x, square, _ in squares}
    assert found == {"q(0)": m.quads.v[1], "q(3)": m.quads.v[2]} and not products
