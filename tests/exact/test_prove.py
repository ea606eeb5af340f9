"""The leader's optimum proved in rational numbers: right values, nothing false, limits kept, refusals in words."""

from __future__ import annotations

import gzip
import json
import time
from fractions import Fraction

import enumerated
import numpy as np
import pytest
from found import answer
from problems import ALL

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.deadline import Deadline
from kktgen.exact import optimum
from kktgen.exact.command import main
from kktgen.exact.optimum import Goal, Kkt
from kktgen.exact.problem import plain
from kktgen.exact.tree.program import Program
from kktgen.exact.tree.search import Search
from kktgen.exact.tree.weights import exact_weights
from kktgen.reformulate.scale import scaled

dso_vpp = load_model("dso_vpp")
RIGHT = [problem for problem in ALL if problem.outcome == "optimal"]
REFUSED = {
    "cournot_tax": "give it finite bounds",
    "qp_lower_min": "give it finite bounds",
}
"""Problems for which no proof of this kind exists, and what the refusal says."""


def proved(m: kg.Bilevel, **options) -> kg.Proof:
    return kg.prove(m, kg.optimize(m).solution, **options)


def searched(m: kg.Bilevel, cut: Fraction, seconds: float = 5.0) -> Search:
    """Return the search for a proof that nothing is below a value."""
    model = kg.kkt(m)
    problem = plain(model)
    kkt = Kkt(problem)
    goal = Goal(kkt, problem["objective"], exact_weights(model, kkt, problem["objective"]).items(), [])
    return Search(Program.of(kkt, goal, scaled(model)), cut, Fraction(1, 10**6), Deadline(seconds)).run()


@pytest.mark.parametrize("problem", [p for p in RIGHT if p.name not in REFUSED], ids=str)
def test_the_optima_of_known_problems_are_proved(problem):
    m, result = answer(problem.name)
    proof = kg.prove(m, result.solution)
    assert proof.claim == "proved", proof.reason
    inside = 1e-5 if problem.name == "disc" else problem.tolerance  # its optimum is irrational, so is no point's value
    assert abs(float(proof.value) - problem.objective) <= inside * max(1, abs(problem.objective))
    assert 0 <= m.sense * (proof.value - proof.bound) <= Fraction(1, 10**4) * max(abs(proof.value), 1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_proof_of_this_kind_is_refused_in_words(name):
    m, result = answer(name)
    with pytest.raises(kg.UnsupportedError, match=REFUSED[name]):
        kg.prove(m, result.solution)


def test_an_objective_without_end_is_told():
    m = kg.Bilevel("endless")
    x = m.var("x", lb=0)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=1)
    lower.minimize(-y)
    m.maximize(x + y)
    proof = kg.prove(m, kg.search.respond(m, [1.0]))
    assert proof.claim == "not proved" and "unbounded where all pairs have a zero" in proof.reason


def test_a_relaxation_without_end_is_branched_on_all_the_same():
    """Only the pairs bound the price times quantity of this market."""
    m = load_model("dc_market").build(case="case5", own=[1, 2, 3], cap=30.0)
    assert proved(m).ok


def test_a_pair_is_open_although_the_opposite_bound_is_met():
    """The column is fixed at its upper bound; the multiplier of the lower one must still vanish."""
    m = load_model("random_bilevel").build(family="qp", rows=5, cols=5, seed=1)
    assert proved(m).ok


def test_curved_rows_are_bounded_by_tangents():
    m = kg.Bilevel("ball")
    x = m.var("x", 2, lb=-2, ub=2)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=4)
    lower.minimize(y)
    lower.add(y >= x[0] + x[1])
    m.add(x @ x <= 2, name="ball")
    m.maximize(y)
    proof = proved(m)
    assert proof.ok and abs(float(proof.value) - 2) < 1e-5
    bounds = [node for node in proof.data["tree"] if node[0] == "bound"]
    assert proof.data["curved"] and any(len(price) == 3 for node in bounds for price in node[-1])


def test_sets_and_conditions_of_the_leader_are_branched_on():
    m = kg.Bilevel("sets")
    x = m.var("x", 4, lb=0, ub=[1, 2, 3, 4])
    on = m.var("on", kind="B")
    m.sos1(x)
    m.indicator(on, 1, x[3] <= 1)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=10)
    lower.minimize(y)
    lower.add(y >= x.sum() - on)
    m.maximize(y + 2 * on - 0.5 * x[3])
    proof = proved(m)
    assert proof.ok and float(proof.value) == 4
    assert any(node[0] == "set" for node in proof.data["tree"])


