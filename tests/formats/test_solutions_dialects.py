"""Solution files of every solver, as it wrote them: their points, their words, and what is refused."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from format_cases import CASES
from format_models import digits, model, random_bilevel

import kktgen as kg
from kktgen.formats.solutions import dialects, read_stated, write_point
from kktgen.model.solution import STATUSES

FOLDER = Path(__file__).parents[1] / "known" / "solutions"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".sol", ".mst", ".json", ".slx"))
SILENT = ("gurobi.sol", "gurobi.mst", "copt.sol", "xpress.slx", "cplex.mst", "scip.sol")
"""Files that do not say how the solve ended (SCIP's, where it is one of its pool)."""


def infeasible() -> kg.Bilevel:
    m = kg.Bilevel("infeasible")
    x, y = m.var("x", lb=0, ub=1, kind="I"), m.var("y", lb=0, ub=1, kind="I")
    m.minimize(x)
    m.add(x + y >= 3, name="r1")
    return m


def ordered() -> kg.Bilevel:
    """A model whose columns stand in three different orders in its space, its .mps and its .lp file."""
    m = kg.Bilevel("ordered")
    i, x = m.var("i", lb=0, ub=4, kind="I"), m.var("x", lb=0, ub=9)
    k, y = m.var("k", lb=-3, ub=3, kind="I"), m.var("y", lb=-1, ub=2.5)
    m.minimize(-3 * y - 2 * k - 1.5)  # the .lp file begins with these two
    m.add(i + x == 3.25, y + 2 * i >= 1, k + x - y <= 2.5)
    return m


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_solvers_wrote(path: Path) -> None:
    name, what = path.name.split(".", 1)
    if name == "infeasible":
        m = kg.kkt(infeasible())
        stated, z = read_stated(path, m)
        assert z is None
        assert stated.status == "infeasible"
        with pytest.raises(kg.NoSolutionError, match=r"(?i)infeasible|empty|no feasible"):
            kg.read_solution(path, m)
        return
    case = CASES[name]
    m = model(case.build())
    stated, z = read_stated(path, m)
    assert z is not None
    assert stated.status == (None if what in SILENT else "optimal")
    assert not stated.marked
    if what == "gurobi.mst":  # a start of the integer columns, which are all here
        assert (m.space.kind != "C").all()
    assert m.value(z) == pytest.approx(case.optimum, abs=case.tolerance)
    assert m.rows.residual(z).max() < 1e-6


def test_every_dialect_has_a_file_of_its_solver() -> None:
    read = set()
    for path in FILES:
        line = path.read_bytes().lstrip().partition(b"\n")[0].rstrip()
        read |= {name for name, module in dialects().items() if module.begins(line)}
        assert sum(module.begins(line) for module in dialects().values()) == 1
    assert read == set(dialects())
    for name, module in dialects().items():
        words = getattr(module, "STATUS", {}).values()
        assert {word[1] if name == "gurobi_json" else word for word in words} <= set(STATUSES)


@pytest.mark.parametrize("names", ["full", "short"])
def test_files_with_either_spelling_of_the_names(names: str, tmp_path: Path) -> None:
    from kktgen.formats.writing.names import column_names

    m = model(random_bilevel(3))
    z = digits(np.random.default_rng(3), m.n)
    lines = [f"{name.decode()} {value!r}" for name, value in zip(column_names(m, names), z.tolist(), strict=True)]
    (tmp_path / "a.sol").write_text("# of any order\n" + "\n".join(lines[::-1]) + "\nONE 1\n")
    assert (kg.read_solution(tmp_path / "a.sol", m) == z).all()


def test_the_spelling_that_fits_best_is_taken(tmp_path: Path) -> None:
    """A model with a column x1 of its own, the third: in a file with short names x1 is the first."""
    m = kg.Bilevel("clash")
    m.var("a"), m.var("b"), m.var("x1")
    (tmp_path / "full.sol").write_text("# 1\na 1\nb 2\nx1 3\n")
    (tmp_path / "short.sol").write_text("# 1\nx1 1\nx2 2\nx3 3\n")
    for name in ("full", "short"):
        assert kg.read_solution(tmp_path / f"{name}.sol", kg.kkt(m)).tolist() == [1, 2, 3]


@pytest.mark.parametrize("dialect", ["scip", "highs", "gurobi", "cplex", "cbc"])
def test_written_starts_read_back(dialect: str, tmp_path: Path) -> None:
    m = model(random_bilevel(4))
    z = digits(np.random.default_rng(4), m.n)
    sol = kg.Solution("optimal", m.value(z), None, z, 0.0, "none", m)
    path = kg.write_solution(sol, tmp_path / "a.sol", dialect)
    assert (kg.read_solution(path, m) == z).all()
    if dialect != "scip":
        assert path.read_bytes() != kg.write_solution(sol, tmp_path / "b.sol").read_bytes()
    if dialect == "highs":
        return
    z[::3] = np.nan
    write_point(m, z, tmp_path / "c.sol", dialect)
    text = (tmp_path / "c.sol").read_text().replace("unknown", "0")
    (tmp_path / "c.sol").write_text(text)
    assert (kg.read_solution(tmp_path / "c.sol", m) == np.nan_to_num(z)).all()


def test_the_suffix_chooses_the_dialect(tmp_path: Path) -> None:
    m = model(CASES["03_objconst"].build())
    sol = kg.Solution("optimal", -9.5, None, np.array([0.25, 0.75]), 0.0, "none", m)
    assert kg.write_solution(sol, tmp_path / "a.mst").read_text() == "# MIP start\nx 0.25\ny 0.75\nONE 1\n"
    assert kg.write_solution(sol, tmp_path / "a.sol").read_text().startswith("solution status: optimal")
    assert kg.write_solution(sol, tmp_path / "b.mst", "cplex").read_text().startswith("<?xml")
    with pytest.raises(kg.ProblemError, match="no dialect 'lindo'.*cbc, cplex, gurobi, highs, scip"):
        kg.write_solution(sol, tmp_path / "c.mst", "lindo")


@pytest.mark.skipif(shutil.which("glpsol") is None, reason="GLPK is not installed (apt install glpk-utils)")
@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_numbered_columns_are_told_by_the_rows(suffix: str, tmp_path: Path) -> None:
    m = kg.kkt(ordered())
    path = kg.write(m, tmp_path / f"a.{suffix}")
    form = "--lp" if suffix == "lp" else "--freemps"
    done = subprocess.run(
        ["glpsol", form, path, "-w", tmp_path / "w", "-o", tmp_path / "o"], capture_output=True, timeout=60
    )
    assert done.returncode == 0
    best = kg.solve(m, "highs")
    for name in "wo":
        z = kg.read_solution(tmp_path / name, m)
        assert m.value(z) == pytest.approx(best.objective, abs=1e-6)
        assert m.rows.residual(z).max() < 1e-6
    text = (tmp_path / "w").read_text()
    (tmp_path / "w").write_text(text.replace("\nj 1 ", "\nj 1 1").replace("\nj 2 ", "\nj 2 -9"))
    with pytest.raises(kg.FormatError, match="no point of this model has such activities"):
        kg.read_solution(tmp_path / "w", m)
    with pytest.raises(kg.FormatError, match="5 columns and 3 rows, but files of 'infeasible' have 2 and 1"):
        kg.read_solution(tmp_path / "w", kg.kkt(infeasible()))


def test_marks_of_cbc_are_passed_on(tmp_path: Path) -> None:
    m = kg.kkt(infeasible())
    (tmp_path / "a.sol").write_text(
        "Stopped on time - objective value 2.0\n**      0 x     1.5     0\n        1 y     -2e-3   1\n"
    )
    stated, z = read_stated(tmp_path / "a.sol", m)
    assert stated.marked
    assert stated.status == "time_limit"
    assert z is not None
    assert z.tolist() == [1.5, -2e-3]
    for word in ("Integer infeasible", "Unbounded", "Stopped on time (no integer solution - continuous used)"):
        (tmp_path / "a.sol").write_text(f"{word} - objective value 2.0\n      0 x     1.5     0\n")
        with pytest.raises(kg.NoSolutionError, match="holds no point"):
            kg.read_solution(tmp_path / "a.sol", m)


def test_packed_files_are_read(tmp_path: Path) -> None:
    m = model(CASES["02_integers"].build())
    (tmp_path / "a.sol.gz").write_bytes(gzip.compress((FOLDER / "02_integers.cplex.sol").read_bytes()))
    assert m.value(kg.read_solution(tmp_path / "a.sol.gz", m)) == -36


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    for path in FILES:
        name = path.name.split(".")[0]
        if name == "infeasible":
            continue
        m = model(CASES[name].build())
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert (kg.read_solution(tmp_path / path.name, m) == kg.read_solution(path, m)).all(), path.name


XML = '<?xml version="1.0"?>\n<CPLEXSolution>\n<header solutionStatusValue="1"/>\n<variables>\n'
LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
<CPLEXSolution>&b;</CPLEXSolution>"""
GLPK = "c Status: OPTIMAL\nc\ns mip 1 2 o 0\ni 1 3\nj 1 1\nj 2 2\ne o f\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (XML + '<variable name="x"/>\n', r"line 5: expected an attribute 'value' of <variable>"),
        (XML + '<variable name="x" value="1"/>\n', r"line 6: expected XML \(no element found\)"),
        (XML + '<variable name="x" value="one"/></variables></CPLEXSolution>', r"expected finite values .*one"),
        (XML + '<variable name="x" value="nan"/></variables></CPLEXSolution>', r"a finite value of variable 'x'"),
        (LAUGHS, r"line 2: a DOCTYPE, which solution files have not"),
        ("<?xml version='1.0'?><html/>", r"an element <html>; expected <CPLEXSolution>"),
        ("{", r"line 1: expected JSON"),
        ('{"Vars": []}', r"expected an object 'SolutionInfo'"),
        ('{"SolutionInfo": {"Status": 2}, "Vars": [{"X": 1}]}', r"expected 'VarName' and a number 'X'"),
        ('{"SolutionInfo": {}, "Vars": [{"VarName": "x", "X": "1"}, 3]}', r"expected 'VarName' and a number"),
        (GLPK.replace("j 2 2\n", ""), r"line 6: 'e o f'; expected lines numbered 1 to 2"),
        (GLPK.replace("e o f\n", ""), r"line 7: ends early"),
        (GLPK.replace("j 2 2\n", "j 3 2\n"), r"line 7: 'e o f'; expected lines numbered 1 to 2"),
        (GLPK.replace("j 2 2", "j 2 two"), r"line 6: 'j 2 two'; expected a name and a finite value"),
        (GLPK.replace("i 1 3", "i 1 4"), r"neither in the order of the \.mps nor of the \.lp file"),
        ("c nothing\n", r"expected a line 's mip\|bas\|ipt"),
        ("Problem: a\nStatus: OPTIMAL\n", r"expected a table"),
        ("NAME a\n  C x 1\n", r"line 3: expected 'ENDATA'"),
        ("NAME a\n  C x 1\n  R y 1\nENDATA\n", r"line 3: 'R y 1'; expected 'C name value'"),
        ("NAME a\n  C x one\nENDATA\n", r"line 2: 'C x one'; expected a name and a finite value"),
        ("Optimal - objective value 1\n 0 x\n", r"line 2: '0 x'; expected a name and a finite value"),
        ("# a comment\nz 1\nw 2\n", r"none of its 2 names \(z, w, \.\.\) is a column of 'infeasible'"),
        ("Columns\n    Index Status\n", r"expected 'Columns', a heading"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.sol").write_text(text)
    with pytest.raises(kg.FormatError, match=message) as caught:
        kg.read_solution(tmp_path / "a.sol", kg.kkt(infeasible()))
    assert "a.sol" in str(caught.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_half_a_file_raises_our_errors_only(path: Path, tmp_path: Path) -> None:
    """Cut anywhere, a file is read, refused, or said to hold no point; nothing else comes out."""
    name, text = path.name.split(".")[0], path.read_bytes()
    m = kg.kkt(infeasible()) if name == "infeasible" else model(CASES[name].build())
    rng = np.random.default_rng(1)
    for stop in rng.integers(0, len(text), 40).tolist():
        garbled = bytearray(text)
        garbled[stop] = int(rng.integers(0, 256))
        for content in (text[:stop], bytes(garbled)):
            (tmp_path / "a").write_bytes(content)
            try:
                z = kg.read_solution(tmp_path / "a", m)
            except (kg.FormatError, kg.NoSolutionError):
                continue
            assert np.isfinite(z).all()


def test_many_columns_are_read_quickly(tmp_path: Path) -> None:
    m = kg.Bilevel("large")
    m.var("x", 200_000)
    large = kg.kkt(m)
    z = digits(np.random.default_rng(0), large.n)
    path = kg.write_solution(kg.Solution("optimal", 0.0, None, z, 0.0, "none", large), tmp_path / "a.sol")
    began = time.process_time()
    assert (kg.read_solution(path, large) == z).all()
    assert time.process_time() - began < 2
