"""What a check finds: files made wrong in one place each, and the cure that is named."""

from __future__ import annotations

import gzip
import shutil

import pytest
from click.testing import CliRunner

from kktgen import catalog
from kktgen.cli import cli
from kktgen.library import case_file
from kktgen.library.add import add
from kktgen.library.check import check, check_one
from kktgen.library.selection import selected
from kktgen.library.sources import source_of
from kktgen.library.stored import packed

DATA = {"source": "s", "terms": "t", "status": "drawn"}
SUFFIXES = (".toml", ".bilevel.json.gz", ".sol.gz")


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """Return a folder with an instance that is right: one of a shipped model, with prices in use."""
    folder = tmp_path_factory.mktemp("right")
    for name, model in (("cut", "knapsack/i10_k3"), ("market", "dc_market/case5_own3")):
        source = source_of(model, {}, name)
        source.path = folder / f"{name}.toml"
        source.data["data"] = dict(DATA)
        source.data["description"] = "d"
        add(source)
    return folder


@pytest.fixture
def case(right, tmp_path):
    """Return the file of a copy of an instance that is right."""
    for suffix in SUFFIXES:
        shutil.copy(right / f"cut{suffix}", tmp_path)
    return tmp_path / "cut.toml"


def changed(path, change):
    """Change what an instance's file holds."""
    data = case_file.read(path)
    change(data)
    case_file.write(path, data)


def rewritten(path, old, new):
    """Change the text of a packed file."""
    text = gzip.decompress(path.read_bytes()).decode()
    assert old in text
    path.write_bytes(packed(text.replace(old, new).encode()))


def found(path, **asked):
    """Return the kinds of what is found, and all that is said."""
    one = check_one(str(path), **asked)
    return [finding.kind for finding in one.findings], str(one)


@pytest.mark.parametrize("name", ["cut", "market"])
def test_nothing_is_found_at_instances_that_are_right(right, name):
    assert found(right / f"{name}.toml") == ([], f"{right / name}: ok")


