"""Sentences about what was proved of the followers' multipliers, and why the rest was not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...model.model import Model
from ...problem.columns import Space
from ...wording import first_names
from .job import Proved

SHOWN = 3
"""Most columns or followers a sentence names one by one."""

FAILED = "failed and proved nothing"
"""What a note says of linear programs that the solver could not solve, before the solver's own words."""

_SLATER = {
    "none": "no Slater point: no rule of the follower keeps all its rows for every decision of the leader",
    "unbounded": "its cost over the Slater point has no bound",
    "flat": "no Slater point: no rule of the follower keeps its squares and norms with slack for every decision",
    "found": "no slack at a common Slater point (implied equalities, or rows that some leader decision closes)",
}
_BASIC = {
    True: "its multipliers are used, so bounds on basic ones (D4) may not stand in",
    False: "too many bases to enumerate, and its rows are no network (D4)",
}


def unproved(model: Model, results: Sequence[Proved | None]) -> tuple[str, ...]:
    """Return one note for every kind of missing proof: the followers, how many rows, and why.

    Parameters
    ----------
    model : Model
        The model that was bounded.
    results : sequence of Proved or None
        One for every follower; None where the time ran out.
    """
    kkt = model.kkt
    assert kkt is not None
    reasons: dict[str, list[tuple[str, int]]] = {}
    for name, priced, proved in zip(kkt.followers, kkt.priced, results, strict=True):
        if proved is None:
            reasons.setdefault("not reached within the time limit", []).append((name, -1))
            continue
        missing = int((~np.isfinite(proved.dual_max)).sum())
        if missing and proved.late:
            reasons.setdefault("the time limit was reached before", []).append((name, missing))
        elif missing:
            why = f"{_SLATER[proved.slater]}{_loose(model, proved)}; {_BASIC[bool(priced)]}"
            reasons.setdefault(why, []).append((name, missing))
        free = int((~np.isfinite(proved.slack_max)).sum())
        if free and not (missing and proved.late):
            reasons.setdefault(f"their slack has no bound{_loose(model, proved)}", []).append((name, free))
    notes = [f"bounds: {_who(found, model.space)} without proof: {why}" for why, found in reasons.items()]
    words = [said for proved in results if proved is not None for said in proved.failures]
    if words:
        notes.append(f"bounds: {len(words)} linear program{'s' if len(words) > 1 else ''} {FAILED}: {words[0]}")
    return tuple(notes)


def failed(notes: Sequence[str]) -> str:
    """Return the note of linear programs that failed, empty where there is none."""
    return next((note for note in notes if FAILED in note), "")


def _loose(model: Model, proved: Proved) -> str:
    """Return the columns without a box, in words."""
    if not len(proved.loose):
        return ""
    names = [model.space.label(int(j)) for j in proved.loose[:SHOWN]]
    return f"; give bounds to {first_names(names, SHOWN, len(proved.loose))}"


def _who(found: list[tuple[str, int]], space: Space) -> str:
    """Return e.g. ``3 rows of 'market'`` or ``12 rows of 4 followers``."""
    names = space.whose(found[0][0]) if len(found) == 1 else f"{len(found)} followers ({found[0][0]!r}, ...)"
    rows = sum(count for _, count in found)
    return names if rows < 0 else f"{rows} row{'s' if rows > 1 else ''} of {names}"
