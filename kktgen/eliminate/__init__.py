"""Cancel the leader's products of variables with expressions that vanish at every KKT point."""

from __future__ import annotations

from .rewriting import Monomials, Weights, eliminate, weights

__all__ = ["Monomials", "Weights", "eliminate", "weights"]
