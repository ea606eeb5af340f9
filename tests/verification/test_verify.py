"""verify must accept right points and object, in the right line and place, to every spoiled one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import orjson
import pytest

import kktgen as kg
from kktgen.model.appended_columns import Encoded
from kktgen.model.fingerprint import carried
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr, vstack
from kktgen.problem.columns import labels
from kktgen.solvers import solve
from kktgen.verification.report import CLAIMS, Tolerances
from kktgen.verification.residuals import row_scale, worst
from kktgen.verification.verify import verify

# -- problems -----------------------------------------------------------------------------------


def handbook():
    """min x + 3y, y <= 5, y in argmin { -y : x + y <= 8, x + 4y >= 8, x + 2y <= 13, 2y <= 7x }: 6.1333."""
    m = kg.Bilevel("handbook")
    x = m.var("x", lb=0, ub=8)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5, name="cap")
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    return m, x, y


def market():
    """A seller offers at p to a market that clears 100; price 28..30 at dispatch 60/40/0, best profit 1200."""
    m = kg.Bilevel("market")
    p = m.var("offer", lb=0, ub=60)
    f = m.follower("market")
    g = f.var("g", 3, lb=0, ub=[60, 40, 50])
    balance = f.add(g.sum() == 100, name="balance")
    f.minimize(p @ g[0] + 20 * g[1] + 30 * g[2] + 0.1 * g[1] @ g[1] + 0.05 * g[2] @ g[2])
    m.maximize(balance.dual @ g[0] - 10 * g[0])
    return m, p, g, balance


def nash():
    """A state taxes two Cournot firms: min q_i^2 + q_i q_j - (10 - t) q_i gives q = (10 - t)/3; t = 5 earns 50/3."""
    m = kg.Bilevel("nash")
    t = m.var("t", lb=0, ub=10)
    firms = [m.follower("a"), m.follower("b")]
    q = [f.var("q", lb=0) for f in firms]
    for k, f in enumerate(firms):
        f.minimize(q[k] * q[k] + q[k] * q[1 - k] - 10 * q[k] + t * q[k])
    m.maximize(t * q[0] + t * q[1])
    return m, t, q


def respond(m, leader, rounds=1):
    """Return z: the leader's values, the followers' responses (in turn, ``rounds`` times) and their multipliers."""
    z = np.zeros(len(m.space))
    for expr, value in leader.items():
        z[expr.cols.ravel()] = value
    for _ in range(rounds):
        for f in m.followers:
            qp = f.qp()
            x = z[qp.x]
            A = vstack([qp.A, qp.G], qp.ny)
            b, h = qp.b - qp.B @ x, qp.h - qp.H @ x
            lo, hi = np.concatenate([b, np.full(len(h), -np.inf)]), np.concatenate([b, h])
            free = np.full(qp.ny, np.inf)
            answer = programs.qp(qp.P, qp.Q @ x + qp.q, A, lo, hi, -free, free)
            assert answer.status == "optimal"
            z[qp.y], z[qp.lam] = answer.x, answer.row_dual[: len(b)]
            z[qp.mu] = np.maximum(-answer.row_dual[len(b) :], 0.0)
    return z


def stage(model, **changes):
    """Return the model as a stage of the package returns it: its changes are known to keep the problem."""
    space = model.space.copy()
    changes = {"space": space, **changes}
    return carried(model, replace(model, **changes), "test")


def exact(m, trust="exact", encoding="SOS1", box=1e4, proof="proved(test)"):
    """Return the KKT model as an encoding leaves it: no pairs, multipliers boxed."""
    model = kg.kkt(m)
    space = model.space.copy()
    price = np.isin(space.role, ["lam", "mu"])
    space.ub[price] = box
    space.lb[space.role == "lam"] = -box
    space.proof[price] = proof
    used = (Encoded(encoding, len(model.pairs), trust),) if model.pairs is not None else ()
    return stage(model, space=space, pairs=None, encodings=used)


def solution(m, z, model=None, bound="value", status="optimal", solver="test 1.0"):
    value = kg.kkt(m).value(z) if z is not None else None
    return kg.Solution(status, value, value if bound == "value" else bound, z, 0.1, solver, model or exact(m))


@pytest.fixture
def book():
    m, x, y = handbook()
    return m, respond(m, {x: 8 / 15}), x, y


@pytest.fixture
def cleared():
    """The market at offer 20 with the price at the top of its range."""
    m, p, g, balance = market()
    z = respond(m, {p: 20})
    z[g.cols] = 60, 40, 0
    z[m.followers[0].qp().lam] = 30
    z[g.upper_dual.M.indices] = 10, 2, 0
    z[g.lower_dual.M.indices] = 0
    return m, z, p, g, balance


def say(report):
    return "\n".join(report.reasons)


# -- right points -------------------------------------------------------------------------------


def test_a_right_point_is_optimal(book):
    m, z, *_ = book
    report = verify(m, solution(m, z))
    assert report.claim == "optimal" and report.ok and not report.failing
    assert report.value == pytest.approx(6 + 2 / 15) and report.gap == 0
    names = [line.name for line in report.lines]
    assert names == [
        "leader rows", "leader bounds",
        "stationarity(lower)", "primal(lower)", "dual(lower)", "complementarity(lower)", "follower gap(lower)",
    ]  # fmt: skip


def test_prices_in_the_objective(cleared):
    m, z, *_ = cleared
    report = verify(m, solution(m, z))
    assert report.claim == "optimal", report
    assert report.value == pytest.approx(1200) and report.bound == pytest.approx(1200)


def test_nash_and_quadratic_followers():
    m, t, q = nash()
    z = respond(m, {t: 5}, rounds=60)
    report = verify(m, solution(m, z))
    assert report.claim == "optimal", report
    assert report.value == pytest.approx(50 / 3)
    z[q[1].cols] += 0.01  # spoils b itself, and with it the parameters of a
    bad = verify(m, z)
    assert {line.name for line in bad.failing} >= {"follower gap(a)", "follower gap(b)", "stationarity(a)"}
    assert bad["stationarity(a)"].where == "stat(a,q)"


def test_report_prints_and_is_plain_data(book):
    m, z, *_ = book
    report = verify(m, solution(m, z))
    text = str(report)
    assert "stationarity(lower)" in text and "claim      optimal" in text and "1e-06" in text and "1e-04" in text
    data = orjson.loads(orjson.dumps(report.to_dict()))
    assert data["claim"] == "optimal" and data["range"] is None and len(data["lines"]) == len(report.lines)
    assert data == report.to_dict() and set(data) == set(vars(report))
    assert data["tolerances"] == vars(report.tolerances) and data["reasons"] == list(report.reasons)
    assert [set(line) for line in data["lines"]] == [set(vars(line)) for line in report.lines]
    assert (data["bound"], data["gap"], data["attained"], data["ok"]) == (report.bound, 0.0, True, True)
    assert report.claim in CLAIMS
    with pytest.raises(KeyError, match="leader rows"):
        report["nothing"]


def test_a_response_a_hair_outside_is_no_infeasible_follower(book):
    m, z, x, y = book
    z[y.cols] += 1e-9
    assert verify(m, solution(m, z)).claim == "optimal"


def test_an_equation_a_hair_off_shifts_no_cost(cleared):
    m, z, _, g, _ = cleared
    z[g.cols[0]] -= 2e-6
    report = verify(m, z)
    assert report["follower gap(market)"].ok and report["primal(market)"].ok
    assert report["primal(market)"].where in ("balance(market)", "")


# -- spoiled points -----------------------------------------------------------------------------


def test_a_flipped_multiplier_breaks_stationarity(book, cleared):
    m, z, *_ = book
    mu = m.followers[0].qp().mu
    z[mu[np.argmax(z[mu])]] *= -1
    report = verify(m, solution(m, z))
    assert not report["stationarity(lower)"].ok and report["stationarity(lower)"].where == "stat(lower,y)"
    assert not report["dual(lower)"].ok and report["dual(lower)"].where == "mu(lower,c4)"
    assert report.claim == "bilevel-feasible"  # nobody uses them, and the response is right
    assert "multipliers break stationarity(lower)" in say(report)

    m, z, *_ = cleared
    z[m.followers[0].qp().lam] *= -1
    report = verify(m, solution(m, z))
    assert report.claim == "unverified" and not report.ok  # the leader is paid the price
    assert report["stationarity(market)"].where.startswith("stat(market,g,")


def test_a_response_off_its_optimum(book):
    m, z, x, y = book
    z[y.cols] = 1.87  # feasible for c2, infeasible for c4 by a hair
    assert verify(m, z)["primal(lower)"].where == "c4(lower)"
    m2, x2, y2 = handbook()
    z = respond(m2, {x2: 2})
    assert verify(m2, z).ok is False  # y = 5.5 breaks the coupling row
    z = respond(m2, {x2: 1})
    assert verify(m2, z).ok
    z[y2.cols] = 3.4  # feasible, but 3.5 is better
    report = verify(m2, solution(m2, z, bound=None))
    assert report.claim == "unverified" and not report.ok
    line = report["follower gap(lower)"]
    assert line.value == pytest.approx(0.1 / 3.4) and line.where == "y(lower): 3.4, re-solved 3.5"
    assert report["complementarity(lower)"].where == "mu(lower,c4)" and not report["complementarity(lower)"].ok


def test_a_small_gap_is_seen(book):
    m, x, y = handbook()
    z = respond(m, {x: 1})
    z[y.cols] -= 2e-5
    assert not verify(m, z)["follower gap(lower)"].ok
    assert verify(m, z, tolerances=Tolerances(follower_gap=1e-4, complementarity=1e-4)).ok


def test_a_violated_coupling_row():
    m, x, y = handbook()
    report = verify(m, respond(m, {x: 2}))
    assert report["leader rows"].where == "cap" and report["leader rows"].value == pytest.approx(0.5 / 5.5)
    assert [line.name for line in report.failing] == ["leader rows"] and report.claim == "unverified"


def test_a_violated_equation_and_bound(cleared):
    m, z, _, g, _ = cleared
    z[g.cols[2]] = 1
    assert verify(m, z)["primal(market)"].where == "balance(market)"
    z[g.cols] = 61, 39, 0
    report = verify(m, z)
    assert report["primal(market)"].where == "ub(market,g,0)" and not report["primal(market)"].ok


def test_swapped_multipliers(cleared):
    m, z, _, g, _ = cleared
    upper = g.upper_dual.M.indices
    z[upper[[0, 2]]] = z[upper[[2, 0]]]
    report = verify(m, z)
    assert not report.ok
    assert report["complementarity(market)"].where == "mu_ub(market,g,2)"
    assert report["stationarity(market)"].where in ("stat(market,g,0)", "stat(market,g,2)")


def test_multipliers_beside_an_inactive_row(cleared):
    m, z, _, g, _ = cleared
    pair = g.upper_dual.M.indices[2], g.lower_dual.M.indices[2]
    z[list(pair)] += 3  # stationarity cannot see it
    report = verify(m, z)
    assert report["stationarity(market)"].ok and not report["complementarity(market)"].ok
    assert report["complementarity(market)"].where == "mu_ub(market,g,2)" and report.claim == "unverified"


def test_leader_bounds(book):
    m, z, x, _ = book
    z[x.cols] = 9
    report = verify(m, z)
    assert report["leader bounds"].where == "x" and report["leader bounds"].value == pytest.approx(1 / 8)


def test_one_side_of_a_row_does_not_hide_behind_the_other():
    m = kg.Bilevel("sides")
    x = m.var("x", lb=-10, ub=10)
    m.add(kg.between(0, x, 1e9), name="both")
    report = verify(m, np.array([-0.5]))
    assert report["leader rows"].value > 0.01 and report["leader rows"].amount == 0.5 and not report.ok


# -- everything a leader may own ----------------------------------------------------------------


def owner():
    m = kg.Bilevel("owner")
    x = m.var("x", 3, lb=0, ub=[10, 10, 10])
    b = m.var("b", kind="B")
    k = m.var("k", lb=0, ub=9, kind="I")
    m.add(x[0] * x[0] + x[1] <= 4, name="ball")
    m.sos1([x[0], x[1]], name="one")
    m.indicator(b, 1, x[0] <= 1, name="switch")
    m.add(x[2] <= 1e6 * b, name="big")
    m.minimize(-x[0] - x[1] - k)
    return m, x, b, k


@pytest.mark.parametrize(
    ("values", "name", "where"),
    [
        ({"x": (2.1, 0, 0)}, "leader quadratic rows", "ball"),
        ({"x": (1, 2, 0)}, "leader SOS1", "one"),
        ({"x": (1.5, 0, 0), "b": 1}, "leader indicators", "switch"),
        ({"k": 2.4}, "integrality", "k"),
        ({"x": (0, 0, 0.5), "b": 5e-7}, "leader rows", "big"),  # hides behind the integrality tolerance
    ],
)
def test_what_a_leader_may_own(values, name, where):
    m, x, b, k = owner()
    z = np.zeros(len(m.space))
    z[x.cols], z[b.cols], z[k.cols] = values.get("x", (0, 0, 0)), values.get("b", 0), values.get("k", 9)
    report = verify(m, z)
    assert [line.name for line in report.failing] == [name]
    assert report[name].where == where and report.claim == "unverified"


def test_without_followers_an_ordinary_model():
    m, x, b, k = owner()
    z = np.zeros(len(m.space))
    z[x.cols], z[k.cols] = (0, 4, 0), 9 + 1e-8
    model = kg.kkt(m)
    assert verify(m, solution(m, z, model, bound=-13)).claim == "optimal"
    assert verify(m, solution(m, z, model, bound=-14)).claim == "bilevel-feasible"
    assert verify(m, z).claim == "bilevel-feasible"
    assert verify(m, solution(m, None, model, bound=None, status="infeasible")).claim == "infeasible"


# -- foreign points -----------------------------------------------------------------------------


def test_a_plain_array_is_capped(book):
    m, z, *_ = book
    report = verify(m, np.append(z, 7.0))
    assert report.claim == "bilevel-feasible" and report.ok and report.bound is None and "plain point" in say(report)
    assert verify(m, z.tolist()).ok


@pytest.mark.parametrize("hole", [0.0, np.nan])
def test_a_point_without_multipliers(book, cleared, hole):
    m, z, *_ = book
    f = m.followers[0].qp()
    z[f.mu] = hole
    report = verify(m, z)
    assert report.ok and report.claim == "bilevel-feasible"
    line = report["stationarity(lower)"]
    assert not line.ok and not line.counts and line.where == "no multipliers in the point"
    assert "re-solved optimum decide" in say(report)
    z[m.space.find("x")], z[m.followers[0].qp().y] = 1, 3.4
    report = verify(m, z)
    assert not report.ok and [line.name for line in report.failing if line.counts] == ["follower gap(lower)"]

    m, z, *_ = cleared
    f = m.followers[0].qp()
    z[np.concatenate([f.lam, f.mu])] = hole
    report = verify(m, z)
    if np.isnan(hole):  # the leader uses them: they are found
        assert report.ok and "multipliers of market, which the point does not have" in say(report)
    else:
        assert not report.ok and not report["stationarity(market)"].ok and report["stationarity(market)"].counts


def test_zeros_are_no_missing_multipliers_in_what_a_solver_found(book):
    m, z, *_ = book
    z[m.followers[0].qp().mu] = 0.0
    for status in ("optimal", "time_limit"):  # the solver's own model asks for stationarity
        report = verify(m, solution(m, z, status=status))
        assert report.ok and report.claim == "bilevel-feasible" and "break stationarity(lower)" in say(report)
    assert "no multipliers in the point" in say(verify(m, solution(m, z, status="heuristic")))
    z[m.followers[0].qp().mu] = np.nan
    assert verify(m, solution(m, z)).claim == "optimal"


def test_a_price_another_follower_pays_must_be_right():
    m = kg.Bilevel("chain")
    seller, buyer = m.follower("seller"), m.follower("buyer")
    s = seller.var("s", lb=0, ub=10)
    clear = seller.add(s == 4, name="clear")
    seller.minimize(3 * s)
    y = buyer.var("y", lb=0, ub=1)
    buyer.minimize(clear.dual * y - 5 * y)
    m.minimize(s + y)
    z = respond(m, {})
    assert verify(m, z).ok
    z[clear.dual.M.indices] = 1.0
    report = verify(m, z)
    assert not report.ok and report["stationarity(seller)"].counts
    z[clear.dual.M.indices] = np.nan
    assert verify(m, z).ok  # found by re-solving


def test_points_that_are_none(book):
    m, z, *_ = book
    with pytest.raises(kg.ProblemError, match="3 entries"):
        verify(m, z[:3])
    with pytest.raises(kg.ProblemError, match="values by name are needed"):
        verify(m, "point")
    z[0] = np.nan
    report = verify(m, solution(m, z, bound=1.0))
    assert report.claim == "unverified" and report["finite values"].where == "x"


# -- followers that cannot be re-solved -----------------------------------------------------------


def test_an_unbounded_follower():
    m = kg.Bilevel("loose")
    x = m.var("x", lb=-1, ub=1)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(x * y)
    m.minimize(x)
    z = np.zeros(len(m.space))
    z[x.cols] = -1
    report = verify(m, z)
    assert not report.ok and "unbounded" in report["follower gap(f)"].where
    assert report.to_dict()["lines"][-1]["value"] is None


def test_a_solver_that_fails_is_no_proof(book, monkeypatch):
    m, z, *_ = book

    def refuse(*_):
        raise kg.SolverError("out of order")

    monkeypatch.setattr(programs, "qp", refuse)
    report = verify(m, solution(m, z))
    assert report.claim == "unverified" and "out of order" in report["follower gap(lower)"].where
    nothing = np.empty(0)
    monkeypatch.setattr(programs, "qp", lambda *_: programs.Answer("limit", None, np.nan, nothing, nothing))
    assert "time was over" in verify(m, solution(m, z))["follower gap(lower)"].where
    monkeypatch.setattr(programs, "qp", lambda *_: programs.Answer("optimal", np.zeros(1), 0.0, nothing, nothing))
    assert "above the response" in verify(m, solution(m, z))["follower gap(lower)"].where


# -- what the solver said -----------------------------------------------------------------------


@pytest.mark.parametrize("make", [handbook, market])
def test_a_bound_that_is_beaten_is_a_solver_fault(make, request):
    m, z = request.getfixturevalue("book" if make is handbook else "cleared")[:2]
    sense = 1 if make is handbook else -1
    value = kg.kkt(m).value(z)
    fault = verify(m, solution(m, z, bound=value + sense * 0.01 * abs(value)))
    assert fault.claim == "bilevel-feasible" and fault.ok
    assert fault.reasons[0].startswith("solver fault: the bound") and "beaten by a verified point" in fault.reasons[0]
    wide = verify(m, solution(m, z, bound=value - sense * 0.01 * abs(value)))
    assert wide.claim == "bilevel-feasible" and "solver fault" not in say(wide) and "gap 1.0" in say(wide)
    near = verify(m, solution(m, z, bound=value + sense * 5e-5 * abs(value), status="time_limit"))
    assert near.claim == "optimal"  # within the tolerance, and the bound itself closes the gap


def test_whose_fault_a_beaten_bound_is_and_what_to_do(book):
    m, z, *_ = book
    cases = {
        "solver fault": (exact(m), "send the model that was solved"),
        "solver fault: the bound 6.5 of": (exact(m, trust="eps"), "send the model that was solved"),  # a relaxation
        "M too small, or a solver fault": (exact(m, trust="user"), "give larger constants"),
    }
    for word, (model, cure) in cases.items():
        report = verify(m, solution(m, z, model, bound=6.5))
        assert report.reasons[0].startswith(word) and report.reasons[1].startswith("what to do: ")
        assert cure in report.reasons[1] and report.claim == "bilevel-feasible"
    assert "cuts off points" not in verify(m, solution(m, z, bound=6.5)).reasons[0]  # the model is the problem
    other, *_ = handbook()
    other.rows.pop()
    foreign = verify(m, solution(m, z, exact(other), bound=6.5))
    assert foreign.reasons[0].startswith("another problem: ") and "fault" not in say(foreign)


def test_points_of_the_evidence_are_held_against_the_bound(book):
    m, z, x, y = book
    best = solution(m, z, exact(m, encoding="Indicator"))
    worse = respond(m, {x: 1})
    first = solution(m, worse, bound=kg.kkt(m).value(worse))  # 1 + 3 * 3.5: called optimal, and is not
    assert verify(m, first).claim == "optimal"  # nobody knows better
    report = verify(m, first, evidence=[best])
    assert report.claim == "bilevel-feasible" and report.reasons[0].startswith("solver fault: the bound 11.5 of test")
    assert "a verified point of value 6.133333333 (Indicator by test 1.0)" in report.reasons[0]
    point = kg.Solution("heuristic", None, None, z, 0.0, "start point", kg.kkt(m))
    assert "6.133333333 (no encoding by start point)" in verify(m, first, evidence=[point]).reasons[0]
    spoiled = worse.copy()
    spoiled[y.cols] = 1.9  # its own point fails: the bound is refuted all the same
    report = verify(m, solution(m, spoiled, bound=11.5), evidence=[point])
    assert report.claim == "unverified" and "solver fault: the bound 11.5" in say(report)


def test_a_spoiled_point_of_the_evidence_refutes_nothing(book):
    m, z, x, y = book
    spoiled = z.copy()
    spoiled[[*x.cols.ravel(), *y.cols.ravel()]] = 1, 1  # value 4, the follower off its optimum
    report = verify(m, solution(m, z), evidence=[solution(m, spoiled, exact(m, encoding="Indicator"))])
    assert report.claim == "optimal" and "fault" not in say(report)


def test_bounds_of_the_evidence_are_held_against_the_point(book):
    m, z, *_ = book
    wrong = solution(m, None, exact(m, encoding="Indicator"), bound=7.0, status="time_limit", solver="other")
    report = verify(m, solution(m, z), evidence=[wrong])
    assert report.claim == "optimal"  # its own proof stands
    assert report.reasons[0].startswith("solver fault: the bound 7 of Indicator by other is beaten by a verified point")
    assert report.reasons[1].startswith("what to do: ")


def test_a_solver_that_calls_a_model_infeasible_at_a_point_that_holds(book):
    m, z, *_ = book
    said = replace(solution(m, z, bound=None, status="error"), raw={"called": "infeasible"})
    report = verify(m, said)
    assert report.claim == "bilevel-feasible" and report.reasons[0].startswith("solver fault: test 1.0 calls the model")
    user = verify(m, replace(said, model=exact(m, trust="user")))
    assert user.reasons[0].startswith("M too small, or a solver fault: test 1.0 calls the model infeasible")


def test_whether_an_optimum_is_attained():
    def asked(top, most=3.0, curved=True):
        m = kg.Bilevel("corner")
        x = m.var("x", 2, lb=0, ub=top)
        k = m.var("k", lb=0, ub=most, kind="I")
        if curved:
            m.add(x[0] * x[1] >= 1, name="curve")  # min x0 has the infimum 0 where x1 has no bound
        m.minimize(x[0] + k)
        reach = min(top, 1e10)
        z = np.array([1 / reach if curved else 0.0, reach, 0.0])
        report = verify(m, solution(m, z, kg.kkt(m), bound=z[0] if top < np.inf else 0.0))
        assert report.claim == "optimal"
        return report

    assert asked(np.inf).attained is None
    assert "attained   not known, as columns have no bounds" in str(asked(np.inf))
    for report in (asked(1e5), asked(np.inf, curved=False)):
        assert report.attained is True and report.to_dict()["attained"] is True and "attained" not in str(report)
    assert asked(1e5, most=np.inf, curved=False).attained is None


def test_bounds_that_say_nothing(book):
    m, z, *_ = book
    for bound in (None, -np.inf, -1e20, np.nan):
        report = verify(m, solution(m, z, bound=bound))
        assert report.claim == "bilevel-feasible" and report.bound is None and "no bound" in say(report)
    for status in ("heuristic", "error", "infeasible"):
        assert status in say(verify(m, solution(m, z, status=status)))


def test_the_gap_is_taken_against_the_original_objective(book):
    m, z, *_ = book
    model = exact(m)
    shifted = stage(model, objective=model.objective - 0.01)
    report = verify(m, replace(solution(m, z, shifted), objective=6.1233, bound=6.1233))
    assert report.claim == "bilevel-feasible" and report.gap == pytest.approx(0.0100333 / 6.13333, rel=1e-4)
    report = verify(m, replace(solution(m, z, shifted), objective=6.1233))
    assert report.claim == "bilevel-feasible" and "solved model's objective" in say(report)


def test_no_point(book):
    m = book[0]
    said = verify(m, solution(m, None, bound=None, status="infeasible"))
    assert said.claim == "infeasible" and not said.ok and said.value is None and str(said)
    for model in (exact(m, trust="user"), exact(m, trust="eps"), exact(m, proof="user"), kg.relax(kg.kkt(m))):
        assert verify(m, solution(m, None, model, bound=None, status="infeasible")).claim == "unverified"
    for status in ("time_limit", "unbounded", "infeasible_or_unbounded", "error"):
        assert verify(m, solution(m, None, bound=None, status=status)).claim == "unverified"


def test_a_point_of_another_encoding_refutes_infeasible(book):
    m, z, *_ = book
    said = solution(m, None, bound=None, status="infeasible")
    other = solution(m, z, exact(m, encoding="Indicator"))
    assert verify(m, said, evidence=[said]).claim == "infeasible"
    report = verify(m, said, evidence=[other])
    assert report.claim == "unverified" and "solver fault" in say(report) and "Indicator" in say(report)
    assert "what to do: compare other encodings and solvers" in say(report) and "authors" in say(report)
    spoiled = z.copy()
    spoiled[1] = 0.3
    for trust, claim in (("eps", "infeasible"), ("exact", "unverified")):  # a point that fails refutes nothing itself
        loose = solution(m, spoiled, exact(m, trust=trust, encoding="Product"))
        assert verify(m, said, evidence=[loose]).claim == claim
    loose = solution(m, z, exact(m, trust="eps", encoding="Product"))
    assert verify(m, said, evidence=[loose]).claim == "unverified"


# -- how the model was encoded --------------------------------------------------------------------


def test_a_user_m_caps_the_claim(book):
    m, z, *_ = book
    model = stage(exact(m), encodings=(Encoded("BigM", 4, "user"),))
    report = verify(m, solution(m, z, model))
    assert report.claim == "bilevel-feasible" and report.ok and "nobody proved (trust 'user')" in say(report)


def test_a_multiplier_at_a_user_m(book):
    m, z, *_ = book
    mu = m.followers[0].qp().mu
    top = z[mu].max()
    model = stage(exact(m, box=top, proof="user"), encodings=(Encoded("BigM", 4, "user"),))
    report = verify(m, solution(m, z, model))
    line = report["at unproved M"]
    assert line.value == 1 and not line.ok and not line.counts and line.where == "mu(lower,c4)"
    assert "sits at a constant nobody proved: mu(lower,c4)" in say(report) and report.claim == "bilevel-feasible"
    roomy = stage(exact(m, box=10 * top, proof="user"), encodings=(Encoded("BigM", 4, "user"),))
    assert verify(m, solution(m, z, roomy))["at unproved M"].ok


def test_a_slack_at_a_user_m(book):
    m, z, *_ = book
    pairs = kg.kkt(m).pairs
    slack = pairs.slack(z)
    for size, where in ((slack.max(), "slackM(lower,c3)"), (1.1 * slack.max(), "")):
        model = kg.encode(kg.kkt(m), kg.BigM(slack=float(size), dual=50.0))
        assert model.encodings == (Encoded("BigM", 4, "user"),)
        report = verify(m, solution(m, np.concatenate([z, slack < 1e-7]), model))
        assert report["at unproved M"].where == where and report.claim == "bilevel-feasible"


def another():
    """The handbook's problem with another cap."""
    m, *_ = handbook()
    m.rows[0].hi[:] = 4.0
    return m


