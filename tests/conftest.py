"""Settings for the whole test suite: the same examples on every run, and nothing runs on for ever."""

from __future__ import annotations

import functools
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

from kktgen.solvers.programs.external import External

settings.register_profile(
    "kktgen", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kktgen")

LIMIT: float | None = 200.0
"""Seconds a solver gets where a test names no limit; None for none, in a test that is about that."""
QUICK, SLOW = 600.0, 1800.0
"""Seconds a test may take, and one marked slow: far more than any needs, on a busy machine as well."""

if "mix_stderr" in inspect.signature(CliRunner).parameters:  # click 8.1; later versions always keep the streams apart
    CliRunner.__init__ = functools.partialmethod(CliRunner.__init__, mix_stderr=False)
    Result.output = property(lambda result: result.stdout + result.stderr)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test a time limit, where pytest-timeout is installed: what hangs is shown and ended."""
    if config.pluginmanager.hasplugin("timeout"):
        for item in items:
            seconds = SLOW if item.get_closest_marker("slow") else QUICK
            item.add_marker(pytest.mark.timeout(seconds, method="thread"), append=True)


def limited(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a way to solve that has a time limit where none is given."""

    @functools.wraps(solve)
    def within(*arguments: Any, time_limit: float | None = None, **options: Any) -> Any:
        return solve(*arguments, time_limit=LIMIT if time_limit is None else time_limit, **options)

    return within


@pytest.fixture(scope="session", autouse=True)
def every_solve_has_a_limit() -> Iterator[None]:
    """Whoever calls a solver in this process, :func:`kktgen.optimize` included: a test that needs longer fails."""
    with pytest.MonkeyPatch.context() as patch:
        front = sys.modules["kktgen.solvers"]  # as an attribute of kktgen it is the function of that name
        for module in (*front._modules().values(), External):
            patch.setattr(module, "solve", limited(module.solve))
        patch.setattr(front, "isolated", limited(front.isolated))
        yield


TINY = '''
"""A leader who pushes a follower up.

    min x + 3 y,  y in argmin { -y : x + y <= 8, x + 4 y >= 8, x + 2 y <= 13, 2 y <= 7 x }
"""

from __future__ import annotations

from dataclasses import dataclass

import kktgen as kg


@dataclass(frozen=True)
class Parameters:
    """What may be varied.

    Parameters
    ----------
    top : float
        Largest x.
    slope : float
        Slope of the last row.
    """

    top: float = 8.0
    slope: float = 7.0


def build(**parameters):
    p = Parameters(**parameters)
    m = kg.Bilevel("tiny")
    x = m.var("x", lb=0, ub=p.top)
    lower = m.follower("lower")
    y = lower.var("y")
    m.minimize(x + 3 * y)
    m.add(y <= 5)
    lower.minimize(-y)
    lower.add(x + y <= 8, x + 4 * y >= 8, x + 2 * y <= 13, 2 * y <= p.slope * x)
    return m


def report(result):
    return f"tiny report: {result.solution.objective:.4f}"
'''
"""A model file with the optimum 6.1333 at x = 0.5333, y = 1.8667."""


@pytest.fixture
def model_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a model file: ``model_file("name.py", source)``; the tiny model without a source."""

    def write(name: str = "tiny.py", source: str = TINY) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write
