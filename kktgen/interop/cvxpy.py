"""A follower from a cvxpy problem whose parameters are expressions of the leader, and the answer back into it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..errors import ProblemError, UnsupportedError
from ..numerics.intervals import interval
from ..numerics.sparse import widen
from ..problem.bilevel import Bilevel
from ..problem.columns import LEADER
from ..problem.expressions import Affine, numbers
from ..problem.norms import norm
from ..problem.refusals import NoSuchKey
from ..problem.variables import of_problem
from ..wording import first_names
from . import matrices
from .cvxpy_program import Program, positions, program
from .imported import Imported, Multipliers
from .names import new_name

__all__ = ["CvxpyFollower", "follower"]
INSTALL = "pip install 'kktgen[cvxpy]'"
SIGNS = {"nonneg": (0.0, np.inf), "pos": (0.0, np.inf), "nonpos": (-np.inf, 0.0), "neg": (-np.inf, 0.0),
         "boolean": (0.0, 1.0)}  # fmt: skip
"""Between which values a parameter with an attribute lies."""
REFUSED = ("PSD", "NSD")
"""Attributes of parameters that no linear expression of the leader is known to have."""


class CvxpyFollower(Imported):
    """A cvxpy problem as a follower: its variables by themselves or by name, duals of its constraints as cvxpy's own.

    Attributes
    ----------
    problem : cvxpy.Problem
    dual : mapping of Constraint to Affine
        In the sign of cvxpy's ``dual_value``: of ``==`` it is minus the price of the right-hand side.
    objective : Quad
        cvxpy's objective, in its own sense.

    See Also
    --------
    kktgen.interop.cvxpy.follower : Makes one.

    Examples
    --------
    See :func:`kktgen.interop.cvxpy.follower`; without cvxpy there is none.

    >>> import kktgen as kg
    >>> [name for name in ("assign", "at") if name in dir(kg.cvxpy.CvxpyFollower)]
    ['assign', 'at']
    """

    def __init__(self, plain: Imported, problem: Any, found: Program, given: Mapping[Any, Any]) -> None:
        super().__init__(plain.follower, plain.z, plain.sides, plain.places, plain.rows, plain.objective)
        self.problem, self.variables, self.given = problem, found.variables, dict(given)
        self.dual: Any = Duals(self.dual, found.constraints)

    def __getitem__(self, key: Any) -> Affine:
        """Return a variable, or what stands for a parameter, in its shape."""
        if isinstance(key, str):
            named = [one for one in (*self.variables, *self.given) if one.name() == key]
            if len(named) != 1:
                raise NoSuchKey(
                    f"follower {self.follower.name!r}: {len(named) or 'no'} variables or parameters are named {key!r}; "
                    f"there are {first_names(_names((*self.variables, *self.given)), 6)}"
                )
            key = named[0]
        if _among(key, self.given):
            return self._constant(self.given[key])
        if not _among(key, self.variables):
            raise NoSuchKey(
                f"follower {self.follower.name!r}: {key} is no variable or parameter of the problem, which has "
                f"{first_names(_names((*self.variables, *self.given)), 6)}"
            )
        return self._variable(key.name(), self.variables[key])

    def _constant(self, value: Any) -> Affine:
        """Return an expression, of numbers too."""
        out: Affine = value if isinstance(value, Affine) else self.at(np.full(np.shape(value), -1)) + value
        return out

    def __iter__(self) -> Iterator[Any]:
        return iter(self.variables)

    def __len__(self) -> int:
        return len(self.variables)

    def assign(self, solution: Any) -> None:
        """Write a solution into the cvxpy problem: values of its variables and parameters, duals of its constraints.

        ``problem.objective.value`` is then the follower's.

        Parameters
        ----------
        solution : Solution
            Of :func:`kktgen.optimize` and the like, with a point.

        Raises
        ------
        NoSolutionError
            There is no point in it.

        Examples
        --------
        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("cvxpy"):                 # pip install 'kktgen[cvxpy]'
        ...     import cvxpy as cp
        ...     y, level = cp.Variable(name="y"), cp.Parameter(name="level")
        ...     m = kg.Bilevel("back")
        ...     x = m.var("x", lb=0, ub=5)
        ...     f = kg.cvxpy.follower(cp.Problem(cp.Minimize(cp.square(y - 1)), [y >= level]), m, {level: x})
        ...     m.maximize(f[y])
        ...     f.assign(kg.optimize(m).solution)
        ...     assert abs(y.value - 5) < 1e-6 and abs(level.value - 5) < 1e-6
        """
        point, prices = self.point(solution), self.dual.point(solution)
        for variable, at in self.variables.items():
            _set(variable, np.append(point, 0.0)[at])
        for parameter, value in self.given.items():
            _set(parameter, np.asarray(solution[value] if isinstance(value, Affine) else value, dtype=float))
        for constraint, at in self.dual.places.items():
            constraint.save_dual_value(prices[at])


class Duals(Mapping[Any, Affine]):
    """Duals of cvxpy's constraints, in the sign of their ``dual_value`` and in its shape."""

    __eq__, __hash__ = object.__eq__, object.__hash__

    def __init__(self, plain: Multipliers, places: Mapping[Any, np.ndarray]) -> None:
        self.plain, self.places = plain, places
        self._known = {one.id: at for one, at in places.items()}

    def __getitem__(self, constraint: Any) -> Affine:
        at = self._known.get(getattr(constraint, "id", None))
        if at is None:
            raise NoSuchKey(
                f"follower {self.plain.follower.name!r}: {constraint} is no constraint of the problem, which has "
                f"{len(self.places)}. Keep the object that is in its list: balance = cp.sum(g) == load"
            )
        return self.plain.at(at)

    def point(self, solution: Any) -> np.ndarray:
        """Return the values in a solution, by position (k,)."""
        return self.plain.point(solution)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def follower(problem: Any, m: Bilevel, parameters: Mapping[Any, Any], *, name: str = "follower") -> CvxpyFollower:
    """Declare a cvxpy problem as a follower; its parameters are what the leader decides.

    Parameters may stand in right-hand sides and multiply variables in the objective. Absolute values, maxima, norms 1
    and infinity, positive parts become rows as cvxpy has them; squares become the quadratic cost. Euclidean norms,
    and squares in constraints, become rows with norms (:func:`kktgen.norm`); the model is nonconvex then.

    Parameters
    ----------
    problem : cvxpy.Problem
        Convex by cvxpy's rules, for parameters too (DPP).
    m : Bilevel
    parameters : mapping of Parameter to expression
        For every parameter a linear expression of the leader in its shape, or numbers.
    name : str
        Of the follower.

    Returns
    -------
    CvxpyFollower
        ``f[variable]`` in the variable's shape, ``f.dual[constraint]`` in the sign of ``constraint.dual_value``.

    Raises
    ------
    ProblemError
        No cvxpy problem; not convex; integer variables; parameters that are missing, unknown, of another shape, or
        whose attributes (``nonneg``, ``symmetric``) the expression does not keep.
    UnsupportedError
        Not DPP; cones other than rows and norms; a parameter that multiplies a variable in a row, or a square.

    See Also
    --------
    kktgen.interop.matrices.follower : The same from matrices.

    Notes
    -----
    * cvxpy's dual of ``left == right`` is d(minimised cost)/d(left), minus the price of the right-hand side; those of
      inequalities are nonnegative. ``cp.SOC`` itself has none here.
    * Terms of the objective in parameters alone are no cost of the follower; ``f.objective`` holds them.
    * Read from ``get_problem_data``, whose tensors cvxpy does not document: tested with cvxpy 1.9.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("cvxpy"):                     # pip install 'kktgen[cvxpy]'
    ...     import cvxpy as cp
    ...     g, price = cp.Variable(2, name="g", nonneg=True), cp.Parameter(name="price")
    ...     balance = cp.sum(g) == 100
    ...     market = cp.Problem(cp.Minimize(price * g[0] + 30 * g[1]), [balance, g <= [60, 80]])
    ...     m = kg.Bilevel("bidding")
    ...     offer = m.var("offer", lb=0, ub=60)
    ...     f = kg.cvxpy.follower(market, m, {price: offer}, name="market")
    ...     m.maximize(-f.dual[balance] @ f[g][0] - 10 * f[g][0])
    ...     result = kg.optimize(m)
    ...     f.assign(result.solution)
    ...     assert abs(result.solution.objective - 1200) < 1e-6
    ...     assert abs(balance.dual_value + 30) < 1e-6 and abs(g.value[0] - 60) < 1e-6
    """
    where = f"follower {name!r}"
    _refuse(problem, m, where)
    given = _given(problem, m, parameters, where)
    fixed = {leaf: value for leaf, value in given.items() if not isinstance(value, Affine)}
    found = program(problem, fixed, where)
    reduced = {key: _entries(given[leaf], found.parameters[leaf]) for key, leaf in found.stands.items()}
    sign = -1.0 if type(problem.objective).__name__ == "Maximize" else 1.0
    plain = matrices.follower(
        m, sign * found.P, sign * found.q, found.A, found.lo, found.hi, names=found.names, rows=found.rows,
        given=reduced, sense="min" if sign > 0 else "max", offset=sign * found.offset, name=name,
    )  # fmt: skip
    for k, (M, c) in enumerate(found.cones):
        both = widen(M, len(plain.z.c)) @ plain.z + c
        plain.follower.add(norm(both[1:]) <= both[0], name=new_name(found.rows, f"cone{k}"))
    return CvxpyFollower(plain, problem, found, given)


