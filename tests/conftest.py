"""Settings for the whole test suite: the same examples on every run, and nothing runs on for ever."""

from __future__ import annotations

import functools
import inspect
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings
from limits import QUICK, SLOW, limited
from tiny import TINY

from kktgen.solvers.programs.external import External

settings.register_profile(
    "kktgen", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kktgen")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell starts what is to run in its background deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

if "mix_stderr" in inspect.signature(CliRunner).parameters:  # click 8.1; later versions always keep the streams apart
    CliRunner.__init__ = functools.partialmethod(CliRunner.__init__, mix_stderr=False)
    Result.output = property(lambda result: result.stdout + result.stderr)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test a time limit, where pytest-timeout is installed: what hangs is shown and ended."""
    if config.pluginmanager.hasplugin("timeout"):
        for item in items:
            seconds = SLOW if item.get_closest_marker("slow") else QUICK
            item.add_marker(pytest.mark.timeout(seconds, method="thread"), append=True)


@pytest.fixture(scope="session", autouse=True)
def every_solve_has_a_limit() -> Iterator[None]:
    """Whoever calls a solver in this process, :func:`kktgen.optimize` included: a test that needs longer fails."""
    with pytest.MonkeyPatch.context() as patch:
        front = sys.modules["kktgen.solvers"]  # as an attribute of kktgen it is the function of that name
        for module in (*front.solver_modules().values(), External):
            patch.setattr(module, "solve", limited(module.solve))
        patch.setattr(front, "isolated", limited(front.isolated))
        yield


@pytest.fixture
def model_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a model file: ``model_file("name.py", source)``; the tiny model without a source."""

    def write(name: str = "tiny.py", source: str = TINY) -> Path:
        path = tmp_path / name
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        return path

    return write
