"""What may be claimed where nobody optimises the whole, and of conditions that are nobody's response."""

from __future__ import annotations

import numpy as np
import pytest

import kktgen as kg
from kktgen.verification.report import CLAIMS, TOP

LIMIT = 30.0


def duopoly(unit=1.0, worth=1.0):
    """A Cournot duopoly by conditions: quantities 4 and 1, they and profits counted in units of these sizes."""
    m = kg.Bilevel("duopoly")
    q = m.var("q", 2)
    m.complements(([1, 4] - (10 - (q / unit).sum()) + q / unit) * worth, q, name="cournot")
    return m, q


def test_the_claim_stands_between_feasible_and_optimal_and_nothing_is_above_it():
    assert CLAIMS.index("bilevel-feasible") < CLAIMS.index("equilibrium verified")
    assert set(TOP) == {"equilibrium verified", "optimal"}


@pytest.mark.parametrize(
    ("unit", "worth"), [(1.0, 1.0), (1e-6, 1e-6), (1e5, 1e5), (1.0, 1e-7), (1e5, 1e-6), (1e-6, 1e5)]
)
def test_points_near_an_equilibrium_are_none(unit, worth):
    m, q = duopoly(unit, worth)
    known = np.array([4.0, 1.0])
    assert kg.verify(m, {"q": known * unit}).claim == "equilibrium verified"
    for off in ([1e-3, 0.0], [0.0, -1e-4], [-4.0, 0.0], [-4.0, 3.5]):
        report = kg.verify(m, {"q": (known + off) * unit})
        assert report.claim == "unverified" and report.failing[0].name == "complementarity(cournot)", off


def test_sides_whose_product_alone_is_small_do_not_match():
    m = kg.Bilevel("small")
    x, y = m.var("x"), m.var("y")
    m.complements(x, y, name="pair")
    assert kg.verify(m, {"x": 1e-4, "y": 1e-4}).claim == "unverified"
    assert kg.verify(m, {"x": 1e-9, "y": 1e3}).claim == "equilibrium verified"
    assert kg.verify(m, {"x": -1e-3, "y": 0.0}).failing[0].name == "complementarity(pair)"
    assert kg.verify(m, {"x": 1.0, "y": -1e-3}).failing[0].name in ("bounds(pair)", "complementarity(pair)")


@pytest.mark.parametrize(
    ("F", "x", "claim"),
    [(2.0, 1.0, True), (-2.0, 3.0, True), (0.0, 2.0, True), (2.0, 3.0, False), (-2.0, 1.0, False), (0.1, 2.0, False),
     (0.0, 3.5, False), (-1.0, 0.5, False)],
)  # fmt: skip
def test_double_bounds_ask_for_the_sign_that_fits_the_side(F, x, claim):
    m = kg.Bilevel("sides")
    slope, place = m.var("F"), m.var("x")
    m.complements(slope, kg.between(1, place, 3), name="sides")
    assert (kg.verify(m, {"F": F, "x": x}).claim == "equilibrium verified") == claim


def test_a_solvers_point_is_judged_by_its_conditions_not_by_its_bound():
    m, q = duopoly()
    solution = kg.solve(kg.encode(kg.kkt(m), kg.SOS1()))
    report = kg.verify(m, solution)
    assert report.claim == "equilibrium verified"
    assert not any(line.startswith(("  bound  ", "  objective  ", "  gap  ")) for line in str(report).splitlines())
    solution.z[q.cols] += 0.01
    assert kg.verify(m, solution).claim == "unverified"


def test_a_leader_with_an_objective_keeps_the_claims_of_old():
    m, q = duopoly()
    m.minimize(q.sum())
    assert kg.optimize(m).report.claim == "optimal"
    assert kg.verify(m, {"q": [4.0, 1.0]}).claim == "bilevel-feasible"
    m, q = duopoly()
    m.minimize(0)
    assert kg.optimize(m).report.claim == "optimal"


def test_one_follower_without_a_leaders_objective_is_no_equilibrium_problem():
    m = kg.Bilevel("one")
    f = m.follower("f")
    f.minimize(f.var("y", lb=1, ub=2))
    assert not m.is_equilibrium and kg.optimize(m).report.claim == "optimal"


def test_no_equilibrium_is_claimed_as_infeasible_and_explained():
    m = kg.Bilevel("none")
    x = m.var("x", lb=0, ub=3)
    m.complements(x - 5, m.var("y", lb=0, ub=2), name="one")
    report = kg.optimize(m, time_limit=LIMIT).report
    assert report.claim == "infeasible"
    assert "no point satisfies all conditions: there is no equilibrium" in report.reasons
    found = kg.explain(m)
    assert found.kind in ("no_response", "coupling_infeasible") and "follower 'one'" not in str(found)


def test_a_users_constant_that_cuts_off_points_does_not_prove_that_there_is_no_equilibrium():
    m, _ = duopoly()
    result = kg.optimize(m, kg.BigM(slack=0.5, dual=0.5), start=False, evidence=False)
    assert result.solution.status == "infeasible" and result.report.claim == "unverified"


def test_what_takes_responses_refuses_conditions_in_words():
    m, q = duopoly()
    m.minimize(q.sum())
    with pytest.raises(kg.UnsupportedError, match="are nobody's response"):
        kg.optimize(m, method="boxes")
    with pytest.raises(kg.ProblemError, match="tie the leader's variables"):
        kg.optimize(m, decompose=True)
    with pytest.raises(kg.UnsupportedError, match="'duopoly' holds complementarity conditions"):
        kg.search.respond(m, {"q": [4.0, 1.0]})
    ranged = kg.optimize(m, range=True).report
    assert ranged.range is None and any("break no ties" in reason for reason in ranged.reasons)


def test_independent_equilibria_are_one_equilibrium():
    m = kg.Bilevel("two")
    q = m.var("q", (2, 2))
    for k in range(2):
        m.complements([1, 4] - (10 + k - q[k].sum()) + q[k], q[k], name=f"cournot{k}")
    result = kg.optimize(m, parts=True)
    assert result.report.claim == "equilibrium verified", str(result.report)
    assert result.solution[q] == pytest.approx(np.array([[4, 1], [13 / 3, 4 / 3]]))
