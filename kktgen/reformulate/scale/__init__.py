"""Models stated in units in which their numbers are of order one, and the way back.

Solvers, proofs of bounds and verification work to absolute tolerances, users in W, GW, EUR/Wh. Every stage that
compares a number with a constant works on :func:`scaled`, the same model in units in which its numbers are of order
one. All units are powers of two, so a number is scaled and scaled back without rounding.
"""

from __future__ import annotations

from .scaled import Scaled, as_it_stands, scaled

__all__ = ["Scaled", "as_it_stands", "scaled"]
