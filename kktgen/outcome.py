"""A result as plain data, as one line, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

import kktgen as kg

from .errors import KktgenError, UnsupportedError
from .formats import formats
from .formats.files import replace_file
from .jobs import Job
from .search import Search


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
