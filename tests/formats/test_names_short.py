"""Short names: the same model under x1, x2, .. and c1, c2, .."""

from __future__ import annotations

from pathlib import Path

import highspy
import pytest
from dialect import check_lp, check_mps
from format_cases import CASES
from format_models import random_bilevel

import kktgen as kg
from kktgen import formats
from kktgen.formats.maps.read import read_map

SUFFIXES = ("lp", "mps", "cip")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", CASES)
def test_short_names_leave_the_model_as_it_is(name: str, suffix: str, tmp_path: Path) -> None:
    pyscipopt = pytest.importorskip("pyscipopt")
    case = CASES[name]
    path = formats.write(case.build(), tmp_path / f"a.{suffix}", names="short")
    text = path.read_text()
    {"lp": check_lp, "mps": check_mps, "cip": str}[suffix](text)
    assert text == formats.dumps(case.build(), suffix, names="short") != formats.dumps(case.build(), suffix)
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(path))
    scip.optimize()
    assert scip.getObjVal() == pytest.approx(case.optimum, abs=case.tolerance)
    n = kg.kkt(case.build()).n
    assert formats.column_names(kg.kkt(case.build()), names="short").tolist() == [b"x%d" % (k + 1) for k in range(n)]
    assert set(read_map(path).columns.name) <= {v.name for v in scip.getVars()}


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_highs_reads_short_names(suffix: str, tmp_path: Path) -> None:
    model = kg.kkt(random_bilevel(2))
    path = formats.write(model, tmp_path / f"a.{suffix}", names="short", target="scip")
    highs = highspy.Highs()
    highs.silent()
    assert highs.readModel(str(path)) == highspy.HighsStatus.kOk
    found = read_map(path)
    assert set(highs.getLp().col_names_) == set(found.columns.name)
    assert set(highs.getLp().row_names_) == set(found.rows.name)