def _refuse(problem: Any, m: Any, where: str) -> None:
    """Refuse what is no convex problem by cvxpy's rules."""
    if not isinstance(m, Bilevel) or not all(hasattr(problem, part) for part in ("is_dcp", "get_problem_data")):
        raise ProblemError(
            f"{where}: a cvxpy.Problem and the Bilevel are expected, in this order, got {type(problem).__name__} and "
            f"{type(m).__name__}; {INSTALL}"
        )
    if problem.is_mixed_integer():
        found = [one.name() for one in problem.variables() if one.attributes["boolean"] or one.attributes["integer"]]
        raise ProblemError(
            f"{where}: integer variables {first_names(found)}; cvxpy's problems come as convex ones. A follower with "
            "integer variables is declared by kktgen itself, f.var(.., kind='B'), or by kg.matrices(..)"
        )
    found = [one.name() for one in (*problem.variables(), *problem.parameters()) if one.is_complex()]
    if found:
        raise UnsupportedError(f"{where}: complex {first_names(found)}; take real and imaginary parts as variables")
    if not problem.is_dcp():
        raise ProblemError(f"{where}: the problem is not convex by cvxpy's rules (problem.is_dcp() is False)")
    if not problem.is_dcp(dpp=True):
        raise UnsupportedError(
            f"{where}: the problem is not DPP (problem.is_dcp(dpp=True) is False): its matrices are no linear map of "
            "the parameters. Products of parameters are to become parameters of their own"
        )


