"""The runs that come with kktgen: read, judged anew, packed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from runs import record, unsolved

import kktgen as kg
from kktgen.benchmarks import journal, published
from kktgen.benchmarks.verdict import judging
from kktgen.catalog import instance_names, load_instance
from kktgen.library.stored import LARGEST

NAME = "knapsack/i10_k3"


def digest():
    return f"sha256:{load_instance(NAME).problem['sha256']}"


def test_what_is_known_today_judges():
    value = load_instance(NAME).known["objective"]
    before = {"claim": "bilevel-feasible", "best": value + 9.0}
    was = record(NAME, value=value + 5.0, bound=value + 5.0, problem=digest(), known=before)
    assert was["verdict"] == "better"
    (now,) = published.judged([was])
    assert now["verdict"] == "wrong" and now["known"] == judging(load_instance(NAME).known)


def test_another_problem_of_that_name_and_others_problems_keep_what_was_known():
    some = [record(NAME, problem="sha256:0"), record("own/case")]
    assert published.judged(some) == some


def test_a_packed_file_is_read_and_the_same_runs_are_the_same_bytes(tmp_path):
    some = [record("b/1"), unsolved("a/2"), record("a/2", "sos1 scip")]
    data = published.packed(some)
    assert data == published.packed(some[::-1])
    (tmp_path / journal.PACKED).write_bytes(data)
    for where in (tmp_path, tmp_path / journal.PACKED):
        assert [one["instance"] for one in journal.read(where).values()] == ["a/2", "a/2", "b/1"]
    assert len(published.merged([tmp_path])) == 3


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(b"{}\n"), gzip.compress(b"x" * 1000)[:-20]], ids=["plain", "no run", "cut off"]
)
def test_a_broken_file_is_refused_by_name(tmp_path, data):
    (tmp_path / journal.PACKED).write_bytes(data)
    with pytest.raises(kg.FormatError, match="runs.jsonl.gz"):
        journal.read(tmp_path)


def test_a_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with journal.Journal(tmp_path / published.WORD) as own:
        own.add(record("own/case"))
    assert [one["instance"] for one in published.merged([Path(published.WORD)])] == ["own/case"]


def test_no_published_run_is_of_an_unknown_instance_or_claims_what_is_wrong():
    records = published.published()
    assert {one["instance"] for one in records} <= set(instance_names())
    guesses = ("guessed-big-m", "plain-sos1")
    assert [one["id"] for one in records if one["verdict"] == "wrong" and one["encoding"] not in guesses] == []
    assert {one["verdict"] for one in records} >= {"right", "open"}
    assert published.path().stat().st_size < 10 * LARGEST[".bilevel.json.gz"]


def test_published_runs_that_are_missing_are_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(published, "path", lambda: tmp_path / "runs.jsonl.gz")
    with pytest.raises(kg.FormatError, match="no published runs here.*is missing; make runs"):
        published.merged([Path(published.WORD)])
