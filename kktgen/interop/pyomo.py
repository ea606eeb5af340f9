"""A bilevel problem from a Pyomo model whose blocks are the followers, and the answer back into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ProblemError, UnsupportedError
from ..problem.bilevel import Bilevel
from ..problem.expressions import Affine
from ..problem.from_levels import Columns, Declared, called, declare_levels
from ..problem.refusals import NoSuchKey
from ..wording import first_names
from .pyomo_levels import level, rows_of, variables_of

__all__ = ["PyomoMap", "read"]
INSTALL = "pip install 'kktgen[pyomo]'"


class PyomoMap:
    """Where the components of a Pyomo model are in the problem made of it.

    ``at[model.offer]`` is the expression of a Var, in the order of its index set (of one index, a scalar);
    ``at.dual(model.market.balance)`` that of the multipliers of a follower's Constraint.

    Attributes
    ----------
    model : pyomo.Block

    See Also
    --------
    kktgen.interop.pyomo.read : Makes one.

    Examples
    --------
    See :func:`kktgen.interop.pyomo.read`; without Pyomo there is none.

    >>> import kktgen as kg
    >>> [name for name in ("dual", "load") if name in dir(kg.pyomo.PyomoMap)]
    ['dual', 'load']
    """

    def __init__(self, model: Any, variables: Sequence[Any], rows: Mapping[int, tuple[int, int]], declared: Declared):
        self.model, self._variables, self._rows, self._declared = model, variables, rows, declared
        self._position = {id(v): k for k, v in enumerate(variables)}
        self._senses = [f.sense for f in declared.followers]

    def __getitem__(self, variable: Any) -> Affine:
        """Return a Var, or an entry of one, as an expression; fixed entries are their values."""
        if not hasattr(variable, "ctype") or variable.ctype.__name__ != "Var":
            raise NoSuchKey(f"at[..] takes a Var of the model, or an entry of one, got {type(variable).__name__}")
        data = [*variable.values()] if variable.is_indexed() else [variable]
        lost = [v for v in data if id(v) not in self._position and not v.fixed]
        if lost:
            raise NoSuchKey(f"Var {lost[0].name!r} is not in model {self.model.name!r}, or was added after it was read")
        at = np.array([self._position.get(id(v), -1) for v in data], dtype=int)
        values = np.array([v.value if v.fixed else 0.0 for v in data], dtype=float)
        out = self._declared.z.gather(at)
        out = out + np.where(at < 0, values, 0.0) if (at < 0).any() else out
        return out if variable.is_indexed() else out[0]

    def dual(self, constraint: Any) -> Affine:
        """Return the multipliers of a follower's Constraint: d(minimised cost)/d(right-hand side).

        Solvers report the same in Pyomo's ``dual`` suffix where the objective is minimised, and minus that where it is
        maximised: d(objective)/d(right-hand side). ``a >= b`` with Vars on both sides is ``b - a <= 0`` to Pyomo, and
        its multiplier nonpositive; ``constraint.body`` shows it.

        Parameters
        ----------
        constraint : Constraint
            Of a follower, or an entry of one.

        Returns
        -------
        Affine
            In the order of its index set; of one without an index a scalar. Zero where Pyomo has dropped a row that
            holds no variable.

        Raises
        ------
        ProblemError
            It is none of a follower's.

        Examples
        --------
        >>> import importlib.util
        >>> import kktgen as kg
        >>> if importlib.util.find_spec("pyomo"):                 # pip install 'kktgen[pyomo]'
        ...     import pyomo.environ as pyo
        ...     model = pyo.ConcreteModel()
        ...     model.x, model.low = pyo.Var(bounds=(0, 5)), pyo.Block()
        ...     model.low.y = pyo.Var()
        ...     model.low.row = pyo.Constraint(expr=model.low.y - model.x >= 0)
        ...     model.low.cost = pyo.Objective(expr=3 * model.low.y)
        ...     m, at = kg.pyomo.read(model, followers=[model.low])
        ...     m.maximize(at[model.x] + at.dual(model.low.row))
        ...     assert abs(kg.optimize(m).solution.objective - 8) < 1e-6
        """
        if not hasattr(constraint, "ctype") or constraint.ctype.__name__ != "Constraint":
            raise NoSuchKey(f"dual(..) takes a Constraint of a follower, got {type(constraint).__name__}")
        data = [*constraint.values()] if constraint.is_indexed() else [constraint]
        found = [self._rows.get(id(c), (-1, -1)) for c in data]
        levels = {level for level, _ in found if level >= 0}
        if not levels:
            raise NoSuchKey(
                f"Constraint {constraint.name!r} is of no follower, or holds no variable: it has no multiplier"
            )
        level = levels.pop()
        out = self._declared.dual(level, np.array([at for _, at in found], dtype=int))
        return out if constraint.is_indexed() else out[0]

    def load(self, solution: Any) -> None:
        """Write a solution into the Pyomo model: values of its Vars, and duals where it has a suffix ``dual``.

        ``model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)`` takes the multipliers of the followers' constraints, in
        the sign in which solvers report them.

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
        >>> if importlib.util.find_spec("pyomo"):                 # pip install 'kktgen[pyomo]'
        ...     import pyomo.environ as pyo
        ...     model = pyo.ConcreteModel()
        ...     model.x, model.low = pyo.Var(bounds=(0, 5)), pyo.Block()
        ...     model.low.y = pyo.Var()
        ...     model.low.row = pyo.Constraint(expr=model.low.y >= model.x)
        ...     model.low.cost = pyo.Objective(expr=3 * model.low.y)
        ...     model.profit = pyo.Objective(expr=model.x, sense=pyo.maximize)
        ...     m, at = kg.pyomo.read(model, followers=[model.low])
        ...     at.load(kg.optimize(m).solution)
        ...     assert abs(pyo.value(model.low.y) - 5) < 1e-6
        """
        values = solution[self._declared.z]
        for variable, value in zip(self._variables, values.tolist(), strict=False):
            variable.set_value(round(value) if variable.is_integer() else value, skip_validation=True)
        suffix = self.model.component("dual")
        if suffix is None or suffix.ctype.__name__ != "Suffix" or not suffix.import_enabled():
            return
        counts = [len(lower) for lower, _ in self._declared.rows]
        duals = [solution[self._declared.dual(k, np.arange(count))] for k, count in enumerate(counts)]
        for constraint, (k, at) in self._constraints():
            suffix[constraint] = float(duals[k][at]) * self._senses[k]

    def _constraints(self) -> Iterable[tuple[Any, tuple[int, int]]]:
        """Yield the followers' constraints and where they are."""
        from pyomo.environ import Constraint

        for one in self.model.component_data_objects(Constraint, active=True, descend_into=True):
            if id(one) in self._rows:
                yield one, self._rows[id(one)]


