"""What an instance file may hold, and what refusals say."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.catalog.schema import faults

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
    ],
)
def test_what_no_file_holds_is_refused(tmp_path, old, new, words):
    assert old in WHOLE
    path = tmp_path / "case.toml"
    path.write_text(WHOLE.replace(old, new))
    with pytest.raises(kg.ProblemError, match=words):
        catalog.load_instance(path)


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
