"""Data of the alliance model: parties, network, loads, wind scenarios drawn and reduced."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import kktgen as kg

FOLDER = Path(__file__).parent
CASES = ("illustrative", "net33", "net69")


@cache
def data(name: str) -> dict[str, Any]:
    """Return the data file of a case, or of the 30 IDRCs (``"thirty"``)."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True, eq=False)
class Party:
    """Gencos or retailers: bus (n,), price of energy (n, T), of capacity and mileage (n,), largest power (n, T).

    ``performance`` (n,) is the most mileage for a MW of capacity. A retailer's price of energy is its bid.
    """

    name: tuple[str, ...]
    bus: np.ndarray
    energy: np.ndarray
    capacity: np.ndarray
    mileage: np.ndarray
    most: np.ndarray
    performance: np.ndarray


@dataclass(frozen=True, eq=False)
class Idrcs:
    """The IDRCs: bus, transformer efficiency, storage (MWh), its power (MW) (n,); load (n, T); wind (n, W, T).

    ``connection`` (n,) is the most that is drawn: the day's largest load behind the transformer, and charging.

    Outside the alliance they offer ``outside`` MW of regulation at the prices ``capacity`` and ``mileage``.
    """

    name: tuple[str, ...]
    bus: np.ndarray
    eta: np.ndarray
    performance: np.ndarray
    capacity: np.ndarray
    mileage: np.ndarray
    outside: np.ndarray
    load: np.ndarray
    wind: np.ndarray
    storage: np.ndarray
    power: np.ndarray
    connection: np.ndarray

    @property
    def drawn(self) -> np.ndarray:
        """What an IDRC takes from the network without wind (n, T)."""
        return self.load / self.eta[:, None]

    @property
    def installed(self) -> np.ndarray:
        """Capacity: the most wind there is, and storage (n,)."""
        return self.wind.max(axis=(1, 2)) + self.storage


@dataclass(frozen=True, eq=False)
class Case:
    """A market day: hours (T,), network, parties, who is in the alliance.

    Buses and lines are counted from 0; ``labels`` are the buses' names. ``limit`` (L,) is inf where a line has none.
    ``need`` (T,) is the capacity the system requires, ``ratio`` times that its mileage. With ``resale``
    a member may trade more than it can deliver or use.
    """

    name: str
    hour: np.ndarray
    labels: tuple[int, ...]
    first: np.ndarray
    last: np.ndarray
    susceptance: np.ndarray
    limit: np.ndarray
    gencos: Party
    retailers: Party
    demand: np.ndarray
    idrcs: Idrcs
    members: np.ndarray
    probability: np.ndarray
    need: np.ndarray
    ratio: float
    share: float
    storage: dict[str, float]
    caps: dict[str, float]
    most: dict[str, float]
    tariff: float
    penalty: dict[str, float]
    resale: bool

    @property
    def radial(self) -> bool:
        """Whether the network is a tree, so that flows need no angles."""
        return len(self.first) == len(self.labels) - 1

    @property
    def outsiders(self) -> np.ndarray:
        """IDRCs that are not in the alliance."""
        return np.setdiff1d(np.arange(len(self.idrcs.name)), self.members)

    @property
    def outflow(self) -> np.ndarray:
        """Return 1 where a line leaves a bus, -1 where it arrives (N, L)."""
        out = np.zeros((len(self.labels), len(self.first)))
        lines = np.arange(len(self.first))
        out[self.first, lines], out[self.last, lines] = 1.0, -1.0
        return out

    @property
    def net_load(self) -> np.ndarray:
        """Load of the buses and the expected net load of IDRCs outside the alliance (N, T)."""
        expected = self.idrcs.drawn - mean_wind(self.probability, self.idrcs.wind)
        load = self.demand.copy()
        np.add.at(load, self.idrcs.bus[self.outsiders], expected[self.outsiders])
        return load

    def at(self, bus: np.ndarray) -> np.ndarray:
        """Return 1 where a party is at a bus (N, n)."""
        return (np.arange(len(self.labels))[:, None] == bus).astype(float)

    def words(self, members: Sequence[int] | np.ndarray | None = None) -> str:
        """Return the names of the members, joined by +."""
        return "+".join(self.idrcs.name[i] for i in (self.members if members is None else members))


def _party(raw: dict[str, Any], bus: np.ndarray, hour: np.ndarray, price: str) -> Party:
    def series(word: str) -> np.ndarray:
        values = np.array(raw[word], dtype=float)
        return values[:, hour] if values.ndim == 2 else np.tile(values[:, None], len(hour))

    capacity, mileage, performance = (np.array(raw[word], float) for word in ("capacity", "mileage", "performance"))
    return Party(tuple(raw["name"]), bus, series(price), capacity, mileage, series("most"), performance)


