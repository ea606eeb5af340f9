"""Records of what was proved of an instance: what each says, which are proofs, and the grade they earn.

A record is a ``[[known.history]]`` table. It is a *proof* of a value where its own bound closes the gap to it. Two
proofs are different where they rest on other encodings or on another solver.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..verification import report

GAP = 1e-4
"""Relative gap up to which a bound proves a value."""
SAME = 1e-6
"""Relative difference up to which two values are one."""
PROVED = "all proved"
"""What ``boxes`` says of a record whose every multiplier and slack lies in a proved box."""
DEFAULT_WAYS = (", auto,", "default recipe")
"""Words in ``by`` of a run by the default recipe on one thread."""
TRIVIAL, EASY = 1.0, 60.0
"""Seconds below which a proof by the default recipe is trivial, and easy."""

EXACT = "proved"
"""The claim of an optimum proved in rational numbers."""
TOP = (EXACT, *report.TOP)
"""Claims of a value that nothing betters."""
ENDED = (*TOP, "infeasible")
"""Claims that end the work on an instance."""

Record = Mapping[str, Any]


def value_of(record: Record) -> float | None:
    """Return the value a record, or ``[known]``, holds, proved or not."""
    found = next((record[key] for key in ("objective", "best", "value") if key in record), None)
    return None if found is None else float(found)


def gap(value: float | None, bound: float | None) -> float | None:
    """Return the relative distance between a value and a bound; None where one of them is missing."""
    if value is None or bound is None:
        return None
    return abs(float(bound) - value) / max(1.0, abs(value))


def same(one: float | None, other: float | None) -> bool:
    """Return whether two values are one, but for rounding; a missing one is none."""
    return one is not None and other is not None and abs(one - other) <= SAME * max(1.0, abs(other))


def beyond(sense: str, value: float, bound: float, tolerance: float = GAP) -> bool:
    """Return whether a value is better than a bound allows."""
    excess = bound - value if sense == "min" else value - bound
    return excess > tolerance * max(1.0, abs(value))


def better(sense: str, one: float, other: float) -> bool:
    """Return whether a value is better than another one, by more than rounding."""
    gain = other - one if sense == "min" else one - other
    return gain > SAME * max(1.0, abs(other))


def proofs(known: Record) -> list[Record]:
    """Return the records that prove the known value: their bound closes the gap to it."""
    value = value_of(known)
    near = [(record, gap(value, record.get("bound"))) for record in known.get("history", ())]
    return [record for record, distance in near if distance is not None and distance <= GAP]


def encodings_of(record: Record) -> frozenset[str]:
    """Return the names of the encodings a record rests on."""
    words = re.findall(r"[A-Za-z]\w*(?: [a-z]\w*)*", record.get("encoding", ""))
    return frozenset(word.lower() for word in words)


def solver_of(record: Record) -> str:
    """Return the name of a record's solver, without its version."""
    return (record.get("solver", "").split() or [""])[0].lower()


def different(one: Record, other: Record) -> bool:
    """Return whether two records rest on other encodings or on another solver, as far as both say so."""
    told = [(encodings_of(record), solver_of(record)) for record in (one, other)]
    apart = [bool(a) and bool(b) and a != b for a, b in zip(*told, strict=True)]
    return any(apart)


def is_backed(known: Record) -> bool:
    """Return whether the claim ``optimal`` is backed: by one proof with all boxes proved, or two different ones."""
    found = proofs(known)
    if any(record.get("boxes") == PROVED for record in found):
        return True
    return any(different(one, other) for k, one in enumerate(found) for other in found[:k])


def standing(known: Record) -> Record:
    """Return the record that the known value rests on: the latest that has and proves it, that has it, that proves it.

    Where nothing is recorded, what ``source`` tells is taken; nothing where there is no value.
    """
    told = known if known.get("history") else {**known, "history": first_records(known)}
    value = value_of(told)
    if value is None:
        return {}
    there = [one for one in told["history"] if (apart := gap(value_of(one), value)) is not None and apart <= GAP]
    backed = [one for one in there if any(one is proof for proof in proofs(told))]
    return next((some[-1] for some in (backed, there, proofs(told)) if some), {})


def grade(known: Record) -> str:
    """Return the grade the records earn; a proof by the default recipe by its seconds."""
    if known.get("claim") not in ENDED:
        return "open"
    least = min(default_seconds(known.get("history", ())), default=None)
    if least is None or least >= EASY:
        return "hard"
    return "trivial" if least < TRIVIAL else "easy"


def default_seconds(history: Sequence[Record]) -> Iterable[float]:
    """Yield the seconds of the runs by the default recipe that ended with a proof."""
    for record in history:
        ended = record.get("claim") in ENDED
        if ended and "seconds" in record and any(way in record.get("by", "") for way in DEFAULT_WAYS):
            yield float(record["seconds"])


_TAKEN = re.compile(r"(\d+(?:\.\d+)?) s of \d+ s")
_SOLVER = re.compile(r"\b(SCIP|HiGHS|Gurobi|CPLEX)( \d[\w.]*)?")
_ENCODED = re.compile(r"(\d+) (BigM|SOS1|Indicator|StrongDuality|Product)")
_CHECK = re.compile(r"^(\w+) encoding, (\S+ \S+): optimal at (\S+)$")


def first_records(known: Record) -> list[dict[str, Any]]:
    """Return what ``source`` and ``check`` tell as records, for an instance that has none."""
    value, out = value_of(known), []
    if known.get("history") or "source" not in known or value is None:
        return []
    said = known["source"]
    own = {key: known[key] for key in ("bound", "claim") if key in known}
    first = {"objective" if known.get("claim") == "optimal" else "best": value, **own, "by": said}
    out.append(first | _read(said))
    found = _CHECK.match(known.get("check", ""))
    if found:
        seen = float(found[3])
        if abs(seen - value) <= 1e-3 * max(1.0, abs(value)):  # printed with few digits
            second = {"objective": value, "bound": value, "claim": "optimal", "by": known["check"]}
            out.append({**second, "encoding": found[1], "solver": found[2]})
    return out


def _read(said: str) -> dict[str, Any]:
    """Return what a sentence such as ``.., SCIP 10.0.2, 0.4 s of 60 s; pairs: 6 BigM (proved)`` tells, by key."""
    out: dict[str, Any] = {}
    taken, solver, encoded = _TAKEN.search(said), _SOLVER.search(said), _ENCODED.findall(said)
    if taken:
        out["seconds"] = float(taken[1])
    if encoded:
        out["encoding"] = ", ".join(f"{name} {count}" for count, name in encoded)
    if solver:
        out["solver"] = solver[0]
    return out
