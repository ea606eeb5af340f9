"""The proof in rational numbers beside an instance: made from the stored point, stored where it is small, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError, KktgenError
from ..exact import optimum, prove
from ..exact.problem import plain
from ..exact.proof import Proof
from ..formats.writing.files import contents
from ..installed import own_version
from ..model.shared import shared_kkt
from ..problem.bilevel import Bilevel
from ..progress import ProgressOption
from .merge import ORDER
from .points import filled
from .records import EXACT, PROVED, gap, same, value_of
from .stored import store


def proved(
    bilevel: Bilevel, z: np.ndarray, limit: float | None, progress: ProgressOption = None
) -> tuple[Proof | None, str]:
    """Return the proof that a stored point (n,) is the optimum, and what came out in words; None where there is none.

    Parameters
    ----------
    bilevel : Bilevel
    z : ndarray (n,)
        As :func:`kktgen.library.points.read_point` returns it.
    limit : float, optional
        Seconds.
    """
    try:
        proof = prove(bilevel, filled(bilevel, z), limit=limit, progress=progress)
    except KktgenError as error:
        return None, str(error)
    return (proof if proof.ok else None), str(proof).splitlines()[0]


def record_of(proof: Proof, limit: float | None) -> dict[str, Any]:
    """Return a proof as a table of the history."""
    of = "" if limit is None else f" of {limit:.4g} s"
    value, bound = _figures(proof)
    return {
        "date": date.today(), "objective": value, "bound": bound, "claim": EXACT,
        "by": f"kktgen {own_version()}, prove, rational numbers, {proof.seconds:.1f} s{of}",
        "seconds": round(proof.seconds, 3), "encoding": f"tree of {proof.leaves} leaves", "solver": "none",
        "boxes": PROVED, "gap": float(f"{gap(value, bound):.3g}"),
    }  # fmt: skip


def keep(path: Path, proof: Proof, known: Mapping[str, Any], limit: float | None) -> tuple[dict[str, Any], str]:
    """Store a proof beside an instance where it is small; return what is known then, and what happened in words.

    Parameters
    ----------
    path : Path
        Of the proof.
    proof : Proof
    known : mapping
        ``[known]`` before.
    limit : float, optional
        Seconds the proof was given.
    """
    value, bound = _figures(proof)
    recorded = value_of(known)
    if not same(recorded, value):
        return dict(known), f"proved is {value:.10g}, and {recorded} is recorded: add the point first"
    text = json.dumps(proof.data, separators=(",", ":")).encode()
    if not store(path, text):
        return dict(known), "proved; the file is too large to be stored, so the claim stays as it is"
    rest = {key: item for key, item in known.items() if key not in ("best", "value", "objective", "history")}
    history = [*known.get("history", ()), record_of(proof, limit)]
    now = {**rest, "objective": recorded, "bound": bound, "claim": EXACT, "proof": path.name, "history": history}
    said = f"proved in rational numbers, {path.stat().st_size / 1000:.1f} kB"
    return {key: now[key] for key in ORDER if key in now}, said


def fault(path: Path, known: Mapping[str, Any], bilevel: Bilevel) -> str:
    """Return what is wrong with a stored proof, nothing where it holds and is of this problem and value."""
    try:
        data = json.loads(contents(path))
        found = optimum.check(data)
    except FormatError as error:
        return str(error)
    except ValueError as error:
        return f"{path.name} is no JSON file: {error}"
    except optimum.Refused as error:
        return f"{path.name}: {error}"
    if optimum.digest(plain(shared_kkt(bilevel))) != data["digest"]:
        return f"{path.name} is of another problem"
    sense = data["problem"]["sense"]
    value, bound, recorded = float(sense * found["value"]), float(sense * found["bound"]), value_of(known)
    if not same(recorded, value):
        return f"{path.name} proves {value:.10g}, and {recorded} is recorded"
    stated = known.get("bound")
    if not same(stated, bound):
        return f"{path.name} proves the bound {bound:.10g}, and {stated} is recorded"
    return ""


def _figures(proof: Proof) -> tuple[float, float]:
    """Return value and bound of a proof."""
    assert proof.bound is not None
    return float(proof.value), float(proof.bound)
