"""kktgen: bilevel problems with convex-QP followers as single-level models, files and certified answers.

::

    m = kg.Bilevel("name")                       declare: m.var, m.follower, f.var, add, minimize, maximize
    m.complements(F, kg.between(l, x, u))        complementarity said directly; without an objective: an equilibrium
    kg.optimize(m)                               the recipe in one call, or step by step:
    kg.kkt -> kg.eliminate -> kg.bound -> kg.encode -> kg.solve -> kg.verify
                                                    '--> kg.write, kg.dumps
    kg.master(m, responses)                    a relaxation over responses of followers with integer variables
    kg.write(m, "x.bilevel.json"), kg.read     problems as files; linear ones also as .aux with .mps
    kg.decompose(model), kg.tighten(model, point)     many followers: subproblems, smaller boxes by rounds over them
    kg.cut(model)                                valid inequalities from strong duality
    kg.certify(m, solution)                      the followers' responses proved optimal in rational numbers
    kg.prove(m, solution)                        the leader's optimum too, trusting no solver
    kg.explain(m)                                why there is no point, or no optimum
    kg.alignment(m)                              does the leader want what the followers want, or the opposite
    kg.agree(m)                                  several encodings and solvers held against each other
    kg.robust(m, solution)                       a decision nearby at which followers' ties are settled
    kg.pessimistic(m)                            the problem in which followers break ties against the leader
    kg.inner_copy(m)                             a problem without curved rows that bounds one with such rows
    kg.regret(m, outcome)                        what one of several leaders could still gain at a market outcome
    kg.Auto  BigM  SOS1  Indicator  Product  StrongDuality        encodings of complementarity
    kg.QP, kg.Bilevel.from_matrices              problems by matrices, without expressions
    kg.matrices, kg.highs                        a follower from matrices, an .lp or .mps, a HiGHS object: .follower(..)
    kg.linopy, kg.pypsa                          a follower from a model of linopy or PyPSA, and the answer back into it
    kg.cvxpy                                     a follower from a cvxpy problem, whose parameters the leader decides
    kg.pyomo, kg.mof                             a problem from a Pyomo model with followers as blocks, from JuMP files

``help(kg.optimize)`` and so on tell the rest; every error is a :class:`KktgenError`.

The house, from the ground up: a room imports only from rooms above it in this list, and never these public names.

::

    errors          the exceptions: what is wrong, where, how to cure it
    wording         how messages and tables are worded
    markup          pieces of HTML: escaped text, tables, cards of notebooks, pages
    progress        how far a computation is: records, a live line
    installed       which version of kktgen is installed
    lazy            public names imported when they are first used
    deadline        seconds left of a time limit, and each stage's share
    executors       work handed to other processes; what a dead one leaves is done here
    numerics        arrays alone: sparse rows, LPs and QPs, intervals, convexity, safe bounds
    problem         what a user declares: columns, expressions, rows, leader, followers
    model           the single-level model, its KKT system and pairs, what a solver found
    reformulate     model to model: products away, boxes proved, inequalities added, own units
    encodings       model to model without complementarity: one file each
    formats         model or problem to file and back: one file each
    interop         models of other tools as followers: linopy, PyPSA, HiGHS, matrices; one file each
    solvers         model to solution: one file each
    catalog         models and instances: found, loaded, parametrised, drawn
    verification    solution to report: residuals, followers re-solved, claims, ties
    exact           solution to certificate in rational numbers
    search          points without a proof: start points, population searches
    decompose       many followers taken apart, smaller boxes by rounds; trees over few columns they share
    lagrangian      what rounds over many followers have proved, as a file, and its check
    recipes         the whole pipeline in one call: optimize, agree, robust, explain
    library         instances with stored problems, points and records: added, checked, listed
    benchmarks      many runs, each in a process of its own, kept line by line, judged and compared
    webpages        the library and the results of runs as pages that sort, filter and open
    guide           the pages of kktgen help, in Markdown
    cli             the command line
"""

from typing import TYPE_CHECKING

from .lazy import make_lazy