def read(model: Any, followers: Sequence[Any], *, name: str | None = None) -> tuple[Bilevel, PyomoMap]:
    """Return the bilevel problem of a Pyomo model: some of its blocks are followers, the rest is the leader.

    A follower is a Block with an Objective of its own; the Vars it declares are its own, all others are data to it. The
    leader's objective, if it holds prices, is set afterwards: ``m.maximize(at.dual(row) @ at[var])``.

    Parameters
    ----------
    model : pyomo.ConcreteModel
        Linear rows, objectives at most quadratic. Fixed Vars are numbers.
    followers : sequence of Block
        Blocks of the model, followers of the problem by their names.
    name : str, optional
        Of the problem; by default that of the model.

    Returns
    -------
    Bilevel, PyomoMap

    Raises
    ------
    ProblemError
        No blocks of the model, one in another; integer Vars of a follower; an Objective that is missing, or several.
    UnsupportedError
        Rows that are not linear, objectives that are not quadratic, SOS sets, components that Pyomo's linear compiler
        does not take (disjunctions, complementarity).

    See Also
    --------
    kktgen.interop.linopy.follower : The same from linopy.

    Examples
    --------
    >>> import importlib.util
    >>> import kktgen as kg
    >>> if importlib.util.find_spec("pyomo"):                     # pip install 'kktgen[pyomo]'
    ...     import pyomo.environ as pyo
    ...     model = pyo.ConcreteModel()
    ...     model.offer, model.market = pyo.Var(bounds=(0, 60)), pyo.Block()
    ...     market, cap = model.market, {"own": 60, "rival": 80}
    ...     market.g = pyo.Var(["own", "rival"], bounds=lambda block, plant: (0, cap[plant]))
    ...     market.balance = pyo.Constraint(expr=market.g["own"] + market.g["rival"] == 100)
    ...     market.cost = pyo.Objective(expr=model.offer * market.g["own"] + 30 * market.g["rival"])
    ...     m, at = kg.pyomo.read(model, followers=[market])
    ...     own = at[market.g["own"]]
    ...     m.maximize(at.dual(market.balance) @ own - 10 * own)
    ...     result = kg.optimize(m)
    ...     at.load(result.solution)
    ...     assert abs(result.solution.objective - 1200) < 1e-6
    ...     assert abs(pyo.value(market.g["own"]) - 60) < 1e-6
    """
    pyo = _imported()
    blocks = _blocks(pyo, model, followers)
    names = [block.name for block in blocks]
    variables, columns = variables_of(pyo, model, blocks)
    position = {id(v): k for k, v in enumerate(variables)}
    goals = [_objectives(pyo, block, f"follower {block.name!r}") for block in blocks]
    own = {id(goal) for goal in goals}
    rest = [
        one for one in model.component_data_objects(pyo.Objective, active=True, descend_into=True) if id(one) not in own
    ]
    if len(rest) > 1:
        raise ProblemError(
            f"the leader has {len(rest)} active objectives: {first_names([one.name for one in rest])}; deactivate "
            "all but one"
        )
    _refuse_others(pyo, model)
    compiled = [rows_of(pyo, block, (), position) for block in blocks]
    levels = [level(pyo, goal, rows, position) for goal, rows in zip(goals, compiled, strict=True)]
    leader = level(pyo, rest[0] if rest else None, rows_of(pyo, model, blocks, position), position)
    _refuse_integers(columns, names)
    m = Bilevel(name or model.name)
    declared = declare_levels(m, columns, leader, dict(zip(names, levels, strict=True)))
    rows = {id(c): (k, at) for k, part in enumerate(compiled) for at, c in enumerate(part.constraints)}
    return m, PyomoMap(model, variables, rows, declared)


