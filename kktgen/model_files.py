"""Single-level models of a job, and the files that hold them or their points."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np

import kktgen as kg

from . import show
from .errors import FormatError, UnsupportedError
from .formats import formats
from .jobs import Job
from .model import Model
from .solution import Solution
from .summary import bounds, changes


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