def test_encodings_that_are_not_the_problem(book):
    m, z, *_ = book
    whole = kg.kkt(m)
    assert "no encoded model comes with the point" in say(verify(m, solution(m, z, whole)))
    assert "relaxation" in say(verify(m, solution(m, z, kg.relax(whole))))
    assert "tolerance left" in say(verify(m, solution(m, z, exact(m, trust="eps"))))
    short = replace(exact(m), encodings=(Encoded("SOS1", 3, "exact"),))
    assert "changed by hand since kktgen made it: encodings differ" in say(verify(m, solution(m, z, short)))
    other = another()
    assert "not made from this problem" in say(verify(m, solution(m, z, exact(other))))
    cases = [whole, kg.relax(whole), exact(m, trust="eps"), short, exact(other)]
    assert {verify(m, solution(m, z, model)).claim for model in cases} == {"bilevel-feasible"}


def test_a_problem_changed_after_it_was_solved():
    m, x, y = handbook()
    solved = exact(m)
    m.followers[0].minimize(-2 * y)
    z = respond(m, {x: 8 / 15})
    report = verify(m, solution(m, z, solved))
    assert report.claim == "bilevel-feasible" and "changed since" in say(report)


def test_a_leader_held_tighter_than_declared(book):
    m, z, x, _ = book
    model = exact(m)
    space = model.space.copy()
    space.ub[x.cols] = 1.0
    by_hand = verify(m, solution(m, z, replace(model, space=space)))
    assert by_hand.claim == "bilevel-feasible" and "changed by hand" in say(by_hand)
    assert verify(m, solution(m, z, stage(model, space=space))).claim == "optimal"
    model.space.ub[x.cols] = 1.0  # in place, past every function
    assert "changed by hand since kktgen made it: columns and bounds differ" in say(verify(m, solution(m, z, model)))


