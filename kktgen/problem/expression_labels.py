"""Which labels the entries of an expression have: those it was declared or imported with, or its variables'."""

from __future__ import annotations

from .coords import Coords, of_array
from .expressions import Affine
from .labelled import labels_of


def coords_of_expression(expr: Affine) -> Coords | None:
    """Return the labels of an expression's entries, None where no axis has any."""
    if expr.labels is not None:
        return of_array(expr.labels)
    if expr.declared is not None and expr.size:
        first = int(expr.M.indices[0])
        block = next((b for b in expr.space.blocks if b.start <= first < b.stop), None)
        if block is not None and block.coords and block.word == expr.declared.name and block.shape == expr.shape:
            return block.coords
    return labels_of(expr.space, expr.M, expr.shape)
