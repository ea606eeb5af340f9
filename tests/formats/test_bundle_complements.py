"""Bundles and model files of problems with complementarity said directly, and of those that nobody optimises."""

from __future__ import annotations

import json

import highspy
import numpy as np
import pytest
from click.testing import CliRunner

import kktgen as kg
from kktgen.cli import cli
from kktgen.formats.problems.statistics import problem_class, statistics


def band(objective=False):
    """A price in a band, which two firms and a market meet."""
    m = kg.Bilevel("band")
    q, price = m.var("q", 2, lb=0, ub=9, coords={"firm": ["a", "b"]}), m.var("price", lb=0, ub=9)
    m.complements([1, 2] + q - price, q, name="firms")
    m.complements(q.sum() - (8 - price), kg.between(1, price, 3), name="band")
    if objective:
        m.maximize(price - 0.1 * q.sum())
    return m


@pytest.mark.parametrize("objective", [False, True])
def test_a_bundle_keeps_conditions_and_whether_anybody_optimises(objective, tmp_path):
    m = band(objective)
    path = kg.write(m, tmp_path / "band.bilevel.json")
    data, back = json.loads(path.read_text()), kg.read(path)
    assert data["version"] == 2 and (data["leader"]["objective"] is None) == (not objective)
    assert [one["complements"] for one in data["followers"]] == [True, True]
    assert kg.dumps(back, "bilevel.json") == kg.dumps(m, "bilevel.json")
    assert back.is_equilibrium == m.is_equilibrium and repr(back) == repr(m)
    first, second = kg.optimize(m), kg.optimize(back)
    assert first.report.claim == second.report.claim == ("optimal" if objective else "equilibrium verified")
    assert first.solution.z == pytest.approx(second.solution.z)


def test_version_one_stays_where_it_says_everything():
    m = kg.Bilevel("one")
    x, f = m.var("x", lb=0, ub=2), m.follower("f")
    y = f.var("y", lb=0, ub=3)
    f.minimize(x @ y - y)
    data = json.loads(kg.dumps(m, "bilevel.json"))
    assert data["version"] == 1 and data["leader"]["objective"]["column"] == []
    g = m.follower("g")
    w = g.var("w", lb=0, ub=3)
    g.minimize(w @ y)
    m.minimize(x)
    assert json.loads(kg.dumps(m, "bilevel.json"))["version"] == 1  # two followers and a leader: as ever
    m.aims = False
    data = json.loads(kg.dumps(m, "bilevel.json"))
    assert data["version"] == 2 and data["leader"]["objective"] is None
    data["version"] = 1
    with pytest.raises(kg.FormatError, match="objective"):
        read(data)


def read(data):
    from kktgen.formats.problems.bundle_read import load

    return load(json.dumps(data).encode(), "x.bilevel.json")


def without_tie(data):
    data["leader"]["rows"].pop()


def with_a_square(data):
    side = data["columns"] - 3
    data["followers"][1]["cost"] |= {"i": [side], "j": [side], "v": [1.0]}


def with_another_value(data):
    data["followers"][0]["complements"] = False


def without_a_cost(data):
    data["followers"][0]["cost"] = None


@pytest.mark.parametrize("change", [without_tie, with_a_square, with_another_value, without_a_cost])
def test_a_mark_on_what_is_no_condition_is_refused(change):
    data = json.loads(kg.dumps(band(), "bilevel.json"))
    assert read(data).followers[1].is_condition
    change(data)
    with pytest.raises(kg.FormatError, match="conditions|complements"):
        read(data)


@pytest.mark.parametrize("suffix", ["lp", "mps"])
def test_other_solvers_read_the_encoded_model(suffix, tmp_path):
    m = band(objective=True)
    path = kg.write(kg.encode(kg.bound(kg.kkt(m)), kg.BigM()), tmp_path / f"band.{suffix}")
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.readModel(str(path))
    highs.run()
    assert abs(highs.getObjectiveValue()) == pytest.approx(abs(kg.optimize(m).solution.objective), abs=1e-6)


def test_pairs_of_files_for_one_lp_follower_refuse_conditions(tmp_path):
    with pytest.raises(kg.UnsupportedError, match="complementarity conditions 'band'"):
        kg.write(band(), tmp_path / "band.aux")


def test_statistics_count_conditions_apart_from_followers():
    m = band()
    counted = statistics(m)
    assert (counted["complements"], counted["followers"], counted["nash"], counted["n_y"]) == (3, 0, 0, 0)
    assert counted["n_x"] == 3


def test_problems_are_called_what_the_literature_calls_them(tmp_path):
    assert [problem_class(band(one)) for one in (False, True)] == ["MCP", "MPEC"]
    m = band()
    f = m.follower("f")
    f.minimize(f.var("y", lb=0, ub=1))
    assert problem_class(m) == "equilibrium problem"
    m.minimize(0)
    assert problem_class(m) == "MPEC with followers"
    assert problem_class(kg.Bilevel("plain")) == "one level"
    out = CliRunner().invoke(cli, ["info", str(kg.write(band(), tmp_path / "band.bilevel.json"))])
    words = " ".join(out.output.split())
    assert out.exit_code == 0 and "class MCP" in words and "complements 3" in words
    assert "complementarity(firms) 2 pairs" in words


def test_the_command_line_takes_an_equilibrium_for_an_answer(tmp_path):
    path = kg.write(band(), tmp_path / "band.bilevel.json")
    out = CliRunner().invoke(cli, ["solve", str(path)])
    assert out.exit_code == 0, out.output
    assert "claim      equilibrium verified" in out.output


def test_points_in_arrays_are_counted_by_what_was_declared():
    m = band()
    z = kg.optimize(m).solution.z
    own = np.concatenate([z[:2], z[2:3]])
    assert kg.verify(m, own).claim == "equilibrium verified"
