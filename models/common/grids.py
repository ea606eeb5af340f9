"""Power grids that several models share: loads, plants and lines of published cases, and the load of a winter week.

Power is in 100 MW, prices in $/MWh, so money is in 100 $ an hour. The files in ``grids/`` name their sources and terms.
Least outputs, losses, reactive power and the ratios of transformers are left out.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

FOLDER = Path(__file__).parent / "grids"
CASES = ("case5", "case6ww", "case9", "case14", "rts24", "case30", "case39", "case57", "case118")
DAY, WEEK = 24, 168


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of B buses, G plants and L lines.

    Attributes
    ----------
    name, source : str
    load : ndarray (B,)
    most, a, c : ndarray (G,)
        Largest output, and cost ``c g + a g^2`` in 100 $/h.
    x, limit : ndarray (L,)
        Reactance and limit, infinite where there is none.
    plants : ndarray (B, G)
        1 where a plant stands.
    incidence : ndarray (B, L)
        1 where a line begins, -1 where it ends.
    bus, plant, line : tuple of str
        Labels: numbers of the buses; ``1`` to ``G``; ``from-to``, the second of parallel lines ``from-to b``.
    """

    name: str
    source: str
    load: np.ndarray
    most: np.ndarray
    a: np.ndarray
    c: np.ndarray
    x: np.ndarray
    limit: np.ndarray
    plants: np.ndarray
    incidence: np.ndarray
    bus: tuple[str, ...]
    plant: tuple[str, ...]
    line: tuple[str, ...]

    @property
    def total(self) -> float:
        """Load of all buses."""
        return math.fsum(self.load.tolist())

    @property
    def loops(self) -> np.ndarray:
        """Kirchhoff's voltage law without angles: rows (K, L) of an independent set of loops, largest entry 1."""
        rows = loops(self.incidence) * self.x
        return rows / np.abs(rows).max(axis=1, keepdims=True, initial=0.0) if len(rows) else rows

    def at(self, buses: tuple[int, ...]) -> np.ndarray:
        """Return the places of buses given by their numbers.

        Raises
        ------
        ProblemError
            No such bus.
        """
        for number in buses:
            if str(number) not in self.bus:
                raise kg.ProblemError(f"grid {self.name!r} has no bus {number}; its buses are {', '.join(self.bus)}")
        return np.array([self.bus.index(str(number)) for number in buses], dtype=int)

    def place(self, buses: tuple[int, ...]) -> np.ndarray:
        """Return a matrix (B, n) with 1 where something new stands."""
        out = np.zeros((len(self.bus), len(buses)))
        out[self.at(buses), np.arange(len(buses))] = 1.0
        return out

    def between(self, corridors: tuple[str, ...]) -> np.ndarray:
        """Return the incidence (B, n) of new lines given as ``from-to``.

        Raises
        ------
        ProblemError
            Something else.
        """
        for corridor in corridors:
            if not all(end.isdecimal() for end in corridor.split("-")) or corridor.count("-") != 1:
                raise kg.ProblemError(f"a new line is {corridor!r}; write two buses as in '2-5'")
        ends = [tuple(int(end) for end in corridor.split("-")) for corridor in corridors]
        return self.place(tuple(i for i, _ in ends)) - self.place(tuple(j for _, j in ends))

    def numbers(self, plants: tuple[int, ...]) -> np.ndarray:
        """Return the places of plants given by their numbers, which begin at 1.

        Raises
        ------
        ProblemError
            No such plant.
        """
        for number in plants:
            if not 1 <= number <= len(self.plant):
                raise kg.ProblemError(
                    f"grid {self.name!r} has no plant {number}; its plants are 1 to {len(self.plant)}"
                )
        return np.array(plants, dtype=int) - 1


def checked(model: str, value: Any, least: float, word: str, most: float = math.inf) -> None:
    """Refuse a parameter out of its range.

    Raises
    ------
    ProblemError
        It is not between ``least`` and ``most``.
    """
    if not least <= value <= most:
        limits = f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
        raise kg.ProblemError(f"{model}: {word} is {value}; give a number {limits}")


