"""Instances added: from a model of one's own, from a stored problem, by a shipped model's name."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys

import numpy as np
import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.library import case_file
from kktgen.library.add import add
from kktgen.library.points import full_bytes, point_bytes, read_point
from kktgen.library.runs import Run, needs_second, ran, second
from kktgen.library.sources import source_of
from kktgen.library.stored import digest, packed

TOLL = '''"""A toll road and one driver."""
import kktgen as kg


def build(cap: float = 3.0) -> kg.Bilevel:
    m = kg.Bilevel("toll")
    toll = m.var("toll", lb=0, ub=cap)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(toll @ road - 2 * road)
    m.maximize(toll @ road)
    return m
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a folder of one's own with a model in it, which is the current folder."""
    (tmp_path / "toll.py").write_text(TOLL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_model_of_ones_own(own):
    done = add(source_of("toll.py", {}))
    data = case_file.read(own / "toll.toml")
    assert done.sizes["class"] == "LC1L--" and data["description"] == "A toll road and one driver."
    stored = gzip.decompress((own / "toll.bilevel.json.gz").read_bytes())
    assert data["problem"] == {"format": "bilevel.json/1", "sha256": digest(stored), "file": "toll.bilevel.json.gz"}
    known = data["known"]
    assert (known["objective"], known["claim"], known["sense"], data["grade"]) == (2.0, "optimal", "max", "trivial")
    (record,) = known["history"]
    assert record["boxes"] == "all proved" and record["encoding"] == "BigM 2" and ", auto, SCIP" in record["by"]
    m = kg.read(own / "toll.bilevel.json.gz")
    report = kg.verify(m, read_point(m, own / known["point"]))
    assert report.ok and report.value == pytest.approx(2.0)
    assert [line.split()[1] for line in done.missing] == ["source", "terms", "status"]
    assert catalog.load_instance("toll.toml").name == "toll/toll"


def test_adding_again_changes_nothing_but_the_record(own):
    add(source_of("toll.py", {}))
    before, files = case_file.read(own / "toll.toml"), {p.name: p.read_bytes() for p in own.glob("*.gz")}
    add(source_of("toll.toml", {}))
    after = case_file.read(own / "toll.toml")
    assert {p.name: p.read_bytes() for p in own.glob("*.gz")} == files
    assert len(after["known"].pop("history")) == len(before["known"].pop("history")) == 1
    assert after == before


def test_other_parameters_need_another_name(own):
    add(source_of("toll.py", {"cap": "1.5"}, "cheap"), solve=False)
    assert case_file.read(own / "cheap.toml")["parameters"] == {"cap": 1.5}
    assert catalog.build("cheap.toml").space.ub[0] == 1.5
    with pytest.raises(kg.ProblemError, match="is there already .* give --name"):
        source_of("toll.py", {"cap": "1.2"}, "cheap")
    with pytest.raises(kg.ProblemError, match="parameters in the file"):
        source_of("cheap.toml", {"cap": "1"})


def test_a_problem_from_a_file(own):
    kg.write(catalog.build("toll.py"), "road.bilevel.json")
    (own / "toll.py").unlink()
    add(source_of("road.bilevel.json", {}))
    (own / "road.bilevel.json").unlink()
    data = case_file.read(own / "road.toml")
    assert data["model"] == "road.bilevel.json.gz" and data["known"]["objective"] == pytest.approx(2.0)
    assert len(catalog.build("road.toml").space) == 4
    source = source_of("road.toml", {})
    add(source, solve=False)
    assert case_file.read(own / "road.toml") == data


def test_a_shipped_model_by_name_is_written_into_the_current_folder(own):
    add(source_of("knapsack", {"items": "5", "take": "1"}, "five"))
    data = case_file.read(own / "five.toml")
    assert data["model"] == "knapsack" and data["parameters"] == {"items": 5, "take": 1}
    assert catalog.load_instance("five.toml").name == "knapsack/five"


def test_a_model_of_ones_own_is_not_put_into_the_library(own):
    with pytest.raises(kg.ProblemError, match="goes into models/roads/ first"):
        source_of("toll.py", {}, family="roads")


def test_a_value_without_a_point_that_is_not_reached_is_told(own):
    add(source_of("toll.py", {}), solve=False)
    data = case_file.read(own / "toll.toml")
    data["known"] = {"objective": 2.5, "bound": 2.5, "claim": "optimal", "source": "a rumour"}
    case_file.write(own / "toll.toml", data)
    done = add(source_of("toll.toml", {}))
    known = case_file.read(own / "toll.toml")["known"]
    assert any("2.5 has no point, and this run reached 2" in line for line in done.said)
    assert (known["best"], known["claim"]) == (2.5, "bilevel-feasible") and "point" not in known
    assert any(line.startswith("a point") for line in done.missing)


@pytest.mark.parametrize(("name", "used"), [("dc_market/case5_own3", True), ("knapsack/i10_k3", False)])
def test_points_hold_the_prices_that_the_leader_uses(tmp_path, name, used):
    m = catalog.build(name)
    solution = kg.optimize(m, time_limit=60).solution
    path = tmp_path / "x.sol.gz"
    path.write_bytes(packed(full_bytes(m, solution.z)))
    z = read_point(m, path)
    known = np.isfinite(z[m.space.is_price])
    assert known.all() if used else not known.any()
    report = kg.verify(m, z)
    assert report.ok and report.value == pytest.approx(solution.objective, rel=1e-6)


def test_a_point_of_the_leader_alone(tmp_path, monkeypatch):
    m = catalog.build("classics/candler_townsley_1982")
    z = kg.optimize(m, time_limit=60).solution.z
    path = tmp_path / "x.sol.gz"
    path.write_bytes(packed(full_bytes(m, z)))
    whole = read_point(m, path)
    monkeypatch.setattr("kktgen.library.points.LARGEST", {".sol.gz": 10})
    path.write_bytes(packed(point_bytes(m, z)))
    alone = read_point(m, path)
    own = np.isin(m.space.role, ["leader", "follower"])
    assert len(gzip.decompress(path.read_bytes())) < len(full_bytes(m, z))
    assert alone[own] == pytest.approx(whole[own], abs=1e-6)


def test_a_second_proof_rests_on_something_else():
    m = catalog.build("classics/candler_townsley_1982")
    first = ran(m, time_limit=60, isolate=False)
    assert not needs_second(first)
    again = second(m, first, 60.0, isolate=False)
    assert isinstance(again, Run) and again.found.record["encoding"].startswith("SOS1")
    assert again.found.bound == pytest.approx(first.found.value, rel=1e-4)


def test_a_second_proof_becomes_a_record(own):
    add(source_of("toll.py", {}), again=True)
    first, other = case_file.read(own / "toll.toml")["known"]["history"]
    assert (first["encoding"], other["encoding"]) == ("BigM 2", "SOS1 2") and ", sos1, SCIP" in other["by"]
    add(source_of("toll.toml", {}), again=False)
    assert len(case_file.read(own / "toll.toml")["known"]["history"]) == 2


def test_the_command_ends_in_words(own):
    run = [sys.executable, "-m", "kktgen", "instance", "add"]
    done = subprocess.run([*run, "toll.py", "-q"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("class LC1L--") and "toll.sol.gz" in done.stdout
    done = subprocess.run([*run, "tol.py"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "did you mean toll.py" in done.stderr and "Traceback" not in done.stderr


def test_an_installed_package_is_left_alone(own, monkeypatch):
    (own / "_instances" / "knapsack").mkdir(parents=True)
    path = catalog.load_instance("knapsack/i10_k3").path
    shutil.copy(path, own / "_instances" / "knapsack")
    with pytest.raises(kg.ProblemError, match="belongs to an installed package"):
        source_of("_instances/knapsack/i10_k3.toml", {})


@pytest.mark.parametrize("asked", [{"name": "../up"}, {"name": "a/b"}, {"name": ".."}, {"family": "../x"}])
def test_names_of_cases_and_families_are_no_paths(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kg.ProblemError, match="takes a plain name of at most 100 characters"):
        source_of("knapsack", {}, **asked)


def test_a_problem_without_a_description_is_told(tmp_path):
    kg.write(catalog.build("classics/pao_bilinear_rows"), tmp_path / "it.bilevel.json")
    done = add(source_of(str(tmp_path / "it.bilevel.json"), {}), solve=False)
    assert any(line.startswith("description = ") for line in done.missing)
