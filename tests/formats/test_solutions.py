"""Solution files: written, read, and read from the solvers' own."""

from __future__ import annotations

import re
from pathlib import Path

import highspy
import numpy as np
import pytest
from format_cases import CASES
from format_models import digits, model, random_bilevel

import kktgen as kg
from kktgen import formats
from kktgen.model.model import Model

FOLDER = Path(__file__).parents[1] / "known" / "solutions"


def solution(m: Model, z: np.ndarray | None) -> kg.Solution:
    value = None if z is None else m.value(z)
    return kg.Solution("optimal" if z is not None else "infeasible", value, None, z, 0.0, "none", m)


@pytest.mark.parametrize("seed", [1, 2])
def test_round_trip_is_exact(seed: int, tmp_path: Path) -> None:
    m = model(random_bilevel(seed))
    z = digits(np.random.default_rng(seed), m.n)
    z[::5] = 0.0
    path = formats.write_solution(solution(m, z), tmp_path / "a.sol")
    assert (formats.read_solution(path, m) == z).all()
    lines = path.read_text().splitlines()
    assert lines[:2] == ["solution status: optimal solution found", f"objective value: {m.objective.value(z)}"]
    assert lines[2] == f"{m.space.label(0)} 0.0 \t(obj:{m.matrices[1][0]})"


def test_scip_accepts_the_written_point(tmp_path: Path) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    m = model(CASES["03_objconst"].build())
    point = formats.write_solution(solution(m, np.array([0.25, 0.75])), tmp_path / "a.sol")
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(formats.write(m, tmp_path / "a.lp")))
    read = scip.readSolFile(str(point))
    assert scip.getSolObjVal(read) == pytest.approx(-9.5, abs=1e-9)
    assert scip.checkSol(read)


@pytest.mark.parametrize("suffix", ["lp", "mps", "cip"])
@pytest.mark.parametrize("name", CASES)
def test_reads_what_scip_writes(name: str, suffix: str, tmp_path: Path) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    case, path = CASES[name], tmp_path / "scip.sol"
    m = model(case.build())
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(formats.write(m, tmp_path / f"a.{suffix}")))
    scip.optimize()
    scip.writeBestSol(str(path))
    z = formats.read_solution(path, m)
    tolerance = 0.5 if name == "05_precision" else case.tolerance  # SCIP's solution files have 15 digits
    assert m.value(z) == pytest.approx(case.optimum, abs=tolerance)
    assert m.rows.residual(z).max() < 1e-5
    assert (z >= m.space.lb - 1e-6).all() and (z <= m.space.ub + 1e-6).all()


@pytest.mark.parametrize("suffix", ["lp", "mps"])
@pytest.mark.parametrize("name", ["01_bounds", "02_integers", "03_objconst", "04_ranges"])
def test_reads_what_highs_writes(name: str, suffix: str, tmp_path: Path) -> None:
    case, path = CASES[name], tmp_path / "highs.sol"
    m = model(case.build())
    highs = highspy.Highs()
    highs.silent()
    highs.readModel(str(formats.write(m, tmp_path / f"a.{suffix}")))
    highs.run()
    highs.writeSolution(str(path), 0)
    z = formats.read_solution(path, m)
    assert m.value(z) == pytest.approx(case.optimum, abs=case.tolerance)
    assert m.rows.residual(z).max() < 1e-6


@pytest.mark.parametrize("added", ["Objective_bound -36\nMIP_rel_gap inf\n", "Anything: of (a) later\n\nversion 2\n"])
def test_lines_of_later_versions_of_highs_are_passed_over(added: str, tmp_path: Path) -> None:
    m = model(CASES["02_integers"].build())
    for style in ("raw", "sparse"):
        old = (FOLDER / f"02_integers.highs_{style}.sol").read_text()
        new = re.sub(
            "(# Columns .*)", rf"{added}\1 and more", old.replace("Objective -36\n", f"Objective -36\n{added}")
        )
        assert new.count(added) == 2
        (tmp_path / "new.sol").write_text(new)
        assert kg.read_solution(tmp_path / "new.sol", m).tolist() == [10.0, -5.0, -8.0, 2.0, 0.0, 1.0]
    pretty = (FOLDER / "02_integers.highs_pretty.sol").read_text()
    (tmp_path / "pretty.sol").write_text(f"{pretty}{added}")
    assert kg.read_solution(tmp_path / "pretty.sol", m).tolist() == [10.0, -5.0, -8.0, 2.0, 0.0, 1.0]


