"""Time limits are kept: by a counted clock, so that the load of the machine does not matter."""

from __future__ import annotations

import importlib
import math
import pickle
import time
from pathlib import Path

import numpy as np
import problems
import pytest
import roads
from counted import Counted, install

import kktgen as kg
from kktgen import deadline
from kktgen.catalog import build
from kktgen.deadline import LAST, NEVER, SHARES, Deadline, OutOfTime
from kktgen.numerics import programs
from kktgen.numerics.sparse import Csr
from kktgen.search import Responder
from kktgen.search.start.start import starts_within


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return install(monkeypatch)


def kept(clock: Counted, limit: float) -> None:
    """Assert that a limit was kept, and that nobody worked for more than a second without a look at the clock."""
    assert clock.now <= 1.05 * limit + 2.0
    assert clock.longest <= 1.0 + 1e-9


# -- the object ----------------------------------------------------------------------------------


def test_a_deadline_counts_down(counted):
    end = Deadline(10.0)
    assert (end.left(), end.left(3.0), end.over) == (10.0, 3.0, False)
    counted.work(8.0)
    assert (end.spent, end.left(), end.left(3.0)) == (8.0, 2.0, 2.0)
    assert end.check() is end
    counted.work(5.0)
    assert (end.left(), end.over) == (0.0, True)
    with pytest.raises(OutOfTime):
        end.check()


def test_without_a_limit_nothing_is_over(counted):
    counted.work(1e9)
    assert (NEVER.left(), NEVER.left(5.0), NEVER.over, NEVER.part(None).left()) == (None, 5.0, False, None)
    assert NEVER.part(3.0).left() == 3.0
    assert NEVER.share("start").left() == SHARES["start"].most
    assert NEVER.share("bound").left() is None
    assert NEVER.before("verify").left() is None
    assert NEVER.last().left() is None


def test_parts_end_with_the_whole(counted):
    end = Deadline(10.0)
    part = end.part(4.0)
    counted.work(3.0)
    assert (part.left(), end.part(20.0).left()) == (1.0, 7.0)
    counted.work(6.5)
    assert (part.left(), end.part(20.0).left()) == (0.0, 0.5)
    assert end.last().left() == LAST


def test_to_stop_a_part_stops_the_whole_but_not_the_last_stage(counted):
    end = Deadline(10.0)
    part, other = end.part(4.0), end.share("bound")
    part.stop()
    assert end.over and other.over and part.over and end.stopped
    assert end.left() == 0.0
    assert not end.last().over
    unlimited = Deadline()
    unlimited.part(None).stop()
    assert unlimited.over and unlimited.left() == 0.0


def test_a_deadline_travels_to_another_process(counted):
    end = Deadline(10.0)
    counted.work(4.0)
    assert pickle.loads(pickle.dumps(end)).left() == 6.0


def test_on_another_machine_what_was_left_is_left(counted, monkeypatch):
    """Clocks of two machines have nothing in common."""
    end, never = Deadline(10.0), Deadline()
    counted.work(4.0)
    sent = pickle.dumps([end, never])
    monkeypatch.setattr(deadline, "machine", lambda: "another one")
    counted.work(1_000_000.0)
    there, still = pickle.loads(sent)
    assert (there.left(), there.spent, there.limit) == (6.0, 4.0, 10.0)
    assert still.left() is None and not still.over
    there.stop()
    assert there.over and not end.stopped


def test_the_solver_has_half_of_a_limit_at_least_and_a_quarter_after_rounds_over_many_followers():
    parts = {name: share.part for name, share in SHARES.items()}
    assert math.fsum(parts.values()) <= 0.75 + 1e-12
    assert math.fsum(part for name, part in parts.items() if name != "tighten") <= 0.5 + 1e-12


def test_shares_are_of_the_whole_limit(counted):
    end = Deadline(100.0)
    counted.work(50.0)
    assert end.share("bound").left() == pytest.approx(100 * SHARES["bound"].part)
    assert end.before("verify", "evidence").left() == pytest.approx(
        50.0 - 100 * (SHARES["verify"].part + SHARES["evidence"].part)
    )
    counted.work(49.0)
    assert end.share("bound").left() == pytest.approx(1.0)
    assert end.before("verify", "evidence").left() == 0.0


# -- the kernel ----------------------------------------------------------------------------------


