"""A solution counts for the problem it was found for, and for no other: the problem changes, or the model does."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import scipy.sparse as sp

import kktgen as kg
from kktgen.encodings.sos1 import SOS1
from kktgen.model.appended_columns import Encoded
from kktgen.model.fingerprint import other_problem
from kktgen.model.tables import RowTable

pytest.importorskip("pyscipopt", reason="SCIP's library is not installed")


class Town:
    """A toll of at most 3 on a road the driver takes iff it costs at most 2; a lamp that is on or off; some rows."""

    def __init__(self, name="town"):
        self.m = m = kg.Bilevel(name)
        self.t = m.var("toll", lb=0, ub=3)
        self.k = m.var("lamp", kind="B")
        self.w = m.var("w", 2, lb=0, ub=1)
        self.f = m.follower("driver")
        self.y = self.f.var("road", lb=0, ub=1)
        self.f.minimize(self.t @ self.y - 2 * self.y)
        m.maximize(self.t @ self.y + self.w[0])
        m.add(self.t + self.w[0] <= 10, name="spare")
        m.add(self.t * self.t <= 100, name="ball")
        m.sos1([self.w[0], self.w[1]], name="one")
        m.indicator(self.k, 1, self.t <= 50, name="switch")


@cache
def solved():
    """Return the optimum of the town, found once: a town built again is the same problem."""
    return kg.optimize(Town().m, time_limit=30).solution


CHANGES = {
    "another objective": (lambda a: a.m.maximize(1 * a.t), "the objective differs"),
    "another sense": (lambda a: a.m.minimize(a.t @ a.y + a.w[0]), "the objective differs"),
    "another constant": (lambda a: a.m.maximize(a.t @ a.y + a.w[0] + 1), "the objective differs"),
    "a row more": (lambda a: a.m.add(a.t <= 1), "the leader's rows differ"),
    "a row less": (lambda a: a.m.rows.pop(), "the leader's rows differ"),
    "another side": (lambda a: a.m.rows[0].hi.__setitem__(0, 1.5), "the leader's rows differ"),
    "another coefficient": (lambda a: a.m.rows[0].M.data.__imul__(20), "the leader's rows differ"),
    "a quadratic row less": (lambda a: a.m.quads.pop(), "quadratic rows differ"),
    "another set": (lambda a: a.m.sos1([a.w[0], a.t]), "SOS1 sets differ"),
    "an indicator less": (lambda a: a.m.conditions.pop(), "indicators differ"),
    "another indicator": (lambda a: a.m.indicator(a.k, 0, a.t <= 1), "indicators differ"),
    "another bound": (lambda a: a.m.space.ub.__setitem__(a.t.cols, 1.0), "columns and bounds differ"),
    "another kind": (lambda a: a.m.space.kind.__setitem__(a.t.cols, "I"), "columns and bounds differ"),
    "another variable": (lambda a: a.m.var("more"), "columns and bounds"),
    "another cost": (lambda a: a.f.minimize(a.t @ a.y - 1 * a.y), "the followers differ"),
    "a follower's row": (lambda a: a.f.add(a.y <= 0.5), "the followers"),
    "another follower": (lambda a: a.m.follower("other").minimize(0), None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_problem_that_was_changed_after_the_solve(change):
    town, old = Town(), solved()
    assert kg.verify(town.m, old).claim == "optimal"
    none = replace(old, status="infeasible", z=None, objective=None, bound=None)
    assert kg.verify(town.m, none).claim == "infeasible"  # the solver's word, for this problem
    make, what = CHANGES[change]
    make(town)
    if what is None:  # a follower without variables changes nothing
        assert kg.verify(town.m, old).claim == "optimal"
        return
    assert kg.verify(town.m, none).claim == "unverified"
    if len(old.z) < len(town.m.space):
        with pytest.raises(kg.ProblemError, match="entries"):
            kg.verify(town.m, old)
        return
    report = kg.verify(town.m, old)
    assert report.claim in ("bilevel-feasible", "unverified") and report.bound is None and report.gap is None
    first = report.reasons[0]
    assert first.startswith("another problem: ") and "the problem was changed since" in first and what in first
    assert "fault" not in " ".join(report.reasons)


def test_the_same_problem_built_again_is_the_same():
    old = solved()
    assert kg.verify(Town().m, old).claim == "optimal"
    again = pickle.loads(pickle.dumps(old))
    assert kg.verify(Town("of another name").m, again).claim == "optimal"


def test_evidence_of_another_problem_is_left_out_with_a_reason():
    town, other = Town(), Town()
    other.m.maximize(2 * other.t @ other.y)
    best, foreign = solved(), kg.optimize(other.m, time_limit=30).solution
    report = kg.verify(town.m, best, evidence=[foreign, best])
    assert report.claim == "optimal"
    assert [r for r in report.reasons if "ignored" in r] == [
        f"evidence of BigM by {foreign.solver} ignored: another problem; it was not made from this problem, or the "
        "problem was changed since: the objective differs"
    ]
    town.m.add(town.t <= 1)
    now = kg.optimize(town.m, time_limit=30).solution  # worth 2; the old point of 3 refutes nothing
    report = kg.verify(town.m, now, evidence=[best])
    assert report.claim == "optimal" and "fault" not in str(report) and "ignored: another problem" in str(report)


STAGES = ("kkt", "eliminate", "bound", "encode", "cut")
HANDS = {
    "rows": lambda a, model: model.with_rows(toll_row(a, model, 1.0)),
    "rows that say nothing": lambda a, model: model.with_rows(toll_row(a, model, 1e6)),
    "a side": lambda a, model: replace(model, rows=replace(model.rows, hi=np.minimum(model.rows.hi, 1.0))),
    "a side in place": lambda a, model: put(model, model.rows.hi, 0, 0.5),
    "the objective": lambda a, model: replace(model, objective=model.objective * 1.0 - 1),
    "a bound in place": lambda a, model: put(model, model.space.ub, a.t.cols, 1.0),
    "a kind in place": lambda a, model: put(model, model.space.kind, a.t.cols, "I"),
    "sets": lambda a, model: replace(model, sos1=type(model.sos1).empty()),
    "indicators": lambda a, model: replace(model, indicators=None),
    "quadratic rows": lambda a, model: replace(model, quads=type(model.quads).empty(model.n)),
    "pairs": lambda a, model: replace(model, pairs=None, encodings=(Encoded("SOS1", 99, "exact"),)),
    "the origin": lambda a, model: replace(model, origin=None),
}  # fmt: skip


def toll_row(town, model, most):
    M = sp.csr_array(([1.0], ([0], town.t.cols.ravel())), shape=(1, model.n))
    return RowTable(M, np.array([-np.inf]), np.array([most]))


def put(model, array, at, value):
    array[at] = value
    return model


def stage(name, model):
    return model if name == "kkt" else kg.encode(model, "sos1") if name == "encode" else getattr(kg, name)(model)


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("after", STAGES)
def test_a_model_that_was_changed_by_hand(after, hand):
    """Between any two stages, or after the last one: the claim is never that of the problem."""
    town = Town()
    original = model = kg.kkt(town.m)
    for name in STAGES:
        model = stage(name, model)
        assert not other_problem(original, model)
        if name == after:
            model = HANDS[hand](town, model)
            break
    assert "by hand" in other_problem(original, model)
    for name in STAGES[STAGES.index(after) + 1 :]:
        model = stage(name, model)
    assert "by hand" in other_problem(original, model)


def test_rows_of_the_users_own_cap_the_claim():
    town = Town()
    model = kg.kkt(town.m)
    model = kg.bound(kg.eliminate(model.with_rows(toll_row(town, model, 1.0))))
    found = kg.solve(kg.encode(model, kg.SOS1()), "scip", time_limit=30)
    report = kg.verify(town.m, found)
    assert found.objective == pytest.approx(2) and report.claim == "bilevel-feasible"
    assert "made or changed by hand" in report.reasons[0]
    assert kg.verify(town.m, solved(), evidence=[found]).claim == "optimal" and solved().objective == pytest.approx(3)


def test_an_encoding_of_the_users_own_cannot_be_vouched_for():
    class Mine(SOS1):
        pass

    town = Town()
    model = kg.bound(kg.eliminate(kg.kkt(town.m)))
    for encoding, known in ((Mine(), False), (lambda model, pairs: SOS1()(model, pairs), False), (SOS1(), True)):
        found = kg.solve(kg.encode(model, encoding), "scip", time_limit=30)
        assert kg.verify(town.m, found).claim == ("optimal" if known else "bilevel-feasible")


def test_digests_of_a_thousand_followers_cost_little():
    m = kg.Bilevel("crowd")
    x = m.var("x", 20, lb=0, ub=5)
    for k in range(200):
        f = m.follower(f"f{k}")
        y = f.var("y", 144, lb=0, ub=10)
        f.add(y[:46] + y[46:92] + y[92:138] <= 5)
        f.minimize(x @ y[:20] + 0.5 * (y @ y))
    model = kg.kkt(m)
    assert len(model.pairs) == 200 * 334
    begun = time.process_time()
    assert not other_problem(model, model)
    assert time.process_time() - begun < 0.4  # 0.03 s on an idle core
