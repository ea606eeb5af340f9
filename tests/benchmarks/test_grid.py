"""Grids of a model's parameters."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.benchmarks.grid import grid


def test_every_combination_the_last_parameter_fastest():
    found = grid("random_bilevel", {"leaders": "5,10", "seed": "1..3", "family": "lp"})
    assert found.varied == ("leaders", "seed")
    assert [entry.parameters for entry in found.entries[:4]] == [
        {"leaders": 5, "seed": 1, "family": "lp"}, {"leaders": 5, "seed": 2, "family": "lp"},
        {"leaders": 5, "seed": 3, "family": "lp"}, {"leaders": 10, "seed": 1, "family": "lp"},
    ]  # fmt: skip
    assert found.entries[0].name == "random_bilevel/leaders=5,seed=1"
    assert len({entry.name for entry in found.entries}) == len(found.entries) == 6


def test_of_an_instance_what_is_not_given_stands():
    found = grid("random_bilevel/toll_small", {"leaders": "3,4"})
    assert [entry.target for entry in found.entries] == ["random_bilevel/toll_small"] * 2
    sizes = [len(catalog.build(entry.target, entry.parameters).space) for entry in found.entries]
    assert sizes[0] < sizes[1]


def test_a_parameter_that_is_a_list_takes_lists_with_semicolons():
    found = grid("idrc_alliance/coalition_i12", {"members": "I1;I2;I1,I2"})
    assert [entry.parameters["members"] for entry in found.entries] == [["I1"], ["I2"], ["I1", "I2"]]
    assert grid("idrc_alliance/coalition_i12", {"members": "I1,I2"}).varied == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"leader": "3"}, "no parameter 'leader'.*did you mean leaders"),
        ({"leaders": "many"}, "'leaders' takes int"),
        ({"leaders": "1..1000", "seed": "1..1000"}, "1000000 points"),
    ],
)
def test_what_is_no_grid_is_refused(given, words):
    with pytest.raises(kg.ProblemError, match=words):
        grid("random_bilevel", given)


def test_a_finished_problem_has_no_parameters(tmp_path):
    path = kg.write(catalog.build("random_bilevel/toll_small"), tmp_path / "toll.bilevel.json")
    with pytest.raises(kg.ProblemError, match="finished problem, in which leaders"):
        grid(str(path), {"leaders": "3"})