def case(p: Any) -> Case:
    """Return the data of the case as the parameters say.

    Raises
    ------
    ProblemError
        Hours, IDRCs or members that are not there.
    """
    raw = data(p.case)
    hour, there = _hours(p, raw["hours"]), _names(p, raw)
    place = {label: k for k, label in enumerate(raw["buses"])}

    def buses(labels: Sequence[int]) -> np.ndarray:
        return np.array([place[label] for label in labels])

    gencos, retailers = (
        _party(raw[word], buses(raw[word]["bus"]), hour, price)
        for word, price in (("gencos", "energy"), ("retailers", "value"))
    )
    demand = np.zeros((len(place), len(hour)))
    demand[buses(raw["demand"]["bus"])] = np.array(raw["demand"]["series"])[:, hour]
    one = {word: np.array(values, dtype=float)[: len(there)] for word, values in raw["idrcs"].items() if word != "name"}
    wind, probability = _wind(p, one["availability"][:, :, hour], np.array(raw["probability"]))
    load = one["load"][:, hour]
    idrcs = Idrcs(
        there, buses(raw["idrcs"]["bus"][: len(there)]), one["eta"], one["performance"], one["capacity"],
        one["mileage"], one["outside_capacity"], load, wind, one["storage"], one["power"],
        one["load"].max(axis=1) / one["eta"] + one["power"],
    )  # fmt: skip
    lines, need = raw["lines"], raw["regulation"]
    limit = np.array(lines["one"] if p.lines == "one" else lines["all"], dtype=float)
    limit = np.where(np.isnan(limit) | (p.lines == "none"), np.inf, limit)
    total = demand.sum(axis=0) + retailers.most.sum(axis=0) + load.sum(axis=0)
    return Case(
        p.case, hour + 1, tuple(raw["buses"]), buses(lines["from"]), buses(lines["to"]),
        np.array(lines["susceptance"], dtype=float), limit, gencos, retailers, demand, idrcs, _members(p, there),
        probability, need["share"] * total, need["mileage_ratio"], need["unit_share"], raw["storage"], raw["caps"],
        raw["most"], raw["tariff"], raw["penalty"], p.resale,
    )  # fmt: skip


def _hours(p: Any, count: int) -> np.ndarray:
    last = count if p.last is None else p.last
    if not 1 <= p.first <= last <= count:
        raise kg.ProblemError(
            f"idrc_alliance: hours {p.first} to {last} are not within 1 to {count} of case {p.case!r}"
        )
    return np.arange(p.first - 1, last)


def _names(p: Any, raw: dict[str, Any]) -> tuple[str, ...]:
    count, most = raw["idrcs_by_default"] if p.idrcs is None else p.idrcs, len(raw["idrcs"]["name"])
    if not 1 <= count <= most:
        raise kg.ProblemError(f"idrc_alliance: idrcs is {count}; case {p.case!r} has 1 to {most}")
    return tuple(raw["idrcs"]["name"][:count])


def _members(p: Any, there: tuple[str, ...]) -> np.ndarray:
    unknown = [name for name in p.members if name not in there]
    if unknown or len(set(p.members)) < len(p.members):
        raise kg.ProblemError(
            f"idrc_alliance: members is {', '.join(p.members)}; give some of {', '.join(there)}, each once"
        )
    return np.array([k for k, name in enumerate(there) if name in p.members or not p.members])


def _wind(p: Any, known: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return wind (n, W, T) and probabilities (W,): those of the data, or drawn around their mean and reduced."""
    if p.scenarios is None:
        return known, probability
    mean, most = mean_wind(probability, known), known.max(axis=(1, 2))
    drawn = draw(mean, most, p.samples, p.seed)
    chosen, weight = reduce(drawn.reshape(p.samples, -1), p.scenarios)
    return np.moveaxis(drawn[chosen], 0, 1), weight


def mean_wind(probability: np.ndarray, wind: np.ndarray) -> np.ndarray:
    """Return the expectation (n, T) of wind (n, W, T), summed one scenario after the other on every CPU."""
    return (probability[:, None] * wind).sum(axis=1)


def draw(forecast: np.ndarray, most: np.ndarray, samples: int, seed: int, spread: float = 0.25) -> np.ndarray:
    """Return wind (samples, n, T) drawn around a forecast (n, T): ``forecast (1 + N(0, spread))`` within [0, most].

    To four digits: the last ones of normal numbers are those of the machine's ``exp`` and ``log1p``.
    """
    noise = np.random.default_rng(seed).standard_normal((samples, *forecast.shape))
    return np.clip(np.round(forecast * (1.0 + spread * noise), 4), 0.0, most[:, None])


def reduce(samples: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which samples stand for all of them, and their probabilities: fast forward selection.

    The next one is always that which makes the mean distance of all samples to their nearest chosen one least; each
    sample then gives its probability to the nearest. Source: Heitsch and Roemisch, Comput. Optim. Appl. 24 (2003).

    Parameters
    ----------
    samples : ndarray (m, k)
        Equally probable.
    count : int
    """
    distance = np.sqrt([((samples - one) ** 2).sum(axis=1) for one in samples])  # no BLAS: the same on every CPU
    chosen: list[int] = []
    nearest = np.full(len(samples), np.inf)
    for _ in range(count):
        gain = np.minimum(distance, nearest[:, None]).sum(axis=0)
        gain[chosen] = np.inf
        chosen.append(int(gain.argmin()))
        nearest = np.minimum(nearest, distance[:, chosen[-1]])
    owner = distance[:, chosen].argmin(axis=1)
    return np.array(chosen), np.bincount(owner, minlength=count) / len(samples)
