"""What an instance file may hold, and what refusals say."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.catalog import schema
from kktgen.catalog.schema import faults
from kktgen.verification.report import CLAIMS

DIGEST = "0123456789abcdef" * 4
WHOLE = f"""
model = "knapsack"
description = "d"
quick = true
grade = "easy"
tags = ["one", "two"]
[parameters]
items = 3
[data]
source = "s"
terms = "t"
status = "drawn"
[problem]
format = "bilevel.json/1"
sha256 = "{DIGEST}"
file = "case.bilevel.json.gz"
[known]
sense = "max"
objective = 1
bound = 1.0
claim = "optimal"
point = "case.sol.gz"
infeasibility = 1e-9
range = [1.0, 0.5]
published = [1.0, "about 1"]
check = "c"
source = "s"
[[known.history]]
date = 2026-11-28
objective = 1.0
bound = 1.0
claim = "optimal"
by = "kktgen"
seconds = 0.5
encoding = "SOS1 3"
solver = "SCIP 10"
boxes = "all proved"
gap = 0.0
"""


def test_a_whole_file_is_taken(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(WHOLE)
    case = catalog.load_instance(path)
    assert (case.grade, case.tags, case.data["status"]) == ("easy", ("one", "two"), "drawn")
    assert case.problem["sha256"] == DIGEST and case.known["history"][0]["boxes"] == "all proved"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('grade = "easy"', 'grade = "esay"', "'grade' must be one of trivial, easy, hard, open, not 'esay'.*mean easy"),
        ('status = "drawn"', 'status = "draw"', "'data.status' must be one of published, .*mean drawn"),
        ('sense = "max"', 'sense = "maximum"', "'known.sense' must be one of min, max"),
        ("terms =", "term =", r"unknown key 'data.term' \(did you mean terms\?\)"),
        ("sha256 =", "sha265 =", r"unknown key 'problem.sha265' \(did you mean sha256\?\)"),
        ("infeasibility =", "infeasability =", r"unknown key 'known.infeasability' \(did you mean infeasibility\?\)"),
        ("boxes =", "boxs =", r"unknown key 'known.history\[0\].boxs' \(did you mean boxes\?\)"),
        ("objective = 1\n", "objective = true\n", "'known.objective' must be a number, not 'True'"),
        ("seconds = 0.5", 'seconds = "0.5"', r"'known.history\[0\].seconds' must be a number"),
        ('["one", "two"]', '["one", 2]', "'tags' must be a list of words"),
        (DIGEST, DIGEST[1:], "'problem.sha256' must be 64 hexadecimal digits"),
        ("[[known.history]]", "[known.history]", "'known.history' must be a list"),
        ("[data]", "[dta]", r"unknown key 'dta' \(did you mean data\?\)"),
        ("objective = 1\n", "objective = nan\n", "'known.objective' must be a finite number, not 'nan'"),
        ("bound = 1.0\nclaim", "bound = inf\nclaim", "'known.bound' must be a finite number, not 'inf'"),
        ("objective = 1\n", f"objective = {'9' * 400}\n", "'known.objective' must be a finite number, not '9{60}'"),
        ("gap = 0.0", "gap = nan", r"'known.history\[0\].gap' must be a finite number"),
        ("gap = 0.0", "gap = -1.0", r"'known.history\[0\].gap' must not be negative, got -1.0"),
        ("infeasibility = 1e-9", "infeasibility = -1", "'known.infeasibility' must not be negative"),
        ("seconds = 0.5", "seconds = -1", r"'known.history\[0\].seconds' must not be negative"),
        ('"bilevel.json/1"', '"bilevel.json/9"', "'problem.format' must be one of bilevel.json/1"),
        ('claim = "optimal"\np', 'claim = "optimall"\np', "'known.claim' must be one of infeasible, .*mean optimal"),
        ('claim = "optimal"\nby', 'claim = "best"\nby', r"'known.history\[0\].claim' must be one of infeasible"),
        ("date = 2026-11-28", 'date = "long ago"', r"'known.history\[0\].date' must be a date such as 2026-11-30"),
        ('"case.sol.gz"', '"../../x"', "'known.point' must be the name of a file beside the instance's, not '../../x'"),
        ('"case.sol.gz"', '"."', "'known.point' must be the name of a file"),
        ('"case.sol.gz"', r'"a\u0000b"', "'known.point' must be the name of a file"),
        ('"case.sol.gz"', f'"{"x" * 300}"', "'known.point' must be the name of a file"),
        ('"case.bilevel.json.gz"', '""', "'problem.file' must be the name of a file"),
        ("objective = 1\n", "objective = 1\nbest = 2\n", "'known' holds objective and best: keep one"),
        ("objective = 1\n", "best = 1\n", "'known.claim' is optimal: call the value objective, not best"),
        ('model = "knapsack"', "model = 7", "'model' must be a text, not '7'"),
        ("quick = true", 'quick = "yes"', "'quick' must be true or false, not 'yes'"),
        ("[data]\n", "[[data]]\n", "'data' must be a table, not"),
    ],
)
def test_what_no_file_holds_is_refused(tmp_path, old, new, words):
    assert old in WHOLE
    path = tmp_path / "case.toml"
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(kg.ProblemError, match=words):
        catalog.load_instance(path)


def test_a_date_may_be_a_text(tmp_path):
    path = tmp_path / "case.toml"
    path.write_text(WHOLE.replace("2026-11-28", '"2026-11-28"'))
    assert catalog.load_instance(path).known["history"][0]["date"] == "2026-11-28"


def test_claims_are_those_of_reports():
    assert set(schema.CLAIMS) == {*CLAIMS, "proved"}  # the latter is that of proofs


def test_every_fault_is_named():
    assert len(list(faults({"grade": "x", "tags": [1], "known": {"bond": 1, "sense": "up"}}))) == 4


def test_a_stored_problem_stands_for_a_model(tmp_path):
    kg.write(catalog.build("classics/pao_bilinear_rows"), tmp_path / "it.bilevel.json")
    (tmp_path / "case.toml").write_text('model = "it.bilevel.json"\n')
    case = catalog.load_instance(tmp_path / "case.toml")
    assert case.name == f"{tmp_path.name}/case"
    assert len(catalog.build(tmp_path / "case.toml").space) == len(catalog.build("classics/pao_bilinear_rows").space)
    with pytest.raises(kg.ProblemError, match="has no parameter 'cap'"):
        catalog.build(tmp_path / "case.toml", {"cap": 3})
