"""The level set of a verified point boxes free columns; the convex relaxation is a bound of its own."""

from __future__ import annotations

import importlib
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

import kktgen as kg
from kktgen.reformulate.level import Relaxed, level, with_boxes, without_cutoff
from kktgen.verification.claims import RELAXATION

LIMIT = 30

PIPELINE = importlib.import_module("kktgen.recipes.pipeline")


def near(c):
    """``min (x - 3)^2 + (y - 1)^2`` with ``y = max(x, c)``, x free: c = 2 gives x = 3 or less, (x-3)^2 + (x-1)^2 = 2.

    For x <= c: ``(x - 3)^2 + (c - 1)^2``; for x >= c: least at x = 2, so c <= 2 gives 2, c = 4 gives 0 + 9.
    """
    m = kg.Bilevel("near")
    x = m.var("x")
    f = m.follower("f")
    y = f.var("y")
    f.minimize(y)
    f.add(y >= x, y >= c)
    m.minimize((x - 3) ** 2 + (y - 1) ** 2)
    return m, 2.0 if c <= 2 else (c - 1.0) ** 2


def scale():
    """MacMPEC scale1: ``min (100 x - 1)^2 + (y - 1)^2, 0 <= x _|_ y >= 0``: 1 at (0.01, 0)."""
    m = kg.Bilevel("scale")
    x = m.var("x")
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(x @ y)
    m.minimize((100 * x - 1) @ (100 * x - 1) + (y - 1) @ (y - 1))
    return m, 1.0


def apart():
    """``min |a| + |b|`` (by rows), ``a + b + y >= 4``, ``y = max(0, 3 - a)`` of the follower: ``a = 3 - y``, so 3 + 1.

    For a >= 3 the row wants a + b >= 4; for a <= 3 it wants b >= 1, and a may be 0: 1.
    """
    m = kg.Bilevel("apart")
    a, b, t = m.var("a"), m.var("b"), m.var("t", 2)
    f = m.follower("f")
    y = f.var("y", lb=0)
    f.minimize(y)
    f.add(y >= 3 - a)
    m.add(t[0] >= a, t[0] >= -a, t[1] >= b, t[1] >= -b, a + b + y >= 4)
    m.minimize(t.sum() + 0.001 * y)
    return m, 1.003


def maximised():
    """``max 6 x - x^2 - (y - x)^2`` with ``y = min(x, 2)``: for x >= 2 ``6 x - x^2 - (x - 2)^2``, 8.5 at 2.5."""
    m = kg.Bilevel("maximised")
    x = m.var("x")
    f = m.follower("f")
    y = f.var("y", ub=2)
    f.maximize(y)
    f.add(y <= x)
    m.maximize(6 * x - x * x - (y - x) ** 2)
    return m, 8.5


