"""What is known of an instance after a run: better values and bounds in, nothing that a point or a bound refutes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .records import EXACT, GAP, SAME, TOP, better, beyond, first_records, gap, value_of

ORDER = (
    "sense", "objective", "best", "value", "bound", "claim", "point", "infeasibility", "proof", "range", "published",
    "planted", "check", "source", "history",
)  # fmt: skip
"""Keys of ``[known]`` as they are written."""
VALUES = ("objective", "best", "value")


@dataclass(frozen=True)
class Found:
    """What a run found.

    Parameters
    ----------
    sense : str
        ``min`` or ``max``.
    record : dict
        For the history.
    value : float or None
        Of a verified point; None without one.
    bound : float or None
    claim : str
    infeasibility : float or None
        Largest scaled residual of the point.
    """

    sense: str
    record: dict[str, Any]
    value: float | None
    bound: float | None
    claim: str
    infeasibility: float | None = None


@dataclass
class Merged:
    """What is known now, whether the run's point is the one to store, and what is to be said."""

    known: dict[str, Any]
    takes_point: bool
    said: list[str] = field(default_factory=list)


@dataclass
class _Best:
    """Value, bound and claim while a run is weighed; ``key`` is that of the value in the file."""

    sense: str
    value: float | None
    bound: float | None
    claim: str
    key: str
    has_point: bool
    said: list[str] = field(default_factory=list)

    def takes_value(self, value: float | None) -> bool:
        """Take a verified value that is better, or as good and without a stored point so far."""
        before = self.value
        if value is None:
            if before is not None and not self.has_point:
                self.said.append(f"the recorded value {before:.10g} has no point, and this run found none: run longer")
            return False
        if before is not None and better(self.sense, before, value):
            if not self.has_point:
                self.said.append(
                    f"the recorded value {before:.10g} has no point, and this run reached {value:.10g}: run longer, or "
                    "give a point"
                )
            return False
        if before is not None and self.has_point and not better(self.sense, value, before):
            return False  # the stored point is as good
        if self.bound is not None and beyond(self.sense, value, self.bound):
            self.said.append(f"the recorded bound {self.bound:.10g} is refuted by a verified point of {value:.10g}")
            self.bound, self.claim = None, ""
        if before is not None and self.claim in TOP and (gap(before, value) or 0.0) > GAP:
            self.said.append(f"the recorded claim {self.claim!r} at {before:.10g} falls: {value:.10g} is better")
            self.claim = ""
        self.value, self.has_point = value, True
        return True

    def take_bound(self, bound: float | None) -> None:
        """Take a bound that is tighter; one that contradicts the value ends what was claimed without a point."""
        if bound is None:
            return
        if self.value is not None and beyond(self.sense, self.value, bound):
            kept = "a verified point: the bound is dropped" if self.has_point else "no point"
            self.said.append(
                f"this bound, {bound:.10g}, contradicts the recorded value {self.value:.10g}, which has {kept}"
            )
            self.claim = self.claim if self.has_point else ""
        elif self.claim != EXACT and (self.bound is None or tighter(self.sense, bound, self.bound)):
            self.bound = bound

    def take_claim(self, claim: str, value: float | None) -> None:
        """Take the claim of a run that proved the value, or any where there is none."""
        if claim in TOP and value is not None and self.value is not None and (gap(self.value, value) or 0.0) <= SAME:
            self.claim, self.key = EXACT if self.claim == EXACT else claim, "objective"
        elif not self.claim:
            self.claim = claim if claim not in TOP else "bilevel-feasible"
        if self.key != "value":
            self.key = "objective" if self.claim in TOP else "best"


def merged(known: Mapping[str, Any], found: Found, has_point: bool) -> Merged:
    """Return what is known of an instance after a run.

    Parameters
    ----------
    known : mapping
        ``[known]`` before.
    found : Found
    has_point : bool
        Whether a verified point of the value before is stored.
    """
    earlier = [record for record in known.get("history", ()) if not _again(found.sense, record, found.record)]
    history = [*map(dict, earlier), *first_records(known), found.record]
    key = next((name for name in VALUES if name in known), "")
    best = _Best(found.sense, value_of(known), known.get("bound"), known.get("claim", ""), key, has_point)
    takes = best.takes_value(found.value)
    best.take_bound(found.bound)
    best.take_claim(found.claim, found.value)
    out = {name: item for name, item in known.items() if name not in (*VALUES, "bound")}
    if best.claim != EXACT:
        out.pop("proof", None)
    out |= {"sense": found.sense, "claim": best.claim, "history": history}
    out |= {} if best.value is None else {best.key: best.value}
    out |= {} if best.bound is None else {"bound": best.bound}
    if takes or "source" not in known:
        out["source"] = found.record["by"]
    if takes and found.infeasibility is not None:
        out["infeasibility"] = found.infeasibility
    return Merged({name: out[name] for name in ORDER if name in out}, takes, best.said)


def without_point(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known without the keys that speak of a stored point."""
    return {key: item for key, item in known.items() if key not in ("point", "infeasibility")}


def _again(sense: str, record: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether a record is of the same day, way, encoding and solver as a new one that says as much."""
    value, now = value_of(record), value_of(new)
    if value is not None and (now is None or better(sense, value, now)):
        return False
    way = [[one.get(key) for key in ("date", "encoding", "solver", "claim")] for one in (record, new)]
    by = [one.get("by", "").split(", ")[:2] for one in (record, new)]
    return way[0] == way[1] and by[0] == by[1] and not (gap_of(record) < gap_of(new))


def gap_of(record: Mapping[str, Any]) -> float:
    """Return the gap a record ended with, infinite where it has none."""
    return float(record.get("gap", math.inf))


def tighter(sense: str, one: float, other: float) -> bool:
    """Return whether a bound says more than another one."""
    return one > other if sense == "min" else one < other
