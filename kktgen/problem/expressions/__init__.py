"""Linear and quadratic expressions over the columns of a Space.

An :class:`Affine` is the array ``M z + c`` of any shape, a :class:`Quad` the scalar ``1/2 z'Pz + q'z + r``; operators
are sparse algebra, there are no expression trees. Comparing expressions gives :class:`~kktgen.problem.rows.Rows` or a
:class:`~kktgen.problem.rows.QuadRow`, which a problem's ``add`` takes.
"""

from .affine import Affine, Declaration, price
from .base import FUNCTIONS, Expression
from .numbers import floats, numbers
from .quad import Quad, same_space

__all__ = ["FUNCTIONS", "Affine", "Declaration", "Expression", "Quad", "floats", "numbers", "price", "same_space"]