def open_boxes(m, encoding="SOS1"):
    model = exact(m, encoding=encoding)
    space = model.space.copy()
    price = np.isin(space.role, ["lam", "mu"])
    space.ub[price], space.proof[price] = np.inf, ""
    return stage(model, space=space)


def test_evidence_stands_in_for_boxes(book):
    m, z, *_ = book
    first = solution(m, z, open_boxes(m))
    alone = verify(m, first)
    assert alone.claim == "bilevel-feasible" and "mu(lower,c1), mu(lower,c2), mu(lower,c3) and 1 more" in say(alone)
    solver = verify(m, first, evidence=[solution(m, z, open_boxes(m), solver="other 2.0")])
    assert solver.claim == "optimal" and "evidence is a second solution (SOS1 by other 2.0)" in say(solver)
    encoding = solution(m, z, open_boxes(m, "Indicator"))
    assert verify(m, first, evidence=[first, encoding]).claim == "optimal"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, "same encoding and same solver"),
        ({"solver": "test 2.0"}, "same encoding and same solver"),
        ({"solver": "other", "bound": 6.0}, "differs from the value"),
        ({"solver": "other", "bound": 6.0, "status": "time_limit"}, "it did not finish: its bound 6 stands against"),
        ({"solver": "other", "bound": 6.5}, "solver fault"),
        ({"solver": "other", "objective": 6.0}, "objective 6 differs"),
        ({"solver": "other", "bound": None}, "it has no bound"),
        ({"solver": "other", "status": "heuristic"}, "it has no bound"),
        ({"solver": "other", "model": "user"}, "nobody proved"),
        ({"solver": "other", "model": "foreign"}, "not made from this problem"),
        ({"solver": "other", "model": "box"}, "in a box that nobody proved"),
    ],
)
def test_evidence_that_is_none(book, change, why):
    m, z, *_ = book
    models = {"user": exact(m, "user"), "foreign": exact(another()), "box": exact(m, proof="user")}
    if "model" in change:
        change = {**change, "model": models[change["model"]]}
    other = replace(solution(m, z, open_boxes(m)), **change)
    report = verify(m, solution(m, z, open_boxes(m)), evidence=[other])
    assert report.claim == "bilevel-feasible" and why in say(report)


