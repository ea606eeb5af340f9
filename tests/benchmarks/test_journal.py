"""Records on the disk: whole lines, one writer, several folders."""

from __future__ import annotations

import json

import pytest
from runs import record, unsolved

import kktgen as kg
from kktgen.benchmarks.journal import NAME, Journal, merged, read


def test_records_are_there_again(tmp_path):
    with Journal(tmp_path / "new") as journal:
        journal.add(record("a/1"))
        journal.add(unsolved("a/2"))
    assert list(read(tmp_path / "new").values()) == [record("a/1"), unsolved("a/2")]
    with Journal(tmp_path / "new") as journal:
        assert [one["instance"] for one in journal.records.values()] == ["a/1", "a/2"]


@pytest.mark.parametrize("cut", [1, 10, 200])
def test_a_half_written_last_line_is_dropped(tmp_path, cut):
    whole = [json.dumps(record(f"a/{k}")) + "\n" for k in range(3)]
    (tmp_path / NAME).write_text("".join(whole)[:-cut])
    assert len(read(tmp_path)) == 2
    with Journal(tmp_path) as journal:
        assert len(journal.records) == 2
        journal.add(record("a/9"))
    assert (tmp_path / NAME).read_text().splitlines()[:2] == [line.strip() for line in whole[:2]]
    assert [one["instance"] for one in read(tmp_path).values()] == ["a/0", "a/1", "a/9"]


def test_the_last_record_of_an_id_counts(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add(record(status="killed"))
        journal.add(record())
    assert [one["status"] for one in read(tmp_path).values()] == ["optimal"]


def test_a_line_that_is_no_record_is_refused(tmp_path):
    (tmp_path / NAME).write_text(json.dumps(record()) + "\n{}\n")
    with pytest.raises(kg.FormatError, match="line 2: no record"):
        read(tmp_path)
    with pytest.raises(kg.FormatError, match="line 2: no record"):
        Journal(tmp_path)


def test_a_second_writer_is_refused(tmp_path):
    with Journal(tmp_path), pytest.raises(kg.FormatError, match="another command is writing"):
        Journal(tmp_path)
    with Journal(tmp_path):
        pass


def test_results_of_two_machines_are_put_together(tmp_path):
    failed, later = record("a/2", status="lost", began="2026-03-01"), record("a/1", began="2026-02-01", time=3.0)
    for name, records in {"a": [record("a/1"), record("a/2")], "b": [later, failed, record("a/3")]}.items():
        with Journal(tmp_path / name) as journal:
            for one in records:
                journal.add(one)
    found = {one["instance"]: one for one in merged([tmp_path / "a", tmp_path / "b"])}
    assert sorted(found) == ["a/1", "a/2", "a/3"]
    assert found["a/1"]["time"] == 3.0
    assert found["a/2"]["status"] == "optimal"
    assert {one["id"] for one in merged([tmp_path / "b", tmp_path / "a"])} == {one["id"] for one in found.values()}


def test_records_of_one_id_that_contradict_each_other_are_all_there(tmp_path):
    free = {"known": {}}
    other = record("a/1", value=11.0, bound=11.0, began="2026-02-01T00:00:00+00:00", **free)
    failed = record("a/1", status="lost", began="2026-03-01", **free)
    for name, one in {"a": record("a/1", **free), "b": other, "c": failed, "d": record("a/1", **free)}.items():
        with Journal(tmp_path / name) as journal:
            journal.add(one)
    found = merged([tmp_path / name for name in "abcd"])
    assert [one["value"] for one in found] == [11.0, 10.0]
    assert merged([tmp_path / name for name in "acd"]) == [record("a/1", **free)]


def test_a_wrong_answer_is_not_hidden_by_a_later_right_one(tmp_path):
    wrong = record(value=11.0, bound=11.0)
    assert wrong["verdict"] == "wrong"
    for name, one in {"a": wrong, "b": record(began="2026-02-01T00:00:00+00:00")}.items():
        with Journal(tmp_path / name) as journal:
            journal.add(one)
    assert {one["verdict"] for one in merged([tmp_path / "a", tmp_path / "b"])} == {"wrong", "right"}


def test_no_runs_are_named(tmp_path):
    with pytest.raises(kg.FormatError, match="cannot be read"):
        read(tmp_path)
