"""What the commands do between the question and the printed answer: check, build, collect, write."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np
import orjson

import kktgen as kg

from . import catalog, problem_files, show
from .bilevel import Bilevel
from .errors import FormatError, KktgenError, ProblemError, SolverNotFound, UnsupportedError, expect
from .formats import formats
from .formats.files import replace_file
from .model import FEATURES, Model
from .parameters import near
from .search import Search
from .solution import Solution
from .summary import bounds, changes

METHODS = ("exact", "nchho", "hho")
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
        stem = target if not target.endswith((".py", ".toml")) else Path(target).stem
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


def check_name(what: str, name: str, known: Iterable[str], error: type[KktgenError]) -> None:
    """Refuse an unknown name of something."""
    known = tuple(known)
    if name not in known:
        raise error(f"no {what} {name!r}{near(name, known)}; there are: {', '.join(known)}")


def check_formats(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the formats named, those of single-level models and those of whole problems; refuse an unknown one."""
    names = [word.strip().lower().lstrip(".") for text in texts for word in text.split(",")]
    bare = [name.removesuffix(".gz") for name in names]
    for name in bare:
        check_name("format", name, [*(suffix[1:] for suffix in formats()), *problem_files.NAMES], FormatError)
    whole = tuple(name for name, stem in zip(names, bare, strict=True) if stem in problem_files.NAMES)
    return tuple(name for name in names if name not in whole), whole


def check_encoding(name: str) -> None:
    """Refuse an unknown encoding."""
    check_name("encoding", name, kg.encodings(), ProblemError)


def check_solver(name: str) -> None:
    """Refuse a solver that is unknown or not installed."""
    known = kg.solvers()
    check_name("solver", name, known, SolverNotFound)
    if not known[name].available:
        ready = ", ".join(other for other, about in known.items() if about.available) or "none"
        raise SolverNotFound(f"solver {name!r} is {known[name].version}; installed: {ready}")


def make_folder(path: Path) -> None:
    """Make a folder and see that files can be written into it, before any work is done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise FormatError(f"cannot write into {path}: {error.strerror or error}") from None


def search(job: Job, asked: dict[str, Any], time_limit: float | None, progress: show.Progress, told: bool) -> Search:
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


def own_method(job: Job, method: str, progress: show.Progress) -> kg.Result:
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


def estimate(job: Job, progress: show.Progress) -> kg.Estimate | None:
    """Make the two-point estimate that the parameter ``estimate`` of the model asks for, on a pool of processes."""
    if not job.parameters.get("estimate") or not hasattr(job.module, "sample"):
        return None
    progress.stage = "estimating"
    inputs = job.module.uncertain(job.parameters)
    f = catalog.Function(str(job.module.__file__), "sample", (job.parameters,))
    workers = max(1, min(os.cpu_count() or 1, 2 * len(inputs)))
    # spawned, not forked: this process has threads of solvers and of the live line
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return kg.point_estimate(f, inputs, executor=pool, progress=progress)


def encodes(result: Any) -> bool:
    """Return whether a model was encoded for a result: not by a search, nor by a model's own method."""
    return not isinstance(result, Search) and (result.model.pairs is None or bool(result.model.encodings))


def outcome(job: Job, result: Any, encoding: str, own: Any) -> dict[str, Any]:
    """Return a result and the model's own report of it as plain data: what was asked, found and may be claimed.

    Of a search also its record; it has no encoding, nor has a model's own method.
    """
    hunt = {}
    if isinstance(result, Search):
        asked = {key: getattr(result, key) for key in ("method", "population", "iterations", "seed", "stopped")}
        hunt = {"search": {**asked, "evaluations": result.evaluations, "record": vars(result.record)}}
    solution, model = result.solution, result.model
    leader = {}
    if solution.z is not None:
        blocks = [b for b in model.space.blocks if b.role == "leader" and not b.follower]
        leader = {b.word: solution.z[b.start : b.stop] for b in blocks}
    return {
        "model": job.target, "parameters": job.parameters, "encoding": encoding if encodes(result) else None,
        "solver": solution.solver, "status": solution.status, "objective": solution.objective,
        "bound": solution.bound, "gap": solution.gap,
        "nodes": solution.nodes, "seconds": dict(result.seconds), "leader": leader,
        "size": {"columns": model.n, "rows": len(model.rows), "entries": int(model.rows.M.nnz)},
        "verification": None if result.report is None else result.report.to_dict(),
        "report": own if own is None else own.to_dict() if hasattr(own, "to_dict") else str(own), **hunt,
    }  # fmt: skip


