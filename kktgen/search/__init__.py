"""Heuristics that find bilevel-feasible points: respond, search patterns, start points, polish."""

from __future__ import annotations

from .pattern import pattern_search, pattern_step, polish
from .respond import Responder, respond
from .start import relax_and_respond, start_points

__all__ = [
    "Responder", "pattern_search", "pattern_step", "polish", "relax_and_respond", "respond", "start_points"
]  # fmt: skip