@cache
def _read(case: str) -> dict[str, Any]:
    if case not in (*CASES, "load"):
        raise kg.ProblemError(f"there is no grid {case!r}; there are {', '.join(CASES)}")
    return json.loads((FOLDER / f"{case}.json").read_text(encoding="utf-8"))


def grid(case: str, lines: float = 1.0, free: float = 0.0) -> Grid:
    """Return a case.

    Parameters
    ----------
    case : str
        One of ``CASES``.
    lines : float
        Share of the limits of its lines that holds.
    free : float
        Limit in MW of lines that have none; 0 leaves them without.

    Raises
    ------
    ProblemError
        No such case.
    """
    data = _read(case)
    base = data["base"]
    bus, load = np.array(data["bus"]).T
    where, most, a, c = np.array(data["plant"]).T
    start, end, x, limit = np.array(data["line"]).T
    limit = np.where(limit > 0, limit, free)
    out = np.equal.outer(bus, start).astype(float) - np.equal.outer(bus, end)
    names = [f"{int(i)}-{int(j)}" for i, j in zip(start, end, strict=True)]
    names = [f"{name} {'abc'[names[:k].count(name)]}" if name in names[:k] else name for k, name in enumerate(names)]
    return Grid(
        data["name"], data["source"], load / base, most / base, np.round(a * base, 9), c, x,
        np.where(limit > 0, np.round(lines * limit / base, 9), np.inf), np.equal.outer(bus, where).astype(float), out,
        tuple(str(int(k)) for k in bus), tuple(str(k + 1) for k in range(len(c))), tuple(names),
    )  # fmt: skip


def levels(hours: int) -> np.ndarray:
    """Return loads of a winter week as shares of the peak.

    Parameters
    ----------
    hours : int
        1: the peak; up to 24: as many hours of a weekday, evenly spread, as shares of the day's peak; whole days from
        Monday on, up to 168, as shares of the week's.

    Raises
    ------
    ProblemError
        Another number of hours.
    """
    data = _read("load")
    if not (1 <= hours <= DAY or (hours <= WEEK and hours % DAY == 0)):
        raise kg.ProblemError(f"hours is {hours}; give 1 to {DAY}, or whole days up to {WEEK}")
    if hours == 1:
        return np.ones(1)
    if hours <= DAY:
        at = [round(k * (DAY - 1) / (hours - 1)) for k in range(hours)]
        return np.array([data["weekday"][k] / 100 for k in at])
    days = data["week"][: hours // DAY]
    return np.array([
        peak * share / 10_000
        for number, peak in enumerate(days)
        for share in data["weekday" if number < 5 else "weekend"]
    ])  # fmt: skip


def loops(incidence: np.ndarray) -> np.ndarray:
    """Return an independent set of loops (K, L): 1 or -1 where a line is in the loop, along or against it.

    Parameters
    ----------
    incidence : ndarray (B, L)
    """
    count, lines = incidence.shape
    start, end = incidence.argmax(axis=0), incidence.argmin(axis=0)
    above: list[tuple[int, int, int] | None] = [None] * count  # the bus above in a tree, the line to it, its sign
    depth, tree = [-1] * count, set()
    for root in range(count):
        if depth[root] >= 0:
            continue
        depth[root], queue = 0, [root]
        for v in queue:
            for line in np.flatnonzero(incidence[v]).tolist():
                w, sign = (int(end[line]), 1) if start[line] == v else (int(start[line]), -1)
                if depth[w] < 0:
                    above[w], depth[w] = (v, line, sign), depth[v] + 1
                    tree.add(line)
                    queue.append(w)
    rest = [line for line in range(lines) if line not in tree]
    out = np.zeros((len(rest), lines))
    for row, line in zip(out, rest, strict=True):
        row[line] = 1.0
        a, b = int(start[line]), int(end[line])
        while a != b:  # from the end of the line through the tree to its start
            side = -1 if depth[b] >= depth[a] else 1
            step = above[b if side < 0 else a]
            assert step is not None
            row[step[1]] += side * step[2]
            a, b = (a, step[0]) if side < 0 else (step[0], b)
    return out
