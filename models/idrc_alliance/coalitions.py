"""Values of all coalitions, the Shapley value, and which coalition is chosen in which hour."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import IO, Any

import numpy as np

import kktgen as kg
from kktgen.formats.writing.files import replace_file

Coalition = tuple[int, ...]


def coalitions(members: Any) -> tuple[Coalition, ...]:
    """Return the nonempty subsets of the members, small ones first."""
    members = sorted(int(i) for i in members)
    return tuple(part for size in range(1, len(members) + 1) for part in combinations(members, size))


def shapley(value: Mapping[Coalition, Any], coalition: Coalition) -> np.ndarray:
    """Return the Shapley value of each member of a coalition (n,), or (n, T) where values are series.

    ``phi_i = sum_{S in K, i in S} (|S|-1)! (|K|-|S|)! / |K|! (v(S) - v(S without i))``, the value of nobody being zero.

    Raises
    ------
    ProblemError
        The value of some part of the coalition is missing.
    """
    count = len(coalition)
    out = []
    for i in coalition:
        share: Any = 0.0
        for part in coalitions(coalition):
            if i not in part:
                continue
            rest = tuple(j for j in part if j != i)
            if part not in value or (rest and rest not in value):
                raise kg.ProblemError(f"idrc_alliance: no value of coalition {part if part not in value else rest}")
            weight = factorial(len(part) - 1) * factorial(count - len(part)) / factorial(count)
            gain = np.asarray(value[part], dtype=float) - (np.asarray(value[rest], dtype=float) if rest else 0.0)
            share = share + weight * gain
        out.append(share)
    return np.array(out)


@dataclass(frozen=True, eq=False)
class Value:
    """What a coalition earns: hour by hour (T,), on the day, the proved bound on the day, the claim, seconds."""

    hourly: np.ndarray
    day: float
    bound: float | None
    claim: str
    seconds: float


class Record:
    """Values on disk: a JSON file, replaced as a whole after every coalition, for one problem alone.

    Raises
    ------
    FormatError
        The file cannot be read, or holds values of another problem.
    """

    def __init__(self, path: str | Path | None, key: Mapping[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.key = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self.about = {name: str(value) for name, value in key.items() if name != "data"}
        self.values: dict[str, dict[str, Any]] = {}
        if self.path is not None and self.path.exists():
            try:
                stored = json.loads(self.path.read_text(encoding="utf-8"))
                found, values = stored["key"], dict(stored["values"])
            except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
                raise kg.FormatError(f"record {self.path} cannot be read: {error}; move it away") from None
            if found != self.key:
                raise kg.FormatError(
                    f"record {self.path} holds coalitions of other parameters ({stored.get('about')}); "
                    "give another file or move it away"
                )
            self.values = values

    def get(self, name: str) -> Value | None:
        """Return the value on record of a coalition by name; None where there is none."""
        found = self.values.get(name)
        return None if found is None else Value(**{**found, "hourly": np.array(found["hourly"])})

    def put(self, name: str, value: Value) -> None:
        """Add a value and write the file."""
        self.values[name] = {**vars(value), "hourly": value.hourly.tolist()}
        if self.path is None:
            return
        text = json.dumps({"key": self.key, "about": self.about, "values": self.values}, indent=1)

        def fill(file: IO[bytes]) -> None:
            file.write(f"{text}\n".encode())

        replace_file(self.path, fill)


def values(
    games: Mapping[Coalition, Any],
    names: Mapping[Coalition, str],
    record: Record,
    hourly: Callable[[Any, Any], np.ndarray],
    *,
    executor: Executor | None = None,
    progress: Callable[[Mapping[str, Any]], Any] | None = None,
    **options: Any,
) -> dict[Coalition, Value]:
    """Return the value of every coalition; those on record are not solved again.

    Parameters
    ----------
    games : mapping of coalition to Bilevel
    names : mapping of coalition to str
    record : Record
    hourly : callable
        Profit by hour of a game and its solution.
    executor : concurrent.futures.Executor, optional
        Solves coalitions in parallel.
    progress : callable, optional
        Called with ``done``, ``total`` and ``text`` after every coalition.
    **options
        Of :func:`kktgen.optimize`.

    Raises
    ------
    NoSolutionError
        A coalition's problem has no point within the limits.
    """
    known = {part: record.get(names[part]) for part in games}
    open_ = [part for part, value in known.items() if value is None]

    def tell(text: str) -> None:
        if progress is not None:
            done = sum(value is not None for value in known.values())
            progress({"done": done, "total": len(known), "text": text})

    tell("coalitions on record")
    for part, result in _solved({part: games[part] for part in open_}, executor, options):
        sol = result.solution
        if sol.z is None:
            raise kg.NoSolutionError(f"coalition {names[part]}: {sol.status}, no point; give more time")
        value = Value(
            hourly(games[part], sol), float(sol.objective), result.bound, result.report.claim,
            float(sum(result.seconds.values())),
        )  # fmt: skip
        known[part] = value
        record.put(names[part], value)
        tell(f"coalition {names[part]}: {value.day:.2f}")
    return {part: value for part, value in known.items() if value is not None}


def _solved(games: Mapping[Coalition, Any], executor: Executor | None, options: Mapping[str, Any]) -> Any:
    """Yield coalition and result as they come."""
    if executor is None:
        for part, game in games.items():
            yield part, kg.optimize(game, **options)
        return
    jobs = {executor.submit(kg.optimize, game, **options): part for part, game in games.items()}
    try:
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    finally:
        for job in jobs:
            job.cancel()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What comes out of a strategy: received profit (n, T), share of hours with what was expected, who is together.

    ``chosen`` names the coalition of every hour, empty where everyone stays alone.
    """

    received: np.ndarray
    satisfied: float
    chosen: tuple[Coalition, ...]

    @property
    def total(self) -> float:
        """Profit of all on the day, after the costs of cooperation."""
        return float(self.received.sum())


