"""The ids of runs: the same for the same run, another for another."""

from __future__ import annotations

import pytest

import kktgen as kg
from kktgen import catalog
from kktgen.benchmarks.plan import part, plan, source
from kktgen.benchmarks.sets import Entry, entries


def ids(found, ways=(("auto", "scip"),), seeds=(0,), limit=10.0, memory=None):
    return [job.id for job in plan(found, ways, seeds, limit, memory)]


def test_a_run_keeps_its_id_and_what_changes_it_changes_that(model_file):
    path = model_file()
    own = [Entry("own/tiny", str(path))]
    first = ids(own)
    assert ids(own) == first == ids([Entry("another/name", str(path))])
    others = [
        ids(own, limit=11.0), ids(own, memory=1.0), ids(own, seeds=(1,)), ids(own, [("sos1", "scip")]),
        ids(own, [("auto", "highs")]), ids([Entry("own/tiny", str(path), {}, {"top": 5.0})]),
    ]  # fmt: skip
    assert len({tuple(one) for one in [first, *others]}) == 7


def test_an_edited_file_is_another_problem(tmp_path):
    path = kg.write(catalog.build("random_bilevel/toll_small"), tmp_path / "toll.bilevel.json")
    entry = entries([str(path)])[0]
    before = source(entry)
    assert source(entry) == before
    path.write_text(path.read_text() + "\n")
    assert source(entry) != before
    aux = kg.write(catalog.build("random_bilevel/lp_10x5"), tmp_path / "lp.aux")
    entry = entries([str(aux)])[0]
    before = source(entry)
    body = next(one for one in tmp_path.iterdir() if one.suffix in (".mps", ".lp"))
    body.write_text(body.read_text() + "\n")
    assert source(entry) != before


def test_an_instance_with_other_parameters_is_another_problem():
    one, other = entries(["roads/braess_time", "roads/braess_revenue"])
    assert source(one) != source(other)
    assert source(one) == source(entries(["roads/braess_time"])[0])


def test_all_ways_of_an_instance_stand_together():
    jobs = plan(entries(["roads/braess_*"]), [("auto", "scip"), ("sos1", "scip")], (0, 1), 10.0)
    assert [job.instance for job in jobs[:4]] == ["roads/braess_close"] * 4
    assert [(job.way, job.seed) for job in jobs[:4]] == [
        ("auto scip", 0), ("auto scip", 1), ("sos1 scip", 0), ("sos1 scip", 1),
    ]  # fmt: skip
    assert len({job.id for job in jobs}) == len(jobs) == 12


def test_a_solver_without_a_seed_is_refused():
    found = entries(["roads/braess_time"])
    assert plan(found, [("auto", "files:glpk")], (0,), 10.0)
    with pytest.raises(kg.UnsupportedError, match="takes no seed"):
        plan(found, [("auto", "files:glpk")], (0, 1), 10.0)


def test_a_way_that_is_asked_for_twice_is_one_run(model_file):
    assert len(ids([Entry("own/tiny", str(model_file()))] * 2, [("auto", "scip")] * 2, (0, 0))) == 1


@pytest.mark.parametrize("text", ["1/" + "9" * 5000, "9" * 5000 + "/2"])
def test_a_part_of_endless_digits_is_refused(text):
    with pytest.raises(kg.ProblemError, match="--part takes k/n"):
        part([], text)
