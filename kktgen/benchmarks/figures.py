"""Figures of many runs: times, gaps, primal integrals, performance profiles, solved over time.

* Shifted geometric mean: ``exp(mean(log(t + s))) - s`` with s = 1 second; a run that is not solved counts its limit.
* Gap of runs that are open: ``|value - bound| / |value|``, at most 1, and 1 without a value or a bound.
* Primal integral (Berthold 2013): the mean over the time limit of ``|value - best| / max(|value|, |best|)``, 1 while
  there is no value.
* Performance profile (Dolan & Moré 2002): the share of runs that a way solves within a factor of the fastest way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .verdict import VERDICTS, Known, solves

SHIFT = 1.0
"""Seconds."""
LEAST = 0.1
"""Seconds below which times are the same in a profile."""
FACTORS = (1.0, 1.5, 2.0, 4.0, 8.0, 16.0, 64.0)
"""Where the printed profile is read."""

Record = Mapping[str, Any]


def shifted_mean(times: Iterable[float], shift: float = SHIFT) -> float:
    """Return the shifted geometric mean; nan of nothing."""
    values = np.asarray(list(times), dtype=float)
    return float(np.exp(np.log(values + shift).mean()) - shift) if len(values) else math.nan


def taken(record: Record) -> float:
    """Return the seconds that a run counts: its time, or its limit where it has not solved its instance."""
    limit = float(record["limits"]["time"])
    return min(float(record["time"]), limit) if solves(record) else limit


def left_gap(record: Record) -> float:
    """Return the gap of a run that is not solved, from 0 to 1."""
    value, bound = record["value"], record["bound"]
    if not record["ok"] or value is None or bound is None:
        return 1.0
    return 0.0 if value == bound else min(1.0, abs(value - bound) / max(abs(value), 1e-9))


def primal_integral(record: Record, best: float | None) -> float | None:
    """Return the mean distance of the value from the best one over the time limit; None where no best one is known."""
    if best is None:
        return None
    limit, at, apart, total = float(record["limits"]["time"]), 0.0, 1.0, 0.0
    points = [(t, value) for t, value, _ in record["track"] if value is not None]
    if record["ok"] and record["value"] is not None and record.get("time") is not None:
        points.append((record["time"], record["value"]))
    for t, value in [*points, (limit, None)]:
        now = min(float(t), limit)
        total += apart * max(0.0, now - at)
        at = max(at, now)
        if value is not None:
            apart = _apart(value, best)
    return total / limit


def _apart(value: float, best: float) -> float:
    if value * best < 0:
        return 1.0
    largest = max(abs(value), abs(best))
    return 0.0 if largest == 0 else abs(value - best) / largest


def best_values(records: Iterable[Record]) -> dict[str, float | None]:
    """Return the best value of every instance: the known one, or a better one that a run has verified."""
    out: dict[str, float | None] = {}
    for one in records:
        sense = -1.0 if one.get("sense") == "max" else 1.0
        found = [Known.of(one["known"]).value, one["value"] if one["ok"] else None, out.get(one["instance"])]
        there = [sense * value for value in found if value is not None]
        out[one["instance"]] = sense * min(there) if there else None
    return out


@dataclass(frozen=True)
class Figures:
    """The figures of one way.

    Parameters
    ----------
    way : str
    runs, solved : int
    verdicts : dict of str to int
    seconds : float
        Shifted geometric mean.
    gap : float
        Mean of the runs that are neither solved nor wrong nor failed; nan where there is none.
    integral : float
        Mean primal integral; nan where no value is known.
    """

    way: str
    runs: int
    solved: int
    verdicts: dict[str, int]
    seconds: float
    gap: float
    integral: float


def ways(records: Iterable[Record]) -> list[str]:
    """Return the names of the ways, in order of their first record."""
    return list(dict.fromkeys(one["way"] for one in records))


def limit_of(records: Iterable[Record]) -> float:
    """Return the longest time limit of runs, in seconds."""
    return max(float(one["limits"]["time"]) for one in records)


def by_limit(records: Iterable[Record]) -> list[list[Record]]:
    """Return the runs of every time limit, the longest first: figures of different limits say nothing together."""
    groups: dict[float, list[Record]] = {}
    for one in records:
        groups.setdefault(float(one["limits"]["time"]), []).append(one)
    return [groups[limit] for limit in sorted(groups, reverse=True)]


def shared(records: Sequence[Record]) -> list[Record]:
    """Return the records of the instances and seeds of which every way has one."""
    names = ways(records)
    there: dict[tuple[str, int], set[str]] = {}
    for one in records:
        there.setdefault(_case(one), set()).add(one["way"])
    return [one for one in records if len(there[_case(one)]) == len(names)]


def figures(records: Sequence[Record]) -> list[Figures]:
    """Return the figures of every way."""
    best, out = best_values(records), []
    for way in ways(records):
        mine = [one for one in records if one["way"] == way]
        rest = [left_gap(one) for one in mine if one["verdict"] not in ("failed", "wrong") and not solves(one)]
        integrals = [primal_integral(one, best[one["instance"]]) for one in mine]
        known = [value for value in integrals if value is not None]
        out.append(
            Figures(
                way, len(mine), sum(map(solves, mine)),
                {word: sum(one["verdict"] == word for one in mine) for word in VERDICTS},
                shifted_mean(map(taken, mine)), float(np.mean(rest)) if rest else math.nan,
                float(np.mean(known)) if known else math.nan,
            )
        )  # fmt: skip
    return out


def profile(records: Sequence[Record]) -> dict[str, list[float]]:
    """Return for every way the factors of the fastest way at which it solves another run, rising; inf is left out.

    Times up to ``LEAST`` seconds are the same. The records are those of :func:`shared`.
    """
    fastest: dict[tuple[str, int], float] = {}
    for one in records:
        if solves(one):
            fastest[_case(one)] = min(fastest.get(_case(one), math.inf), max(taken(one), LEAST))
    return {
        way: sorted(
            max(taken(one), LEAST) / fastest[_case(one)] for one in records if one["way"] == way and solves(one)
        )
        for way in ways(records)
    }


def solve_times(records: Sequence[Record]) -> dict[str, list[float]]:
    """Return for every way the seconds after which it has solved another run, rising."""
    return {
        way: sorted(taken(one) for one in records if one["way"] == way and solves(one)) for way in ways(records)
    }  # fmt: skip


def share_within(rising: Sequence[float], at: float, count: int) -> float:
    """Return which share of ``count`` runs a rising list has reached."""
    return float(np.searchsorted(rising, at * (1 + 1e-12), side="right")) / count if count else math.nan


def case_count(records: Iterable[Record]) -> int:
    """Return how many instances and seeds there are."""
    return len({_case(one) for one in records})


def _case(record: Record) -> tuple[str, int]:
    return record["instance"], record["seed"]