def test_no_evidence_cures_an_unproved_box(book):
    m, z, *_ = book
    other = solution(m, z, open_boxes(m), solver="other")
    report = verify(m, solution(m, z, exact(m, proof="user")), evidence=[other])
    assert report.claim == "bilevel-feasible" and "in a box that nobody proved (user)" in say(report)


def test_one_open_price_is_enough(cleared):
    m, z, *_ = cleared
    model = exact(m)
    space = model.space.copy()
    space.lb[space.role == "lam"] = -np.inf
    report = verify(m, solution(m, z, stage(model, space=space)))
    assert report.claim == "bilevel-feasible" and "lam(market,balance) is without a proved box" in say(report)


# -- many followers -------------------------------------------------------------------------------


def crowd(count):
    m = kg.Bilevel("crowd")
    x = m.var("x", 3, lb=0, ub=5)
    for k in range(count):
        f = m.follower(f"f{k}")
        y = f.var("y", 3, lb=0, ub=[1, 1 + 0.001 * k, 2])
        f.add(y.sum() == 2, name="bal")
        f.minimize(x @ y + np.array([1.0, 2.0, 3.0]) @ y + (0.5 * y @ y if k % 2 else 0 * y.sum()))
    m.minimize(x.sum())
    return m, respond(m, {x: 1})