def alone(value: Mapping[Coalition, np.ndarray]) -> np.ndarray:
    """Return what everyone earns without an alliance (n, T)."""
    return np.array([value[part] for part in sorted(part for part in value if len(part) == 1)])


def strategies(
    value: Mapping[Coalition, np.ndarray], expectation: float, cost: float, cost_chosen: float
) -> tuple[Outcome, Outcome, Outcome]:
    """Return the outcomes of the paper's three strategies for hourly values.

    Parameters
    ----------
    value : mapping of coalition to (T,)
        Of all nonempty coalitions.
    expectation : float
        Everyone expects this times what it earns alone.
    cost : float
        Of cooperation, a member and hour, where all are always together (the second strategy).
    cost_chosen : float
        The same where a coalition needs that all its members get what they expect (the third).
    """
    single = alone(value)
    expected = expectation * single
    everyone = max(value, key=len)
    hours = single.shape[1]
    joint = shapley(value, everyone) - cost
    chosen = choose(value, expected, cost_chosen)
    received = single.copy()
    for part in set(chosen):
        if part:
            at = np.array([pick == part for pick in chosen])
            row = np.searchsorted([p[0] for p in sorted(p for p in value if len(p) == 1)], part)
            received[np.ix_(row, at)] = (shapley(value, part) - cost_chosen)[:, at]

    def outcome(received: np.ndarray, chosen: tuple[Coalition, ...]) -> Outcome:
        return Outcome(received, float((received >= expected - 1e-6).mean()), chosen)

    return outcome(single, ((),) * hours), outcome(joint, (everyone,) * hours), outcome(received, chosen)


def choose(value: Mapping[Coalition, np.ndarray], expected: np.ndarray, cost: float) -> tuple[Coalition, ...]:
    """Return the coalition of every hour, or none: the one of largest total among those all of whose members gain.

    Coalition K is admissible when ``phi_i(K) - cost >= expected_i`` for all its members; its total is what it earns
    less the costs, and what the others earn alone. One coalition an hour at most, so looking at all of them solves it.
    """
    people = [part[0] for part in sorted(part for part in value if len(part) == 1)]
    single = alone(value)
    chosen: list[Coalition] = [()] * single.shape[1]
    best = single.sum(axis=0)
    for part in sorted((part for part in value if len(part) > 1), key=lambda part: (len(part), part)):
        rows = np.searchsorted(people, part)
        share = shapley(value, part) - cost
        others = np.delete(single, rows, axis=0).sum(axis=0)
        total = share.sum(axis=0) + others
        better = (share >= expected[rows] - 1e-9).all(axis=0) & (total > best + 1e-9)
        best = np.where(better, total, best)
        chosen = [part if take else old for take, old in zip(better, chosen, strict=True)]
    return tuple(chosen)
