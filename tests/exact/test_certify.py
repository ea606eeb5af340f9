"""Certificates in rational numbers: what is certified, what is refused, and that the checker notices every change."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache

import numpy as np
import orjson
import pytest
from found import answer, instance_answer
from problems import ALL

import kktgen as kg
from kktgen.catalog import load_model
from kktgen.exact import Certificate, certify, checker
from kktgen.exact.certificate import sealed

dso_vpp, random_bilevel = load_model("dso_vpp"), load_model("random_bilevel")
RIGHT = [problem for problem in ALL if problem.outcome == "optimal"]

dso_vpp, random_bilevel = load_model("dso_vpp"), load_model("random_bilevel")


def build(name: str) -> kg.Bilevel:
    return next(problem for problem in ALL if problem.name == name).build()


@cache
def proved(name: str) -> Certificate:
    """Return the certificate of a known problem."""
    m, result = answer(name)
    return certify(m, result.solution)


def certified(m: kg.Bilevel, **options) -> Certificate:
    return certify(m, kg.optimize(m).solution, **options)


def as_read(certificate: Certificate) -> dict:
    return json.loads(json.dumps(certificate.to_dict()))


# -- what is certified ---------------------------------------------------------------------------


@pytest.mark.parametrize("problem", RIGHT, ids=str)
def test_right_points_are_certified(problem):
    certificate = proved(problem.name)
    assert certificate.ok and set(certificate.followers.values()) == {"exact"}
    assert certificate.gap == 0 and certificate.distance < 1e-8 and certificate.moved < 1e-8
    if not certificate.name.startswith("disc"):  # its quadratic row is active at irrational numbers
        assert certificate.exact
    assert abs(float(certificate.value) - problem.objective) <= problem.tolerance * max(1, abs(problem.objective))


def test_the_value_is_the_rational_number():
    certificate = proved("handbook")
    assert certificate.value == Fraction(92, 15)
    assert certificate.z[:2] == [Fraction(8, 15), Fraction(28, 15)]
    assert 0 < certificate.moved < 1e-15  # 8/15 is no float


@pytest.mark.parametrize("family", ["lp", "qp", "qp_singular", "toll"])
@pytest.mark.parametrize("seed", range(3))
def test_random_problems_are_certified(family, seed):
    extra = {"rows": 5, "cols": 5} if family == "toll" else {"rows": 4, "cols": 3, "coupling": 0.3, "priced": 0.5}
    m = random_bilevel.build(family=family, seed=seed, **extra)
    certificate = certified(m)
    assert certificate.ok and certificate.violation == 0
    assert certificate.gap < 1e-11
    if family != "qp_singular":
        assert certificate.exact


def test_a_day_of_power_plants_is_certified():
    m, result = instance_answer("dso_vpp/short")
    certificate = certify(m, result.solution)
    assert certificate.exact and certificate.distance < 1e-9 and certificate.moved < 1e-9
    assert certificate.belongs_to(m) and not certificate.belongs_to(dso_vpp.build(hours=5))
    assert all(proof.bits < 1000 for proof in certificate.proofs)


def toll(price: float) -> tuple[kg.Bilevel, np.ndarray]:
    """A driver is indifferent at a toll of 1/3, which no float is: ``min_y (3 x - 1) y, 0 <= y <= 1``."""
    m = kg.Bilevel("third")
    x = m.var("x", lb=0, ub=1)
    driver = m.follower("driver")
    y = driver.var("y", lb=0, ub=1)
    driver.minimize(3 * (x @ y) - y)
    m.maximize(x @ y)
    return m, np.array([price, 1.0, 0.0, 0.0])


def test_an_indifferent_follower_moves_the_decision_to_the_exact_one():
    m, z = toll(np.nextafter(1 / 3, 1))  # at this float the driver stays at home
    stays = certify(m, z, move=False)
    assert not stays.ok and stays.value is None and "price of -1.1e-16" in stays.followers["driver"]
    moved = certify(m, z)
    assert moved.exact and moved.value == Fraction(1, 3) and 0 < moved.moved < 1e-16


def test_a_decision_that_is_right_as_it_is_stays():
    m, z = toll(0.25)
    certificate = certify(m, z)
    assert certificate.exact and certificate.moved == 0 and certificate.z[:2] == [Fraction(1, 4), 1]


def test_the_response_chosen_among_ties_is_kept():
    m = kg.Bilevel("ties")
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y", 2, lb=0)
    lower.add(y.sum() == 1 + x, name="total")
    lower.minimize(y.sum())
    m.minimize((y[0] - 0.3) @ (y[0] - 0.3) + x)
    z = np.zeros(len(m.space))
    z[y.cols] = 0.3, 0.7
    certificate = certify(m, z)  # the multipliers are missing: nobody uses them
    assert certificate.exact and certificate.distance < 1e-15


def test_multipliers_that_are_missing_or_wrong_are_computed():
    m = build("handbook")
    z = kg.optimize(m).solution.z[: len(m.space)]
    price = np.isin(m.space.role, ["lam", "mu"])
    for value in (0.0, np.nan, 5.0):
        assert certify(m, np.where(price, value, z)).exact


# -- convexity -----------------------------------------------------------------------------------


def convex(P: np.ndarray, ub: float = 1.0) -> kg.Bilevel:
    qp = kg.QP(P=P, q=np.zeros(len(P)), G=np.vstack([np.eye(len(P)), -np.eye(len(P))])[: 2 * len(P)],
               h=np.full(2 * len(P), ub), Q=np.zeros((len(P), 1)))  # fmt: skip
    return kg.Bilevel.from_matrices(qp, q=[1.0] + [0.0] * len(P), lb=0, ub=1)


@pytest.mark.parametrize(
    ("P", "squares"),
    [
        (np.zeros((2, 2)), 0),
        (np.diag([2.0, 0.0, 3.0]), 0),
        (np.array([[1.0, -1.0], [-1.0, 1.0]]), 0),  # diagonally dominant
        (np.array([[1.0, 2.0], [2.0, 5.0]]), 2),  # definite
        (np.ones((3, 3)), 1),  # singular, exactly
        (np.array([[1.0, 2.0], [2.0, 4.0]]), 1),
    ],
)
def test_convex_costs_are_shown_convex_exactly(P, squares):
    m = convex(P)
    certificate = certify(m, np.zeros(len(m.space)))
    assert certificate.exact
    assert [len(part) for part in certificate.data["squares"]] == [squares]


def test_a_cost_that_is_convex_but_for_rounding_is_certified_within_what_that_may_cost():
    F = np.array([[0.1, 0.7, 0.3]])
    m = convex(F.T @ F)
    certificate = certify(m, np.zeros(len(m.space)))
    assert certificate.ok and not certificate.exact and 0 < certificate.gap < 1e-15
    assert next(iter(certificate.followers.values())).startswith("within ")


def test_without_bounds_rounding_in_the_hessian_is_not_certified():
    F = np.array([[0.1, 0.7, 0.3]])
    qp = kg.QP(P=F.T @ F, q=np.zeros(3), Q=np.zeros((3, 1)))
    m = kg.Bilevel.from_matrices(qp, q=[1.0, 0, 0, 0], lb=0, ub=1)
    certificate = certify(m, np.zeros(len(m.space)))
    assert not certificate.ok and "not shown convex" in next(iter(certificate.followers.values()))


def test_a_hessian_with_a_negative_eigenvalue_is_refused_by_the_checker():
    m = convex(np.array([[1.0, 2.0], [2.0, 5.0]]), ub=1e3)
    data = as_read(certify(m, np.zeros(len(m.space))))
    assert checker.check(data) == []
    for monomial in data["problem"]["followers"][0]["products"]:
        if monomial[0] != monomial[1]:
            monomial[2] *= 2
    faults = checker.check(sealed(data))
    assert len(faults) == 1 and faults[0].startswith("the gap is ")


# -- what is not certified -----------------------------------------------------------------------


def test_equations_that_floats_cannot_satisfy_are_named():
    m = kg.Bilevel("clash")
    x = m.var("x", lb=0, ub=1)
    lower = m.follower("lower")
    y = lower.var("y")
    lower.add(10 * y == 3, name="ten")
    lower.add(y == 0.3, name="one")  # the float 0.3 is a little less than 3/10
    lower.minimize(y)
    m.minimize(x + y)
    certificate = certify(m, np.array([0.0, 0.3, 0.1, 0.0]))
    assert not certificate.ok and not certificate.exact and certificate.value is None
    assert "(lower) has slack" in certificate.followers["lower"]
    assert "not certified" in str(certificate)


def test_a_response_that_is_not_optimal_is_not_replaced_by_another():
    m, z = toll(0.25)
    z[1] = 0.5
    certificate = certify(m, z)
    assert not certificate.ok
    assert "y(driver) would lower the cost, slope -2.5e-01" in certificate.followers["driver"]


def test_out_of_time_is_said_so():
    m = dso_vpp.build(hours=3)
    z = np.zeros(len(m.space))
    certificate = certify(m, z, seconds=0.0)
    assert not certificate.ok
    assert set(certificate.followers.values()) == {"not certified: out of time"}


def test_points_and_solutions_that_are_none_are_refused():
    m, z = toll(0.25)
    with pytest.raises(kg.ProblemError, match="has 2 entries"):
        certify(m, z[:2])
    with pytest.raises(kg.ProblemError, match="not finite at y"):
        certify(m, np.array([0.25, np.inf, 0, 0]))
    with pytest.raises(kg.ProblemError, match="Solution or an array"):
        certify(m, "nothing")
    with pytest.raises(kg.NoSolutionError, match="infeasible"):
        certify(m, kg.Solution("infeasible", None, None, None, 0.0, "scip", kg.kkt(m)))
    with pytest.raises(kg.ProblemError, match="expected Bilevel"):
        certify(kg.kkt(m), z)


def test_the_leaders_rows_are_held_against_the_point():
    m, z = toll(0.25)
    m.add(m.var("limit", lb=0, ub=1) + 0.25 <= 0.2, name="cap")
    certificate = certify(m, np.append(z, 0.0), move=False)
    assert set(certificate.followers.values()) == {"exact"}
    assert not certificate.ok and certificate.violation == Fraction(0.25) - Fraction(0.2)


# -- the certificate as an object ----------------------------------------------------------------


def test_it_is_read_back_and_checked_again():
    certificate = proved("market")
    again = Certificate.from_dict(as_read(certificate))
    assert again.exact and again.value == certificate.value and again.proofs == certificate.proofs
    assert Certificate.from_dict(orjson.loads(orjson.dumps(certificate.to_dict()))).exact
    data = as_read(certificate)
    data["point"][0] = 17
    assert not Certificate.from_dict(sealed(data)).ok
    with pytest.raises(kg.ProblemError, match="no certificate"):
        Certificate.from_dict({})


def test_a_problem_without_followers_has_nothing_but_rows_to_certify():
    m = kg.Bilevel("plain")
    x = m.var("x", lb=0, ub=1)
    m.add(3 * x <= 1, name="third")
    m.maximize(x)
    assert certify(m, np.array([0.25])).exact
    assert certify(m, np.array([0.5])).violation == Fraction(1, 2)


def test_it_prints_what_is_proved():
    text = str(proved("handbook"))
    assert text.startswith("handbook: exact\n") and text.splitlines()[2].endswith("  exact")
    assert "objective  92/15 = 6.13333333333333" in text and "the leader's rows hold exactly" in text


def test_of_many_followers_the_worst_are_shown():
    m = kg.Bilevel("many")
    x = m.var("x", lb=0, ub=1)
    for k in range(9):
        f = m.follower(f"f{k}")
        y = f.var("y", lb=0, ub=1)
        f.minimize(y - x)
    m.minimize(x)
    z = np.zeros(len(m.space))
    z[m.space.find("y", "f7")] = 0.5
    text = str(certify(m, z))
    assert "... 3 more; 8 of 9 proved" in text
    assert text.splitlines()[2].split()[0] == "f7" and "y(f7) would lower the cost, slope 1.0e+00" in text


def test_a_problem_read_from_a_file_is_the_same(tmp_path):
    for name in ("market", "integer_leader", "either_or", "disc"):
        m = build(name)
        certificate = certify(m, np.zeros(len(m.space)))
        again = kg.read(kg.write(m, tmp_path / f"{name}.bilevel.json"))
        assert certificate.belongs_to(m) and certificate.belongs_to(again)
        assert not certificate.belongs_to(build("handbook"))


def test_the_same_point_gives_the_same_bytes():
    m, z = toll(1 / 3)
    assert json.dumps(certify(m, z).to_dict()) == json.dumps(certify(m, z).to_dict())


# -- linear equations ----------------------------------------------------------------------------