def test_executors_agree():
    m, z = crowd(40)
    serial = verify(m, z)
    assert serial.ok
    with ThreadPoolExecutor(2) as pool:
        assert verify(m, z, executor=pool).to_dict() == serial.to_dict()


@pytest.mark.slow
def test_a_crowd_is_quick_and_printed_short():
    m, z = crowd(300)
    begun = time.perf_counter()
    assert verify(m, z).ok
    assert time.perf_counter() - begun < 20  # about half a second on an idle core
    z[m.followers[200].qp().y[0]] += 0.5
    report = verify(m, z)
    assert {line.follower for line in report.failing} == {"f200"}
    assert report["primal(f200)"].where in ("bal(f200)", "ub(f200,y,0)")
    text = str(report)
    assert "primal(f200)" in text and "more lines" in text and len(text.splitlines()) < 40
    assert len(report.lines) == 5 * 300 + 1


# -- small parts ----------------------------------------------------------------------------------


def test_worst_of_every_group():
    values, of = np.array([1.0, 3.0, 2.0, 0.0, 5.0]), np.array([0, 0, 0, 2, 2])
    top, at = worst(values, of, 4)
    assert top.tolist() == [3, 0, 5, 0] and at.tolist() == [1, -1, 4, -1]


def test_row_scale_is_the_largest_term():
    M = Csr(np.array([[2.0, -300.0], [0.0, 0.0], [0.5, 0.0]]))
    assert row_scale(M, np.array([10.0, 1.0]), np.array([0.0, 7.0, 0.0])).tolist() == [300, 7, 5]