def to_json(data: dict[str, Any]) -> str:
    """Return JSON text: arrays as lists, inf and nan as null."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(data, default=_plain, option=options).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value).tolist() if value.dtype != object else [str(v) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)


def headline(result: Any) -> str:
    """Return the outcome in one line: objective, bound, claim."""
    solution = result.solution
    claim = "" if result.report is None else f"; claim: {result.report.claim}"
    return f"{solution}{claim}"


def write(
    job: Job, result: Any, answer: dict[str, Any], folder: Path | None
) -> tuple[list[Path], list[str], KktgenError | None]:
    """Write model, point and report into a folder, if there is one; where nothing was encoded, no model.

    Returns the paths, a line for every format that cannot hold the model, and the first fault; a file that cannot be
    written does not keep the others from being written.
    """
    paths: list[Path] = []
    refused: list[str] = []
    fault: KktgenError | None = None
    if folder is None:
        return paths, refused, fault

    def fill(file: IO[bytes]) -> None:
        file.write(f"{to_json(answer)}\n".encode())

    point = [".sol"] if result.solution.z is not None else []
    for suffix in [*(formats() if encodes(result) else []), *point, ".json"]:
        path = folder / (job.stem + suffix)
        try:
            if suffix == ".json":
                replace_file(path, fill)
            elif suffix == ".sol":
                kg.write_solution(result.solution, path)
            else:
                kg.write(result.model, path)
            paths.append(path)
        except UnsupportedError as error:
            refused.append(f"{path} not written: {error}")
        except KktgenError as error:
            fault = fault or error
    return paths, refused, fault


def write_model(model: Model, stem: Path, names: tuple[str, ...] = ()) -> tuple[list[Path], list[str]]:
    """Write a model in the formats named, else in all of them; one that is named must be able to hold the model."""
    paths, refused = [], []
    for suffix in [f".{name.lower().lstrip('.')}" for name in names] or formats():
        path = stem.with_name(stem.name + suffix)
        try:
            kg.write(model, path)
            paths.append(path)
        except UnsupportedError as error:
            if names:
                raise
            refused.append(f"{path} not written: {error}")
    return paths, refused


def encoded(job: Job, encoding: str, progress: show.Progress | None = None, boxes: bool = True) -> Model:
    """Return the model a solver would get: KKT system, products eliminated, boxes proved, complementarity encoded."""
    model = kg.kkt(job.bilevel)
    told = progress.stage_ended if progress is not None else lambda stage, text: None
    told("kkt", str(model))
    before = len(model.notes)
    model = kg.eliminate(model)
    told("eliminate", "\n".join(model.notes[before:]))
    if boxes:
        model = kg.bound(model, progress=progress)
        told("bound", bounds(model))
    bounded, model = model, kg.encode(model, encoding)
    told("encode", changes(model, bounded))
    return model


def stored(job: Job, path: Path, encoding: str | None = None) -> kg.Result:
    """Return the verified point of a solution file of the encoded model (of the KKT model without an encoding)."""
    if not path.is_file():
        raise FormatError(f"no solution file {path}")
    model = encoded(job, encoding) if encoding else kg.kkt(job.bilevel)
    z = kg.read_solution(path, model)
    point = Solution("heuristic", model.value(z), None, z, 0.0, f"file {path.name}", model)
    return kg.Result(job.bilevel, model, point, kg.verify(job.bilevel, point), None)


def solver_rows() -> list[tuple[str, str, str]]:
    """Return name, version and features of every solver."""
    return [
        (name, str(s.version), ", ".join(words for key, words in FEATURES.items() if key in s.features))
        for name, s in kg.solvers().items()
    ]


def is_model_file(target: str) -> bool:
    """Tell whether the target names an optimisation model on disk."""
    return target.lower().removesuffix(".gz").endswith(tuple(formats()))


def file_sizes(path: Path) -> list[tuple[str, str]]:
    """Return the sizes of a ``.lp``, ``.mps`` or ``.cip`` file as SCIP reads it."""
    from pyscipopt import Model as Scip

    if not path.is_file():
        raise FormatError(f"no file {path}")
    scip, said = Scip(), io.StringIO()
    scip.redirectOutput()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            scip.readProblem(str(path))
    except Exception as error:
        why = said.getvalue().partition("ERROR: ")[2].partition("\n")[0] or str(error)
        raise FormatError(f"{path} cannot be read by SCIP: {why}") from None
    counted = [
        ("columns", scip.getNVars(transformed=False)), ("binary", scip.getNBinVars()),
        ("integer", scip.getNIntVars()), ("continuous", scip.getNContVars()),
    ]  # fmt: skip
    if not scip.getNVars(transformed=False) and not scip.getNConss(transformed=False):
        raise FormatError(f"{path} holds no model that SCIP can read")
    kinds, counts = np.unique([row.getConshdlrName() for row in scip.getConss(transformed=False)], return_counts=True)
    counted += [(f"{kind} rows", int(count)) for kind, count in zip(kinds, counts, strict=True)]
    return [(word, str(number)) for word, number in counted if number or word == "columns"]
