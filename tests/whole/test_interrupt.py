"""Ctrl-C in any stage of optimize returns the best point there is; long programs hear it."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import problems
import pytest
import roads

import kktgen as kg
from kktgen.search.start import start as search
from kktgen.solvers.driving.checks import interrupted

optimizing = importlib.import_module("kktgen.recipes.pipeline")


def pressed(*_, **__):
    raise KeyboardInterrupt


def press_in(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have Ctrl-C pressed as a stage begins, once."""
    real, done = getattr(optimizing, name), []

    def stage(*arguments, **options):
        if not done:
            done.append(True)
            raise KeyboardInterrupt
        return real(*arguments, **options)

    monkeypatch.setattr(optimizing, name, stage)


@pytest.mark.parametrize("stage", ["eliminate", "bound", "encode", "cut", "check_solvable", "starts_within"])
def test_before_there_is_a_point_there_is_a_result_without_one(stage, monkeypatch):
    press_in(monkeypatch, stage)
    result = kg.optimize(problems.toll()[0], time_limit=60.0)
    assert interrupted(result.solution)
    assert (result.solution.status, result.solution.z, result.bound) == ("time_limit", None, None)
    assert (result.report.claim, result.report.ok) == ("unverified", False)
    assert str(result)


@pytest.mark.parametrize("stage", ["eliminate", "bound", "encode", "cut", "land_start"])
def test_a_given_point_that_holds_is_the_best_one_by_then(stage, monkeypatch):
    m = problems.toll()[0]
    z = kg.optimize(m, time_limit=60.0).solution.z[: len(m.space)]
    press_in(monkeypatch, stage)
    result = kg.optimize(m, time_limit=60.0, start=z)
    assert interrupted(result.solution)
    assert result.solution.objective == pytest.approx(2.0)
    assert result.report.ok and result.report.claim == "bilevel-feasible"


def test_a_given_point_that_does_not_hold_is_none(monkeypatch):
    press_in(monkeypatch, "bound")
    m = problems.toll()[0]
    assert kg.optimize(m, time_limit=60.0, start=np.full(len(m.space), 0.7)).solution.z is None


@pytest.mark.parametrize("where", ["respond", "land"])
def test_the_start_search_hands_over_what_it_has_found(where, monkeypatch):
    moves = importlib.import_module("kktgen.search.start.moves").Moves
    real, calls = getattr(moves, where), []

    def third(self, *arguments):
        calls.append(where)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *arguments)

    monkeypatch.setattr(moves, where, third)
    m = roads.groups(2)
    monkeypatch.setattr(optimizing, "solve", lambda *_, **__: pytest.fail("solved after Ctrl-C"))
    result = kg.optimize(m, time_limit=60.0)
    assert calls == [where] * 3
    assert interrupted(result.solution)
    assert result.report.ok and result.start == pytest.approx(result.solution.objective)


def test_search_alone_returns_its_points(monkeypatch):
    m = roads.tolls(2)
    model = kg.eliminate(kg.kkt(m))
    monkeypatch.setattr(search.StartSearch, "nudges", pressed)
    assert search.start_points(m, model, seconds=60.0)


def test_a_solver_that_is_not_reached_leaves_the_start_point(monkeypatch):
    press_in(monkeypatch, "solve")
    result = kg.optimize(problems.toll()[0], time_limit=60.0)
    assert interrupted(result.solution)
    assert result.solution.objective == pytest.approx(2.0) and result.report.ok


def test_a_polish_that_is_stopped_leaves_the_solvers_point(monkeypatch):
    press_in(monkeypatch, "polished")
    result = kg.optimize(problems.toll()[0], time_limit=60.0)
    assert result.polished is None
    assert result.solution.status == "optimal" and result.report.claim == "optimal"


def test_a_verification_that_is_stopped_leaves_the_point_unverified(monkeypatch):
    press_in(monkeypatch, "verify")
    result = kg.optimize(problems.toll()[0], time_limit=60.0)
    assert result.solution.objective == pytest.approx(2.0)
    assert result.report.claim == "unverified" and "not re-solved" in str(result.report)


def test_evidence_and_range_that_are_stopped_leave_the_first_report(monkeypatch):
    press_in(monkeypatch, "with_range")
    result = kg.optimize(problems.toll()[0], time_limit=60.0, range=True)
    assert result.report.claim == "optimal" and result.report.range is None


# -- real signals --------------------------------------------------------------------------------


SLOW = """
    import sys
    sys.path.insert(0, {tests!r})
    import roads

    def build():
        return roads.firms(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_the_command_line_ends_with_130_while_it_looks_for_a_start(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(textwrap.dedent(SLOW.format(tests=os.path.dirname(roads.__file__))))
    process = subprocess.Popen(
        [sys.executable, "-m", "kktgen", "solve", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        for line in process.stdout:
            if line.startswith("Valid inequalities"):
                break
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "Verification" in stdout or "no point found" in stderr