def test_labels_in_bulk_are_those_of_the_space():
    m, *_ = market()
    at = np.arange(len(m.space))
    assert labels(m.space.blocks, at) == [m.space.label(i) for i in at]


# -- real solves ----------------------------------------------------------------------------------


def solved(m, encoding, bounded=True, solver="scip", **options):
    pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")
    model = kg.kkt(m)
    return solve(kg.encode(kg.bound(model) if bounded else model, encoding), solver, time_limit=60, **options)


def test_solved_by_scip_with_evidence(book):
    m = book[0]
    first, second = solved(m, "sos1", bounded=False), solved(m, "indicator", bounded=False)
    alone = verify(m, first)  # nothing boxes the multipliers
    assert alone.claim == "bilevel-feasible" and alone.value == pytest.approx(6.1333, abs=1e-4)
    assert verify(m, first, evidence=[second]).claim == "optimal"


def test_a_market_in_proved_boxes_needs_no_evidence():
    m = kg.Bilevel("toll")
    toll = m.var("toll", lb=0, ub=3)
    driver = m.follower("driver")
    road = driver.var("road", lb=0, ub=1)
    driver.minimize(toll * road - 2 * road)
    m.maximize(toll * road)
    report = verify(m, solved(m, "auto"))
    assert report.claim == "optimal" and report.value == pytest.approx(2)