def program(n: int) -> tuple[np.ndarray, Csr, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return cost, rows and boxes of a bounded LP that takes HiGHS some pivots."""
    rng = np.random.default_rng(n)
    A = Csr(rng.normal(size=(n, n)))
    inside = A @ rng.random(n)
    return rng.normal(size=n), A, inside - 0.1, inside + 0.1, np.zeros(n), np.ones(n)


def test_a_deadline_that_is_over_lets_no_program_begin(counted):
    over = Deadline(0.0)
    cost, A, lo, hi, lb, ub = program(5)
    P = Csr(np.eye(5))
    for answer in (programs.lp(cost, A, lo, hi, lb, ub, over), programs.qp(P, cost, A, lo, hi, lb, ub, over)):
        assert (answer.status, answer.x) == ("limit", None)
    assert counted.solved == 0
    assert programs.lp(cost, A, lo, hi, lb, ub).status == "optimal"


def test_programs_kept_warm_share_a_deadline(counted):
    cost, A, lo, hi, lb, ub = program(5)
    warm = programs.WarmLp(A, lo, hi, lb, ub, Deadline(3.0))
    found = [warm.minimize(np.arange(5), sign * cost).status for sign in (1, -1, 1, -1, 1)]
    assert found == ["optimal"] * 3 + ["limit"] * 2


@pytest.mark.parametrize("quadratic", [False, True])
def test_a_long_program_ends_at_its_deadline(quadratic):
    cost, A, lo, hi, lb, ub = program(400 if quadratic else 1200)
    begun = time.monotonic()
    if quadratic:
        answer = programs.qp(Csr(A.T @ A), cost, A, lo, hi, lb, ub, Deadline(0.2))
    else:
        answer = programs.lp(cost, A, lo, hi, lb, ub, Deadline(0.2))
    assert answer.status == "limit"
    assert time.monotonic() - begun < 60.0


# -- the stages, one by one ----------------------------------------------------------------------


def wide(followers: int = 1, rows: int = 12, flaw: str = "") -> kg.Bilevel:
    """min_y (q + x)'y  s.t.  G y <= h, |y| <= 4: no network, an LP or more for every row.

    Flaws: the last follower's ``rows`` contradict, or a ``coupling`` row asks for what nobody responds.
    """
    rng = np.random.default_rng(5)
    m = kg.Bilevel("wide")
    x = m.var("x", 6, lb=-1, ub=1)
    total = 0.0
    for k in range(followers):
        f = m.follower(f"f{k}")
        y = f.var("y", 6, lb=-4, ub=4)
        f.add(rng.normal(size=(rows, 6)) @ y + 0.2 * x.sum() <= rng.uniform(1, 3, rows), name="c")
        f.minimize((rng.normal(size=6) + x) @ y)
        total = total + y.sum()
    if flaw == "rows":
        f.add(y >= 5, name="far")
    elif flaw == "coupling":
        m.add(y.sum() >= 20, name="ask")
    m.minimize(x.sum() - 0.5 * total)
    return m


def test_bounding_keeps_its_limit_and_what_it_has_proved(counted):
    whole = kg.bound(kg.kkt(wide()))
    needed = counted.now
    counted.begin()
    limit = 0.5 * needed
    half = kg.bound(kg.kkt(wide()), time_limit=limit)
    kept(counted, limit)
    assert counted.now >= limit - 1.0
    mu = whole.space.role == "mu"
    some, every = half.space.ub[mu], whole.space.ub[mu]
    proved = np.isfinite(some)
    assert proved.any() and np.isfinite(every).all()
    assert (some[proved] >= 0.999 * every[proved]).all()


def test_what_the_time_ended_is_said(counted):
    model = kg.bound(kg.kkt(wide()), time_limit=5.0)
    assert any("the time limit was reached before" in note for note in model.notes)


def test_nobody_bounds_a_second_time(counted):
    model = kg.bound(kg.kkt(wide(3)), time_limit=0.0)
    assert counted.solved == 0
    for encoding in ("indicator", "auto"):
        assert kg.encode(model, encoding).pairs is None
    with pytest.raises(kg.BoundError):
        kg.encode(model, "bigm")
    assert counted.solved == 0


def test_encoding_bounds_within_its_own_limit(counted):
    kg.encode(kg.kkt(wide(3)), "indicator", time_limit=7.0)
    assert counted.solved > 0
    kept(counted, 7.0)


def test_cuts_take_two_relaxations_at_most(counted):
    model = kg.encode(kg.bound(kg.kkt(wide())), "sos1")
    counted.begin()
    kg.cut(model, time_limit=1.0)
    kept(counted, 1.0)


def test_a_nash_game_that_does_not_settle_in_time_has_no_response(counted):
    m = roads.firms(30)
    responder = Responder(m)
    assert responder(np.full(responder.n, 10.0), deadline=Deadline(40.0)) is None
    kept(counted, 40.0)


@pytest.mark.parametrize("build", [roads.firms, lambda: roads.groups(3), wide], ids=["firms", "groups", "wide"])
def test_the_search_of_start_points_keeps_its_limit(build, counted):
    m = build()
    starts_within(m, kg.eliminate(kg.kkt(m)), Deadline(20.0))
    assert counted.solved > 3
    kept(counted, 20.0)


@pytest.mark.parametrize("given", ["decisions", "point"])
def test_a_given_start_keeps_its_limit(given, counted):
    m = roads.firms(10)
    start = np.array([10.0]) if given == "decisions" else np.full(len(m.space), 1.0)
    kg.optimize(m, time_limit=50.0, start=start)
    kept(counted, 50.0)


def test_verification_keeps_its_limit_and_says_who_was_not_reached(counted):
    m = wide(10)
    point = kg.search.respond(m, np.zeros(6))
    counted.begin()
    report = kg.verify(m, point, time_limit=4.0)
    kept(counted, 4.0)
    assert report.claim == "unverified"
    late = [line for line in report.lines if line.name.startswith("follower gap") and not line.ok]
    assert 4 <= len(late) <= 7
    assert all("not re-solved: the time was over" in line.where for line in late)
    assert kg.verify(m, point).ok


def test_the_range_keeps_its_limit(counted):
    m, z = problems.toll()[0], None
    result = kg.optimize(m, time_limit=40.0, range=True)
    kept(counted, 40.0)
    z = result.solution.z
    counted.begin()
    kg.verify(m, z, range=True, time_limit=2.0)
    kept(counted, 2.0)


def test_robust_keeps_its_limit(counted):
    m = problems.toll()[0]
    solution = kg.optimize(m, time_limit=40.0).solution
    counted.begin()
    kg.robust(m, solution, time_limit=12.0)
    kept(counted, 12.0)


@pytest.mark.parametrize("flaw", ["", "rows", "coupling"])
def test_explanations_keep_their_limit(flaw, counted):
    kg.explain(wide(2, flaw=flaw), time_limit=30.0)
    kept(counted, 30.0)


@pytest.mark.parametrize("method", ["hho", "nchho"])
def test_population_searches_keep_their_limit(method, counted):
    found = getattr(kg.search, method)(wide(2), population=5, iterations=1000, time_limit=60.0)
    assert found.stopped == "time limit"
    kept(counted, 60.0)


def test_each_run_of_an_agreement_keeps_its_limit(counted):
    found = kg.agree(wide(2), ["sos1", "bigm"], ["scip", "highs"], time_limit=20.0)
    assert len(found.runs) == 4
    assert counted.now <= (3 + 4) * (1.05 * 20.0 + 2.0)
    assert counted.longest <= 1.0 + 1e-9


# -- the whole -----------------------------------------------------------------------------------

WHOLE = {
    "wide": lambda: wide(4),
    "toll": lambda: problems.toll()[0],
    "roads, one follower": lambda: roads.tolls(3),
    "roads, a game": lambda: roads.groups(3),
    "firms": lambda: roads.firms(40),
}
"""Problems of many programs; and the market of 100 firms, once."""
QUICK = ("wide", "toll")
ONCE = (("roads, a game", 3.0), ("roads, one follower", 3.0), ("firms", 40.0))
"""Those solved once by the quick tests."""


@pytest.mark.slow
def test_a_game_of_100_players_keeps_its_limit(counted):
    kg.optimize(roads.firms(100), time_limit=30.0)
    kept(counted, 30.0)


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        pytest.param(name, limit, marks=[] if name in QUICK or (name, limit) in ONCE else [pytest.mark.slow])
        for name in WHOLE
        for limit in (3.0, 40.0)
    ],
)
def test_optimize_keeps_its_limit(name, limit, counted):
    result = kg.optimize(WHOLE[name](), time_limit=limit, range=True)
    kept(counted, limit)
    assert list(result.seconds)[-1] == "verify"


FOLDER = Path(__file__).resolve().parents[2] / "instances"
INSTANCES = sorted(f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.toml"))
QUICK_INSTANCES = ("dso_vpp/short", "random_bilevel/priced_5x5")


@pytest.mark.parametrize(
    "name", [name if name in QUICK_INSTANCES else pytest.param(name, marks=pytest.mark.slow) for name in INSTANCES]
)
def test_every_instance_keeps_its_limit(name, monkeypatch):
    m = build(name)
    clock = install(monkeypatch, real=1.0)
    result = kg.optimize(m, time_limit=20.0)
    kept(clock, 20.0)
    assert list(result.seconds)[-1] == "verify"


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WHOLE]
)
def test_the_solver_gets_half_at_least(name, monkeypatch, counted):
    optimizing, given = importlib.import_module("kktgen.recipes.pipeline"), []
    solve = optimizing.solve

    def asked(model, solver, **options):
        given.append(options["time_limit"])
        return solve(model, solver, **options)

    monkeypatch.setattr(optimizing, "solve", asked)
    kg.optimize(WHOLE[name](), time_limit=100.0, range=True)
    assert given[0] >= 50.0 - 3.0


def test_a_point_found_is_verified_however_late(counted):
    result = kg.optimize(problems.toll()[0], time_limit=30.0)
    assert result.solution.z is not None and result.report.ok