PROBLEMS = {
    "near 1": lambda: near(1), "near 4": lambda: near(4), "scale": scale, "apart": apart, "maximised": maximised,
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_free_columns_are_boxed_and_the_optimum_is_claimed(name):
    m, value = PROBLEMS[name]()
    found = kg.optimize(m, time_limit=LIMIT)
    assert found.solution.objective == pytest.approx(value, rel=1e-4, abs=1e-5)
    assert found.report.claim == "optimal", str(found.report)


def test_the_boxes_have_a_provenance_and_a_note_and_hold_all_better_points():
    m, value = near(4)
    found = kg.optimize(m, time_limit=LIMIT, evidence=False)
    space, x = found.model.space, int(m.space.find("x")[0])
    assert space.proof[x].startswith("proved(cutoff")
    assert any(note.startswith("cutoff: boxes of x") for note in found.model.notes)
    assert found.model.cutoff.value >= value - 1e-6
    for at in np.linspace(-50, 50, 2001):
        y = max(at, 4.0)
        if (at - 3) ** 2 + (y - 1) ** 2 <= found.model.cutoff.value:
            assert space.lb[x] <= at <= space.ub[x]
    assert space.ub[x] - space.lb[x] < 30
    assert "every multiplier and slack lies in a proved box" in found.report.reasons


def test_random_boxes_hold_all_points_of_the_level_set():
    rng = np.random.default_rng(11)
    boxed = 0
    for _ in range(11):
        n = int(rng.integers(1, 4))
        half = rng.integers(-3, 4, (n + 2, n + 1)).astype(float)
        P, q = half.T @ half, rng.integers(-4, 5, n + 1).astype(float)
        m = kg.Bilevel("random")
        x = m.var("x", n)
        f = m.follower("f")
        y = f.var("y")
        f.minimize(y)
        slope = rng.integers(-2, 3, n).astype(float)
        f.add(y >= slope @ x, y >= float(rng.integers(-2, 3)))
        z = kg.concatenate([x, y.reshape(1)])
        m.minimize(0.5 * (z @ (P @ z)) + q @ z)
        model = kg.bound(kg.eliminate(kg.kkt(m)))
        start = kg.optimize(m, time_limit=5, evidence=False).solution.z
        relaxed = Relaxed.of(model)
        if relaxed is None or start is None:
            continue
        assert relaxed.value <= model.value(start) + 1e-7
        found = level(model, start[: model.n], relaxed)
        boxed += found is not model
        side = m.followers[0].qp().h
        points = rng.normal(size=(4000, n)) * rng.choice([0.3, 1, 5], size=(4000, 1)) + start[:n]
        answers = np.maximum(points @ slope, -side[1])
        whole = np.column_stack([points, answers])
        values = 0.5 * np.einsum("ij,jk,ik->i", whole, P, whole) + whole @ q
        inside = whole[values <= model.value(start)]
        columns = np.append(m.space.find("x"), m.space.find("y", "f"))
        assert (inside >= found.space.lb[columns]).all() and (inside <= found.space.ub[columns]).all()
    assert boxed >= 8


# -- files and claims -----------------------------------------------------------------------------


def bounds_in(text):
    part = text.split("Bounds", 1)[1].split("\n\n")[0]
    return [line for line in part.splitlines() if " x " in f" {line} "]


def test_boxes_of_a_cutoff_are_written_beside_a_start_alone(tmp_path):
    found = kg.optimize(near(4)[0], time_limit=LIMIT)
    alone = bounds_in(kg.write(found.model, tmp_path / "a.lp").read_text())
    assert alone == bounds_in(kg.dumps(found.model, "lp")) and "free" in alone[0]
    kg.write_solution(found.solution, tmp_path / "b.sol")
    beside = bounds_in(kg.write(found.model, tmp_path / "b.lp").read_text())
    assert "free" not in beside[0] and "<=" in beside[0]
    packed = kg.write(found.model, tmp_path / "b.mps.gz")
    assert packed.stat().st_size > 0


def test_the_commands_write_the_start_first(tmp_path):
    from kktgen.cli import result_files, task

    found = kg.optimize(near(4)[0], time_limit=LIMIT)
    module = ModuleType("near")
    module.build = lambda: None
    job = task.Job("near", "near", module, {}, found.bilevel)
    paths, refused, fault = result_files.write(job, found, {}, None, tmp_path)
    assert fault is None and [path.suffix for path in paths if path.suffix != ".json"][-1] == ".sol"
    assert "free" not in bounds_in((tmp_path / "near.lp").read_text())[0]


def test_without_its_cutoff_a_model_is_the_one_that_was_encoded():
    m, _ = near(4)
    model = kg.bound(kg.eliminate(kg.kkt(m)))
    encoded = kg.encode(model, kg.SOS1())
    start = kg.optimize(m, time_limit=LIMIT).solution.z[: model.n]
    boxed = kg.bound(level(model, start, Relaxed.of(model)))
    both = with_boxes(encoded, boxed)
    whole = without_cutoff(both)
    assert boxed.cutoff is not None and both.cutoff is not None and whole.cutoff is None
    for key in ("lb", "ub", "proof"):
        assert (getattr(whole.space, key) == getattr(encoded.space, key)).all()
    assert (both.space.lb != encoded.space.lb).any() and whole.notes == encoded.notes
    for one in (both, whole):  # both stand for the problem
        assert kg.verify(m, kg.solve(one, "scip", time_limit=LIMIT)).ok


def test_a_claim_needs_a_verified_point_of_the_cutoff():
    m, value = near(4)
    found = kg.optimize(m, time_limit=LIMIT, evidence=False)
    assert found.report.claim == "optimal"
    lost = replace(found.model, cutoff=replace(found.model.cutoff, value=value - 1.0))
    report = kg.verify(m, replace(found.solution, model=lost, raw={}))
    assert report.claim == "bilevel-feasible"
    assert any("or better alone, and none is verified" in reason for reason in report.reasons)
    none = replace(found.solution, model=found.model, z=None, objective=None, bound=None, status="infeasible", raw={})
    report = kg.verify(m, none)
    assert report.claim == "unverified"
    assert any("none is verified" in reason for reason in report.reasons)


# -- the relaxation as a bound --------------------------------------------------------------------


def tight():
    """A relaxation without gap: ``min x + 3 y`` over the handbook's rows has its optimum at a response."""
    m = kg.Bilevel("tight")
    x = m.var("x", lb=0, ub=8)
    f = m.follower("f")
    y = f.var("y")
    f.minimize(-y)
    f.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= 7 * x)
    m.add(y <= 5)
    m.minimize(x + 3 * y)
    return m, 92 / 15