def _imported() -> Any:
    """Return Pyomo's public names."""
    try:
        import pyomo.environ as pyo
    except ImportError:
        raise UnsupportedError(f"Pyomo is not installed: {INSTALL}") from None
    return pyo


def _refuse_integers(columns: Columns, names: Sequence[str]) -> None:
    """Refuse integer variables of followers: their answers in Pyomo have duals, and there are none."""
    for k, name in enumerate(names):
        whole = (columns.owner == k) & (columns.kind != "C")
        if whole.any():
            raise ProblemError(
                f"follower {name!r}: {int(whole.sum())} of its variables are integer: "
                f"{first_names(called(whole, columns.names))}; answers to Pyomo have duals, which an integer follower "
                "lacks. Declare it by kktgen itself, f.var(.., kind='B'), or give them to the leader"
            )


def _blocks(pyo: Any, model: Any, followers: Any) -> list[Any]:
    """Return the followers' blocks, checked."""
    if getattr(model, "ctype", None) is not pyo.Block:
        raise ProblemError(f"a Pyomo model is expected, got {type(model).__name__}")
    given = [followers] if getattr(followers, "ctype", None) is pyo.Block else [*followers]
    wrong = [one for one in given if getattr(one, "ctype", None) is not pyo.Block]
    if wrong or not given:
        raise ProblemError(
            f"followers are blocks of the model, pyo.Block() with an Objective each, got "
            f"{type(wrong[0]).__name__ if wrong else 'none'}"
        )
    blocks = [data for one in given for data in (one.values() if one.is_indexed() else [one])]
    inside = {id(one) for one in model.block_data_objects(active=True, descend_into=True)} - {id(model)}
    for k, one in enumerate(blocks):
        if id(one) not in inside:
            raise ProblemError(f"block {one.name!r} is no active block of model {model.name!r}")
        within = {id(part) for part in one.block_data_objects(descend_into=True)}
        other = [part.name for j, part in enumerate(blocks) if j != k and id(part) in within]
        if other:
            raise ProblemError(f"follower {one.name!r}: block {other[0]!r}, another follower, is in it")
    return blocks


def _objectives(pyo: Any, block: Any, where: str) -> Any:
    """Return the one active objective of a follower."""
    found = [*block.component_data_objects(pyo.Objective, active=True, descend_into=True)]
    if len(found) != 1:
        said = (
            f"{len(found)} active objectives: {first_names([one.name for one in found])}" if found else "no objective"
        )
        raise ProblemError(f"{where}: {said}; a follower has one, pyo.Objective(expr=..) in its block")
    return found[0]


def _refuse_others(pyo: Any, model: Any) -> None:
    """Refuse SOS sets."""
    found = [one.name for one in model.component_data_objects(pyo.SOSConstraint, active=True, descend_into=True)]
    if found:
        raise UnsupportedError(
            f"SOS sets {first_names(found)}, which are not read. Cure: m.sos1(at[var]) for the leader's, afterwards"
        )
