"""A result as plain data, as one line, and as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson

import kktgen as kg

from ..errors import KktgenError, UnsupportedError
from ..exact.proof import SUFFIX as PROOF
from ..formats import formats
from ..formats.problems import bundle
from ..formats.writing.files import replace_file
from ..lagrangian import SUFFIX
from ..recipes.responses.record import SUFFIX as RESPONSES
from ..reformulate.level import without_cutoff
from ..search import Search
from . import bundles
from .task import Job


def encodes(result: Any) -> bool:
    """Return whether a model was encoded for a result: not by a search, nor by a model's own method."""
    return not isinstance(result, Search) and (result.model.pairs is None or bool(result.model.encodings))


def outcome(
    job: Job, result: Any, encoding: str, own: Any, certificate: kg.Certificate | None = None,
    explanation: kg.Explanation | None = None, proof: kg.Proof | str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a result and the model's own report of it as plain data: what was asked, found and may be claimed.

    Of a search also its record; it has no encoding, nor has a model's own method. The files of certificate and proof
    hold more.
    """
    hunt = {}
    proved = None if certificate is None else {
        "ok": certificate.ok, "followers": certificate.followers,
        "value": None if certificate.value is None else str(certificate.value),
        "violation": float(certificate.violation),
    }  # fmt: skip
    if isinstance(result, Search):
        asked = {key: getattr(result, key) for key in ("method", "population", "iterations", "seed", "stopped")}
        hunt = {"search": {**asked, "evaluations": result.evaluations, "record": vars(result.record)}}
    solution, model = result.solution, result.model
    leader = {}
    if solution.z is not None:
        blocks = [b for b in solution.model.space.blocks if b.role == "leader" and not b.follower]
        leader = {b.word: solution.z[b.start : b.stop] for b in blocks}
    return {
        "model": job.target, "parameters": job.parameters, "encoding": encoding if encodes(result) else None,
        "solver": solution.solver, "status": solution.status, "objective": solution.objective,
        "bound": solution.bound if getattr(result, "pessimistic", None) is None else result.bound, "gap": solution.gap,
        "nodes": solution.nodes, "seconds": dict(result.seconds), "leader": leader,
        "size": {"columns": model.n, "rows": len(model.rows), "entries": int(model.rows.M.nnz)},
        "verification": None if result.report is None else result.report.to_dict(),
        "report": own if own is None else own.to_dict() if hasattr(own, "to_dict") else str(own), **hunt,
        "certificate": proved, "proof": _told(proof),
        "explanation": None if explanation is None else explanation.to_dict(),
        "fault": (solution.raw or {}).get("error"), **_worst(result),
    }  # fmt: skip


def _told(proof: kg.Proof | str | None) -> dict[str, Any] | None:
    """Return what became of a proof; a text says why there can be none."""
    if not isinstance(proof, kg.Proof):
        return None if proof is None else {"claim": "not proved", "reason": proof}
    bound = None if proof.bound is None else str(proof.bound)
    said = {"claim": proof.claim, "reason": proof.reason, "value": str(proof.value), "bound": bound}
    return {**said, "open": proof.open, "leaves": proof.leaves, "seconds": proof.seconds}


def _worst(result: Any) -> dict[str, Any]:
    """Return what was found of followers that break ties against the leader, where that was asked for."""
    told, out = getattr(result, "pessimistic", None), {}
    if result.report is not None and result.report.bracket is not None:
        out["bracket"] = list(result.report.bracket)
    if told is None or told.value is None:
        return out
    return {**out, "pessimistic": {key: getattr(told, key) for key in ("value", "bound", "attained", "exact")}}


def _solved(result: Any) -> Any:
    """Return the solution of the model that goes out: of several that were solved the one behind the bound."""
    told = getattr(result, "pessimistic", None)
    behind = None if told is None else told.solved or told.optimistic
    return result.solution if behind is None else behind.solution


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


def headline(result: Any, proof: kg.Proof | str | None = None) -> str:
    """Return the outcome in one line: objective, bound, claim."""
    solution = result.solution
    claim = "" if result.report is None else f"; claim: {result.report.claim}"
    if isinstance(proof, kg.Proof):
        claim = f"; claim: {proof.claim}" if proof.ok else f"{claim}, {proof.claim}"
    return f"{solution.headline}{claim}{trouble(result)}"


def trouble(result: Any) -> str:
    """Return what went wrong in the solver's process, to stand behind a sentence; empty when nothing did."""
    said = (result.solution.raw or {}).get("error")
    return f"; {said}" if said else ""


def known(result: Any) -> dict[str, Any]:
    """Return what a result makes known of its problem: objective, bound, claim, and who found them."""
    if not result.report.ok or getattr(result, "pessimistic", None) is not None:
        return {}  # what is known of a problem is its optimistic optimum
    solution = result.solution
    found = {"objective": result.report.value, "bound": result.bound, "claim": result.report.claim}
    return {key: value for key, value in {**found, "source": solution.solver}.items() if value is not None}


def write(
    job: Job,
    result: Any,
    answer: dict[str, Any],
    certificate: kg.Certificate | None,
    folder: Path | None,
    proof: kg.Proof | str | None = None,
) -> tuple[list[Path], list[str], KktgenError | None]:
    """Write model, point, report, and the problem with what is now known of it, into a folder, if there is one.

    Where nothing was encoded, there is no model to write. Returns the paths, a line for every format that cannot hold
    the model, and the first fault; a file that cannot be written does not keep the others from being written.
    """
    paths: list[Path] = []
    refused: list[str] = []
    fault: KktgenError | None = None
    if folder is None:
        return paths, refused, fault

    record, responses = getattr(result, "lagrangian", None), getattr(result, "responses", None)
    solution = _solved(result)
    model = result.model if solution.z is not None else without_cutoff(result.model)
    makers: dict[str, Callable[[Path], Any]] = {
        **{suffix: partial(kg.write, model) for suffix in (formats() if encodes(result) else ())},
        **({".sol": partial(kg.write_solution, solution)} if solution.z is not None else {}),
        ".json": partial(_write_json, answer),
        **({".certificate.json": partial(_write_json, certificate.to_dict())} if certificate is not None else {}),
        **({PROOF: proof.write} if isinstance(proof, kg.Proof) and proof.ok else {}),
        **({SUFFIX: record.write} if record is not None else {}),
        **({RESPONSES: responses.write} if responses is not None else {}),
        bundle.SUFFIX: lambda path: bundles.write_bundle(job, path, paths, known(result)),
    }
    order = list(makers)
    for suffix in sorted(makers, key=lambda one: one != ".sol"):  # boxes of its value go out beside a start alone
        path = folder / (job.stem + suffix)
        try:
            makers[suffix](path)
            paths.append(path)
            paths.sort(key=lambda one: order.index(one.name.removeprefix(job.stem)))
        except UnsupportedError as error:
            refused.append(f"{path} not written: {error}")
        except KktgenError as error:
            fault = fault or error
    return paths, refused, fault


def _write_json(data: dict[str, Any], path: Path) -> None:
    def fill(file: IO[bytes]) -> None:
        file.write(f"{to_json(data)}\n".encode())

    replace_file(path, fill)
