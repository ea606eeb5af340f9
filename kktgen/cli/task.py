"""What the commands work on: a problem built from a model, an instance or a file, and the ways to solve it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import kktgen as kg

from .. import catalog
from ..catalog.places import is_folder
from ..errors import KktgenError, ProblemError, expect
from ..model.solution import Solution
from ..problem.bilevel import Bilevel
from ..search import Search
from . import printing, problem_files
from .checks import check_name
from .pool import pool_for

METHODS = ("exact", "boxes", "nchho", "hho")
"""What --method takes for every model."""


@dataclass(frozen=True, eq=False)
class Job:
    """A built problem with the module it came from, the parameters it was given, and the stem of its files."""

    target: str
    stem: str
    module: ModuleType
    parameters: dict[str, Any]
    bilevel: Bilevel

    @classmethod
    def of(cls, target: str, overrides: dict[str, str]) -> Job:
        """Build the problem of a model name, an instance or a path, or read that of a file."""
        if problem_files.is_problem_file(target):
            stem, module, values, bilevel = problem_files.loaded(target, overrides)
            return cls(target, stem, module, values, bilevel)
        model, given = catalog.resolve(target)
        module = catalog.load_model(model)
        values = catalog.checked(module, {**given, **overrides})
        stem = Path(target).stem if target.endswith((".py", ".toml")) or is_folder(target) else target
        return cls(target, stem.replace("/", "-"), module, values, catalog.call(module, values))

    @property
    def methods(self) -> Mapping[str, Any]:
        """The model's own ways to solve it, by name."""
        return getattr(self.module, "methods", {})

    def options(self, solver: str) -> Mapping[str, Any]:
        """Return the options that the model wants of a solver."""
        return getattr(self.module, "OPTIONS", {}).get(solver, {})

    def report(self, result: Any, estimate: Any = None) -> tuple[Any, KktgenError | None]:
        """Return the model's own report of a result, None when it has none, and what went wrong in making it."""
        return self._asked("report", result, *([] if estimate is None else [estimate]))

    def plots(self, result: Any) -> Mapping[str, Any]:
        """Return the descriptions of the model's plots of a result by name."""
        offered, fault = self._asked("plots", result)
        if fault is not None:
            raise fault
        if not isinstance(offered, Mapping):
            raise ProblemError(f"model file {self.module.__file__}: plots() returned no dict of plots by name")
        return offered

    def _asked(self, name: str, result: Any, *more: Any) -> tuple[Any, KktgenError | None]:
        """Return what a function of the model makes of a result, None without the function, and what went wrong."""
        make = getattr(self.module, name, None)
        if make is None or result.solution.z is None:
            return None, None
        try:
            return make(result, *more), None
        except KktgenError as error:
            return None, error
        except (Exception, SystemExit) as error:
            at = catalog.where(error, self.module.__file__)
            return None, ProblemError(f"model file {self.module.__file__}: {name}() failed: {at}")


def search(
    job: Job, asked: dict[str, Any], time_limit: float | None, progress: printing.Progress, told: bool
) -> Search:
    """Search the leader's decisions by a population method; the record is printed when ``told``."""
    options = {key: value for key, value in asked.items() if key != "method"}
    progress.stage = f"searching by {asked['method']}"
    found: Search = getattr(kg.search, asked["method"])(
        job.bilevel, time_limit=time_limit, progress=progress, **options
    )
    if told:
        progress.stage_ended("search", str(found))
    return found


def check_method(job: Job, method: str) -> None:
    """Refuse a method that neither kktgen nor the model has."""
    check_name("method", method, [*METHODS, *job.methods], ProblemError)


def own_method(job: Job, method: str, progress: printing.Progress) -> kg.Result:
    """Solve by a method of the model's own, and verify."""
    progress.stage = f"solving by {method}"
    progress({"text": job.target})
    try:
        solution = job.methods[method](job.bilevel)
    except KktgenError:
        raise
    except (Exception, SystemExit) as error:
        at = catalog.where(error, job.module.__file__)
        raise ProblemError(f"model file {job.module.__file__}: method {method!r} failed: {at}") from error
    expect(solution, Solution, f"method {method!r} of the model", "return a kktgen.Solution")
    report = kg.verify(job.bilevel, solution)
    return kg.Result(job.bilevel, solution.model, solution, report, solution.bound, seconds={method: solution.seconds})


def estimate(job: Job, progress: printing.Progress, address: str | None = None) -> kg.Estimate | None:
    """Make the two-point estimate that the parameter ``estimate`` of the model asks for, on processes or a cluster."""
    if not job.parameters.get("estimate") or not hasattr(job.module, "sample"):
        return None
    progress.stage = "estimating"
    inputs = job.module.uncertain(job.parameters)
    f = catalog.Function(str(job.module.__file__), "sample", (job.parameters,))
    with pool_for(job.bilevel, min(os.cpu_count() or 1, 2 * len(inputs)), address) as executor:
        return kg.point_estimate(f, inputs, executor=executor, progress=progress)