def test_a_too_small_m_gives_a_worse_point_that_is_never_optimal():
    m = kg.Bilevel("small M")
    x = m.var("x", lb=0, ub=4)
    f = m.follower("f")
    y = f.var("y", lb=0, ub=10)
    f.minimize((y - x) * (y - x) - 6 * y)  # y = min(x + 3, 5): the multiplier of y <= 5 is 2 x - 4
    f.add(y <= 5, name="cap")
    m.maximize(x + 0.001 * y)
    model = kg.encode(kg.kkt(m), kg.BigM(slack=20.0, dual=1.0))
    pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")
    found = solve(model, "scip", time_limit=60)
    assert found.status == "optimal" and found[x] == pytest.approx(2.5)  # the optimum is x = 4
    report = verify(m, found)
    assert report.ok and report.claim == "bilevel-feasible"
    assert report["at unproved M"].where == "mu(f,cap)"
    z = respond(m, {x: 4})
    better = verify(m, replace(found, z=np.concatenate([z, found.z[len(z) :]])))
    assert better.reasons[0].startswith("M too small") and "cuts off points" in better.reasons[0]


def test_a_large_multiplier_does_not_hide_a_lack_of_complementarity():
    """The leader minimises a capacity c that must earn its owner 1 by a price of at most 10: ``c = 0.1``.

    ``max p y`` over ``0 <= y <= c`` has ``mu_cap - mu_lb = p``, so ``mu_cap y = p y + mu_lb y``. At c = y = 1e-8 and
    ``mu_cap = mu_lb = 1e8`` the revenue is 1 although ``p y`` is nothing: ``mu_lb y = 1`` is not complementary.
    """
    m = kg.Bilevel("revenue")
    c, p = m.var("c", lb=0), m.var("p", lb=0, ub=10)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.maximize(p * y)
    cap = f.add(y <= c, name="cap")
    m.add(-cap.dual * y >= 1)
    m.minimize(c)
    model = kg.kkt(m)
    z = np.zeros(model.n)
    z[[c.cols[()], y.cols[()]]] = 1e-8
    z[model.kkt.mu] = 1e8
    report = kg.verify(m, z)
    assert not report.ok
    assert report["complementarity(f)"].value == pytest.approx(1.0)
    right = kg.verify(m, _at(model, (c, 0.1), (p, 10.0), (y, 0.1), (-cap.dual, 10.0)))
    assert right.ok
    assert kg.optimize(m).report.claim != "optimal"


