"""Single-level models of a job, and the files that hold them or their points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kktgen as kg

from ..errors import FormatError, UnsupportedError
from ..formats import formats
from ..formats.maps.write import map_path
from ..model.enumerated import shared_free
from ..model.model import Model
from ..model.printed import bounds, changes
from ..model.shared import shared_kkt
from ..model.solution import Solution
from ..problem.integers import has_integers
from . import printing
from .task import Job


def write_model(
    model: Model, stem: Path, forms: tuple[str, ...] = (), **asked: Any
) -> tuple[list[Path], list[str]]:  # fmt: skip
    """Write a model in the formats named, else in all of them; one that is named must be able to hold the model.

    ``asked`` goes to :func:`kktgen.write`. The maps of names that come with the files are among the paths. A target
    that takes none of the formats raises the last refusal.
    """
    paths: list[Path] = []
    refused: list[str] = []
    fault: UnsupportedError | None = None
    for suffix in [f".{name.lower().lstrip('.')}" for name in forms] or formats():
        path = stem.with_name(stem.name + suffix)
        try:
            kg.write(model, path, **asked)
            paths += [file for file in (path, map_path(path)) if file.is_file()]
        except UnsupportedError as error:
            if forms:
                raise
            fault = error
            refused.append(f"{path} not written: {error}")
    if fault is not None and not paths:
        raise fault
    return paths, refused


def encoded(job: Job, encoding: str, progress: printing.Progress | None = None, boxes: bool = True) -> Model:
    """Return the model a solver would get: KKT system, products eliminated, boxes proved, complementarity encoded.

    Of a problem with integer followers it is the master without responses, a relaxation.
    """
    if has_integers(job.bilevel):
        return kg.master(job.bilevel, encoding=encoding)
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


def stored(job: Job, path: Path, encoding: str | None = None, scaled: bool = False) -> kg.Result:
    """Return the verified point of a solution file of the encoded model (of the KKT model without an encoding)."""
    if not path.is_file():
        raise FormatError(f"no solution file {path}")
    if has_integers(job.bilevel):
        model = shared_free(job.bilevel)
    else:
        model = encoded(job, encoding) if encoding else shared_kkt(job.bilevel)
    z = kg.read_solution(path, model, scaled=scaled)
    point = Solution("heuristic", model.value(z), None, z, 0.0, f"file {path.name}", model)
    return kg.Result(job.bilevel, model, point, kg.verify(job.bilevel, point), None)


def is_model_file(target: str) -> bool:
    """Tell whether the target names an optimisation model on disk."""
    return target.lower().removesuffix(".gz").endswith(tuple(formats()))
