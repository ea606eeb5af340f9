"""What cannot all be true is told."""

from __future__ import annotations

from runs import record, unsolved

from kktgen.benchmarks.disagreements import disagreements

OPEN = {"known": {}}


def test_runs_that_agree_are_not_told():
    assert disagreements([record(), record(way="sos1 scip"), unsolved(way="indicator scip", value=11.0)]) == []


def test_two_optima_of_one_instance_are_told():
    lines = disagreements([record(**OPEN), record(way="sos1 scip", value=11.0, bound=11.0, **OPEN)])
    assert lines == ["a/1: sos1 scip calls 11 optimal, auto scip has 10"]
    assert disagreements([record(**OPEN), record("a/2", way="sos1 scip", value=11.0, bound=11.0, **OPEN)]) == []


def test_a_bound_beyond_a_point_is_told():
    lines = disagreements([unsolved(value=9.5, **OPEN), unsolved(way="sos1 scip", bound=9.8, seed=3, **OPEN)])
    assert lines == ["a/1: sos1 scip, seed 3 has the bound 9.8, auto scip has a point of value 9.5"]


def test_a_point_where_another_says_there_is_none():
    nothing = record(way="sos1 scip", says="infeasible", status="infeasible", ok=False, value=None, bound=None, **OPEN)
    assert disagreements([record(**OPEN), nothing]) == [
        "a/1: sos1 scip calls it infeasible, auto scip has a point of value 10"
    ]


def test_a_maximum_is_read_the_other_way():
    one, other = record(sense="max", **OPEN), record(way="sos1 scip", sense="max", value=11.0, bound=11.0, **OPEN)
    assert disagreements([one, other])[0] == "a/1: auto scip calls 10 optimal, sos1 scip has 11"


def test_what_beats_the_known_optimum_and_other_problems_of_one_name():
    assert disagreements([record(value=9.0, bound=9.0)]) == ["a/1: auto scip has 9, better than the known optimum 10"]
    assert "2 different problems" in disagreements([record(), record(way="sos1 scip", problem="sha256:2")])[0]


def test_an_unverified_optimum_is_told():
    assert "fails verification" in disagreements([record(ok=False, claim="unverified")])[0]


def test_two_machines_that_differ_are_named():
    lines = disagreements([
        record(machine={"host": "x"}, **OPEN), record(machine={"host": "y"}, value=11.0, bound=11.0, **OPEN),
    ])  # fmt: skip
    assert lines == ["a/1: auto scip on y calls 11 optimal, auto scip on x has 10"]


def test_a_point_where_none_is_known_to_exist_is_told():
    lines = disagreements([record(known={"claim": "infeasible"})])
    assert lines == ["a/1: auto scip has a point of value 10, and none is known to exist"]


def test_a_point_beyond_the_known_bound_is_told():
    lines = disagreements([record(value=7.0, bound=7.0, known={"best": 10.0, "bound": 8.0})])
    assert lines == ["a/1: auto scip has 7, which the known bound 8 excludes"]
    assert disagreements([record(value=9.0, bound=9.0, known={"best": 10.0, "bound": 8.0})]) == []