if TYPE_CHECKING:  # the names for editors and type checkers; each is imported when it is first used
    from . import formats, search
    from .catalog import beside, plots
    from .catalog.findings import Findings
    from .catalog.plots import plot
    from .decompose.blocks import Blocks, decompose
    from .decompose.tighten import tighten
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
    from .exact import Certificate, Proof, certify, prove
    from .formats import dumps, read, read_map, read_solution, readers, write, write_solution
    from .installed import __version__
    from .interop import cvxpy, highs, linopy, matrices, mof, pyomo, pypsa
    from .model.kkt import kkt
    from .model.model import Model
    from .model.relaxations import high_point, relax
    from .model.solution import Solution
    from .problem.bilevel import Bilevel
    from .problem.combine import between, concatenate, stack
    from .problem.combine import total as sum  # noqa: A004
    from .problem.expressions import Affine, Quad, QuadArray
    from .problem.follower import Follower
    from .problem.norms import norm
    from .problem.qp import QP
    from .problem.rows import QuadRow, QuadRows, Rows
    from .progress import Progress
    from .recipes.agree import agree
    from .recipes.agree.agreement import Agreement
    from .recipes.explain import Explanation, explain
    from .recipes.inner_copy import inner_copy
    from .recipes.optimize import optimize
    from .recipes.pessimistic import pessimistic
    from .recipes.pipeline import Result
    from .recipes.point_estimate import Estimate, point_estimate
    from .recipes.regret import Regret, regret
    from .recipes.responses.master import master
    from .recipes.robust import robust
    from .reformulate import bounds
    from .reformulate.alignment import alignment
    from .reformulate.bounds import bound
    from .reformulate.cuts import cut
    from .reformulate.eliminate import eliminate
    from .solvers import solve, solvers
    from .solvers.isolation.lineage import die_with_parent
    from .verification.report import Report, Tolerances
    from .verification.verify import verify
    from .wording import Table

__all__ = [
    "Affine",
    "Agreement",
    "Auto",
    "BigM",
    "Bilevel",
    "Blocks",
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
    "Progress",
    "Proof",
    "QP",
    "Quad",
    "QuadArray",
    "QuadRow",
    "QuadRows",
    "Regret",
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
    "alignment",
    "between",
    "beside",
    "bound",
    "certify",
    "concatenate",
    "cut",
    "decompose",
    "die_with_parent",
    "dumps",
    "eliminate",
    "encode",
    "encodings",
    "explain",
    "high_point",
    "inner_copy",
    "kkt",
    "master",
    "norm",
    "optimize",
    "pessimistic",
    "plot",
    "point_estimate",
    "prove",
    "read",
    "read_map",
    "read_solution",
    "readers",
    "regret",
    "relax",
    "robust",
    "solve",
    "solvers",
    "stack",
    "sum",
    "tighten",
    "verify",
    "write",
    "write_solution",
]

make_lazy(
    __name__,
    {
        "catalog": "beside",
        "catalog.findings": "Findings",
        "catalog.plots": ". plot",
        "decompose.blocks": "Blocks decompose",
        "decompose.tighten": "tighten",
        "encodings": "encode encodings",
        "encodings.auto": "Auto",
        "encodings.big_m": "BigM",
        "encodings.indicator": "Indicator",
        "encodings.product": "Product",
        "encodings.sos1": "SOS1",
        "encodings.strong_duality": "StrongDuality",
        "errors": "BoundError FormatError KktgenError NoSolutionError ProblemError SolverError SolverNotFound "
        "UnsupportedError",
        "exact": "Certificate Proof certify prove",
        "formats": ". dumps read read_map read_solution readers write write_solution",
        "installed": "__version__",
        "interop.cvxpy": ".",
        "interop.highs": ".",
        "interop.linopy": ".",
        "interop.matrices": ".",
        "interop.mof": ".",
        "interop.pyomo": ".",
        "interop.pypsa": ".",
        "model.kkt": "kkt",
        "model.model": "Model",
        "model.relaxations": "high_point relax",
        "model.solution": "Solution",
        "problem.bilevel": "Bilevel",
        "problem.combine": "between concatenate stack total=sum",
        "problem.expressions": "Affine Quad QuadArray",
        "problem.follower": "Follower",
        "problem.norms": "norm",
        "problem.qp": "QP",
        "problem.rows": "QuadRow QuadRows Rows",
        "progress": "Progress",
        "recipes.agree": "agree",
        "recipes.agree.agreement": "Agreement",
        "recipes.explain": "Explanation explain",
        "recipes.inner_copy": "inner_copy",
        "recipes.optimize": "optimize",
        "recipes.pessimistic": "pessimistic",
        "recipes.pipeline": "Result",
        "recipes.point_estimate": "Estimate point_estimate",
        "recipes.regret": "Regret regret",
        "recipes.responses.master": "master",
        "recipes.robust": "robust",
        "reformulate.alignment": "alignment",
        "reformulate.bounds": ". bound",
        "reformulate.cuts": "cut",
        "reformulate.eliminate": "eliminate",
        "search": ".",
        "solvers": "solve solvers",
        "solvers.isolation.lineage": "die_with_parent",
        "verification.report": "Report Tolerances",
        "verification.verify": "verify",
        "wording": "Table",
    },
)
