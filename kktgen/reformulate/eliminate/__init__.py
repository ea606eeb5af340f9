"""Cancel the leader's products of variables with expressions that vanish at every KKT point."""

from __future__ import annotations

from .result import Monomials, Weights
from .rewriting import eliminate, weights

__all__ = ["Monomials", "Weights", "eliminate", "weights"]
