"""kktgen: bilevel problems with convex-QP followers as single-level models, files and certified answers."""

from .bilevel import Bilevel
from .bounds import bound
from .eliminate import eliminate
from .encodings import encode, encodings
from .encodings.auto import Auto
from .encodings.big_m import BigM
from .encodings.indicator import Indicator
from .encodings.product import Product
from .encodings.sos1 import SOS1
from .encodings.strong_duality import StrongDuality
from .errors import (
    BoundError,
    FormatError,
    KktgenError,
    NoSolutionError,
    ProblemError,
    SolverError,
    SolverNotFound,
    UnsupportedError,
)
from .expr import Affine, Quad
from .follower import Follower
from .formats import dumps, read_solution, write, write_solution
from .join import between, concatenate, stack
from .join import total as sum  # noqa: A004
from .kkt import high_point, kkt
from .model import Model
from .optimize import Result, optimize
from .qp import QP
from .relax import relax
from .report import Report, Tolerances
from .rows import QuadRow, Rows
from .solution import Solution
from .solvers import solve, solvers
from .verify import verify