def _given(problem: Any, m: Bilevel, parameters: Mapping[Any, Any], where: str) -> dict[Any, Any]:
    """Return what stands for every parameter: an expression of the leader, or numbers; checked."""
    asked = {leaf.id: leaf for leaf in problem.parameters()}
    given = {getattr(leaf, "id", None): value for leaf, value in parameters.items()}
    lost = [str(leaf) for leaf in parameters if getattr(leaf, "id", None) not in asked]
    if lost:
        there = first_names(_names(asked.values()), 6) or "none"
        raise ProblemError(f"{where}: {first_names(lost)} is no parameter of the problem; there are: {there}")
    missing = [leaf.name() for key, leaf in asked.items() if key not in given]
    if missing:
        raise ProblemError(
            f"{where}: no expression for parameter {first_names(missing)}; give {{parameter: expression of the "
            "leader}, or a number"
        )
    return {leaf: _one(leaf, given[key], m, f"{where}: parameter {leaf.name()!r}") for key, leaf in asked.items()}


def _one(leaf: Any, value: Any, m: Bilevel, where: str) -> Any:
    """Return an expression, or numbers, in the shape of a parameter whose attributes it keeps."""
    wrong = [word for word in REFUSED if leaf.attributes.get(word)]
    if wrong:
        raise UnsupportedError(f"{where}: attribute {wrong[0]}, which kktgen cannot see to")
    try:
        value = numbers(value) if not isinstance(value, Affine) else value
    except ProblemError as error:
        raise ProblemError(f"{where}: {error}") from None
    if value.shape != leaf.shape:
        raise ProblemError(f"{where} has shape {leaf.shape}, what is given for it {value.shape}")
    low, high = _between(value, m, where) if isinstance(value, Affine) else (value, value)
    bounds = [SIGNS[word] for word in SIGNS if leaf.attributes.get(word)]
    bounds += [leaf.attributes["bounds"]] if leaf.attributes.get("bounds") is not None else []
    for lo, hi in bounds:
        if (low < lo).any() or (high > hi).any():
            raise ProblemError(
                f"{where} is {_words(leaf)}, and what is given for it may lie between {np.min(low):g} and "
                f"{np.max(high):g}. Cure: bounds of the leader's variables (m.var(.., lb=.., ub=..)), or a parameter "
                "without the attribute"
            )
    _keeps_zeros(leaf, value, where)
    return value


