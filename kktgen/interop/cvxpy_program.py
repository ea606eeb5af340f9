"""What cvxpy makes of a problem with parameters: matrices that are linear in them, read without evaluating any.

A problem that keeps to cvxpy's rules for parameters (DPP) becomes ``min 1/2 z'P z + (Q t + q)'z, A z + B t + b`` in a
cone, with ``t`` the parameters: cvxpy holds the map from ``t`` to the matrices as sparse tensors. Their columns are
the entries of the parameters and a constant; their rows those of a matrix, by columns.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..errors import UnsupportedError
from ..numerics.sparse import Csr, coo
from ..wording import first_names
from .names import Places, new_name

CONES = {"exp": "exponential", "psd": "semidefinite", "p3d": "power", "pnd": "power"}


@dataclass(frozen=True, eq=False)
class Program:
    """A problem over the columns (entries of parameters, variables), reduced ones where attributes say so.

    Parameters
    ----------
    P, q, A, lo, hi, offset
        ``min 1/2 z'Pz + q'z + offset, lo <= A z <= hi`` of the minimised objective.
    names, rows : mapping of str to ndarray of int
        Columns and rows as they are to be called.
    parameters, variables : mapping of leaf to ndarray of int
        Columns of the entries of the user's, in their shapes; -1 where an entry is zero by an attribute.
    constraints : mapping of constraint to ndarray of int
        Rows of the user's constraints, in their shapes.
    stands : mapping of str to leaf
        Which parameter stands behind a name.
    cones : tuple of (csr_array (1 + k, n), ndarray (1 + k,))
        ``(t, e) = M z + c`` of every norm ``|e| <= t``.
    """

    P: Csr
    q: np.ndarray
    A: Csr
    lo: np.ndarray
    hi: np.ndarray
    offset: float
    names: Places
    rows: Places
    parameters: Mapping[Any, np.ndarray]
    variables: Mapping[Any, np.ndarray]
    constraints: Mapping[Any, np.ndarray]
    stands: Mapping[str, Any]
    cones: tuple[tuple[Csr, np.ndarray], ...] = ()


def program(problem: Any, fixed: Mapping[Any, np.ndarray], where: str) -> Program:
    """Return the program of a problem whose other parameters stay symbols.

    Parameters
    ----------
    problem : cvxpy.Problem
    fixed : mapping of Parameter to ndarray
        Values of parameters that are numbers.
    where : str
        Whose it is, for messages.

    Raises
    ------
    UnsupportedError
        Cones other than rows and norms; parameters that multiply variables in rows, or squares.
    """
    with _values(problem, fixed):
        data, chain, inverse = problem.get_problem_data("CLARABEL", solver_opts={"use_quad_obj": True})
    body = data["param_prob"]
    _refuse_cones(body, problem, where)
    theirs = {k: v for step in chain.reductions for k, v in getattr(step, "param_id_map", {}).items()}
    entries = {
        leaf: body.param_id_to_col[new] + np.arange(body.param_id_to_size[new])
        for leaf in problem.parameters() if (new := theirs.get(leaf.id, [leaf.id])[0]) in body.param_id_to_col
    }  # fmt: skip
    free = {leaf: at for leaf, at in entries.items() if leaf not in fixed}
    width, n, k = body.q.shape[1], body.x.size, body.constr_size
    one, place = np.zeros(width), np.full(width, -1)
    one[-1] = 1.0
    for leaf, value in fixed.items():
        if leaf in entries:
            one[entries[leaf]] = _reduced(leaf, value)
    place[np.concatenate([np.empty(0, dtype=int), *free.values()])] = np.arange(sum(map(len, free.values())))
    q, A, P = (_Tensor.of(tensor, height, place, one) for tensor, height in ((body.q, n + 1), (body.A, k), (body.P, n)))
    _refuse_products(A.free[1] < n, A.free[2], P.free[2], free, where)
    Q, sides = q.of_parameters(n + 1), A.constant(k, n + 1)
    own, hessian, count = q.constant(n + 1, 1).toarray().ravel(), P.constant(n, n), Q.shape[1]
    body_rows = sp.hstack([A.of_parameters(k), sides[:, :n]])
    side = -sides[:, [n]].toarray().ravel()
    zero = np.repeat([type(c).__name__ == "Zero" for c in body.constraints], [c.size for c in body.constraints])
    names, parameters, variables, stands = _columns(problem, body, inverse, free, count)
    rows, constraints = _rows(problem, body, inverse)
    sizes = list(body.cone_dims.soc)
    plain = k - sum(sizes)  # norms stand behind all rows
    body_rows, at = Csr(body_rows), np.cumsum([plain, *sizes])
    cones = tuple((Csr(body_rows[a:b]), -side[a:b]) for a, b in zip(at[:-1], at[1:], strict=True))
    side, zero = side[:plain], zero[:plain]
    return Program(
        Csr(sp.block_array([[None, Q[:n].T], [Q[:n], hessian]])) if count else hessian,
        np.concatenate([Q[[n]].toarray().ravel(), own[:n]]), Csr(body_rows[:plain]), side,
        np.where(zero, side, np.inf) if len(side) else side, float(own[n]),
        names, rows, parameters, variables, constraints, stands, cones,
    )  # fmt: skip


@contextmanager
def _values(problem: Any, fixed: Mapping[Any, np.ndarray]) -> Iterator[None]:
    """Give every parameter some value for as long as cvxpy asks for one: it has no part in what is read."""
    before = {leaf: leaf._value for leaf in problem.parameters()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # on values of sparse parameters
            for leaf in before:
                leaf.save_value(leaf.project(np.ones(leaf.shape)))
            yield
    finally:
        for leaf, value in before.items():
            leaf._value = value


@dataclass(frozen=True, eq=False)
class _Tensor:
    """Entries (row, column, parameter, value) of a matrix that is linear in the parameters.

    Parameters
    ----------
    free : tuple of ndarray
        Row, column, position of the parameter among those that stay symbols, value.
    known : tuple of ndarray
        Row, column and value of all others.
    """

    free: tuple[np.ndarray, ...]
    known: tuple[np.ndarray, ...]
    count: int

    @classmethod
    def of(cls, tensor: Any, height: int, place: np.ndarray, one: np.ndarray) -> _Tensor:
        """Return the entries of a tensor, whose rows are those of a matrix of some height by columns."""
        t = sp.coo_array(tensor) if tensor is not None else sp.coo_array((0, len(one)))
        there = t.data != 0
        flat, parameter, value = t.row[there].astype(np.int64), t.col[there], t.data[there]
        row, column, at = flat % max(height, 1), flat // max(height, 1), place[parameter]
        free = at >= 0
        value = np.where(free, value, value * one[parameter])
        return cls(
            (row[free], column[free], at[free], value[free]), (row[~free], column[~free], value[~free]),
            int(place.max(initial=-1)) + 1,
        )  # fmt: skip

    def constant(self, height: int, width: int) -> Csr:
        """Return the part without symbols."""
        row, column, value = self.known
        return coo(value, row, column, (height, width))

    def of_parameters(self, height: int) -> Csr:
        """Return the coefficients of the symbols, by row; their columns have been looked at."""
        row, _, at, value = self.free
        return coo(value, row, at, (height, self.count))


def _refuse_cones(body: Any, problem: Any, where: str) -> None:
    """Refuse what is more than rows."""
    found = {word for key, word in CONES.items() if getattr(body.cone_dims, key, None)}
    if found or getattr(body, "dir_cones", None):
        raise UnsupportedError(
            f"{where}: cones other than rows and norms: {first_names(sorted(found)) or 'of single variables'}. A "
            "follower has linear rows, norms and a convex quadratic cost; cp.sum_squares, cp.norm, cp.abs, cp.max, "
            "cp.norm1, cp.norm_inf and cp.pos keep to that, cp.exp does not"
        )
    if any(getattr(body, key, None) is not None for key in ("lower_bounds", "upper_bounds", "lb_tensor", "ub_tensor")):
        raise UnsupportedError(f"{where}: this cvxpy keeps bounds apart from rows, which kktgen cannot read")


def _refuse_products(
    in_rows: np.ndarray, of_rows: np.ndarray, of_squares: np.ndarray, free: Mapping[Any, np.ndarray], where: str
) -> None:
    """Refuse parameters that stand in the Hessian or in the matrix of the rows."""
    ends = np.cumsum([len(at) for at in free.values()])
    for used, what in ((of_rows[in_rows], "a variable in a row"), (of_squares, "a square of variables")):
        met = np.unique(np.searchsorted(ends, used, side="right"))
        found = [leaf.name() for k, leaf in enumerate(free) if k in met]
        if found:
            raise UnsupportedError(
                f"{where}: parameter {first_names(found)} multiplies {what}; what the leader decides may stand in "
                "right-hand sides and multiply variables in the objective. A number can be given for it instead"
            )


def _full(leaf: Any, at: np.ndarray) -> np.ndarray:
    """Return positions in the shape of a leaf, -1 where an attribute makes an entry zero."""
    if not leaf._has_dim_reducing_attr:
        return at.reshape(leaf.shape, order="F")
    from cvxpy.reductions.cvx_attr2constr import recover_value_for_leaf

    value = recover_value_for_leaf(leaf, at + 1.0, project=False)
    out: np.ndarray = np.rint(value.toarray() if sp.issparse(value) else value).astype(int) - 1
    return out


def positions(leaf: Any) -> np.ndarray:
    """Return the position of every entry among those that cvxpy keeps, by columns; -1 where it is zero."""
    return _full(leaf, np.arange(leaf._reduced_size if leaf._has_dim_reducing_attr else leaf.size))


def _reduced(leaf: Any, value: np.ndarray) -> np.ndarray:
    """Return the entries of a value that cvxpy keeps, by columns."""
    at = positions(leaf)
    out = np.zeros(at.max(initial=-1) + 1)
    out[at[at >= 0]] = np.broadcast_to(value, leaf.shape)[at >= 0]
    return out


def _columns(
    problem: Any, body: Any, inverse: Any, free: Mapping[Any, np.ndarray], first: int
) -> tuple[dict[str, np.ndarray], dict[Any, np.ndarray], dict[Any, np.ndarray], dict[str, Any]]:
    """Return names of columns, the columns of parameters and of variables, and whose the names of parameters are."""
    names: dict[str, np.ndarray] = {}
    parameters: dict[Any, np.ndarray] = {}
    stands: dict[str, Any] = {}
    start = 0
    for leaf, at in free.items():
        here = np.arange(start, start + len(at))
        start += len(at)
        parameters[leaf] = _full(leaf, here)
        key = new_name(names, leaf.name() if _is_named(leaf) else "parameter")
        names[key], stands[key] = here, leaf
    now = {leaf.id: leaf.id for leaf in problem.variables()}
    for step in inverse:
        if isinstance(step, tuple) and len(step) == 3:
            now |= {old: step[0][new].id for old, new in now.items() if new in step[0]}
    variables: dict[Any, np.ndarray] = {}
    for leaf in problem.variables():
        at = first + body.var_id_to_col[now[leaf.id]] + np.arange(body.id_to_var[now[leaf.id]].size)
        variables[leaf] = _full(leaf, at)
        key = new_name(names, leaf.name() if _is_named(leaf) else "variable")
        names[key] = at if leaf._has_dim_reducing_attr else variables[leaf]
    mine = {*now.values()}
    for leaf in sorted(body.variables, key=lambda one: body.var_id_to_col[one.id]):
        if leaf.id not in mine:
            names[new_name(names, "atom")] = first + body.var_id_to_col[leaf.id] + np.arange(leaf.size)
    return names, parameters, variables, stands


def _rows(problem: Any, body: Any, inverse: Any) -> tuple[dict[str, np.ndarray], dict[Any, np.ndarray]]:
    """Return names of rows, and the rows of the user's constraints."""
    now = {one.id: one.id for one in problem.constraints}
    for step in inverse:
        known = step[2] if isinstance(step, tuple) and len(step) == 3 else getattr(step, "cons_id_map", None)
        now = {old: known.get(new, new) for old, new in now.items()} if known else now
    starts = np.cumsum([0, *(one.size for one in body.constraints)])
    at = {
        one.id: np.arange(start, start + one.size)
        for one, start in zip(body.constraints, starts, strict=False)
        if type(one).__name__ != "SOC"
    }  # fmt: skip
    names: dict[str, np.ndarray] = {}
    constraints: dict[Any, np.ndarray] = {}
    for k, one in enumerate(problem.constraints):
        if now[one.id] in at:
            constraints[one] = at.pop(now[one.id]).reshape(one.shape, order="F")
            names[new_name(names, str(getattr(one, "label", None) or f"c{k}"))] = constraints[one]
    for rest in at.values():
        names[new_name(names, "atom")] = rest
    return names, constraints


def _is_named(leaf: Any) -> bool:
    """Tell whether the user gave a leaf its name."""
    return not any(leaf.name() == f"{word}{leaf.id}" for word in ("var", "param"))
