"""The ways: kktgen's encodings, and what is published elsewhere."""

from __future__ import annotations

import pytest
from problems import handbook
from runs import jobs

import kktgen as kg
from kktgen.benchmarks.one_run import one_run
from kktgen.benchmarks.ways import GUESS, seed_options, solved, solver_name, way_name
from kktgen.catalog import build

TRAP = f"""
import kktgen as kg


def build():
    m = kg.Bilevel("trap")
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=1)
    lower.minimize(-{5 * GUESS} * y)
    lower.add(y <= x)
    m.minimize(y)
    m.add(x >= 0.5)
    return m
"""
"""The multiplier of y <= x is five times the guess: under it nothing is feasible, the optimum is 0.5."""


def of(way, m, solver="scip"):
    return solved(way, m, solver, 20.0, lambda info: None, lambda stage, text: None, {})


@pytest.mark.parametrize("way", ["guessed-big-m", "plain-sos1"])
def test_what_needs_kkt_conditions_refuses_integer_followers(way):
    """Without followers' conditions the model of their points alone would be solved, and called optimal."""
    with pytest.raises(kg.UnsupportedError, match="integer follower has no KKT conditions"):
        of(way, build("unit_commitment/t3_curve"))


@pytest.mark.parametrize("way", ["auto", "bigm", "sos1", "indicator", "strongduality", "guessed-big-m", "plain-sos1"])
def test_every_way_solves_the_handbook(way):
    outcome = of(way, handbook()[0])
    assert outcome.says == "optimal"
    assert outcome.result.report.value == pytest.approx(92 / 15)


def test_no_optimum_is_claimed_by_a_guess():
    assert of("guessed-big-m", handbook()[0]).result.report.claim == "bilevel-feasible"


def test_a_guess_that_is_too_small_is_counted_wrong(model_file):
    path = model_file("trap.py", TRAP)
    right, guess = (one_run(jobs(path, encoding=way, known={"objective": 0.5})[0].to_dict())
                    for way in ("auto", "guessed-big-m"))  # fmt: skip
    assert right["verdict"] == "right"
    assert guess["verdict"] == "wrong" and guess["claim"] != "optimal"


def test_names_are_free_of_hyphens_and_capitals():
    found = [way_name(text) for text in ("big-m", "BigM", "strong-duality", "guessed-big-m", "plainsos1", " auto ")]
    assert found == ["bigm", "bigm", "strongduality", "guessed-big-m", "plain-sos1", "auto"]
    with pytest.raises(kg.ProblemError, match="did you mean"):
        way_name("sos2")


def test_programs_may_be_named_without_their_prefix():
    assert solver_name("SCIP") == "scip"
    assert solver_name("files:highs") == "files:highs"
    with pytest.raises(kg.SolverNotFound, match="there are"):
        solver_name("nobody")


@pytest.mark.skipif("files:glpk" not in kg.solvers(), reason="needs the program glpsol")
def test_a_program_is_found_by_its_own_name():
    assert solver_name("glpk") == "files:glpk"


def test_seeds_change_what_the_solver_does_and_not_the_answer():
    assert seed_options("scip", 0) == {} and seed_options("highs", 3) == {"random_seed": 3}
    for solver, encoding in (("scip", "sos1"), ("highs", "bigm")):
        outcome = solved(encoding, handbook()[0], solver, 20.0, lambda info: None, lambda stage, text: None,
                         seed_options(solver, 3))  # fmt: skip
        assert outcome.result.report.value == pytest.approx(92 / 15)