def _keeps_zeros(leaf: Any, value: Any, where: str) -> None:
    """Refuse what is not symmetric, diagonal or sparse where the parameter is."""
    if not leaf._has_dim_reducing_attr:
        return
    at = positions(leaf).ravel()
    flat = value.ravel()
    same = _entries(value, at)[np.maximum(at, 0)]
    if not _is_zero((flat - same)[np.flatnonzero(at >= 0)]) or not _is_zero(flat[np.flatnonzero(at < 0)]):
        raise ProblemError(f"{where} is {_words(leaf)}, and what is given for it is not")


def _is_zero(value: Any) -> bool:
    """Tell whether an expression, or numbers, are zero whatever the columns are."""
    return not (value.M.data.any() or value.c.any() if isinstance(value, Affine) else value.any())


def _entries(value: Any, at: np.ndarray) -> Any:
    """Return the entries of an expression, or of numbers, that stand at positions 0, 1, .. (first of equal ones)."""
    flat = at.ravel()
    known, first = np.unique(flat, return_index=True)
    return value.ravel()[first[known >= 0]]


def _between(e: Affine, m: Bilevel, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Return between which values an expression of the leader lies over the bounds of its columns (k,), (k,)."""
    of_problem(e.space, m.space)
    if (m.space.owner[e.M.indices] != LEADER).any():
        raise ProblemError(f"{where}: the expression given for it holds a follower's column; it is the leader's")
    low, high = interval(e.M, m.space.lb, m.space.ub)
    return low + e.c, high + e.c


def _words(leaf: Any) -> str:
    """Return the attributes of a leaf in words."""
    return " and ".join(word for word, value in leaf.attributes.items() if value is not None and value is not False)


def _names(leaves: Any) -> list[str]:
    return [leaf.name() for leaf in leaves]


def _among(key: Any, known: Mapping[Any, Any]) -> bool:
    """Tell whether a leaf is one of those in a mapping; cvxpy's == makes constraints."""
    return any(key is one for one in known)


def _set(leaf: Any, value: np.ndarray) -> None:
    """Give a leaf a value, within its attributes: a solver's may be off by its tolerance."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # on values of sparse leaves
        leaf.save_value(leaf.project(value))
