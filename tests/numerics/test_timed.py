"""Long programs, and work in the background, hear Ctrl-C."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import pytest

from kktgen.numerics import background, programs, timed
from kktgen.numerics.sparse import Csr

PRESS = pytest.mark.skipif(os.name != "posix", reason="signals of Windows are others")


def press_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def program(n: int) -> tuple[np.ndarray, Csr, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n)
    A = Csr(np.where(rng.random((n, n)) < 0.3, rng.normal(size=(n, n)), 0.0))
    inside = A @ rng.random(n)
    return rng.normal(size=n), A, inside - 0.1, inside + 0.1, np.zeros(n), np.ones(n)


@PRESS
def test_a_long_linear_program_hears_ctrl_c(monkeypatch):
    monkeypatch.setattr(timed, "SLICE", 0.05)
    cost, A, lo, hi, lb, ub = program(1500)
    press_after(0.5)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        programs.lp(cost, A, lo, hi, lb, ub)
    assert time.monotonic() - begun < 60.0


@PRESS
def test_a_long_quadratic_program_hears_ctrl_c():
    cost, A, lo, hi, lb, ub = program(500)
    press_after(0.3)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(100):
            programs.qp(Csr(A.T @ A), cost, A, lo, hi, lb, ub)
    assert time.monotonic() - begun < 60.0


def test_a_linear_program_of_several_slices_has_the_optimum_of_one(monkeypatch):
    cost, A, lo, hi, lb, ub = program(300)
    whole = programs.lp(cost, A, lo, hi, lb, ub)
    monkeypatch.setattr(timed, "SLICE", 1e-3)
    sliced = programs.lp(cost, A, lo, hi, lb, ub)
    assert (whole.status, sliced.status) == ("optimal", "optimal")
    assert sliced.value == pytest.approx(whole.value, rel=1e-9)


@PRESS
def test_work_in_the_background_is_told_to_stop():
    stop = threading.Event()
    press_after(0.2)
    assert background.in_background(lambda: stop.wait(60.0), stop.set)
    assert not background.in_background(lambda: None, stop.set)


def test_what_work_in_the_background_raises_is_raised_here():
    with pytest.raises(LookupError, match="so it is"):
        background.in_background(lambda: (_ for _ in ()).throw(LookupError("so it is")), lambda: None)