def put(*keys, value):
    """Return a change that sets, or takes out with None, what stands under keys."""

    def change(data):
        for key in keys[:-1]:
            data = data[key]
        if value is None:
            del data[keys[-1]]
        else:
            data[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "kinds", "words"),
    [
        (put("data", "terms", value=None), ["data"], "has no terms; write that into cut.toml"),
        (put("data", value=None), ["data"], "has no source, terms, status"),
        (put("problem", "sha256", value="0" * 64), ["problem"], "cut.bilevel.json.gz is not the file whose sha256"),
        (put("problem", value=None), ["problem"], "not stored and has no digest; run kktgen instance add"),
        (put("problem", "file", value="no.gz"), ["problem"], "no.gz"),
        (put("parameters", "take", value=2), ["generator", "point"], "the model builds another problem"),
        (put("parameters", "take", value=-2), ["model"], "correct the model or its parameters"),
        (put("known", "objective", value=348.2), ["value"], "348.1111111, and 348.2 is recorded"),
        (put("known", "bound", value=400.0), ["bound", "proof"], "the bound 400 is above the value 348.1"),
        (put("known", "bound", value=300.0), ["proof"], "claimed optimal with a gap of 1.4e-01"),
        (put("known", "bound", value=None), ["proof"], "claimed optimal with no bound"),
        (put("known", "point", value=None), ["point"], "has no point; run kktgen instance add"),
        (put("known", "point", value="no.sol.gz"), ["point"], "no file no.sol.gz"),
        (put("known", "sense", value="max"), ["value"], "the model says the opposite"),
        (put("known", "history", 0, "boxes", value="2 of 20 not proved"), ["proof"], "no record has every box proved"),
        (put("known", "history", value=[]), ["proof"], "nothing is recorded"),
        (put("grade", value="hard"), ["grade"], 'graded hard, and the records say'),
        (put("grade", value=None), ["grade"], "no grade"),
        (put("known", "claim", value="bilevel-feasible"), ["grade"], "the records say open"),
        (put("known", "claim", value="infeasible"), ["proof"], "claimed infeasible, and a value of 348"),
        (put("known", "claim", value="equilibrium verified"), ["proof"], "the model has an objective"),
        (put("known", "infeasibility", value=0.5), ["point"], "a residual of 5.0e-01 is recorded"),
        (put("known", "history", 0, "objective", value=340.0), ["value"], "a record tells 340, better than"),
        (put("data", "source", value="  "), ["data"], "has no source"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(case, change, kinds, words):
    changed(case, lambda data: data["known"].update(history=data["known"]["history"][-1:]))
    assert found(case)[0] == []
    changed(case, change)
    got, said = found(case)
    assert set(kinds) <= set(got) and words in said
    if kinds != ["problem"] and "known" in str(change):
        assert got == kinds


def test_two_unlike_records_prove_without_boxes(case):
    record = case_file.read(case)["known"]["history"][-1]
    record |= {"boxes": "2 of 20 not proved", "encoding": "SOS1 9"}
    changed(case, lambda data: data["known"].update(history=[record, {**record, "encoding": "Indicator 9"}]))
    assert found(case)[0] == []
    changed(case, lambda data: data["known"].update(history=[record, {**record, "seconds": 0.2}]))
    assert found(case)[0] == ["proof"]


def test_a_file_that_is_none(case):
    case.write_text("grade = ")
    assert found(case)[0] == ["file"]
    case.write_text('model = "knapsack"\n')
    assert found(case)[0] == ["data", "data", "file"]


def test_a_stored_problem_that_was_changed(case):
    rewritten(case.with_name("cut.bilevel.json.gz"), '"leader":{"sense":"min"', '"leader":{"sense":"max"')
    kinds, said = found(case)
    assert kinds == ["problem", "generator"] and "leader.sense: 'max' is 'min' now" in said


@pytest.mark.parametrize("data", [b"", b"hello", b"[1, 2]", b'{"version": 1}', packed(b"{"), b"\x1f\x8b"])
def test_a_stored_problem_that_is_none(case, data):
    case.with_name("cut.bilevel.json.gz").write_bytes(data)
    kinds, said = found(case)
    assert "problem" in kinds and set(kinds) <= {"problem", "generator"} and "cut.bilevel.json.gz" in said


def test_a_point_that_states_another_value(case):
    path = case.with_name("cut.sol.gz")
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    lines[1] = "objective value: 7"
    path.write_bytes(packed("\n".join(lines).encode()))
    kinds, said = found(case)
    assert kinds == ["point"] and "cut.sol.gz states the value 7, and its point is worth 348.1111111" in said


def test_a_point_that_was_moved(case, right):
    text = gzip.decompress((right / "cut.sol.gz").read_bytes()).decode()
    lines = text.splitlines()
    lines[-1] = lines[-1].split()[0] + " 0.25"
    case.with_name("cut.sol.gz").write_bytes(packed("\n".join(lines).encode()))
    kinds, said = found(case)
    assert kinds == ["point"] and "cut.sol.gz does not hold" in said
    case.with_name("cut.sol.gz").write_bytes(b"no point")
    assert found(case)[0] == ["point"]


def test_a_point_of_prices_that_were_moved(right, tmp_path):
    for suffix in SUFFIXES:
        shutil.copy(right / f"market{suffix}", tmp_path)
    lines = gzip.decompress((tmp_path / "market.sol.gz").read_bytes()).decode().splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("lam("))
    word, value = lines[at].split()
    lines[at] = f"{word} {float(value) + 5.0}"
    (tmp_path / "market.sol.gz").write_bytes(packed("\n".join(lines).encode()))
    assert found(tmp_path / "market.toml")[0] == ["point"]


def test_points_with_products_in_rows_are_certified(tmp_path, monkeypatch):
    """Such products have columns of their own, which the stored point lacks: they follow from the variables."""
    monkeypatch.chdir(tmp_path)
    source = source_of("classics/pao_bilinear_rows", {}, "one")
    source.data |= {"data": dict(DATA), "description": "d"}
    add(source)
    one = check_one(str(source.path))
    assert one.certified and one.ok and not one.notes


def test_duplicates_are_found_whatever_their_order_and_scale(right, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = """import kktgen as kg


def build():
    m = kg.Bilevel("{name}")
    x = m.var("{x}", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    {rows}
    return m
"""
    rows = ["x + y <= 8", "x + 4 * y >= 8", "x + 2 * y <= 13"]
    other = ["5 * x + 20 * y >= 40", "x + y <= 8", "0.5 * x + y <= 6.5"]
    for name, lines in (("one", rows), ("two", other), ("three", [*rows[:2], "x + 2 * y <= 12"])):
        added = "; ".join(f"lower.add({line})" for line in lines)
        (tmp_path / f"{name}.py").write_text(text.format(name=name, x=f"x{name}", rows=added))
        source = source_of(f"{name}.py", {})
        source.data["data"] = dict(DATA)
        add(source)
    one, three, two = check([tmp_path / f"{name}.toml" for name in ("one", "three", "two")])
    assert one.ok and three.ok and [finding.kind for finding in two.findings] == ["duplicate"]
    assert "the same problem as" in str(two) and str(tmp_path / "one") in str(two)


def test_the_command_prints_a_line_each_and_ends_with_1_on_findings(right, case, monkeypatch):
    monkeypatch.chdir(right)
    out = CliRunner().invoke(cli, ["instance", "check"])
    assert out.exit_code == 0, out.output
    assert [line for line in out.stdout.splitlines() if line] == [
        "cut: ok", "market: ok", "2 instances, 2 certified, 0 with findings",
    ]  # fmt: skip
    changed(case, put("grade", value="hard"))
    monkeypatch.chdir(case.parent)
    out = CliRunner().invoke(cli, ["instance", "check", "--quick", "-q"])
    assert out.exit_code == 1 and out.stdout.splitlines()[-1] == "1 instances, 1 with findings: grade 1"


@pytest.mark.parametrize("text", ["model = ", 'model = "knapsack"\nquik = true', "a = " + "[" * 3000 + "]" * 3000, ""])
def test_a_faulty_file_is_a_finding_however_it_is_named(case, text, monkeypatch):
    case.write_text(text)
    monkeypatch.chdir(case.parent)
    for word in ([], ["cut.toml"], ["."]):
        out = CliRunner().invoke(cli, ["instance", "check", *word])
        assert out.exit_code == 1 and out.stdout.splitlines()[0].startswith("cut: ") and "file: " in out.stdout, (
            out.output
        )
    out = CliRunner().invoke(cli, ["instance", "check", "none.toml"])
    assert out.exit_code == 2 and "no instance file none.toml" in out.stderr


def test_other_tables_in_a_folder_are_passed_over(case):
    case.with_name("pyproject.toml").write_text('[project]\nname = "p"\n')
    case.with_name("levels.toml").write_text('leader = "a.lp"\nfollower = "b.lp"\n')
    case.with_name("broken.toml").write_text("x = ")
    assert selected([str(case.parent)]) == [case]


def test_words_for_instances(right, monkeypatch):
    monkeypatch.chdir(right)
    assert [path.name for path in selected(())] == ["cut.toml", "market.toml"]
    assert selected([str(right)]) == [right / "cut.toml", right / "market.toml"]
    assert len(selected(["all"])) == len(catalog.instance_names())
    assert {path.parent.name for path in selected(["knapsack"])} == {"knapsack"}
    assert [path.stem for path in selected(["knapsack/i10_k*", "knapsack/i10_k3"])] == ["i10_k3"]
    monkeypatch.chdir(right.parent)
    out = CliRunner().invoke(cli, ["instance", "check", "knapsak"])
    assert out.exit_code == 2 and "did you mean knapsack" in out.stderr