def _at(model, *values):
    z = np.zeros(model.n)
    for expr, value in values:
        z[expr.cols[()]] = value
    return z


@pytest.mark.parametrize("size", [1e11, 1e12])
def test_a_follower_of_large_numbers_in_a_box_is_re_solved(size):
    """``min y'y / 2 - size sum y`` over [0, 1e6]^3: every y is at its upper bound."""
    m = kg.Bilevel("large")
    x = m.var("x", lb=0, ub=1)
    f = m.follower("f")
    y = f.var("y", 3, lb=0, ub=1e6)
    f.minimize(0.5 * (y @ y) - size * y.sum() + size * (x @ y[0]))
    m.minimize(x)
    model = kg.kkt(m)
    z = np.zeros(model.n)
    z[y.cols] = 1e6
    z[y.upper_dual.M.indices] = size - 1e6
    assert kg.verify(m, z).ok, str(kg.verify(m, z))


@pytest.mark.parametrize("form", ["when", "equal", "product", "by hand"])
def test_a_large_constant_times_a_binary_hides_no_violated_row(form):
    """At z = 0 the rows say ``y <= 0``: y = 0.01 breaks them, small as it is beside the constant 1e5 that z has."""
    m = kg.Bilevel("hidden")
    z = m.var("z", kind="B")
    f = m.follower("f")
    y = f.var("y", lb=0, ub=1e5)
    if form == "when":
        f.add(y <= 0, when=~z)
    elif form == "equal":
        f.add(y == 0, when=~z)
    elif form == "product":
        f.add(y == z * f.var("t", lb=0, ub=1e5))
    else:
        f.add(y <= 1e5 * z)
    f.add(y >= 0.01, name="need")
    f.minimize(y)
    m.minimize(3 * z)
    point = np.zeros(len(m.space))
    point[y.cols] = 0.01
    report = kg.verify(m, point)
    assert not report.ok
    assert any(line.name == "primal(f)" and not line.ok for line in report.lines), str(report)
    result = kg.optimize(m, time_limit=30)
    if form == "product":  # what a solver's tolerances leave of it is told as what it is
        assert not result.report.ok or result.solution.objective == pytest.approx(3.0)
    else:
        assert result.report.ok and result.solution.objective == pytest.approx(3.0)
