"""Two sets of runs held against each other: what differs beyond the noise of seeds.

Runs are matched by instance and way. Times are compared by ``log(t + 1 s)``, averaged over seeds; its variance between
seeds of one instance, pooled over all, is the noise. A difference counts beyond two standard errors. With one seed a
side there is no noise to be seen: then times count that differ by half and by two seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .figures import SHIFT, ways
from .verdict import TOLERANCE, solves

ERRORS = 2.0
"""Standard errors beyond which a difference counts."""
FACTOR, SECONDS = 1.5, 2.0
"""What counts where the noise is not known."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A difference of one instance and way: what it is, and the two figures."""

    kind: str
    instance: str
    way: str
    before: str
    after: str


@dataclass(frozen=True)
class Pace:
    """How the times of a way differ, over the instances that both sides solve with every seed.

    Parameters
    ----------
    way : str
    instances : int
    ratio : float
        Of shifted times, after over before.
    noise : float or None
        By which factor the ratio may differ from 1 by chance (two standard errors); None with one seed a side.
    """

    way: str
    instances: int
    ratio: float
    noise: float | None

    @property
    def beyond(self) -> bool:
        """Whether it differs from 1 beyond the noise."""
        return self.noise is not None and abs(math.log(self.ratio)) > math.log(self.noise)


def compared(before: Iterable[Record], after: Iterable[Record]) -> tuple[list[Change], list[Pace]]:
    """Return the changes, the worst first, and how the times of every way differ."""
    old, new = _groups(before), _groups(after)
    both = [key for key in old if key in new]
    logs = {key: (_logs(old[key]), _logs(new[key])) for key in both}
    changes, paces = [], []
    for way in ways(one for group in old.values() for one in group):
        keys = [key for key in both if key[1] == way]
        timed = [key for key in keys if all(solves(one) for one in (*old[key], *new[key]))]
        noise = _noise([side for key in timed for side in logs[key]])
        for key in keys:
            changes += _changes(key, old[key], new[key], noise if key in timed else None, key in timed)
        if timed:
            paces.append(_pace(way, [logs[key] for key in timed], noise))
    order = ("no longer solved", "value changed", "now solved", "slower", "faster")
    return sorted(changes, key=lambda one: order.index(one.kind)), paces


def _groups(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    out: dict[tuple[str, str], list[Record]] = {}
    for one in records:
        out.setdefault((one["instance"], one["way"]), []).append(one)
    return out


def _logs(group: list[Record]) -> np.ndarray:
    return np.log(np.array([one["time"] for one in group if solves(one)], dtype=float) + SHIFT)


def _noise(sides: list[np.ndarray]) -> float | None:
    """Return the pooled variance between seeds; None where no side has two."""
    several = [side for side in sides if len(side) > 1]
    if not several:
        return None
    freedom = sum(len(side) - 1 for side in several)
    return float(sum(((side - side.mean()) ** 2).sum() for side in several) / freedom)


def _pace(way: str, logs: list[tuple[np.ndarray, np.ndarray]], noise: float | None) -> Pace:
    apart = float(np.mean([b.mean() - a.mean() for a, b in logs]))
    error = None if noise is None else math.sqrt(noise * sum(1 / len(a) + 1 / len(b) for a, b in logs)) / len(logs)
    return Pace(way, len(logs), math.exp(apart), None if error is None else math.exp(ERRORS * error))


def _changes(
    key: tuple[str, str], old: list[Record], new: list[Record], noise: float | None, timed: bool
) -> list[Change]:  # fmt: skip
    """Return the changes of one instance and way."""
    first, last = (sum(map(solves, group)) / len(group) for group in (old, new))
    if first != last:
        kind = "now solved" if last > first else "no longer solved"
        return [Change(kind, *key, *(f"{sum(map(solves, g))} of {len(g)}" for g in (old, new)))]
    a, b = (_value(group) for group in (old, new))
    if a is not None and b is not None and abs(a - b) > TOLERANCE * max(1.0, abs(a)):
        return [Change("value changed", *key, f"{a:.8g}", f"{b:.8g}")]
    if not timed:
        return []
    x, y = _logs(old), _logs(new)
    apart = float(y.mean() - x.mean())
    s, t = (math.exp(side.mean()) - SHIFT for side in (x, y))
    if noise is None:
        counts = abs(t - s) > SECONDS and max(s, t) > FACTOR * min(s, t)
    else:
        counts = abs(apart) > ERRORS * math.sqrt(noise * (1 / len(x) + 1 / len(y)))
    return [Change("slower" if apart > 0 else "faster", *key, f"{s:.2f} s", f"{t:.2f} s")] if counts else []


def _value(group: list[Record]) -> float | None:
    """Return the value of the first run that is solved, or else of the first with a verified point."""
    for wanted in (solves, lambda one: one["ok"]):
        for one in group:
            if wanted(one) and one["value"] is not None:
                return float(one["value"])
    return None
