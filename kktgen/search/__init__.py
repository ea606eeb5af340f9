"""Heuristics that find bilevel-feasible points: respond, search patterns, start points, polish, population searches.

Takes: a Bilevel.
Gives: points that are bilevel-feasible.
Must not know: bounds and claims.
"""

from __future__ import annotations

from .population.hunt import hho, nchho
from .population.record import Record, Search
from .respond import Responder, respond
from .start.pattern import pattern_search, pattern_step, polish
from .start.start import land_all, relax_and_respond, start_points

__all__ = [
    "Record", "Responder", "Search", "hho", "land_all", "nchho", "pattern_search", "pattern_step", "polish",
    "relax_and_respond", "respond", "start_points",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
