"""kktgen: bilevel problems with convex-QP followers as single-level models, files and certified answers."""

from .bilevel import Bilevel, Follower, Variable
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
from .expr import Affine, Quad, QuadRow, Rows, between, concatenate, stack
from .expr import total as sum  # noqa: A004
from .kkt import high_point, kkt
from .model import Model
from .qp import QP
from .relax import relax
from .solution import Solution