def test_concave_objectives_over_boxes_are_bounded_by_chords():
    m = kg.Bilevel("chords")
    x = m.var("x", 2, lb=-1, ub=[2, 1])
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=4)
    lower.minimize(y)
    lower.add(y >= x[0] - x[1])
    m.minimize(x[0] * x[1] - x[0] * x[0] - y)
    proof = proved(m)
    assert proof.ok and float(proof.value) == -9
    assert proof.data["chords"]


def test_chords_that_leave_a_linear_objective_steer_the_search():
    m = kg.Bilevel("straight")
    x = m.var("x", lb=0, ub=4)
    lower = m.follower("lower")
    y = lower.var("y", lb=1, ub=10)
    lower.minimize((y - x) * (y - x))
    m.minimize(-(x - 1) * (x - 1) + y)
    proof = proved(m)
    assert proof.ok and proof.value == proof.bound == -5, proof.reason


@pytest.mark.parametrize(("value", "best"), [(1, 7), (0, 8)])
def test_rows_under_conditions_are_branched_on_where_they_are_violated(value, best):
    """The binary is whole in the relaxation, where its row is not yet on."""
    m = kg.Bilevel("cond")
    u = m.var("u", kind="B")
    x = m.var("x", lb=0, ub=6)
    lower = m.follower("lower")
    y = lower.var("y", lb=0, ub=9)
    lower.maximize(y)
    lower.add(y + x <= 8, y - 2 * x <= 3)
    m.indicator(u, 1, x <= 1)
    m.indicator(u, 0, x >= 1)
    m.maximize(y + 3 * u - x if value else y - 3 * u - x + 3.3333333333333335)
    proof = proved(m)
    assert proof.ok, proof.reason
    assert abs(float(proof.value) - best) < 1e-6


def test_rows_that_a_fixed_binary_switches_on_hold_from_the_root():
    m = kg.Bilevel("on")
    u = m.var("u", lb=1, ub=1, kind="B")
    x = m.var("x", lb=0, ub=6)
    lower = m.follower("lower")
    y = lower.var("y", lb=0)
    lower.minimize(y)
    lower.add(y >= x)
    m.indicator(u, 1, x <= 2)
    m.maximize(y)
    proof = proved(m)
    assert proof.ok and proof.value == 2, proof.reason


def agrees(seed: int) -> None:
    m = enumerated.small(seed)
    best = enumerated.optimum(m)
    assert np.isfinite(best)
    proof = proved(m, limit=30)
    assert proof.claim == "proved", proof.reason
    assert abs(float(proof.value) - best) <= 1e-6 * max(1, abs(best))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_proved_is_what_trying_every_pattern_finds(seed):
    agrees(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6, 200))
def test_what_is_proved_is_what_trying_every_pattern_finds_200_times(seed):
    agrees(seed)


@pytest.mark.parametrize("seed", range(20))
def test_a_value_above_the_optimum_is_never_proved(seed):
    m = enumerated.small(seed)
    best = kg.prove(m, kg.optimize(m).solution).value * m.sense
    search = searched(m, best + abs(best) * Fraction(1, 1000) + Fraction(1, 1000))
    assert search.open > 0
    assert searched(m, best - abs(best) * Fraction(1, 1000) - Fraction(1, 1000)).open == 0


def test_a_point_that_is_not_the_optimum_is_not_proved():
    m, _ = answer("handbook")
    proof = kg.prove(m, kg.search.respond(m, [4.0]))
    assert proof.claim == "not proved" and proof.bound is None and proof.data is None
    assert "6.1333333" in proof.reason and "solve again" in proof.reason
    with pytest.raises(kg.ProblemError, match="nothing to write"):
        proof.write("never.proof.json.gz")


def test_a_point_that_is_not_exact_is_not_proved():
    m, result = answer("handbook")
    z = result.solution.z.copy()
    z[0] += 0.5
    assert "not certified exactly" in kg.prove(m, z).reason


def test_why_a_point_is_not_exact_is_told():
    m = load_model("random_bilevel").build(family="qp_singular", rows=5, cols=3, seed=4)
    proof = proved(m)
    assert not proof.ok and "a response is optimal within" in proof.reason


