"""The single-level model that every stage passes on, the KKT model made from a problem, and what a solver found.

Takes: a Bilevel.
Gives: a Model with its KKT system and complementarity pairs, a Solution.
Must not know: how pairs are encoded, files, solvers.
"""

from __future__ import annotations

from .model import FEATURES, Model

__all__ = ["FEATURES", "Model"]
