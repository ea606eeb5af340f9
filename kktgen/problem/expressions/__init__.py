"""Linear and quadratic expressions over the columns of a Space.

An :class:`Affine` is the array ``M z + c`` of any shape, a :class:`Quad` the scalar ``1/2 z'Pz + q'z + r``, a
:class:`QuadArray` an array of such scalars with one table of products; operators are sparse algebra, there are no
expression trees. Comparing expressions gives :class:`~kktgen.problem.rows.Rows`, a
:class:`~kktgen.problem.rows.QuadRow` or :class:`~kktgen.problem.rows.QuadRows`, which a problem's ``add`` takes.
"""

from .affine import Affine, Declaration, price
from .base import FUNCTIONS, Expression
from .numbers import floats, numbers
from .quad import Quad, same_space
from .quad_array import QuadArray, between_sides

__all__ = [
    "FUNCTIONS",
    "Affine",
    "Declaration",
    "Expression",
    "Quad",
    "QuadArray",
    "between_sides",
    "floats",
    "numbers",
    "price",
    "same_space",
]
