"""Files of models with products in followers' rows and with rows that hold if a binary says so: solved by others."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import highspy
import numpy as np
import pytest

import kktgen as kg
from kktgen.solvers.programs.cbc import refusal

LIMIT = 30.0
ENCODINGS = {"bigm": kg.BigM(dual=200), "sos1": kg.SOS1(), "indicator": kg.Indicator()}
"""Not all multipliers of the lines have a proved bound: those of the plan found are far below 200."""


def plants() -> kg.Bilevel:
    """Plants that run at 15 at least where they are open: 1450 with the first alone."""
    m = kg.Bilevel("plants")
    opened = m.var("open", 2, kind="B")
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[40, 40, 80])
    market.add(g[:2] >= 15, when=opened, name="minimum")
    market.add(g[:2] == 0, when=~opened, name="closed")
    market.add(g.sum() == 70, name="balance")
    cost = np.array([10.0, 14, 30]) @ g
    market.minimize(cost)
    m.minimize(cost + np.array([150, 500]) @ opened)
    return m


def lines() -> kg.Bilevel:
    """Lines whose flows follow the angles where they are built; the planner earns what the third plant does not run."""
    ends = np.array([[0, 1], [1, 2], [0, 2]])
    incidence = np.zeros((3, 3))
    incidence[ends[:, 0], np.arange(3)], incidence[ends[:, 1], np.arange(3)] = 1, -1
    m = kg.Bilevel("lines")
    built = m.var("built", 3, kind="B")
    market = m.follower("market")
    g = market.var("g", 3, lb=0, ub=[60, 50, 90])
    angle = market.var("angle", 3, lb=-2, ub=2)
    flow = market.var("flow", 3, lb=[-30, -30, -20], ub=[30, 30, 20])
    market.add(flow == built * (10 * (incidence.T @ angle)), name="kirchhoff")
    market.add(g - incidence @ flow == [0, 30, 60], name="balance")
    market.minimize(np.array([0.5, 2, 6]) @ g)
    m.maximize(400 - np.array([1.0, 2.5, 6]) @ g - np.array([40, 40, 40]) @ built)
    return m


PROBLEMS = {"plants": (plants, 1450.0), "lines": (lines, 55.0)}
"""Declared by, and the optimum."""


def encoded(problem: str, encoding: str) -> kg.Model:
    return kg.encode(kg.bound(kg.kkt(PROBLEMS[problem][0]())), ENCODINGS[encoding])


def of_file(model: kg.Model, value: float) -> float:
    """Return the leader's value of what a file, which is always minimised, came to."""
    return model.sense * value


def by_scip(path: Path) -> float:
    scip = pytest.importorskip("pyscipopt").Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.setParam("limits/time", LIMIT)
    scip.optimize()
    assert scip.getStatus() == "optimal"
    return float(scip.getObjVal())


def by_highs(path: Path) -> float:
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue("time_limit", LIMIT)
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    highs.run()
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(highs.getInfo().objective_function_value)


def by_glpsol(path: Path) -> float:
    if shutil.which("glpsol") is None:
        pytest.skip("glpsol is not here")
    answer, form = path.with_suffix(".txt"), "--lp" if path.suffix == ".lp" else "--freemps"
    subprocess.run(["glpsol", form, str(path), "--tmlim", "30", "-o", str(answer)], check=True, capture_output=True)
    text = answer.read_text(encoding="utf-8")
    assert "INTEGER OPTIMAL" in text
    found = re.search(r"^Objective: .* = (\S+) \(MINimum\)", text, re.MULTILINE)
    assert found is not None
    return float(found[1])


def by_cbc(path: Path) -> float:
    if shutil.which("cbc") is None:
        pytest.skip("cbc is not here")
    answer = path.with_suffix(".txt")
    words = ["-seconds", f"{LIMIT:g}", "-preprocess", "off", "-solve", "-solution", str(answer)]
    subprocess.run(["cbc", str(path), *words], check=True, capture_output=True)
    found = re.match(r"Optimal - objective value +(\S+)", answer.read_text(encoding="utf-8"))
    assert found is not None
    return float(found[1])


LINEAR = [(by, suffix, "bigm") for by in (by_highs, by_glpsol) for suffix in ("lp", "mps")]
SETS = [(by_cbc, "mps", encoding) for encoding in ("bigm", "sos1")]
ALL = [(by_scip, suffix, encoding) for suffix in ("lp", "mps", "cip") for encoding in ENCODINGS]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("by", "suffix", "encoding"), LINEAR + SETS + ALL)
def test_others_find_the_same_value(
    problem: str, by: Callable[[Path], float], suffix: str, encoding: str, tmp_path: Path
) -> None:
    model = encoded(problem, encoding)
    if by is by_cbc and (open_ := refusal(model)):
        pytest.skip(open_)
    path = kg.write(model, tmp_path / f"a.{suffix}")
    assert of_file(model, by(path)) == pytest.approx(PROBLEMS[problem][1], rel=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_kktgen_finds_it_and_its_own_model_is_solved_from_a_file(problem: str, tmp_path: Path) -> None:
    declare, value = PROBLEMS[problem]
    result = kg.optimize(declare(), time_limit=LIMIT)
    assert (result.report.claim, result.solution.objective) == ("optimal", pytest.approx(value, rel=1e-6))
    for suffix in ("lp", "mps", "cip"):
        path = kg.write(result.model, tmp_path / f"a.{suffix}")
        assert of_file(result.model, by_scip(path)) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_plan_by_its_responses(problem: str) -> None:
    m = PROBLEMS[problem][0]()
    model, respond = kg.kkt(m), kg.search.Responder(m)
    count = int(((m.space.role == "leader") & (m.space.kind == "B")).sum())
    found = [respond(np.array(plan, dtype=float)) for plan in itertools.product((0, 1), repeat=count)]
    values = [model.sense * model.value(z) for z in found if z is not None]
    assert model.sense * min(values) == pytest.approx(PROBLEMS[problem][1], rel=1e-6)