def test_the_relaxation_is_the_bound_where_the_solver_brings_none(monkeypatch):
    m, value = tight()
    real = PIPELINE.solve
    monkeypatch.setattr(PIPELINE, "solve", lambda *a, **k: replace(real(*a, **k), bound=None, status="time_limit"))
    found = kg.optimize(m, time_limit=LIMIT, evidence=False)
    assert found.bound == pytest.approx(value, rel=1e-5) and found.solution.raw[RELAXATION]
    assert found.report.claim == "optimal"
    assert any("convex relaxation" in reason for reason in found.report.reasons)


def test_the_relaxation_is_the_bound_where_the_solver_s_is_worse(monkeypatch):
    """``near(4)`` has 9, its relaxation 0 + 9 as y >= 4: a solver that stops at -100 leaves the relaxation's."""
    m, value = near(4)
    real = PIPELINE.solve
    monkeypatch.setattr(PIPELINE, "solve", lambda *a, **k: replace(real(*a, **k), bound=-100.0, status="time_limit"))
    found = kg.optimize(m, time_limit=LIMIT, evidence=False)
    assert found.bound == pytest.approx(value, rel=1e-4) and found.report.claim == "optimal"


def test_a_relaxation_with_a_gap_is_no_proof(monkeypatch):
    m, value = scale()
    real = PIPELINE.solve
    monkeypatch.setattr(PIPELINE, "solve", lambda *a, **k: replace(real(*a, **k), bound=None, status="time_limit"))
    found = kg.optimize(m, time_limit=LIMIT, evidence=False)
    assert found.bound < value - 0.1 and found.report.claim == "bilevel-feasible"


def test_relaxations_bound_known_problems():
    from problems import ALL

    known = 0
    for problem in ALL:
        if problem.outcome != "optimal" or "slow" in problem.tags:
            continue
        model = kg.eliminate(kg.kkt(problem.build()))
        relaxed = Relaxed.of(model)
        if relaxed is None:
            continue
        known += 1
        sense = model.sense
        room = 1e-6 * max(1.0, abs(problem.objective)) + problem.tolerance * max(1.0, abs(problem.objective))
        assert sense * (problem.objective - relaxed.value) >= -room, problem.name
    assert known > 15
