"""What a record must hold, and what is said where it does not."""

from __future__ import annotations

import json

import pytest
from runs import record, unsolved

import kktgen as kg
from kktgen.benchmarks.journal import NAME, read
from kktgen.benchmarks.shape import flaw

HERE = {"host": "x", "calibration": 0.05, "cores": 2}


def test_records_as_they_are_written_are_well():
    lost = record(
        status="lost", claim=None, says=None, ok=False, value=None, bound=None, time=None, began="", load=None
    )
    for one in (record(machine=HERE, versions={"code": "1"}, load=0.5), unsolved(track=[[0.1, 12.0, None]]), lost):
        assert flaw(one) == ""


@pytest.mark.parametrize("key", ["instance", "way", "seed", "limits", "verdict", "ok", "value", "known", "track"])
def test_a_key_that_is_missing_is_named(key):
    assert flaw({name: value for name, value in record().items() if name != key}) == f"'{key}' is missing"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"instance": 3}, "'instance' is not a text"),
        ({"seed": "x"}, "'seed' is not a whole number"),
        ({"limits": {"time": 0.0}}, "'limits.time' is not a number above 0"),
        ({"limits": {}}, "'limits.time' is missing"),
        ({"verdict": "perhaps"}, "'verdict' is not one of right"),
        ({"value": "10"}, "'value' is not a number or null"),
        ({"bound": float("nan")}, "'bound' is not a number or null"),
        ({"value": 10**400}, "'value' is not a number or null"),
        ({"track": [[1.0]]}, "'track' is not a list"),
        ({"known": []}, "'known' is not a table"),
        ({"sense": "up"}, "'sense' is not min or max"),
        ({"machine": None}, "'machine' is not a table"),
        ({"machine": {"host": "x"}}, "'machine.calibration' is missing"),
        ({"time": None}, "'time' is missing of a run that is solved"),
    ],
)  # fmt: skip
def test_what_is_of_another_kind_is_named(fields, said):
    assert flaw(record(verdict="right") | fields).startswith(said)


@pytest.mark.parametrize("line", [json.dumps(record() | {"limits": None}), "[" * 100_000])
def test_a_file_with_such_a_line_is_refused_with_its_place(tmp_path, line):
    (tmp_path / NAME).write_text(f"{json.dumps(record())}\n{line}\n")
    with pytest.raises(kg.FormatError, match="runs.jsonl, line 2: "):
        read(tmp_path)