@pytest.mark.parametrize("limit", ["soon", float("nan"), -1.0])
def test_a_limit_that_means_nothing_is_refused(limit):
    m, result = answer("handbook")
    with pytest.raises(kg.ProblemError, match="limit="):
        kg.prove(m, result.solution, limit=limit)


def test_the_limit_is_kept_and_what_is_open_is_told():
    m = dso_vpp.build(hours=14)
    solution = kg.optimize(m, time_limit=20).solution
    begun = time.monotonic()
    proof = kg.prove(m, solution, limit=4)
    assert time.monotonic() - begun <= 4 * 1.05 + 2
    assert proof.claim == "not proved in time" and 0 < proof.open <= 1
    assert f"{100 * proof.open:.2g} % open" in str(proof)


def test_progress_is_told():
    told = []
    m = enumerated.small(1)
    assert proved(m, progress=told.append).ok
    assert told[-1].stage == "prove" and told[-1].nodes >= 1 and told[-1].incumbent is not None


def test_numbers_far_from_one_are_proved_in_units_of_their_own():
    m, _ = answer("handbook")
    large = kg.Bilevel("large")
    x = large.var("x", lb=0, ub=8e7)
    lower = large.follower("lower")
    y = lower.var("y")
    large.minimize(1e-9 * x + 3e-9 * y)
    large.add(y <= 5e7)
    lower.minimize(-1e6 * y)
    lower.add(x + y <= 8e7, x + 4 * y >= 8e7, x + 2 * y <= 13e7, 2 * y <= 7 * x)
    proof = proved(large)
    assert proof.ok and abs(float(proof.value) - 92 / 15 * 1e-2) < 1e-9
    assert abs(float(proof.value - proof.bound)) <= 1e-4 * float(proof.value)


def test_a_proof_is_a_file_that_is_checked_by_itself(tmp_path, capsys):
    m = enumerated.small(2)
    proof = proved(m)
    path = proof.write(tmp_path / "nash.proof.json.gz")
    assert path.read_bytes() == proof.write(tmp_path / "again.proof.json.gz").read_bytes()
    assert json.loads(gzip.decompress(path.read_bytes())) == json.loads(json.dumps(proof.data))
    kg.write(m, tmp_path / "nash.bilevel.json")
    kg.write(enumerated.small(8), tmp_path / "other.bilevel.json")
    assert main([str(path)]) == 0 and "no bilevel-feasible point has one below" in capsys.readouterr().out
    assert main([str(path), str(tmp_path / "nash.bilevel.json")]) == 0
    assert main([str(path), str(tmp_path / "other.bilevel.json")]) == 1
    assert "NOT a statement about" in capsys.readouterr().out
    assert main([str(tmp_path / "none")]) == 1
    assert proof.belongs_to(m) and not proof.belongs_to(enumerated.small(8))


def test_certificates_are_checked_by_the_same_command(tmp_path, capsys):
    m, result = answer("handbook")
    path = tmp_path / "handbook.certificate.json"
    path.write_text(json.dumps(kg.certify(m, result.solution).to_dict()))
    assert main([str(path)]) == 0 and capsys.readouterr().out.startswith("holds")


def test_the_flagship_is_proved_and_checked_quickly():
    m = dso_vpp.build(hours=3)
    proof = proved(m, limit=30)
    assert proof.ok and abs(float(proof.value) - 0.946) < 1e-3
    begun = time.monotonic()
    assert optimum.check(proof.data)["leaves"] == proof.leaves
    assert time.monotonic() - begun < 1


@pytest.mark.slow
def test_six_hours_of_the_flagship_are_proved_in_thirty_seconds():
    m = dso_vpp.build(hours=6)
    solution = kg.optimize(m).solution
    begun = time.monotonic()
    assert kg.prove(m, solution, limit=30).ok
    assert time.monotonic() - begun < 30


def test_followers_with_nonconvex_rows_and_equilibria_are_refused():
    m, result = answer("cournot")
    nobody = kg.Bilevel("nobody")
    f = nobody.follower("f")
    y = f.var("y", lb=0, ub=1)
    f.minimize(-y)
    g = nobody.follower("g")
    g.minimize(-g.var("w", lb=0, ub=1))
    with pytest.raises(kg.UnsupportedError, match="nobody optimises"):
        kg.prove(nobody, kg.optimize(nobody).solution)
    with pytest.raises(kg.ProblemError, match="between 0 and 1"):
        kg.prove(m, result.solution, gap=0)
