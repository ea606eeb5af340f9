"""A model that rests on a point goes out beside the point alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import ModuleType

import numpy as np
import pytest
from many_followers import ready, tariff

import kktgen as kg
from kktgen.cli import result_files, task
from kktgen.reformulate.level import without_cutoff


@cache
def tightened():
    m = tariff(51, homes=2, hours=2)
    model = kg.encode(ready(m))
    point = kg.search.start_points(m, ready(m))[0]
    tight = kg.tighten(model, point)
    assert tight.cutoff is not None and tight.cutoff.rows is not None
    return m, model, tight, kg.solve(tight)


@pytest.mark.parametrize("suffix", [".lp", ".cip", ".lp.gz"])
def test_without_its_point_a_tightened_model_is_refused(suffix, tmp_path):
    _, _, tight, solution = tightened()
    tight = replace(tight, sos1=type(tight.sos1).empty()) if suffix == ".mps" else tight
    file = tmp_path / f"tariff{suffix}"
    with pytest.raises(kg.UnsupportedError, match="tariff.sol first.*or write the model that kg.tighten was given"):
        kg.write(tight, file)
    assert not list(tmp_path.iterdir())
    kg.write_solution(solution, tmp_path / "tariff.sol")
    assert kg.write(tight, file).is_file()


def test_a_point_beside_lets_the_smaller_boxes_out(tmp_path):
    _, model, tight, solution = tightened()
    kg.write_solution(solution, tmp_path / "tariff.mst")
    text = kg.write(tight, tmp_path / "tariff.lp").read_text()
    assert text != kg.dumps(model, "lp") and "price(0)" in text
    bounds = [line for line in text.splitlines() if line.strip().endswith("price(0)") or "<= price(0)" in line]
    assert not any(line.split() == ["1.0", "<=", "price(0)", "<=", "3.0"] for line in bounds)


def test_as_text_a_tightened_model_is_refused():
    _, model, tight, _ = tightened()
    for word in ("lp", "cip"):
        with pytest.raises(kg.UnsupportedError, match="kg.write_solution"):
            kg.dumps(tight, word)
        assert kg.dumps(without_cutoff(tight), word) == kg.dumps(model, word)


def made(m, model, solution):
    module = ModuleType("tariff")
    module.build = lambda: None
    report = kg.verify(m, solution) if solution.z is not None else kg.verify(m, solution)
    result = kg.Result(m, model, solution, report, solution.bound)
    return task.Job("tariff", "tariff", module, {}, m), result


def test_the_commands_write_the_point_first(tmp_path):
    m, model, tight, solution = tightened()
    job, result = made(m, tight, solution)
    paths, refused, fault = result_files.write(job, result, {}, None, tmp_path)
    assert fault is None and not any("hold for points" in line for line in refused)
    assert (tmp_path / "tariff.sol").is_file() and (tmp_path / "tariff.lp") in paths
    assert (tmp_path / "tariff.lp").read_text() != kg.dumps(model, "lp")


def test_the_commands_write_the_whole_model_where_there_is_no_point(tmp_path):
    m, model, tight, solution = tightened()
    none = replace(solution, z=None, objective=None, bound=None, status="time_limit", raw={})
    job, result = made(m, tight, none)
    paths, refused, fault = result_files.write(job, result, {}, None, tmp_path)
    assert fault is None and not any("hold for points" in line for line in refused)
    assert (tmp_path / "tariff.lp").read_text() == kg.dumps(model, "lp") and not (tmp_path / "tariff.sol").exists()


def test_the_file_is_read_back_by_a_solver(tmp_path):
    """SCIP reads the file and finds the value that the problem has."""
    pyscipopt = pytest.importorskip("pyscipopt")
    _, _, tight, solution = tightened()
    kg.write_solution(solution, tmp_path / "tariff.sol")
    file = kg.write(tight, tmp_path / "tariff.cip")
    scip = pyscipopt.Model()
    scip.hideOutput()
    scip.readProblem(str(file))
    scip.setParam("limits/time", 60.0)
    scip.optimize()
    assert -scip.getObjVal() == pytest.approx(solution.objective, rel=1e-5)
    assert np.isfinite(solution.objective)