@pytest.mark.parametrize("name", ["01_bounds", "02_integers", "03_objconst", "04_ranges"])
def test_highs_reads_the_starts_written_for_it(name: str, tmp_path: Path) -> None:
    """As its program does with ``--read_solution_file``: the point it then holds is the one written."""
    m = model(CASES[name].build())
    z = np.where(m.space.kind == "C", 0.1 + np.arange(m.n) / 7, np.arange(m.n))
    z = np.clip(z, m.space.lb, m.space.ub)
    start = kg.write_solution(solution(m, z), tmp_path / "start.sol", "highs")
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(kg.write(m, tmp_path / "a.mps"))) == highspy.HighsStatus.kOk
    assert highs.readSolution(str(start), 0) == highspy.HighsStatus.kOk
    names = list(highs.getLp().col_names_)
    held = dict(zip(names, highs.getSolution().col_value, strict=True))
    assert [held[m.space.label(k)] for k in range(m.n)] == z.tolist()


def test_unknown_names_are_passed_over_and_missing_are_zero(tmp_path: Path) -> None:
    m = model(CASES["01_bounds"].build())
    path = tmp_path / "a.sol"
    path.write_text("solution status: unknown\nobjective value: 1\nONE 1 \t(obj:2)\n\nqobj_t 5\nb -2.5 \t(obj:2)\n")
    assert formats.read_solution(path, m).tolist() == [0.0, -2.5, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", r"line 1: ''; expected one of .*'solution status: ..' or 'objective value: ..' \(SCIP\)"),
        ("a 1\nb 2\n", r"line 1: 'a 1'; expected one of .*'solution status"),
        ("solution status: optimal\nb 1\n", r"line 2: 'b 1'; expected 'objective value"),
        ("solution status: optimal\nobjective value: 1\na 1\nb\n", r"line 4: 'b'; expected a name and a finite value"),
        ("solution status: optimal\nobjective value: 1\na one\n", r"line 3: 'a one'; expected a name"),
        ("solution status: optimal\nobjective value: 1\na nan\n", r"line 3: 'a nan'; expected a name"),
        ("Model status\nOptimal\n", r"expected a line '# Primal solution values'"),
        ("Model status\nOptimal\n\n# Primal solution values\nFeasible\nObjective 1\n", r"line 4: expected '# Columns"),
        (
            "Model status\nOptimal\n\n# Primal solution values\nFeasible\n# Dual solution values\n# Columns 1\na 1\n",
            r"line 4: expected '# Columns",
        ),
        ("Model status\nOptimal\n\n# Primal solution values\n# Columns 2\na 1\n", r"ends after 1 of 2 columns"),
    ],
)
def test_unreadable_files_say_where_and_what(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.sol"
    path.write_text(text)
    with pytest.raises(kg.FormatError, match=message) as caught:
        formats.read_solution(path, model(CASES["01_bounds"].build()))
    assert "a.sol" in str(caught.value)


def test_no_point(tmp_path: Path) -> None:
    m = model(CASES["01_bounds"].build())
    with pytest.raises(kg.NoSolutionError, match="infeasible"):
        formats.write_solution(solution(m, None), tmp_path / "a.sol")
    for text in (
        "solution status: infeasible\nno solution available\n",
        "Model status\nInfeasible\n\n# Primal solution values\nNone\n",
    ):
        (tmp_path / "b.sol").write_text(text)
        with pytest.raises(kg.NoSolutionError):
            formats.read_solution(tmp_path / "b.sol", m)
    with pytest.raises(kg.FormatError, match="cannot be read"):
        formats.read_solution(tmp_path / "none.sol", m)
    assert not (tmp_path / "a.sol").exists()


def test_a_solution_at_infinity_holds_no_point(tmp_path):
    """SCIP writes it where it takes a model for unbounded."""
    m = kg.Bilevel("far")
    m.minimize(m.var("x", 2, lb=0).sum())
    path = tmp_path / "far.sol"
    path.write_text(
        "solution status: optimal solution found\nobjective value: 1\nx(0) 1 \t(obj:1)\nx(1) +infinity \t(obj:0)\n"
    )
    with pytest.raises(kg.NoSolutionError, match="infinite values"):
        kg.read_solution(path, kg.kkt(m))


def test_a_file_of_other_parameters_is_refused(tmp_path):
    """Six hours are not read into a model of four; columns that an encoding added are passed over."""

    def build(hours):
        m = kg.Bilevel("day")
        p = m.var("p", hours, lb=0, ub=1)
        f = m.follower("f")
        g = f.var("g", hours, lb=0, ub=2)
        f.add(g.sum() >= 1)
        f.minimize(p @ g)
        m.maximize(p @ g)
        return m

    sol = kg.optimize(build(6), encoding="sos1").solution
    path = kg.write_solution(sol, tmp_path / "day.sol")
    assert kg.verify(build(6), kg.read_solution(path, kg.kkt(build(6)))).ok
    with pytest.raises(kg.FormatError, match=r"'p\(4\)' is no column of 'day', whose variable .* is shorter"):
        kg.read_solution(path, kg.kkt(build(4)))
