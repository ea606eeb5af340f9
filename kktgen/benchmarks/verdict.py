"""What a run is worth, held against what is known of its instance.

======== ==========================================================================================================
right    it says what is known: the optimum, or that there is no point
open     it proves nothing, and contradicts nothing
better   a verified point better than the best known one, or a proof where there was none
wrong    it calls optimal what is not, it calls infeasible what has a point, or its bound excludes a point
failed   no answer: killed, crashed, out of memory, refused, lost
======== ==========================================================================================================

Minimised values: of a maximum the signs are turned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..library.records import TOP

VERDICTS = ("right", "better", "open", "wrong", "failed")
ENDED = ("optimal", "time_limit", "infeasible", "unbounded", "infeasible_or_unbounded", "heuristic")
"""Statuses of runs that gave an answer."""
TOLERANCE = 1e-4
"""Relative difference of values that are the same."""
JUDGES = ("objective", "best", "bound", "claim", "source")
"""Keys of the table ``[known]`` that a run is held against, and where they come from; a run's record keeps these."""


def judging(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the table ``[known]`` of an instance's file a run is held against."""
    return {key: known[key] for key in JUDGES if key in known}


@dataclass(frozen=True)
class Known:
    """What is known of an instance: its best value and bound, and whether that value is proved to be the optimum."""

    value: float | None
    bound: float | None
    proved: bool
    infeasible: bool

    @classmethod
    def of(cls, known: Mapping[str, Any]) -> Known:
        """Return it from the table ``[known]`` of an instance's file."""
        objective, best, bound = (_number(known.get(key)) for key in ("objective", "best", "bound"))
        claim = known.get("claim")
        proved = objective is not None and (claim is None or claim in TOP)
        value = best if objective is None else objective
        return cls(value, value if proved and bound is None else bound, proved, claim == "infeasible")


def verdict(record: Mapping[str, Any]) -> str:
    """Return the verdict on a record: one of ``VERDICTS``."""
    if record["status"] not in ENDED:
        return "failed"
    known, sense = Known.of(record["known"]), -1.0 if record.get("sense") == "max" else 1.0
    value, bound, says, ok = record["value"], record["bound"], record["says"], record["ok"]
    if says == "infeasible":
        return "right" if known.infeasible else "wrong" if known.value is not None else "open"
    if says == "optimal" and (not ok or value is None):
        return "wrong"
    if beyond(sense, bound, value if ok else None) or beyond(sense, bound, known.value):
        return "wrong"
    nearer = ok and (known.value is None or less(sense, value, known.value))
    if says == "optimal":
        if not nearer and less(sense, known.value, value):
            return "wrong"
        return "right" if known.proved and not nearer else "better"
    return "better" if nearer and known.value is not None else "open"


def held_against(record: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record held against what is known by now."""
    now = {**record, "known": dict(known)}
    return {**now, "verdict": verdict(now)}


def fails(record: Mapping[str, Any]) -> bool:
    """Return whether a wrong record is one of kktgen's own claims, not of a way that believes a guess."""
    return record["verdict"] == "wrong" and record["encoding"] not in ("guessed-big-m", "plain-sos1")


def solves(record: Mapping[str, Any]) -> bool:
    """Return whether a run has solved its instance: it ended with an optimum, or its absence, that is not wrong."""
    return record["verdict"] in ("right", "better") and record["says"] in ("optimal", "infeasible")


def less(sense: float, a: float | None, b: float | None) -> bool:
    """Return whether a value is better than another by more than the tolerance."""
    return a is not None and b is not None and sense * (a - b) < -TOLERANCE * max(1.0, abs(b))


def beyond(sense: float, bound: float | None, value: float | None) -> bool:
    """Return whether a bound excludes a value by more than the tolerance."""
    return less(sense, value, bound)


def _number(value: Any) -> float | None:
    """Return a number, where it is a finite one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
