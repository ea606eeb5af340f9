"""The stored catalogue says what the instances' files say, and so does what is made from it; lists and their forms."""

from __future__ import annotations

import csv
import io
import shutil

import orjson
import pytest
from click.testing import CliRunner

from kktgen import catalog, guide
from kktgen.cli import cli
from kktgen.library import catalogue, forms
from kktgen.library.check import check
from kktgen.library.classes import class_code
from kktgen.library.refresh import derived
from kktgen.library.selection import selected

LIBRARY = catalog.folder("instances")


def findings(models: bool) -> dict[str, list[str]]:
    """Return what is wrong with the instances of the library, by name."""
    return {one.name: [found.kind for found in one.findings] for one in check(selected(["all"]), models=models)}


def test_what_is_stored_agrees_with_its_records():
    """Without building a model: data, digests, bounds, points, proofs, grades, catalogue."""
    wrong = {name: kinds for name, kinds in findings(models=False).items() if kinds}
    assert wrong == {}


@pytest.mark.slow
def test_what_is_stored_is_what_models_build():
    """With models: problems, points, values and certificates as well."""
    wrong = {name: kinds for name, kinds in findings(models=True).items() if kinds}
    assert wrong == {}


def test_the_catalogue_is_up_to_date():
    paths = selected(["all"])
    book = catalogue.load(LIBRARY.resolve())
    assert set(book) == set(catalog.instance_names())
    stale = [name for path in paths for name in [catalogue.key_in_book(path)]
             if book[name]["digest"] != catalogue.digest(path.read_bytes())]  # fmt: skip
    assert stale == [], catalogue.REFRESH


def test_what_is_made_from_the_catalogue_is_current():
    for path, text in derived(LIBRARY.resolve()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: {catalogue.REFRESH}"
    assert guide.page("instances").text.count("\n| ") == len(catalog.instance_names()) + 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("cournot/duopoly", "QC1D--"), ("knapsack/i10_k3", "LB1L--"), ("classics/moore_bard_1990_relaxed", "LI1L--"),
        ("dso_vpp/short", "CCnDC-"), ("dc_market/case5_own3", "LC1L-M"), ("hyper/svm_iris_30x4", "LCnDC-"),
    ],
)  # fmt: skip
def test_class_codes(name, code):
    assert class_code(catalog.build(name)) == code
    assert catalogue.load(LIBRARY.resolve())[name]["class"] == code


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder of one's own with two instances, which is the current folder."""
    for name in ("knapsack/i10_k3", "cournot/duopoly"):
        shutil.copy(LIBRARY / f"{name}.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    out = CliRunner().invoke(cli, ["instance", "list", *words])
    assert out.exit_code == 0, out.output
    return out.stdout


def test_a_list_of_ones_own_needs_no_catalogue(folder):
    lines = run().splitlines()
    assert [line.split()[0] for line in lines] == ["instance", "duopoly", "i10_k3", "2"]
    assert lines[1].split()[1:6] == ["1", "1", "1", "3", "QC1D--"]
    assert sorted(path.name for path in folder.iterdir()) == ["duopoly.toml", "i10_k3.toml"]


def test_refresh_builds_what_changed_alone(folder, monkeypatch):
    run("--refresh")
    book = catalogue.load(folder)
    assert set(book) == {"duopoly", "i10_k3"} and (folder / "kktgen.solu").is_file()
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "build", lambda *given: pytest.fail("a model was built"))
        text = (folder / "duopoly.toml").read_text()
        (folder / "duopoly.toml").write_text(text.replace("tags = [", 'tags = ["small", '))
        assert "duopoly" in run("--tag", "small", "--refresh")
    assert catalogue.load(folder)["duopoly"]["digest"] != book["duopoly"]["digest"]
    (folder / "i10_k3.toml").unlink()
    run("--refresh")
    assert set(catalogue.load(folder)) == {"duopoly"}


def test_a_stale_catalogue_is_found(folder):
    run("--refresh")
    with open(folder / "duopoly.toml", "a") as file:
        file.write("# more\n")
    kinds = [[found.kind for found in one.findings] for one in check(selected(()), models=False)]
    assert "catalogue" in kinds[0] and "catalogue" not in kinds[1]


def test_forms(folder):
    table = list(csv.DictReader(io.StringIO(run("--format", "csv"))))
    assert [(row["instance"], row["class"], row["pairs"]) for row in table] == [
        ("duopoly", "QC1D--", "3"), ("i10_k3", "LB1L--", "21"),
    ]  # fmt: skip
    data = orjson.loads(run("--format", "json"))
    assert data["duopoly"]["value"] == 1890.0 and data["i10_k3"]["n_x"] == 10
    assert run("--format", "solu").splitlines()[0].split() == ["=opt=", "duopoly", "1890.0"]
    assert run("--format", "md").startswith("# Instances\n")


def test_values_that_are_not_proved_and_problems_without_points():
    one = {"claim": "bilevel-feasible", "value": 1.5, "proved": False}
    named = [("a", one), ("b", {**one, "value": None}), ("c", {**one, "value": None, "claim": "infeasible"})]
    assert forms.solu_text(named).splitlines() == ["=best= a 1.5", "=unkn= b", "=inf=  c"]


def test_selections(folder):
    assert run("--class", "Q").splitlines()[-1] == "1 instances"
    assert run("--class", "?B1").splitlines()[-2].split()[0] == "i10_k3"
    assert run("--class", "?B1", "--class", "QC1D--").splitlines()[-1] == "2 instances"
    out = CliRunner().invoke(cli, ["instance", "list", "--grade", "esay"])
    assert out.exit_code == 2 and "no grade 'esay'" in out.stderr
    assert run("all", "--family", "knapsack").splitlines()[-1] == f"{len(selected(['knapsack']))} instances"


def test_the_catalogue_of_an_installed_package_stays(monkeypatch):
    monkeypatch.setattr("kktgen.library.catalogue.INSTALLED", LIBRARY.name)
    out = CliRunner().invoke(cli, ["instance", "list", "knapsack", "--refresh"])
    assert out.exit_code == 2 and "stays as it is" in out.stderr


def test_a_file_that_is_no_catalogue(folder):
    (folder / "catalogue.json").write_text("{}")
    out = CliRunner().invoke(cli, ["instance", "list"])
    assert out.exit_code == 2 and "is no catalogue of instances" in out.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--family", "knapsak"], "no instance of the family 'knapsak' (did you mean knapsack"),
        (["--tag", "nope"], "no instance of the tag 'nope'"), (["--class", "ZZ"], "class code that begins with 'ZZ'"),
    ],
)  # fmt: skip
def test_what_no_instance_has_is_refused(words, said):
    told = CliRunner().invoke(cli, ["instance", "list", "all", *words])
    assert told.exit_code == 2 and said in told.output
