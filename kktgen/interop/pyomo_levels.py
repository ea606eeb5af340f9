"""Columns and levels of a Pyomo model: Pyomo's linear compiler for the rows, one walk for each objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import ProblemError, UnsupportedError
from ..problem.columns import LEADER
from ..problem.coords import Coords
from ..problem.from_levels import Columns, Level
from ..wording import first_names
from .names import new_name


def variables_of(pyo: Any, model: Any, blocks: Sequence[Any]) -> tuple[list[Any], Columns]:
    """Return the Vars that are not fixed, and their columns under the names of their components."""
    home = {id(part): k for k, block in enumerate(blocks) for part in block.block_data_objects(descend_into=True)}
    variables: list[Any] = []
    names: dict[str, np.ndarray] = {}
    labels: dict[str, Coords] = {}
    owner: list[int] = []
    for component in model.component_objects(pyo.Var, active=True, descend_into=True):
        level = home.get(id(component.parent_block()), LEADER)
        free = [] if component.is_reference() else [v for v in component.values() if not v.fixed]
        if free:
            at = np.arange(len(variables), len(variables) + len(free))
            name = new_name(names, component.name)
            names[name] = at if component.is_indexed() else at.reshape(())
            if component.is_indexed():
                labels[name] = _labels(free)
            variables += free
            owner += [level] * len(free)
    lb, ub = (
        np.array([v.lb if low else v.ub for v in variables], dtype=float) for low in (True, False)
    )  # None becomes nan
    kind = np.array(["B" if v.is_binary() else "I" if v.is_integer() else "C" for v in variables], dtype="U1")
    lb, ub = np.where(np.isnan(lb), -np.inf, lb), np.where(np.isnan(ub), np.inf, ub)
    return variables, Columns(names, np.array(owner, dtype=int), lb, ub, kind, labels)


def _labels(data: Sequence[Any]) -> Coords:
    """Return the labels of the entries of a component: their indices."""
    indices = (one.index() for one in data)
    texts = (",".join(map(str, index)) if isinstance(index, tuple) else str(index) for index in indices)
    return Coords(("index",), (tuple(texts),))


class Compiled:
    """Rows ``lo <= A z <= hi`` of a block, with the constraint of each and their names."""

    def __init__(self, form: Any, position: Mapping[int, int], n: int, where: str) -> None:
        lost = [v.name for v in form.columns if id(v) not in position]
        if lost:
            raise ProblemError(f"{where}: Var {first_names(lost)} is not in the model")
        at = np.array([position[id(v)] for v in form.columns], dtype=int)
        bound = np.array([row.bound_type for row in form.rows], dtype=int)
        rhs = np.asarray(form.rhs, dtype=float)
        first: dict[int, int] = {}  # a range has two entries, one beside the other
        for k, row in enumerate(form.rows):
            first.setdefault(id(row.constraint), k)
        keep = np.array(list(first.values()), dtype=np.int64)
        order = {key: k for k, key in enumerate(first)}
        row = np.array([order[id(entry.constraint)] for entry in form.rows], dtype=int)
        self.lo, self.hi = np.full(len(keep), -np.inf), np.full(len(keep), np.inf)
        self.lo[row[bound <= 0]], self.hi[row[bound >= 0]] = rhs[bound <= 0], rhs[bound >= 0]
        A = sp.csr_array(form.A)[keep].tocoo()
        self.A = sp.csr_array((A.data, (A.row, at[A.col])), shape=(len(keep), n))
        self.constraints = [form.rows[k].constraint for k in keep]
        self.names: dict[str, np.ndarray] = {}
        self.labels: dict[str, Coords] = {}
        groups: dict[int, tuple[Any, list[int]]] = {}
        for k, one in enumerate(self.constraints):
            component = one.parent_component()
            groups.setdefault(id(component), (component, []))[1].append(k)
        for component, ks in groups.values():
            name = new_name(self.names, component.name)
            self.names[name] = np.array(ks) if component.is_indexed() else np.array(ks[0])
            if component.is_indexed():
                self.labels[name] = _labels([self.constraints[k] for k in ks])


def rows_of(pyo: Any, block: Any, without: Sequence[Any], position: Mapping[int, int]) -> Compiled:
    """Return the rows of a block, without those of some blocks in it."""
    from pyomo.common.errors import InfeasibleConstraintException
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    off = [*block.component_data_objects(pyo.Objective, active=True, descend_into=True)]
    where = f"model {block.name!r}" if without else f"follower {block.name!r}"
    for one in (*off, *without):
        one.deactivate()
    try:
        form = LinearStandardFormCompiler().write(block, mixed_form=True)
    except InfeasibleConstraintException as error:
        raise ProblemError(f"{where}: {error}") from None
    except (ValueError, AttributeError, RuntimeError) as error:  # Pyomo's refusals are ValueErrors of their own
        words = " ".join(str(error).split())
        raise UnsupportedError(f"{where}: {words}; rows are linear in the Vars") from None
    finally:
        for one in (*off, *without):
            one.activate()
    return Compiled(form, position, len(position), where)


def level(pyo: Any, goal: Any, rows: Compiled, position: Mapping[int, int]) -> Level:
    """Return a level: an objective and rows."""
    from pyomo.repn import generate_standard_repn

    n = len(position)
    q, P, r, sense = np.zeros(n), sp.csr_array((n, n)), 0.0, None
    if goal is not None:
        repn = generate_standard_repn(goal.expr, quadratic=True)
        if repn.nonlinear_expr is not None:
            raise UnsupportedError(f"objective {goal.name!r} is not quadratic in the Vars")
        used = [*repn.linear_vars, *(v for pair in repn.quadratic_vars for v in pair)]
        lost = [v.name for v in used if id(v) not in position]
        if lost:
            raise ProblemError(f"objective {goal.name!r}: Var {first_names(lost)} is not in the model")
        np.add.at(q, [position[id(v)] for v in repn.linear_vars], [float(c) for c in repn.linear_coefs])
        i, j = ([position[id(pair[k])] for pair in repn.quadratic_vars] for k in (0, 1))
        half = sp.csr_array(([float(c) for c in repn.quadratic_coefs], (i, j)), shape=(n, n))
        P, r, sense = half + half.T, float(repn.constant), "min" if goal.sense == pyo.minimize else "max"
    return Level(P, q, r, rows.A, rows.lo, rows.hi, rows.names, sense, labels=rows.labels)
