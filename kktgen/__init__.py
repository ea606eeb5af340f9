"""kktgen: bilevel problems with convex-QP followers as single-level models, files and certified answers.

::

    m = kg.Bilevel("name")                       declare: m.var, m.follower, f.var, add, minimize, maximize
    kg.optimize(m)                               the recipe in one call, or step by step:
    kg.kkt -> kg.eliminate -> kg.bound -> kg.encode -> kg.solve -> kg.verify
                                                    '--> kg.write, kg.dumps
    kg.write(m, "x.bilevel.json"), kg.read     problems as files; linear ones also as .aux with .mps
    kg.cut(model)                                valid inequalities from strong duality
    kg.certify(m, solution)                      the followers' responses proved optimal in rational numbers
    kg.explain(m)                                why there is no point, or no optimum
    kg.agree(m)                                  several encodings and solvers held against each other
    kg.robust(m, solution)                       a decision nearby at which followers' ties are settled
    kg.Auto  BigM  SOS1  Indicator  Product  StrongDuality        encodings of complementarity
    kg.QP, kg.Bilevel.from_matrices              problems by matrices, without expressions

``help(kg.optimize)`` and so on tell the rest; every error is a :class:`KktgenError`.
"""

from . import array_functions as _array_functions  # what NumPy's functions do to expressions
from .agree import agree
from .agreement import Agreement
from .bilevel import Bilevel
from .bounds import bound
from .catalog import beside
from .cuts import cut
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
from .exact import Certificate, certify
from .explain import Explanation, explain
from .expr import Affine, Quad
from .findings import Findings
from .follower import Follower
from .formats import dumps, read, read_map, read_solution, readers, write, write_solution
from .join import between, concatenate, stack
from .join import total as sum  # noqa: A004
from .kkt import kkt
from .lineage import die_with_parent
from .model import Model
from .optimize import Result, optimize
from .point_estimate import Estimate, point_estimate
from .qp import QP
from .relax import high_point, relax
from .report import Report, Tolerances
from .robust import robust
from .rows import QuadRow, Rows
from .solution import Solution
from .solvers import solve, solvers
from .verify import verify
from .wording import Table

__all__ = [
    "Affine",
    "Agreement",
    "Auto",
    "BigM",
    "Bilevel",
    "BoundError",
    "Certificate",
    "Estimate",
    "Explanation",
    "Findings",
    "Follower",
    "FormatError",
    "Indicator",
    "KktgenError",
    "Model",
    "NoSolutionError",
    "ProblemError",
    "Product",
    "QP",
    "Quad",
    "QuadRow",
    "Report",
    "Result",
    "Rows",
    "SOS1",
    "Solution",
    "SolverError",
    "SolverNotFound",
    "StrongDuality",
    "Table",
    "Tolerances",
    "UnsupportedError",
    "agree",
    "between",
    "beside",
    "bound",
    "certify",
    "concatenate",
    "cut",
    "die_with_parent",
    "dumps",
    "eliminate",
    "encode",
    "encodings",
    "explain",
    "high_point",
    "kkt",
    "optimize",
    "point_estimate",
    "read",
    "read_map",
    "read_solution",
    "readers",
    "relax",
    "robust",
    "solve",
    "solvers",
    "stack",
    "sum",
    "verify",
    "write",
    "write_solution",
]


def __dir__() -> list[str]:
    """Return the public names, and the folders that are used by name."""
    folders = {"formats", "plots", "search"} & globals().keys()
    return sorted([*__all__, *folders, *(name for name in globals() if name.startswith("__"))])
